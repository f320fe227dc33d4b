"""Seeds of one candidate as clicks come in: the latest distinct users. The order in which clicks arrive does not
matter."""

from dataclasses import dataclass

import numpy as np

from penchant.models.parts.ranking import among_highest


@dataclass(frozen=True)
class SeedSet:
    """Users, ascending, and the time of the latest click of each, UTC seconds."""

    user_S: np.ndarray
    time_S: np.ndarray

    def __len__(self) -> int:
        return len(self.user_S)

    @classmethod
    def none(cls) -> "SeedSet":
        return cls(np.zeros(0, np.int64), np.zeros(0))


def add(seeds: SeedSet, user_N: np.ndarray, time_N: np.ndarray, *, limit: int) -> SeedSet:
    """Seeds after some more clicks, by whom and when: the `limit` users who clicked last, the lower id first where two
    clicked at the same time.

    Late, repeated and reordered clicks, in one call or in many, lead to the same seeds. Takes time in proportion to
    the seeds and the clicks, so give it clicks in batches.

    >>> seeds = add(SeedSet.none(), np.array([7, 3, 7]), np.array([10.0, 20.0, 30.0]), limit=2)
    >>> add(seeds, np.array([5, 9]), np.array([25.0, 1.0]), limit=2)
    SeedSet(user_S=array([5, 7]), time_S=array([25., 30.]))
    """
    user_N, time_N = _latest(user_N, time_N)
    place_N = np.searchsorted(seeds.user_S, user_N)
    known_N = place_N < len(seeds)
    known_N[known_N] = seeds.user_S[place_N[known_N]] == user_N[known_N]
    time_S = seeds.time_S.copy()
    time_S[place_N[known_N]] = np.maximum(time_S[place_N[known_N]], time_N[known_N])
    user_S = np.insert(seeds.user_S, place_N[~known_N], user_N[~known_N])
    time_S = np.insert(time_S, place_N[~known_N], time_N[~known_N])
    kept_S = among_highest(time_S, limit)
    return SeedSet(user_S[kept_S], time_S[kept_S])


def _latest(user_N: np.ndarray, time_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each user once, ascending, with the time of the latest click."""
    order = np.lexsort([time_N, user_N])
    user_N, time_N = user_N[order], time_N[order]
    last_N = np.append(user_N[1:] != user_N[:-1], True)[: len(user_N)]
    return user_N[last_N], time_N[last_N]
