"""Look-alike scorers beside each other: pairs worked by hand, and a crowd of two tastes."""

import json
from typing import Any

import numpy as np
import pytest

from penchant.audiences.expected import Bounds, ExpectedPrecision
from penchant.errors import DataError, PromiseError
from penchant.evaluation.protocols.lookalikes import (
    LookalikeEvaluation,
    LookalikeTest,
    PairLabels,
    evaluate_lookalikes,
    later_per_seed,
    measure_pairs,
    refuse_silent,
    score_pairs,
)
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import Contestant, LookAlike
from penchant.progress import Progress
from penchant.schema import UNKNOWN
from tests.evaluation.planted_rounds import Told, crowd_of, ragged, round_of

# Item 2 is asked about in both rounds, with more seeds in the second; an item that training never saw has user 6 as
# its seed; item 3 has no seeds, item 4 no labels.
FIRST = round_of([2, UNKNOWN, 3], [[0], [6], []], [(0, 1, True), (1, 2, False), (0, 2, False), (2, 3, True)])
SECOND = round_of([4, 2], [[5], [0, 1]], [(1, 3, True), (1, 4, False)])
ROUNDS = [FIRST, SECOND]
CROWD = crowd_of(7)
SCORES = [[0.0] * 7, [0, 0, 0.9, 0, 0, 0, 0], [0, 0.8, 0.3, 0.5, 0.5, 0, 0], [1.0] * 7, [1.0] * 7]
QUICK = LookalikeEvaluation(audience_items=30, resamples=20)


def test_each_candidate_is_likened_once_a_round_to_its_seeds_of_then() -> None:
    told = Told(SCORES)
    scores_L = score_pairs(told, CROWD, ROUNDS)
    np.testing.assert_allclose(scores_L, [0.8, 0.9, 0.3, np.nan, 0.5, 0.5], rtol=1e-6)
    assert scores_L.dtype == np.float32
    assert told.asked == [(2, [0]), (UNKNOWN, [6]), (2, [0, 1])]


def test_a_round_without_labels_has_no_scores() -> None:
    assert score_pairs(Told(SCORES), CROWD, [round_of([2], [[0]], [])]).tolist() == []


def test_auc_of_all_pairs_by_class_by_item_and_by_user() -> None:
    """Clicked: 0.8 (item 2, then 1 seed), none (item 3, 0 seeds), 0.5 (item 2, then 2 seeds); not: 0.9, 0.3, 0.5."""
    pairs = PairLabels.of(ROUNDS)
    bounds = Bounds.of(pairs.seeds_C[pairs.labelled])
    assert bounds == Bounds(2, 2)
    found = measure_pairs(score_pairs(Told(SCORES), CROWD, ROUNDS), pairs, bounds, QUICK)
    assert found["auc"].mean == (2 + 0 + 1.5) / 9
    # Tail: 0.8 and none against 0.9 and 0.3. Head: 0.5 against 0.5.
    assert found["auc.tail"].mean == 1 / 4
    assert found["auc.head"].mean == 1 / 2
    assert np.isnan(found["auc.middle"].mean)
    assert found["auc.known"].mean == (2 + 0 + 1.5) / 6
    # Item 2 at first: 0.8 beats 0.3; later: level. The others have only one kind of label.
    assert found["auc within items"].mean == (1 + 1 / 2) / 2
    # No user has both kinds.
    assert np.isnan(found["auc within users"].mean)
    assert found["scored"].as_json() == {"mean": 5 / 6}


def test_auc_within_users_asks_which_item_and_within_items_asks_who() -> None:
    one = round_of([2, 3], [[0], [0, 1]], [(0, 2, True), (1, 2, False), (0, 3, False), (1, 3, True)])
    pairs = PairLabels.of([one])
    found = measure_pairs(score_pairs(Popular(), crowd_of(4), [one]), pairs, Bounds(2, 2), QUICK)
    # User 2 clicked the less popular item, user 3 the more popular one.
    assert found["auc within users"].mean == 1 / 2
    assert sorted(set(np.asarray(found["auc within users"].values))) == [0, 1 / 2, 1]
    assert found["auc within items"].mean == 1 / 2


def test_resamples_without_the_only_user_who_can_answer_are_left_out() -> None:
    one = round_of([2, 3], [[0], [0, 1]], [(0, 2, False), (1, 2, True), (1, 3, False)])
    pairs = PairLabels.of([one])
    found = measure_pairs(score_pairs(Popular(), crowd_of(4), [one]), pairs, Bounds(2, 2), QUICK)
    assert np.isnan(np.asarray(found["auc within users"].values)).any()
    assert found["auc within users"].as_json() == {"mean": 1.0, "half": 0.0}


@pytest.mark.parametrize(("clicked", "counts"), [(True, "2 clicked and 0 other"), (False, "0 clicked and 2 other")])
def test_labels_of_one_kind_only_are_refused(clicked: bool, counts: str) -> None:
    with pytest.raises(DataError, match=counts):
        PairLabels.of([round_of([2], [[0]], [(0, 1, clicked), (0, 2, clicked)])])


def test_no_rounds_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="0 clicked and 0 other"):
        PairLabels.of([])


def test_later_clickers_per_seed_are_a_ratio_of_sums_with_those_whom_nobody_clicked_later() -> None:
    """Tail: 3 clickers by 1 + 1 seeds; head: 1 by 2 + 4; who has no seeds does not count."""
    seeds = [[0], [1], [0, 1], [0, 1, 2, 3], []]
    whole = round_of(range(5), seeds, [(0, user, True) for user in (4, 5, 6)] + [(2, 4, True), (4, 4, True)])
    assert later_per_seed(whole, Bounds(2, 2)) == {"all": 4 / 8, "tail": 3 / 2, "head": 1 / 6}


def tastes(seed: int = 0, users: int = 400, items: int = 30) -> tuple[LookalikeTest, np.ndarray, int]:
    """Users and items of two tastes; clicks are four times as likely within a taste. The test, and who is alike."""
    rng = np.random.default_rng(seed)
    taste_N, taste_C = np.arange(users) % 2, np.arange(items) % 2
    alike_CN = taste_C[:, None] == taste_N
    chance_CN = np.where(alike_CN, 0.08, 0.02) * np.linspace(0.3, 2, items)[:, None]
    before_CN, after_CN = rng.random((2, items, users)) < chance_CN
    after_CN &= ~before_CN
    seeds = [np.flatnonzero(before).tolist() or [0] for before in before_CN]
    clicks = [(int(candidate), int(user), True) for candidate, user in np.argwhere(after_CN)]
    drawn = rng.integers((items, users), size=(3 * len(clicks), 2))
    others = [(int(c), int(u), False) for c, u in drawn if not (before_CN | after_CN)[c, u]]
    ids = range(2, items + 2)
    kinds = {"tags": ragged([[int(taste), 2 + number] for number, taste in enumerate(taste_C)])}
    test = LookalikeTest([round_of(ids, seeds, clicks + others)], round_of(ids, seeds, clicks), kinds)
    return test, np.vstack([np.zeros((2, users)), alike_CN]), users


def evaluated(**lookalikes: LookAlike) -> dict[str, Any]:
    test, alike_VN, users = tastes()
    crowd = crowd_of(users)
    asked = {"ralm": Told(alike_VN), "popular": Popular(), **lookalikes}
    contestants = {name: Contestant(one, crowd) for name, one in asked.items()}
    return evaluate_lookalikes(contestants, test, QUICK, reference="ralm")


def test_who_says_nothing_of_anybody_is_refused_by_name() -> None:
    """It would win nothing, and lose nothing: all pairs are level."""
    test, alike_VN, _ = tastes()
    silent = Told(np.full(alike_VN.shape, np.nan))
    with pytest.raises(PromiseError, match=r"the look-alike 'silent' gives NaN.* of 30 items; .*LookalikesContract"):
        evaluated(silent=silent)
    seeds_S = test.rounds[0].seeds.part(slice(3, 4)).values
    silent.score_VN[test.rounds[0].items_C[3], seeds_S] = 0.5
    assert evaluated(silent=silent)["scores"]["silent"]["auc"]["mean"] == 0.5, "something can be said, if of few"


def test_nothing_need_be_said_of_items_that_training_never_saw() -> None:
    one = round_of([UNKNOWN, 2], [[0], []], [(0, 1, True), (0, 2, False), (1, 3, True)])
    asked, crowd = Told(np.full((3, 7), np.nan)), crowd_of(7)
    refuse_silent("youtube", score_pairs(asked, crowd, [one]), Contestant(asked, crowd), [one])


def test_popularity_knows_which_item_and_not_who() -> None:
    scores = evaluated()["scores"]
    assert scores["popular"]["auc within items"] == {"mean": 0.5, "half": 0.0}
    assert scores["popular"]["auc"]["mean"] > 0.55
    for share in ("0.1", "1", "5", "10", "20"):
        assert scores["popular"][f"recall@{share}%"]["mean"] == pytest.approx(float(share) / 100)


def test_who_knows_tastes_finds_later_clickers() -> None:
    metrics = evaluated()
    ours, ahead = metrics["scores"]["ralm"], metrics["minus"]["ralm"]["popular"]
    # Of clickers 0.8 share the taste, of others half.
    for metric in ("auc within items", "area"):
        assert ours[metric]["mean"] == pytest.approx((1 + 0.8 - 0.5) / 2, abs=0.05), metric
    assert ours["recall@20%"]["mean"] == pytest.approx(0.8 * 0.4, abs=0.06)
    for metric in ("auc within items", "recall@20%", "area"):
        assert ahead[metric]["mean"] > ahead[metric]["half"] > 0, metric


def test_every_metric_is_there_and_finite() -> None:
    metrics = evaluated()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    classes = ("", ".tail", ".middle", ".head")
    named = {f"{name}{end}" for name in ("auc", "recall@1%", "recall@5%", "recall@10%", "area") for end in classes}
    named |= {"auc.known", "auc within items", "auc within users", "prec@10", "prec@50", "tags@10", "tail share@10"}
    assert named | {"scored", "evenness@10"} <= set(metrics["scores"]["ralm"])
    assert named <= set(metrics["minus"]["ralm"]["popular"])
    assert all(said["half"] >= 0 for said in metrics["minus"]["ralm"]["popular"].values())


def test_differences_are_of_the_means() -> None:
    metrics = evaluated()
    ours, theirs = (metrics["scores"][name] for name in ("ralm", "popular"))
    for metric, said in metrics["minus"]["ralm"]["popular"].items():
        assert said["mean"] == pytest.approx(ours[metric]["mean"] - theirs[metric]["mean"], abs=1e-9), metric


def test_a_scorer_differs_from_itself_by_nothing() -> None:
    alike_VN = tastes()[1]
    for said in evaluated(again=Told(alike_VN))["minus"]["ralm"]["again"].values():
        assert said == {"mean": 0.0, "half": 0.0}


def test_the_same_call_gives_the_same_metrics() -> None:
    assert evaluated() == evaluated()


def test_counts_add_up() -> None:
    test, _, users = tastes()
    counts = evaluated()["counts"]
    assert counts["labels"] == len(test.rounds[0].user_L) == counts["labels.known"]
    assert counts["clicked"] == len(test.whole.user_L)
    assert counts["crowd"] == users
    for name in ("labels", "candidates", "audiences"):
        assert sum(counts[f"{name}.{kind}"] for kind in ("tail", "middle", "head")) == counts[name], name


def test_expected_precision_comes_true_on_the_crowd_it_was_measured_on() -> None:
    metrics = evaluated()
    expected = ExpectedPrecision.read(metrics, "ralm")
    assert expected
    # A quarter of 400 is reached through the taste: 0.8 of the later clickers are in the better half.
    (best, *_) = expected.of(seeds=20, size=80, reachable=380)
    clickers = 20 * metrics["expected"]["later_per_seed"]["middle"]
    assert best.precision == pytest.approx(0.8 / 190 * clickers, rel=0.25)
    assert best.random == pytest.approx(clickers / 380, rel=0.25)


def test_a_test_period_without_audiences_still_has_pairs() -> None:
    asked = LookalikeTest(ROUNDS, round_of([2], [[0]], []), {"tags": ragged([[1]])})
    contestants = {"ralm": Contestant(Told(SCORES), CROWD)}
    metrics = evaluate_lookalikes(contestants, asked, QUICK, reference="ralm")
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["counts"]["audiences"] == 0
    # No candidate is in the middle, and no user has both kinds of label.
    assert set(metrics["scores"]["ralm"]) == {"auc", "auc.tail", "auc.head", "auc.known", "auc within items", "scored"}
    assert ExpectedPrecision.read(metrics, "ralm") is None


def test_progress_is_told_of_every_part() -> None:
    heard: list[Progress] = []
    test, alike_VN, users = tastes()
    contestants = {"ralm": Contestant(Told(alike_VN), crowd_of(users))}
    evaluate_lookalikes(contestants, test, QUICK, reference="ralm", report=heard.append)
    assert [(one.done, one.total) for one in heard] == [(0, 2), (1, 2), (2, 2)]
    assert {one.step for one in heard} == {"look-alikes"}
