"""A ranker from a prepared log to its numbers, and what it has to find there."""

from pathlib import Path

import polars as pl
import pytest
import torch

from penchant.errors import PromiseError
from penchant.evaluation.protocols.rankers import RankerEvaluation, evaluate_rankers, validation
from penchant.features.shards import open_shards
from penchant.models.catalog import build_ranker
from penchant.models.rankers.pairs import PairsConfig
from penchant.models.rankers.popular import PopularRanker
from penchant.models.rankers.promise import RankerSizes
from penchant.schema import CLICKED, ITEM
from penchant.training.checkpoint import Identity
from penchant.training.loop import train
from penchant.training.objectives.rankers import RankerObjective, RankerTraining
from tests.helpers.items_asked import prepare_planted


def test_pairs_find_planted_preferences_that_popularity_does_not(tmp_path: Path) -> None:
    """Users click what is of their group, and tags are of one group each: this can be told without a miss."""
    prepared = prepare_planted(tmp_path)
    rows = {name: len(prepared.vocabulary(name)) for name in ("tags", "group", ITEM)}
    sizes = RankerSizes(
        {"tags": rows["tags"], "group": rows["group"]}, {ITEM: rows[ITEM], "tags": rows["tags"]}, (CLICKED,)
    )
    taught, held, asked = (open_shards(prepared.folder, split, ITEM) for split in ("train", "valid", "test"))
    config = RankerTraining(epochs=20, batch=16, rate=0.02)
    model = build_ranker(PairsConfig(bits=14), sizes)
    objective = RankerObjective(taught, config, validation(held, sizes.tasks))
    train(model, objective, config, tmp_path / "model", identity=Identity("pairs", "v", "t"))

    contestants = {"model": model, "popularity": PopularRanker.count(taught, sizes)}
    told, users = evaluate_rankers(contestants, asked, RankerEvaluation(), reference="model", called="pairs")
    scores = {name: told[CLICKED]["scores"][name] for name in contestants}
    assert scores["model"]["auc"]["mean"] > 0.99
    assert scores["model"]["gauc"]["mean"] > 0.99
    assert scores["popularity"]["gauc"]["mean"] < 0.7
    assert scores["model"]["logloss"]["mean"] < scores["popularity"]["logloss"]["mean"]
    assert told[CLICKED]["minus"]["model"]["popularity"]["gauc"]["mean"] > 0.3
    assert (
        users.group_by("scorer").agg(pl.col("impressions").sum())["impressions"].to_list()
        == [told[CLICKED]["counts"]["impressions"]] * 2
    )

    with torch.no_grad():
        next(iter(model.parameters())).fill_(torch.nan)
    with pytest.raises(PromiseError, match=r"the model 'news' gives NaN or infinity in .* places.*RankersContract"):
        evaluate_rankers(contestants, asked, RankerEvaluation(), reference="model", called="news")
