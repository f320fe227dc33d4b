"""What a chart shows: for the browser, where static/charts.js draws it, and as a table for who cannot see it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

Value = float | str | None
"""A number, a time in UTC seconds, the name of a category; None for a gap."""


@dataclass(frozen=True)
class Axis:
    """name: with its unit where it has one, such as "latency (ms)"; kind: of a time axis values are UTC seconds;
    from_zero: shares and counts that lines should not exaggerate."""

    name: str
    kind: Literal["value", "log", "time", "category"] = "value"
    from_zero: bool = False


@dataclass(frozen=True)
class Series:
    """points: x and y. spread: below and above y, for each point, where an interval is known. aside: what others are
    compared with, drawn dashed and grey."""

    name: str
    points: Sequence[tuple[Value, Value]]
    spread: Sequence[tuple[float, float]] = ()
    aside: bool = False


@dataclass(frozen=True)
class Chart:
    """id: unique on its page; title: what it shows. stacked: of bars. step: lines hold their value until the next.

    lying: bars go from left to right, so that long names have room; x is then drawn upwards. "dots" lie always: a row
    per category, with a dot and its interval for each series.
    """

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
        """The same as a table: x, and y of each series, None where it has none there.

        >>> lines = [Series("a", [(1.0, 2.0), (2.0, 3.0)]), Series("b", [(2.0, 5.0)])]
        >>> Chart("c", "line", "", Axis("x"), Axis("y"), lines).rows
        [(1.0, [2.0, None]), (2.0, [3.0, 5.0])]
        """
        found: dict[Value, list[Value]] = {}
        for place, one in enumerate(self.series):
            for x, y in one.points:
                found.setdefault(x, [None] * len(self.series))[place] = y
        return list(found.items())
