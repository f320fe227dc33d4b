"""All candidates of one model, ready to be scored for any user while others are put in their place."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np
import torch

from penchant.models.lookalikes.ralm import ALPHA, BETA, Ralm
from penchant.models.lookalikes.seed_clusters import placed
from penchant.models.parts.cluster_scores import EPSILON
from penchant.serving.candidates.kernel import LANES, LINE, ROWS, score_many, score_one

AT_ONCE = 256
"""Candidates that are packed at a time."""

FEW = 2
"""Users who are scored faster one by one."""


class Scorer:
    """RALM's scores of many candidates for a user: those of `lookalike.score`, to 1e-5.

    Safe to be used from several threads. A score comes from what one `put` said of its candidate, never from parts of
    two; neither waits for the other.
    """

    def __init__(self, model: Ralm) -> None:
        """model: trained, and not changed any more. Compiles, or loads what an earlier start has compiled."""
        self._model, self._width = model.eval(), model.config.width
        self._clusters = _full(model.config.clusters, ROWS)
        self._alpha, self._beta = (1.0, 0.0) if model.local is None else (ALPHA, BETA)
        self._free: deque[int] = deque()
        self._record_SR = _records(0, self._clusters * (self._width + self._clusters + 1))
        self._table = _Table(self._record_SR, {})
        self._writing = Lock()
        for users in (FEW, FEW + 1):
            self.score(np.zeros((users, model.shared.in_features), np.float32))

    @property
    def items(self) -> tuple[str, ...]:
        """Candidates that are here now."""
        return self._table.items

    def put(self, clusters: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Add or replace candidates: item → centroid_JX and size_J, as `Clusters` has them; no more than the model's
        `clusters`. A candidate without clusters scores 0."""
        items = list(clusters)
        with self._writing:
            self._make_room(len(items))
            slots = {item: _Slot(self._free) for item in items}
            for start in range(0, len(items), AT_ONCE):
                part = items[start : start + AT_ONCE]
                record_CR = self._packed([clusters[item] for item in part])
                self._record_SR[[slots[item].row for item in part], : record_CR.shape[1]] = record_CR
            if items:
                self._table = _Table(self._record_SR, self._table.slots | slots)

    def remove(self, items: Iterable[str]) -> None:
        """Forget candidates; those that are not here are ignored."""
        with self._writing:
            gone = self._table.slots.keys() & items
            if gone:
                kept = {item: slot for item, slot in self._table.slots.items() if item not in gone}
                self._table = _Table(self._record_SR, kept)

    def score(self, user_BX: np.ndarray, items: Sequence[str] | None = None) -> tuple[Sequence[str], np.ndarray]:
        """Candidates, and score_BC of each for users with these universal vectors, float32.

        items: only these, in this order, but for those that are not here; all if not given. Who else is in the batch
        may change the last digits.
        """
        table = self._table
        if items is None:
            items, row_C = table.items, table.rows
        else:
            items = [item for item in items if item in table.slots]
            row_C = np.array([table.slots[item].row for item in items], np.int64)
        unit_BG, query_BG = self._seen(user_BX)
        record_SR, clusters, beta = table.record_SR, self._clusters, np.float32(self._beta)
        score_BC = np.empty((_full(len(unit_BG), LANES), len(row_C)), np.float32)
        if len(unit_BG) > FEW:
            score_many(record_SR, row_C, clusters, _side_by_side(unit_BG, query_BG), beta, score_BC)
        else:
            for unit_G, query_G, score_C in zip(unit_BG, query_BG, score_BC, strict=False):
                score_one(record_SR, row_C, clusters, unit_G, query_G, beta, score_C)
        return items, score_BC[: len(unit_BG)]

    @torch.inference_mode()
    def _packed(self, clusters: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """record_CR of candidates, as the kernel wants them."""
        counts_C = np.array([len(size_J) for _, size_J in clusters])
        assert counts_C.max() <= self._model.config.clusters
        seed_CJG = np.zeros((len(clusters), self._clusters, self._width), np.float32)
        size_CJ = np.zeros(seed_CJG.shape[:2], np.int64)
        there_CJ = np.arange(self._clusters) < counts_C[:, None]
        size_CJ[there_CJ] = np.concatenate([size_J for _, size_J in clusters])
        seed_CJG[there_CJ] = placed(self._model, np.concatenate([centroid_JX for centroid_JX, _ in clusters]))
        seed_CJG[size_CJ == 0] = 0
        seeds = torch.from_numpy(seed_CJG)
        weight_CJ1 = self._model.global_weights(seeds, torch.from_numpy(size_CJ))[..., None]
        length_C11 = (seeds * weight_CJ1).sum(1, keepdim=True).norm(dim=2, keepdim=True).clamp(min=EPSILON)
        parts = seeds, seeds @ seeds.mT, self._alpha * weight_CJ1 / length_C11
        return torch.cat([part.flatten(1) for part in parts], 1).numpy()

    @torch.inference_mode()
    def _seen(self, user_BX: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E_u of length one, and W_l E_u, or zeros without local attention."""
        user_BG = self._model.transform(torch.tensor(user_BX))
        query_BG = torch.zeros_like(user_BG) if self._model.local is None else self._model.local(user_BG)
        return (user_BG / user_BG.norm(dim=1, keepdim=True).clamp(min=EPSILON)).numpy(), query_BG.numpy()

    def _make_room(self, needed: int) -> None:
        """Twice as many records where too few are free. Scores that are under way go on in the old ones."""
        rows, width = self._record_SR.shape
        if len(self._free) < needed:
            larger_SR = _records(rows + max(rows, needed), width)
            larger_SR[:rows] = self._record_SR
            self._record_SR = larger_SR
            self._free.extend(range(rows, len(larger_SR)))


class _Slot:
    """A row of records, which is free again when nobody knows of it any more: no table, and so no score under way."""

    __slots__ = ("free", "row")

    def __init__(self, free: deque[int]) -> None:
        self.free, self.row = free, free.popleft()

    def __del__(self) -> None:
        self.free.append(self.row)


@dataclass(frozen=True)
class _Table:
    """Where each candidate is; it never changes, and neither do the rows that it knows of."""

    record_SR: np.ndarray
    slots: dict[str, _Slot]

    @cached_property
    def items(self) -> tuple[str, ...]:
        return tuple(self.slots)

    @cached_property
    def rows(self) -> np.ndarray:
        """row_C of the items."""
        return np.fromiter((slot.row for slot in self.slots.values()), np.int64, len(self.slots))


def _side_by_side(unit_BG: np.ndarray, query_BG: np.ndarray) -> np.ndarray:
    """user_NGV for the kernel; users of zeros fill the last group."""
    users, width = unit_BG.shape
    both_B2G = np.zeros((_full(users, LANES), 2, width), np.float32)
    both_B2G[:users, 0], both_B2G[:users, 1] = unit_BG, query_BG
    return np.ascontiguousarray(both_B2G.reshape(-1, LANES, 2, width).transpose(0, 3, 2, 1)).reshape(
        -1, width, 2 * LANES
    )


def _records(rows: int, width: int) -> np.ndarray:
    """record_SR of zeros, each at the start of a cache line."""
    width = _full(width, LINE)
    numbers = np.zeros(rows * width + LINE, np.float32)
    skipped = -numbers.ctypes.data // numbers.itemsize % LINE
    return numbers[skipped : skipped + rows * width].reshape(rows, width)


def _full(number: int, of: int) -> int:
    """Up to the next multiple."""
    return -(-number // of) * of
