"""What a look-alike model promises: seeds and users become scores."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.features.ragged import Ragged, offsets_of
from penchant.models.base import ModelConfig


class LookAlikeConfig(ModelConfig):
    """What every look-alike has. users: the interest model of the run file that tells who its users are."""

    users: str = "users"


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

    def only(self, rows: np.ndarray) -> "Crowd":
        """Return some of its users, by row."""
        values = Ragged(offsets_of(self.values.lengths[rows]), self.values.take(rows)[0])
        return Crowd(self.users.gather(rows), self.vectors_NX[rows], values, self.width)


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


@dataclass(frozen=True)
class Contestant:
    """A look-alike, and the users as it knows them; rows are the same users for all contestants."""

    lookalike: LookAlike
    crowd: Crowd
