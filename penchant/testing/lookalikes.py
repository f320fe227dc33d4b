"""What every look-alike promises (models/lookalikes/promise.py), as tests that a look-alike of yours passes too."""

from dataclasses import replace

import numpy as np
import polars as pl

from penchant.evaluation.metrics import auc as auc_of
from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.promise import Candidate, Crowd, LookAlike
from penchant.schema import RESERVED, UNKNOWN

GROUPS, USERS, WIDTH, OWN, VALUES = 3, 240, 60, 12, 8
CLUSTERS = 4
WITHOUT_VALUES = 0
GROUP_N = np.arange(USERS) % GROUPS
DIRECTION_GX = np.eye(GROUPS, 8, dtype=np.float32)
ITEM_VX = np.concatenate([np.zeros((RESERVED, 8), np.float32), DIRECTION_GX])
"""Item RESERVED + g is clicked by group g."""


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
    """What a look-alike says of some users, NaN where it says nothing."""
    return made.liken(asked, crowd).scores(rows_B)


def auc(score_B: np.ndarray, true_B: np.ndarray) -> float:
    """Who scores NaN comes last."""
    return auc_of(np.nan_to_num(score_B, nan=-np.inf), true_B)


class LookalikesContract:
    """Subclass it in a test file, under a name that begins with Test, and say how a look-alike is made."""

    tells_apart: bool = True
    """Whether it tells users of one item apart; popularity does not."""

    goes_by_item: bool = False
    """Whether it goes by what training knows of the item, and says nothing of one that training never saw."""

    goes_by_seeds: bool = True
    """Whether it says nothing where there are no seeds."""

    def make(self) -> LookAlike:
        """A fresh look-alike; the same each time."""
        raise NotImplementedError

    def test_scores_are_finite_or_nan_and_float32(self) -> None:
        for seeds in (1, 3, 30):
            score_N = scores(self.make(), candidate(0, seeds))
            assert score_N.dtype == np.float32
            assert score_N.shape == (USERS,)
            assert not np.isinf(score_N).any()
            assert np.isfinite(score_N).any()

    def test_the_order_of_seeds_changes_nothing(self) -> None:
        asked = candidate(1, 30)
        turned = replace(asked, seeds_S=asked.seeds_S[::-1])
        np.testing.assert_allclose(scores(self.make(), turned), scores(self.make(), asked), rtol=1e-5)

    def test_a_score_does_not_depend_on_who_else_is_asked(self) -> None:
        likeness = self.make().liken(candidate(1, 30), CROWD)
        whole_N, some = likeness.scores(EVERYONE), np.array([200, 3, WITHOUT_VALUES, 77])
        np.testing.assert_allclose(likeness.scores(some), whole_N[some], rtol=1e-5)
        np.testing.assert_allclose(likeness.scores(some[:1]), whole_N[some[:1]], rtol=1e-5)
        assert likeness.scores(some[:0]).shape == (0,)

    def test_the_same_call_gives_the_same_scores(self) -> None:
        made = self.make()
        first = scores(made, candidate(2, 30))
        scores(made, candidate(0, 9))
        np.testing.assert_array_equal(scores(made, candidate(2, 30)), first)
        np.testing.assert_array_equal(scores(self.make(), candidate(2, 30)), first)

    def test_another_crowd_is_another_crowd(self) -> None:
        rows = np.random.default_rng(1).permutation(USERS)
        values, owner = CROWD.values.take(rows)
        ragged = Ragged(offsets_of(np.bincount(owner, minlength=USERS)), values)
        other = Crowd(CROWD.users[rows], CROWD.vectors_NX[rows], ragged, WIDTH)
        made, asked = self.make(), candidate(1, 30)
        scores(made, asked)
        np.testing.assert_array_equal(scores(made, asked, crowd=other), scores(self.make(), asked, crowd=other))

    def test_one_seed_is_enough(self) -> None:
        seed = candidate(0, 1)
        assert np.isfinite(scores(self.make(), seed, seed.seeds_S)).all()

    def test_a_user_without_values_does_no_harm(self) -> None:
        asked = candidate(0, 5)
        assert not np.isinf(scores(self.make(), asked, np.array([WITHOUT_VALUES]))).any()
        with_them = replace(asked, seeds_S=np.append(asked.seeds_S, WITHOUT_VALUES))
        assert np.isfinite(scores(self.make(), with_them, asked.seeds_S)).all()
        assert not np.isinf(scores(self.make(), replace(asked, seeds_S=np.array([WITHOUT_VALUES])))).any()

    def test_an_item_that_training_never_saw_is_judged_by_its_seeds_or_not_at_all(self) -> None:
        score_N = scores(self.make(), replace(candidate(0, 30), item=UNKNOWN))
        assert np.isnan(score_N).all() if self.goes_by_item else np.isfinite(score_N).any()

    def test_without_seeds_nothing_is_said_by_those_who_go_by_seeds(self) -> None:
        score_N, without = scores(self.make(), candidate(0, 0)), not self.goes_by_seeds
        assert np.isfinite(score_N).all() if without else np.isnan(score_N).all()

    def test_planted_look_alikes_are_found(self) -> None:
        """With fewer seeds than a candidate may have clusters, and with many."""
        for group in range(GROUPS if self.tells_apart else 0):
            for seeds in (CLUSTERS - 1, 30):
                asked = candidate(group, seeds)
                others = np.setdiff1d(EVERYONE, asked.seeds_S)
                assert auc(scores(self.make(), asked, others), GROUP_N[others] == group) > 0.9
