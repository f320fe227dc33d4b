"""Counts of one bucket of events, and of all buckets together. What is kept of a bucket is small, whatever it holds."""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict, TypeVar

import numpy as np
import polars as pl

from penchant.logs.found import BucketsCounted, DrawnFound
from penchant.schema import CLICKED, ITEM, TIME, USER

DAY_S = 86_400
MOST_ITEMS = 50
"""Items with most events that are kept of a bucket."""
MOST_USERS = 50
"""Users with most events whose counts are kept of a bucket, without their ids."""
MOST_TIMES = 20
FEW_TIMES = 100
"""Up to here, different times are counted."""
LOOKED_AT = 10_000
"""Events of a bucket whose times are looked at for one that many of them share."""
ABSENT = (
    *("\\n", "null", "(null)", "<null>", "none", "(none)", "nan", "nil", "na", "n/a", "#n/a", "<na>", "nat"),
    *("undefined", "unknown", "(not set)", "not set", "anonymous", "guest", "missing", "empty", "-", "--", "?", "-1"),
    *("0", "0.0", "00000000-0000-0000-0000-000000000000", "[object object]", "#nv", "#n/d", "s/o"),
    *("unbekannt", "inconnu", "inconnue", "desconocido", "desconhecido", "sconosciuto", "okänd", "ukjent", "ukendt"),
    *("onbekend", "nieznany", "неизвестно", "неизвестный", "不明", "未知", "未登录", "匿名", "anonym", "anonyme"),
    *("anonimo", "anónimo", "anônimo", "аноним", "gast", "invité", "invitado", "ospite", "гость", "游客", "ゲスト"),
)
"""What programs write for a user or an item that there is not, in small letters. Numbers are among them: one item may
be called 0, so what is said of these words is only how many events they have."""


class BucketCounts(TypedDict):
    """Of one bucket, see `BucketsCounted` for what is not explained here. known: events by field whose item has a value
    of it; times, several: a sample of times; whether there are more than FEW_TIMES of them; drawn: of the DRAWN items
    whose ids have the lowest hashes, by hash: events, the time that most of them have, and how many have it."""

    events: int
    clicked: int
    users: int
    users_with_one_event: int
    users_with_row: int
    events_of_items: int
    known: dict[str, int]
    first: float | None
    last: float | None
    busiest_users: list[int]
    busiest_items: list[tuple[str, int]]
    drawn: dict[str, tuple[int, float, int]]
    again: int
    looked_at: int
    commonest: list[tuple[float, int]]
    distinct: list[float] | None
    midnight: int
    days: tuple[int, list[int]]
    absent: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Beside:
    """The tables beside the log. items: ITEM, and for each field whether the item has a value; users: USER."""

    items: pl.DataFrame
    users: pl.DataFrame

    @classmethod
    def of(cls, items: pl.DataFrame, users: pl.DataFrame) -> "Beside":
        """items: ITEM and a list of values per field."""
        return cls(items.select(ITEM, pl.exclude(ITEM).list.len() > 0), users.select(USER))


def count_bucket(events: pl.DataFrame, beside: Beside, *, clock: bool) -> BucketCounts:
    """What one bucket of the log holds. events: by user, in their order in time; clock: whether times are those of a
    clock."""
    people = events.group_by(USER).len()
    shown = events.group_by(ITEM).len()
    known = shown.join(beside.items, on=ITEM, how="inner")
    busiest = shown.top_k(MOST_ITEMS, by=[pl.col("len"), ITEM]).rows()
    return {
        "events": len(events),
        "clicked": int(events[CLICKED].sum()),
        "users": len(people),
        "users_with_one_event": int((people["len"] == 1).sum()),
        "users_with_row": len(people.join(beside.users, on=USER, how="semi")) if len(beside.users) else 0,
        "events_of_items": int(known["len"].sum()),
        "known": {name: int(known["len"].filter(known[name]).sum()) for name in beside.items.columns[1:]},
        "first": events[TIME].min(),
        "last": events[TIME].max(),
        "busiest_users": people["len"].top_k(MOST_USERS).sort(descending=True).to_list(),
        "busiest_items": [(item, count) for item, count in busiest if len(item) <= LONGEST],
        "drawn": _drawn(events, shown[ITEM]) if clock else {},
        "again": _again(events) if clock else 0,
        **_times(events[TIME], clock=clock),  # type: ignore[typeddict-item]
        "absent": {USER: _absent(people), ITEM: _absent(shown)},
    }


LONGEST = 200
"""Characters of an item's id that is kept as an example."""
DRAWN = 150
"""Items that are drawn by the hash of their id, so that all buckets draw the same ones."""
TWICE_S = 2.0
"""Seconds within which a user hardly chooses the same item again."""
TWICE_APART = 3
"""Rows of the same user that are looked back for the same item."""


def _drawn(events: pl.DataFrame, items: pl.Series) -> dict[str, tuple[int, float, int]]:
    """items: different ids."""
    lowest = pl.DataFrame({ITEM: items, "hash": items.hash(seed=7)}).bottom_k(DRAWN, by="hash")
    times = events.select(ITEM, TIME).join(lowest, on=ITEM, how="inner").group_by("hash", TIME).len()
    common = times.sort("len", TIME, descending=[True, False]).group_by("hash", maintain_order=True)
    told = common.agg(pl.col("len").sum().alias("events"), pl.col(TIME).first(), pl.col("len").first())
    return {f"{key:016x}": (count, time, most) for key, count, time, most in told.sort("hash").iter_rows()}


def _again(events: pl.DataFrame) -> int:
    """Events on an item that the same user had at most TWICE_S seconds before, but not at the same time."""
    back = [
        (pl.col(USER) == pl.col(USER).shift(apart))
        & (pl.col(ITEM) == pl.col(ITEM).shift(apart))
        & (pl.col(TIME) - pl.col(TIME).shift(apart)).is_between(0, TWICE_S, closed="right")
        for apart in range(1, TWICE_APART + 1)
    ]
    return int(events.select(pl.any_horizontal(back).fill_null(False).sum()).item())


def _times(times: pl.Series, *, clock: bool) -> dict[str, object]:
    sample = times.gather_every(max(1, len(times) // LOOKED_AT))
    common = sample.value_counts(name="len").top_k(MOST_TIMES, by=["len", TIME])
    few = times.unique().sort().head(FEW_TIMES + 1) if sample.n_unique() <= FEW_TIMES else None
    counted = {
        "looked_at": len(sample),
        "commonest": common.rows(),
        "distinct": few.to_list() if few is not None and len(few) <= FEW_TIMES else None,
    }
    if not clock or times.is_empty():
        return {**counted, "midnight": 0, "days": (0, [])}
    days = (times // DAY_S).cast(pl.Int32).to_numpy()
    first = int(days.min())
    return {
        **counted,
        "midnight": int((times % DAY_S == 0).sum()),
        "days": (first, np.bincount(days - first).tolist()),
    }


def _absent(counts: pl.DataFrame) -> dict[str, int]:
    """Events by word that stands for none. counts: ids and "len"."""
    name = counts.columns[0]
    short = counts.filter(pl.col(name).str.len_bytes() <= max(map(len, ABSENT)))
    words = short.filter(pl.col(name).str.strip_chars().str.to_lowercase().is_in(ABSENT))
    return dict(words.sort(name).iter_rows())


class Settled(BucketCounts):
    """A bucket's counts, and what became of its other rows. repeated: set aside; backwards: after a later row of the
    same user; left_out: by reason; examples: file number and row of the first of each reason."""

    repeated: int
    backwards: int
    left_out: dict[str, int]
    examples: dict[str, tuple[int, int]]


class Sum:
    """Adds up the counts of buckets, one after the other."""

    def __init__(self) -> None:
        self.known: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._first, self._last = float("inf"), float("-inf")
        self._busiest = (0, 0)
        self._users: list[int] = []
        self._items: Counter[str] = Counter()
        self._drawn: dict[str, Counter[float]] = {}
        self._drawn_events: Counter[str] = Counter()
        self._common: Counter[float] = Counter()
        self._distinct: set[float] | None = set()
        self._days: Counter[int] = Counter()
        self._absent: dict[str, Counter[str]] = {USER: Counter(), ITEM: Counter()}
        self.left_out: Counter[str] = Counter()
        self.examples: dict[str, tuple[int, int]] = {}
        self.repeated = self.backwards = 0

    def add(self, bucket: int, counts: Settled) -> None:
        """The counts of the next bucket."""
        self.repeated += counts["repeated"]
        self.backwards += counts["backwards"]
        self.left_out.update(counts["left_out"])
        for reason, (file, row) in counts["examples"].items():
            self.examples[reason] = min(self.examples.get(reason, (file, row)), (file, row))
        if not counts["events"]:
            return
        self._counts.update({name: counts[name] for name in _ADDED})  # type: ignore[literal-required]
        self.known.update(counts["known"])
        first, last = counts["first"], counts["last"]
        assert first is not None
        assert last is not None
        self._first, self._last = min(self._first, first), max(self._last, last)
        self._busiest = max(self._busiest, (counts["busiest_users"][0], -bucket))
        self._users = sorted(self._users + counts["busiest_users"], reverse=True)[:MOST_USERS]
        self._draw(counts["drawn"])
        self._items.update(dict(counts["busiest_items"]))
        self._common.update(dict(counts["commonest"]))
        self._distinct = _union(self._distinct, counts["distinct"])
        begin, days = counts["days"]
        self._days.update({begin + number: count for number, count in enumerate(days) if count})
        for name, words in counts["absent"].items():
            self._absent[name].update(words)

    def _draw(self, drawn: Mapping[str, tuple[int, float, int]]) -> None:
        """An item with one of the lowest hashes of all is drawn by every bucket that has it, so it is counted whole."""
        for key, (events, time, most) in drawn.items():
            self._drawn.setdefault(key, Counter())[time] += most
            self._drawn_events[key] += events
        for key in sorted(self._drawn)[DRAWN:]:
            del self._drawn[key], self._drawn_events[key]

    def _drawn_found(self) -> DrawnFound:
        often = {key: count for key, count in self._drawn_events.items() if count >= OFTEN}
        at_once = sum(max(self._drawn[key].values()) >= AT_ONCE * count for key, count in often.items())
        return {"items": len(often), "at_once": at_once}

    @property
    def events(self) -> int:
        """Of all buckets that were added."""
        return self._counts["events"]

    def total(self) -> BucketsCounted:
        """Of all buckets that were added, at least one event."""
        return {
            "first": self._first,
            "last": self._last,
            "events": self._counts["events"],
            "clicked": self._counts["clicked"],
            "users": self._counts["users"],
            "users_with_one_event": self._counts["users_with_one_event"],
            "users_with_row": self._counts["users_with_row"],
            "events_of_items": self._counts["events_of_items"],
            "busiest_user": self._busiest[0],
            "busiest_users": self._users,
            "busiest_bucket": -self._busiest[1],
            "busiest_items": _most(self._items, 3),
            "drawn": self._drawn_found(),
            "again": self._counts["again"],
            "times": {
                "looked_at": self._counts["looked_at"],
                "commonest": _most(self._common, 3),
                "distinct": None if self._distinct is None else len(self._distinct),
                "midnight": self._counts["midnight"],
            },
            "days": {_day(day): count for day, count in sorted(self._days.items())},
            "absent": {name: dict(sorted(words.items())) for name, words in self._absent.items()},
        }


_ADDED = (
    *("events", "clicked", "users", "users_with_one_event", "users_with_row", "events_of_items"),
    *("looked_at", "midnight", "again"),
)
OFTEN = 5
"""Events from where on an item's times are judged."""
AT_ONCE = 0.9
"""The share of an item's events that have one time, if that is a time of the item."""


def _union(known: set[float] | None, more: Iterable[float] | None) -> set[float] | None:
    """All of both; None where they are more than FEW_TIMES."""
    if known is None or more is None:
        return None
    both = known.union(more)
    return both if len(both) <= FEW_TIMES else None


Key = TypeVar("Key", str, float)


def _most(counts: Mapping[Key, int], most: int) -> list[tuple[Key, int]]:
    """Those with the highest counts, equal ones in order."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]


def _day(number: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()
