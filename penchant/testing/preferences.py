"""What every model of interests promises, a baseline too, as tests that a baseline of yours passes too."""

import torch
from torch import Tensor, tensor

from penchant.features.own import FACTS, Own
from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.interests.promise import Preferences
from penchant.schema import PAD, RESERVED, UNKNOWN
from penchant.testing.interests import SIZES


class PreferencesContract:
    """Subclass it in a test file, under a name that begins with Test, and say how a model is made."""

    def make(self, sizes: Sizes) -> Preferences:
        """A fresh model; what is random comes from torch's global generator."""
        raise NotImplementedError

    def fresh(self) -> Preferences:
        """A model of seed 0, ready to score."""
        torch.manual_seed(0)
        return self.make(SIZES).eval()

    def test_padding_changes_nothing(self) -> None:
        model = self.fresh()
        bare, padded = preferences(model, [[7, 3]], [[2]]), preferences(model, [[7, 3, PAD, PAD]], [[2, PAD]])
        torch.testing.assert_close(bare, padded)

    def test_the_order_of_values_changes_nothing(self) -> None:
        model = self.fresh()
        torch.testing.assert_close(preferences(model, [[7, 3, 5]], [[2, 4]]), preferences(model, [[5, 7, 3]], [[4, 2]]))

    def test_other_users_of_the_batch_change_nothing(self) -> None:
        model = self.fresh()
        alone, beside = preferences(model, [[7, 3]], [[2]]), preferences(model, [[7, 3], [4, PAD]], [[2], [5]])
        torch.testing.assert_close(beside[:1], alone)

    def test_every_tag_has_a_finite_preference_whatever_is_known(self) -> None:
        for tags, genres in [(PAD, PAD), (UNKNOWN, UNKNOWN), (PAD, 3)]:
            found = preferences(self.fresh(), [[tags]], [[genres]])
            assert found.shape == (1, SIZES.tags)
            assert found[0, :RESERVED].tolist() == [-torch.inf] * RESERVED
            assert found[0, RESERVED:].isfinite().all()

    def test_the_same_seed_gives_the_same_preferences(self) -> None:
        assert torch.equal(*(preferences(self.fresh(), [[7, 3]], [[2]]) for _ in range(2)))

    def test_weights_save_and_load(self) -> None:
        saved, other = self.fresh(), self.fresh()
        with torch.no_grad():
            for weights in other.state_dict().values():
                weights.zero_()
        other.load_state_dict(saved.state_dict())
        torch.testing.assert_close(preferences(other, [[7, 3]], [[2]]), preferences(saved, [[7, 3]], [[2]]))

    def test_weights_are_on_one_device(self) -> None:
        assert self.fresh().device == torch.device("cpu")


def batch(tags: list[list[int]], genres: list[list[int]]) -> Batch:
    """Users who clicked some tags once each, which are in their field of tags too."""
    ids = {"tags": tensor(tags), "genres": tensor(genres)}
    known = ids["tags"].clone()
    known[known == UNKNOWN] = PAD
    facts_BHF = (known != PAD).float()[..., None].expand(-1, -1, len(FACTS))
    return Batch(ids, {name: (ids_BH != PAD).float() for name, ids_BH in ids.items()}, Own(known, facts_BHF))


def preferences(model: Preferences, tags: list[list[int]], genres: list[list[int]]) -> Tensor:
    with torch.inference_mode():
        return model.preferences(batch(tags, genres))
