"""Windows of training users as the closed form reads them: sparse rows, folds of users, and windows that are judged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Batch, Shard, batch_of
from penchant.logs.users import uniform
from penchant.models.interests.blend import OWN_BLOCKS, values_of
from penchant.schema import PAD
from penchant.training.linear_path import Moments

FOLDS = 3
MOST_ROWS = 300_000
"""Windows that are fitted; of a larger log a random part, because the coefficients are then known well enough."""
MOST_JUDGED = 4_000
"""Users who are judged out of fold: the standard error of a mean NDCG is then about 0.004, of a difference far less."""
_FOLDS_SEED, _PART_SEED = 1, 2
_ROWS_AT_ONCE, _ROWS_SUMMED = 4_096, 20_000


@dataclass(frozen=True)
class Windows:
    """Some windows: what is read of their histories, the known tags clicked in them, how many distinct ones were
    clicked in all, the fold of their user, and their number, 0 for the last that trains."""

    batch: Batch
    truth: Ragged
    size: np.ndarray
    fold: np.ndarray
    window: np.ndarray

    def __len__(self) -> int:
        return len(self.size)

    def take(self, keep: np.ndarray) -> "Windows":
        """Only some, by their places."""
        values, owner = self.truth.take(keep)
        truth = Ragged(offsets_of(np.bincount(owner, minlength=len(keep))), values)
        return Windows(_taken(self.batch, keep), truth, self.size[keep], self.fold[keep], self.window[keep])


@dataclass(frozen=True)
class Sample:
    """The windows of training users that are fitted, at most about MOST_ROWS. blocks: see `models.blend.LinearPath`."""

    shards: Sequence[Shard]
    blocks: Sequence[str]

    def __iter__(self) -> Iterator[Windows]:
        """A few thousand windows at a time, the same ones each time."""
        fields = [name for name in self.blocks if name not in OWN_BLOCKS]
        first = min(int(shard.column("window").min()) for shard in self.shards if len(shard))
        kept = MOST_ROWS / max(1, sum(len(shard) for shard in self.shards))
        for shard in self.shards:
            users = shard.users
            folds = np.floor(uniform(users, _FOLDS_SEED)[0] * FOLDS).astype(int)
            drawn = uniform(users, _PART_SEED)[0] < kept
            for start in range(0, len(shard), _ROWS_AT_ONCE):
                rows = slice(start, min(start + _ROWS_AT_ONCE, len(shard)))
                size, window = shard.arrays["truth.size"][rows].numpy(), shard.column("window", rows).numpy()
                batch = batch_of(shard, fields, rows, own=True)
                whole = Windows(batch, shard.truth.part(rows), size, folds[rows], window - first)
                yield whole if drawn[rows].all() else whole.take(np.flatnonzero(drawn[rows]))

    def judged(self) -> list[Windows]:
        """Last windows of at most MOST_JUDGED users."""
        found, left = [], MOST_JUDGED
        for rows in self:
            keep = np.flatnonzero(rows.window == 0)[:left]
            if len(keep):
                found.append(rows.take(keep))
                left -= len(keep)
        return found


_Waiting = tuple[sparse.csr_matrix, sparse.csr_matrix, np.ndarray]
"""x, target and the number of the window of some rows."""


class Folded:
    """Moments by fold of users, and apart for the last window and the earlier ones (of days, the one before it too).

    forward: windows are days on a common clock. What is judged on the last one must then not be fitted to it, though to
    other users: the day itself would be known. by_window: each window has an intercept of its own.
    """

    def __init__(self, width: int, targets: int, *, forward: bool, by_window: bool = False) -> None:
        self._shape, self._forward, self._by_window = (width, targets), forward, by_window
        self._parts: dict[tuple[int, int], Moments] = {}
        self._waiting: dict[tuple[int, int], list[_Waiting]] = {}

    def add(self, rows: Windows, x: sparse.csr_matrix, target: sparse.csr_matrix) -> None:
        """x and target of some windows."""
        age = np.minimum(rows.window, 1 + self._forward)
        for key in sorted(set(zip(rows.fold.tolist(), age.tolist(), strict=True))):
            kept = np.flatnonzero((rows.fold == key[0]) & (age == key[1]))
            window = rows.window[kept] if self._by_window else np.zeros(len(kept), np.int64)
            waiting = self._waiting.setdefault(key, [])
            waiting.append((x[kept], target[kept], window))
            if sum(len(one[2]) for one in waiting) >= _ROWS_SUMMED:
                self._sum(key)

    def _sum(self, key: tuple[int, int]) -> None:
        """Many rows at once, because each time the whole square is added to."""
        xs, targets, windows = zip(*self._waiting.pop(key), strict=True)
        x, target = (sparse.csr_matrix(sparse.vstack(parts)) for parts in (xs, targets))
        self._parts.setdefault(key, Moments(*self._shape)).add(x, target, np.concatenate(windows))

    def without(self, fold: int, *, last_only: bool = False) -> Moments:
        """Of all that may be known where users of a fold are judged on their last window; or of the last of these."""
        first = int(self._forward and self.several)
        return self._summed(
            lambda of, age: of != fold and (age == first if last_only else age >= first),
        )

    def total(self, *, last_only: bool = False) -> Moments:
        """Of all windows, or of the last ones."""
        return self._summed(lambda _, age: age == 0 or not last_only)

    @property
    def several(self) -> bool:
        """Whether users have more than one window."""
        return any(age > 0 for _, age in [*self._parts, *self._waiting])

    def _summed(self, wanted: Callable[[int, int], bool]) -> Moments:
        for key in list(self._waiting):
            self._sum(key)
        return Moments.summed([part for key, part in self._parts.items() if wanted(*key)], *self._shape)


def matrix_of(batch: Batch, blocks: Mapping[str, int], *, unit: bool) -> sparse.csr_matrix:
    """x of all blocks side by side, [B, Σ rows], float32; blocks: rows of each."""
    parts = []
    for name, rows in blocks.items():
        ids_BH, x_BH = values_of(batch, name, unit=unit)
        parts.append(_sparse(ids_BH, x_BH, rows))
    return sparse.csr_matrix(sparse.hstack(parts))


def own_matrix(batch: Batch, adds_BH: Tensor, tags: int) -> sparse.csr_matrix:
    """A number for each own tag as [B, tags]."""
    assert batch.own
    return _sparse(batch.own.ids_BH, adds_BH, tags)


def truth_matrix(truth: Ragged, tags: int) -> sparse.csr_matrix:
    """One for each tag that was clicked, [B, tags]."""
    there = truth.values < tags
    owner = np.repeat(np.arange(len(truth)), truth.lengths)[there]
    return sparse.csr_matrix((np.ones(len(owner), np.float32), (owner, truth.values[there])), (len(truth), tags))


def _sparse(ids_BH: Tensor, x_BH: Tensor, width: int) -> sparse.csr_matrix:
    ids, x = ids_BH.numpy(), x_BH.numpy()
    there = (x != 0) & (ids != PAD) & (ids < width)
    return sparse.csr_matrix((x[there], (np.nonzero(there)[0], ids[there])), (len(ids), width))


def _taken(batch: Batch, keep: np.ndarray) -> Batch:
    rows = torch.from_numpy(keep)
    assert batch.own
    return Batch(
        {name: ids_BH[rows] for name, ids_BH in batch.ids.items()},
        {name: weights_BH[rows] for name, weights_BH in batch.weights.items()},
        replace(batch.own, ids_BH=batch.own.ids_BH[rows], facts_BHF=batch.own.facts_BHF[rows]),
    )
