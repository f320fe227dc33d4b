"""What graph models learn by: each click of a user against an item that they did not click (BPR).

Source: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009, section 4. Clicks come in
passes over all of them, each once, where the paper draws them one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn import functional

from penchant.errors import DataError
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.base import Positive
from penchant.models.graphs.promise import Graph
from penchant.schema import COUNT, ITEM, RESERVED, VALUE
from penchant.training.config import TablesConfig
from penchant.training.objective import Objective
from penchant.training.steps import Step, plan_epoch


class GraphTraining(TablesConfig):
    """How a graph model is trained. A sample is a click, with one item drawn against it."""

    epochs: Positive = 100
    batch: Positive = 1024
    patience: Positive = 10


@dataclass(frozen=True)
class Clicks:
    """Who clicked what, each pair once. users: what the numbers of users mean; items: by number of the user less
    RESERVED the items that they clicked, in order of their numbers; rows: of the table of items, V."""

    users: Vocabulary
    items: Ragged
    rows: int

    @classmethod
    def read(cls, train: Sequence[Shard], held: Sequence[Shard], rows: int) -> "Clicks":
        """Of shards that ask about the items themselves: all that training users clicked, and what users who are held
        out clicked before they are asked. Users who clicked more come first; those who clicked no known item have no
        number.

        Raises DataError where nobody clicked anything.
        """
        parts = [pl.DataFrame(schema={VALUE: pl.String, ITEM: pl.Int64})]
        parts += [part for shard in train for part in (_pairs(shard, shard.history), _pairs(shard, shard.truth))]
        parts += [_pairs(shard, shard.history) for shard in held]
        pairs = pl.concat(parts).unique()
        if pairs.is_empty():
            raise DataError("nobody clicked an item that is known, so there is no graph of clicks to learn from")
        users = Vocabulary.count(pairs.group_by(VALUE).len(COUNT), min_count=1)
        user_L, item_L = users.ids(pairs[VALUE]), pairs[ITEM].to_numpy()
        lengths = np.bincount(user_L - RESERVED, minlength=len(users) - RESERVED)
        return cls(users, Ragged(offsets_of(lengths), item_L[np.lexsort([item_L, user_L])]), rows)

    @cached_property
    def taught(self) -> tuple[Tensor, Tensor]:
        """user_L and item_L of all clicks, but for users who clicked every item: nothing stands against those."""
        user_L = np.repeat(np.arange(len(self.items)), self.items.lengths)
        some_L = self.items.lengths[user_L] < self.rows - RESERVED
        user_L, item_L = user_L[some_L] + RESERVED, self.items.values[some_L]
        return torch.from_numpy(user_L), torch.from_numpy(item_L)

    def draw(self, user_B: Tensor) -> Tensor:
        """For each user an item that they did not click, any with the same chance, by torch's global generator.

        The k-th item that a user did not click is item k + j, j of the clicked ones being in front of it: those that
        have k unclicked ones at most before them.
        """
        starts_U, keys_L = self._before
        place_B, width = user_B - RESERVED, self.rows
        free_B = self.rows - RESERVED - (starts_U[place_B + 1] - starts_U[place_B])
        k_B = (torch.rand(len(user_B), dtype=torch.float64) * free_B).long()
        front_B = torch.searchsorted(keys_L, place_B * width + k_B, right=True) - starts_U[place_B]
        return RESERVED + k_B + front_B

    @cached_property
    def _before(self) -> tuple[Tensor, Tensor]:
        """Where each user's clicks begin; and of each click how many items before it the user did not click, plus a
        multiple of the user's place, so that all of them rise."""
        user_L = np.repeat(np.arange(len(self.items)), self.items.lengths)
        place_L = np.arange(len(user_L)) - self.items.offsets[user_L]
        unclicked_L = self.items.values - RESERVED - place_L
        return torch.from_numpy(self.items.offsets), torch.from_numpy(user_L * self.rows + unclicked_L)


@dataclass(frozen=True)
class GraphObjective(Objective[Graph, Step]):
    """validate: a score of the model on validation users, higher is better."""

    clicks: Clicks
    config: GraphTraining
    validate: Callable[[Graph], float]

    name, samples = "graph", "clicks"

    def steps(self, epoch: int) -> list[Step]:
        return plan_epoch([len(self.clicks.taught[0])], self.config.batch, self.config.seed, epoch)

    def loss(self, model: Graph, step: Step) -> Tensor:
        device = next(model.parameters()).device
        user_B, item_B = (values_L[step.rows] for values_L in self.clicks.taught)
        drawn_B = self.clicks.draw(user_B)
        return pairwise_loss(model, user_B.to(device), item_B.to(device), drawn_B.to(device))

    def judge(self, model: Graph) -> float:
        return self.validate(model)


def pairwise_loss(model: Graph, user_B: Tensor, clicked_B: Tensor, drawn_B: Tensor) -> Tensor:
    """L = mean of -log σ(u·i - u·j), i the clicked item and j the one drawn against it (BPR-OPT); and the model's own
    losses."""
    user_BU, item_BKU, extra = model.read(user_B, torch.stack([clicked_B, drawn_B], 1))
    score_BK = (item_BKU @ user_BU[..., None])[..., 0]
    return functional.softplus(score_BK[:, 1] - score_BK[:, 0]).mean() + sum(extra.values())


def _pairs(shard: Shard, items: Ragged) -> pl.DataFrame:
    """VALUE, the user, and ITEM: the items of each sample's list."""
    owner = np.repeat(np.arange(len(items)), items.lengths)
    return pl.DataFrame({VALUE: shard.users.gather(owner), ITEM: items.values.astype(np.int64)})
