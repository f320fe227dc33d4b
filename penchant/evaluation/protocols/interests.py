"""Rank all tags for held-out users and compare with what they clicked later."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config
from penchant.evaluation.estimates import Estimate
from penchant.evaluation.guard import guarded
from penchant.evaluation.metrics import coverage, hits, mark, ndcg, precision, recall
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Shard
from penchant.files import aside, write_json
from penchant.logs.reading import as_written, read_keys, read_table
from penchant.models.interests.promise import Preferences
from penchant.models.parts.ranking import best
from penchant.schema import PAD, RESERVED, USER

SCORES_AT_ONCE = 8_000_000
"""Users × tags whose scores are in memory at a time."""

Candidates = Literal["all", "new", "shown"]


class EvaluationConfig(Config):
    """at: the K of Prec@K, Recall@K and NDCG@K; beside: baselines of other packages that stand beside ours.

    candidates: which tags are ranked. "all": the whole vocabulary, those of the history too, because what is predicted
    is preference, not novelty; "new": without those of the history, which do not count as clicked either; "shown":
    those of the items that the user was shown in the label window, clicked or not. "shown" knows the window, so it is
    no task that anyone has to solve; it is there to compare with results of others.
    """

    at: Annotated[list[Annotated[int, Limits(ge=1)]], Limits(min_length=1)] = [1, 2, 3, 5, 10]
    candidates: Candidates = "all"
    beside: list[str] = []


@dataclass(frozen=True)
class Result:
    """users: USER and a column per metric, a row per user in the order of the shards; coverage: per K."""

    users: pl.DataFrame
    coverage: dict[str, float]

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over users."""
        return float(self.users[metric].to_numpy().mean())

    def estimates(self) -> dict[str, Estimate]:
        """Return every metric over users, and coverage, which has no interval."""
        over_users = {metric: Estimate.over(self.users[metric].to_numpy()) for metric in self.users.columns[1:]}
        return {**over_users, **{name: Estimate.bare(share) for name, share in self.coverage.items()}}


def evaluate(
    model: Preferences,
    shards: Iterable[Shard],
    at: list[int],
    vocabulary: int,
    candidates: Candidates = "all",
    *,
    at_once: int = SCORES_AT_ONCE,
) -> Result:
    """Measure a model on every user of the shards who has clicked a candidate (EvaluationConfig says which tags those
    are); see `evaluate_scores`."""
    return evaluate_scores(partial(scores_of, model), shards, at, vocabulary, candidates, at_once=at_once)


def examine_preferences(
    who: str, model: Preferences, shards: Iterable[Shard], at: list[int], vocabulary: int, candidates: Candidates
) -> Result:
    """`evaluate`, where the model is held to its promise. who: the model as people know it. Raises PromiseError."""

    def score(shard: Shard, rows: slice) -> Tensor:
        return guarded(who, preferences_of(model, shard, rows), (len(shard.users[rows]), vocabulary), "preferences")

    return evaluate_scores(score, shards, at, vocabulary, candidates)


def evaluate_scores(
    score: Callable[[Shard, slice], Tensor],
    shards: Iterable[Shard],
    at: list[int],
    vocabulary: int,
    candidates: Candidates = "all",
    *,
    at_once: int = SCORES_AT_ONCE,
) -> Result:
    """Measure what ranks tags on every user of the shards who has clicked a candidate.

    score: [n, V] of some rows of a shard, -inf for what is no tag; vocabulary: rows of the table of tags, PAD and
    UNKNOWN included. Equal scores count as if they stood in any order; coverage, which asks what is listed, takes them
    in the order of `ranking`.
    """
    most = min(max(at), vocabulary - RESERVED)
    frames, seen = [], []
    for shard, rows in blocks(shards, vocabulary, at_once):
        asked = ask(shard, rows, vocabulary, candidates)
        scores_BV = asked.narrow(score(shard, rows))
        top = best(scores_BV, most)
        seen.append(top.ids.masked_fill(top.scores.isneginf(), PAD).numpy())
        frames.append(_measure(hits(scores_BV, top, asked.truth), asked, at))
    listed = np.concatenate(seen)
    covered = {f"coverage@{k}": coverage(listed[:, :k], vocabulary - RESERVED) for k in at}
    return Result(pl.concat(frames), covered)


@torch.inference_mode()
def scores_of(model: Preferences, shard: Shard, rows: slice) -> Tensor:
    """Return the model's preferences for all tags, [n, V], on the CPU."""
    return preferences_of(model, shard, rows).cpu()


@torch.inference_mode()
def preferences_of(model: Preferences, shard: Shard, rows: slice) -> Tensor:
    """Return the same where the model is."""
    model.eval()
    return model.preferences(model.batch(shard, rows).to(model.device))


@dataclass(frozen=True)
class TagTest:
    """What some rows of a shard are asked. barred_BV: tags that are no candidates, or None; truth, size: see metrics;
    counts: which of the rows have clicked a candidate at all; users: USER. The last three for those rows only."""

    barred_BV: Tensor | None
    counts: np.ndarray
    truth: Ragged
    size: np.ndarray
    users: pl.Series

    def narrow(self, scores_BV: Tensor) -> Tensor:
        """The scores of the rows that count, -inf for what is no candidate."""
        if self.barred_BV is None:
            return scores_BV
        return scores_BV.masked_fill(self.barred_BV, -torch.inf)[torch.from_numpy(self.counts)]


def ask(shard: Shard, rows: slice, vocabulary: int, candidates: Candidates) -> TagTest:
    """The candidates and the truth of some rows."""
    truth, size, users = shard.truth.part(rows), shard.arrays["truth.size"][rows].numpy(), shard.users[rows]
    if candidates == "all":
        return TagTest(None, np.ones(len(size), bool), truth, size, users)
    true_BV = mark(truth, vocabulary)
    if candidates == "new":
        barred_BV = mark(shard.history.part(rows), vocabulary)
        true_BV, size = true_BV & ~barred_BV, shard.arrays["truth.new"][rows].numpy()
    else:
        barred_BV = ~true_BV
        tags_BP = shard.labels(rows)[0].flatten(1).numpy()
        np.put_along_axis(barred_BV, tags_BP.astype(np.int64), False, 1)
    counts = size > 0
    left = Ragged(offsets_of(true_BV[counts].sum(1)), np.nonzero(true_BV[counts])[1])
    return TagTest(torch.from_numpy(barred_BV), counts, left, size[counts], users.filter(pl.Series(counts)))


def blocks(shards: Iterable[Shard], vocabulary: int, at_once: int) -> Iterator[tuple[Shard, slice]]:
    """Yield blocks of rows, each with at most `at_once` scores."""
    size = max(1, at_once // vocabulary)
    for shard in shards:
        for start in range(0, len(shard), size):
            yield shard, slice(start, min(start + size, len(shard)))


def _measure(hit_BK: np.ndarray, asked: TagTest, at: list[int]) -> pl.DataFrame:
    measured = {USER: asked.users}
    for name, metric in [("prec", precision), ("recall", recall), ("ndcg", ndcg)]:
        measured |= {f"{name}@{k}": pl.Series(metric(hit_BK, asked.size, k)) for k in at}
    return pl.DataFrame(measured)


def save_results(path: Path, results: dict[str, Result], asked: Any) -> None:
    """Every user's metrics by scorer, `path`, and beside it, written last, the coverage and `asked`, what they answer,
    as JSON."""
    frames = [result.users.with_columns(scorer=pl.lit(name)) for name, result in results.items()]
    with aside(path) as temporary:
        pl.concat(frames).write_parquet(temporary)
    write_json(path.with_suffix(".json"), {"asked": asked, "coverage": {n: r.coverage for n, r in results.items()}})


def load_results(path: Path, asked: Any) -> dict[str, Result] | None:
    """What `save_results` wrote, or None where it is not there or answers something else."""
    if not (path.exists() and path.with_suffix(".json").exists()):
        return None
    said = read_keys(path.with_suffix(".json"), frozenset({"asked", "coverage"}))
    if said["asked"] != asked:
        return None
    rows = read_table(path, "scorer", USER)
    with as_written(path):
        parts = rows.partition_by("scorer", as_dict=True, include_key=False, maintain_order=True)
        return {str(name): Result(frame, said["coverage"][name]) for (name,), frame in parts.items()}
