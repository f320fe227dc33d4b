"""The charts of one candidate."""

import numpy as np

from penchant.audiences.scores import Scores, bins_of
from penchant.dashboard.audiences.charts import scores_chart


def test_the_chart_of_scores_marks_where_an_audience_begins() -> None:
    bins = bins_of(Scores(2, np.array([0.1, 0.4], np.float32), np.array([0.4], np.float32)))
    chart = scores_chart(bins, 50, 0.3)
    assert chart.series[-1].points == [(0.3, 0), (0.3, 100.0)]
    assert chart.series[-1].aside
    assert len(scores_chart(bins, 50, None).series) == 2
