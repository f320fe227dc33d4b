"""What every graph model promises (models/graphs/promise.py), as tests that a model of yours passes too."""

import torch
from safetensors.torch import load, save
from torch import tensor

from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.schema import PAD, RESERVED, UNKNOWN
from penchant.training.objectives.graphs import pairwise_loss

SIZES = GraphSizes(users=RESERVED + 6, items=RESERVED + 4)


class GraphsContract:
    """Subclass it in a test file, under a name that begins with Test, and say how a model is made."""

    learns: bool = True
    """Whether training moves it."""

    def make(self, sizes: GraphSizes) -> Graph:
        """A fresh model; initial weights come from torch's global generator."""
        raise NotImplementedError

    def fresh(self) -> Graph:
        """A model of seed 0, ready to score."""
        torch.manual_seed(0)
        return self.make(SIZES).eval()

    def test_users_and_items_share_a_space(self) -> None:
        user_VU, item_VU = self.fresh().vectors()
        assert (len(user_VU), len(item_VU)) == (SIZES.users, SIZES.items)
        assert user_VU.shape[1] == item_VU.shape[1]

    def test_unknown_nodes_have_finite_vectors_and_padding_has_none(self) -> None:
        user_BU, item_BKU, _ = self.fresh().read(tensor([UNKNOWN, PAD]), tensor([[UNKNOWN], [PAD]]))
        assert user_BU.isfinite().all()
        assert item_BKU.isfinite().all()
        assert not user_BU[1].any()
        assert not item_BKU[1].any()

    def test_reading_some_nodes_gives_the_rows_of_reading_all(self) -> None:
        model, user_B, item_BK = self.fresh(), tensor([3, 2, 3]), tensor([[2, 5], [4, 4], [3, 2]])
        user_VU, item_VU = model.vectors()
        user_BU, item_BKU, _ = model.read(user_B, item_BK)
        torch.testing.assert_close(user_BU, user_VU[user_B])
        torch.testing.assert_close(item_BKU, item_VU[item_BK])

    def test_a_preference_is_the_inner_product_and_padding_is_no_item(self) -> None:
        model = self.fresh()
        user_BU, item_BKU, _ = model.read(tensor([4]), tensor([[3]]))
        preferences_BV = model.preferences(tensor([4, UNKNOWN]))
        assert preferences_BV.shape == (2, SIZES.items)
        assert preferences_BV[:, :RESERVED].isneginf().all()
        assert preferences_BV[:, RESERVED:].isfinite().all()
        torch.testing.assert_close(preferences_BV[0, 3], (user_BU * item_BKU[:, 0]).sum())

    def test_a_user_does_not_depend_on_who_else_is_asked(self) -> None:
        model = self.fresh()
        torch.testing.assert_close(model.preferences(tensor([5, 2, 7]))[1:2], model.preferences(tensor([2])))

    def test_the_same_seed_gives_the_same_vectors(self) -> None:
        assert all(torch.equal(*pair) for pair in zip(self.fresh().vectors(), self.fresh().vectors(), strict=True))

    def test_weights_save_and_load(self) -> None:
        torch.manual_seed(0)
        model, other = self.fresh(), self.fresh()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape))
        other.load_state_dict(load(save(model.state_dict())))
        assert all(torch.equal(*pair) for pair in zip(model.vectors(), other.vectors(), strict=True))

    def test_planted_preferences_are_learned(self) -> None:
        """Users of one half click the first two items, users of the other half the last two; users prefer both of
        theirs, also where they clicked one alone. Padding stays where it is."""
        if not self.learns:
            return
        model = self.fresh().train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        clicks = [
            (user, item) for user in range(6) for item in ((0, 1) if user < 3 else (2, 3)) if (user, item) != (0, 1)
        ]
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
