"""Doubts about times: a clock that is none, stretches without events, jumps, and windows that the log does not fill."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penchant.logs.doubts.bounds import (
    BOUNDS,
    DAY_S,
    FAR_DAYS,
    FEW_APART,
    GAP_DAYS,
    SOME_ITEMS,
    SPELL,
    USUAL_EVENTS,
)
from penchant.logs.doubts.doubt import Doubt, Looked


def clock(at: Looked) -> Iterator[Doubt]:
    """Times that do not tell when something happened."""
    found, times, column = at.found, at.found["times"], at.found["columns"]["time"]
    if column is None:
        yield Doubt(
            "no time",
            "The run file names no column of times, so the order of the rows counts as time.",
            1.0,
            (),
            "Name the column of when an item was shown or clicked as `time` under [logs.tables.events]. If there is "
            "none, make sure that earlier events stand above later ones.",
            BOUNDS["no time"].is_serious(1.0),
        )
        return
    if found["time_unit"] == "position":
        if not found["unit_said"]:
            yield Doubt(
                "positions",
                f"The numbers of {column!r} are too small to be a clock, from {found['first']:,.0f} to "
                f"{found['last']:,.0f}, so they are taken for places in each user's history.",
                1.0,
                (),
                'If that is right, write time_unit = "position" under [logs.tables.events]. If they are dates, give a '
                "column of dates, or of seconds since 1970.",
                BOUNDS["positions"].is_serious(1.0),
            )
        return
    time, count = times["commonest"][0]
    share = count / max(1, times["looked_at"])
    distinct = times["distinct"]
    if BOUNDS["one time"].tells(share) and distinct != 1 and not _spread(at, share):
        yield Doubt(
            "one time",
            f"About {share:.1%} of the events have the same time, {_moment(time)} UTC.",
            share,
            tuple(f"{_moment(other)} UTC" for other, _ in times["commonest"]),
            f"Check that {column!r} is when an item was shown or clicked. If this time stands for “not known”, leave "
            f"these rows out.",
            BOUNDS["one time"].is_serious(share),
        )
    if distinct is not None and BOUNDS["few times"].tells(distinct):
        yield Doubt(
            "few times",
            f"All {found['events']:,} events have only {distinct:,} different {'time' if distinct == 1 else 'times'}.",
            float(distinct),
            tuple(f"{_moment(other)} UTC" for other, _ in times["commonest"]),
            f"Check that {column!r} is when an item was shown or clicked, not when a table was written.",
            BOUNDS["few times"].is_serious(distinct),
        )
    elif BOUNDS["days only"].tells(midnight := times["midnight"] / at.rows_per["events"]):
        yield Doubt(
            "days only",
            f"{midnight:.1%} of the events are at midnight, so {column!r} says the day and not the time of day. What "
            f"happens on one day has no order, and a user's second click on an item that day is a repeat.",
            midnight,
            (),
            "If your log has a finer time, name that column as `time`.",
            BOUNDS["days only"].is_serious(midnight),
        )
    yield from _future(at)
    yield from _span(at)
    yield from _of_items(at)


def _span(at: Looked) -> Iterator[Doubt]:
    """A log that is too short, or too old to be one."""
    found, column = at.found, at.found["columns"]["time"]
    hours = (found["last"] - found["first"]) / 3600
    advice = f"Check that {column!r} is when an item was shown or clicked, and its `time_unit`."
    if BOUNDS["one hour"].tells(hours) and found["events"] > 1 and found["times"]["distinct"] != 1:
        yield Doubt(
            "one hour",
            f"The whole log lies within {hours * 60:,.1f} minutes, from {_moment(found['first'])} to "
            f"{_moment(found['last'])} UTC.",
            hours,
            (),
            advice,
            BOUNDS["one hour"].is_serious(hours),
        )
    years = found["last"] / (365.25 * DAY_S)
    if BOUNDS["long ago"].tells(years):
        yield Doubt(
            "long ago",
            f"The last event is on {_moment(found['last'])} UTC. Seconds that are counted from another year than 1970, "
            f"such as those of Apple from 2001, look like that.",
            years,
            (),
            f"{advice} Seconds of Apple need 978,307,200 more.",
            BOUNDS["long ago"].is_serious(years),
        )


def _of_items(at: Looked) -> Iterator[Doubt]:
    """Times that belong to the item, not to the event."""
    found, drawn = at.found, at.found["drawn"]
    distinct, midnight = found["times"]["distinct"], found["times"]["midnight"] / at.rows_per["events"]
    # Where the whole log has fewer times than items, items share their times by need.
    coarse = (distinct is not None and distinct < drawn["items"] / 2) or BOUNDS["days only"].tells(midnight)
    if drawn["items"] < SOME_ITEMS or coarse:
        return
    share = drawn["at_once"] / drawn["items"]
    if BOUNDS["time of the item"].tells(share):
        yield Doubt(
            "time of the item",
            f"{drawn['at_once']:,} of {drawn['items']:,} items that were looked at have one and the same time in "
            f"nearly all of their events.",
            share,
            (),
            f"Check that {found['columns']['time']!r} is when a user saw or clicked the item, not when the item was "
            f"published, and name another column as `time` if so.",
            BOUNDS["time of the item"].is_serious(share),
        )


def _spread(at: Looked, share: float) -> bool:
    """Whether a common time is one of a few days, each of which has about as much."""
    distinct = at.found["times"]["distinct"]
    return distinct is not None and share * distinct < 3


def _future(at: Looked) -> Iterator[Doubt]:
    tomorrow = _date(at.now + DAY_S).isoformat()
    late = sum(count for day, count in at.found["days"].items() if day > tomorrow)
    share = late / at.rows_per["events"]
    if BOUNDS["future"].tells(share):
        yield Doubt(
            "future",
            f"{late:,} of {at.found['events']:,} events are in the future, the last of them on "
            f"{_moment(at.found['last'])} UTC.",
            share,
            (),
            f"Check {at.found['columns']['time']!r}, and its `time_unit`; leave out rows that are only planned.",
            BOUNDS["future"].is_serious(share),
        )


def windows(at: Looked) -> Iterator[Doubt]:
    """Windows of days that the log does not fill."""
    purpose, found = at.purpose, at.found
    if not purpose.windows or found["time_unit"] == "position":
        return
    end = found["last"] if purpose.end is None else purpose.end
    test = end - purpose.days * DAY_S
    days = _Days.of(found["days"])
    # A window may hold parts of two days; all of both are counted, so that a doubt is one.
    inside = days.counts[(days.days > test / DAY_S - 1) & (days.days < end / DAY_S)].sum()
    usual = days.usual_events
    share = float(inside / max(1.0, usual * max(1.0, purpose.days)))
    if BOUNDS["window"].tells(share):
        yield Doubt(
            "window",
            f"The window that tests begins on {_moment(test)} UTC and has {inside:,.0f} events, where so many days "
            f"usually have {usual * max(1.0, purpose.days):,.0f}.",
            share,
            (),
            "End the windows earlier, with `until` under [labels], or leave out stray events at the end of the log.",
            BOUNDS["window"].is_serious(share),
        )
    begins = [test - number * purpose.days * DAY_S for number in range(1, purpose.windows + 1)]
    early = sum(begin <= found["first"] for begin in begins)
    if BOUNDS["short"].tells(early):
        yield Doubt(
            "short",
            f"{early} of {purpose.windows} windows of {purpose.days:g} days begin before the log does, on "
            f"{_moment(found['first'])} UTC, so nothing is learned from them.",
            early / purpose.windows,
            (),
            f"Write windows = {purpose.windows - early} under [labels], or take a longer log."
            if early < purpose.windows
            else "Write fewer `days` under [labels], or take a longer log.",
            BOUNDS["short"].is_serious(early),
        )


def stretches(at: Looked) -> Iterator[Doubt]:
    """Events far from the others, long stretches without any, and jumps of how many there are."""
    days = _Days.of(at.found["days"])
    if len(days.days) < 2:
        return
    yield from _far(days)
    yield from _gap(days)
    yield from _jump(days)


@dataclass(frozen=True)
class _Days:
    """Days with events, numbers since 1970 in order, and how many events each has."""

    days: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, found: dict[str, int]) -> "_Days":
        days = np.array(list(found), dtype="datetime64[D]").astype(int)
        return cls(days, np.array(list(found.values()), dtype=int))

    @property
    def gaps(self) -> np.ndarray:
        """Days from each to the next."""
        return np.diff(self.days)

    @property
    def usual_gap(self) -> float:
        return float(np.median(self.gaps))

    @property
    def usual_events(self) -> float:
        """Events of the day on which the median event is, days in order of how many they have. A tail of days with a
        few stray events does not count, though it be long."""
        counts = np.sort(self.counts)
        return float(counts[np.searchsorted(counts.cumsum(), counts.sum() / 2)])

    def borders(self) -> tuple[int, int]:
        """The first day of the bulk, and the day after its last, as places: what is apart from it is few."""
        wide = np.flatnonzero(self.gaps >= max(FAR_DAYS, 10 * self.usual_gap)) + 1
        before = np.concatenate([[0], self.counts.cumsum()])
        few = FEW_APART * before[-1]
        first = max((place for place in wide if before[place] <= few), default=0)
        stop = min((place for place in wide if before[-1] - before[place] <= few), default=len(self.days))
        return int(first), int(stop)


def _far(days: _Days) -> Iterator[Doubt]:
    first, stop = days.borders()
    total = int(days.counts.sum())
    sides = [("before", days.counts[:first], days.days[:first], days.days[first])]
    sides += [("after", days.counts[stop:], days.days[stop:], days.days[stop - 1])]
    for side, counts, where, border in sides:
        if len(counts):
            share = float(counts.sum() / total)
            yield Doubt(
                "far",
                f"{counts.sum():,} of {total:,} events lie far {side} all others, which "
                f"{'begin' if side == 'before' else 'end'} on {_day(border)}.",
                share,
                tuple(_day(day) for day in where[:3]),
                "If these dates are mistakes, leave their rows out of the log. Windows of days are counted from its "
                "end.",
                BOUNDS["far"].is_serious(share),
            )


def _gap(days: _Days) -> Iterator[Doubt]:
    first, stop = days.borders()
    gaps = days.gaps[first : stop - 1]
    if not len(gaps):
        return
    place = int(gaps.argmax())
    longest, times = int(gaps[place]), float(gaps[place] / days.usual_gap)
    if longest > GAP_DAYS and BOUNDS["gap"].tells(times):
        begin, end = days.days[first + place], days.days[first + place + 1]
        yield Doubt(
            "gap",
            f"There is no event for {longest - 1:,} days, between {_day(begin)} and {_day(end)}.",
            times,
            (),
            "Check that no part of the log is missing, and that `files` in the run file names all parts.",
            BOUNDS["gap"].is_serious(times),
        )


def _jump(days: _Days) -> Iterator[Doubt]:
    first, stop = days.borders()
    counts = days.counts[first:stop]
    if len(counts) < 2 * SPELL or days.usual_events < USUAL_EVENTS:
        return
    spells = np.median(np.lib.stride_tricks.sliding_window_view(counts, SPELL), axis=1)
    before, after = spells[:-SPELL], spells[SPELL:]
    times = np.maximum(before, after) / np.maximum(1.0, np.minimum(before, after))
    times[np.maximum(before, after) < USUAL_EVENTS] = 0
    place = int(times.argmax())
    if BOUNDS["jump"].tells(float(times[place])):
        day = days.days[first + place + SPELL]
        yield Doubt(
            "jump",
            f"Up to {_day(day)} a day usually has {before[place]:,.0f} events, and from then on {after[place]:,.0f}.",
            float(times[place]),
            (),
            "Check that every part of the log is there once, and that the same is logged before and after.",
            BOUNDS["jump"].is_serious(float(times[place])),
        )


def _date(time: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).date()


def _moment(time: float) -> str:
    return f"{datetime.datetime.fromtimestamp(time, datetime.UTC):%Y-%m-%d %H:%M}"


def _day(number: int) -> str:
    return str(np.datetime64(int(number), "D"))
