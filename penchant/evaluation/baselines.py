"""What a model has to beat: rankings that need no model, and the linear one that is hard to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.evaluation.protocol import Scorer, evaluate
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED

RIDGE_MOST_TAGS = 5_000
RIDGE_PENALTIES = (10.0, 100.0, 1000.0, 10_000.0)
ROWS_AT_ONCE = 4_096


@dataclass(frozen=True)
class Popularity:
    """The same for everybody: clicks by training users. popularity_V: in [0, 1]."""

    popularity_V: Tensor

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        return self.popularity_V.expand(rows.stop - rows.start, -1)


@dataclass(frozen=True)
class OwnCounts:
    """The user's own clicks per tag, equal counts by popularity; `faded`: late clicks count more."""

    popularity_V: Tensor
    faded: bool = False

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        weights = shard.arrays["history.faded" if self.faded else "history.counts"].numpy()
        counts_BV = _spread(shard.history, weights, rows, len(self.popularity_V))
        return self.popularity_V * 1e-4 + torch.from_numpy(counts_BV)


@dataclass(frozen=True)
class Ridge:
    """Linear regression from log(1 + clicks per tag) of the history to the tags clicked later."""

    weight_VV: np.ndarray
    bias_V: np.ndarray

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        input_BV = _log_counts(shard, rows, len(self.bias_V))
        scores_BV = torch.from_numpy((input_BV @ self.weight_VV + self.bias_V).astype(np.float32))
        scores_BV[:, :RESERVED] = -torch.inf
        return scores_BV


def make_baselines(
    tags: Vocabulary, train: Sequence[Shard], valid: Sequence[Shard], report: Report = quiet
) -> dict[str, Scorer]:
    """All baselines by name; ridge's penalty is the best on validation users, and ridge is left out for large
    vocabularies (over RIDGE_MOST_TAGS), where its square matrix would not fit."""
    popularity_V = popularity(tags)
    made: dict[str, Scorer] = {
        "popularity": Popularity(popularity_V),
        "own counts": OwnCounts(popularity_V),
        "own counts, faded": OwnCounts(popularity_V, faded=True),
    }
    if len(tags) <= RIDGE_MOST_TAGS:
        report(Progress("baselines", 0, 1, "ridge regression"))
        made["ridge"] = fit_ridge(train, valid, len(tags))
    report(Progress("baselines", 1, 1))
    return made


def popularity(tags: Vocabulary) -> Tensor:
    """[V]: clicks per tag as a share of the most clicked; -inf for PAD and UNKNOWN."""
    counts = torch.from_numpy(tags.counts.astype(np.float32))
    return torch.cat([torch.full((RESERVED,), -torch.inf), counts / counts.max()])


def fit_ridge(train: Sequence[Shard], valid: Sequence[Shard], vocabulary: int) -> Ridge:
    """Closed form: W = (XᵀX + λI)⁻¹ XᵀY on centred X and Y, an intercept that is not penalised."""
    moments = _Moments(vocabulary)
    for shard in train:
        for start in range(0, len(shard), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(shard)))
            ones = np.ones(len(shard.truth.values), np.float32)
            moments.add(_log_counts(shard, rows, vocabulary), _spread(shard.truth, ones, rows, vocabulary))
    fits = [moments.solve(penalty) for penalty in RIDGE_PENALTIES]
    return max(fits, key=lambda ridge: evaluate(ridge, valid, [1], vocabulary).mean("prec@1"))


class _Moments:
    """Sums over samples that the closed form needs; memory does not grow with the samples."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.x_V, self.y_V = np.zeros(width), np.zeros(width)
        self.xx_VV, self.xy_VV = np.zeros((width, width)), np.zeros((width, width))

    def add(self, x_BV: np.ndarray, y_BV: np.ndarray) -> None:
        self.count += len(x_BV)
        self.x_V += x_BV.sum(0)
        self.y_V += y_BV.sum(0)
        self.xx_VV += x_BV.T @ x_BV
        self.xy_VV += x_BV.T @ y_BV

    def solve(self, penalty: float) -> Ridge:
        mean_x, mean_y = self.x_V / self.count, self.y_V / self.count
        xx_VV = self.xx_VV - self.count * np.outer(mean_x, mean_x)
        xy_VV = self.xy_VV - self.count * np.outer(mean_x, mean_y)
        weight_VV = np.linalg.solve(xx_VV + penalty * np.eye(len(mean_x)), xy_VV)
        return Ridge(weight_VV.astype(np.float32), (mean_y - mean_x @ weight_VV).astype(np.float32))


def _log_counts(shard: Shard, rows: slice, vocabulary: int) -> np.ndarray:
    return np.log1p(_spread(shard.history, shard.arrays["history.counts"].numpy(), rows, vocabulary))


def _spread(lists: Ragged, weights: np.ndarray, rows: slice, vocabulary: int) -> np.ndarray:
    """Some rows of ragged lists as a dense matrix [n, V] of their weights."""
    part = lists.part(rows)
    dense_BV = np.zeros((len(part), vocabulary), np.float32)
    owner = np.repeat(np.arange(len(part)), part.lengths)
    dense_BV[owner, part.values] = weights[lists.offsets[rows.start] : lists.offsets[rows.stop]]
    return dense_BV
