"""Popularity of items, counted by hand."""

import pytest
import torch
from torch import tensor

from penchant.models.rankers.popular import PRIOR_SHOWN, Popular
from penchant.models.rankers.promise import RankerSizes
from penchant.schema import ITEM


def test_rates_are_counted_and_smoothed_by_task() -> None:
    """Item 2 was clicked once of two times, item 3 never of one; whether item 2 was liked is known once, and it was."""
    sizes = RankerSizes({}, {ITEM: 5}, ("click", "like"))
    shown = [
        (tensor([2, 3]), tensor([[1, torch.nan], [0, torch.nan]])),
        (tensor([2]), tensor([[0.0, 1.0]])),
    ]
    rate_VQ = Popular.count(shown, sizes).logit_VQ.sigmoid()
    mean_click, mean_like = 2 / 5, 2 / 3
    assert rate_VQ[2].tolist() == pytest.approx(
        [(1 + PRIOR_SHOWN * mean_click) / (2 + PRIOR_SHOWN), (1 + PRIOR_SHOWN * mean_like) / (1 + PRIOR_SHOWN)]
    )
    assert rate_VQ[3].tolist() == pytest.approx([PRIOR_SHOWN * mean_click / (1 + PRIOR_SHOWN), mean_like])
    assert rate_VQ[4].tolist() == pytest.approx([mean_click, mean_like])
