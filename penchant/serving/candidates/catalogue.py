"""The items of a model's log: found by name or id, those with the most seeds first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from penchant.serving.view import View

MOST_FOUND = 10


@dataclass(frozen=True)
class Match:
    """An item that was found. seeds: how many the log has."""

    item: str
    name: str
    seeds: int


class Catalogue:
    """All items of a model's log."""

    def __init__(self, view: View) -> None:
        self._view, snapshot = view, view.served.snapshot
        self._seeds = snapshot.seeds_per_item()
        self._order = np.argsort(-self._seeds, kind="stable").tolist()
        names = view.served.item_names
        self._texts = [f"{names.get(item, '')}\n{item}".casefold() for item in snapshot.items]

    def search(self, text: str, most: int = MOST_FOUND) -> Sequence[Match]:
        """Return items whose name or id holds a text, in capitals or not. An item whose whole id it is comes first."""
        text = text.strip()
        if not text:
            return []
        snapshot, part = self._view.served.snapshot, text.casefold()
        places = (place for place in self._order if part in self._texts[place] and snapshot.items[place] != text)
        rest = [self._match(snapshot.items[place], int(self._seeds[place])) for place in islice(places, most)]
        exact = [self._match(text, len(snapshot.seeds(text)[0]))] if in_log(self._view, text) else []
        return [*exact, *rest][:most]

    def _match(self, item: str, seeds: int) -> Match:
        return Match(item, self._view.name_of(item), seeds)


def in_log(view: View, item: str) -> bool:
    """Whether the log has an event with an item, or says its name or its tags."""
    served = view.served
    told = any(item in of_field for of_field in served.item_tags.values())
    return told or item in served.item_names or len(served.snapshot.shown(item)) > 0


def was_seen(view: View, item: str) -> bool:
    """Whether anything was ever said of an item: by the log, by a live event, or by a client that put it."""
    return in_log(view, item) or item in view.users.news.items or bool(view.store.shown(item))
