"""How a user's preferences changed: which tags came first at earlier moments, by the model of today."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

MOST_MOMENTS = 12

MOST_READ = 12_000
"""Clicks that are read for all moments together, so that every user is answered soon: who has more clicks has fewer
moments."""

FOREMOST, EARLIER = 5, 2
"""Tags that are followed: those that come first now, and some that came first before."""

MOST_LEADERS = 4


@dataclass(frozen=True)
class Changes:
    """tags: the F tags that are followed; preference_TF: for each of them at each moment; leaders: the latest tags that
    came first, one after the other, the last of them does now; more: whether others did before; risen, fallen: the
    followed tags that changed most since the first moment, None where none did."""

    tags: list[str]
    preference_TF: np.ndarray
    leaders: list[str]
    more: bool
    risen: tuple[str, float] | None
    fallen: tuple[str, float] | None


def moments(times: Sequence[float], *, clock: bool) -> list[int]:
    """Return how many clicks there were at each moment. Moments are evenly spread over the clicks, the last has all of
    them, and where there is a clock no moment parts clicks of the same time.

    >>> moments([1.0, 2.0, 2.0, 3.0], clock=True), moments([5.0] * 3, clock=True), moments([], clock=True)
    ([1, 3, 4], [3], [])
    """
    if not times:
        return []
    many = min(MOST_MOMENTS, len(times), max(2, 2 * MOST_READ // len(times) - 1))
    ends = {round(len(times) * (place + 1) / many) for place in range(many)}
    return sorted({bisect_right(times, times[end - 1]) for end in ends} if clock else ends)


def changes_of(tags: Sequence[str], preference_TV: np.ndarray) -> Changes:
    """Return how the preferences for V tags changed over T moments."""
    numbers = followed(preference_TV)
    names = [tags[number] for number in numbers]
    leaders = [tags[number] for number, _ in groupby(preference_TV.argmax(1).tolist())]
    change_F = preference_TV[-1, numbers] - preference_TV[0, numbers]
    most, least = int(change_F.argmax()), int(change_F.argmin())
    return Changes(
        names,
        preference_TV[:, numbers],
        leaders[-MOST_LEADERS:],
        len(leaders) > MOST_LEADERS,
        (names[most], float(change_F[most])) if change_F[most] > 0 else None,
        (names[least], float(change_F[least])) if change_F[least] < 0 else None,
    )


def followed(preference_TV: np.ndarray) -> list[int]:
    """Return the numbers of the tags that come first at the last moment, then of the latest others that did before.

    >>> followed(np.array([[9.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 6.0, 5.0, 4.0, 3.0, 2.0]]))
    [1, 2, 3, 4, 5, 0]
    """
    now = np.argsort(-preference_TV[-1], kind="stable")[:FOREMOST].tolist()
    before = dict.fromkeys(preference_TV.argmax(1)[::-1].tolist())
    return now + [number for number in before if number not in now][:EARLIER]
