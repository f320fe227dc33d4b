"""The charts of one candidate."""

from penchant.audiences.growth import Growth
from penchant.audiences.outlook import Outlook
from penchant.audiences.scores import Bins
from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.dashboard.shell.words import count


def seeds_chart(growth: Growth) -> Chart:
    """How many seeds there were at any time."""
    points = list(zip(growth.time_T, growth.seeds_T, strict=True))
    return Chart(
        "seeds-chart",
        "line",
        "Seeds, by when each clicked last",
        Axis("time", "time"),
        Axis("seeds so far", from_zero=True),
        [Series("seeds", points)],
        step=True,
    )


def scores_chart(bins: Bins, size: int, begins: float | None) -> Chart:
    """Draw how scores are spread. begins: the lowest score in an audience of `size`, None where it cannot be had."""
    top = 100 * max(*bins.others_B, *bins.seeds_B)
    mark = (
        []
        if begins is None
        else [Series(f"audience of {count(size)} begins", [(begins, 0), (begins, top)], aside=True)]
    )
    series = [
        Series(name, [(edge, 100 * share) for edge, share in zip(bins.edge_T, [*shares, 0.0], strict=True)])
        for name, shares in (("users who can be reached", bins.others_B), ("seeds", bins.seeds_B))
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
    """Draw what share of an audience is expected to click, by its size."""
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
