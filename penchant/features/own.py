"""What counting knows of the tags that a user clicked before, worked out twice: in columns for many users, and live.

`own_columns` (batch) and `own_read` (live) must agree to the last value; a property test replays logs through both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

import numpy as np
import polars as pl
import torch
from torch import Tensor

from penchant.features.fields import AGE, SAMPLE, History, counted, faded, in_clicks
from penchant.features.ragged import Ragged
from penchant.schema import ONE_CLICK, RESERVED, VALUE, WORTH

FADES = {"faded": 1.0, "faded/7": 1 / 7, "faded/2": 1 / 2, "faded*2": 2.0}
"""Sums of clicks that fade: by how much the half-life of the run (`features.fade_half_life`) is multiplied for each."""

COUNTS, HOW_OFTEN = "counts", "clicks"
FACTS = (COUNTS, *FADES, HOW_OFTEN, "age")
"""Of each tag: its clicks, each as many as its action counts for; the same where late ones count more, at several
half-lives; how many clicks these are, which is what people are shown; the age of the latest. A shard where each is a
plain one has no HOW_OFTEN: they are the COUNTS."""


@dataclass(frozen=True)
class Own:
    """The user's own tags. ids_BH: PAD where there is none; facts_BHF: by FACTS, 0 on PAD."""

    ids_BH: Tensor
    facts_BHF: Tensor

    def fact(self, name: str) -> Tensor:
        """[B, H] of one fact."""
        return self.facts_BHF[..., FACTS.index(name)]

    def to(self, device: torch.device) -> "Own":
        return Own(self.ids_BH.to(device), self.facts_BHF.to(device))


def own_columns(values: pl.DataFrame, half_life: float) -> pl.DataFrame:
    """The facts of many samples at once: SAMPLE, VALUE and FACTS, ordered by SAMPLE and VALUE.

    values: SAMPLE, VALUE (id), AGE and perhaps WORTH of each click, a row per value of a clicked item; unknown values
    are left out.
    """
    known = values.filter(pl.col(VALUE) >= RESERVED)
    late = {name: faded(known, half_life * times) for name, times in FADES.items()}
    facts = known.group_by(SAMPLE, VALUE).agg(counts=counted(known), **late, age=pl.col(AGE).min(), clicks=pl.len())
    if WORTH in known.columns:
        facts = facts.with_columns(in_clicks(facts[COUNTS]).alias(COUNTS))
    return facts.sort(SAMPLE, VALUE).with_columns(pl.col(FACTS).cast(pl.Float32))


def own_read(history: History, source: str, half_life: float) -> dict[int, list[float]]:
    """The facts of one user now: by id, ascending, one number for each of FACTS."""
    sums: dict[int, list[float]] = {}
    ages: dict[int, float] = {}
    lives = [half_life * times for times in FADES.values()]
    for click, age in history.aged():
        worth = click.worth / ONE_CLICK
        parts = [float(click.worth), *[worth * 0.5 ** (age / life) for life in lives], 1.0]
        for value in click.values.get(source, ()):
            if value < RESERVED:
                continue
            known = sums.get(value)
            if known is None:
                sums[value], ages[value] = parts, float(age)
            else:
                sums[value] = list(map(add, known, parts))
    return {value: [sums[value][0] / ONE_CLICK, *sums[value][1:], ages[value]] for value in sorted(sums)}


def pack_own(lists: Ragged, facts_NF: np.ndarray) -> Own:
    """Own tags of several users as rows, padded to the longest."""
    longest = max(1, int(lists.lengths.max(initial=0)))
    owner = np.repeat(np.arange(len(lists)), lists.lengths)
    place = np.arange(len(lists.values)) - np.repeat(lists.offsets[:-1], lists.lengths)
    ids_BH = np.zeros((len(lists), longest), np.int64)
    facts_BHF = np.zeros((len(lists), longest, len(FACTS)), np.float32)
    ids_BH[owner, place], facts_BHF[owner, place] = lists.values, facts_NF
    return Own(torch.from_numpy(ids_BH), torch.from_numpy(facts_BHF))


def pack_live(found: Sequence[dict[int, list[float]]]) -> Own:
    """The same from what `own_read` gives for each of several users."""
    lengths = np.array([len(one) for one in found], np.int64)
    values = np.array([value for one in found for value in one], np.int64)
    facts = np.array([fact for one in found for fact in one.values()], np.float32).reshape(-1, len(FACTS))
    return pack_own(Ragged(np.concatenate([[0], np.cumsum(lengths)]), values), facts)
