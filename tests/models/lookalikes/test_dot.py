"""Inner product and popularity: the two look-alikes that do not look at who the seeds are."""

import numpy as np
import polars as pl
import pytest

from penchant.features.ragged import Ragged
from penchant.models.lookalikes.dot import InnerProduct
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import Candidate, Crowd
from penchant.schema import PAD, UNKNOWN

CROWD = Crowd(
    pl.Series(["a", "b", "c"]),
    np.array([[1, 2], [0, -1], [3, 0]], np.float32),
    Ragged(np.zeros(4, int), np.zeros(0, int)),
    width=1,
)
ITEM_VX = np.array([[0, 0], [9, 9], [2, -0.5]], np.float32)


def test_a_score_is_the_inner_product_of_item_and_user() -> None:
    likeness = InnerProduct(ITEM_VX).liken(Candidate(2, np.array([0])), CROWD)
    assert likeness.scores(np.array([2, 0, 1])).tolist() == [6.0, 1.0, 0.5]


@pytest.mark.parametrize("item", [PAD, UNKNOWN])
def test_an_item_that_training_never_saw_has_no_score(item: int) -> None:
    score_B = InnerProduct(ITEM_VX).liken(Candidate(item, np.array([0])), CROWD).scores(np.arange(3))
    assert score_B.dtype == np.float32
    assert np.isnan(score_B).all()


def test_popularity_is_the_number_of_seeds_for_everybody() -> None:
    assert Popular().liken(Candidate(2, np.array([0, 2])), CROWD).scores(np.arange(3)).tolist() == [2.0, 2.0, 2.0]
