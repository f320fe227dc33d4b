"""Doubts about the tables beside the log: whether events and users find their row there."""

import re
from collections.abc import Iterator

import polars as pl

from penchant.logs.counting.ids import alike
from penchant.logs.counting.whole import MOST_IDS, some_ids
from penchant.logs.doubts.bounds import BOUNDS, BY_CHANCE
from penchant.logs.doubts.doubt import Doubt, Looked
from penchant.schema import ITEM, USER

ALMOST = 0.9
"""Nearly all known items have a value of a field, so that a lack of values is a lack of items."""


def known(at: Looked) -> Iterator[Doubt]:
    """Events whose item, and users who, have a row beside the log; events whose item has what is predicted."""
    found, per = at.found, at.rows_per
    in_table = found["events_of_items"] / per["events"]
    if found["items_in_table"] and BOUNDS["items"].tells(in_table):
        yield Doubt(
            "items",
            f"Only {in_table:.1%} of the events are of an item that the table of items has.",
            in_table,
            _ids_of_both(at, ITEM),
            "Add the missing items to the table of items, or write their ids as the log does.",
            BOUNDS["items"].is_serious(in_table),
        )
    for field in at.purpose.predicted:
        yield from _tagged(at, field, in_table)
    with_row = found["users_with_row"] / per["users"]
    if found["users_in_table"] and BOUNDS["users"].tells(with_row):
        yield Doubt(
            "users",
            f"Only {with_row:.1%} of the users of the log have a row in the table of users.",
            with_row,
            _ids_of_both(at, USER),
            "Add the missing users to the table of users, or write their ids as the log does. If most of your users "
            "are not signed in, this is as it should be.",
            BOUNDS["users"].is_serious(with_row),
        )


def _tagged(at: Looked, field: str, in_table: float) -> Iterator[Doubt]:
    """in_table: the share of events whose item is known. Nothing is said where `known` has said it of the items."""
    said = at.found["fields"].get(field)
    if said is None:
        return
    share = said["events_with"] / at.rows_per["events"]
    missing = BOUNDS["items"].tells(in_table) and share >= ALMOST * in_table
    if not BOUNDS["tags"].tells(share) or missing:
        return
    yield Doubt(
        "tags",
        f"Only {share:.1%} of the events are of an item with any {field}, which is what is predicted; "
        f"{in_table:.1%} are of an item that the table of items has.",
        share,
        _without(at, field),
        f"Give more items a value of {field}. If only items of one kind have any, leave the events of the others out: "
        f'items_with = "{field}" under [logs.tables.events].',
        BOUNDS["tags"].is_serious(share),
    )


def _without(at: Looked, field: str) -> tuple[str, ...]:
    """Items without a value of a field, those with most events of a bucket."""
    bucket = next(events for number in range(at.log.buckets) if len(events := at.log.events(number)))
    without = at.log.items().filter(pl.col(field).list.len() == 0)
    counts = bucket.join(without, on=ITEM, how="semi").group_by(ITEM).len()
    return tuple(f"{item!r} has no {field}" for item in counts.top_k(3, by=["len", ITEM])[ITEM])


def _ids_of_both(at: Looked, name: str) -> tuple[str, ...]:
    table = (at.log.items() if name == ITEM else at.log.users())[name]
    ids = some_ids(at.log.events, at.log.buckets)[name]
    unknown = ids.filter(~ids.is_in(table.implode()))
    of_log, of_table = (", ".join(map(repr, some.head(3))) for some in (unknown, table))
    return (f"in the log, without a row: {of_log or 'none'}", f"in the table: {of_table}")


def written_otherwise(at: Looked) -> Iterator[Doubt]:
    """Ids that both tables have, but write differently."""
    found, per = at.found, at.rows_per
    without = {
        ITEM: ("events", "item", 1 - found["events_of_items"] / per["events"]),
        USER: ("users", "user", 1 - found["users_with_row"] / per["users"]),
    }
    for name, said in found["strangers"].items():
        what, one, unknown = without[name]
        if not said["alike"]:
            continue
        rule, count = max(said["alike"].items(), key=lambda pair: pair[1])
        share = unknown * count / said["looked_at"]
        if not BOUNDS["ids"].tells(share):
            continue
        stranger, its = (said["example"] or {rule: _pair(at, name, rule)})[rule]
        yield Doubt(
            "ids",
            f"Ids of {one}s are written differently in the log and in the table of {one}s: of {said['looked_at']:,} "
            f"ids of the log that the table does not have, it would have {count:,} if {rule}. That is about "
            f"{share:.1%} of the {what}.",
            share,
            (f"{stranger!r} in the log is {its!r} in the table",),
            _alike_how(at, name, rule),
            BOUNDS["ids"].is_serious(share) and count >= BY_CHANCE * said["looked_at"],
        )


IN_SQL = {
    "“.0” at the end is taken away": r"regexp_replace(COLUMN::varchar, '\.0+$', '')",
    "zeros at the front are taken away": r"regexp_replace(COLUMN::varchar, '(^|\D)0+(\d)', '\1\2')",
    "space around them is taken away": "trim(COLUMN::varchar)",
    "capital letters are made small": "lower(COLUMN::varchar)",
    "braces, dashes and quotes are taken away": r"""regexp_replace(COLUMN::varchar, '[{}()\[\]"-]', '', 'g')""",
    "everything before the number at the end is taken away": r"regexp_extract(COLUMN::varchar, '\d+$')",
}
"""What to write in a query of DuckDB; a rule that rounds has none, because digits that are lost do not come back."""


def alike_query(column: str, rule: str) -> str:
    """A query of DuckDB that writes a column by a rule of `IN_SQL`. clicks.csv stands for the table."""
    changed = IN_SQL[rule].replace("COLUMN", f'"{column}"')
    return f"""select * replace ({changed} as "{column}") from 'clicks.csv'"""  # noqa: S608 - it is shown, not run


def _alike_how(at: Looked, name: str, rule: str) -> str:
    """How to write ids alike, in plain words and as a line of a run file."""
    said = f"Write the ids of {name}s alike in both tables."
    column = at.found["columns"][name]
    if "rounded" in rule:
        return f"{said} Rounded ids have lost digits: export them again, as text."
    if rule not in IN_SQL or column is None or not re.fullmatch(r"[\w -]+", column):
        return said
    return (
        f"{said} A query in place of `files` does so, with the name of your file for clicks.csv: write "
        f"query = '''{alike_query(column, rule)}''' under [logs.tables.events]. Do the same in the table of {name}s "
        f"where its ids need it."
    )


def _pair(at: Looked, name: str, rule: str) -> tuple[str, str]:
    """An example of users is looked up, so that it stands nowhere else."""
    table = at.log.users()[name]
    ids = some_ids(at.log.events, at.log.buckets)[name]
    pairs = alike(ids.filter(~ids.is_in(table.implode())).head(MOST_IDS), table, rule)
    return pairs.row(0) if len(pairs) else ("(erased)", "(erased)")
