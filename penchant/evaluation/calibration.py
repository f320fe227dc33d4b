"""Compare predicted with observed shares of clicks on test users, in bins of equal size.

`clicks`: users should click a share p of the shown items (or tags) that have a predicted click probability of about p.
It is measured for models trained with `separate` or `joint`, whose scores are log-odds. `tags`: a larger share of users
should click tags of higher preference later. It is measured for every model. Memory is one block of scores and a fixed
histogram, whatever the number of users. Source of the expected calibration error: Naeini, Cooper and Hauskrecht,
"Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from penchant.evaluation.protocols.interests import SCORES_AT_ONCE, blocks
from penchant.features.shards import Batch, Shard
from penchant.models.interests.promise import Interests
from penchant.schema import PAD, RESERVED
from penchant.training.losses import Loss

BINS = 15
_KEPT_BITS = 18
_CELLS = 1 << _KEPT_BITS


@dataclass(frozen=True)
class Bin:
    """Neighbouring predictions: how many, their mean, and the share of them that came true."""

    count: int
    predicted: float
    observed: float


class Histogram:
    """Predictions and what came of them, kept by the first 18 bits of the float32: a relative width of 0.2 %."""

    def __init__(self) -> None:
        self.count, self.true = np.zeros(_CELLS, np.int64), np.zeros(_CELLS, np.int64)
        self.sum = np.zeros(_CELLS)

    def add(self, predicted: np.ndarray, true: np.ndarray) -> None:
        """predicted: finite numbers; true: positions of those that came true."""
        cell = _cell(predicted.astype(np.float32))
        self.count += np.bincount(cell, minlength=_CELLS)
        self.sum += np.bincount(cell, weights=predicted, minlength=_CELLS)
        self.true += np.bincount(cell[true], minlength=_CELLS)

    def bins(self, most: int = BINS) -> list[Bin]:
        """At most `most` bins of about the same count, lowest first; equal predictions are never parted.

        >>> histogram = Histogram()
        >>> histogram.add(np.array([0.5, -1.0, 0.25, -1.0]), np.array([0, 1]))
        >>> histogram.bins(2)
        [Bin(count=2, predicted=-1.0, observed=0.5), Bin(count=2, predicted=0.375, observed=0.5)]
        """
        used = np.flatnonzero(self.count)
        if not len(used):
            return []
        count = self.count[used]
        middle = np.cumsum(count) - count / 2
        number = np.minimum((middle * most / count.sum()).astype(int), most - 1)
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        count, total, true = (np.add.reduceat(kept[used], starts) for kept in (self.count, self.sum, self.true))
        return [
            Bin(int(of), float(mean), float(share))
            for of, mean, share in zip(count, total / count, true / count, strict=True)
        ]


def expected_error(bins: Sequence[Bin]) -> float:
    """Σ count · |predicted - observed| / Σ count, for predictions that are probabilities.

    >>> round(expected_error([Bin(30, 0.2, 0.1), Bin(10, 0.8, 0.9)]), 6)
    0.1
    """
    return sum(one.count * abs(one.predicted - one.observed) for one in bins) / sum(one.count for one in bins)


@torch.inference_mode()
def calibrate(
    model: Interests, shards: Sequence[Shard], loss: Loss, *, log_odds: bool = True, at_once: int = SCORES_AT_ONCE
) -> dict[str, Any]:
    """{"clicks": {"of", "error", "bins"} or None, "tags": {"bins"}}; a bin is a `Bin` as a dictionary.

    clicks.of: "item", the probability σ(Σ u·t) of a shown item, for a loss with `joint`; "tag", σ(u·t) of each of its
    tags, for `separate`. None for other losses, and where `log_odds` says that the model's scores are no log-odds (a
    linear path stands beside it). Items are those of the label window that the shards hold.
    """
    of = "item" if "joint" in loss else "tag" if loss == "separate" else None
    clicks, tags = Histogram(), Histogram()
    for shard, rows, batch, user_BU in _users(model, shards, at_once):
        if of and log_odds:
            clicks.add(*_shown(user_BU, model.tags(), shard, rows, whole=of == "item"))
        _add_tags(tags, model.preferences(batch, user_BU)[:, RESERVED:].numpy(), shard, rows)
    bins = clicks.bins()
    about_clicks = {"of": of, "error": expected_error(bins), "bins": [asdict(one) for one in bins]} if bins else None
    return {"clicks": about_clicks, "tags": {"bins": [asdict(one) for one in tags.bins()]}}


def _users(model: Interests, shards: Sequence[Shard], at_once: int) -> Iterator[tuple[Shard, slice, Batch, Tensor]]:
    """Yield blocks of rows, each with at most `at_once` scores: what is read, and user_BU."""
    model.eval()
    for shard, rows in blocks(shards, model.sizes.tags, at_once):
        batch = model.batch(shard, rows)
        yield shard, rows, batch, model.users(batch)


def _shown(user_BU: Tensor, tag_VU: Tensor, shard: Shard, rows: slice, *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Click probabilities of the shown items, or of each of their tags, and the positions of those clicked."""
    tags_BKN, clicked_BK = shard.labels(rows)
    tags_BKN = tags_BKN.long()
    clicked_BKN = clicked_BK[..., None].expand_as(tags_BKN)
    valid_BKN = tags_BKN != PAD
    vectors = tag_VU[tags_BKN.flatten(1)]
    scores_BKN = torch.bmm(vectors, user_BU[..., None]).view(tags_BKN.shape) * valid_BKN
    if whole:
        scores_BKN = scores_BKN.sum(2, keepdim=True)
        valid_BKN, clicked_BKN = valid_BKN.any(2, keepdim=True), clicked_BKN[..., :1]
    return torch.sigmoid(scores_BKN[valid_BKN]).numpy(), clicked_BKN[valid_BKN].nonzero()[:, 0].numpy()


def _add_tags(histogram: Histogram, scores_BV: np.ndarray, shard: Shard, rows: slice) -> None:
    """Add every pair of a user and a tag, and which of these tags the user clicked in the label window."""
    truth = shard.truth.part(rows)
    owner = np.repeat(np.arange(len(truth)), truth.lengths)
    histogram.add(scores_BV.ravel(), owner * scores_BV.shape[1] + truth.values - RESERVED)


def _cell(predicted: np.ndarray) -> np.ndarray:
    """Return the cell of each number. Cells are in the order of the numbers, so the bits of negative ones are
    inverted."""
    bits = (predicted + np.float32(0)).view(np.int32)
    ordered = np.where(bits < 0, ~bits.view(np.uint32), bits.view(np.uint32) | np.uint32(1 << 31))
    return (ordered >> np.uint32(32 - _KEPT_BITS)).astype(np.int64)
