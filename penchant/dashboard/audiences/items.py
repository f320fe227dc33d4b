"""Items that may be opened: found by name or id, those with the most seeds in the log first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from penchant.serving.snapshot import Snapshot
from penchant.serving.view import View

MOST_FOUND = 10


@dataclass(frozen=True)
class Found:
    """seeds: in the log."""

    item: str
    name: str
    seeds: int


class Catalogue:
    """All items of a model's log."""

    def __init__(self, view: View) -> None:
        self._view, snapshot = view, view.served.snapshot
        self._seeds = _seeds(snapshot)
        self._order = np.argsort(-self._seeds, kind="stable").tolist()
        names = view.served.item_names
        self._texts = [f"{names.get(item, '')}\n{item}".casefold() for item in snapshot.items]

    def search(self, text: str, most: int = MOST_FOUND) -> Sequence[Found]:
        """Items whose name or id holds a text, in any case; one whose id it is comes first."""
        text = text.strip()
        if not text:
            return []
        snapshot, part = self._view.served.snapshot, text.casefold()
        places = (place for place in self._order if part in self._texts[place] and snapshot.items[place] != text)
        rest = [self._found(snapshot.items[place], int(self._seeds[place])) for place in islice(places, most)]
        exact = [self._found(text, len(snapshot.seeds(text)[0]))] if in_log(self._view, text) else []
        return [*exact, *rest][:most]

    def _found(self, item: str, seeds: int) -> Found:
        return Found(item, self._view.served.item_names.get(item, item), seeds)


def in_log(view: View, item: str) -> bool:
    """Whether the log has an event with an item, or says its name or its tags."""
    served = view.served
    return item in served.item_names or item in served.item_tags or len(served.snapshot.shown(item)) > 0


def was_seen(view: View, item: str) -> bool:
    """Whether anything has ever been said of an item: by the log, by live events, or by who put it."""
    return in_log(view, item) or item in view.users.told.items or bool(view.store.shown(item))


def _seeds(snapshot: Snapshot) -> np.ndarray:
    """How many clicked each item."""
    total = np.zeros(len(snapshot.items), np.int64)
    for part in snapshot.parts:
        clicked = part.arrays["met.time"] > -np.inf
        total += np.bincount(part.arrays["met.entry"][clicked], minlength=len(total))
    return total
