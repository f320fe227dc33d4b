"""Files that the steps of a run have written, read and checked before anything is drawn from them."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, FiniteFloat, ValidationError

from penchant.errors import ReportError

Said = TypeVar("Said", bound=BaseModel)


class RunFile(Protocol):
    """What a report asks of a run file."""

    @property
    def reference(self) -> str | None:
        """The look-alike that others are measured beside; None where there is none."""
        ...

    @property
    def all_models(self) -> Mapping[str, Any]:
        """The sections of its models, by name; each says what it `needs`."""
        ...

    def interests(self, cut: Literal["users", "periods"]) -> list[str]:
        """The names of the interest models on a cut."""
        ...

    def labels_of(self, name: str) -> str:
        """The item field that an interest model predicts."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The whole file as JSON values."""
        ...


class Score(BaseModel):
    """A mean over test users and half its 95 % interval."""

    mean: FiniteFloat
    half: FiniteFloat | None = None


class Epoch(BaseModel):
    """A line of the learning curve; a loss may have left the finite numbers."""

    epoch: int
    loss: float
    validation: float


class Made(BaseModel):
    """What made the run; `at` and `negatives` are "unknown" where an older version did."""

    version: str = "unknown"
    commit: str = "unknown"
    at: str = "unknown"
    negatives: str = "unknown"


def read_object(
    path: Path, folder: Path, last: str = "evaluate", *, keys: Collection[str] = frozenset()
) -> dict[str, Any]:
    """The values of a JSON file that a step of the run in `folder` has written; `last` is the last of these steps.
    keys: that it must have.

    Raises ReportError.
    """
    again = f"run the steps of {folder} again, `penchant {last} {folder}` last"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path} is not there; {again}") from None
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is damaged: {error}; {again}") from None
    if not isinstance(said, dict):
        raise ReportError(f"{path} is damaged: it holds {type(said).__name__}, not an object; {again}")
    missing = sorted(set(keys) - said.keys())
    if missing:
        raise ReportError(f"{path} is damaged: it lacks {missing[0]!r}; {again}")
    return said


def checked(shape: type[Said], path: Path, folder: Path, last: str = "evaluate") -> Said:
    """The file's values in the shape that they must have. Raises ReportError that names the first that has not."""
    try:
        return shape.model_validate(read_object(path, folder, last))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReportError(
            f"{path} is not what this version writes: {place!r}: {first['msg']}; run `penchant {last} {folder}` again"
        ) from None
