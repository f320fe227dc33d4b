"""Moments at which audiences are asked for: who had clicked an item by then, and who clicked it afterwards."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.errors import ConfigError, DataError, UnknownItemError
from penchant.features.cuts.by_period import HOUR_S, NEXT, ByPeriod, Period
from penchant.features.cuts.firsts import Firsts, read_firsts
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.vocabulary import Vocabulary
from penchant.logs.ingest import Log
from penchant.schema import CLICKED, ITEM, TIME, USER


@dataclass(frozen=True)
class Round:
    """One moment, C candidates, L labels; users are rows of the crowd of that period.

    at: the moment, UTC seconds, or the share of each user's history where there is no clock. items_C: ids in the
    vocabulary of items, UNKNOWN where training never saw them; names: ITEM of each. seeds: who clicked each candidate
    strictly before, earliest first, each user once, the latest so many at most. candidate_L, user_L, clicked_L: who
    clicked which candidate for the first time from then to the next round, and pairs drawn to stand against them,
    never of a user and an item that they clicked before the end of the period.
    """

    at: float
    items_C: np.ndarray
    names: pl.Series
    seeds: Ragged
    candidate_L: np.ndarray
    user_L: np.ndarray
    clicked_L: np.ndarray


class RoundsConfig(Config):
    """Which items are candidates of a round, and which pairs of a user and a candidate are asked about.

    least_seeds: candidates have at least so many seeds; most_seeds: the latest so many are kept.
    active_hours: candidates have gained a seed in so many hours before the round; only where there is a clock.
    negatives: the pairs that stand against clicks. "popularity": for each click, the same user with candidates drawn in
        proportion to the seeds gained in the active hours, to all seeds where there is no clock. "uniform": with
        candidates drawn evenly. "logged": all un-clicked rows of the log.
    negatives_per_click: how many are drawn for each click; those that the user clicked are left out again.
    most_tested: of the test period, so many clicks are drawn from all of its rounds, and un-clicked rows in proportion;
        all if not given. The learn period is not thinned.
    """

    least_seeds: Annotated[int, Limits(ge=1)] = 10
    most_seeds: Annotated[int, Limits(ge=1)] = 3_000_000
    active_hours: Annotated[float, Limits(gt=0)] = 24.0
    negatives: Literal["popularity", "uniform", "logged"] = "popularity"
    negatives_per_click: Annotated[int, Limits(ge=1)] = 4
    most_tested: Annotated[int, Limits(ge=1)] | None = None

    @model_validator(mode="after")
    def _there_is_room_for_seeds(self) -> Self:
        if self.most_seeds < self.least_seeds:
            raise ValueError(f"most_seeds = {self.most_seeds} keeps fewer than least_seeds = {self.least_seeds}")
        return self


def make_rounds(
    log: Log,
    cut: ByPeriod,
    period: Period,
    *,
    users: pl.Series,
    items: Vocabulary,
    config: RoundsConfig,
    whole: bool = False,
) -> list[Round]:
    """The rounds of a period in order; those in which no candidate is clicked for the first time are left out.

    users: the crowd's, in order of its rows; items: the vocabulary of items. whole: one round for
    the whole period at its beginning, with every first click and no pair against it: who is to be found in an audience.
    Raises DataError where there is no round, ConfigError where un-clicked rows are asked for that the log has not.
    """
    drawn = None if whole else config.negatives
    if drawn == "logged" and log.found["clicked"] == log.found["events"]:
        raise ConfigError('rounds: negatives = "logged", but the log has clicks alone; use "popularity" or "uniform"')
    moments = _moments(cut, period, log.found["last"], whole=whole)
    firsts = read_firsts(log, cut, period, users=users, moments=moments, unclicked=drawn == "logged")
    drafts = list(_drafts(firsts, moments, config, clock=cut.clock))
    if not drafts:
        raise DataError(
            f"no item with at least least_seeds = {config.least_seeds} seeds is clicked by another of {len(users):,} "
            f"users in the {period} period; lower it, or give longer periods"
        )
    rng = np.random.default_rng([cut.seed, list(NEXT).index(period)])
    kept = 1.0
    if config.most_tested and period == "test" and not whole:
        drafts, kept = _thinned(drafts, config.most_tested, rng)
    against = (_against(draft, firsts, drawn, config.negatives_per_click, kept, rng) for draft in drafts)
    return [_round(draft, pairs, firsts, items) for draft, pairs in zip(drafts, against, strict=True)]


def now(log: Log, users: pl.Series, item: str, *, most_seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """The seeds of one item from the whole log, and whom it has reached; rows of `users`, who are a crowd in order.

    The seeds are each user who clicked it, earliest click first, the latest `most_seeds` at most; the reached all who
    have any event with it, in order of rows. Both are empty for an item that only a table names. Raises
    UnknownItemError for one that nothing names.
    """
    crowd = pl.DataFrame({USER: users}).with_row_index("row").cast({"row": pl.Int32})
    buckets = (log.events(bucket).filter(pl.col(ITEM) == item) for bucket in range(log.buckets))
    events = pl.concat([events.join(crowd, on=USER) for events in buckets])
    if events.is_empty():
        _refuse_unknown(log, item)
    clicks = events.filter(CLICKED).sort(TIME, "row").unique("row", keep="first", maintain_order=True)
    return clicks["row"].tail(most_seeds).to_numpy(), events["row"].unique().sort().to_numpy()


@dataclass(frozen=True)
class _Draft:
    """A round before pairs are drawn. lots: of each candidate, it is drawn in proportion to them."""

    number: int
    at: float
    entries: np.ndarray
    lots: np.ndarray
    seeds: Ragged
    candidate: np.ndarray
    user: np.ndarray


def _moments(cut: ByPeriod, period: Period, last: float, *, whole: bool) -> np.ndarray:
    """When the rounds of a period begin."""
    times = cut.moments(last)
    if not cut.clock:
        return np.array([times[period]])
    step_s = cut.periods.every_hours * HOUR_S
    rounds = 1 if whole else max(1, round(np.ceil((times[NEXT[period]] - times[period]) / step_s - 1e-6)))
    return times[period] + step_s * np.arange(rounds)


def _drafts(firsts: Firsts, moments: np.ndarray, config: RoundsConfig, *, clock: bool) -> Iterator[_Draft]:
    clicks = firsts.clicks
    earlier = firsts.count(clicks.round < 0)
    for number, at in enumerate(moments):
        recent = (clicks.time >= at - config.active_hours * HOUR_S) & (clicks.time < at)
        gained = firsts.count(recent) if clock else earlier
        entries = np.flatnonzero((earlier >= config.least_seeds) & (gained > 0))
        inside = np.flatnonzero(clicks.round == number)
        place = np.full(len(firsts.names), -1)
        place[entries] = np.arange(len(entries))
        asked = inside[place[clicks.entry[inside]] >= 0]
        if len(asked):
            seeds = firsts.seeds(entries, earlier[entries], config.most_seeds)
            candidate, user = place[clicks.entry[asked]], clicks.user[asked]
            yield _Draft(number, float(at), entries, gained[entries], seeds, candidate, user)
        earlier = earlier + firsts.count(inside)


def _thinned(drafts: list[_Draft], most: int, rng: np.random.Generator) -> tuple[list[_Draft], float]:
    """The rounds with `most` clicks at most, drawn evenly from all of them, and the share that was kept."""
    clicks = offsets_of(np.array([len(draft.user) for draft in drafts]))
    if clicks[-1] <= most:
        return drafts, 1.0
    chosen = np.sort(rng.choice(clicks[-1], most, replace=False))
    parts = np.split(chosen, np.searchsorted(chosen, clicks[1:-1]))
    kept = [
        replace(draft, candidate=draft.candidate[part - start], user=draft.user[part - start])
        for draft, part, start in zip(drafts, parts, clicks, strict=False)
        if len(part)
    ]
    return kept, most / float(clicks[-1])


def _against(
    draft: _Draft, firsts: Firsts, drawn: str | None, per_click: int, kept: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """candidate and user of the pairs that stand against the clicks of a round, each pair once."""
    if drawn is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    if drawn == "logged":
        candidate, user = _unclicked(draft, firsts)
        chosen = rng.random(len(user)) < kept
        candidate, user = candidate[chosen], user[chosen]
    else:
        lots = np.cumsum(draft.lots if drawn == "popularity" else np.ones(len(draft.lots)))
        user = np.repeat(draft.user, per_click)
        candidate = np.searchsorted(lots, rng.random(len(user)) * lots[-1], side="right")
    pairs = np.unique(np.stack([user.astype(np.int64), candidate]), axis=1)
    user, candidate = pairs[0].astype(np.int32), pairs[1]
    free = ~firsts.clicked(user, draft.entries[candidate])
    return candidate[free], user[free]


def _unclicked(draft: _Draft, firsts: Firsts) -> tuple[np.ndarray, np.ndarray]:
    """candidate and user of the rows of a round that were shown and not clicked."""
    shown = firsts.unclicked
    chosen = (shown.round == draft.number) & np.isin(shown.entry, draft.entries)
    return np.searchsorted(draft.entries, shown.entry[chosen]), shown.user[chosen]


def _round(draft: _Draft, against: tuple[np.ndarray, np.ndarray], firsts: Firsts, items: Vocabulary) -> Round:
    names = firsts.names.gather(draft.entries)
    candidate, user = against
    return Round(
        draft.at,
        items.ids(names),
        names,
        draft.seeds,
        np.concatenate([draft.candidate, candidate]),
        np.concatenate([draft.user, user]),
        np.repeat([True, False], [len(draft.user), len(user)]),
    )


def _refuse_unknown(log: Log, item: str) -> None:
    """Raise UnknownItemError for an item that neither an event nor a table names."""
    known = set(log.items()[ITEM])
    known.update(*(log.events(bucket)[ITEM].unique() for bucket in range(log.buckets)))
    if item not in known:
        near = difflib.get_close_matches(item, sorted(known), n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"ids look like {min(known)!r}"
        raise UnknownItemError(f"item {item!r} is not in the log; {hint}")
