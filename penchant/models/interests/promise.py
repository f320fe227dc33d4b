"""What models of interests promise: a preference for every tag; most of them, as the inner product of two vectors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar, Protocol

import numpy as np
import torch
from pydantic import Field as Limits
from torch import Tensor, nn

from penchant.features.ragged import Ragged
from penchant.features.shards import Batch, Shard, batch_of
from penchant.models.base import ModelConfig, Sizes, Width
from penchant.schema import RESERVED


@dataclass(frozen=True)
class Attention:
    """How much each value, and each field, weighs in a user's vector.

    values: per field, [B, A, H]; fields: [B, A, M]. Each sums to 1 over its last axis, or to 0 where nothing is known.
    """

    values: dict[str, Tensor]
    fields: Tensor


class TowerConfig(ModelConfig):
    """What every interest model has.

    fields: the fields that the model reads; if not given, all fields of the run, without numbers if it cannot read
    numbers; embedding: E; user: U, the width of user and tag vectors; hidden: width of the first fully connected layer,
    2U if not given; dropout: share of a user's values hidden while training; initial_scale: of the tables' first
    values, which are uniform within ±1/√width times it.
    """

    fields: Annotated[list[str], Limits(min_length=1)] | None = None
    embedding: Width = 16
    user: Width = 16
    hidden: Width | None = None
    dropout: Annotated[float, Limits(ge=0, lt=1)] = 0.0
    initial_scale: Annotated[float, Limits(gt=0)] = 1.0


class Preferences(nn.Module, ABC):
    """Fields and own tags → a preference of each user for every tag. Baselines promise this much.

    Promises: padding changes nothing, nor do the order of a field's values and other users of the batch; an empty
    history and unknown ids give finite preferences; weights save and load; planted interests are found, but by
    popularity, which prefers the same for everybody.
    """

    sizes: Sizes

    reads_own: ClassVar[bool] = False
    """Whether it reads `Batch.own`."""

    reads_numbers: ClassVar[bool] = False
    """Whether it can read fields that hold a number."""

    @abstractmethod
    def preferences(self, batch: Batch) -> Tensor:
        """Return [B, V], higher is better; -inf for PAD and UNKNOWN, which are no tags."""

    def batch(self, shard: Shard, rows: Tensor | slice) -> Batch:
        """Return what the model reads of some samples."""
        return batch_of(shard, list(self.sizes.fields), rows, own=self.reads_own)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(chain(self.parameters(), self.buffers())).device


class Interests(Preferences):
    """Fields → one vector per user, in the space of the tags' vectors; their inner product is the preference, to which
    a model may add something for the tags that the user clicked before (`own`).

    Promises beside those of `Preferences`: vectors are finite as well; the same seed gives the same vectors; training
    learns planted interests.
    """

    tag: nn.Embedding
    """The tags' vectors that training moves, [V, U], row PAD zero."""

    @abstractmethod
    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        """user_BU, and where the weight of each user lies."""

    def users(self, batch: Batch) -> Tensor:
        """user_BU."""
        return self.read(batch)[0]

    def tags(self) -> Tensor:
        """tag_VU."""
        return self.tag.weight

    @property
    def tells_unseen(self) -> bool:
        """Whether preferences for tags that a user did not click differ between users."""
        return True

    def own(self, batch: Batch) -> tuple[Tensor, Tensor] | None:  # noqa: ARG002
        """ids_BH of the user's own tags, and what is added to the preference for each beside the inner product; None
        for models whose preference is the inner product alone."""
        return None

    def preferences(self, batch: Batch, user_BU: Tensor | None = None) -> Tensor:
        """Return [B, V]: the inner product of every user with every tag, and what own tags add; see `Preferences`.

        user_BU: `users` of `batch`, where the caller has them already.
        """
        scores_BV = (self.users(batch) if user_BU is None else user_BU) @ self.tags().T
        own = self.own(batch)
        if own is not None:
            scores_BV.scatter_add_(1, *own)
        scores_BV[:, :RESERVED] = -torch.inf
        return scores_BV

    def preference(self, batch: Batch, tag: int) -> Tensor:
        """[B]: the preference of every user for one tag."""
        score_B = self.users(batch) @ self.tags()[tag]
        own = self.own(batch)
        return score_B if own is None else score_B + (own[1] * (own[0] == tag)).sum(1)

    def paths(self, batch: Batch, tag: int, usual_U: Tensor | None = None) -> dict[str, Tensor]:  # noqa: ARG002
        """[B] by the name of each path, what it adds to the preference for one tag; empty for models of one path.

        usual_U: users' vectors on average.
        """
        return {}

    def terms(self, batch: Batch, tag: int) -> list[tuple[str | None, Tensor, Tensor]]:  # noqa: ARG002
        """Where a path is a sum over values: their field, None for own tags, ids_BH, and what each of them adds to the
        preference for one tag. Empty for models without such a path."""
        return []


class Judge(Protocol):
    """Says how good preferences are, higher is better."""

    def rankings(self, scores_BV: Tensor, truth: Ragged, size_B: np.ndarray) -> np.ndarray:
        """Return [B, 2], NDCG@10 and Prec@10, of scores for all tags. truth: the distinct known tags that were clicked;
        size_B: how many in all."""
        ...

    def model(self, model: Preferences) -> np.ndarray:
        """Return NDCG@10 of a model's preferences for each validation user."""
        ...
