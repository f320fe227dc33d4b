"""The features of a few users at this moment, from their clicks, by the same rules as those of a whole log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from penchant.features.fields import SAMPLE, WEIGHT, Click, Field, History, read
from penchant.features.numbers import Span, number_columns
from penchant.features.own import own_read, pack_live
from penchant.features.plan import FeaturesConfig
from penchant.features.ragged import Ragged
from penchant.features.seen import Seen
from penchant.features.shards import Batch
from penchant.features.vocabulary import Vocabulary
from penchant.schema import ITEM, ONE_CLICK, PAD, RESERVED, UNKNOWN, USER, VALUE

Ids = Mapping[str, tuple[int, ...]]
"""By vocabulary: ids that an item, or a user's own fields, bring to it."""

NOTHING: Ids = {}

Worths = Mapping[tuple[float, str], int]
"""By time and item: the WORTH of a user's clicks that are no plain ones."""

NO_WORTHS: Worths = {}


class ItemValues:
    """What a click on each item brings to every vocabulary."""

    def __init__(self, items: pl.DataFrame, vocabularies: Mapping[str, Vocabulary]) -> None:
        """items: ITEM and its fields, each a list of texts; vocabularies: by source, ITEM among them or fields."""
        self._vocabularies = vocabularies
        self._row = dict(zip(items[ITEM], range(len(items)), strict=True))
        self._ids = {
            source: Seen.of(items, source, vocabulary.ids).always for source, vocabulary in vocabularies.items()
        }
        self._known: dict[str, Ids] = {}

    def put(self, item: str, fields: Mapping[str, Sequence[str]]) -> None:
        """An item that the table did not have, or has otherwise; sources that are not named stay without a value."""
        known = {source: _cleaned(fields.get(source, ())) for source in self._vocabularies if source != ITEM}
        ids = {source: tuple(map(self._vocabularies[source].id, texts)) for source, texts in known.items()}
        self._known[item] = {**ids, **self._own(item)}

    def drop(self, item: str) -> None:
        """An item of which nothing was said but by the table."""
        self._known.pop(item, None)

    def of(self, item: str) -> Ids:
        """An item that is unknown has no value but itself."""
        found = self._known.get(item)
        if found is None:
            row = self._row.get(item)
            found = self._own(item) if row is None else self._of_row(row)
            if row is not None:
                self._known[item] = found
        return found

    def _own(self, item: str) -> Ids:
        return {ITEM: (self._vocabularies[ITEM].id(item),)} if ITEM in self._vocabularies else NOTHING

    def _of_row(self, row: int) -> Ids:
        return {
            source: tuple(ids.values[ids.offsets[row] : ids.offsets[row + 1]].tolist())
            for source, ids in self._ids.items()
        }


@dataclass(frozen=True)
class UserValues:
    """What users' own fields say; row: of each user who has any. ids: per field of values; shares: per field of one
    number, scaled, NaN where there is none."""

    row: Mapping[str, int]
    ids: Mapping[str, Ragged]
    shares: Mapping[str, np.ndarray]

    @classmethod
    def of_table(
        cls, users: pl.DataFrame, vocabularies: Mapping[str, Vocabulary], spans: Mapping[str, Span]
    ) -> "UserValues":
        """users: USER and fields, each a list of texts; vocabularies, spans: of those fields that are read."""
        ids = {}
        for source, vocabulary in vocabularies.items():
            texts = Ragged.of(users[source])
            ids[source] = Ragged(texts.offsets, vocabulary.ids(pl.Series(texts.values, dtype=pl.String)))
        return cls(
            dict(zip(users[USER], range(len(users)), strict=True)),
            ids,
            {source: _shares(users[source], span) for source, span in spans.items()},
        )

    def of(self, user: str, source: str) -> tuple[int, ...]:
        row, ids = self.row.get(user), self.ids[source]
        return () if row is None else tuple(ids.values[ids.offsets[row] : ids.offsets[row + 1]].tolist())

    def share(self, user: str, source: str) -> float:
        row = self.row.get(user)
        return float("nan") if row is None else float(self.shares[source][row])


class LiveFeatures:
    """Clicks of some users → what a model reads of them. features: the fields, and how own tags fade; label: the field
    of the items that own tags are of."""

    def __init__(self, features: FeaturesConfig, label: str, items: ItemValues, people: UserValues) -> None:
        self.features, self.label, self.items, self.people = features, label, items, people

    def batch(
        self,
        users: Sequence[str],
        clicked: Sequence[Iterable[tuple[float, str]]],
        worths: Sequence[Worths] | None = None,
    ) -> Batch:
        """clicked: the time (UTC seconds, or positions) and item of each user's clicks, in order, each once; worths:
        of each user, all plain ones if not given."""
        worths = worths or [NO_WORTHS] * len(clicked)
        histories = [self._history(one, worth) for one, worth in zip(clicked, worths, strict=True)]
        packed = {rule.name: self._field(rule, users, histories) for rule in self.features.fields}
        ids = {name: torch.from_numpy(ids).long() for name, (ids, _) in packed.items()}
        own = pack_live([own_read(history, self.label, self.features.fade_half_life) for history in histories])
        return Batch(ids, {name: torch.from_numpy(weights) for name, (_, weights) in packed.items()}, own)

    def _history(self, clicks: Iterable[tuple[float, str]], worths: Worths) -> History:
        values = self.items.of
        if not worths:
            return History(tuple([Click(time, item, values(item)) for time, item in clicks]))
        known = [(time, item, worths.get((time, item), ONE_CLICK)) for time, item in clicks]
        return History(tuple([Click(time, item, values(item), worth) for time, item, worth in known]))

    def _field(self, rule: Field, users: Sequence[str], histories: Sequence[History]) -> tuple[np.ndarray, np.ndarray]:
        """ids_BH and weights_BH, as `fields.pack` gives them."""
        if rule.number:
            shares = np.array([self.people.share(user, rule.source) for user in users], np.float32)[:, None]
            known = ~np.isnan(shares)
            return np.where(known, RESERVED, PAD).astype(np.int32), np.where(known, shares, 0)
        if rule.source in self.people.ids:
            histories = [History((Click(0.0, "", {rule.source: self.people.of(user, rule.source)}),)) for user in users]
        found = [read(history, rule) for history in histories]
        width = max([1, *map(len, found)])
        ids, weights = np.zeros((len(users), width), np.int32), np.zeros((len(users), width), np.float32)
        for row, values in enumerate(found):
            for slot, (value, weight) in enumerate(values):
                ids[row, slot], weights[row, slot] = value, weight
        return ids, weights


def _cleaned(texts: Sequence[str]) -> Iterable[str]:
    """Without what surrounds them, empty ones and repeats, as the items' table is read."""
    return dict.fromkeys(text for text in map(str.strip, texts) if text)


def known(batch: Batch, numbers: Iterable[str]) -> np.ndarray:
    """known_B: of which users any value is known, numbers and UNKNOWN ones left out, as in `crowd.values_of`."""
    lists = [ids_BH for name, ids_BH in batch.ids.items() if name not in set(numbers)]
    found: np.ndarray = torch.cat([ids_BH > UNKNOWN for ids_BH in lists], 1).any(1).numpy()
    return found


def _shares(texts: pl.Series, span: Span) -> np.ndarray:
    first = pl.DataFrame({SAMPLE: np.arange(len(texts)), VALUE: texts.list.first()})
    rows = number_columns(first, span)
    shares = np.full(len(texts), np.nan, np.float32)
    shares[rows[SAMPLE].to_numpy()] = rows[WEIGHT].to_numpy()
    return shares
