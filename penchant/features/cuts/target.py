"""What is predicted, and what each label window asks about it."""

from typing import Annotated, Literal

from pydantic import Field as Limits

from penchant.config import Config


class Target(Config):
    """What is predicted. A prepared folder may serve several, each with its own vocabulary.

    field: the item field that is predicted, by which the target is known; items: K, the most items per window; tags: N,
    the most tags per item.
    negatives: the un-clicked items. "logged": those of the log; where it has none, they are drawn by popularity.
        "popularity", "uniform": drawn so in any case, from items that training users clicked; logged ones are left out.
        "tags": invented items, whose tags are drawn uniformly from the vocabulary; logged ones are left out.
    negatives_per_click: how many are drawn for each click.
    """

    field: str = "tags"
    items: Annotated[int, Limits(ge=1)] = 30
    tags: Annotated[int, Limits(ge=1)] = 5
    negatives: Literal["logged", "popularity", "uniform", "tags"] = "logged"
    negatives_per_click: Annotated[int, Limits(ge=0)] = 1
