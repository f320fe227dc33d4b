"""What every ranker promises (penchant/testing/rankers.py), tested once for all of them."""

import pytest
import torch

from penchant.models.base import ModelConfig
from penchant.models.catalog import build_ranker, models_of
from penchant.models.rankers.pairs import PairsConfig
from penchant.models.rankers.popular import PopularRanker
from penchant.models.rankers.promise import Ranker, RankerSizes
from penchant.schema import ITEM
from penchant.testing import RankersContract

CONFIGS: dict[str, ModelConfig] = {
    **{entry.name: entry.config.parse({}, origin="test") for entry in models_of("rankers")},
    "pairs-with-past": PairsConfig(past=10),
    "pairs-in-a-small-table": PairsConfig(bits=10),
}


class TestRankers(RankersContract):
    """Every model of the catalogue as it comes, and some otherwise."""

    config: ModelConfig

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
