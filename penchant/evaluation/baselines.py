"""What a model has to beat: rankings that need no model, and the linear one that is hard to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.evaluation.protocol import Scorer, evaluate
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED
from penchant.training.closed_form import PENALTIES, ROWS_AT_ONCE, Moments, Ridge, spread, truth_of

RIDGE_MOST_TAGS = 5_000


@dataclass(frozen=True)
class Popularity:
    """The same for everybody: clicks by training users. popularity_V: in [0, 1]."""

    popularity_V: Tensor

    def scores(self, shard: Shard, rows: slice) -> Tensor:  # noqa: ARG002
        return self.popularity_V.expand(rows.stop - rows.start, -1)


@dataclass(frozen=True)
class OwnCounts:
    """The user's own clicks per tag, equal counts by popularity; `faded`: late clicks count more."""

    popularity_V: Tensor
    faded: bool = False

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        weights = shard.arrays["history.faded" if self.faded else "history.counts"].numpy()
        counts_BV = spread(shard.history, weights, rows, len(self.popularity_V))
        return self.popularity_V * 1e-4 + torch.from_numpy(counts_BV)


@dataclass(frozen=True)
class Linear:
    """Ridge regression from log(1 + clicks per tag) of the history to the tags clicked later."""

    ridge: Ridge

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        input_BV = _log_counts(shard, rows, len(self.ridge.bias_V))
        scores_BV = torch.from_numpy((input_BV @ self.ridge.weight_XV + self.ridge.bias_V).astype(np.float32))
        scores_BV[:, :RESERVED] = -torch.inf
        return scores_BV


def make_baselines(
    tags: Vocabulary, train: Sequence[Shard], valid: Sequence[Shard], report: Report = quiet
) -> dict[str, Scorer]:
    """All baselines by name. "ridge" is fitted to the last window of each training user, "ridge, all windows" to all of
    them, where there are several; both are left out for vocabularies over RIDGE_MOST_TAGS, whose square is too large.
    """
    popularity_V = popularity(tags)
    made: dict[str, Scorer] = {
        "popularity": Popularity(popularity_V),
        "own counts": OwnCounts(popularity_V),
        "own counts, faded": OwnCounts(popularity_V, faded=True),
    }
    if len(tags) <= RIDGE_MOST_TAGS:
        first = min(int(shard.arrays["window"].min()) for shard in train if len(shard))
        several = any(bool((shard.arrays["window"] > first).any()) for shard in train)
        report(Progress("baselines", 0, 1 + several, "ridge regression, last window"))
        made["ridge"] = fit_ridge(train, valid, len(tags), window=first)
        if several:
            report(Progress("baselines", 1, 2, "ridge regression, all windows"))
            made["ridge, all windows"] = fit_ridge(train, valid, len(tags))
    report(Progress("baselines", 1, 1))
    return made


def popularity(tags: Vocabulary) -> Tensor:
    """[V]: clicks per tag as a share of the most clicked; -inf for PAD and UNKNOWN."""
    counts = torch.from_numpy(tags.counts.astype(np.float32))
    return torch.cat([torch.full((RESERVED,), -torch.inf), counts / counts.max()])


def fit_ridge(train: Sequence[Shard], valid: Sequence[Shard], tags: int, *, window: int | None = None) -> Linear:
    """Closed form, to one window or to all; the penalty has the best NDCG@10 of validation users, as for the model."""
    moments = Moments(tags, tags)
    for shard in train:
        for start in range(0, len(shard), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(shard)))
            asked = shard.arrays["window"][rows].numpy()
            chosen = np.ones(len(asked), bool) if window is None else asked == window
            moments.add(_log_counts(shard, rows, tags)[chosen], truth_of(shard, rows, tags)[chosen])
    fits = [Linear(ridge) for ridge in moments.solve(PENALTIES)]
    return max(fits, key=lambda linear: evaluate(linear, valid, [10], tags).mean("ndcg@10"))


def _log_counts(shard: Shard, rows: slice, tags: int) -> np.ndarray:
    return np.log1p(spread(shard.history, shard.arrays["history.counts"].numpy(), rows, tags))
