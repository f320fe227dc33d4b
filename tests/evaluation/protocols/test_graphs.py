"""A graph model ranks all items that a user did not click before: by hand, and from a prepared log."""

from math import log2
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import tensor

from penchant.errors import PromiseError
from penchant.evaluation.examine import examine
from penchant.evaluation.protocols.graphs import GraphEvaluation, evaluate_graph, examine_graph, validation
from penchant.features.shards import Shard, open_shards
from penchant.features.vocabulary import Vocabulary
from penchant.models.catalog import build_graph
from penchant.models.graphs.bpr import Bpr, BprConfig
from penchant.models.graphs.popular import PopularGraph
from penchant.models.graphs.promise import GraphSizes
from penchant.schema import ITEM, RESERVED
from penchant.training.checkpoint import Identity
from penchant.training.loop import train
from penchant.training.objectives.graphs import Clicks, GraphObjective, GraphTraining
from tests.helpers.items_asked import prepare_planted


def test_recall_and_ndcg_over_items_not_clicked_before(tmp_path: Path) -> None:
    """Preferences fall from item 2 to item 6 for anna, and rise for ben.

    anna clicked 2 before, and later 2 again, 4 and one that is unknown: 3 4 | 5 6 has one of two hits, in place 2.
    ben clicked nothing before, and later 6 and 2: 6 5 | 4 3 2 has one of two, in place 1.
    carl clicked 3 before, and later 3 again: nothing is asked.
    """
    pl.DataFrame({"user": ["anna", "ben", "carl"]}).write_parquet(tmp_path / "00000.users.parquet")
    arrays = {
        "history.offsets": [0, 1, 1, 2],
        "history.tags": [2, 3],
        "truth.offsets": [0, 2, 4, 5],
        "truth.tags": [2, 4, 2, 6, 3],
        "truth.size": [3, 2, 1],
        "truth.new": [2, 2, 0],
    }
    shard = Shard({name: tensor(values) for name, values in arrays.items()}, tmp_path / "00000.safetensors")
    users = Vocabulary(pl.Series(["anna", "ben", "carl"]), pl.Series([1, 1, 1]))
    model = Bpr(BprConfig(width=1), GraphSizes(users=5, items=7))
    with torch.no_grad():
        model.user.weight[:] = tensor([[0.0], [0.0], [1.0], [-1.0], [1.0]])
        model.item.weight[:] = tensor([[0.0], [0.0], [5.0], [4.0], [3.0], [2.0], [1.0]])
    found = evaluate_graph(model, users, [shard], GraphEvaluation(at=[2])).users
    assert found.columns == ["user", "recall@2", "ndcg@2"]
    assert found["user"].to_list() == ["anna", "ben"]
    assert found["recall@2"].to_list() == [1 / 2, 1 / 2]
    ideal = 1 + 1 / log2(3)
    assert found["ndcg@2"].to_list() == pytest.approx([1 / log2(3) / ideal, 1 / ideal])


def test_a_user_without_a_number_gets_what_chance_gives(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["stranger"]}).write_parquet(tmp_path / "00000.users.parquet")
    arrays = {"history.offsets": [0, 0], "history.tags": [], "truth.offsets": [0, 1], "truth.tags": [3]}
    more = {"truth.size": tensor([1]), "truth.new": tensor([1])}
    made = {name: torch.tensor(values, dtype=torch.long) for name, values in arrays.items()}
    shard = Shard({**made, **more}, tmp_path / "00000.safetensors")
    users = Vocabulary(pl.Series(["anna"]), pl.Series([1]))
    model = Bpr(BprConfig(width=2), GraphSizes(users=3, items=RESERVED + 4))
    assert evaluate_graph(model, users, [shard], GraphEvaluation(at=[1])).mean("recall@1") == 1 / 4
    examined = examine_graph("the model 'bpr'", model, users, [shard], GraphEvaluation(at=[1]))
    assert examined.mean("recall@1") == 1 / 4
    with torch.no_grad():
        model.item.weight[RESERVED + 1] = torch.nan
    with pytest.raises(PromiseError, match=r"the model 'bpr' gives NaN or infinity in 1 of 6 places.* training.rate"):
        examine_graph("the model 'bpr'", model, users, [shard], GraphEvaluation(at=[1]))


def test_matrix_factorisation_finds_planted_groups_that_popularity_does_not(tmp_path: Path) -> None:
    """Users click items of their group alone: 12 of 36, and most of those that they have not clicked come later."""
    prepared = prepare_planted(tmp_path, users=90)
    items = prepared.vocabulary(ITEM)
    taught, held, asked = (open_shards(prepared.folder, split, ITEM) for split in ("train", "valid", "test"))
    clicks = Clicks.read(taught, [*held, *asked], len(items))
    sizes, config = GraphSizes(len(clicks.users), len(items)), GraphTraining(batch=64, rate=0.03, epochs=8)
    torch.manual_seed(0)
    model = build_graph(BprConfig(width=16), sizes)
    objective = GraphObjective(clicks, config, validation(clicks.users, held))
    train(model, objective, config, tmp_path / "model", identity=Identity("bpr", clicks.users.fingerprint, "t"))

    contestants = {"model": model, "popularity": PopularGraph(sizes, items.counts_by_id)}
    asks = GraphEvaluation(at=[5])
    examined = examine(contestants, lambda _, one: evaluate_graph(one, clicks.users, asked, asks))
    assert examined.scores()["model"]["recall@5"]["mean"] > 0.6
    assert examined.scores()["popularity"]["recall@5"]["mean"] < 0.3
    assert examined.minus("model")["popularity"]["ndcg@5"]["mean"] > 0.2


def test_what_is_known_of_held_users_is_what_they_clicked_before(tmp_path: Path) -> None:
    prepared = prepare_planted(tmp_path, users=30)
    taught, asked = (open_shards(prepared.folder, split, ITEM) for split in ("train", "test"))
    clicks = Clicks.read(taught, asked, len(prepared.vocabulary(ITEM)))
    shard = next(one for one in asked if len(one))
    for row, user in enumerate(shard.users):
        number = clicks.users.id(user) - RESERVED
        known = clicks.items.part(slice(number, number + 1)).values
        np.testing.assert_array_equal(known, np.sort(shard.history.part(slice(row, row + 1)).values))
