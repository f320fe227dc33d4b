"""What a chart shows: static/charts.js draws it in the browser, and templates write it as a table for people who cannot
see it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

Value = float | str | None
"""A number, a time in UTC seconds, the name of a category; None for a gap."""


@dataclass(frozen=True)
class Axis:
    """name: with its unit where it has one, such as "latency (ms)"; kind: values on an axis of time are UTC seconds;
    from_zero: the axis begins at 0, so that lines do not exaggerate."""

    name: str
    kind: Literal["value", "log", "time", "category"] = "value"
    from_zero: bool = False


@dataclass(frozen=True)
class Series:
    """points: x and y; spread: the lower and upper end of the interval of each point, where it is known; aside: whether
    others are compared with it, so that it is drawn dashed and grey."""

    name: str
    points: Sequence[tuple[Value, Value]]
    spread: Sequence[tuple[float, float]] = ()
    aside: bool = False


@dataclass(frozen=True)
class Chart:
    """id: unique on its page; title: what it shows; stacked: whether bars stand on each other; step: whether lines keep
    their value until the next point; lying: whether bars go from left to right, so that long names have room, and x is
    drawn upwards. "dots" always lie: a row per category, with a dot and its interval for each series."""

    id: str
    kind: Literal["line", "bar", "scatter", "dots"]
    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    stacked: bool = False
    step: bool = False
    lying: bool = False

    @property
    def json(self) -> str:
        """What the browser reads."""
        return orjson.dumps(asdict(self)).decode()

    @property
    def rows(self) -> list[tuple[Value, list[Value]]]:
        """The same as a table: x, and the y of each series, None where a series has no point there.

        >>> lines = [Series("a", [(1.0, 2.0), (2.0, 3.0)]), Series("b", [(2.0, 5.0)])]
        >>> Chart("c", "line", "", Axis("x"), Axis("y"), lines).rows
        [(1.0, [2.0, None]), (2.0, [3.0, 5.0])]
        """
        found: dict[Value, list[Value]] = {}
        for place, one in enumerate(self.series):
            for x, y in one.points:
                found.setdefault(x, [None] * len(self.series))[place] = y
        return list(found.items())
