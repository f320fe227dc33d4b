"""Graph models rank all items that a user has not clicked before; those clicked later should stand first.

Source: Wang et al., KGAT, KDD 2019, section 4.2.1: for each user all items without an interaction in training are
candidates; Recall@K and NDCG@K. NDCG is the usual one, whose ideal is min(K, |C|) hits; the one in KGAT's code divides
by less, and is higher.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import polars.selectors as cs
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config
from penchant.evaluation.guard import guarded
from penchant.evaluation.protocols.interests import Result, evaluate_scores
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.graphs.promise import Graph

K = 20


class GraphEvaluation(Config):
    """at: the K of Recall@K and NDCG@K."""

    at: Annotated[list[Annotated[int, Limits(ge=1)]], Limits(min_length=1)] = [10, 20]


@torch.inference_mode()
def scores_of(model: Graph, users: Vocabulary, shard: Shard, rows: slice) -> Tensor:
    """[n, V] of some rows of a shard. users: what the rows of the model's table of users mean."""
    model.eval()
    user_B = torch.tensor(users.ids(shard.users[rows]), dtype=torch.long)
    device = next(iter(model.state_dict().values())).device
    return model.preferences(user_B.to(device)).cpu()


def evaluate_graph(model: Graph, users: Vocabulary, shards: Sequence[Shard], config: GraphEvaluation) -> Result:
    """Every user of the shards who clicked an item for the first time in the window. shards: of the target ITEM.

    An item outside the vocabulary that was clicked counts, and nobody can hit it.
    """
    return _measured(partial(scores_of, model, users), shards, config, model.sizes.items)


def examine_graph(
    who: str, model: Graph, users: Vocabulary, shards: Sequence[Shard], config: GraphEvaluation
) -> Result:
    """`evaluate_graph`, where the model is held to its promise. who: the model as people know it. Raises
    PromiseError."""

    def score(shard: Shard, rows: slice) -> Tensor:
        return guarded(who, scores_of(model, users, shard, rows), (len(shard.users[rows]), model.sizes.items), "graphs")

    return _measured(score, shards, config, model.sizes.items)


def _measured(
    score: Callable[[Shard, slice], Tensor], shards: Sequence[Shard], config: GraphEvaluation, items: int
) -> Result:
    result = evaluate_scores(score, shards, config.at, items, "new")
    return Result(result.users.select(~cs.starts_with("prec@")), result.coverage)


def validation(users: Vocabulary, shards: Sequence[Shard]) -> Callable[[Graph], float]:
    """The mean NDCG@20 of a graph model, which training stops by. KGAT stops by Recall@20, which is level sooner."""
    config = GraphEvaluation(at=[K])
    return lambda model: evaluate_graph(model, users, shards, config).mean(f"ndcg@{K}")
