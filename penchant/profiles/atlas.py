"""The atlas: what pages need of all tags and users at once, worked out once per trained model and read from here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute
from filelock import FileLock

from penchant.errors import DataError, UnknownTagError
from penchant.features.ragged import read_arrays
from penchant.files import aside
from penchant.logs.reading import as_written, read_keys, read_table
from penchant.schema import USER

FOLDER = "dashboard"
"""Of a run folder, where its atlas is."""

TAG, NUMBER, PREFERENCE = "tag", "number", "preference"
MANIFEST, TAGS, NUMBERS, INTERESTED = "manifest.json", "tags.parquet", "numbers.safetensors", "interested.arrow"
VERSION = "version"
FORM = 1
"""Of the files; another one is written again."""


@dataclass(frozen=True)
class Interested:
    """A user whose profile has a tag, and their preference for it."""

    user: str
    preference: float


class Atlas:
    """All known tags, numbered from 0 as in the vocabulary, without those ids that stand for no tag.

    tags: their texts; clicks_V: events clicked of items that carry each; users_V: how many users have it among their
    foremost; place_VC: x and y on the map within -1 and 1, NaN where it is not on it; edges [T + 1]: where bins of time
    begin and the last one ends, UTC seconds; all_clicks_T: all clicks in each, T is 0 where the log has no clock;
    profiled: whether profiles were there, else nobody is interested in anything; made: when, UTC seconds.
    """

    def __init__(self, folder: Path) -> None:
        """A folder that `write_atlas` wrote."""
        with as_written(folder / MANIFEST):
            manifest = read_keys(folder / MANIFEST, frozenset({"said", "made", "profiled"}))
            self.version: str = manifest["said"][VERSION]
            self.made, self.profiled = float(manifest["made"]), bool(manifest["profiled"])
        with as_written(folder / NUMBERS):
            arrays = {name: tensor.numpy() for name, tensor in read_arrays(folder / NUMBERS).items()}
            self.clicks_V, self.users_V, self.place_VC = arrays["clicks"], arrays["users"], arrays["place"]
            self.edges, self.all_clicks_T, self._movement_VT = arrays["edges"], arrays["all_clicks"], arrays["movement"]
        self.tags: list[str] = read_table(folder / TAGS, TAG)[TAG].to_list()
        self._interested = folder / INTERESTED
        self._number = {tag: number for number, tag in reversed(list(enumerate(self.tags)))}
        self._by_clicks = np.argsort(-self.clicks_V, kind="stable")
        folded = [self.tags[number].casefold() for number in self._by_clicks.tolist()]
        self._folded = pl.Series(folded, dtype=pl.String)

    def __len__(self) -> int:
        return len(self.tags)

    def number(self, tag: str) -> int | None:
        """None for a tag that is not known; the first of those that are called alike."""
        return self._number.get(tag)

    def movement(self, tag: str) -> np.ndarray:
        """clicks_T: clicks on items that carry a tag, in each bin of time. UnknownTagError."""
        return self._movement_VT[self._known(tag)]

    def interested(self, tag: str) -> list[Interested]:
        """Who prefers a tag most, best first, among those whose profile has it. UnknownTagError.

        Read when it is asked for, so that who is erased is gone at once, in every process. Nobody where another atlas
        has taken the place of this one.
        """
        number = self._known(tag)
        try:
            with pa.memory_map(str(self._interested)) as file:
                rows = pa.ipc.open_file(file).read_all()
                if _version(rows) != self.version:
                    return []
                start, stop = np.searchsorted(rows[NUMBER].to_numpy(), np.array([number, number + 1], np.uint32))
                found = rows.slice(start, stop - start).to_pydict()
        except FileNotFoundError:
            return []
        return [Interested(*one) for one in zip(found[USER], found[PREFERENCE], strict=True)]

    def search(self, text: str, most: int) -> list[str]:
        """Tags that begin with a text, then those that contain it, the most clicked first; in capitals or not."""
        text = text.casefold()
        begin = self._folded.str.starts_with(text)
        within = self._folded.str.contains(text, literal=True) & ~begin
        found = np.concatenate([begin.arg_true().to_numpy(), within.arg_true().to_numpy()])[:most]
        return [self.tags[number] for number in self._by_clicks[found].tolist()]

    def _known(self, tag: str) -> int:
        number = self.number(tag)
        if number is None:
            raise UnknownTagError(f"no tag is called {tag!r} in the vocabulary of this run; search for a part of it")
        return number


def is_written(folder: Path, said: dict[str, Any]) -> bool:
    """Whether an atlas is there that belongs to the same, and has the form of today."""
    try:
        path = folder / MANIFEST
        return path.exists() and read_keys(path, frozenset({"said"}))["said"] == {**said, "form": FORM}
    except DataError:  # it is written anew
        return False


def lock_of(folder: Path) -> FileLock:
    """Held while who is interested is written, for as long as that takes and no longer."""
    return FileLock(folder.with_name(folder.name + ".lock"))


def erase(folder: Path, user: str) -> int:
    """Remove a user from the lists of interested users, and return how many rows that were. Counts of tags stay."""
    path = folder / INTERESTED
    with lock_of(folder):
        if not path.exists():
            return 0
        with pa.memory_map(str(path)) as file:
            rows = pa.ipc.open_file(file).read_all()
            kept = rows.filter(pa.compute.not_equal(rows[USER], user))
            if len(kept) < len(rows):
                write_interested(kept, path)
            return len(rows) - len(kept)


def write_interested(rows: pa.Table, path: Path) -> None:
    """Rows of NUMBER, USER, PREFERENCE in order, whole or not at all; in one batch, so that they are mapped."""
    with aside(path) as temporary, pa.ipc.new_file(temporary, rows.schema) as file:
        file.write_table(rows.combine_chunks())


def _version(rows: pa.Table) -> str:
    """Of the atlas that rows belong to."""
    return (rows.schema.metadata or {}).get(VERSION.encode(), b"").decode()
