"""What every graph model promises (penchant/testing/graphs.py), tested once for all of them."""

import numpy as np

from penchant.models.catalog import MODELS, build_graph
from penchant.models.graphs.bpr import BprConfig
from penchant.models.graphs.popular import PopularGraph
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.testing import GraphsContract


class TestBpr(GraphsContract):
    def make(self, sizes: GraphSizes) -> Graph:
        return build_graph(BprConfig(width=8), sizes)


class TestPopularGraph(GraphsContract):
    """The same for everybody, so it learns no preference."""

    learns = False

    def make(self, sizes: GraphSizes) -> Graph:
        return PopularGraph(sizes, np.array([0, 0, 9, 7, 4, 1]))


def test_every_model_of_the_catalogue_is_among_them() -> None:
    assert [entry.name for entry in MODELS.values() if entry.promise == "graphs"] == ["bpr"]
