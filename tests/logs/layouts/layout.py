"""A layout, and the small world that all of them tell of: people who click things in sittings."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

START_S = 1_772_323_200  # 2026-03-01 00:00 UTC
GENRES = ["Action", "Comedy", "Drama", "Horror", "Romance", "Thriller", "Western", "Children", "Musical", "War"]
_NOUNS = ["River", "Night", "Garden", "Winter", "Mountain", "Letter", "Road", "House", "Star", "Bridge", "Song", "Sea"]
_KINDS = ["Silent", "Last", "Golden", "Broken", "Hidden", "Lost", "Green", "Second", "Distant", "Bitter"]


@dataclass(frozen=True)
class Expected:
    """What `init` has to say of a layout. files: a part of what `files` says; label: the column that the label's field
    is read from; events: how many the log has when it is read so."""

    user: str | None = None
    item: str | None = None
    time: str | list[str] | None = None
    clicked: str | None = None
    action: str | None = None
    clicks: frozenset[str] = frozenset()
    items_key: str | None = None
    label: str | None = None
    source: str | None = None
    files: str | None = None


@dataclass(frozen=True)
class Layout:
    """write: fills a folder, and returns the number of events. needs: what `init` asks for where it cannot know."""

    name: str
    what: str
    write: Callable[[Path], int]
    expected: Expected
    needs: tuple[str, ...] = ()

    def expected_of(self, said: dict[str, Any]) -> Expected:
        """What is expected, with all of `files` that the run file says, if it begins with what is expected of it."""
        events = said["logs"]["tables"]["events"]
        files = str(events.get("files", "a query"))
        ours = self.expected.files or ""
        keyless = self.expected.label is None
        return replace(
            self.expected,
            files=files if files.startswith(ours) else ours,
            items_key=None if keyless else self.expected.items_key,
        )


@dataclass(frozen=True)
class World:
    """events: user, item (numbers from 0), session, s (seconds), act (view, cart, buy), click, rating; ordered by time.
    items: item, title, genres, category, brand, price. users: user, age, gender, town."""

    events: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame

    def of_users(self, form: Callable[[int], object]) -> list[object]:
        """A column of the events: the user in some form."""
        return [form(one) for one in self.events["user"]]

    def of_items(self, form: Callable[[int], object]) -> list[object]:
        return [form(one) for one in self.events["item"]]

    def all_users(self, form: Callable[[int], object]) -> list[object]:
        return [form(one) for one in self.users["user"]]

    def all_items(self, form: Callable[[int], object]) -> list[object]:
        return [form(one) for one in self.items["item"]]

    def unique(self, per_s: int = 1) -> int:
        """Events that differ in user, item and time, the time cut to so many seconds."""
        return self.events.select("user", "item", pl.col("s") // per_s).n_unique()


@cache
def world(events: int = 600, users: int = 50, items: int = 40, seed: int = 7) -> World:
    """Sittings of a few minutes over a month; each user has a taste, each item its popularity."""
    dice = _dice(seed)
    genres = [dice.sample(GENRES, dice.randint(1, 3)) for _ in range(items)]
    titles = [
        f"The {_KINDS[n % 10]} {_NOUNS[(n * 7 + n // 10) % 12]}{' of Time' if n % 3 else ''}" for n in range(items)
    ]
    taste = [dice.sample(GENRES, 3) for _ in range(users)]
    rows: list[tuple[int, int, int, int, str, bool, int]] = []
    session = 0
    while len(rows) < events:
        user = min(int(dice.expovariate(3 / users)), users - 1)
        moment = START_S + dice.randint(0, 28 * 86_400)
        session += 1
        for _ in range(dice.randint(2, 7)):
            moment += dice.randint(5, 200)
            chosen = dice.choices(
                range(items), [1 / (n + 3) * (4 if set(genres[n]) & set(taste[user]) else 1) for n in range(items)]
            )[0]
            liked = bool(set(genres[chosen]) & set(taste[user]))
            act = dice.choices(["view", "cart", "buy"], [8, 2, 1])[0]
            rating = min(5, max(1, dice.randint(1, 4) + 2 * liked))
            rows.append((user, chosen, session, moment, act, dice.random() < (0.6 if liked else 0.2), rating))
    schema = ["user", "item", "session", "s", "act", "click", "rating"]
    log = (
        pl.DataFrame(rows[:events], schema=schema, orient="row").unique(["user", "item", "s"]).sort("s", "user", "item")
    )
    things = pl.DataFrame(
        {
            "item": range(items),
            "title": titles,
            "genres": genres,
            "category": [one[0] for one in genres],
            "brand": [f"brand {n % 6}" for n in range(items)],
            "price": [round(dice.uniform(5, 90), 2) for _ in range(items)],
        }
    )
    people = pl.DataFrame(
        {
            "user": range(users),
            "age": [dice.choice([18, 25, 35, 45, 56]) for _ in range(users)],
            "gender": [dice.choice("FM") for _ in range(users)],
            "town": [dice.choice(["Lund", "Umeå", "Gävle", "Visby"]) for _ in range(users)],
        }
    )
    return World(log, things, people)


def uuid_of(number: int, kind: int = 0) -> str:
    return str(UUID(int=_dice(number * 7 + kind).getrandbits(128), version=4))


def hex_of(number: int, digits: int = 16) -> str:
    return f"{_dice(number + 99).getrandbits(digits * 4):0{digits}x}"


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311
