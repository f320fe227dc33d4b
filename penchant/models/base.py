"""What a kind of model promises. Each promise is tested once, for all models that make it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
import torch
from pydantic import Field as Limits
from torch import Tensor, nn

from penchant.config import Config
from penchant.features.ragged import Ragged
from penchant.features.shards import Batch
from penchant.schema import RESERVED

Positive = Annotated[int, Limits(ge=1)]


@dataclass(frozen=True)
class Sizes:
    """What the data decides. fields: rows of each field's table, in the order of the run file; tags: V; tag_fields: the
    fields whose ids are ids of tags; numbers: the fields that hold one number per user, which is the weight of id
    RESERVED, and PAD where it is missing."""

    fields: Mapping[str, int]
    tags: int
    tag_fields: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attention:
    """How much each value, and each field, weighs in a user's vector.

    values: per field, [B, A, H]; fields: [B, A, M]. Each sums to 1 over its last axis, or to 0 where nothing is known.
    """

    values: dict[str, Tensor]
    fields: Tensor


class TowerConfig(Config):
    """What every interest model has. fields: those it reads, all of the run if not given, but for numbers where it
    cannot read them; embedding: E; user: U, the
    width of user and tag vectors; hidden: width of the first fully connected layer, 2U if not given; dropout: share of
    a user's values hidden while training; initial_scale: of the tables' first values, which are uniform within
    ±1/√width times it."""

    fields: list[str] | None = None
    embedding: Positive = 16
    user: Positive = 16
    hidden: Positive | None = None
    dropout: Annotated[float, Limits(ge=0, lt=1)] = 0.0
    initial_scale: Annotated[float, Limits(gt=0)] = 1.0


class Interests(nn.Module, ABC):
    """Fields → one vector per user, in the space of the tags' vectors; their inner product is the preference.

    Promises: padding changes nothing, nor does the order of a field's values; an empty history and unknown ids give
    finite vectors; the same seed gives the same vectors; weights save and load; planted interests are learned.
    """

    sizes: Sizes
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

    def preferences(self, user_BU: Tensor) -> Tensor:
        """[B, V]: the inner product of every user with every tag; PAD and UNKNOWN, which are no tags, have -inf."""
        scores_BV = user_BU @ self.tags().T
        scores_BV[:, :RESERVED] = -torch.inf
        return scores_BV


@dataclass(frozen=True)
class Crowd:
    """All users as they are known at one moment; a row is a user.

    users: their ids; vectors_NX: universal vectors, finite; values: the distinct known values of each user's fields, as
    numbers below `width` that are unlike in different fields.
    """

    users: pl.Series
    vectors_NX: np.ndarray
    values: Ragged
    width: int

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class Candidate:
    """An item and the users who clicked it. item: its id in the vocabulary of items, UNKNOWN if training never saw it;
    seeds_S: rows of a crowd, each once, earliest click first."""

    item: int
    seeds_S: np.ndarray


class Likeness(ABC):
    """How alike users of one crowd are to the seeds of one candidate."""

    @abstractmethod
    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        """score_B, float32, of some rows of the crowd; higher is more alike, NaN where nothing can be said."""


class LookAlike(ABC):
    """Seeds and users → scores.

    Promises: the order of the seeds changes nothing; a user's score does not depend on who else is asked; one seed is
    enough; scores are finite or NaN; the same call gives the same scores; planted look-alikes are found.
    """

    top: float | None = None
    """The highest score that there can be; None where there is no highest."""

    @abstractmethod
    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        """What the seeds have to say about the crowd; all that does not depend on the user is worked out here."""
