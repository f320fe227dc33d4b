"""The charts of one candidate."""

from penchant.dashboard.audiences.scores import Histogram, Outlook
from penchant.dashboard.audiences.seeds import Course
from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.dashboard.shell.words import count


def seeds_chart(course: Course) -> Chart:
    points = list(zip(course.time_T, course.seeds_T, strict=True))
    return Chart(
        "seeds-chart",
        "line",
        "Seeds, by when each clicked last",
        Axis("time", "time"),
        Axis("seeds so far", from_zero=True),
        [Series("seeds", points)],
        step=True,
    )


def scores_chart(spread: Histogram, size: int, begins: float | None) -> Chart:
    """begins: the score from which an audience of `size` begins, None where it cannot be had."""
    top = 100 * max(*spread.others_B, *spread.seeds_B)
    mark = (
        []
        if begins is None
        else [Series(f"audience of {count(size)} begins", [(begins, 0), (begins, top)], aside=True)]
    )
    series = [
        Series(name, [(edge, 100 * share) for edge, share in zip(spread.edge_T, [*shares, 0.0], strict=True)])
        for name, shares in (("users who can be reached", spread.others_B), ("seeds", spread.seeds_B))
    ]
    return Chart(
        "scores-chart",
        "line",
        "Scores of users who can be reached, and of seeds",
        Axis("score"),
        Axis("share in the bin (%)"),
        [*series, *mark],
        step=True,
    )


def outlook_chart(outlook: Outlook) -> Chart:
    sizes = outlook.sizes
    return Chart(
        "outlook-chart",
        "line",
        "Expected to click, by the size of the audience",
        Axis("size of the audience", "log"),
        Axis("expected to click (%)", from_zero=True),
        [
            Series("the most alike", [(one.best, 100 * one.precision) for one in sizes]),
            Series("drawn at random", [(one.best, 100 * one.random) for one in sizes], aside=True),
        ],
    )
