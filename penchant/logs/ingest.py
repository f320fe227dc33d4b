"""Read the log once, scatter its rows over buckets by hash of user, then settle each bucket: sorted, without repeats.

Memory is bounded by a batch and a bucket, however long the log is. What is finished is kept: a run that was killed
continues with the first bucket that is not settled.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from penchant.errors import DataError
from penchant.files import aside, disk_errors, holds, read_json, remove, write_json
from penchant.logs.check import REASON, check_rows, met, unmet
from penchant.logs.counting.buckets import Beside, Settled, Sum, count_bucket
from penchant.logs.counting.whole import sum_up, where
from penchant.logs.forgotten import Forgotten, without_forgotten
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, ROW, Portions, TablePart
from penchant.logs.found import Found, Tally
from penchant.logs.items import FIELD, LeftOut, read_items, read_users
from penchant.logs.pseudonyms import EVERYBODY, Admission, Pseudonyms, quoting_nobody
from penchant.logs.reading import as_written, read_keys, read_table
from penchant.logs.rows.clocks import Clock, settle_clock
from penchant.logs.rows.parting import part_lists
from penchant.logs.tables import EventsTable, TableConfig, Tables, Value
from penchant.logs.users import bucket_of
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, ITEM, TIME, USER, WORTH

FILE = "file"
SAID = "said.parquet"
QUOTED = 60
"""Letters of a line that cannot be parsed, which are kept with the reason."""
MOST_BUCKETS = 500
SETTLING = Portions(rows=20_000, csv_bytes=1 << 20)
"""What is read at once to find out what the times are: the first of it mostly says so."""
FORM = 5
"""Of the files; a log of another one is read again."""
REPEATED = "repeats an earlier row: same user, item and time"
FORGOTTEN = "user who was forgotten"

_EVENT_TYPES = {USER: pl.String, ITEM: pl.String, TIME: pl.Float64, CLICKED: pl.Boolean}
_SCATTERED_TYPES = {**_EVENT_TYPES, FILE: pl.Int32, ROW: pl.Int64}
_WORTH_TYPE = {WORTH: pl.Int32}
_REJECTED_TYPES = {FILE: pl.String, ROW: pl.Int64, REASON: pl.String}


@dataclass(frozen=True)
class Log:
    """A checked log on disk. Buckets are numbered from 0; all rows of a user stand in one bucket."""

    folder: Path
    buckets: int
    position: bool
    """TIME is a place in the user's history, not a clock shared by all."""

    @classmethod
    def open(cls, folder: Path) -> "Log":
        """A log that was written earlier."""
        found = _read_found(folder)
        with as_written(folder / "found.json"):
            return cls(folder, int(found["buckets"]), found["time_unit"] == "position")

    def events(self, bucket: int) -> pl.DataFrame:
        """USER, ITEM, TIME, CLICKED of one bucket, ordered by user, time and item; and WORTH, 0 without a click, where
        not every click is a plain one."""
        return read_table(self.folder / "events" / f"{bucket:05}.parquet", USER, ITEM, TIME, CLICKED)

    def items(self) -> pl.DataFrame:
        """ITEM and its fields, each a list of texts."""
        return read_table(self.folder / "items.parquet", ITEM)

    def has(self, users: pl.Series) -> pl.Series:
        """Return those users who have an event or a row in the table of users."""
        found = [self.users().filter(pl.col(USER).is_in(users.implode()))[USER]] if len(users) else []
        for bucket, wanted in users.to_frame(USER).group_by(bucket_of(users, self.buckets).alias("bucket")):
            there = wanted[USER].implode()
            found.append(self.events(int(bucket[0])).filter(pl.col(USER).is_in(there))[USER])
        return pl.concat([users.clear(), *found]).unique()

    def names(self, field: str | None) -> dict[str, str]:
        """Return the readable name of each item: the first value of a field, where it has one."""
        if field is None:
            return {}
        return dict(self.items().select(ITEM, pl.col(field).list.first()).drop_nulls().iter_rows())

    def users(self) -> pl.DataFrame:
        """USER and its fields, each a list of texts; no row for users without any."""
        return read_table(self.folder / "users.parquet", USER)

    def said(self, field: str) -> pl.DataFrame | None:
        """Return ITEM, VALUE, SINCE, UNTIL of a field whose values were given one after the other, see `said.spans`;
        None where its values have no time."""
        if not (self.folder / SAID).exists():
            return None
        rows = read_table(self.folder / SAID, FIELD).filter(pl.col(FIELD) == field).drop(FIELD)
        return rows if len(rows) else None

    @property
    def pseudonymous(self) -> bool:
        """Whether its users have pseudonyms."""
        return "pseudonyms" in read_json(self.folder / "source.json")

    @property
    def found(self) -> Found:
        """What the check found: `penchant check` prints it."""
        return _read_found(self.folder)


def ingest(
    tables: Tables,
    base: Path,
    folder: Path,
    *,
    max_rejected_share: float,
    admission: Admission = EVERYBODY,
    portions: Portions = PORTIONS,
    report: Report = quiet,
) -> Log:
    """Check the tables and write the log to `folder`, or open it where that is done already.

    max_rejected_share: above this share of rows that make no sense (repeats do not count) DataError is raised.
    admission: who enters, and under which name.
    """
    with quoting_nobody(admission.pseudonyms):
        _ingest_once(tables, base, folder, max_rejected_share, admission, portions, report)
    remove(folder / "scattered")
    remove(folder / "rejected")
    return Log.open(folder)


def _ingest_once(
    tables: Tables, base: Path, folder: Path, limit: float, admission: Admission, portions: Portions, report: Report
) -> None:
    if admission.pseudonyms is not None:
        _refuse_folders_of_users(tables, base)
    fingerprint = _fingerprint(tables, base, admission)
    if not holds(folder / "source.json", fingerprint):
        remove(folder / "source.json")
        remove(folder)
        write_json(folder / "source.json", fingerprint)
    if not (folder / "found.json").exists():
        _ingest(tables, base, folder, limit, admission, portions, report)


def _ingest(
    tables: Tables, base: Path, folder: Path, limit: float, admission: Admission, portions: Portions, report: Report
) -> None:
    left_out: LeftOut = Counter()
    both = read_items(tables, base, left_out)
    items = both.table
    pseudonyms, nobody = admission.pseudonyms, pl.DataFrame(schema={USER: pl.String})
    users = read_users(tables.users, base, left_out, pseudonyms) if tables.users else nobody
    users = without_forgotten(users, admission.forgotten)
    for name, frame in [("items", items), ("users", users)]:
        with aside(folder / f"{name}.parquet") as path:
            frame.write_parquet(path)
    if len(both.said):
        with aside(folder / SAID) as path:
            both.said.write_parquet(path)
    if not _is_whole(folder / "scattered"):
        with aside(folder / "scattered") as path:
            _scatter(tables.events, base, path, pseudonyms, portions, report)
    tally = cast(Tally, read_keys(folder / "scattered" / "tally.json", Tally.__required_keys__))
    _refuse_too_many_rejected(tally, limit)
    _refuse_two_clocks(tally, both.said)
    wanted, beside, added = _Wanted(items, tables.events, admission.forgotten), Beside.of(items, users), Sum()
    for bucket in range(tally["buckets"]):
        added.add(bucket, _settle(folder, bucket, tally, wanted, beside))
        report(Progress("sort", bucket + 1, tally["buckets"]))
    _gather_rejected(folder)
    counted = sum_up(tally, added, partial(_ids, folder), items, users, tables)
    unwanted = {reason: where(tally["files"][file], row) for reason, (file, row) in added.examples.items()}
    examples = {**_examples(folder / "rejected.parquet"), **tally["left_out_examples"], **unwanted}
    found: Found = {
        **counted,
        "rejected": {**tally["reasons"], **({REPEATED: added.repeated} if added.repeated else {})},
        "rows_beside_left_out": dict(left_out),
        "examples": examples,
        "guessed": tally["guessed"],
    }
    write_json(folder / "found.json", found)


def _ids(folder: Path, bucket: int) -> pl.DataFrame:
    return pl.read_parquet(folder / "events" / f"{bucket:05}.parquet", columns=[USER, ITEM])


def _read_found(folder: Path) -> Found:
    return cast(Found, read_keys(folder / "found.json", Found.__required_keys__))


def _fingerprint(tables: Tables, base: Path, admission: Admission) -> dict[str, object]:
    """Return a fingerprint that changes whenever the mapping, a file, the list of forgotten users or the key of the
    pseudonyms changes."""
    all_tables: list[TableConfig] = [tables.events, *(table for table in (tables.items, tables.users) if table)]
    for values in tables.item_values:
        all_tables += [values, *([values.names] if values.names else [])]
    states = [part.state for table in all_tables for part in open_parts(table, base)]
    forgotten, mark = sorted(admission.forgotten.items()), admission.fingerprint
    told = {"forgotten": sha256(json.dumps(forgotten).encode()).hexdigest()} if forgotten else {}
    told |= {"pseudonyms": mark} if mark else {}
    return {"form": FORM, "tables": sha256(tables.model_dump_json().encode()).hexdigest(), "files": states, **told}


def _refuse_folders_of_users(tables: Tables, base: Path) -> None:
    """Raise DataError where folders are named after users who are to have pseudonyms: the log keeps names of files."""
    for table in (tables.events, tables.users):
        if table is not None and any(table.user in part.partition for part in open_parts(table, base)):
            raise DataError(
                f"users get pseudonyms, but the folders of a table are named after them ({table.user}=…); write "
                f"{table.user!r} as a column, and other folders"
            )


def _scatter(
    table: EventsTable, base: Path, folder: Path, pseudonyms: Pseudonyms | None, portions: Portions, report: Report
) -> None:
    """Write each bucket's rows to an Arrow stream, rejected rows to a table, and what was counted to tally.json."""
    parts = open_parts(table, base)
    names = [part.name for part in parts]
    sizes = [part.count() for part in parts]
    clock = settle_clock(_moments(parts, table), table, names[0])
    buckets = min(MOST_BUCKETS, 1 + sum(sizes) // portions.bucket)
    folder.mkdir()
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    examples: dict[str, str] = {}
    guessed = _guessed(parts, table, clock)
    types = {**_SCATTERED_TYPES, **(_WORTH_TYPE if table.worths else {})}
    with ExitStack() as stack:
        writers = [stack.enter_context(_stream(folder / f"{bucket:05}.arrows", types)) for bucket in range(buckets)]
        rejected = stack.enter_context(
            pyarrow.parquet.ParquetWriter(folder / "rejected.parquet", _arrow_schema(_REJECTED_TYPES))
        )
        seen: set[tuple[str, str, Value]] = set()
        place = 0
        for number, part in enumerate(parts):
            last = 0
            for batch in part.batches(table.columns, portions):
                checked = check_rows(batch.frame, batch.rows, table, clock, pseudonyms)
                events = checked.events.with_columns(pl.lit(number, dtype=pl.Int32).alias(FILE))
                if table.time is None:
                    events = events.with_columns(pl.col(TIME) + float(place))
                _append(writers, events, types)
                aside_rows = _rejected_rows(part.name, checked.rejected, batch.malformed, pseudonyms)
                rejected.write_table(aside_rows.to_arrow().cast(_arrow_schema(_REJECTED_TYPES)))
                reasons.update(aside_rows.select(_kind_of_reason())[REASON].to_list())
                left_out.update(checked.left_out[REASON].to_list())
                for reason, row in checked.left_out.group_by(REASON, maintain_order=True).first().iter_rows():
                    examples.setdefault(reason, where(part.name, row))
                counts["rows"] += checked.rows + len(batch.malformed)
                last = max([last, *batch.rows.tail(1), *(row for row, _ in batch.malformed)])
                seen |= met(batch.frame, table)
                counts["rows_read"] += len(batch.frame) + len(batch.malformed)
                report(Progress("read", min(counts["rows_read"], sum(sizes)), sum(sizes), f"{counts['rows']:,} rows"))
            place += last
    if counts["rows"] == 0:
        raise DataError(f"no events in {', '.join(names)}; check `files` in the run file")
    guessed |= dict(unmet(seen, table))
    if counts["rows"] > counts["rows_read"]:
        guessed["lists"] = f"{counts['rows_read']:,} rows hold lists, which were parted into {counts['rows']:,}"
    report(Progress("read", sum(sizes), sum(sizes), f"{counts['rows']:,} rows"))
    tally: Tally = {
        "files": names,
        "buckets": buckets,
        "time_unit": clock.unit,
        "rows": counts["rows"],
        "left_out": dict(left_out),
        "left_out_examples": examples,
        "guessed": guessed,
        "reasons": dict(reasons),
        "sizes": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }
    write_json(folder / "tally.json", tally)


def _moments(parts: list[TablePart], table: EventsTable) -> Iterator[pl.DataFrame]:
    """The rows in small batches, as many as are asked for."""
    for part in parts:
        for batch in part.batches(table.columns, SETTLING):
            yield part_lists(batch.frame, batch.rows, table).frame


def _guessed(parts: list[TablePart], table: EventsTable, clock: Clock) -> dict[str, str]:
    """What had to be guessed to read the events: what it is about → a sentence."""
    found = {name: f"{Path(name).name}: {said}" for part in parts for name, said in part.guesses().items()}
    guessed = clock.told if table.time and table.time_format is None and table.time_unit == "auto" else None
    return {**found, **({TIME: f"{table.time!r} {guessed}"} if guessed else {})}


def _is_whole(folder: Path) -> bool:
    """Whether every file of a tally is there, of its size."""
    try:
        sizes = dict(read_keys(folder / "tally.json", Tally.__required_keys__)["sizes"])
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (DataError, OSError, ValueError, TypeError):
        return False


def _arrow_schema(types: dict[str, type[pl.DataType]]) -> pa.Schema:
    return pl.DataFrame(schema=types).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def _stream(path: Path, types: dict[str, type[pl.DataType]]) -> pa.RecordBatchStreamWriter:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    return pa.ipc.new_stream(path, _arrow_schema(types), options=options)


def _append(
    writers: list[pa.RecordBatchStreamWriter], events: pl.DataFrame, types: dict[str, type[pl.DataType]]
) -> None:
    events = events.select(pl.col(name).cast(dtype) for name, dtype in types.items())
    parts = events.with_columns(bucket_of(events[USER], len(writers)).alias("bucket"))
    for (bucket,), part in parts.partition_by("bucket", include_key=False, as_dict=True).items():
        writers[int(bucket)].write_table(part.to_arrow(compat_level=pl.CompatLevel.oldest()))


def _rejected_rows(
    name: str, rejected: pl.DataFrame, malformed: list[tuple[int, str]], pseudonyms: Pseudonyms | None
) -> pl.DataFrame:
    """FILE, ROW, REASON; of lines that cannot be parsed with their text, unless it might name a user who has a
    pseudonym."""
    said = "cannot be parsed"
    lines = [(row, f"{said}: {text[:QUOTED]!r}" if pseudonyms is None else said) for row, text in malformed]
    broken = pl.DataFrame(lines, schema={ROW: pl.Int64, REASON: pl.String}, orient="row")
    return pl.concat([rejected, broken]).select(pl.lit(name).alias(FILE), ROW, REASON)


def _refuse_too_many_rejected(tally: Tally, limit: float) -> None:
    share = sum(tally["reasons"].values()) / tally["rows"]
    if share > limit:
        common = ", ".join(f"{count:,} × {reason}" for reason, count in Counter(tally["reasons"]).most_common(3))
        raise DataError(
            f"{share:.1%} of {tally['rows']:,} rows make no sense, more than max_rejected_share = {limit:.1%}: "
            f"{common}; mend the mapping in the run file, or raise the limit"
        )


def _refuse_two_clocks(tally: Tally, said: pl.DataFrame) -> None:
    if tally["time_unit"] == "position" and len(said):
        raise DataError(
            f"item_values of {said[FIELD][0]!r} have a time, but the events have positions, which cannot be compared "
            f"with it; leave out `time` of item_values, or give the events one"
        )


@dataclass(frozen=True)
class _Wanted:
    """Which rows enter the log: those of items that have a value of the field `items_with`, without those of forgotten
    users; and not more and not fewer of a user than the run file says."""

    items: pl.DataFrame
    events: EventsTable
    forgotten: Forgotten

    def parts(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
        """The rows that are wanted, and the others by reason."""
        known = without_forgotten(rows, self.forgotten)
        others = {FORGOTTEN: rows.join(known, on=[FILE, ROW], how="anti")} if len(known) < len(rows) else {}
        field = self.events.items_with
        if field is None:
            return known, others
        with_value = self.items.filter(pl.col(field).list.len() > 0)
        wanted = known.join(with_value, on=ITEM, how="semi", maintain_order="left")
        if len(wanted) < len(known):
            reason = f"item without a value of {field!r} (items_with)"
            others[reason] = known.join(with_value, on=ITEM, how="anti")
        return wanted, others

    def capped(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
        """Rows of users with enough events, of each the latest; FILE and ROW of the others by reason. rows: in order,
        without repeats."""
        least, most = self.events.events_at_least, self.events.events_at_most
        rules = {
            f"user with fewer than {least} events": pl.len().over(USER) < least,
            f"user's event before the latest {most:,}": pl.int_range(pl.len(), 0, -1).over(USER) > most,
        }
        others = {}
        for reason, beyond in rules.items():
            gone = rows.select(beyond).to_series()
            if gone.any():
                others[reason] = rows.select(FILE, ROW).filter(gone)
                rows = rows.filter(~gone)
        return rows, others


def _settle(folder: Path, bucket: int, tally: Tally, wanted: _Wanted, beside: Beside) -> Settled:
    """Sort one bucket, leave out what is not wanted, set its repeats aside, write it and return what it holds."""
    done = folder / "events" / f"{bucket:05}.parquet"
    counted = folder / "events" / f"{bucket:05}.json"
    if not counted.exists():
        rows, others = wanted.parts(pl.read_ipc_stream(folder / "scattered" / f"{bucket:05}.arrows"))
        rows = _coded(rows)
        backwards = _backwards(rows)
        # Of repeats, the one that stays is a click if any is, and the one that counts most.
        best = [CLICKED, *(name for name in _WORTH_TYPE if name in rows.columns)]
        order = {**dict.fromkeys([USER, TIME, ITEM], False), **dict.fromkeys(best, True), FILE: False, ROW: False}
        rows = rows.sort(list(order), descending=list(order.values()))
        repeated = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in (USER, TIME, ITEM))
        rows = rows.with_columns(repeated.fill_null(False).alias("repeated"))
        repeats = rows.filter("repeated")
        kept, beyond = wanted.capped(rows.filter(~pl.col("repeated")))
        del rows
        events = kept.select(
            pl.col(name).cast(kind) for name, kind in (_EVENT_TYPES | _WORTH_TYPE).items() if name in kept.columns
        )
        with aside(done) as path:
            events.write_parquet(path)
        names = pl.col(FILE).replace_strict(dict(enumerate(tally["files"])), return_dtype=pl.String)
        with aside(folder / "rejected" / f"{bucket:05}.parquet") as path:
            repeats.select(names, ROW, pl.lit(REPEATED).alias(REASON)).write_parquet(path)
        more = {"repeated": len(repeats), "backwards": backwards, **_left_out({**others, **beyond})}
        write_json(counted, {**count_bucket(events, beside, clock=tally["time_unit"] != "position"), **more})
    return cast(Settled, read_keys(counted, Settled.__required_keys__))


def _left_out(others: dict[str, pl.DataFrame]) -> dict[str, object]:
    """How many rows are left out by reason, and where the first of each stands, but for those of forgotten users."""
    shown = {
        reason: rows.select(FILE, ROW).sort(FILE, ROW).row(0) for reason, rows in others.items() if reason != FORGOTTEN
    }
    return {"left_out": {reason: len(rows) for reason, rows in others.items()}, "examples": shown}


def _coded(rows: pl.DataFrame) -> pl.DataFrame:
    """Users and items as numbers in the order of their texts, which take less memory and are sorted faster."""
    return rows.with_columns(pl.col(name).cast(pl.Enum(rows[name].unique().sort())) for name in (USER, ITEM))


def _backwards(rows: pl.DataFrame) -> int:
    """Count the rows that the files hold after a later row of the same user."""
    in_file = rows.select(USER, TIME, FILE, ROW).sort(USER, FILE, ROW)
    return int(in_file.select(((pl.col(TIME).diff() < 0) & (pl.col(USER) == pl.col(USER).shift())).sum()).item())


def _gather_rejected(folder: Path) -> None:
    """One table of all rows set aside: FILE, ROW, REASON."""
    parts: Iterator[Path] = (folder / "rejected").glob("*.parquet")
    sources = [folder / "scattered" / "rejected.parquet", *sorted(parts)]
    with aside(folder / "rejected.parquet") as path, disk_errors(path):
        pl.scan_parquet(sources).sink_parquet(path)


def _kind_of_reason() -> pl.Expr:
    """The reason without the line that could not be parsed, so that there are few kinds."""
    return pl.col(REASON).str.replace(r"(?s)^(cannot be parsed): .*", "$1")


def _examples(rejected: Path) -> dict[str, str]:
    """Where to look: the first row of each kind of reason."""
    first = pl.col(ROW).filter(pl.col(FILE) == pl.col(FILE).min()).min()
    rows = pl.scan_parquet(rejected).group_by(_kind_of_reason()).agg(pl.col(FILE).min(), first).collect()
    return {reason: where(file, row) for reason, file, row in rows.iter_rows()}
