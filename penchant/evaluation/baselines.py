"""What a model has to beat: rankings that need no model, and the linear one that is hard to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.evaluation.protocols.interests import Scorer
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.interests.promise import Judge
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED
from penchant.training.ridge import Ridge, fit_ridges

POPULAR_LAST = 1e-9
"""What popularity counts beside a user's own clicks: it only orders tags that are level."""


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
        return self.popularity_V * POPULAR_LAST + torch.from_numpy(counts_BV)


@dataclass(frozen=True)
class Linear:
    """Ridge regression from log(1 + clicks per tag) of the history to the tags clicked later."""

    ridge: Ridge

    def scores(self, shard: Shard, rows: slice) -> Tensor:
        counts = shard.arrays["history.counts"].numpy()
        return self.ridge.scores(spread(shard.history, counts, rows, len(self.ridge.bias_V)))


def make_baselines(
    tags: Vocabulary, train: Sequence[Shard], judge: Judge, *, forward: bool, report: Report = quiet
) -> dict[str, Scorer]:
    """All baselines by name. "ridge" is fitted to the last window of each training user, "ridge, all windows" to all of
    them, where there are several; both are left out for vocabularies whose square is too large. Their penalties are
    chosen by cross-fitting, as those of the model are. forward: see `training.windows.Folded`.
    """
    popularity_V = popularity(tags)
    report(Progress("baselines", 0, 1, "ridge regression"))
    made: dict[str, Scorer] = {
        "popularity": Popularity(popularity_V),
        "own counts": OwnCounts(popularity_V),
        "own counts, faded": OwnCounts(popularity_V, faded=True),
        **{name: Linear(ridge) for name, ridge in fit_ridges(train, len(tags), judge, forward=forward).items()},
    }
    report(Progress("baselines", 1, 1))
    return made


def popularity(tags: Vocabulary) -> Tensor:
    """[V]: clicks per tag as a share of the most clicked; -inf for PAD and UNKNOWN."""
    counts = torch.from_numpy(tags.counts.astype(np.float32))
    return torch.cat([torch.full((RESERVED,), -torch.inf), counts / counts.max()])


def spread(lists: Ragged, weights: np.ndarray, rows: slice, width: int) -> np.ndarray:
    """Some rows of ragged lists as a dense matrix [n, width] of their weights."""
    part = lists.part(rows)
    dense = np.zeros((len(part), width))
    owner = np.repeat(np.arange(len(part)), part.lengths)
    dense[owner, part.values] = weights[lists.offsets[rows.start] : lists.offsets[rows.stop]]
    return dense
