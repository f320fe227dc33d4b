"""Who could be in an audience and in which order, kept for a while: an audience that followed each event would tell who
met the item."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from penchant.choices import MIN_SEEDS
from penchant.serving.candidates.audience import Ranking
from penchant.serving.snapshot import Snapshot

PERIOD_S = 3_600.0
"""For so long audiences of an item come from one ranking."""

MOST_USERS = 5_000_000
"""Users whom all rankings that are kept may hold together, the latest aside."""


@dataclass(frozen=True)
class _Kept:
    """checked: when it was made, or found to be nearly as all users would be ranked now."""

    ranking: Ranking
    checked: float


class Rankings:
    """Gives the ranking of an item, one that is at most PERIOD_S old, or older where fewer than MIN_SEEDS users have
    come or gone since it was made. One thread may use it at a time."""

    def __init__(self, *, most: int = MOST_USERS) -> None:
        self._most = most
        self._kept: dict[Hashable, _Kept] = {}

    def of(self, key: Hashable, now: float, snapshot: Snapshot, make: Callable[[], Ranking]) -> Ranking:
        """key: changes where nothing that was ranked before is true any more; now: UTC seconds; snapshot: to which the
        rows of rankings belong."""
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept.checked < PERIOD_S:
            return kept.ranking
        found = make()
        if kept is not None and changed(kept.ranking, found, snapshot) < MIN_SEEDS:
            found = kept.ranking
        self._kept.pop(key, None)
        self._kept[key] = _Kept(found, now)
        self._drop_oldest()
        return found

    def _drop_oldest(self) -> None:
        held = sum(len(one.ranking) for one in self._kept.values())
        while held > self._most and len(self._kept) > 1:
            held -= len(self._kept.pop(next(iter(self._kept))).ranking)


def changed(old: Ranking, new: Ranking, snapshot: Snapshot) -> int:
    """Count the users who can be reached by one ranking and not by the other."""
    (old_rows, old_users), (new_rows, new_users) = (_who(one, snapshot) for one in (old, new))
    return len(np.setxor1d(old_rows, new_rows)) + len(old_users ^ new_users)


def _who(ranking: Ranking, snapshot: Snapshot) -> tuple[np.ndarray, frozenset[str]]:
    """Return the rows of the snapshot of those who are in it, with live events or without, and the other users."""
    rows = np.array([snapshot.row(user) for user in ranking.users], np.int64)
    others = frozenset(user for user, row in zip(ranking.users, rows.tolist(), strict=True) if row < 0)
    return np.concatenate([ranking.row_S, rows[rows >= 0]]), others
