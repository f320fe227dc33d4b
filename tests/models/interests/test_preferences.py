"""What every model of interests promises, baselines too (models/interests/promise.py), tested once for all of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, tensor

from penchant.features.own import FACTS, Own
from penchant.features.shards import Batch
from penchant.models.catalog import build_interests
from penchant.models.interests.blend import CLICKS, OWN_BLOCKS, Blend, CopyPath, LinearPath
from penchant.models.interests.counts import counting_baselines
from penchant.models.interests.promise import Preferences
from penchant.models.interests.ridge import RidgeRegression
from penchant.schema import PAD, RESERVED, UNKNOWN
from tests.models.interests.test_promises import CONFIGS, SIZES

TAGS = SIZES.tags


def blend() -> Blend:
    """All that is known of own tags adds to them; some own clicks and genres speak for other tags."""
    linear = LinearPath({CLICKS: TAGS, "genres": SIZES.fields["genres"]}, TAGS, 3)
    copy = CopyPath(TAGS)
    generator = torch.Generator().manual_seed(0)
    for buffer in linear.buffers():
        buffer.copy_(torch.rand(buffer.shape, generator=generator) / 10)
    copy.weight.fill_(0.5)
    return Blend(linear, copy, None, 0.0, SIZES.only(["genres"]))


def ridge() -> RidgeRegression:
    """Each tag speaks for itself."""
    rng = np.random.default_rng(0)
    return RidgeRegression(np.eye(TAGS) + rng.random((TAGS, TAGS)) / 100, rng.random(TAGS) / 100)


COUNTS = np.arange(TAGS - RESERVED, 0, -1)
BASELINES: dict[str, Callable[[], Preferences]] = {
    **{name: lambda name=name: counting_baselines(COUNTS)[name] for name in counting_baselines(COUNTS)},  # type: ignore[misc]
    "ridge": ridge,
    "blend": blend,
}
MADE: dict[str, Callable[[], Preferences]] = {
    **BASELINES,
    **{name: lambda config=config: build_interests(config, SIZES) for name, config in CONFIGS.items()},  # type: ignore[misc]
}
FOLLOWS = [name for name in BASELINES if name != "popularity"]
"""Those that prefer what the user clicked before it was learned; popularity is the same for everybody."""


@pytest.fixture(params=list(MADE.values()), ids=list(MADE))
def make(request: pytest.FixtureRequest) -> Callable[[], Preferences]:
    def build() -> Preferences:
        torch.manual_seed(0)
        made: Preferences = request.param()
        return made.eval()

    return build


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


def test_padding_changes_nothing(make: Callable[[], Preferences]) -> None:
    model = make()
    bare, padded = preferences(model, [[7, 3]], [[2]]), preferences(model, [[7, 3, PAD, PAD]], [[2, PAD]])
    torch.testing.assert_close(bare, padded)


def test_the_order_of_values_changes_nothing(make: Callable[[], Preferences]) -> None:
    model = make()
    torch.testing.assert_close(preferences(model, [[7, 3, 5]], [[2, 4]]), preferences(model, [[5, 7, 3]], [[4, 2]]))


def test_other_users_of_the_batch_change_nothing(make: Callable[[], Preferences]) -> None:
    model = make()
    alone, beside = preferences(model, [[7, 3]], [[2]]), preferences(model, [[7, 3], [4, PAD]], [[2], [5]])
    torch.testing.assert_close(beside[:1], alone)


@pytest.mark.parametrize(("tags", "genres"), [(PAD, PAD), (UNKNOWN, UNKNOWN), (PAD, 3)])
def test_every_tag_has_a_finite_preference_whatever_is_known(
    make: Callable[[], Preferences], tags: int, genres: int
) -> None:
    found = preferences(make(), [[tags]], [[genres]])
    assert found.shape == (1, TAGS)
    assert found[0, :RESERVED].tolist() == [-torch.inf] * RESERVED
    assert found[0, RESERVED:].isfinite().all()


def test_the_same_seed_gives_the_same_preferences(make: Callable[[], Preferences]) -> None:
    assert torch.equal(*(preferences(make(), [[7, 3]], [[2]]) for _ in range(2)))


def test_weights_save_and_load(make: Callable[[], Preferences]) -> None:
    saved, other = make(), make()
    with torch.no_grad():
        for weights in other.state_dict().values():
            weights.zero_()
    other.load_state_dict(saved.state_dict())
    torch.testing.assert_close(preferences(other, [[7, 3]], [[2]]), preferences(saved, [[7, 3]], [[2]]))


def test_weights_are_on_one_device(make: Callable[[], Preferences]) -> None:
    assert make().device == torch.device("cpu")


@pytest.mark.parametrize("name", FOLLOWS)
def test_a_baseline_prefers_what_the_user_clicked(name: str) -> None:
    found = preferences(MADE[name](), [[tag] for tag in range(RESERVED, TAGS)], [[2]] * (TAGS - RESERVED))
    assert found.argmax(1).tolist() == list(range(RESERVED, TAGS))


def test_popularity_prefers_the_same_for_everybody() -> None:
    found = preferences(MADE["popularity"](), [[3], [9]], [[2], [2]])
    assert torch.equal(found[0], found[1])
    assert found[0, RESERVED:].tolist() == sorted(found[0, RESERVED:].tolist(), reverse=True)


def test_a_blend_reads_all_blocks_of_own_clicks() -> None:
    linear = LinearPath(dict.fromkeys(OWN_BLOCKS, TAGS), TAGS, 2)
    assert linear.users(batch([[7, 3]], [[2]])).shape == (1, 3)
