"""What every model of interests promises, baselines too (models/interests/promise.py), tested once for all of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from penchant.models.base import Sizes
from penchant.models.catalog import build_interests
from penchant.models.interests.blend import CLICKS, OWN_BLOCKS, Blend, CopyPath, LinearPath
from penchant.models.interests.counts import counting_baselines
from penchant.models.interests.promise import Preferences
from penchant.models.interests.ridge import RidgeRegression
from penchant.schema import RESERVED
from penchant.testing.interests import SIZES
from penchant.testing.preferences import PreferencesContract, batch, preferences
from tests.models.interests.test_promises import CONFIGS

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


class TestPreferences(PreferencesContract):
    """Baselines, the blend, and every model that has vectors."""

    made: Callable[[], Preferences]

    @pytest.fixture(autouse=True, params=list(MADE.values()), ids=list(MADE))
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.made = request.param

    def make(self, sizes: Sizes) -> Preferences:
        assert sizes == SIZES
        return self.made()
