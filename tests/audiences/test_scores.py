"""How scores are spread, against numbers worked by hand."""

import numpy as np

from penchant.audiences.scores import Scores, bins_of


def test_an_audience_begins_with_the_score_of_its_last_member() -> None:
    whole = Scores(4, np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(0))
    assert [whole.begins(size) for size in (1, 2, 4)] == [0.4, 0.3, 0.1]
    sample = Scores(400, np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(0))
    assert [sample.begins(size) for size in (1, 100, 400)] == [0.4, 0.4, 0.1]


def test_bins_are_round_and_hold_all_scores() -> None:
    found = bins_of(Scores(4, np.array([0.1, 0.11, 0.5, 0.9], np.float32), np.array([0.9, 0.95], np.float32)))
    assert found.edge_T[:3] == [0.1, 0.15, 0.2]
    assert (found.others_B[0], found.others_B[8], found.others_B[16]) == (0.5, 0.25, 0.25)
    assert (sum(found.others_B), sum(found.seeds_B)) == (1.0, 1.0)
    same = bins_of(Scores(2, np.array([0.25, 0.25], np.float32), np.array([0.25], np.float32)))
    assert max(same.others_B) == 1.0
