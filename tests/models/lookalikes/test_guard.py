"""A look-alike of another package is held to what look-alikes promise, and named where it breaks that."""

from typing import Any

import numpy as np
import pytest

from penchant.errors import PromiseError
from penchant.models.lookalikes.guard import Guarded
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike
from penchant.models.lookalikes.yahoo import Yahoo, YahooConfig
from penchant.testing import LookalikesContract
from tests.evaluation.planted_rounds import Told, crowd_of

ASKED = Candidate(0, np.array([1, 2]))


class Broken(LookAlike, Likeness):
    """It gives whatever it was made of, as likeness or as scores."""

    def __init__(self, *, likeness: Any = None, scores: Any = None) -> None:
        self.likeness, self.given = likeness, scores

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:  # noqa: ARG002
        return self if self.given is not None else self.likeness

    def scores(self, rows_B: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return self.given


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Broken(), "`liken` of the look-alike 'alike' has to give a Likeness, but gave NoneType; .*LookalikesContract"),
        (Broken(scores=np.zeros(2, np.float32)), r"'alike' has to give scores of shape \(3,\), but gave shape \(2,\)"),
        (Broken(scores=np.zeros((3, 1), np.float32)), r"shape \(3,\), but gave shape \(3, 1\)"),
        (Broken(scores=[0.0, 0.0, 0.0]), r"shape \(3,\), but gave list; .*docs/write-your-own-model"),
        (
            Broken(scores=np.array([0, np.inf, -np.inf])),
            "'alike' gives scores that are infinite, for 2 of 3 users; NaN",
        ),
    ],
)
def test_what_breaks_the_promise_is_named_with_what_is_expected(broken: LookAlike, said: str) -> None:
    with pytest.raises(PromiseError, match=said):
        Guarded("alike", broken).liken(ASKED, crowd_of(4)).scores(np.arange(3))


def test_nothing_said_of_some_users_is_no_fault() -> None:
    told = Guarded("alike", Told([[np.nan, 1, 2, np.nan]])).liken(ASKED, crowd_of(4)).scores(np.array([3, 2, 0]))
    np.testing.assert_array_equal(told, [np.nan, 2, np.nan])


class TestHeld(LookalikesContract):
    def make(self) -> LookAlike:
        return Guarded("yahoo", Yahoo(YahooConfig(), seed=0))
