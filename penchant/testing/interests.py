"""What every interest model promises (models/interests/promise.py), as tests that a model of yours passes too."""

from collections.abc import Callable

import torch
from torch import Tensor, nn, tensor

from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.interests.promise import Interests
from penchant.schema import PAD, UNKNOWN
from penchant.training.losses import LabelBatch, softmax

SIZES = Sizes({"tags": 12, "genres": 6}, tags=12, tag_fields=("tags",))

NAMES_OF_PYTHON = sorted({*dir(nn.ModuleDict), *dir(nn.Module), *dir(dict), *dir(Batch), "a.b", "", "0", "ß ✓"})
"""What a field may be called too."""


class InterestsContract:
    """Subclass it in a test file, under a name that begins with Test, and say how a model is made."""

    def make(self, sizes: Sizes) -> Interests:
        """A fresh model; initial weights come from torch's global generator."""
        raise NotImplementedError

    def fresh(self, sizes: Sizes = SIZES) -> Interests:
        """A model of seed 0, ready to score."""
        torch.manual_seed(0)
        return self.make(sizes).eval()

    def test_fields_may_be_called_anything(self) -> None:
        """As many fields as there are names: what they are called changes neither vectors nor attention."""
        vectors = []
        for names in (NAMES_OF_PYTHON, [f"f{number}" for number in range(len(NAMES_OF_PYTHON))]):
            model = self.fresh(Sizes(dict.fromkeys(names, 5), tags=9))
            ids = {name: tensor([[number % 5, 2]]) for number, name in enumerate(names)}
            user_BU, attention = model.read(Batch(ids, {name: ids_BH.float() for name, ids_BH in ids.items()}))
            assert list(attention.values) == names
            vectors.append(user_BU)
            model.load_state_dict(model.state_dict())
        assert torch.equal(*vectors)

    def test_padding_changes_nothing(self) -> None:
        model = self.fresh()
        bare = model.users(batch([[7, 3]], [[2]], [[2.0, 1.0]]))
        padded = model.users(batch([[7, 3, PAD, PAD]], [[2, PAD]], [[2.0, 1.0, 0.0, 0.0]]))
        torch.testing.assert_close(bare, padded)

    def test_the_order_of_values_changes_nothing(self) -> None:
        model = self.fresh()
        one = model.users(batch([[7, 3, 5]], [[2, 4]], [[2.0, 1.0, 4.0]]))
        other = model.users(batch([[5, 7, 3]], [[4, 2]], [[4.0, 2.0, 1.0]]))
        torch.testing.assert_close(one, other)

    def test_other_users_of_the_batch_change_nothing(self) -> None:
        model = self.fresh()
        alone = model.users(batch([[7, 3]], [[2]]))
        torch.testing.assert_close(model.users(batch([[7, 3], [4, PAD]], [[2], [5]]))[:1], alone)

    def test_empty_history_and_unknown_ids_are_finite(self) -> None:
        model = self.fresh()
        for tags, genres in [([[PAD]], [[PAD]]), ([[UNKNOWN]], [[UNKNOWN]]), ([[PAD]], [[3]])]:
            given = batch(tags, genres)
            assert model.users(given).isfinite().all()
            for parameter in model.parameters():
                parameter.grad = None
            model.users(given).sum().backward()
            assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())

    def test_values_matter(self) -> None:
        model = self.fresh()
        assert not torch.allclose(model.users(batch([[7, 3]], [[2]])), model.users(batch([[7, 4]], [[2]])))

    def test_same_seed_same_vectors(self) -> None:
        given = batch([[7, 3]], [[2]])
        assert torch.equal(self.fresh().users(given), self.fresh().users(given))

    def test_attention_sums_to_one_and_is_zero_on_padding(self) -> None:
        attention = self.fresh().read(batch([[7, 3, PAD]], [[PAD, PAD, PAD]]))[1]
        torch.testing.assert_close(attention.values["tags"].sum(2), torch.ones_like(attention.values["tags"].sum(2)))
        assert not attention.values["tags"][:, :, 2].any()
        assert not attention.values["genres"].any()
        torch.testing.assert_close(attention.fields[0, :, 0], torch.ones(attention.fields.shape[1]))

    def test_pad_and_unknown_are_no_tags(self) -> None:
        model = self.fresh()
        given = batch([[7, 3]], [[2]])
        preferences = model.preferences(given, model.users(given))
        assert preferences.shape == (1, SIZES.tags)
        assert preferences[0, :2].tolist() == [-torch.inf] * 2
        assert preferences[0, 2:].isfinite().all()

    def test_preference_is_the_inner_product(self) -> None:
        model, given = self.fresh(), batch([[7, 3]], [[2]])
        user_BU = model.users(given)
        torch.testing.assert_close(model.preferences(given, user_BU)[0, 5], user_BU[0] @ model.tag.weight[5])
        torch.testing.assert_close(model.preference(given, 5), model.preferences(given, user_BU)[:, 5])

    def test_the_row_of_padding_stays_zero(self) -> None:
        model = self.fresh()
        learn(model, lambda: batch([[7, 3, PAD]], [[PAD, 2, 4]]), tensor([[[2, 3, PAD]]]), steps=3)
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        assert len(tables) == 3
        assert not any(table.weight[PAD].any() for table in tables)

    def test_planted_interests_are_learned(self) -> None:
        """Who clicked tag t in the past clicks tag t + 4 next; every t is learned."""
        model = self.fresh()
        past = [[tag] for tag in range(2, 6)]
        given = batch(past, [[2]] * 4)
        learn(model, lambda: given, tensor([[[tag + 4]] for tag in range(2, 6)]), steps=150)
        assert model.eval().preferences(given, model.users(given)).argmax(1).tolist() == [6, 7, 8, 9]


def batch(tags: list[list[int]], genres: list[list[int]], weights: list[list[float]] | None = None) -> Batch:
    ids = {"tags": tensor(tags), "genres": tensor(genres)}
    given = tensor(weights) if weights else (ids["tags"] != PAD).float()
    return Batch(ids, {"tags": given, "genres": (ids["genres"] != PAD).float()})


def learn(model: Interests, given: Callable[[], Batch], tags_BKN: Tensor, steps: int) -> None:
    """Move a model by the softmax over all tags."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    labels = LabelBatch(tags_BKN, torch.ones(tags_BKN.shape[:2], dtype=torch.bool))
    for _ in range(steps):
        optimizer.zero_grad()
        softmax(model.users(given()), model.tag, labels).backward()
        optimizer.step()
