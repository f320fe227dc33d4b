"""What every graph model promises (models/graphs/promise.py), tested once for all of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import tensor

from penchant.models.catalog import build_graph
from penchant.models.graphs.bpr import BprConfig
from penchant.models.graphs.popular import Popular
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.schema import PAD, RESERVED, UNKNOWN
from penchant.training.objectives.graphs import pairwise_loss

SIZES = GraphSizes(users=RESERVED + 6, items=RESERVED + 4)
ABLE: dict[str, Callable[[], Graph]] = {"bpr": lambda: build_graph(BprConfig(width=8), SIZES)}
MAKERS = {**ABLE, "popular": lambda: Popular(SIZES, np.array([0, 0, 9, 7, 4, 1]))}
"""Popularity is the same for everybody, so it learns no preference."""


def seeded(maker: Callable[[], Graph]) -> Callable[[], Graph]:
    def build() -> Graph:
        torch.manual_seed(0)
        return maker().eval()

    return build


@pytest.fixture(params=list(MAKERS.values()), ids=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[], Graph]:
    return seeded(request.param)


@pytest.fixture(params=list(ABLE.values()), ids=list(ABLE))
def make_able(request: pytest.FixtureRequest) -> Callable[[], Graph]:
    return seeded(request.param)


def test_users_and_items_share_a_space(make: Callable[[], Graph]) -> None:
    user_VU, item_VU = make().vectors()
    assert (len(user_VU), len(item_VU)) == (SIZES.users, SIZES.items)
    assert user_VU.shape[1] == item_VU.shape[1]


def test_unknown_nodes_have_finite_vectors_and_padding_has_none(make: Callable[[], Graph]) -> None:
    user_BU, item_BKU, _ = make().read(tensor([UNKNOWN, PAD]), tensor([[UNKNOWN], [PAD]]))
    assert user_BU.isfinite().all()
    assert item_BKU.isfinite().all()
    assert not user_BU[1].any()
    assert not item_BKU[1].any()


def test_reading_some_nodes_gives_the_rows_of_reading_all(make: Callable[[], Graph]) -> None:
    model, user_B, item_BK = make(), tensor([3, 2, 3]), tensor([[2, 5], [4, 4], [3, 2]])
    user_VU, item_VU = model.vectors()
    user_BU, item_BKU, _ = model.read(user_B, item_BK)
    torch.testing.assert_close(user_BU, user_VU[user_B])
    torch.testing.assert_close(item_BKU, item_VU[item_BK])


def test_a_preference_is_the_inner_product_and_padding_is_no_item(make: Callable[[], Graph]) -> None:
    model = make()
    user_BU, item_BKU, _ = model.read(tensor([4]), tensor([[3]]))
    preferences_BV = model.preferences(tensor([4, UNKNOWN]))
    assert preferences_BV.shape == (2, SIZES.items)
    assert preferences_BV[:, :RESERVED].isneginf().all()
    assert preferences_BV[:, RESERVED:].isfinite().all()
    torch.testing.assert_close(preferences_BV[0, 3], (user_BU * item_BKU[:, 0]).sum())


def test_a_user_does_not_depend_on_who_else_is_asked(make: Callable[[], Graph]) -> None:
    model = make()
    torch.testing.assert_close(model.preferences(tensor([5, 2, 7]))[1:2], model.preferences(tensor([2])))


def test_the_same_seed_gives_the_same_vectors(make: Callable[[], Graph]) -> None:
    assert all(torch.equal(*pair) for pair in zip(make().vectors(), make().vectors(), strict=True))


def test_weights_save_and_load(make: Callable[[], Graph], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, other = make(), make()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert all(torch.equal(*pair) for pair in zip(model.vectors(), other.vectors(), strict=True))


def test_planted_preferences_are_learned(make_able: Callable[[], Graph]) -> None:
    """Users of one half click the first two items, users of the other half the last two; who clicked one prefers both.

    Padding stays where it is.
    """
    model = make_able().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    clicks = [(user, item) for user in range(6) for item in ((0, 1) if user < 3 else (2, 3)) if (user, item) != (0, 1)]
    user_B, item_B = (tensor(clicks) + RESERVED).T
    for step in range(100):
        drawn_B = RESERVED + (item_B - RESERVED + 2 + step % 2) % 4
        drawn_B = torch.where((user_B < RESERVED + 3) == (drawn_B < RESERVED + 2), item_B, drawn_B)
        optimizer.zero_grad()
        pairwise_loss(model, user_B, item_B, drawn_B).backward()
        optimizer.step()
    model.eval()
    best_BK = model.preferences(torch.arange(RESERVED, SIZES.users)).topk(2).indices.sort(1).values
    assert best_BK.tolist() == [[2, 3]] * 3 + [[4, 5]] * 3
    assert not any(vectors[PAD].any() for vectors in model.vectors())
