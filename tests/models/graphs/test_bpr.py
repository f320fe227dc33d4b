"""Matrix factorisation: its penalty, worked by hand, and what it keeps at zero."""

import pytest
import torch
from torch import tensor

from penchant.models.graphs.bpr import Bpr, BprConfig
from penchant.models.graphs.promise import GraphSizes
from penchant.schema import UNKNOWN

SIZES = GraphSizes(users=4, items=5)


def test_the_penalty_is_over_what_a_step_reads_and_only_in_training() -> None:
    """Users 2 and 3, one pair of items each: (1 + 4) + (9 + 1) + (0 + 4) = 19, halved, times .1, over two users."""
    model = Bpr(BprConfig(width=1, penalty=0.1), SIZES)
    with torch.no_grad():
        model.user.weight[:] = tensor([[0.0], [0.0], [1.0], [2.0]])
        model.item.weight[:] = tensor([[0.0], [0.0], [3.0], [1.0], [2.0]])
    read = tensor([2, 3]), tensor([[2, 3], [1, 4]])
    assert model.read(*read)[2]["penalty"].item() == pytest.approx(0.475)
    assert model.eval().read(*read)[2] == {}


def test_unknown_users_and_items_have_the_vector_zero() -> None:
    user_VU, item_VU = Bpr(BprConfig(width=3), SIZES).vectors()
    assert not user_VU[UNKNOWN].any()
    assert not item_VU[UNKNOWN].any()
    assert user_VU[2:].all()
