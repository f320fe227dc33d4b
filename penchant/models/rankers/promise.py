"""What a ranker promises: a user, their history and candidates become a logit per candidate and task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from penchant.features.items import NO_ITEM, Items
from penchant.features.ragged import place_in_run
from penchant.features.shards import Batch, Shard, batch_of
from penchant.models.base import Extra
from penchant.schema import ITEM, PAD

MOST_VALUES = 10
"""Of a field of one item that are read, the first of them."""


@dataclass(frozen=True)
class RankerSizes:
    """What the data decides. user: rows of each user field's table; items: rows of each table of what an item has, ITEM
    for the items themselves; tasks: their names; numbers: the fields of `user` that hold one number, as in `Sizes`."""

    user: Mapping[str, int]
    items: Mapping[str, int]
    tasks: tuple[str, ...]
    numbers: tuple[str, ...] = ()

    def only(self, fields: Sequence[str] | None, item_fields: Sequence[str] | None) -> "RankerSizes":
        """Of some fields, in the order given; None stands for all."""
        user = {name: self.user[name] for name in (self.user if fields is None else fields)}
        items = {name: self.items[name] for name in (self.items if item_fields is None else item_fields)}
        return RankerSizes(user, items, self.tasks, tuple(name for name in self.numbers if name in user))


@dataclass(frozen=True)
class Listed:
    """K items in a row for each user, and what each of them has.

    values: ids_BKN by field, PAD where an item has fewer values; field ITEM is the item itself, N = 1: PAD where a user
    has fewer items, UNKNOWN for an item outside the vocabulary.
    """

    values: Mapping[str, Tensor]

    @property
    def ids(self) -> Tensor:
        """[B, K]: the items themselves."""
        return self.values[ITEM][..., 0]

    @property
    def there(self) -> Tensor:
        """[B, K]: where there is an item, known or not."""
        return self.ids != PAD

    @classmethod
    def of(cls, items: Items, fields: Sequence[str], entry_BK: Tensor, moment_B: np.ndarray) -> "Listed":
        """Some fields of some entries, NO_ITEM for padding; values that have a time as they were known at the user's
        moment."""
        entry_N, moment_N = entry_BK.flatten().numpy(), np.repeat(moment_B, entry_BK.shape[1])
        parts = {name: _values(items, name, entry_N, moment_N) for name in dict.fromkeys([ITEM, *fields])}
        return cls({name: ids_NN.view(*entry_BK.shape, ids_NN.shape[1]) for name, ids_NN in parts.items()})

    def to(self, device: torch.device) -> "Listed":
        """The same on a device."""
        return Listed({name: ids_BKN.to(device) for name, ids_BKN in self.values.items()})


@dataclass(frozen=True)
class RankBatch:
    """What a ranker reads of B users.

    user: the user's fields. past: the user's latest clicks before the question, earliest first, padding behind;
    age_BO: how long before the question each of them was, in seconds, or in clicks where the log has no clock; 0 for
    padding. candidates: the items that are asked about.
    """

    user: Batch
    past: Listed
    age_BO: Tensor
    candidates: Listed

    def __len__(self) -> int:
        return len(self.age_BO)

    def to(self, device: torch.device) -> "RankBatch":
        """The same batch on a device."""
        return RankBatch(self.user.to(device), self.past.to(device), self.age_BO.to(device), self.candidates.to(device))


class Ranker(nn.Module, ABC):
    """A user, their history and candidates → a logit per candidate and task: log p / (1 - p) of a yes.

    Promises: padding changes nothing; an empty history and unknown ids give finite logits; the same seed gives the same
    logits; weights save and load; a candidate's logit does not depend on which others are asked, nor on other users of
    the batch; a missing label moves nothing; planted preferences are learned.
    """

    sizes: RankerSizes

    past: int
    """How many of a user's latest clicks it reads, 0 for none."""

    @abstractmethod
    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        """logit_BKQ, finite for padding too, where it means nothing; and the model's own losses while it trains."""

    def logits(self, batch: RankBatch) -> Tensor:
        """logit_BKQ."""
        return self.read(batch)[0]

    def batch(self, shard: Shard, rows: Tensor | slice) -> RankBatch:
        """What the model reads of some samples; the candidates are the items shown in their windows."""
        entry_BK, _ = _shown(shard, rows, self.sizes.tasks)
        moment_B = shard.moments(rows)
        past_BO, age_BO = self._past(shard, rows, moment_B)
        past, candidates = (
            Listed.of(shard.items, list(self.sizes.items), entries, moment_B) for entries in (past_BO, entry_BK)
        )
        return RankBatch(batch_of(shard, list(self.sizes.user), rows), past, age_BO, candidates)

    def _past(self, shard: Shard, rows: Tensor | slice, moment_B: np.ndarray) -> tuple[Tensor, Tensor]:
        """entry_BO and age_BO of the latest clicks before some moments. "Now", an infinite one, is the last click."""
        if not self.past:
            nothing = torch.zeros(len(moment_B), 0)
            return nothing.long(), nothing
        past_BO, time_BO, _ = shard.sequences(rows).clicked().latest(self.past).padded()
        there_BO = past_BO != NO_ITEM
        last_B = time_BO.masked_fill(~there_BO, -torch.inf).amax(1)
        asked_B = torch.where(torch.from_numpy(moment_B).isinf(), last_B, torch.from_numpy(moment_B))
        return past_BO, (asked_B[:, None] - time_BO).masked_fill(~there_BO, 0.0).float()


def shown_of(shard: Shard, tasks: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """All items shown in the windows of a shard, sample by sample: row_L, the sample; entry_L; and label_LQ, NaN where
    a task says nothing."""
    entry_BK, label_BKQ = _shown(shard, slice(0, len(shard)), tasks)
    there_BK = entry_BK != NO_ITEM
    return there_BK.nonzero()[:, 0], entry_BK[there_BK], label_BKQ[there_BK]


def labels_of(shard: Shard, rows: Tensor | slice, tasks: Sequence[str]) -> Tensor:
    """label_BKQ of some samples, as `Ranker.batch` has their candidates."""
    return _shown(shard, rows, tasks)[1]


def _shown(shard: Shard, rows: Tensor | slice, tasks: Sequence[str]) -> tuple[Tensor, Tensor]:
    """entry_BK and label_BKQ, cut to the most that one of the samples has."""
    shown = shard.shown(rows)
    assert not (shown.entry_BK < NO_ITEM).any(), "a ranker is asked about items that exist; these were invented"
    used = max(1, int((shown.entry_BK != NO_ITEM).sum(1).max())) if len(shown.entry_BK) else 1
    return shown.entry_BK[:, :used], torch.stack([shown.tasks[name][:, :used] for name in tasks], 2)


def _values(items: Items, field: str, entry_N: np.ndarray, moment_N: np.ndarray) -> Tensor:
    """ids_NN of one field, the first MOST_VALUES at most, PAD behind them."""
    ids_L, owner_L = items.values(field, entry_N, moment_N)
    order_L = owner_L.argsort(kind="stable")
    ids_L, owner_L = ids_L[order_L], owner_L[order_L]
    place_L = place_in_run(owner_L)
    fits_L = place_L < MOST_VALUES
    table = np.full((len(entry_N), max(1, int(place_L[fits_L].max(initial=0)) + 1)), PAD, np.int64)
    table[owner_L[fits_L], place_L[fits_L]] = ids_L[fits_L]
    return torch.from_numpy(table)
