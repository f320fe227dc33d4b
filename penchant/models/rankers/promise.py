"""What a ranker promises: a user, their history and candidates become a logit per candidate and task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from penchant.features.shards import Batch
from penchant.models.base import Extra
from penchant.schema import ITEM, PAD


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
    def ids_BK(self) -> Tensor:
        """The items themselves."""
        return self.values[ITEM][..., 0]

    @property
    def there_BK(self) -> Tensor:
        """Where there is an item, known or not."""
        return self.ids_BK != PAD

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
        return RankBatch(
            self.user.to(device), self.past.to(device), self.age_BO.to(device), self.candidates.to(device)
        )


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
