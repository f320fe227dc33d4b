"""Doubts about users and items of the log: too few, one with nearly everything, ids that are none or were rounded."""

from collections.abc import Iterator

import polars as pl

from penchant.logs.counting.ids import count_ids
from penchant.logs.counting.whole import MOST_IDS, some_ids
from penchant.logs.doubts.bounds import BOUNDS, LEAST_BUSY, MANY_IDS, TOO_MANY, USUAL_USERS
from penchant.logs.doubts.doubt import Doubt, Looked
from penchant.logs.found import IdsFound
from penchant.schema import ITEM, USER

NUMBERS = ("0", "0.0")
"""Words for none that may as well be the first of all numbers."""


def few_users(at: Looked) -> Iterator[Doubt]:
    """Too few users to test with, or too many who came once."""
    found, folds = at.found, at.purpose.folds
    several = found["users"] - found["users_with_one_event"]
    testers = several / folds
    if BOUNDS["testers"].tells(testers):
        yield Doubt(
            "testers",
            f"Only {several:,} users have two events or more. One in {folds} of them is kept for testing, about "
            f"{testers:,.0f}, so that the scores will be uncertain.",
            testers,
            (),
            "Take a longer log or more users; a few hundred users with ten clicks each are a good beginning.",
            BOUNDS["testers"].is_serious(testers),
        )
    once = found["users_with_one_event"] / at.rows_per["users"]
    if BOUNDS["once"].tells(once):
        yield Doubt(
            "once",
            f"{once:.1%} of the users have one event only: {found['users']:,} users have {found['events']:,} events.",
            once,
            _some_users(at),
            f"Check that {found['columns']['user']!r} tells who a person is, not a visit or a row. If it does, take a "
            f"longer log.",
            BOUNDS["once"].is_serious(once),
        )


def busiest(at: Looked) -> Iterator[Doubt]:
    """One user, or one item, with a large part of the log."""
    found, events = at.found, at.rows_per["events"]
    share = found["busiest_user"] / events
    if BOUNDS["one user"].tells(share):
        yield Doubt(
            "one user",
            f"One user has {found['busiest_user']:,} of {events:,} events, {share:.1%} of the log.",
            share,
            _busiest_user(at),
            f"If this is a robot, a test account, or a word for “no user”, leave its rows out: {_drop(at, USER)}.",
            BOUNDS["one user"].is_serious(share),
        )
    item, count = found["busiest_items"][0] if found["busiest_items"] else ("", 0)
    if BOUNDS["one item"].tells(count / events):
        yield Doubt(
            "one item",
            f"One item has {count:,} of {events:,} events, {count / events:.1%} of the log.",
            count / events,
            (repr(item),),
            f"If this is a start page or a default that everybody is shown, leave its rows out: {_drop(at, ITEM)}.",
            BOUNDS["one item"].is_serious(count / events),
        )


def few_busy(at: Looked) -> Iterator[Doubt]:
    """A few users, each far above all others, with a large part of the log. Of one user, `busiest` speaks."""
    found, events = at.found, at.rows_per["events"]
    top = found["busiest_users"]
    others = found["users"] - len(top)
    if others < USUAL_USERS:
        return
    usual = (events - sum(top)) / others
    busy = [count for count in top if count >= TOO_MANY * usual][: max(LEAST_BUSY, found["users"] // 100)]
    share = sum(busy) / events
    if len(busy) > 1 and BOUNDS["few users"].tells(share):
        yield Doubt(
            "few users",
            f"{len(busy)} of {found['users']:,} users have {share:.1%} of the events: each has {busy[-1]:,} or more, "
            f"where others have {usual:,.1f}.",
            share,
            _busiest_user(at),
            f"If these are robots or test accounts, leave their rows out: {_drop(at, USER)}.",
            BOUNDS["few users"].is_serious(share),
        )


def _drop(at: Looked, name: str) -> str:
    """What to write in the run file, which does not name users who have pseudonyms."""
    if name == USER and at.log.pseudonymous:
        return "take them out of your tables, where `penchant pseudonyms of RUN` finds whose pseudonym this is"
    return f'drop = {{ "{at.found["columns"][name]}" = ["…"] }} under [logs.tables.events]'


def absent(at: Looked) -> Iterator[Doubt]:
    """Users and items whose id is a word for none."""
    found, events = at.found, at.rows_per["events"]
    usual = events / at.rows_per["users"]
    for name, words in found["absent"].items():
        such = {
            word: count
            for word, count in words.items()
            if word not in NUMBERS or (name == USER and count > TOO_MANY * usual)
        }
        share = sum(such.values()) / events
        if not BOUNDS["none"].tells(share):
            continue
        column = found["columns"][name]
        yield Doubt(
            "none",
            f"{sum(such.values()):,} of {events:,} events have a {name} whose id is a word for “none”.",
            share,
            tuple(f"{word!r} in {count:,} events" for word, count in sorted(such.items(), key=lambda p: -p[1])[:5]),
            f"If {column!r} says so where there is no {name}, add these words to `none` under [logs.tables.events]; "
            f"their rows are then set aside.",
            BOUNDS["none"].is_serious(share),
        )


def rounded(at: Looked) -> Iterator[Doubt]:
    """Ids that are no longer what they were, because a program took them for numbers."""
    for name, said in at.found["ids"].items():
        looked_at, column = max(1, said["looked_at"]), at.found["columns"][name]
        if said["scientific"] and BOUNDS["rounded"].tells(share := said["scientific"] / looked_at):
            yield Doubt(
                "rounded",
                f"{share:.1%} of the ids of {name}s are written as a spreadsheet shows long numbers, so most of their "
                f"digits are lost.",
                share,
                _example(at, name),
                f"Export {column!r} again as text, straight from where the ids come from.",
                BOUNDS["rounded"].is_serious(share),
            )
        if (how := _lost_digits(said)) is not None:
            share = said["long"] / looked_at
            yield Doubt(
                "rounded",
                f"All {said['long']:,} long ids of {name}s that were looked at {how}, so their last digits are "
                f"probably lost.",
                share,
                _example(at, name),
                f"Export {column!r} again as whole numbers or text, straight from where the ids come from.",
                BOUNDS["rounded"].is_serious(share),
            )
        share = said["point_zero"] / looked_at
        if BOUNDS["point zero"].tells(share):
            yield Doubt(
                "point zero",
                f"{share:.1%} of the ids of {name}s end in “.0”.",
                share,
                _example(at, name),
                f"Write {column!r} as whole numbers or text, here and in all other tables, and in later events.",
                BOUNDS["point zero"].is_serious(share),
            )


def _lost_digits(said: IdsFound) -> str | None:
    if said["long"] < MANY_IDS:
        return None
    if said["zeros"] == said["long"]:
        return "have 15 digits and then zeros only, which is how a spreadsheet rounds"
    if said["floats"] == said["long"] and 2 * said["rounder"] < said["long"]:
        return "are exactly such as a table of floating-point numbers rounds to"
    return None


def _some_users(at: Looked) -> tuple[str, ...]:
    return tuple(map(repr, some_ids(at.log.events, at.log.buckets)[USER].head(3)))


def _busiest_user(at: Looked) -> tuple[str, ...]:
    """Looked up, so that no user is named elsewhere."""
    counts = at.log.events(at.found["busiest_bucket"]).group_by(USER).len()
    top = counts.filter(pl.col("len") == at.found["busiest_user"])[USER].sort().head(1)
    return tuple(map(repr, top))


def _example(at: Looked, name: str) -> tuple[str, ...]:
    example = at.found["ids"][name]["example"]
    if name == USER:
        ids = some_ids(at.log.events, at.log.buckets)[USER].head(MOST_IDS)
        example = count_ids(ids, named=True)["example"]
    return (repr(example),) if example is not None else ()
