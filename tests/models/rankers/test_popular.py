"""Popularity of items, counted by hand."""

from pathlib import Path

import pytest

from penchant.models.rankers.popular import PRIOR_SHOWN, PopularRanker
from penchant.models.rankers.promise import RankerSizes
from penchant.schema import CLICKED, ITEM, UNKNOWN
from tests.models.rankers.shards import ID_A, ID_B, ID_C, shard


def test_rates_are_counted_and_smoothed_by_task(tmp_path: Path) -> None:
    """Item a was clicked once of two times, b and c never of one, the unknown one once of one; whether something was
    liked is known of a alone: once of two times."""
    rate_VQ = PopularRanker.count([shard(tmp_path)], RankerSizes({}, {ITEM: 6}, (CLICKED, "like"))).logit_VQ.sigmoid()
    clicked, liked = 3 / 7, 2 / 4
    prior = PRIOR_SHOWN * clicked
    assert rate_VQ[ID_A].tolist() == pytest.approx([(1 + prior) / (2 + PRIOR_SHOWN), liked])
    assert rate_VQ[ID_B].tolist() == pytest.approx([prior / (1 + PRIOR_SHOWN), liked])
    assert rate_VQ[UNKNOWN].tolist() == pytest.approx([(1 + prior) / (1 + PRIOR_SHOWN), liked])
    assert rate_VQ[ID_C + 1].tolist() == pytest.approx([clicked, liked])
