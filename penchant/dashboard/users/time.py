"""How a user's preferences became what they are: his profile at earlier moments, by the model of today."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.serving.profiles import Course
from penchant.serving.users import Clicks
from penchant.serving.view import View

MOST_MOMENTS = 12

MOST_READ = 12_000
"""Clicks that are read for all moments together, so that nobody's page is slow: who has many has fewer moments."""

FOREMOST, EARLIER = 5, 2
"""Tags that are followed: those that come first now, and some that came first before."""

MOST_LEADERS = 4


@dataclass(frozen=True)
class Changed:
    """leaders: the latest tags that came first, one after the other, the last of them does now; more: whether others
    did before. risen, fallen: of the tags that are followed, those that changed most since the first moment, None
    where none did."""

    chart: Chart
    moments: int
    leaders: list[str]
    more: bool
    risen: tuple[str, float] | None
    fallen: tuple[str, float] | None


def changed(view: View, user: str, clicks: Clicks, *, clock: bool) -> Changed | None:
    """None where there are not two moments. clock: whether times are those of a clock."""
    times = [time for time, _ in clicks]
    ends = moments(times, clock=clock)
    if len(ends) < 2:
        return None
    course = view.course(user, [clicks[:end] for end in ends])
    return told(course, [times[end - 1] for end in ends] if clock else [float(end) for end in ends], clock=clock)


def moments(times: Sequence[float], *, clock: bool) -> list[int]:
    """How many clicks there were at each moment, evenly spread, the last being all; clicks of one time are not parted.

    >>> moments([1.0, 2.0, 2.0, 3.0], clock=True), moments([5.0] * 3, clock=True), moments([], clock=True)
    ([1, 3, 4], [3], [])
    """
    if not times:
        return []
    many = min(MOST_MOMENTS, len(times), max(2, 2 * MOST_READ // len(times) - 1))
    ends = {round(len(times) * (place + 1) / many) for place in range(many)}
    return sorted({bisect_right(times, times[end - 1]) for end in ends} if clock else ends)


def told(course: Course, at: Sequence[float], *, clock: bool) -> Changed:
    """at: of each moment, UTC seconds, or how many clicks there were by then."""
    numbers = followed(course.preference_TV)
    tags = [course.tags[number] for number in numbers]
    lines = [
        Series(tag, list(zip(at, course.preference_TV[:, number].tolist(), strict=True)))
        for tag, number in zip(tags, numbers, strict=True)
    ]
    x = Axis("time", "time") if clock else Axis("after so many clicks")
    leaders = [course.tags[number] for number, _ in groupby(course.preference_TV.argmax(1).tolist())]
    change = course.preference_TV[-1, numbers] - course.preference_TV[0, numbers]
    most, least = int(change.argmax()), int(change.argmin())
    return Changed(
        Chart("over-time", "line", "Preference for the foremost tags", x, Axis("preference"), lines),
        len(at),
        leaders[-MOST_LEADERS:],
        len(leaders) > MOST_LEADERS,
        (tags[most], float(change[most])) if change[most] > 0 else None,
        (tags[least], float(change[least])) if change[least] < 0 else None,
    )


def followed(preference_TV: np.ndarray) -> list[int]:
    """Numbers of the tags that come first at the last moment, and of the latest others that did before.

    >>> followed(np.array([[9.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 6.0, 5.0, 4.0, 3.0, 2.0]]))
    [1, 2, 3, 4, 5, 0]
    """
    now = np.argsort(-preference_TV[-1], kind="stable")[:FOREMOST].tolist()
    before = dict.fromkeys(preference_TV.argmax(1)[::-1].tolist())
    return now + [number for number in before if number not in now][:EARLIER]
