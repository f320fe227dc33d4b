"""How a long step tells what it has done, without knowing who listens."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` parts of `step`; `detail` is a short phrase for a person (samples/s, the best score)."""

    step: str
    done: int
    total: int
    detail: str = ""


Report = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Listens to nothing."""
