"""How a user's own tables map to Penchant's: which files, which columns, what counts as a click."""

import glob
import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from penchant.config import Config
from penchant.errors import ConfigError, DataError
from penchant.logs.names import RESERVED_NAMES, problem_of
from penchant.logs.times import TimeUnit

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

Files = str | list[str]


class EventsTable(Config):
    """A row per item shown to a user. Paths may be globs and are relative to the run file.

    time: one column; or three, [year, month, day]; or none, and then the order of the rows counts.
    time_unit: unit of a numeric time; "position" for a place in the user's history without a clock.
    clicked: the column that says so (true/false, 1/0), or a rating with the two thresholds below;
        without it, every row is a click.
    items_with: a field of the items; events of items without a value of it are left out, and counted.
    """

    files: Files
    user: str
    item: str
    time: str | Annotated[list[str], Field(min_length=3, max_length=3)] | None = None
    time_unit: TimeUnit = "auto"
    clicked: str | None = None
    clicked_at_least: float | None = None
    not_clicked_at_most: float | None = None
    items_with: str | None = None

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
    def columns(self) -> list[str]:
        """Every column that is read."""
        return [self.user, self.item, *_columns_of(self.time), *([self.clicked] if self.clicked else [])]


class ItemsTable(Config):
    """A row per item. `fields`: name of the field → its column, a value or a list of values. A column may be called
    anything; a field has a name of letters, digits, _ and -.

    separator: where a list is written as one text, such as "Action|Comedy".
    without: values that stand for none, such as "(no genres listed)".
    """

    files: Files
    item: str
    fields: dict[str, str]
    separator: str | None = None
    without: list[str] = []


class NamesTable(Config):
    """Readable names of coded values: column `value` → column `name`."""

    files: Files
    value: str
    name: str


class ItemValuesTable(Config):
    """A row per item and value, such as (article, tag); fills the item field `field`.

    Values of an item are ordered by the sum of `weight` (by the number of rows where it is not given), then by
    name; values of fewer than `min_items` items are left out, then only the first `top` of each item kept.
    names: a table from value to its readable name.
    time, time_unit: when it was said, as for the events. A history then knows what had been said before its labels
        begin, ordered and counted by that; labels know all that was ever said. A table of the events' own files has the
        events' time if it names none. Positions are no time, because they are of one user each.
    """

    field: str
    files: Files
    item: str
    value: str
    weight: str | None = None
    top: Annotated[int, Field(ge=1)] | None = None
    min_items: Annotated[int, Field(ge=1)] = 1
    lowercase: bool = False
    without_items: list[str] = []
    names: NamesTable | None = None
    time: str | Annotated[list[str], Field(min_length=3, max_length=3)] | None = None
    time_unit: TimeUnit = "auto"

    @model_validator(mode="after")
    def _a_unit_comes_with_a_time(self) -> Self:
        if self.time is None and self.time_unit != "auto":
            raise ValueError(f"time_unit = {self.time_unit!r} needs `time`, the column that it belongs to")
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        return [self.item, self.value, *([self.weight] if self.weight else []), *_columns_of(self.time)]


class UsersTable(Config):
    """A row per user. `fields`: name of the field → its column."""

    files: Files
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

    @property
    def item_fields(self) -> list[str]:
        return [*(self.items.fields if self.items else {}), *(table.field for table in self.item_values)]

    @property
    def user_fields(self) -> list[str]:
        return list(self.users.fields) if self.users else []


def _columns_of(time: str | list[str] | None) -> list[str]:
    return [time] if isinstance(time, str) else (time or [])


def find_files(patterns: Files, base: Path) -> list[Path]:
    """Files behind one or several paths or globs, sorted; `$NAME` stands for an environment variable.

    Raises ConfigError for a variable that is not set, DataError where nothing matches or the format is unknown.
    """
    found = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        expanded = expand(pattern, base)
        matches = sorted(Path(match) for match in glob.glob(str(expanded), recursive=True))
        if not matches:
            raise DataError(f"no file matches {pattern!r} (looked for {expanded}); mend the path in the run file")
        found += matches
    for path in found:
        file_format(path)
    return found


def expand(pattern: str, base: Path) -> Path:
    """A path of a run file: variables filled in, relative to `base`."""
    expanded = os.path.expanduser(os.path.expandvars(pattern))
    if "$" in expanded:
        raise ConfigError(f"{pattern!r} names an environment variable that is not set; set it or write the path")
    return base / expanded


def file_format(path: Path) -> str:
    """ "parquet", "csv" or "jsonl", by the ending of the name."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown format {path.suffix!r}; known: {', '.join(FORMATS)}") from None
