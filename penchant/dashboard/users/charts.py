"""The chart of how a user's preferences changed."""

from collections.abc import Sequence

from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.profiles.changes import Changes


def changes_chart(changes: Changes, at: Sequence[float], *, clock: bool) -> Chart:
    """Draw a line for each tag that is followed.

    at: the moments, UTC seconds where `clock`, else how many clicks there were by then.
    """
    lines = [
        Series(tag, list(zip(at, changes.preference_TF[:, place].tolist(), strict=True)))
        for place, tag in enumerate(changes.tags)
    ]
    x = Axis("time", "time") if clock else Axis("after so many clicks")
    return Chart("over-time", "line", "Preference for the foremost tags", x, Axis("preference"), lines)
