"""Where tables lie: files on a disk or in S3, Google's or Azure's storage, behind paths, globs, folders and URLs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.fs

from penchant.errors import ConfigError, DataError, QuotingError

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".inter": "csv",
    ".item": "csv",
    ".user": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
"""What a file holds, by the ending of its name; .inter, .item and .user are RecBole's."""

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
"""Endings behind that of the format, of text files."""

LAKES = {"delta": "_delta_log", "iceberg": "metadata"}
"""What a folder of a table format has in it."""

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
_SECRET = re.compile(r"^[^/]+://[^/@:]*:[^/@]*@")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class StoredFile:
    """A file. name: what messages call it; path: on its file system; root: the folder from which on names of folders
    are partitions, such as date=2026-03-01; info: its size and when it was written, as the file system lists it."""

    name: str
    path: str
    system: Any
    root: str = ""
    info: Any = None

    @property
    def local(self) -> bool:
        return isinstance(self.system, pyarrow.fs.LocalFileSystem)

    @property
    def size(self) -> int:
        """Bytes."""
        return int(self.info.size or 0)

    @property
    def state(self) -> str:
        """A text that changes when the file does."""
        return f"{self.name} {self.info.size} {self.info.mtime_ns}"

    def open(self) -> Any:
        """The file, for reading at any place in it."""
        return pa.memory_map(self.path) if self.local and self.size else self.system.open_input_file(self.path)

    def stream(self) -> Any:
        """The file from its beginning to its end, unpacked where it is compressed."""
        return self.system.open_input_stream(self.path, compression=COMPRESSED.get(self.endings[1]))

    def lines_about(self) -> int:
        """How many lines a text file has, by those of its beginning; packed files are taken to be four times as
        long."""
        with self.stream() as file:
            head = bytes(file.read(1 << 16))
        lines = max(1, head.count(b"\n"))
        size = self.size * (4 if self.endings[1] else 1)
        return lines if len(head) < 1 << 16 else max(lines, size * lines // len(head))

    @property
    def endings(self) -> tuple[str, str]:
        """The ending of the format, and that of the compression; empty where there is none."""
        name, last = os.path.splitext(os.path.basename(self.path).lower())
        return (os.path.splitext(name)[1], last) if last in COMPRESSED else (last, "")

    @property
    def format(self) -> str | None:
        """By the ending of the name; of a file without a known ending, by its first bytes. None where neither says."""
        ending, compressed = self.endings
        known = FORMATS.get(ending)
        if known == "parquet" and compressed:
            return None
        return known or ("parquet" if not compressed and self._begins_with(b"PAR1") else None)

    @property
    def partition(self) -> dict[str, str | None]:
        """What the names of the folders above it say, as Hive and Spark write them."""
        folders = os.path.dirname(self.path)[len(self.root) :].split("/")
        pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
        return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, value in pairs if name}

    def _begins_with(self, magic: bytes) -> bool:
        with self.system.open_input_stream(self.path, compression=None) as file:
            return bool(file.read(len(magic)) == magic)


@contextmanager
def readable(place: StoredFile, kind: str, encoding: str = "utf-8") -> Iterator[None]:
    """Turn a library's error about an empty or broken file into a DataError that names the file. encoding: that the
    text of the file is taken to have."""
    try:
        if place.size == 0:
            raise DataError(f"{place.name} is empty; remove it or fill it")
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, EOFError, UnicodeError) as error:
        said = str(error).partition("\n")[0]
        if kind == "csv" and ("invalid UTF8" in said or isinstance(error, UnicodeError)):
            told = "cp1251" if encoding == "cp1252" else "cp1252"
            raise QuotingError(
                f"{place.name} holds bytes that are no {encoding.upper()} (",
                said,
                f'); say the encoding in the run file, such as csv = {{ encoding = "{told}" }}',
            ) from error
        raise QuotingError(
            f"{place.name} cannot be read as {kind}: ",
            said,
            "; if it was still being written, wait until it is whole and run again",
        ) from error


def expand(pattern: str, base: Path) -> str:
    """A path of a run file: variables filled in, relative to `base`; a URL as it is.

    Raises ConfigError for a variable that is not set, and for a URL that holds a secret.
    """
    expanded = os.path.expanduser(os.path.expandvars(pattern))
    if "$" in expanded:
        raise ConfigError(f"{pattern!r} names an environment variable that is not set; set it or write the path")
    if _SECRET.match(expanded):
        raise ConfigError(
            "a URL of the run file has a secret in it; leave it out, and set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment, or AWS_PROFILE"
        )
    return expanded if _URL.match(expanded) else str(base / expanded)


def system_of(where: str) -> tuple[Any, str]:
    """The file system of an expanded path or URL, and the path in it. Credentials, and the address of a server that
    speaks S3, come from where the providers' own tools look for them: environment variables, files of profiles, the
    machine's role. Raises ConfigError for a URL that no file system knows."""
    if not _URL.match(where):
        return pyarrow.fs.LocalFileSystem(use_mmap=True), where
    fixed = _MAGIC.split(where, maxsplit=1)[0].rpartition("/")[0] if _MAGIC.search(where) else where.rstrip("/")
    try:
        system, path = pyarrow.fs.FileSystem.from_uri(_as_known(fixed))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise ConfigError(
            f"{where} cannot be opened: {str(error).partition(chr(10))[0]}; known are s3://bucket/path, "
            f"gs://bucket/path and az://container/path"
        ) from None
    if not path.strip("/"):
        raise ConfigError(f"{where} names no bucket; write it as s3://bucket/path")
    return system, path + where.rstrip("/")[len(fixed) :]


def _as_known(where: str) -> str:
    """The URL under the name by which PyArrow knows its file system: Spark says s3a, and az leaves the account out."""
    where = re.sub(r"^s3[an]://", "s3://", where)
    if not where.startswith("az://"):
        return where
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise ConfigError(f"{where} needs AZURE_STORAGE_ACCOUNT_NAME, an environment variable that is not set; set it")
    container, _, path = where.removeprefix("az://").partition("/")
    return f"abfs://{container}@{account}.dfs.core.windows.net/{path}"


@contextmanager
def reached(where: str) -> Iterator[None]:
    """Turn an error of a store that cannot be reached, or that says no, into a DataError."""
    try:
        yield
    except OSError as error:
        remote = (
            "the address, the network, and the credentials in the environment, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
        said = str(error).partition("\n")[0]
        check = remote if _URL.match(where) else "that it may be read"
        raise DataError(f"{where} cannot be reached: {said}; check {check}") from error


def find(pattern: str, base: Path) -> list[StoredFile]:
    """The files behind a path, a folder or a glob, sorted by path. In a folder, names that begin with _ or . are passed
    over, as those that write tables mean them to be. Raises DataError where there is none."""
    where = expand(pattern, base)
    system, path = system_of(where)
    shown = _shown(where.rstrip("/"), path)
    globbed = has_magic(path) and system.get_file_info(path).type == pyarrow.fs.FileType.NotFound
    paths = _globbed(system, path) if globbed else [path.rstrip("/") or path]
    places = (place for one in paths for place in _files(system, one, shown))
    found = list({place.path: place for place in places}.values())
    if not found:
        raise DataError(f"no file matches {pattern!r} (looked for {where}); mend the path in the run file")
    return found


def _shown(where: str, path: str) -> tuple[str, int]:
    """What stands in a name before a path, and from which letter of the path on: behind what a URL and its path have in
    common at their ends.

    >>> _shown("abfs://box@account.net/a/b", "box/a/b"), _shown("s3://bucket/a", "bucket/a"), _shown("/data", "/data")
    (('abfs://box@account.net', 3), ('s3://', 0), ('', 0))
    """
    pairs = zip(reversed(where), reversed(path), strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return where[: len(where) - common], len(path) - common


def lake_of(system: Any, folder: str) -> str | None:
    """The table format whose table a folder holds."""
    info = system.get_file_info([f"{folder.rstrip('/')}/{LAKES['delta']}", f"{folder.rstrip('/')}/{LAKES['iceberg']}"])
    if info[0].type == pyarrow.fs.FileType.Directory:
        return "delta"
    if info[1].type == pyarrow.fs.FileType.Directory:
        inside = system.get_file_info(pyarrow.fs.FileSelector(info[1].path))
        return "iceberg" if any(one.path.endswith(".metadata.json") for one in inside) else None
    return None


def _files(system: Any, path: str, shown: tuple[str, int]) -> Iterator[StoredFile]:
    info = system.get_file_info(path)
    if info.type == pyarrow.fs.FileType.File:
        yield _place(system, info, shown)
    elif info.type == pyarrow.fs.FileType.Directory:
        inside = system.get_file_info(pyarrow.fs.FileSelector(path, recursive=True))
        for one in sorted(inside, key=lambda one: one.path):
            if one.type == pyarrow.fs.FileType.File and not _is_hidden(one.path[len(path) :]):
                yield _place(system, one, shown)


def _place(system: Any, info: Any, shown: tuple[str, int]) -> StoredFile:
    before, start = shown
    return StoredFile(before + info.path[start:], info.path, system, _root_of(info.path), info)


def _root_of(path: str) -> str:
    """The folders above the first that is named as a partition."""
    parts = os.path.dirname(path).split("/")
    first = next((place for place, folder in enumerate(parts) if re.match(r"^[^=]+=", folder)), len(parts))
    return "/".join(parts[:first])


def _is_hidden(path: str) -> bool:
    return any(step.startswith(("_", ".")) and "=" not in step for step in path.split("/") if step)


def _globbed(system: Any, pattern: str) -> list[str]:
    """Paths that a glob fits, sorted; ** stands for any folders. Hidden names count where the glob itself has one."""
    fixed = _MAGIC.split(pattern, maxsplit=1)[0].rpartition("/")[0]
    found = (
        glob(pattern, recursive=True)
        if isinstance(system, pyarrow.fs.LocalFileSystem)
        else _matches(system, pattern, fixed)
    )
    hidden = _is_hidden(pattern[len(fixed) :])
    return sorted(one for one in found if hidden or not _is_hidden(one[len(fixed) :]))


def _matches(system: Any, pattern: str, fixed: str) -> Iterator[str]:
    """Files of a remote store that a glob fits, and folders that do; the store is asked for all below `fixed`."""
    fits = re.compile(_as_regex(pattern))
    for one in system.get_file_info(pyarrow.fs.FileSelector(fixed, recursive=True, allow_not_found=True)):
        if fits.fullmatch(one.path):
            yield one.path


def _as_regex(pattern: str) -> str:
    """
    >>> re.fullmatch(_as_regex("b/**/*.csv"), "b/x/y/a.csv") is not None, re.fullmatch(_as_regex("b/*"), "b/x/a")
    (True, None)
    """
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(part) or (part.replace("[!", "[^") if part.startswith("[") else re.escape(part)) for part in parts
    )
