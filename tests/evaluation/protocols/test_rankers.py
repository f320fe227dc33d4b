"""What rankers are measured by, against numbers worked by hand.

Task "click", by user: label and logit of each item shown.
    anna    yes 2, no 1, no 3      AUC 1/2 of 2 pairs, 3 labels
    ben     yes 0, no 0            AUC 1/2 of 1 pair (level), 2 labels
    carl    yes 5                  one kind
    dora    no -1, yes 1           AUC 1, 2 labels
"""

from math import exp, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import DataError
from penchant.evaluation.metrics import auc
from penchant.evaluation.protocols.rankers import (
    Impressions,
    RankerEvaluation,
    evaluate_logits,
    log_loss,
    mean_auc,
    values_by_user,
)

USERS = pl.Series(["anna", "ben", "carl", "dora"])
USER_L = np.array([0, 1, 0, 2, 3, 0, 1, 3])
CLICK_L = np.array([1, 1, 0, 1, 0, 0, 0, 1.0])
LIKE_L = np.array([np.nan, 1, np.nan, 0, np.nan, 1, np.nan, np.nan])
ASKED = Impressions(USERS, USER_L, np.stack([CLICK_L, LIKE_L], 1), ("click", "like"))
LOGIT_L = np.array([2, 0, 1, 5, -1, 3, 0, 1], np.float32)
LOGIT_LQ = np.stack([LOGIT_L, np.array([9, 1, 9, 2, 9, 3, 9, 9], np.float32)], 1)
CONFIG = RankerEvaluation(resamples=50)


def loss(*probabilities: float) -> float:
    return -sum(log(one) for one in probabilities) / len(probabilities)


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


def test_each_task_counts_the_labels_that_it_has() -> None:
    assert ASKED.of(0).counts == {"impressions": 8, "positives": 5 - 1, "users": 4, "users of one kind": 1}
    assert ASKED.of(1).counts == {"impressions": 3, "positives": 2, "users": 3, "users of one kind": 3}


def test_auc_gauc_and_log_loss() -> None:
    """AUC: yes 2, 0, 5, 1 against no 1, -1, 3, 0: 3 + 1.5 + 4 + 2.5 of 16 pairs. GAUC: (3/2 + 2/2 + 2) / 7."""
    scores = evaluate_logits({"model": LOGIT_LQ}, ASKED, CONFIG, reference="model")["click"]["scores"]["model"]
    assert scores["auc"]["mean"] == pytest.approx(11 / 16)
    assert scores["gauc"]["mean"] == pytest.approx(4.5 / 7)
    yes, no = (2.0, 0.0, 5.0, 1.0), (1.0, -1.0, 3.0, 0.0)
    wanted = loss(*(sigmoid(z) for z in yes), *(sigmoid(-z) for z in no))
    assert scores["logloss"]["mean"] == pytest.approx(wanted)
    assert all(one["half"] > 0 for one in scores.values())


def test_a_task_without_users_of_both_kinds_has_no_gauc() -> None:
    scores = evaluate_logits({"model": LOGIT_LQ}, ASKED, CONFIG, reference="model")["like"]["scores"]["model"]
    assert scores["auc"]["mean"] == pytest.approx(1 / 2)
    assert set(scores) == {"auc", "logloss"}


def test_values_of_every_user() -> None:
    users = values_by_user({"model": LOGIT_LQ}, ASKED).filter(task="click")
    assert users["user"].to_list() == USERS.to_list()
    assert users["impressions"].to_list() == [3, 2, 1, 2]
    assert users["positives"].to_list() == [1, 1, 1, 1]
    np.testing.assert_allclose(users["auc"], [0.5, 0.5, np.nan, 1.0])
    anna = loss(sigmoid(2.0), sigmoid(-1.0), sigmoid(-3.0))
    np.testing.assert_allclose(users["logloss"], [anna, log(2), loss(sigmoid(5.0)), loss(sigmoid(1.0), sigmoid(1.0))])


def test_differences_are_paired() -> None:
    """Who scores a constant more on every item has the same order of items in every resample, not the same loss."""
    told = evaluate_logits({"model": LOGIT_LQ, "other": LOGIT_LQ + 1}, ASKED, CONFIG, reference="model")
    minus = told["click"]["minus"]["model"]["other"]
    assert minus["auc"] == minus["gauc"] == {"mean": 0.0, "half": 0.0}
    assert minus["logloss"]["mean"] != 0.0
    assert "model" not in told["click"]["minus"]["model"]


def test_a_scorer_without_an_opinion_gets_one_half() -> None:
    scores = evaluate_logits({"flat": np.zeros((8, 2))}, ASKED, CONFIG, reference="flat")["click"]["scores"]["flat"]
    assert (scores["auc"]["mean"], scores["gauc"]["mean"]) == (0.5, 0.5)
    assert scores["logloss"]["mean"] == pytest.approx(log(2))


def test_training_stops_by_the_mean_auc_of_all_tasks() -> None:
    assert mean_auc(LOGIT_LQ, ASKED) == pytest.approx((11 / 16 + 1 / 2) / 2)


@pytest.mark.parametrize(("label", "said"), [(1.0, 4), (0.0, 0)])
def test_labels_of_one_kind_are_refused(label: float, said: int) -> None:
    asked = Impressions(USERS, np.arange(4), np.full((4, 1), label), ("like",))
    with pytest.raises(DataError, match=rf"of 4 labels of task 'like', {said} say yes"):
        asked.of(0)


def test_log_loss_of_certainty_is_finite() -> None:
    assert log_loss(np.array([500.0], np.float32), np.array([False])).tolist() == [500.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(-2, 2)), min_size=2, max_size=40))
def test_gauc_is_the_weighted_mean_of_what_a_plain_loop_finds(rows: list[tuple[int, bool, int]]) -> None:
    user_L, yes_L, logit_L = (np.array(column) for column in zip(*rows, strict=True))
    if yes_L.all() or not yes_L.any():
        return
    asked = Impressions(USERS, user_L, yes_L[:, None].astype(float), ("click",))
    found = asked.of(0).measure(logit_L, CONFIG).found
    each = [(auc(logit_L[user_L == user], yes_L[user_L == user]), (user_L == user).sum()) for user in set(user_L)]
    known = [(value, weight) for value, weight in each if not np.isnan(value)]
    if known:
        wanted = sum(value * weight for value, weight in known) / sum(weight for _, weight in known)
        assert found["gauc"].mean == pytest.approx(wanted)
    else:
        assert np.isnan(found["gauc"].mean)
