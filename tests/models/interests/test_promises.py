"""What every interest model promises (penchant/testing/interests.py), tested once for all of them."""

import pytest
import torch

from penchant.models.base import Sizes
from penchant.models.catalog import build_interests, models_of
from penchant.models.interests.promise import Interests, TowerConfig
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.interests.utpm import Utpm, UtpmConfig
from penchant.testing.interests import SIZES, InterestsContract, batch

CONFIGS = {
    **{
        entry.name: entry.config.parse({}, origin="test")
        for entry in models_of("interests")
        if issubclass(entry.config, TowerConfig)
    },
    "ralm-users-concat": RalmUsersConfig(merge="concat", width=5),
    "af-1head": UtpmConfig(heads=1, cross="none"),
    "af-1head-unshared": UtpmConfig(heads=1, cross="none", shared_query=False),
    "af-2head": UtpmConfig(cross="none"),
    "af-2head+afm": UtpmConfig(cross="afm"),
    "af-2head+nfm": UtpmConfig(cross="nfm"),
    "af-2head+dcn": UtpmConfig(cross="dcn"),
    "af-2head+autoint": UtpmConfig(cross="autoint"),
    "af-2head+cf-bfloat16": UtpmConfig(precision="bfloat16"),
    "af-4head+cf-tanh": UtpmConfig(heads=4, activation="tanh"),
    "af-3head+cf-unshared": UtpmConfig(heads=3, shared_query=False),
    "af-2head+cf+weights": UtpmConfig(weights=True),
}


def test_unshared_queries_that_are_equal_are_a_shared_one() -> None:
    torch.manual_seed(0)
    shared = build_interests(UtpmConfig(heads=1, cross="none"), SIZES)
    unshared = build_interests(UtpmConfig(heads=1, cross="none", shared_query=False), SIZES)
    weights = shared.state_dict()
    unshared.load_state_dict({**weights, "query": weights["query"].expand(3, -1, -1)})
    given = batch([[7, 3]], [[2]])
    torch.testing.assert_close(shared.users(given), unshared.users(given))


def test_products_in_bfloat16_are_near_those_in_float32() -> None:
    torch.manual_seed(0)
    exact, quick = Utpm(UtpmConfig(), SIZES), Utpm(UtpmConfig(precision="bfloat16"), SIZES)
    quick.load_state_dict(exact.state_dict())
    given = batch([[7, 3], [4, 5]], [[2], [4]])
    wanted, found = exact.users(given), quick.users(given)
    assert found.dtype == torch.float32
    assert not torch.equal(found, wanted)
    torch.testing.assert_close(found, wanted, atol=0.01, rtol=0.02)
    wanted.square().sum().backward()
    found.square().sum().backward()
    wanted_slope, found_slope = exact.tower.hidden.weight.grad, quick.tower.hidden.weight.grad
    assert wanted_slope is not None
    assert found_slope is not None
    assert found_slope.dtype == torch.float32
    assert 0 < (found_slope - wanted_slope).norm() < 0.02 * wanted_slope.norm()


def test_weights_of_zero_gain_change_nothing() -> None:
    model = Utpm(UtpmConfig(weights=True), SIZES)
    often, once = batch([[7, 3]], [[2]], [[9.0, 1.0]]), batch([[7, 3]], [[2]], [[1.0, 1.0]])
    torch.testing.assert_close(model.users(often), model.users(once))
    with torch.no_grad():
        assert model.echo is not None
        model.echo.fill_(1.0)
    assert not torch.allclose(model.users(often), model.users(once))


class TestInterests(InterestsContract):
    """Every model of the catalogue that is trained, in every form of the papers' tables."""

    config: TowerConfig

    @pytest.fixture(autouse=True, params=list(CONFIGS.values()), ids=list(CONFIGS))
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.config = request.param

    def make(self, sizes: Sizes) -> Interests:
        return build_interests(self.config, sizes)
