"""How a user's own tables map to Penchant's: which files, which columns, what counts as a click."""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from penchant.config import Config
from penchant.logs.formats.dialect import CsvOptions
from penchant.logs.names import RESERVED_NAMES, problem_of
from penchant.logs.times import TimeUnit
from penchant.schema import ONE_CLICK

NONE = [
    *("\\N", "NULL", "null", "nan", "NaN", "None", "undefined", "<NA>", "N/A", "n/a", "#N/A", "NaT", "(null)"),
    *("<null>", "nil", "(not set)", "(none)", "(no genres listed)"),
]
"""Texts that programs write where there is no value."""

Value = str | bool | int | float
Share = Annotated[float, Field(gt=0, le=1)]
MOST_CLICKS = 1000
"""One action counts as at most so many clicks."""


def _read_worth(value: Any) -> Any:
    """1 and 0 are true and false, so that they make the same log."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if value in (0, 1):
            return bool(value)
        if 1 / ONE_CLICK <= value <= MOST_CLICKS and round(value, 3) == value:
            return float(value)
    raise ValueError(
        f"write true (a click), false (shown, not clicked), or as how many clicks it counts: a number from "
        f"{1 / ONE_CLICK:g} to {MOST_CLICKS} with at most three decimals"
    )


Worth = Annotated[bool | float, BeforeValidator(_read_worth)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError('no time zone is called so; write one such as "Europe/Stockholm" or "UTC"') from None
    return name


class TableConfig(Config):
    """Where a table lies, how it is written, and which of its rows count: keys of [logs.tables.events], .items, .users,
    [[.item_values]] and its `names`. Each table has `files` or a `query`.

    files: a file, a folder, a glob, or a list of them, relative to the run file; in a folder, names that begin with _
        or . are passed over. Also s3://, gs:// and abfs:// URLs, and the folder of a Delta or Iceberg table.
    query: DuckDB's SQL in the place of `files`; database: the DuckDB file that it asks, if it asks one.
    format: "parquet", "csv" (TSV and the like too), "jsonl", "delta" or "iceberg", where the name does not say it.
    csv: how text files are written, as far as that is not found by itself.
    keep: column → the values of which a row has to have one; drop: column → values that no row may have.
    none: texts that stand for none, wherever they stand; a list of one's own replaces this one.
    """

    files: str | list[str] | None = None
    query: str | None = None
    database: str | None = None
    format: Literal["parquet", "csv", "jsonl", "delta", "iceberg"] | None = None
    csv: CsvOptions = CsvOptions()
    keep: dict[str, list[Value]] = {}
    drop: dict[str, list[Value]] = {}
    none: list[str] = NONE

    @model_validator(mode="after")
    def _files_or_a_query(self) -> Self:
        if (self.files is None) == (self.query is None):
            raise ValueError("give `files` or, in their place, a `query`")
        if self.database is not None and self.query is None:
            raise ValueError("`database` needs `query`, which says what to read from it")
        return self

    @property
    def filters(self) -> list[str]:
        """The columns that say whether a row counts."""
        return [*self.keep, *self.drop]


class EventsTable(TableConfig):
    """A row per item shown to a user; or a row per user or showing with lists, which becomes a row per value.

    user, item, time, clicked: columns, or paths into nested ones, such as "event_params.item_id".
    time: one column; or three, [year, month, day]; or none, and then the order of the rows counts.
    time_unit: unit of a numeric time; "position" for a place in the user's history without a clock.
    time_format: of times that are texts, as strptime has it, such as "%d/%m/%Y %H:%M"; time_zone: of times that do not
        say theirs, such as "Europe/Stockholm"; UTC if not given.
    clicked: the column that says so (true/false, 1/0), or a rating with the two thresholds below, or a list of the
        items that were clicked; without it, every row is a click.
    separator: where lists of a row are written as one text each, such as "12 15 9".
    action: the column that says what was done; actions: of each of its values whether that is a click (true) or no more
        than that the item was shown (false). Rows with other values are left out, and counted. A number in the place of
        true, such as 5.0, is a click that counts as so many wherever the clicks of a history are counted: in the
        weights and the order of fields, and in own counts, faded or not. It is one click in labels, in ages, for
        min_count, among seeds, and wherever numbers of clicks are shown.
    items_with: a field of the items; events of items without a value of it are left out, and counted.
    events_at_least: users with fewer events are left out; events_at_most: of users with more, the latest stay, as
        many as a store of live events keeps, so that no user takes more memory than that. Both are counted.
    """

    user: str
    item: str
    time: str | Annotated[list[str], Field(min_length=3, max_length=3)] | None = None
    time_unit: TimeUnit = "auto"
    time_format: str | None = None
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    clicked: str | None = None
    clicked_at_least: float | None = None
    not_clicked_at_most: float | None = None
    separator: str | None = None
    action: str | None = None
    actions: dict[str, Worth] = {}
    items_with: str | None = None
    events_at_least: Annotated[int, Field(ge=1)] = 1
    events_at_most: Annotated[int, Field(ge=1)] = 10_000

    @model_validator(mode="after")
    def _an_action_says_what_a_click_is(self) -> Self:
        if (self.action is None) == bool(self.actions):
            raise ValueError(
                "`action` and `actions` need each other: action = the column that says what was done, "
                "actions = { purchase = true, view = false }"
            )
        if self.action is not None and self.clicked is not None:
            raise ValueError("`clicked` and `action` both say what a click is; leave one of them out")
        return self

    @model_validator(mode="after")
    def _thresholds_come_with_a_column(self) -> Self:
        if self.clicked is None and (self.clicked_at_least, self.not_clicked_at_most) != (None, None):
            raise ValueError("clicked_at_least and not_clicked_at_most need `clicked`, the column they judge")
        if self.clicked_at_least is None and self.not_clicked_at_most is not None:
            raise ValueError("not_clicked_at_most needs clicked_at_least beside it")
        high, low = self.clicked_at_least, self.not_clicked_at_most
        if high is not None and low is not None and low >= high:
            raise ValueError(f"not_clicked_at_most = {low} must be below clicked_at_least = {high}")
        return self

    @property
    def worths(self) -> dict[str, int]:
        """By action, the WORTH of its clicks, 0 where it is none; empty where each click is a plain one."""
        if all(isinstance(one, bool) for one in self.actions.values()):
            return {}
        return {action: round(one * ONE_CLICK) for action, one in self.actions.items()}

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        said = [self.clicked] if self.clicked else [self.action] if self.action else []
        return list(dict.fromkeys([self.user, self.item, *_columns_of(self.time), *said, *self.filters]))


class ItemsTable(TableConfig):
    """A row per item. `fields`: name of the field → its column, a value or a list of values. A column may be called
    anything; a field has a name of letters, digits, _ and -.

    separator: where a list is written as one text, such as "Action|Comedy". Lists as JSON, Python, NumPy, Java and
        PostgreSQL write them are read without.
    most_items: field → the largest share of the items that may have a value; values of more items say nothing about any
        and are left out, and counted.
    """

    item: str
    fields: dict[str, str]
    separator: str | None = None
    most_items: dict[str, Share] = {}

    @model_validator(mode="after")
    def _shares_are_of_fields(self) -> Self:
        unknown = [name for name in self.most_items if name not in self.fields]
        if unknown:
            raise ValueError(f"most_items names {unknown[0]!r}, which is not one of `fields`: {', '.join(self.fields)}")
        return self


class NamesTable(TableConfig):
    """Readable names of coded values: column `value` → column `name`."""

    value: str
    name: str


class ItemValuesTable(TableConfig):
    """A row per item and value, such as (article, tag); fills the item field `field`.

    Values of an item are ordered by the sum of `weight` (by the number of rows where it is not given), then by
    name; values of fewer than `min_items` items, and of more than the share `most_items` of the items, are left out,
    then only the first `top` of each item kept.
    separator: where several values are written as one text, such as "jazz; blues", each a row of its own.
    names: a table from value to its readable name.
    time, time_unit, time_format, time_zone: when it was said, as for the events. A history then knows what had been
        said before its labels begin, ordered and counted by that; labels know all that was ever said. A table of the
        events' own files has the events' time if it names none. Positions are no time, because they are of one user
        each.
    """

    field: str
    item: str
    value: str
    weight: str | None = None
    separator: str | None = None
    top: Annotated[int, Field(ge=1)] | None = None
    min_items: Annotated[int, Field(ge=1)] = 1
    most_items: Share | None = None
    lowercase: bool = False
    names: NamesTable | None = None
    time: str | Annotated[list[str], Field(min_length=3, max_length=3)] | None = None
    time_unit: TimeUnit = "auto"
    time_format: str | None = None
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None

    @model_validator(mode="after")
    def _a_unit_comes_with_a_time(self) -> Self:
        if self.time is None and self.time_unit != "auto":
            raise ValueError(f"time_unit = {self.time_unit!r} needs `time`, the column that it belongs to")
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        weight = [self.weight] if self.weight else []
        return list(dict.fromkeys([self.item, self.value, *weight, *_columns_of(self.time), *self.filters]))


class UsersTable(TableConfig):
    """A row per user. `fields`: name of the field → its column."""

    user: str
    fields: dict[str, str]


class Tables(Config):
    """All tables of a run. `item_values` may be many; an item field comes from one table only."""

    events: EventsTable
    items: ItemsTable | None = None
    item_values: list[ItemValuesTable] = []
    users: UsersTable | None = None

    @model_validator(mode="after")
    def _a_field_has_one_source(self) -> Self:
        names = [*self.item_fields, *self.user_fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"field {twice[0]!r} is filled by two tables; give each its own name")
        for place, name in enumerate(names):
            problem = problem_of(name, RESERVED_NAMES.union(names[:place]))
            if problem:
                raise ValueError(problem)
        wanted = self.events.items_with
        if wanted is not None and wanted not in self.item_fields:
            raise ValueError(f"items_with = {wanted!r} is no field of the items; those are {self.item_fields}")
        return self

    def refuse_named_users(self) -> None:
        """Raise ValueError where a filter names users by their ids, which a run with pseudonyms would keep."""
        columns = {self.events.user, *([self.users.user] if self.users else [])}
        tables = [self.events, self.items, self.users, *self.item_values]
        for named in (name for table in tables if table is not None for name in table.filters):
            if named in columns:
                raise ValueError(
                    f"`keep` and `drop` cannot name users by {named!r} where they have pseudonyms, because the run "
                    f"keeps what the run file says; leave these rows out of the tables"
                )

    @property
    def item_fields(self) -> list[str]:
        return [*(self.items.fields if self.items else {}), *(table.field for table in self.item_values)]

    @property
    def user_fields(self) -> list[str]:
        return list(self.users.fields) if self.users else []


def _columns_of(time: str | list[str] | None) -> list[str]:
    return [time] if isinstance(time, str) else (time or [])
