"""Judge event rows: each becomes an event, is left out by a rule of the run file, or is set aside with its reason."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import polars as pl

from penchant.errors import DataError
from penchant.logs.formats.part import ROW, column
from penchant.logs.pseudonyms import Pseudonyms
from penchant.logs.rows.clocks import Clock, read_clock
from penchant.logs.rows.ids import as_id, as_user, stands_for_none
from penchant.logs.rows.parting import part_lists
from penchant.logs.tables import EventsTable, TableConfig, Value
from penchant.logs.times import NEWEST_S, OLDEST_S, clock_problem
from penchant.schema import CLICKED, ITEM, TIME, USER, WORTH

REASON = "reason"
TRUE = ("true", "1", "1.0", "yes", "t", "y")
FALSE = ("false", "0", "0.0", "no", "f", "n")

NEUTRAL = "a rating between the two thresholds"

_REASONS = {ROW: pl.Int64, REASON: pl.String}


@dataclass(frozen=True)
class Checked:
    """events: USER, ITEM text, TIME (UTC seconds, or positions), CLICKED, ROW, and WORTH where actions say it;
    rejected: ROW, REASON; left_out: ROW, REASON of rows that a rule of the run file leaves out; rows: how many these
    are together. A row of lists is parted first, so that it may be many."""

    events: pl.DataFrame
    rejected: pl.DataFrame
    left_out: pl.DataFrame

    @property
    def rows(self) -> int:
        return len(self.events) + len(self.rejected) + len(self.left_out)


def check_rows(
    frame: pl.DataFrame, numbers: pl.Series, table: EventsTable, clock: Clock, pseudonyms: Pseudonyms | None = None
) -> Checked:
    """Split the rows of one batch into events, rejected rows and those that are left out. numbers: of the rows, called
    ROW; pseudonyms: by which users are known from here on."""
    wanted = keep_rows(frame, numbers, table)
    parted = part_lists(wanted.frame, wanted.numbers, table)
    named = _keep(parted.frame, parted.numbers, _unnamed_action(parted.frame, table))
    frame = named.frame
    _refuse_no_answer(frame, table)
    time = named.numbers.cast(pl.Float64) if table.time is None else read_clock(frame, table, clock)
    rows = frame.select(
        pl.lit(named.numbers).alias(ROW),
        as_user(frame, table.user, table.none, pseudonyms).alias(USER),
        as_id(frame, table.item, table.none).alias(ITEM),
        pl.lit(time).alias(TIME),
        _clicked(frame, table).alias(CLICKED),
        _neutral(table).alias("neutral"),
        *_worth(table),
    )
    rows = rows.with_columns(_reason(table, clock).alias(REASON))
    good, neutral = pl.col(REASON).is_null(), pl.col("neutral")
    left_out = rows.filter(good & neutral).select(ROW, pl.lit(NEUTRAL).alias(REASON))
    return Checked(
        events=rows.filter(good & ~neutral).drop(REASON, "neutral"),
        rejected=pl.concat([parted.rejected, _rejected(rows, frame, table, clock)]),
        left_out=pl.concat([wanted.left_out, parted.left_out, named.left_out, left_out]),
    )


@dataclass(frozen=True)
class Wanted:
    """Rows of a table that its filters keep, their numbers, and ROW, REASON of the others."""

    frame: pl.DataFrame
    numbers: pl.Series
    left_out: pl.DataFrame


def keep_rows(frame: pl.DataFrame, numbers: pl.Series, table: TableConfig) -> Wanted:
    """The rows that `keep` and `drop` leave."""
    return _keep(frame, numbers, _unwanted(frame, table))


def _keep(frame: pl.DataFrame, numbers: pl.Series, reason: pl.Expr | None) -> Wanted:
    """The rows that have no reason to be left out."""
    if reason is None:
        return Wanted(frame, numbers, pl.DataFrame(schema=_REASONS))
    told = frame.select(pl.lit(numbers).alias(ROW), reason.alias(REASON))
    stays = told[REASON].is_null()
    return Wanted(frame.filter(stays), numbers.filter(stays), told.filter(~stays))


def _unwanted(frame: pl.DataFrame, table: TableConfig) -> pl.Expr | None:
    """Why a row is left out, None where nothing says so."""
    reasons = [
        pl.when(~_is_one_of(frame, name, values)).then(pl.lit(f"{name!r} is none of the values that `keep` names"))
        for name, values in table.keep.items()
    ]
    reasons += [
        pl.when(_is_one_of(frame, name, values)).then(pl.lit(f"{name!r} is a value that `drop` names"))
        for name, values in table.drop.items()
    ]
    return pl.coalesce(reasons) if reasons else None


def _unnamed_action(frame: pl.DataFrame, table: EventsTable) -> pl.Expr | None:
    if table.action is None:
        return None
    named = _is_one_of(frame, table.action, list(table.actions))
    return pl.when(~named).then(pl.lit(f"{table.action!r} is an action that `actions` does not name"))


def _is_one_of(frame: pl.DataFrame, name: str, values: Iterable[Value]) -> pl.Expr:
    """Whether a column has one of the values, or a list with one of them."""
    wanted = [key_of(one) for one in values]
    if isinstance(frame.schema[name], pl.List | pl.Array):
        parts = column(name).cast(pl.List(pl.String))
        return parts.list.eval(key(pl.element()).is_in(wanted)).list.any().fill_null(False)
    return key(column(name)).is_in(wanted)


def key(values: pl.Expr) -> pl.Expr:
    """Values as texts that are compared: of a whole number its figures, however it is written; truths in small letters;
    an empty text for none."""
    text = values.cast(pl.String).str.strip_chars().str.replace(r"^([+-]?\d+)\.0*$", "${1}")
    return pl.when(text.str.contains("^(?i:true|false)$")).then(text.str.to_lowercase()).otherwise(text).fill_null("")


def key_of(value: Value) -> str:
    """The same of one value.

    >>> key_of(True), key_of(1.0), key_of("1.00"), key_of(" True "), key_of("Buy")
    ('true', '1', '1', 'true', 'Buy')
    """
    text = re.sub(r"^([+-]?\d+)\.0*$", r"\1", str(value).strip())
    return text.lower() if text.lower() in ("true", "false") else text


def met(frame: pl.DataFrame, table: EventsTable) -> set[tuple[str, str, Value]]:
    """Which of the values that the run file names stand in some rows: key of the run file, column, value."""
    found: set[tuple[str, str, Value]] = set()
    for rule, name, values in _named(table):
        there = frame[name].rename("")
        there = there.explode() if isinstance(there.dtype, pl.List | pl.Array) else there
        texts = set(there.to_frame("").select(key(pl.col(""))).to_series().unique())
        found |= {(rule, name, one) for one in values if key_of(one) in texts}
    return found


def unmet(seen: set[tuple[str, str, Value]], table: EventsTable) -> Iterator[tuple[str, str]]:
    """A sentence for each key of the run file that names values which no row has, under the key and the column."""
    for rule, name, values in _named(table):
        never = [one for one in values if (rule, name, one) not in seen]
        if never:
            yield f"{rule} {name}", f"no row has {', '.join(map(repr, never[:5]))} in {name!r}, which `{rule}` names"


def _named(table: EventsTable) -> Iterator[tuple[str, str, Collection[Value]]]:
    """The key of the run file, the column and the values of each rule that names values."""
    for rule, columns in ("keep", table.keep), ("drop", table.drop):
        for name, values in columns.items():
            yield rule, name, values
    if table.action is not None:
        yield "actions", table.action, table.actions.keys()


def _clicked(frame: pl.DataFrame, table: EventsTable) -> pl.Expr:
    if table.action is not None:
        clicked = {action: bool(worth) for action, worth in table.actions.items()}
        return _of_action(table.action, clicked, pl.Boolean)
    if table.clicked is None:
        return pl.lit(True)
    if table.clicked_at_least is not None:
        return _rating(table.clicked) >= table.clicked_at_least
    if frame.schema[table.clicked] == pl.Boolean:
        return column(table.clicked)
    text = key(column(table.clicked)).str.to_lowercase()
    return pl.when(text.is_in(TRUE)).then(True).when(text.is_in(FALSE)).then(False)


def _worth(table: EventsTable) -> list[pl.Expr]:
    """WORTH, where not every click is a plain one."""
    if table.action is None or not table.worths:
        return []
    return [_of_action(table.action, table.worths, pl.Int32).alias(WORTH)]


def _of_action(name: str, said: Mapping[str, int], kind: type[pl.DataType]) -> pl.Expr:
    """What is said of each row's action."""
    keys = {key_of(action): one for action, one in said.items()}
    return key(column(name)).replace_strict(keys, default=None, return_dtype=kind)


def _refuse_no_answer(frame: pl.DataFrame, table: EventsTable) -> None:
    """Raise DataError where the column that says what a click is holds what says neither yes nor no."""
    for name in (table.clicked, table.action):
        if name is not None and (frame.schema[name].is_nested() or not _is_text(frame[name])):
            raise DataError(
                f"column {name!r} holds {frame.schema[name]}, which does not say whether an item was clicked; name a "
                f"column of true and false, numbers or texts, or a value inside of it by its path"
            )


def _is_text(values: pl.Series) -> bool:
    """Whether bytes are texts; other types are."""
    with suppress(pl.exceptions.ComputeError):
        return values.dtype != pl.Binary or len(values.cast(pl.String)) == len(values)
    return False


def _neutral(table: EventsTable) -> pl.Expr:
    """Say where a rating lies between the two thresholds, so that it is neither a click nor a dislike."""
    if table.clicked is None or table.not_clicked_at_most is None:
        return pl.lit(False)
    rating = _rating(table.clicked)
    neutral = (rating < table.clicked_at_least) & (rating > table.not_clicked_at_most)
    return neutral.fill_null(False)


def _rating(name: str) -> pl.Expr:
    """Return the ratings with NaN as null, because NaN would count as greater than any number."""
    return column(name).cast(pl.Float64, strict=False).fill_nan(None)


def _reason(table: EventsTable, clock: Clock) -> pl.Expr:
    oldest, newest = (0, _farthest(table)) if clock.unit == "position" else (OLDEST_S, NEWEST_S)
    outside = "negative position" if clock.unit == "position" else f"time in {table.time!r}"
    time = pl.col(TIME)
    return (
        pl.when(pl.col(USER).is_null())
        .then(pl.lit(f"no user in {table.user!r}"))
        .when(pl.col(ITEM).is_null())
        .then(pl.lit(f"no item in {table.item!r}"))
        .when(time.is_null() | time.is_nan())
        .then(pl.lit(f"time not understood in {table.time!r}"))
        .when(time > newest if clock.unit == "position" else pl.lit(False))
        .then(pl.lit(f"{table.time!r} holds small numbers, taken for places in a history, and this is a clock"))
        .when((time < oldest) | (time > newest))
        .then(pl.lit(outside))
        .when(pl.col(CLICKED).is_null())
        .then(pl.lit(f"neither clicked nor not in {table.clicked!r}"))
    )


def _farthest(table: EventsTable) -> float:
    """The highest position: beyond it is a clock, unless the run file says that these are positions."""
    return 1e8 if table.time is not None and table.time_unit == "auto" else float("inf")


def _rejected(rows: pl.DataFrame, frame: pl.DataFrame, table: EventsTable, clock: Clock) -> pl.DataFrame:
    """ROW and REASON of rows that make no sense; of one whose id is a text that stands for none, with the text; of one
    whose time is no clock, with what it looks like."""
    bad = rows[REASON].is_not_null()
    rejected = rows.filter(bad).select(ROW, REASON)
    if rejected.is_empty():
        return rejected
    if clock.unit != "position":
        outside = pl.lit(f"time in {table.time!r}")
        looks = pl.Series([None if at is None else clock_problem(at) for at in rows.filter(bad)[TIME]], dtype=pl.String)
        told = pl.when(pl.col(REASON) == outside).then(pl.concat_str(outside, pl.lit(": "), looks)).otherwise(REASON)
        rejected = rejected.with_columns(told.alias(REASON))
    of_bad = frame.filter(bad)
    for name, kind in ((table.user, "user"), (table.item, "item")):
        if of_bad.schema[name] == pl.String:
            plain = pl.lit(f"no {kind} in {name!r}")
            says = pl.lit(of_bad[name])
            rejected = rejected.with_columns(
                pl.when((pl.col(REASON) == plain) & stands_for_none(says, table.none))
                .then(pl.concat_str(plain, pl.lit(", where '"), says, pl.lit("' stands for none")))
                .otherwise(REASON)
                .alias(REASON)
            )
    return rejected
