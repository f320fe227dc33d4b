"""Rank all tags for held-out users and compare with what they clicked later."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
import polars as pl
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config
from penchant.evaluation.metrics import coverage, hits, interval, ndcg, precision, recall
from penchant.features.shards import Shard, batch_of
from penchant.models.base import Interests
from penchant.schema import RESERVED, USER

SCORES_AT_ONCE = 8_000_000


class EvaluationConfig(Config):
    """at: the K of Prec@K, Recall@K and NDCG@K."""

    at: Annotated[list[Annotated[int, Limits(ge=1)]], Limits(min_length=1)] = [1, 2, 3, 5, 10]


class Scorer(Protocol):
    """Whatever ranks tags: a model or a baseline."""

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        """[n, V], higher is better; -inf for what is no tag."""
        ...


@dataclass(frozen=True)
class ModelScorer:
    """A model behind the promise of Scorer."""

    model: Interests

    @torch.inference_mode()
    def scores(self, shard: Shard, rows: slice) -> Tensor:
        self.model.eval()
        users = self.model.users(batch_of(shard, list(self.model.sizes.fields), rows))
        return self.model.preferences(users)


@dataclass(frozen=True)
class Result:
    """users: USER and a column per metric, a row per user in the order of the shards; coverage: per K."""

    users: pl.DataFrame
    coverage: dict[str, float]

    def mean(self, metric: str) -> float:
        return float(self.users[metric].to_numpy().mean())


def evaluate(scorer: Scorer, shards: Iterable[Shard], at: list[int], vocabulary: int) -> Result:
    """Every user of the shards, all tags as candidates, those of the history too: what is predicted is preference,
    not novelty.

    vocabulary: rows of the table of tags, PAD and UNKNOWN included.
    """
    most = min(max(at), vocabulary - RESERVED)
    frames, seen = [], []
    for shard, rows in _blocks(shards, vocabulary):
        top_BK = scorer.scores(shard, rows).topk(most).indices.numpy()
        seen.append(top_BK)
        frames.append(_measure(top_BK, shard, rows, at))
    listed = np.concatenate(seen)
    covered = {f"coverage@{k}": coverage(listed[:, :k], vocabulary - RESERVED) for k in at}
    return Result(pl.concat(frames), covered)


def _blocks(shards: Iterable[Shard], vocabulary: int) -> Iterator[tuple[Shard, slice]]:
    """As many rows at once as keep the scores in a bounded piece of memory."""
    size = max(1, SCORES_AT_ONCE // vocabulary)
    for shard in shards:
        for start in range(0, len(shard), size):
            yield shard, slice(start, min(start + size, len(shard)))


def _measure(top_BK: np.ndarray, shard: Shard, rows: slice, at: list[int]) -> pl.DataFrame:
    truth = shard.truth.part(rows)
    size_B = shard.arrays["truth.size"][rows].numpy()
    hit_BK = hits(top_BK, truth)
    measured = {USER: shard.users[rows]}
    for name, metric in [("prec", precision), ("recall", recall), ("ndcg", ndcg)]:
        measured |= {f"{name}@{k}": pl.Series(metric(hit_BK, size_B, k)) for k in at}
    return pl.DataFrame(measured)


def summarize(result: Result) -> dict[str, dict[str, float]]:
    """Each metric's mean over users and half its 95 % interval; coverage has no interval."""
    summary = {}
    for metric in result.users.columns[1:]:
        mean, half = interval(result.users[metric].to_numpy())
        summary[metric] = {"mean": mean, "half": half}
    return {**summary, **{name: {"mean": share} for name, share in result.coverage.items()}}


def compare(result: Result, baseline: Result) -> dict[str, dict[str, float]]:
    """The mean of the differences to a baseline, user by user, and half its 95 % interval."""
    differences = {}
    for metric in result.users.columns[1:]:
        mean, half = interval((result.users[metric] - baseline.users[metric]).to_numpy())
        differences[metric] = {"mean": mean, "half": half}
    return differences
