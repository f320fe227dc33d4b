"""What models of every promise know of the data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config

Positive = Annotated[int, Limits(ge=1)]

MOST_WIDE = 4_096
Width = Annotated[int, Limits(ge=1, le=MOST_WIDE)]
"""Numbers of a vector, or of a layer. Bounded, so that a slip in a run file is an error at once, and not one of
memory after hours."""

Extra = Mapping[str, Tensor]
"""Losses, by name, that a model adds to those of its answers; it has weighed them itself, and training sums them up."""


class ModelConfig(Config):
    """The keys of a model in a run file. name: which model of the catalogue it is."""

    name: str


Promise = Literal["interests", "rankers", "lookalikes", "graphs"]
"""What a model promises: models/PROMISE/promise.py says it, training/objectives, evaluation/protocols and kinds have a
file of the same name for it."""

PAGE = "docs/write-your-own-model.md"


def contract_of(promise: Promise | Literal["preferences"]) -> str:
    """Where an error says that one reads what is promised.

    >>> contract_of("graphs")
    'the test GraphsContract of penchant.testing says what is promised (docs/write-your-own-model.md)'
    """
    return f"the test {promise.capitalize()}Contract of penchant.testing says what is promised ({PAGE})"


@dataclass(frozen=True)
class CatalogEntry:
    """A model as the catalogue has it.

    config: its keys, where `name` has the model's name as default; make: what makes a fresh one: of interests, rankers
    and graphs (config, sizes), of look-alikes that are not trained (config, seed=…).
    """

    promise: Promise
    config: type[ModelConfig]
    make: Callable[..., Any]

    @property
    def name(self) -> str:
        return str(self.config.model_fields["name"].default)


@dataclass(frozen=True)
class Sizes:
    """What the data decides. fields: rows of each field's table, in the order of the run file; tags: V; tag_fields: the
    fields whose ids are ids of tags; numbers: the fields that hold one number per user, which is the weight of id
    RESERVED, and PAD where it is missing."""

    fields: Mapping[str, int]
    tags: int
    tag_fields: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def only(self, names: Sequence[str]) -> "Sizes":
        """Of some fields."""
        of_tags, numbers = (tuple(one for one in kind if one in names) for kind in (self.tag_fields, self.numbers))
        return Sizes({name: self.fields[name] for name in names}, self.tags, of_tags, numbers)
