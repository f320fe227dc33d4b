"""Audiences against numbers worked by hand.

Ten users, three candidates, best user first in each ranking; users before the bar are seeds:
    candidate    seeds    later clickers    ranking of the rest
    0, tail      0        3, 1              1 2 3 4 5 6 7 8 9
    1, middle    0 1      2                 9 8 7 6 5 4 3 2
    2, head      3 4 5    1                 all score the same
"""

import numpy as np
import pytest

from penchant.audiences.expected import Bounds
from penchant.evaluation.protocols.reach import RANK_SHARES, Lists, ReachTest, ask_audiences, standing
from penchant.features.ragged import Ragged
from penchant.models.lookalikes.popular import Popular
from tests.evaluation.planted_rounds import Told, crowd_of, ragged, round_of

BOUNDS = Bounds(2, 3)
SEEDS = [[0], [0, 1], [3, 4, 5]]
WHOLE = round_of([2, 3, 4], SEEDS, [(0, 3, True), (0, 1, True), (1, 2, True), (2, 1, True)])
CROWD = crowd_of(10)
FALLING, RISING, LEVEL = -np.arange(10.0), np.arange(10.0) - 20, np.full(10, -5.5)
TOLD = Told([FALLING, FALLING, FALLING, RISING, LEVEL])
KINDS = {"tags": ragged([[7, 8], [8], [9, 9]])}


def asked_of(seed: int = 0) -> ReachTest:
    return ReachTest.draw(WHOLE, BOUNDS, items=10, seed=seed)


def by_candidate(values: np.ndarray, asked: ReachTest) -> np.ndarray:
    """In the order of the round."""
    return values[np.argsort(asked.number_I)]


def test_later_clickers_are_found_at_the_share_of_the_ranking_where_they_stand() -> None:
    asked = asked_of()
    answer = ask_audiences(TOLD, CROWD, asked, KINDS)
    reached = by_candidate(answer.reached_IR, asked)[:, [RANK_SHARES.index(share) for share in (0.1, 0.2, 0.5, 1.0)]]
    # Candidate 0 has 9 users left: its clickers are 1st and 3rd, so 0.9 of the first and none of the second are within
    # a tenth; a fifth is 1.8 users. Candidate 1 has 8 left, its clicker is last. Candidate 2 says nothing.
    expected = np.array([[0.45, 0.5, 1, 1], [0, 0, 0, 1], [0.1, 0.2, 0.5, 1]])
    np.testing.assert_allclose(reached, expected, atol=1e-12)
    area = [1 - (0.5 + 2.5) / 2 / 9, 0.5 / 8, 0.5]
    np.testing.assert_allclose(by_candidate(answer.area_I, asked), area)


def test_the_mean_is_over_candidates_and_by_class() -> None:
    asked = asked_of()
    answer = ask_audiences(TOLD, CROWD, asked, KINDS)
    found = answer.estimates(asked)
    assert found["recall@20%"].mean == pytest.approx((0.5 + 0 + 0.2) / 3)
    assert [found[f"recall@20%.{name}"].mean for name in ("tail", "middle", "head")] == pytest.approx([0.5, 0, 0.2])
    assert found["area.head"].mean == pytest.approx(0.5)
    *_, half, end = answer.curves(asked)["all"]
    assert half == pytest.approx([0.5, (1 + 0 + 0.5) / 3])
    assert end == pytest.approx([1, 1])


def test_without_an_opinion_recall_is_the_share_of_the_crowd() -> None:
    asked = asked_of()
    answer = ask_audiences(Popular(), CROWD, asked, {})
    np.testing.assert_allclose(answer.reached_IR, [RANK_SHARES] * 3)
    np.testing.assert_allclose(answer.area_I, 0.5)


def test_a_later_clicker_who_cannot_be_scored_is_level_with_others_like_them_below_the_rest() -> None:
    above, level = standing(np.array([-np.inf, 0.3, -np.inf, 0.1, -np.inf]), np.array([4]), np.array([0]))
    assert (above.tolist(), level.tolist()) == ([0.5], [0.5])


def test_lists_hold_no_candidate_that_the_user_clicked_before() -> None:
    """Users 1, 2 and 3 clicked later. User 1, a seed of 1, has 0 before 2: both are right. User 2 has 0, 2, 1; user 3,
    a seed of 2, has 0, 1."""
    asked = asked_of()
    answer = ask_audiences(TOLD, CROWD, asked, KINDS)
    assert asked.users_B.tolist() == [1, 2, 3]
    assert answer.users["prec@10"].tolist() == [1, 1, 1]
    assert answer.users["tags@10"].tolist() == [len({7, 8, 9}), len({7, 8, 9}), len({7, 8})]
    assert answer.users["tail share@10"].tolist() == [1 / 2, 1 / 3, 1 / 2]
    # Shown 3, 2 and 2 times: all differences are 4, halved by 9 and by the mean of 7/3.
    assert answer.evenness == pytest.approx(1 - 4 / (2 * 9 * 7 / 3))


def test_a_list_holds_the_best_candidates() -> None:
    """One place each: user 1 has candidate 0, which they clicked, as did user 3; user 2 has it and did not."""
    asked = asked_of()
    answer = ask_audiences(TOLD, CROWD, asked, KINDS, Lists(short=1, long=1))
    assert answer.users["prec@1"].tolist() == [1, 0, 1]
    assert answer.users["tags@1"].tolist() == [2, 2, 2]
    assert answer.users["tail share@1"].tolist() == [1, 1, 1]
    assert answer.evenness == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_list_is_shorter_where_candidates_cannot_be_scored(seed: int) -> None:
    silent = np.full(10, np.nan)
    asked = asked_of(seed)
    answer = ask_audiences(Told([silent] * 4 + [LEVEL]), CROWD, asked, KINDS)
    # Of two true candidates user 1 has one in a list of one; user 3, a seed of the only one scored, has no list.
    assert answer.users["prec@10"].tolist() == [1 / 2, 0, 0]
    assert answer.users["tags@10"].tolist() == [1, 1, 0]
    assert answer.users["tail share@10"].tolist() == [0, 0, 0]


def test_nobody_scored_is_no_evenness() -> None:
    answer = ask_audiences(Told(np.full((5, 10), np.nan)), CROWD, asked_of(), {})
    assert np.isnan(answer.evenness)
    np.testing.assert_allclose(answer.area_I, 0.5)


@pytest.mark.parametrize("at_once", [1, 10])
def test_precision_is_of_the_first_places_among_many_candidates(at_once: int) -> None:
    """60 candidates, best first by number; user 0 clicked the 3rd, 10th, 11th and 55th later."""
    clicked = [2, 9, 10, 54]
    labels = [(number, 0 if number in clicked else 1, True) for number in range(60)]
    whole = round_of(range(60), [[2]] * 60, labels)
    asked = ReachTest.draw(whole, BOUNDS, items=60, seed=3)
    told, lists = Told(np.repeat(-np.arange(60.0)[:, None], 3, 1)), Lists(lists_at_once=at_once)
    answer = ask_audiences(told, crowd_of(3), asked, {}, lists)
    assert answer.users["prec@10"][0] == 2 / 4
    assert answer.users["prec@50"][0] == 3 / 4
    assert answer.users["prec@10"][1] == 8 / 10
    assert answer.users["prec@50"][1] == 47 / 50


def test_a_class_without_candidates_has_no_numbers() -> None:
    asked = ReachTest.draw(round_of([2], [[0]], [(0, 1, True)]), BOUNDS, items=5, seed=0)
    answer = ask_audiences(TOLD, CROWD, asked, {})
    assert list(answer.curves(asked)) == ["all", "tail"]
    found = answer.estimates(asked)
    assert "area.tail" in found
    assert not [name for name in found if name.endswith((".middle", ".head"))]


def test_blocks_of_users_change_nothing() -> None:
    asked = asked_of()
    whole = ask_audiences(TOLD, CROWD, asked, KINDS)
    parts = ask_audiences(TOLD, CROWD, asked, KINDS, Lists(users_at_once=3, lists_at_once=2))
    assert (parts.reached_IR == whole.reached_IR).all()
    assert parts.evenness == whole.evenness
    assert {name: values.tolist() for name, values in parts.users.items()} == {
        name: values.tolist() for name, values in whole.users.items()
    }


def test_as_many_candidates_are_drawn_of_each_class_as_there_are() -> None:
    """Nine of the tail, three of the middle, one of the head; one without seeds and one whom nobody clicked later."""
    seeds = [[1]] * 9 + [[1, 2]] * 3 + [[1, 2, 3]] + [[], [1]]
    whole = round_of(range(15), seeds, [(number, 4, True) for number in range(14)])
    for items, expected in [(3, [1, 1, 1]), (7, [3, 3, 1]), (9, [5, 3, 1]), (99, [9, 3, 1])]:
        asked = ReachTest.draw(whole, BOUNDS, items=items, seed=1)
        assert np.bincount(asked.class_I, minlength=3).tolist() == expected
        assert (asked.class_I == BOUNDS.classes(whole.seeds.lengths[asked.number_I])).all()
    orders = [ReachTest.draw(whole, BOUNDS, items=99, seed=seed).number_I.tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(13))


def test_what_is_asked_knows_seeds_and_truth_by_candidate_and_by_user() -> None:
    asked = asked_of()
    assert [(one.item, one.seeds_S.tolist()) for one in asked.candidates()] == [
        ([2, 3, 4][number], SEEDS[number]) for number in asked.number_I
    ]
    later = {0: {1, 3}, 1: {2}, 2: {1}}
    assert [set(one) for one in lists(asked.later)] == [later[number] for number in asked.number_I]
    true = [{asked.number_I[place] for place in places} for places in lists(asked.truth)]
    assert true == [{0, 2}, {1}, {0}]


def lists(of: Ragged) -> list[list[int]]:
    return [of.part(slice(row, row + 1)).values.tolist() for row in range(len(of))]
