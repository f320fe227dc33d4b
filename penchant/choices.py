"""What a person may choose by name, on the command line, in a run file or in a request: every list of names once.

This file imports only the standard library, so that the command line can refuse a wrong name before it loads a model.
"""

from enum import StrEnum
from typing import Literal

Order = Literal["lift", "preference"]
"""What the tags of a profile are ordered by."""

Rule = Literal["sum", "one", "mixed"]
"""What decides a click in a simulated feed."""

Scope = Literal["ingest", "read", "admin"]
"""What an API key allows."""

Exportable = Literal["profiles", "audiences"]
"""What a run gives out to other programs."""

Form = Literal["long", "nested"]
"""How a table is given out: a row per user and tag, or a row per user whose tags are a list."""


class Role(StrEnum):
    """What a process does: answer requests, consume events, cluster seeds."""

    HTTP = "http"
    CONSUMER = "consumer"
    CLUSTER = "cluster"


PUBLIC_SETS = ("movielens-20m", "movielens-25m", "movielens-latest-small")
"""The public data sets that Penchant can download."""

MIN_AUDIENCE = 50
"""Users of the smallest audience that is given out: fewer people could be told apart."""

MIN_SEEDS = 10
"""Seeds of the smallest candidate that is scored for a key that only reads, and of the smallest that has an audience;
so many new ones are told together: fewer people could be told apart."""
