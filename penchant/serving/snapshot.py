"""What the batch job knew of every user, mapped into memory: clicks, who met which item, universal vectors.

A file per bucket of the log, so that memory while writing is bounded by a bucket. Live events come on top of it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from penchant.errors import DataError
from penchant.features.cuts.cut import DAY_S
from penchant.features.live import NO_WORTHS, Worths
from penchant.features.ragged import offsets_of, read_arrays
from penchant.files import aside, remove, write_json
from penchant.logs.ingest import Log
from penchant.logs.reading import as_written, read_keys, read_table
from penchant.logs.users import hash_of, user_hash
from penchant.models.lookalikes.promise import Crowd
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, ITEM, ONE_CLICK, TIME, USER, WORTH

ENTRY, ROW, HASH = "entry", "row", "hash"
RECENT = "recent"
WORTHS = "history.worth"
FORM = 1
"""Of the files; another one is written again."""

_ARRAYS = frozenset(
    f"{part}{name}"
    for part, names in {
        "": (HASH, "known", "vectors"),
        "users.": ("offsets", "bytes"),
        "history.": ("offsets", "entry", "time"),
        "met.": ("entry", "row", "time"),
    }.items()
    for name in names
)


@dataclass(frozen=True)
class SnapshotPart:
    """The users of one bucket, ascending by hash. arrays:

    hash [n] int64: the bits of the user's hash; users.offsets [n + 1], users.bytes: the id, UTF-8; known [n] bool and
    vectors [n, X]: as in the crowd; history.offsets [n + 1], history.entry, history.time: clicks, in order of time and
    item, and history.worth if not all are plain ones; met.entry, met.row, met.time: who has an event with each item,
    ascending by entry, and the time of their latest click on it, -inf without one.
    """

    arrays: dict[str, np.ndarray]

    @classmethod
    def open(cls, path: Path) -> "SnapshotPart":
        """Mapped, not read."""
        with as_written(path):
            part = cls({name: tensor.numpy() for name, tensor in read_arrays(path).items()})
            missing = sorted(_ARRAYS - part.arrays.keys())
            if missing:
                raise LookupError(f"it lacks {missing[0]!r}")
            return part

    def __len__(self) -> int:
        return len(self.arrays[HASH])

    @cached_property
    def hashes(self) -> np.ndarray:
        return self.arrays[HASH].view(np.uint64)

    def user(self, row: int) -> str:
        start, stop = self.arrays["users.offsets"][row : row + 2]
        return self.arrays["users.bytes"][start:stop].tobytes().decode()

    def row(self, user: str, hashed: int) -> int:
        """-1 for a user who is not here."""
        row = int(np.searchsorted(self.hashes, np.uint64(hashed)))
        while row < len(self) and int(self.hashes[row]) == hashed:
            if self.user(row) == user:
                return row
            row += 1
        return -1

    def met(self, entry: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of those who have an event with an item, and when they clicked it last."""
        start, stop = np.searchsorted(self.arrays["met.entry"], np.array([entry, entry + 1], np.int32))
        return self.arrays["met.row"][start:stop], self.arrays["met.time"][start:stop]


class Snapshot:
    """All users at the end of the log. Rows count through the parts, one after the other."""

    def __init__(self, folder: Path) -> None:
        """A folder that `write_snapshot` wrote."""
        self.manifest: dict[str, Any] = read_keys(folder / "manifest.json", frozenset({"prior"}))
        self.parts = [SnapshotPart.open(path) for path in sorted(folder.glob("*.safetensors"))]
        self.starts = offsets_of(np.array([len(part) for part in self.parts], np.int64))
        items = read_table(folder / "items.parquet", ITEM, RECENT)
        self.items: list[str] = items[ITEM].to_list()
        self.recent = items[RECENT].to_numpy()
        with as_written(folder / "manifest.json"):
            self.prior = np.array(self.manifest["prior"], np.float32)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def _entry(self) -> dict[str, int]:
        return {item: entry for entry, item in enumerate(self.items)}

    def row(self, user: str) -> int:
        """-1 for a user who is not here."""
        hashed = hash_of(user)
        bucket = hashed % len(self.parts)
        row = self.parts[bucket].row(user, hashed)
        return row if row < 0 else int(self.starts[bucket]) + row

    def row_of_hash(self, hashed: int) -> int:
        """Return the row of a user by the hash of their id; -1 where there is none."""
        bucket = hashed % len(self.parts)
        row = int(np.searchsorted(self.parts[bucket].hashes, np.uint64(hashed)))
        there = row < len(self.parts[bucket]) and int(self.parts[bucket].hashes[row]) == hashed
        return int(self.starts[bucket]) + row if there else -1

    def user(self, row: int) -> str:
        part, within = self._place(row)
        return part.user(within)

    def hashes(self, rows: np.ndarray) -> np.ndarray:
        """uint64."""
        return self._gather(HASH, rows).view(np.uint64)

    def clicks(self, row: int) -> list[tuple[float, str]]:
        """Time and item of a user's clicks, in order."""
        part, within = self._place(row)
        start, stop = part.arrays["history.offsets"][within : within + 2].tolist()
        entries = part.arrays["history.entry"][start:stop].tolist()
        times = part.arrays["history.time"][start:stop].tolist()
        return [(time, self.items[entry]) for time, entry in zip(times, entries, strict=True)]

    def worths(self, row: int) -> Worths:
        """Return the WORTH of those clicks of a user that are no plain ones."""
        part, within = self._place(row)
        if WORTHS not in part.arrays:
            return NO_WORTHS
        start, stop = part.arrays["history.offsets"][within : within + 2].tolist()
        worths = part.arrays[WORTHS][start:stop].tolist()
        return {click: one for click, one in zip(self.clicks(row), worths, strict=True) if one != ONE_CLICK}

    def seeds(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of those who clicked an item, and when they did last."""
        rows, times = self._met(item)
        return rows[times > -np.inf], times[times > -np.inf]

    def is_seed(self, item: str, row: int) -> bool:
        """Whether a user clicked an item."""
        return self._met_at(item, row) > -np.inf

    def has_met(self, item: str, row: int) -> bool:
        """Whether a user has an event with an item."""
        return not np.isnan(self._met_at(item, row))

    def shown(self, item: str) -> np.ndarray:
        """Rows of those who have an event with an item."""
        return self._met(item)[0]

    def seeds_per_item(self) -> np.ndarray:
        """How many users clicked each item, by entry."""
        total = np.zeros(len(self.items), np.int64)
        for part in self.parts:
            clicked = part.arrays["met.time"] > -np.inf
            total += np.bincount(part.arrays["met.entry"][clicked], minlength=len(total))
        return total

    def most_clicked(self, most: int) -> list[str]:
        """Return the items clicked most in the last day of the log, then those clicked most ever."""
        clicks_I = np.zeros(len(self.items), np.int64)
        for part in self.parts:
            clicks_I += np.bincount(part.arrays["history.entry"], minlength=len(clicks_I))
        best = np.lexsort((-clicks_I, -self.recent))[:most]
        return [self.items[place] for place in best.tolist() if clicks_I[place] > 0]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """vectors_BX."""
        return self._gather("vectors", rows)

    def known(self, rows: np.ndarray) -> np.ndarray:
        """known_B: of whom any value is known."""
        return self._gather("known", rows)

    def _met_at(self, item: str, row: int) -> float:
        """Return when a user clicked an item last: -inf without a click, NaN without any event."""
        part, within = self._place(row)
        rows, times = part.met(self._entry.get(item, -1))
        place = int(np.searchsorted(rows, np.int32(within)))
        return float(times[place]) if place < len(rows) and int(rows[place]) == within else float("nan")

    def _gather(self, name: str, rows: np.ndarray) -> np.ndarray:
        arrays = [part.arrays[name] for part in self.parts]
        found = np.empty((len(rows), *arrays[0].shape[1:]), arrays[0].dtype)
        bucket_B = np.searchsorted(self.starts, rows, side="right") - 1
        for bucket in np.unique(bucket_B):
            here = bucket_B == bucket
            found[here] = arrays[bucket][rows[here] - self.starts[bucket]]
        return found

    def _met(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        entry = self._entry.get(item, -1)
        met = [part.met(entry) for part in self.parts]
        rows = [rows + start for (rows, _), start in zip(met, self.starts, strict=False)]
        return np.concatenate(rows).astype(np.int64), np.concatenate([times for _, times in met])

    def _place(self, row: int) -> tuple[SnapshotPart, int]:
        bucket = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.parts[bucket], row - int(self.starts[bucket])


def is_written(folder: Path, said: dict[str, Any]) -> bool:
    """Whether a snapshot is there that belongs to the same, and has the form of today."""
    try:
        path = folder / "manifest.json"
        return path.exists() and read_keys(path, frozenset({"said"}))["said"] == {**said, "form": FORM}
    except DataError:  # it is written anew
        return False


def write_snapshot(
    log: Log, crowd: Crowd | None, folder: Path, said: dict[str, Any], *, made: float, report: Report = quiet
) -> None:
    """Write the snapshot of a log, whole or not there. said: what it belongs to, see `is_written`.

    crowd: all users at the end of the log, None where the run has no look-alike; made: now, UTC seconds.
    """
    items = pl.concat([log.items()[ITEM], *(log.events(bucket)[ITEM].unique() for bucket in range(log.buckets))])
    entries = items.unique().sort().to_frame().with_row_index(ENTRY).cast({ENTRY: pl.Int32})
    people = _Crowd(crowd)
    last, recent = log.found["last"], np.zeros(len(entries), np.int64)
    remove(folder)
    with aside(folder) as temporary:
        temporary.mkdir()
        for bucket in range(log.buckets):
            arrays = _part(log.events(bucket), entries, people)
            fresh = arrays["met.time"] > (-np.inf if log.position else last - DAY_S)
            recent += np.bincount(arrays["met.entry"][fresh], minlength=len(entries))
            save_file(arrays, temporary / f"{bucket:05}.safetensors")
            report(Progress("snapshot", bucket + 1, log.buckets))
        entries.select(ITEM, pl.Series(RECENT, recent)).write_parquet(temporary / "items.parquet")
        write_json(
            temporary / "manifest.json",
            {"said": {**said, "form": FORM}, "made": made, "prior": people.mean.tolist(), "last": last},
        )


class _Crowd:
    """The crowd's users, to be found bucket by bucket; of width 0 where there is none."""

    def __init__(self, crowd: Crowd | None) -> None:
        users = pl.Series(USER, [], pl.String) if crowd is None else crowd.users.alias(USER)
        self.row = users.to_frame().with_row_index("place")
        self.vectors_NX = np.zeros((0, 0), np.float32) if crowd is None else crowd.vectors_NX
        self.known_N = np.zeros(0, bool) if crowd is None else crowd.values.lengths > 0
        told_NX = self.vectors_NX[self.known_N]
        self.mean = told_NX.mean(0) if len(told_NX) else np.zeros(self.vectors_NX.shape[1], np.float32)

    def of(self, users: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """known and vectors of some users; all zero for one who is not in the crowd."""
        found = users.to_frame(USER).join(self.row, on=USER, how="left", maintain_order="left")["place"]
        there = found.is_not_null().to_numpy()
        vectors = np.zeros((len(users), self.vectors_NX.shape[1]), np.float32)
        known = np.zeros(len(users), bool)
        rows = found.drop_nulls().to_numpy()
        vectors[there], known[there] = self.vectors_NX[rows], self.known_N[rows]
        return known, vectors


def _part(events: pl.DataFrame, entries: pl.DataFrame, crowd: _Crowd) -> dict[str, np.ndarray]:
    """See `SnapshotPart`."""
    people = events[USER].unique()
    hashed = pl.DataFrame({USER: people, HASH: user_hash(people)}).sort(HASH, USER).with_row_index(ROW)
    texts = [user.encode() for user in hashed[USER]]
    rows = events.join(hashed.select(USER, ROW), on=USER).join(entries, on=ITEM)
    clicks = rows.filter(CLICKED).sort(ROW, TIME, ENTRY)
    clicked = pl.when(CLICKED).then(TIME).otherwise(-np.inf)
    met = rows.group_by(ENTRY, ROW).agg(clicked.max().alias(TIME)).sort(ENTRY, ROW)
    known, vectors = crowd.of(hashed[USER])
    worths = {WORTHS: clicks[WORTH].to_numpy().astype(np.int32)} if WORTH in clicks.columns else {}
    return {
        HASH: hashed[HASH].to_numpy().view(np.int64),
        "users.offsets": offsets_of(np.array([len(text) for text in texts], np.int64)),
        "users.bytes": np.frombuffer(b"".join(texts), np.uint8),
        "known": known,
        "vectors": vectors,
        "history.offsets": offsets_of(np.bincount(clicks[ROW].to_numpy(), minlength=len(hashed))),
        "history.entry": clicks[ENTRY].to_numpy().astype(np.int32),
        "history.time": clicks[TIME].to_numpy(),
        **worths,
        "met.entry": met[ENTRY].to_numpy().astype(np.int32),
        "met.row": met[ROW].to_numpy().astype(np.int32),
        "met.time": met[TIME].to_numpy(),
    }


def refuse_broken(snapshot: Snapshot) -> None:
    """A DataError where vectors are not finite. It names nobody, because it may be logged."""
    broken = sum(int((~np.isfinite(part.arrays["vectors"]).all(1)).sum()) for part in snapshot.parts)
    if broken:
        raise DataError(
            f"the vectors of {broken:,} of {len(snapshot):,} users are not finite; remove the run's lookalike folder "
            f"and train again"
        )
