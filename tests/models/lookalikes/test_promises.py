"""What every look-alike promises (models/base.py), tested once for all of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import rankdata

from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.dot import InnerProduct
from penchant.models.lookalikes.logistic import Logistic, LogisticConfig
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import Candidate, Crowd, LookAlike
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import SeedClusters
from penchant.models.lookalikes.yahoo import Yahoo, YahooConfig
from penchant.schema import RESERVED, UNKNOWN

GROUPS, USERS, WIDTH, OWN, VALUES = 3, 240, 60, 12, 8
CLUSTERS = 4
WITHOUT_VALUES = 0
GROUP_N = np.arange(USERS) % GROUPS
DIRECTION_GX = np.eye(GROUPS, 8, dtype=np.float32)
ITEM_VX = np.concatenate([np.zeros((RESERVED, 8), np.float32), DIRECTION_GX])
"""Item RESERVED + g is clicked by group g."""


def ralm(config: RalmConfig) -> LookAlike:
    """Untrained: what users are like passes through random weights well enough."""
    torch.manual_seed(0)
    return SeedClusters(Ralm(config, width=8), seed=0)


MAKERS: dict[str, Callable[[], LookAlike]] = {
    "yahoo": lambda: Yahoo(YahooConfig(), seed=0),
    "yahoo-p>q": lambda: Yahoo(YahooConfig(positive_filter="p>q"), seed=0),
    "yahoo-none": lambda: Yahoo(YahooConfig(positive_filter="none"), seed=0),
    "logistic": lambda: Logistic(LogisticConfig(), seed=0),
    "logistic-few-seeds": lambda: Logistic(LogisticConfig(most_seeds=7), seed=0),
    "inner-product": lambda: InnerProduct(ITEM_VX),
    "popular": Popular,
    "ralm": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS)),
    "ralm-detached": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, detach=True)),
    "ralm-printed": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, global_attention="printed")),
    "ralm-self": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, global_attention="self")),
    "ralm-prelu": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, transform="prelu")),
    "ralm-average": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, pool="average")),
}
ABLE = {name: maker for name, maker in MAKERS.items() if name != "popular"}
"""Popularity is the same for everybody, so it finds nobody."""


def planted() -> Crowd:
    """Users of three groups: near the direction of theirs, and with most values from a dozen that are the group's own,
    three of which everyone of the group has."""
    rng = np.random.default_rng(0)
    vectors_NX = DIRECTION_GX[GROUP_N] + rng.normal(0, 0.15, (USERS, 8)).astype(np.float32)
    values = []
    for group in GROUP_N:
        own = np.concatenate([np.arange(3), 3 + rng.choice(OWN - 3, VALUES - 3, replace=False)]) + group * OWN
        values.append(np.sort(np.concatenate([own, GROUPS * OWN + rng.choice(WIDTH - GROUPS * OWN, 4, replace=False)])))
    values[WITHOUT_VALUES] = np.zeros(0, np.int64)
    ragged = Ragged(offsets_of(np.array([len(own) for own in values])), np.concatenate(values))
    return Crowd(pl.Series([f"u{row}" for row in range(USERS)]), vectors_NX, ragged, WIDTH)


CROWD, EVERYONE = planted(), np.arange(USERS)


def candidate(group: int, seeds: int) -> Candidate:
    """The item of a group, clicked by so many of the group, in no order of rows; never by who has no values."""
    members = np.flatnonzero((group == GROUP_N) & (EVERYONE != WITHOUT_VALUES))
    return Candidate(RESERVED + group, np.random.default_rng(seeds).permutation(members)[:seeds])


def scores(made: LookAlike, asked: Candidate, rows_B: np.ndarray = EVERYONE, crowd: Crowd = CROWD) -> np.ndarray:
    return made.liken(asked, crowd).scores(rows_B)


def auc(score_B: np.ndarray, true_B: np.ndarray) -> float:
    """Who scores NaN comes last."""
    rank_B = rankdata(np.nan_to_num(score_B, nan=-np.inf))
    positives, negatives = true_B.sum(), (~true_B).sum()
    return float((rank_B[true_B].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@pytest.fixture(params=list(MAKERS.values()), ids=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[], LookAlike]:
    return request.param


def test_scores_are_finite_or_nan_and_float32(make: Callable[[], LookAlike]) -> None:
    for seeds in (1, 3, 30):
        score_N = scores(make(), candidate(0, seeds))
        assert score_N.dtype == np.float32
        assert score_N.shape == (USERS,)
        assert not np.isinf(score_N).any()
        assert np.isfinite(score_N).any()


def test_the_order_of_seeds_changes_nothing(make: Callable[[], LookAlike]) -> None:
    asked = candidate(1, 30)
    turned = replace(asked, seeds_S=asked.seeds_S[::-1])
    np.testing.assert_allclose(scores(make(), turned), scores(make(), asked), rtol=1e-5)


def test_a_score_does_not_depend_on_who_else_is_asked(make: Callable[[], LookAlike]) -> None:
    likeness = make().liken(candidate(1, 30), CROWD)
    whole_N, some = likeness.scores(EVERYONE), np.array([200, 3, WITHOUT_VALUES, 77])
    np.testing.assert_allclose(likeness.scores(some), whole_N[some], rtol=1e-5)
    np.testing.assert_allclose(likeness.scores(some[:1]), whole_N[some[:1]], rtol=1e-5)
    assert likeness.scores(some[:0]).shape == (0,)


def test_the_same_call_gives_the_same_scores(make: Callable[[], LookAlike]) -> None:
    made = make()
    first = scores(made, candidate(2, 30))
    scores(made, candidate(0, 9))
    np.testing.assert_array_equal(scores(made, candidate(2, 30)), first)
    np.testing.assert_array_equal(scores(make(), candidate(2, 30)), first)


def test_another_crowd_is_another_crowd(make: Callable[[], LookAlike]) -> None:
    rows = np.random.default_rng(1).permutation(USERS)
    values, owner = CROWD.values.take(rows)
    ragged = Ragged(offsets_of(np.bincount(owner, minlength=USERS)), values)
    other = Crowd(CROWD.users[rows], CROWD.vectors_NX[rows], ragged, WIDTH)
    made, asked = make(), candidate(1, 30)
    scores(made, asked)
    np.testing.assert_array_equal(scores(made, asked, crowd=other), scores(make(), asked, crowd=other))


def test_one_seed_is_enough(make: Callable[[], LookAlike]) -> None:
    seed = candidate(0, 1)
    assert np.isfinite(scores(make(), seed, seed.seeds_S)).all()


def test_a_user_without_values_does_no_harm(make: Callable[[], LookAlike]) -> None:
    asked = candidate(0, 5)
    assert not np.isinf(scores(make(), asked, np.array([WITHOUT_VALUES]))).any()
    with_him = replace(asked, seeds_S=np.append(asked.seeds_S, WITHOUT_VALUES))
    assert np.isfinite(scores(make(), with_him, asked.seeds_S)).all()
    assert not np.isinf(scores(make(), replace(asked, seeds_S=np.array([WITHOUT_VALUES])))).any()


def test_an_item_that_training_never_saw_is_judged_by_its_seeds_or_not_at_all(make: Callable[[], LookAlike]) -> None:
    score_N = scores(make(), replace(candidate(0, 30), item=UNKNOWN))
    assert np.isnan(score_N).all() if isinstance(make(), InnerProduct) else np.isfinite(score_N).any()


def test_without_seeds_nothing_is_said_by_those_who_go_by_seeds(make: Callable[[], LookAlike]) -> None:
    score_N, without = scores(make(), candidate(0, 0)), isinstance(make(), InnerProduct | Popular)
    assert np.isfinite(score_N).all() if without else np.isnan(score_N).all()


@pytest.mark.parametrize("able", list(ABLE.values()), ids=list(ABLE))
@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("seeds", [CLUSTERS - 1, 30], ids=["fewer seeds than clusters", "30 seeds"])
def test_planted_look_alikes_are_found(able: Callable[[], LookAlike], seeds: int, group: int) -> None:
    asked = candidate(group, seeds)
    others = np.setdiff1d(EVERYONE, asked.seeds_S)
    assert auc(scores(able(), asked, others), GROUP_N[others] == group) > 0.9
