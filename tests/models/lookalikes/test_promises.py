"""What every look-alike promises (penchant/testing/lookalikes.py), tested once for all of them."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from penchant.models.catalog import models_of
from penchant.models.lookalikes.dot import InnerProduct
from penchant.models.lookalikes.logistic import Logistic, LogisticConfig
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import LookAlike
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import SeedClusters
from penchant.models.lookalikes.yahoo import Yahoo, YahooConfig
from penchant.testing import LookalikesContract
from penchant.testing.lookalikes import CLUSTERS, ITEM_VX


def ralm(config: RalmConfig) -> LookAlike:
    """Untrained: what users are like passes through random weights well enough."""
    torch.manual_seed(0)
    return SeedClusters(Ralm(config, width=8), seed=0)


MAKERS: dict[str, Callable[[], LookAlike]] = {
    **{
        entry.name: partial(entry.make, entry.config.parse({}, origin="test"), seed=0)
        for entry in models_of("lookalikes")
        if entry.name not in ("ralm", "inner-product")
    },
    "yahoo-p>q": lambda: Yahoo(YahooConfig(positive_filter="p>q"), seed=0),
    "yahoo-none": lambda: Yahoo(YahooConfig(positive_filter="none"), seed=0),
    "logistic-few-seeds": lambda: Logistic(LogisticConfig(most_seeds=7), seed=0),
    "inner-product": lambda: InnerProduct(ITEM_VX),
    "ralm": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS)),
    "ralm-detached": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, detach=True)),
    "ralm-printed": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, global_attention="printed")),
    "ralm-self": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, global_attention="self")),
    "ralm-prelu": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, transform="prelu")),
    "ralm-average": lambda: ralm(RalmConfig(width=16, clusters=CLUSTERS, pool="average")),
}


class TestLookalikes(LookalikesContract):
    """Every model of the catalogue."""

    made: Callable[[], LookAlike]

    @pytest.fixture(autouse=True, params=list(MAKERS.values()), ids=list(MAKERS))
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.made = request.param
        self.tells_apart = not isinstance(self.made(), Popular)
        self.goes_by_item = isinstance(self.made(), InnerProduct)
        self.goes_by_seeds = not isinstance(self.made(), InnerProduct | Popular)

    def make(self) -> LookAlike:
        return self.made()
