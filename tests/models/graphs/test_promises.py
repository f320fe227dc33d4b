"""What every graph model promises (penchant/testing/graphs.py), tested once for all of them."""

import numpy as np
import pytest

from penchant.models.base import ModelConfig
from penchant.models.catalog import build_graph, models_of
from penchant.models.graphs.popular import PopularGraph
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.testing import GraphsContract


class TestGraphs(GraphsContract):
    """Every model of the catalogue."""

    config: ModelConfig

    @pytest.fixture(autouse=True, params=models_of("graphs"), ids=lambda entry: entry.name)
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.config = request.param.config(width=8)

    def make(self, sizes: GraphSizes) -> Graph:
        return build_graph(self.config, sizes)


class TestPopularGraph(GraphsContract):
    """The same for everybody, so it learns no preference."""

    learns = False

    def make(self, sizes: GraphSizes) -> Graph:
        return PopularGraph(sizes, np.array([0, 0, 9, 7, 4, 1]))
