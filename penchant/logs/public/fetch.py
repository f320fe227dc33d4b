"""Public data sets by name: downloaded from their publisher, checked, unpacked into folders that `sources.py` reads."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from penchant.files import aside, read_json, remove, write_json
from penchant.logs.public.download import PATIENT, FetchError, Patience, Remote, download
from penchant.progress import Progress, Report, quiet

MARK = "fetched.json"
"""In a finished folder: the archive that it was made from, and the bytes of each of its files."""

_CHUNK = 1 << 20
_TABLES = ("README.txt", "links.csv", "movies.csv", "ratings.csv", "tags.csv")
_GENOME = ("genome-scores.csv", "genome-tags.csv")


@dataclass(frozen=True)
class ZippedData:
    """A zip file, and which of its files are wanted.

    folder: the folder in the zip, and the one on disk that is made of `files`; unpacked: the most bytes that `files`
    may have together.
    """

    archive: Remote
    folder: str
    files: tuple[str, ...]
    unpacked: int


_MOVIELENS = "https://files.grouplens.org/datasets/movielens"
_20M = Remote(
    f"{_MOVIELENS}/ml-20m.zip", 198_702_078, "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"
)
_25M = Remote(
    f"{_MOVIELENS}/ml-25m.zip", 261_978_986, "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa"
)
_LATEST_SMALL = Remote(
    f"{_MOVIELENS}/ml-latest-small.zip", 978_202, "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"
)

DATA_SETS = {
    "movielens-20m": ZippedData(_20M, "ml-20m", (*_TABLES, *_GENOME), unpacked=1_000_000_000),
    "movielens-25m": ZippedData(_25M, "ml-25m", (*_TABLES, *_GENOME), unpacked=1_500_000_000),
    "movielens-latest-small": ZippedData(_LATEST_SMALL, "ml-latest-small", _TABLES, unpacked=5_000_000),
}
"""By the name that `penchant fetch` takes.

Sizes and SHA-256 are those of TensorFlow Datasets (tensorflow_datasets/url_checksums/movielens.txt at commit 1c076ac).
Public records of other people's downloads have the same, those of 20M and 25M beside the MD5 that GroupLens publishes
(cd245b17a1ae2cc31bb14903e1204af3 and 6b51fb2759a8657d3bfcbfc42b592ada). `unpacked` is a bound of ours. Left out: 100K
and 1M, whose .dat files are not read; 32M, of which no SHA-256 was found.
"""


def known_set(name: str) -> ZippedData:
    """A data set by its name. Raises FetchError where there is none."""
    if name not in DATA_SETS:
        raise FetchError(f"no data set is called {name!r}; there are {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def is_whole(data: ZippedData, to: Path) -> bool:
    """Whether the data set stands in `to`, and its files have the sizes that they were unpacked with."""
    folder = to / data.folder
    if not (folder / MARK).exists():
        return False
    made = read_json(folder / MARK)
    sizes = {name: (folder / name).stat().st_size for name in data.files if (folder / name).is_file()}
    return bool(made["sha256"] == data.archive.sha256 and made["files"] == sizes)


def fetch(data: ZippedData, to: Path, *, patience: Patience = PATIENT, report: Report = quiet) -> Path:
    """Return the whole folder of the data set in `to`. After a stop, the same call goes on where it was.

    Raises FetchError where the folder holds something else, or what `download` raises it for.
    """
    folder, part = to / data.folder, to / f"{data.folder}.zip.part"
    if not is_whole(data, to):
        if folder.exists():
            raise FetchError(
                f"{folder} is there, but not as `penchant fetch` leaves it; use it as it is, remove it, or give "
                f"another --to"
            )
        to.mkdir(parents=True, exist_ok=True)
        download(data.archive, part, patience=patience, report=report)
        _unpack(data, part, folder, report)
    remove(part)
    return folder


def _unpack(data: ZippedData, archive: Path, folder: Path, report: Report) -> None:
    """Write the files that the catalogue names and nothing else, so that no name in the archive becomes a path."""
    with zipfile.ZipFile(archive) as opened, aside(folder) as temporary:
        members = _members(data, opened)
        temporary.mkdir()
        for number, (name, member) in enumerate(members.items()):
            report(Progress("unpack", number, len(members), name))
            with opened.open(member) as packed, open(temporary / name, "wb") as file:
                shutil.copyfileobj(packed, file, _CHUNK)
        sizes = {name: member.file_size for name, member in members.items()}
        write_json(temporary / MARK, {"url": data.archive.url, "sha256": data.archive.sha256, "files": sizes})
    report(Progress("unpack", len(members), len(members)))


def _members(data: ZippedData, opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The wanted files in the archive. Raises FetchError where one is absent or they are larger than they may be.

    The archive states how large each file is, and zipfile never unpacks more than that.
    """
    there = {member.filename: member for member in opened.infolist()}
    absent = [name for name in data.files if f"{data.folder}/{name}" not in there]
    if absent:
        raise FetchError(f"{opened.filename} lacks {data.folder}/{absent[0]}; it is not the archive that was expected")
    members = {name: there[f"{data.folder}/{name}"] for name in data.files}
    total = sum(member.file_size for member in members.values())
    if total > data.unpacked:
        raise FetchError(f"{opened.filename} would unpack to {total:,} bytes, more than the {data.unpacked:,} expected")
    return members
