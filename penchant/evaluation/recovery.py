"""How much of a planted truth a ranking of tags recovers: which tag a user cared for, and the interests themselves.

Reads the truth that `penchant simulate` leaves beside its log, which training never sees. All numbers are one per test
user; null where a user gives no answer. Rank correlations are Kendall's tau-b.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from penchant.evaluation.metrics import hits, precision
from penchant.evaluation.protocols.interests import SCORES_AT_ONCE, blocks, scores_of
from penchant.features.ragged import Ragged, offsets_of, place_in_run
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.interests.promise import Preferences
from penchant.models.parts.ranking import best
from penchant.schema import ITEM, PAD, RESERVED, TIME, USER
from penchant.simulation.world import TAG


@dataclass(frozen=True)
class Truth:
    """What the users of some shards really wanted, by the vocabulary of a run.

    clicks: USER, "tags" and "contributions" (lists of equal length, known tags only, contributions in the logit of the
    click), "cared" (id of the tag that decided), a row per click of the label window that at least one of two known
    tags spoke for; interests: USER, "tag" (id, UNKNOWN for a tag outside the vocabulary), "weight" > 0 at the start of
    the label window.
    """

    clicks: pl.DataFrame
    interests: pl.DataFrame

    @classmethod
    def read(cls, feed: Path, users: pl.Series, tags: Vocabulary, since: float) -> "Truth":
        """The truth of `users` (ids as text) in the feed at `feed`, clicks from `since` on; memory grows with those."""
        names = pl.LazyFrame({USER: users.unique().cast(pl.Int32)})
        clicks = pl.scan_parquet(feed / "truth" / "clicks" / "*.parquet").filter(pl.col(TIME) >= since)
        clicks = clicks.join(names, on=USER, how="semi")
        article = pl.scan_parquet(feed / "items.parquet").select(ITEM, "tags")
        asked = clicks.join(article, on=ITEM, how="left").collect(engine="streaming").sort(USER, TIME, ITEM)
        interests = pl.scan_parquet(feed / "truth" / "interests" / "*.parquet").filter(pl.col("last_day") > 0)
        wanted = interests.join(names, on=USER, how="semi").collect(engine="streaming").sort(USER, "tag")
        return cls(
            _decided(asked, tags),
            wanted.select(pl.col(USER).cast(pl.String), tag=_ids(wanted["tag"], tags), weight="last_day"),
        )


def recover(
    model: Preferences,
    shards: list[Shard],
    truth: Truth,
    vocabulary: int,
    at: list[int],
    *,
    at_once: int = SCORES_AT_ONCE,
) -> pl.DataFrame:
    """A row per test user and what the model's preferences recover.

    Within the clicked articles of the label window, the mean over a user's articles: "cared/prec@1", whether the tag of
    highest preference is the one that decided; "cared/tau", the rank correlation of preferences and contributions;
    "cared/chance", what a draw among the known tags gives in place of the first.
    Of the interests: "interest/auc", the chance that a true interest stands above another tag; "interest/tau", the rank
    correlation of preference and weight among a user's own interests; "interest/prec@K" for each K of `at`.
    """
    frames = []
    for shard, rows in blocks(shards, vocabulary, at_once):
        scores_BV = scores_of(model, shard, rows)
        people = pl.DataFrame({USER: shard.users[rows]}).with_row_index("row")
        clicks = truth.clicks.join(people, on=USER, how="inner", maintain_order="left")
        interests = people.join(truth.interests, on=USER, how="inner", maintain_order="left")
        measured = people.join(_cared(scores_BV, clicks), on="row", how="left", maintain_order="left")
        of_interests = _interests(scores_BV, interests, at)
        frames.append(measured.join(of_interests, on="row", how="left", maintain_order="left").drop("row"))
    return pl.concat(frames)


def kendall(one: np.ndarray, other: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[n]: tau-b of each row of two [n, N] tables over its valid entries; 0 where either says all are equal.

    >>> kendall(np.array([[3.0, 1.0, 2.0]]), np.array([[9.0, 5.0, 5.0]]), np.ones((1, 3), bool)).round(4)
    array([0.8165])
    """
    first, second = np.triu_indices(one.shape[1], 1)
    both = valid[:, first] & valid[:, second]
    signs = [np.sign(table[:, first] - table[:, second]) * both for table in (one, other)]
    untied = np.sqrt(np.abs(signs[0]).sum(1) * np.abs(signs[1]).sum(1))
    return (signs[0] * signs[1]).sum(1) / np.maximum(untied, 1)


def _ids(numbers: pl.Series, tags: Vocabulary) -> pl.Series:
    """Ids of the run for numbers of the simulation."""
    return pl.Series(tags.ids(TAG + numbers.cast(pl.String)))


def _decided(clicks: pl.DataFrame, tags: Vocabulary) -> pl.DataFrame:
    """Clicks that a known tag decided against another known one; tags outside the vocabulary become PAD."""
    cared, adds_IN = _ids(clicks["cared"], tags), _table(clicks["contributions"])
    tags_IN = tags.ids(clicks["tags"].explode()).reshape(adds_IN.shape)
    valid_IN = tags_IN >= RESERVED
    asked = (valid_IN.sum(1) >= 2) & (cared.to_numpy() >= RESERVED) & (adds_IN.max(1, initial=0) > 0)
    columns = {"tags": pl.Series(np.where(valid_IN, tags_IN, PAD)), "contributions": pl.Series(adds_IN)}
    found = clicks.select(pl.col(USER).cast(pl.String), **columns, cared=cared)
    return found.filter(pl.Series(asked))


def _table(column: pl.Series) -> np.ndarray:
    """[n, N] from lists of equal length."""
    return column.explode().to_numpy().reshape(len(column), -1) if len(column) else np.zeros((0, 1), np.float32)


def _cared(scores_BV: Tensor, clicks: pl.DataFrame) -> pl.DataFrame:
    """ "row" and the means over its clicked articles."""
    row, tags_IN = clicks["row"].to_numpy().astype(np.int64), _table(clicks["tags"])
    valid_IN = tags_IN >= RESERVED
    preference_IN = np.where(valid_IN, scores_BV.numpy()[row[:, None], tags_IN], -np.inf)
    best_IN = preference_IN == preference_IN.max(1, keepdims=True, initial=-np.inf)
    # Among equally good tags a draw decides.
    hit_I = (best_IN & (tags_IN == clicks["cared"].to_numpy()[:, None])).sum(1) / np.maximum(best_IN.sum(1), 1)
    known_IN = np.where(valid_IN, preference_IN, 0)
    found = {
        "row": clicks["row"],
        "cared/prec@1": hit_I,
        "cared/tau": kendall(known_IN, _table(clicks["contributions"]), valid_IN),
        "cared/chance": 1 / np.maximum(valid_IN.sum(1), 1),
    }
    return pl.DataFrame(found).group_by("row", maintain_order=True).mean()


def _interests(scores_BV: Tensor, interests: pl.DataFrame, at: list[int]) -> pl.DataFrame:
    """ "row" and what is recovered of its interests; `interests` is ordered by "row"."""
    known = interests.filter(pl.col("tag") >= RESERVED)
    row, place = known["row"].to_numpy().astype(np.int64), place_in_run(known["row"].to_numpy())
    count_B = np.bincount(row, minlength=len(scores_BV))
    tags_BJ = np.zeros((len(scores_BV), max(1, count_B.max(initial=0))), np.int64)
    weight_BJ = np.zeros(tags_BJ.shape)
    tags_BJ[row, place], weight_BJ[row, place] = known["tag"].to_numpy(), known["weight"].to_numpy()
    valid_BJ = tags_BJ >= RESERVED
    preference_BJ = np.take_along_axis(scores_BV.numpy(), tags_BJ, 1)
    tau_B = kendall(np.where(valid_BJ, preference_BJ, 0), weight_BJ, valid_BJ)
    size_B = np.bincount(interests["row"].to_numpy().astype(np.int64), minlength=len(scores_BV))
    top = best(scores_BV, min(max(at), scores_BV.shape[1] - RESERVED))
    hit_BK = hits(scores_BV, top, Ragged(offsets_of(count_B), known["tag"].to_numpy()))
    found = {
        "interest/auc": np.where(count_B > 0, _auc(scores_BV, preference_BJ, valid_BJ), np.nan),
        "interest/tau": np.where(count_B > 1, tau_B, np.nan),
        **{f"interest/prec@{k}": precision(hit_BK, np.maximum(size_B, 1), k) for k in at},
    }
    rows = pl.Series("row", np.arange(len(scores_BV)), pl.UInt32)
    return pl.DataFrame([rows, *(pl.Series(name, values) for name, values in found.items())]).fill_nan(None)


def _auc(scores_BV: Tensor, preference_BJ: np.ndarray, valid_BJ: np.ndarray) -> np.ndarray:
    """[B]: the chance that a true interest stands above a tag that is none; ties count half."""
    wanted_BJ = torch.from_numpy(np.where(valid_BJ, preference_BJ, np.inf))
    above_BJ = _above(scores_BV.numpy(), wanted_BJ)
    # Other interests above this one are no mistake.
    true_BJ = _above(np.where(valid_BJ, preference_BJ, -np.inf), wanted_BJ)
    others_B = np.maximum(scores_BV.shape[1] - RESERVED - valid_BJ.sum(1), 1)
    wrong_BJ = ((above_BJ - true_BJ) * valid_BJ).sum(1) / np.maximum(valid_BJ.sum(1), 1)
    return 1 - wrong_BJ / others_B


def _above(scores_BV: np.ndarray, wanted_BJ: Tensor) -> np.ndarray:
    """How many scores of each row are above each wanted one, equal ones by half."""
    sorted_BV = torch.from_numpy(np.ascontiguousarray(np.sort(scores_BV, axis=1)))
    most = sorted_BV.shape[1] - torch.searchsorted(sorted_BV, wanted_BJ)
    least = sorted_BV.shape[1] - torch.searchsorted(sorted_BV, wanted_BJ, right=True)
    return ((most + least) / 2).numpy()
