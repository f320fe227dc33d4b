"""Which files are one table: all with the same columns, at any depth of a folder; a Delta or Iceberg folder is one."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from glob import escape
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Literal, cast

import pyarrow.fs

from penchant.errors import DataError, PenchantError
from penchant.logs.formats.dialect import lines_of
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import TablePart
from penchant.logs.formats.places import COMPRESSED, FORMATS, StoredFile, lake_of
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.words import made_up, tokens_of
from penchant.logs.tables import TableConfig

Format = Literal["parquet", "csv", "jsonl"]
_LISTED = 12
"""Files with names of their own that a run file lists, at most; of more, it has a glob."""
_FOREIGN = {
    (".avro", ".orc"): "turn it into Parquet",
    (".xlsx", ".xls", ".ods"): "save the sheet as CSV",
    (".zip", ".tar", ".tgz", ".7z", ".rar"): "unpack it",
    (".h5", ".hdf5", ".pkl", ".feather", ".arrow", ".npz", ".npy", ".mat", ".rds"): "save it as Parquet",
    (".duckdb", ".db", ".sqlite", ".sqlite3"): "write in the run file: "
    'query = "select … from …" and database = "{name}", instead of `files`',
}
_SYSTEM = pyarrow.fs.LocalFileSystem()


@dataclass(frozen=True)
class FoundTable:
    """A table: its files, or the folder of a lake. root: the folder that was given; format: where the names of the
    files do not say it."""

    root: Path
    files: tuple[Path, ...]
    format: Format | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        first, others = self.files[0], len(self.files) - 1
        if not others:
            return first.name
        if self.is_a_folder or "*" in self._pattern:
            return os.path.relpath(self._common / self._pattern, self.root)
        return f"{first.name} and {others} more"

    @property
    def path(self) -> str:
        """What tells it from all other tables: its path in the folder that was given."""
        return self.name if len(self.files) > 1 else os.path.relpath(self.files[0], self.root)

    @property
    def stem(self) -> str:
        return re.split(r"[.*]", self.name.replace("**/", ""))[0].strip("-_/") or self._common.name

    def patterns(self, beside: Path) -> str | list[str]:
        """What `files` says in a run file of the folder `beside`."""
        if len(self.files) == 1:
            return _relative(self.files[0], beside)
        if self.is_a_folder:
            return _relative(self._common, beside)
        if "*" in self._pattern:
            return f"{escape(_relative(self._common, beside))}/{self._pattern}".removeprefix("./")
        return [_relative(file, beside) for file in self.files]

    def relative(self, beside: Path) -> list[str]:
        """The files, each by its path from the folder `beside`."""
        return [_relative(file, beside) for file in self.files]

    @cached_property
    def parts(self) -> list[TablePart]:
        return open_parts(TableConfig(files=[str(one) for one in self.files], format=self.format), Path())

    @cached_property
    def _common(self) -> Path:
        """The deepest folder above all files, and above their partitions."""
        common = Path(os.path.commonpath([file.parent for file in self.files]))
        while any("=" in step for step in common.relative_to(self.root).parts):
            common = common.parent
        return common

    @cached_property
    def is_a_folder(self) -> bool:
        """Whether the files are all that a folder below the given one has, besides what is passed over there."""
        if self._common == self.root:
            return False
        return {one for one in _walk(self._common) if one.is_file()} == set(self.files)

    @cached_property
    def _pattern(self) -> str:
        """A glob below the common folder that fits these files and no others; "" where there is none."""
        if self.is_a_folder:
            return ""
        names = [file.name for file in self.files]
        if len(names) <= _LISTED and len({_figureless(file, None) for file in self.files}) > 1:
            return ""
        start, end = _shared(names), _shared([name[::-1] for name in names])[::-1]
        deep = "" if all(file.parent == self._common for file in self.files) else "**/"
        for name in (f"{escape(start)}*{escape(end)}", f"*{escape(end)}"):
            if len(start) + len(end) <= min(map(len, names)) and self._fits(deep + name):
                return deep + name
        if deep and len(set(names)) == 1 and self._fits(deep + escape(names[0])):
            return deep + escape(names[0])
        return ""

    def _fits(self, pattern: str) -> bool:
        return {path for path in self._common.glob(pattern) if path.is_file()} == set(self.files)


@dataclass
class Discovered:
    """Tables of some paths, and the files that are none, each with the reason."""

    tables: list[FoundTable] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def discover(paths: Sequence[Path]) -> Discovered:
    """The tables among files and folders. Raises DataError where a path does not exist."""
    for path in paths:
        if not path.exists():
            raise DataError(f"{path} does not exist")
    given = [path.absolute() for path in paths]
    root = Path(os.path.commonpath([path if path.is_dir() and not _is_lake(path) else path.parent for path in given]))
    inside = list(dict.fromkeys(one for path in given for one in _walk(path)))
    found = Discovered([FoundTable(root, (one,)) for one in inside if one.is_dir()])
    found.tables += _group(root, [one for one in inside if one.is_file()], found.left_out)
    found.left_out = _told_once(found.left_out)
    return found


def _is_lake(path: Path) -> bool:
    return lake_of(_SYSTEM, str(path)) is not None


def _walk(path: Path, deepest: int = 20) -> Iterator[Path]:
    """Files and lakes below a path. Names that begin with _ or . are passed over, and folders that Penchant wrote."""
    if path.is_file() or _is_lake(path):
        yield path
    elif path.is_dir() and deepest and not _is_a_run(path):
        for inside in sorted(path.iterdir()):
            if not inside.name.startswith((".", "_")) or "=" in inside.name:
                yield from _walk(inside, deepest - 1)


def _is_a_run(folder: Path) -> bool:
    return (folder / "config.json").exists() and (folder / "log").is_dir()


def _group(root: Path, files: list[Path], left_out: list[str]) -> Iterator[FoundTable]:
    """Tables of a folder: files of one name but for figures first, then all of these that have the same columns."""
    kinds = {file: _kind(file, left_out) for file in files}
    alike: dict[tuple[str, Format | None], list[Path]] = defaultdict(list)
    for file in sorted(file for file, kind in kinds.items() if kind):
        alike[_figureless(file, root), kinds[file]].append(file)
    series: list[tuple[tuple[object, ...], FoundTable]] = []
    for (_, kind), same_name in alike.items():
        told = None if _by_name(same_name[0]) else kind
        for columns, some in _by_columns(same_name, told, left_out):
            series.append((columns, FoundTable(root, tuple(some), told)))
    merged: dict[tuple[object, ...], list[FoundTable]] = defaultdict(list)
    for columns, table in series:
        merged[columns].append(table)
    for of_columns in merged.values():
        yield from _united(of_columns)


def _by_columns(
    files: list[Path], told: Format | None, left_out: list[str]
) -> Iterator[tuple[tuple[object, ...], list[Path]]]:
    """Files of one name, parted where their columns differ; of very many, those between two alike are trusted."""
    looked = files if len(files) <= 40 else [files[len(files) * n // 40] for n in range(40)] + [files[-1]]
    columns = {}
    for file in looked:
        try:
            part = open_parts(TableConfig(files=str(file), format=told), Path())[0]
            if part.kind == "csv" and len(part.own_schema()) < 2:
                left_out.append(_without_columns(file))
                continue
            header = getattr(getattr(part, "dialect", None), "header", True)
            names = tuple(sorted(part.schema()))
            columns[file] = (part.kind, names if header else (_figureless(file, None), names))
        except PenchantError as error:
            left_out.append(f"{file.name} is left out: {str(error).removeprefix(str(file)).strip(' :')}")
    parted: dict[tuple[object, ...], list[Path]] = defaultdict(list)
    last = None
    for file in files:
        last = columns.get(file, None if file in looked else last)
        if last:
            parted[last].append(file)
    yield from parted.items()


_PROSE = " has no columns, and is passed over"


def _without_columns(file: Path) -> str:
    """What is said of a text of one column: a README, or rows below a line that all of them belong to."""
    with suppress(OSError, UnicodeDecodeError), file.open(encoding="utf-8", errors="replace") as stream:
        head = [stream.readline(200).strip() for _ in range(50)]
        titles = [line for line in head if re.fullmatch(r"[^,;\t]{1,40}:", line)]
        if titles and any("," in line or "\t" in line for line in head):
            return (
                f"{file.name} is left out: lines such as {titles[0]!r} stand above the rows that belong to them; write "
                "what they say into a column of each row"
            )
    return f"{file.name}{_PROSE}"


def _told_once(left_out: list[str]) -> list[str]:
    """The sentences, with one for all texts without columns."""
    texts = [said.removesuffix(_PROSE) for said in left_out if said.endswith(_PROSE)]
    others = [said for said in left_out if not said.endswith(_PROSE)]
    if not texts:
        return others
    shown = ", ".join(texts[:5]) + (" …" if len(texts) > 5 else "")
    return [*others, f"{shown}{_PROSE if len(texts) == 1 else ' have no columns, and are passed over'}"]


def _united(tables: list[FoundTable]) -> Iterator[FoundTable]:
    """Tables with the same columns as one, unless they have the same keys: two lists of names and not one in parts."""
    if len(tables) == 1 or _are_apart(tables):
        yield from tables
        return
    first = tables[0]
    files = tuple(sorted(file for table in tables for file in table.files))
    yield FoundTable(first.root, files, first.format)


def _are_apart(tables: list[FoundTable]) -> bool:
    """Whether tables with the same columns are lists of different things, and not parts of one: they share values of a
    key, or have a key, no time, and no word in common in their names."""
    samples = [table.parts[0].sample(1000) for table in tables[:5]]
    if min(len(sample) for sample in samples) < 2:
        return False
    shared = [name for name in samples[0].columns if all(name in sample.columns for sample in samples)]
    columns = [[Column(name, sample[name]) for sample in samples] for name in shared]
    if any(_is_a_key_of_each(ones) and _share_values(ones) for ones in columns):
        return True
    called = [set(tokens_of(table.stem)) for table in tables[:5]]
    timed = any(one.clock for ones in columns for one in ones)
    return any(_is_a_key_of_each(ones) for ones in columns) and not timed and not set.intersection(*called)


def _is_a_key_of_each(columns: list[Column]) -> bool:
    """Whether a column has another value in each row of all tables."""
    if made_up(columns[0].name) or any(one.is_list or one.values.dtype.is_nested() for one in columns):
        return False
    return all(one.is_unique and one.looks_like_ids for one in columns)


def _share_values(columns: list[Column]) -> bool:
    values = [set(one.distinct) for one in columns]
    return any(left & right for left, right in pairwise(values))


def _figureless(file: Path, root: Path | None) -> str:
    """A path without figures and ids, and without the values of partitions; without `root`, the name alone."""
    text = str(file.relative_to(root)) if root else file.name
    text = re.sub(r"=[^/]*", "=", text)
    text = re.sub(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "#", text)
    return re.sub(r"\d+", "#", text)


def _by_name(file: Path) -> Format | None:
    ending, _ = StoredFile("", str(file), None).endings
    return cast(Format | None, FORMATS.get(ending))


def _kind(file: Path, left_out: list[str]) -> Format | None:
    """The format of a file, by its name or its content; None where it is no table, which is told unless it is of those
    that lie beside tables everywhere."""
    foreign = next((what for endings, what in _FOREIGN.items() if file.suffix.lower() in endings), None)
    if foreign:
        left_out.append(f"{file.name} is left out: {foreign.format(name=file.name)}")
        return None
    if file.stat().st_size == 0:
        return None
    return _by_name(file) or _by_content(file)


def _by_content(file: Path) -> Format | None:
    """The format that the first lines of a file without a known ending show."""
    place = StoredFile(str(file), str(file), _SYSTEM)
    if place.format:
        return cast(Format, place.format)
    if file.suffix.lower() in (
        ".toml",
        ".py",
        ".md",
        ".json5",
        ".yaml",
        ".yml",
        ".html",
        ".sh",
        ".sql",
        ".ipynb",
        ".log",
    ):
        return None
    try:
        with _SYSTEM.open_input_stream(str(file), compression=COMPRESSED.get(place.endings[1])) as stream:
            head = bytes(stream.read(1 << 16))
    except OSError:
        return None
    if b"\0" in head:
        return None
    text = head.decode("latin-1")
    lines = [line.rstrip("\r\n") for line in lines_of(text)[:-1] or [text] if line.strip()][:100]
    if lines and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
        return "jsonl"
    return "csv" if _is_even(lines) else None


def _is_even(lines: list[str]) -> bool:
    """Whether all lines have the same number of columns, two at least, by one of the separators of tables."""
    if len(lines) < 3:
        return False
    for mark in ("\t", "::", ";", "|", ","):
        if len(mark) > 1:
            widths = {line.count(mark) for line in lines}
        else:
            widths = {len(row) - 1 for row in csv.reader(lines, delimiter=mark)}
        if widths != {0} and len(widths) == 1:
            return True
    return False


def _shared(texts: list[str]) -> str:
    """What all texts begin with."""
    alike = takewhile(lambda marks: len(set(marks)) == 1, zip(*texts, strict=False))
    return "".join(marks[0] for marks in alike)


def _relative(path: Path, beside: Path) -> str:
    return os.path.relpath(path.resolve(), beside.resolve())
