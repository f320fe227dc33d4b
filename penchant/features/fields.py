"""What a feature field is, defined once and worked out twice: for many users in columns, for one user click by click.

A field lists the values of a user's clicks before some moment, each with a weight, the best `limit` of them first.
`columns` (batch) and `read` (live) must agree to the last value; a property test replays logs through both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

import numpy as np
import polars as pl
import polars.selectors as cs
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.features.ragged import place_in_run
from penchant.schema import ONE_CLICK, VALUE, WORTH

SAMPLE = "sample"
AGE = "age"
WEIGHT = "weight"
SLOT = "slot"
ANY_WORTH = cs.by_name(WORTH, require_all=False)
"""WORTH of a table that has it: where it is left out, each click is a plain one."""


class Field(Config):
    """One field of the model's input.

    name: how the run calls it; of: the vocabulary it draws from ("item", a field of the items or of the users),
    by default `name`; limit: H, the most values kept; last: only the latest so many clicks count, all if not given;
    those of one moment count together, so that a basket is never cut, and a few more may count.
    order: which values come first: "frequent" (most clicks, then latest) or "recent" (latest, then most clicks).
    Clicks whose action counts as several are so many here, but one for `last`.
    half_life: a click weighs half as much for every so many clicks at a later time; needs `last`. Without it, a value's
    weight is its number of clicks.
    number: a field of the users that holds one number each, such as an age. It becomes one value that everyone with a
    number has, weighed from 0 for the smallest number of training users to 1 for their largest. Numbers that are far
    out, such as a 99999 that stands for "not told", do not count for these two, and are weighed as the nearer of them.
    """

    name: str
    of: str = ""
    limit: Annotated[int, Limits(ge=1)] = 10
    last: Annotated[int, Limits(ge=1)] | None = None
    order: Literal["frequent", "recent"] = "frequent"
    half_life: Annotated[float, Limits(gt=0)] | None = None
    number: Annotated[bool, Limits(exclude_if=lambda said: not said)] = False
    """Left out of what is written where it is false, so that it changes no fingerprint of a run without numbers."""

    @model_validator(mode="after")
    def _fading_needs_an_end(self) -> Self:
        if self.half_life is not None and self.last is None:
            raise ValueError("half_life needs `last`: how many clicks are kept to be weighed again at each new one")
        return self

    @model_validator(mode="after")
    def _a_number_is_no_list(self) -> Self:
        said = {name: getattr(self, name) for name in ("limit", "last", "order", "half_life")}
        senseless = [name for name, value in said.items() if value != type(self).model_fields[name].default]
        if self.number and senseless:
            raise ValueError(f"{self.name!r} is one number per user, which has no {', '.join(senseless)}; leave it out")
        return self

    @property
    def source(self) -> str:
        return self.of or self.name


def columns(clicks: pl.DataFrame, rule: Field) -> pl.DataFrame:
    """The field for many samples at once.

    clicks: SAMPLE, VALUE (id), "time" and AGE (how many clicks of the sample's history are strictly later: 0 for the
    latest and those of the same time), perhaps WORTH; a click with several values has a row for each. Returns SAMPLE,
    SLOT (0 first), VALUE, WEIGHT.
    """
    if rule.last is not None:
        clicks = clicks.filter(pl.col(AGE) < rule.last)
    count = counted(clicks)
    weight = count if rule.half_life is None else faded(clicks, rule.half_life)
    values = clicks.group_by(SAMPLE, VALUE).agg(
        count=count, latest=pl.col("time").max(), weight=weight.cast(pl.Float64)
    )
    if WORTH in clicks.columns and rule.half_life is None:
        values = values.with_columns(in_clicks(values["count"]).alias(WEIGHT))
    first, second = ("count", "latest") if rule.order == "frequent" else ("latest", "count")
    ranked = values.sort(SAMPLE, first, second, VALUE, descending=[False, True, True, False])
    slots = pl.Series(SLOT, place_in_run(ranked[SAMPLE].to_numpy()))
    return ranked.select(SAMPLE, slots, VALUE, WEIGHT).filter(pl.col(SLOT) < rule.limit)


def counted(clicks: pl.DataFrame) -> pl.Expr:
    """The clicks of a group; with WORTH the sum of that, see `in_clicks`."""
    return pl.col(WORTH).cast(pl.Int64).sum() if WORTH in clicks.columns else pl.len()


def in_clicks(worth: pl.Series) -> pl.Series:
    """Sums of WORTH as numbers of clicks. Polars would multiply by 0.001, which is not always the same as the division
    that live features make."""
    return pl.Series(worth.to_numpy() / ONE_CLICK)


def faded(clicks: pl.DataFrame, half_life: float) -> pl.Expr:
    """The sum of a group's clicks where each weighs half as much for every so many later ones."""
    fade = 0.5 ** (pl.col(AGE) / half_life)
    return (pl.col(WORTH) / ONE_CLICK * fade if WORTH in clicks.columns else fade).sum()


def pack(rows: pl.DataFrame, samples: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `columns` as arrays: ids [samples, limit] int32 (PAD after the last) and weights, float32."""
    ids = np.zeros((samples, limit), np.int32)
    weights = np.zeros((samples, limit), np.float32)
    place = rows[SAMPLE].to_numpy(), rows[SLOT].to_numpy()
    ids[place] = rows[VALUE].to_numpy()
    weights[place] = rows[WEIGHT].to_numpy()
    return ids, weights


@dataclass(frozen=True, order=True, slots=True)
class Click:
    """One click: its time, its item, the ids it brings to each vocabulary ("item" among them), and its WORTH."""

    time: float
    item: str
    values: Mapping[str, tuple[int, ...]] = field(compare=False)
    worth: int = field(default=ONE_CLICK, compare=False)


@dataclass(frozen=True)
class History:
    """All that a user's fields need: clicks in order of time and item, each once.

    Late, repeated and reordered clicks lead to the same history.
    """

    clicks: tuple[Click, ...] = ()

    def aged(self) -> Iterator[tuple[Click, int]]:
        """Every click with its age, the number of clicks that are strictly later; latest first."""
        age, instant = 0, None
        for place, click in enumerate(reversed(self.clicks)):
            if click.time != instant:
                age, instant = place, click.time
            yield click, age


def replay(clicks: Iterable[Click]) -> History:
    """The history after all clicks, in whatever order they come; of one that comes twice, what counts most."""
    best_first = sorted(clicks, key=lambda click: -click.worth)
    return History(tuple(sorted(dict.fromkeys(best_first))))


def read(history: History, rule: Field) -> list[tuple[int, float]]:
    """The field of one user now: (id, weight), the first value first, at most `limit`."""
    source, fades = rule.source, rule.half_life
    counts: dict[int, int] = {}  # sums of WORTH
    latest: dict[int, float] = {}
    weights: dict[int, float] = {}
    for click, age in history.aged():
        if rule.last is not None and age >= rule.last:
            break
        worth = click.worth
        weight = 0.0 if fades is None else worth / ONE_CLICK * 0.5 ** (age / fades)
        for value in click.values.get(source, ()):
            if value in counts:
                counts[value] += worth
                weights[value] += weight
            else:
                counts[value], latest[value], weights[value] = worth, click.time, weight
    first, second = (counts, latest) if rule.order == "frequent" else (latest, counts)
    ranked = sorted([(-first[value], -second[value], value) for value in counts])
    first_ones = [value for _, _, value in ranked[: rule.limit]]
    return [(value, counts[value] / ONE_CLICK if fades is None else weights[value]) for value in first_ones]
