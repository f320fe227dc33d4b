"""Charts as the browser and as a table reads them, and words for numbers."""

import json

from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.dashboard.shell.words import day, shade, share, short, size, span, time


def test_the_browser_reads_all_of_a_chart() -> None:
    hostile = '"><script>alert(1)</script>\u2028'
    chart = Chart("c", "line", hostile, Axis("x", "time"), Axis("y"), [Series(hostile, [(1.0, None)], [(0.0, 2.0)])])
    said = json.loads(chart.json)
    assert (said["id"], said["kind"], said["title"], said["x"]) == (
        "c",
        "line",
        hostile,
        {"name": "x", "kind": "time", "from_zero": False},
    )
    assert said["series"] == [{"name": hostile, "points": [[1.0, None]], "spread": [[0.0, 2.0]], "aside": False}]


def test_a_table_has_a_row_for_each_x_of_any_series() -> None:
    series = [Series("a", [("q", 1.0), ("p", 2.0)]), Series("b", [("p", 3.0), ("r", None)])]
    assert Chart("c", "bar", "", Axis("x", "category"), Axis("y"), series).rows == [
        ("q", [1.0, None]),
        ("p", [2.0, 3.0]),
        ("r", [None, None]),
    ]


def test_moments_that_are_none_are_a_dash() -> None:
    for value in (None, float("nan"), float("inf"), -1.0, 1e300):
        assert time(value) == day(value) == "–"


def test_numbers_are_as_long_as_they_need_to_be() -> None:
    assert [share(value) for value in (0.0, 0.99949, 0.0995, 0.00999)] == [
        "0\u202f%",
        "100\u202f%",
        "10\u202f%",
        "1.0\u202f%",
    ]
    assert [span(value) for value in (0.0, 1.0, 119.4, 120.0, 7_200.0, 172_800.0)] == [
        "0.0\u202fms",
        "1\u202fs",
        "119\u202fs",
        "2.0\u202fmin",
        "2.0\u202fh",
        "2.0\u202fdays",
    ]
    assert size(999) == "999\u202fB"
    assert short("abc", 3) == "abc"


def test_shades_are_between_none_and_full() -> None:
    assert [shade(value, 2.0) for value in (-1.0, 0.0, 1.0, 2.0)] == [0, 0, 5, 10]
    assert shade(1.0, 0.0) == 0
