"""What a doubt is, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penchant.logs.found import Found
from penchant.logs.ingest import Log


@dataclass(frozen=True)
class Doubt:
    """Something that looks wrong in a log. kind: a key of `bounds.BOUNDS`; sentence: what is so; share: the number that
    the sentence rests on, mostly a share from 0 to 1; examples: values as they stand in the tables; advice: what to do;
    serious: whether numbers that are learned from the log would mean little."""

    kind: str
    sentence: str
    share: float
    examples: tuple[str, ...]
    advice: str
    serious: bool

    def as_json(self) -> dict[str, Any]:
        """Its parts by their names."""
        return {**asdict(self), "examples": list(self.examples)}


@dataclass(frozen=True)
class Purpose:
    """What a run wants to learn from a log. predicted: fields of the items; folds: one of so many parts of the users is
    for testing; windows, days, end: label windows of days, the last one ending at `end` (UTC seconds, None for the end
    of the log); no windows where each user's own events are cut."""

    predicted: Sequence[str] = ()
    folds: int = 5
    windows: int = 0
    days: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Looked:
    """A log, and the moment at which it is looked at. found: what it holds; now: UTC seconds."""

    log: Log
    found: Found
    purpose: Purpose
    now: float

    @property
    def rows_per(self) -> Mapping[str, int]:
        """The denominators of shares; none is 0."""
        found = self.found
        return {"rows": max(1, found["rows"]), "events": max(1, found["events"]), "users": max(1, found["users"])}
