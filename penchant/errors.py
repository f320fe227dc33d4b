"""What can go wrong and be put right by a person. Each message says what, which value, what to do."""

from collections.abc import Iterable


class PenchantError(Exception):
    """Every error that a person can fix derives from this one; the command line prints it without a trace."""


class ConfigError(PenchantError):
    """A run file says something that cannot be: an unknown key, a wrong type, options at odds."""


class PromiseError(PenchantError):
    """A model, mostly one of another package, does not keep what models of its kind promise."""


class DataError(PenchantError):
    """The tables cannot be read as the run file says, or hold nothing to learn from."""


class QuotingError(DataError):
    """A DataError that quotes what stands in a table. unquoted: the same without the quote, for tables whose users are
    to stay unnamed."""

    def __init__(self, before: str, quote: object, after: str = "") -> None:
        super().__init__(f"{before}{quote}{after}")
        self.unquoted = f"{before}…{after} (not quoted, because the run file says `pseudonyms`)"


class StaleVocabularyError(PenchantError):
    """Weights and data disagree on what the ids mean."""


class CheckpointError(PenchantError):
    """A checkpoint cannot be continued by this run."""


class DivergedError(PenchantError):
    """Training led to weights that are not finite."""


class MissingStepError(PenchantError):
    """A step was asked for whose earlier step has not finished."""


class UnknownUserError(PenchantError):
    """A user whom the run has never seen."""


class UnknownModelError(PenchantError):
    """An interest model that the run does not have, or that makes no profiles."""

    def __init__(self, name: str, profiled: Iterable[str]) -> None:
        """profiled: the names of those that make profiles."""
        super().__init__(f"no interest model that makes profiles is called {name!r}; there are {', '.join(profiled)}")


class UnknownTagError(PenchantError):
    """A tag outside the vocabulary of the model that was asked."""


class UnknownItemError(PenchantError):
    """An item that the run has never seen."""


class UnknownFieldError(PenchantError):
    """A field that the items of the run do not have."""

    def __init__(self, name: str, fields: Iterable[str]) -> None:
        """fields: those that they have."""
        there = ", ".join(map(repr, fields))
        told = f"they have {there}" if there else "the log of this run says nothing of items"
        super().__init__(f"items have no field {name[:50]!r}; {told}")


class LargeItemError(PenchantError):
    """More is said of an item than processes keep."""


class AudienceError(PenchantError):
    """An audience that cannot be had: no seeds, too few people, or so few that they could be told apart."""


class DiskFullError(PenchantError):
    """The disk filled up in the middle of a step; what was finished is kept, nothing half-written is."""


class FolderError(PenchantError):
    """A run folder that cannot be written now: another process is at work on it, or nobody may write there."""


class ReportError(PenchantError):
    """The runs given to a report cannot be read, or cannot stand on one page as they are."""


class StoreError(PenchantError):
    """The live store cannot do what was asked: it is down, full, locked, of another version, or would lose data."""


class BusyError(PenchantError):
    """More events are waiting than consumers can work off; try again after `after_s` seconds."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class AccessError(PenchantError):
    """A key that is missing, unknown, of another scope, or used too often."""
