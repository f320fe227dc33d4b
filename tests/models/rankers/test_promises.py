"""What every ranker promises (penchant/testing/rankers.py), tested once for all of them."""

import pytest
import torch

from penchant.models.catalog import MODELS, build_ranker
from penchant.models.rankers.pairs import PairsConfig
from penchant.models.rankers.popular import PopularRanker
from penchant.models.rankers.promise import Ranker, RankerSizes
from penchant.schema import ITEM
from penchant.testing import RankersContract

CONFIGS = {
    "pairs": PairsConfig(),
    "pairs-without-past": PairsConfig(past=0),
    "pairs-in-a-small-table": PairsConfig(bits=10),
}


class TestRankers(RankersContract):
    """Every model of the catalogue."""

    config: PairsConfig

    @pytest.fixture(autouse=True, params=list(CONFIGS.values()), ids=list(CONFIGS))
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.config = request.param

    def make(self, sizes: RankerSizes) -> Ranker:
        return build_ranker(self.config, sizes)


class TestPopularRanker(RankersContract):
    """The same for everybody, so it learns no preference."""

    learns = False

    def make(self, sizes: RankerSizes) -> Ranker:
        return PopularRanker(sizes, torch.linspace(-2, 2, 2 * sizes.items[ITEM]).view(-1, 2))


def test_every_model_of_the_catalogue_is_among_them() -> None:
    names = {entry.name for entry in MODELS.values() if entry.promise == "rankers"}
    assert names == {config.name for config in CONFIGS.values()}
