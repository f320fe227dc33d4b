"""Look at somebody's tables and propose how they map to Penchant's; say what could not be guessed."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from penchant.errors import DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import Part
from penchant.logs.formats.places import FORMATS
from penchant.logs.names import OF_SHARDS, RESERVED_NAMES, fit_name
from penchant.logs.sources import known_tables
from penchant.logs.tables import EventsTable

UNSURE = "?"
LIST, RECENT = "item", "recent"
"""Fields of every proposal: the latest items, and the latest tags."""

_ROLES = {
    "user": r"user|uid|visitor|customer|member|reader|viewer|account_id|device_id|cookie",
    "item": r"item|article|movie|film|product|sku|artist|track|song|video|news|doc|document|content|book|asin|post"
    r"|page",
    "time": r"time|timestamp|ts|date|datetime|created|seq_pos|position",
    "clicked": r"click|clicked|is_click|label|rating|score|stars",
    "tag": r"tag|tags|keyword|keywords|topic|topics|attr|attribute|attributes|label|genre|genres|category|categories",
}
_ID = r"(_?ids?)?$"
_FILES = {
    "movielens": [
        {"ratings", "movies", "tags"},
        {"interactions", "movies", "movie_tags"},
        {"ratings", "movies", "users"},
    ],
    "s3rec": [{"sequences", "item_attributes"}],
    "hetrec-lastfm": [{"user_tag_artist", "tags", "artists"}],
    "globo": [{"clicks", "articles_category_bounds"}],
}


@dataclass
class Proposal:
    """Sections of a run file (a list of "key = value" lines each), the limit of every field, the fields of the items
    among them, the rows of the log, the field that names an item, and what a person has to look at. `beside`: the run
    file's folder."""

    beside: Path
    sections: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    item_fields: list[str] = field(default_factory=list)
    label: str = "tags"
    rows: int = 0
    title: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """A file, its columns, a few rows, and the column that plays each role."""

    path: Path
    sample: pl.DataFrame
    roles: dict[str, str]

    @property
    def has_time(self) -> bool:
        return "time" in self.roles or {"year", "month", "day"} <= set(self.sample.columns)


def find_tables(paths: list[Path]) -> list[Path]:
    """Table files among `paths` and in the folders among them. Raises DataError where there are none."""
    files = [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.suffix.lower() in FORMATS
    ]
    for file in files:
        if not file.exists():
            raise DataError(f"{file} does not exist")
    if not files:
        names = ", ".join(str(path) for path in paths)
        raise DataError(f"no table in {names}; give files or a folder with files ending in {', '.join(FORMATS)}")
    return files


def known_source(paths: list[Path]) -> str | None:
    """The name of the public data set that a folder holds, by its file names."""
    if len(paths) != 1 or not paths[0].is_dir():
        return None
    there = {file.stem for file in paths[0].iterdir() if file.suffix in FORMATS}
    return next((name for name, layouts in _FILES.items() if any(need <= there for need in layouts)), None)


def propose(files: list[Path], beside: Path) -> Proposal:
    """A mapping for the tables, for a run file in `beside`; UNSURE stands where a person must fill in."""
    tables = [_look(path) for path in files]
    proposal = Proposal(beside)
    events = _events_table(tables)
    proposal.rows = _part(events.path).count()
    item_column = events.roles.get("item", UNSURE)
    _propose_events(events, proposal)
    others = [table for table in tables if table is not events]
    for table in others:
        if {"user", "item"} <= table.roles.keys() and "tag" not in table.roles:
            told = f"{events.path.name} is taken for the log; {table.path.name} has users and items too"
            proposal.notes.append(f"{told}: if it is the better log, change `files` and the columns")
    # A log of who tagged what is the table of tags as well.
    tagging = [events] if {"item", "tag"} <= events.roles.keys() else []
    named = _names_tables(others, [*tagging, *others])
    for table in [*tagging, *others]:
        if table not in named.values():
            _propose_side_table(table, item_column, named.get(table.roles.get("tag", "")), proposal)
    if proposal.label not in proposal.item_fields:
        _propose_label(proposal)
    return proposal


def _part(path: Path) -> Part:
    return open_parts(EventsTable(files=str(path.resolve()), user="", item=""), path.parent)[0]


def _look(path: Path) -> Table:
    sample = _part(path).sample()
    roles: dict[str, str] = {}
    for role, words in _ROLES.items():
        for name, dtype in sample.schema.items():
            if name in roles.values() or role in roles:
                continue
            if re.search(rf"(^|_)({words}){_ID}", _plain_name(name)) and _fits(role, dtype):
                roles[role] = name
    if "time" not in roles:
        clocks = [name for name, dtype in sample.schema.items() if dtype.is_temporal()]
        if len(clocks) != 1:
            clocks = [name for name, dtype in sample.schema.items() if _is_moment(name) and _fits("time", dtype)]
        if clocks:
            roles["time"] = clocks[0]
    return Table(path, sample, roles)


def _plain_name(name: str) -> str:
    """
    >>> _plain_name("shownAt")
    'shown_at'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_moment(name: str) -> bool:
    """Whether a column is called as moments are, such as shown_at."""
    return _plain_name(name).endswith("_at")


def _fits(role: str, dtype: pl.DataType) -> bool:
    if role in ("user", "item"):
        return dtype.is_integer() or dtype == pl.String
    if role == "clicked":
        return dtype.is_numeric() or dtype in (pl.Boolean, pl.String)
    return role != "time" or dtype.is_numeric() or dtype.is_temporal() or dtype == pl.String


def _events_table(tables: list[Table]) -> Table:
    """The table that has users and items; of several, one with a time, then one not about tags, then the largest."""
    candidates = [table for table in tables if {"user", "item"} <= table.roles.keys()] or tables
    return max(candidates, key=lambda table: (table.has_time, "tag" not in table.roles, table.path.stat().st_size))


def _names_tables(tables: list[Table], tagging: list[Table]) -> dict[str, Table]:
    """Tables of two columns that name the coded values of another table: by the column of the codes."""
    codes = {table.roles["tag"] for table in tagging if {"item", "tag"} <= table.roles.keys()}
    return {
        code: table
        for table in tables
        for code in codes & set(table.sample.columns)
        if table.sample.width == 2 and "item" not in table.roles
    }


def _propose_events(table: Table, proposal: Proposal) -> None:
    lines = [f"files = {_path(table, proposal)}"]
    for role in ("user", "item"):
        name = table.roles.get(role, UNSURE)
        lines.append(f"{role} = {_quoted(name)}")
        if name == UNSURE:
            proposal.notes.append(f"{table.path.name}: which column is the {role}? It has {_listed(table)}")
    if "time" in table.roles:
        lines.append(f"time = {_quoted(table.roles['time'])}")
    elif table.has_time:
        lines.append('time = ["year", "month", "day"]')
    else:
        proposal.notes.append(
            f"{table.path.name}: no column looks like a time, so the order of the rows will count; "
            'if one is, add: time = "…"'
        )
    lines += _clicked_lines(table, proposal)
    proposal.sections["logs.tables.events"] = lines


def _clicked_lines(table: Table, proposal: Proposal) -> list[str]:
    if "clicked" not in table.roles:
        proposal.notes.append(
            f"{table.path.name}: no column says what was clicked, so every row counts as a click; "
            'if one does, add: clicked = "…"'
        )
        return []
    name = table.roles["clicked"]
    values = table.sample[name]
    if values.dtype.is_numeric() and not values.cast(pl.Float64).drop_nulls().is_in([0.0, 1.0]).all():
        high, low = values.quantile(0.5), values.quantile(0.1)
        proposal.notes.append(
            f"{name} looks like a rating: from {high} up is a click, to {low} is not; set them yourself"
        )
        return [
            f"clicked = {_quoted(name)}",
            f"clicked_at_least = {float(high or 0)}",
            f"not_clicked_at_most = {float(low or 0)}",
        ]
    return [f"clicked = {_quoted(name)}"]


def _propose_side_table(table: Table, item_column: str, names: Table | None, proposal: Proposal) -> None:
    item = item_column if item_column in table.sample.columns else table.roles.get("item")
    user = table.roles.get("user")
    if item and "tag" in table.roles and (user or table.sample[item].is_duplicated().any()):
        field_name = _add_field("items", table.roles["tag"], proposal)
        section = f"[logs.tables.item_values:{table.path.stem}"
        proposal.sections[section] = [
            f"field = {_quoted(field_name)}",
            f"files = {_path(table, proposal)}",
            f"item = {_quoted(item)}",
            f"value = {_quoted(table.roles['tag'])}",
            "top = 5",
        ]
        if names:
            code = table.roles["tag"]
            name = next(column for column in names.sample.columns if column != code)
            pairs = f"files = {_path(names, proposal)}, value = {_quoted(code)}, name = {_quoted(name)}"
            proposal.sections[section].append(f"names = {{ {pairs} }}")
    elif item and not user:
        _propose_columns("items", "item", item, table, proposal)
    elif user and not item:
        _propose_columns("users", "user", user, table, proposal)
    else:
        proposal.notes.append(
            f"{table.path.name} is left out: it looks like neither items, users nor tags ({_listed(table)})"
        )


def _propose_columns(kind: str, key: str, column: str, table: Table, proposal: Proposal) -> None:
    if f"logs.tables.{kind}" in proposal.sections:
        proposal.notes.append(f"{table.path.name} is left out: there is a table of {kind} already; join the two")
        return
    chosen = {}
    left_out = []
    for name in table.sample.columns:
        if name == column:
            continue
        if _is_categorical(table.sample[name]):
            chosen[_add_field(kind, name, proposal)] = name
        elif kind == "items" and re.fullmatch(r"(\w+_)?(title|name|headline)", name.lower()) and not proposal.title:
            proposal.title = _free_name("title", proposal)
            chosen[proposal.title] = name
        else:
            left_out.append(name)
    if left_out:
        proposal.notes.append(f"{table.path.name}: {', '.join(left_out)} left out, no field of few values")
    pairs = ", ".join(f"{_key(field_name)} = {_quoted(name)}" for field_name, name in chosen.items())
    proposal.sections[f"logs.tables.{kind}"] = [
        f"files = {_path(table, proposal)}",
        f"{key} = {_quoted(column)}",
        f"fields = {{ {pairs} }}",
    ]
    separators = [_separator(table.sample[name]) for name in chosen.values()]
    found = next((separator for separator in separators if separator), None)
    if found and kind == "items":
        proposal.sections["logs.tables.items"].append(f'separator = "{found}"')
        proposal.notes.append(f"{table.path.name}: lists are taken to be separated by {found!r}")


def _propose_label(proposal: Proposal) -> None:
    if not proposal.item_fields:
        proposal.notes.append("no table gives the items tags; add one, there is nothing to predict without")
        proposal.label = UNSURE
        return
    proposal.label = proposal.item_fields[0]
    proposal.notes.append(
        f"no field is called tags; {proposal.label!r} is predicted instead: change labels.field if that is wrong"
    )


def _add_field(kind: str, column: str, proposal: Proposal) -> str:
    """Name the field of tags "tags", and every other field after its column, changed where a field may not have that
    name."""
    name = column
    words = "tag|tags|keyword|keywords|attr|attribute|attributes|topic|topics"
    if kind == "items" and "tags" not in proposal.fields and re.fullmatch(rf"({words}){_ID}", column.lower()):
        name = "tags"
    name = _free_name(name, proposal)
    proposal.fields[name] = 30 if kind == "items" else 1
    if kind == "items":
        proposal.item_fields.append(name)
    return name


def _free_name(text: str, proposal: Proposal) -> str:
    """A name for a field of a table, and for one of the model."""
    taken = RESERVED_NAMES | OF_SHARDS | {LIST, RECENT, *proposal.fields}
    return fit_name(text, taken | {proposal.title} if proposal.title else taken)


def _is_categorical(values: pl.Series) -> bool:
    """Say whether a column is categorical: it holds lists, or texts or whole numbers that repeat, which titles and free
    text do not."""
    if isinstance(values.dtype, pl.List | pl.Array):
        return True
    if values.dtype.is_float() or values.dtype.is_temporal() or values.null_count() == len(values):
        return False
    return bool(_separator(values)) or values.n_unique() <= max(2, len(values) // 2)


def _separator(values: pl.Series) -> str | None:
    """What separates the parts of a text that is a list: "|" or ";" in many rows."""
    if values.dtype != pl.String:
        return None
    return next((mark for mark in "|;" if values.str.contains(mark, literal=True).sum() > len(values) / 5), None)


def _quoted(text: str | Path) -> str:
    """A TOML string; what JSON escapes, TOML does too, and more."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    """A TOML key, bare where it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _plain(text: str) -> str:
    """Return the text fit for a TOML comment: without line breaks and control characters."""
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)


def _path(table: Table, proposal: Proposal) -> str:
    return _quoted(os.path.relpath(table.path.resolve(), proposal.beside.resolve()))


def _listed(table: Table) -> str:
    return ", ".join(table.sample.columns)


def as_toml(proposal: Proposal) -> str:
    """The run file, with what a person has to look at on top."""
    notes = "".join(f"# - {_plain(note)}\n" for note in proposal.notes)
    head = f"# Look at these before you run:\n{notes}\n" if notes else ""
    parts = []
    for name, lines in proposal.sections.items():
        title = "[[logs.tables.item_values]]" if name.startswith("[") else f"[{name}]"
        parts.append("\n".join([title, *lines]))
    item_field = f'{{ name = "{LIST}", limit = 30, last = 30, order = "recent" }}'
    limits = [f"{{ name = {_quoted(name)}, limit = {limit} }}" for name, limit in proposal.fields.items()]
    recent = f'{{ name = "{RECENT}", of = {_quoted(proposal.label)}, last = 20, half_life = 7.0, limit = 30 }}'
    fields = ",\n".join(f"  {line}" for line in [*limits, recent, item_field])
    parts.append(f"[features]\nfields = [\n{fields},\n]\nmin_count = {{ item = 5 }}")
    parts.append(_learning(f"field = {_quoted(proposal.label)}\n", proposal.rows))
    if proposal.title:
        parts.append(f'[profiles]\nitem_name = "{proposal.title}"')
    return head + "\n\n".join(parts) + "\n"


LARGE = 2_000_000
"""Rows from which on a deep model stands beside the closed form. Measured: it earned nothing on logs of up to a million
clicks, whose users have few windows to learn from, and takes most of the time."""

_SMALL_LOG = """\
# {rows:,} rows, a small log: own clicks and ridge regression in closed form, many windows per user, no deep model.
[labels]
{field}windows = 8      # training windows per user …
stride = 0.05    # … each ending 5 % of the history earlier
# Windows are shares of each user's events. Where what is popular changes by the day, by = "days" asks about tomorrow:
# a harder question, with other numbers (docs/bring-your-own-data.md).

[models.tags]
name = "blend"

{lookalike}"""
_LARGE_LOG = """\
# {rows:,} rows, a large log: few windows per user, and a deep model, which gets the share that it earns.
[labels]
{field}windows = 2      # training windows per user …
stride = 0.1     # … each ending 10 % of the history earlier

[models.tags]
name = "blend"
deep = {{ name = "utpm", embedding = 32, user = 32, dropout = 0.2 }}

[models.tags.training]
batch = 256
epochs = 6
patience = 1

{lookalike}"""
_LOOKALIKE = """\
# For audiences of items, take the # away from these two lines. The run then takes several times as long, and may be
# given again with the same --out: what is trained already stays (docs/look-alike.md).
# [models.ralm]
# name = "ralm"
"""


def _learning(field: str, rows: int) -> str:
    """What is learned and how, by the size of the log."""
    return (_SMALL_LOG if rows < LARGE else _LARGE_LOG).format(field=field, rows=rows, lookalike=_LOOKALIKE).rstrip()


def source_toml(source: str, folder: Path, beside: Path) -> str:
    """The run file of a known data set."""
    title = source in ("movielens", "hetrec-lastfm")
    name = '\n\n[profiles]\nitem_name = "title"' if title else ""
    where = os.path.relpath(folder.resolve(), beside.resolve())
    rows = sum(part.count() for part in open_parts(known_tables(source, folder).events, folder))
    return (
        "# Recognised by its file names; the mapping is in penchant/logs/sources.py.\n"
        f'[logs]\nsource = "{source}"\nfolder = {_quoted(where)}\n\n'
        '[features]\nfields = [\n  { name = "tags", limit = 30 },\n'
        '  { name = "recent", of = "tags", last = 20, half_life = 7.0, limit = 30 },\n'
        '  { name = "item", limit = 30, last = 30, order = "recent" },\n]\nmin_count = { item = 5 }\n\n'
        f"{_learning('', rows)}{name}\n"
    )
