"""A shard: the arrays of some samples in one file that is mapped into memory, never read whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file
from torch import Tensor

from penchant.errors import ConfigError, MissingStepError
from penchant.features.cuts.cut import Split
from penchant.features.cuts.target import Target
from penchant.features.items import NO_ITEM, Items
from penchant.features.own import COUNTS, FACTS, HOW_OFTEN, Own, pack_own
from penchant.features.ragged import Ragged, read_arrays
from penchant.features.sequences import Sequences, read_events
from penchant.files import aside
from penchant.logs.reading import as_written, read_keys, read_table
from penchant.schema import CLICKED, ITEM

SHOWN = "shown."
"""What the arrays of the shown items begin with: "shown.entry", and a task's name for each task."""


@dataclass(frozen=True)
class Shown:
    """What users were asked about. entry_BK: int64 entries of items, see `Items`, NO_ITEM behind the last, and below it
    for items that were invented; tasks: by name, [B, K] float32, what the user did (CLICKED: 1 or 0), NaN where that is
    not known and behind the last item."""

    entry_BK: Tensor
    tasks: dict[str, Tensor]


@dataclass(frozen=True)
class Shard:
    """Samples of one split and bucket, as one target asks about them.

    arrays: by name. Of all targets, read them by `column`: FIELD.ids [n, H] int32 and FIELD.weights [n, H] float32 for
    each field; window [n] int32, 0 for the last of its user; moment [n] float64, when the history is looked at;
    events.first, events.count [n] int32, where in the bucket's events the history is.
    Of this target, the first axis is the sample: shown.entry [n, K] int32, shown.TASK [n, K] float32 and invented.tags
    [m, N] int32, see `shown` and `labels` (in splits with labels); truth.*, history.*: lists of different lengths, see
    `truth`, `history`, `own`; truth.size, truth.new [n] int32: see `labels.Labels`; rows [n] int64, where its samples
    stand in the arrays of all targets, if these have more.
    path: of the file, beside which the users are. items: what the items have. target: what is asked.
    """

    arrays: Mapping[str, Tensor]
    path: Path
    items: Items = field(default_factory=lambda: Items(pl.Series(ITEM, dtype=pl.String), {}))
    target: Target = field(default_factory=Target)

    @classmethod
    def open(cls, path: Path, items: Items, target: Target) -> "Shard":
        own, arrays = f"{target.field}:", read_arrays(path)
        mine = {name.removeprefix(own): array for name, array in arrays.items() if name.startswith(own)}
        return cls({name: array for name, array in arrays.items() if ":" not in name} | mine, path, items, target)

    def __len__(self) -> int:
        return len(self.arrays["history.offsets"]) - 1

    @property
    def users(self) -> pl.Series:
        """The user of each sample."""
        users = read_table(self.path.with_suffix(".users.parquet"), "user")["user"]
        return users.gather(self.arrays["rows"].numpy()) if "rows" in self.arrays else users

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some samples of an array that all targets share."""
        return self.arrays[name][self.arrays["rows"][rows] if "rows" in self.arrays else rows]

    @property
    def truth(self) -> Ragged:
        """The distinct known tags clicked in each sample's window."""
        return Ragged(self.arrays["truth.offsets"].numpy(), self.arrays["truth.tags"].numpy())

    @property
    def history(self) -> Ragged:
        """The distinct tags of each sample's history, UNKNOWN left out."""
        return Ragged(self.arrays["history.offsets"].numpy(), self.arrays["history.tags"].numpy())

    def own(self, rows: slice) -> Own:
        """The tags of some histories, and what counting knows of each (history.FACT, features/own.py)."""
        history = self.history
        kept = slice(int(history.offsets[rows.start]), int(history.offsets[rows.stop]))
        stored = {HOW_OFTEN: HOW_OFTEN if f"history.{HOW_OFTEN}" in self.arrays else COUNTS}
        facts_NF = np.stack([self.arrays[f"history.{stored.get(fact, fact)}"][kept].numpy() for fact in FACTS], 1)
        return pack_own(history.part(rows), facts_NF)

    def shown(self, rows: Tensor | slice) -> Shown:
        """The items of some samples' windows that the target asks about, at most K drawn from those shown."""
        tasks = {name.removeprefix(SHOWN): array[rows] for name, array in self.arrays.items() if name.startswith(SHOWN)}
        return Shown(tasks.pop("entry").long(), tasks)

    def labels(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """tags_BKN, int32: the first N known tags of each shown item, PAD behind them; and clicked_BK, bool."""
        shown = self.shown(rows)
        entry_BK = shown.entry_BK
        tags_BKN = self.items.first(self.target.field, self.target.tags)[entry_BK.clamp(min=NO_ITEM)]
        if "invented.tags" in self.arrays:
            made_BK = entry_BK < NO_ITEM
            tags_BKN[made_BK] = self.arrays["invented.tags"][NO_ITEM - 1 - entry_BK[made_BK]]
        return tags_BKN, shown.tasks[CLICKED] == 1

    def sequences(self, rows: Tensor | slice) -> Sequences:
        """The ordered events of some samples' histories, clicked or not: all of their users before the windows."""
        first, count = (self.column(f"events.{name}", rows).numpy() for name in ("first", "count"))
        return read_events(self.path.parent.parent / "events" / self.path.name, first, count)

    def moments(self, rows: Tensor | slice) -> np.ndarray:
        """float64: when the histories of some samples are looked at, for `Items.values`; infinite in "latest"."""
        return self.column("moment", rows).numpy()


def write_shard(path: Path, arrays: Mapping[str, np.ndarray], users: pl.Series) -> None:
    """Write a shard and its users; the shard's own name appears last, so where it is, all is."""
    with aside(path.with_suffix(".users.parquet")) as temporary:
        users.to_frame("user").write_parquet(temporary)
    with aside(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)


def shard_paths(prepared: Path, split: Split) -> Sequence[Path]:
    """The shards of a split, in order. Raises MissingStepError where there are none yet."""
    paths = sorted((prepared / split).glob("*.safetensors"))
    if not paths or not (prepared / "manifest.json").exists():
        raise MissingStepError(
            f"{prepared} is not prepared yet; run `penchant prepare RUN.toml --out {prepared.parent}` first"
        )
    return paths


def open_shards(prepared: Path, split: Split, target: str) -> list[Shard]:
    """All shards of a split, as the target asks that predicts this field; mapped, so this costs no memory to speak of.

    Raises MissingStepError where nothing is prepared yet, ConfigError where the target is not among what is.
    """
    paths = shard_paths(prepared, split)
    targets = read_keys(prepared / "manifest.json", frozenset({"targets"}))["targets"]
    if target not in targets:
        raise ConfigError(f"{prepared} is not prepared to predict {target!r}, but {', '.join(targets)}")
    with as_written(prepared / "manifest.json"):
        asked = Target(**targets[target]["asked"])
    items = Items.open(prepared / "items")
    return [Shard.open(path, items, asked) for path in paths]


@dataclass(frozen=True)
class Batch:
    """What a model reads: ids_BH and weights_BH of every field, zero (PAD) where there is no value; and the user's own
    tags, for models that read these."""

    ids: dict[str, Tensor]
    weights: dict[str, Tensor]
    own: Own | None = None

    def __len__(self) -> int:
        return len(self.own.ids_BH if self.own else next(iter(self.ids.values())))

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        ids = {name: ids_BH.to(device) for name, ids_BH in self.ids.items()}
        weights = {name: weights_BH.to(device) for name, weights_BH in self.weights.items()}
        return Batch(ids, weights, self.own.to(device) if self.own else None)


def batch_of(shard: Shard, fields: Sequence[str], rows: Tensor | slice, *, own: bool = False) -> Batch:
    """The fields of some samples, cut to the longest list among them; with `own`, rows are a slice."""
    ids, weights = {}, {}
    for name in fields:
        chosen = shard.column(f"{name}.ids", rows)
        used = max(1, int((chosen != 0).sum(1).max())) if len(chosen) else 1
        ids[name] = chosen[:, :used].long()
        weights[name] = shard.column(f"{name}.weights", rows)[:, :used]
    if not own:
        return Batch(ids, weights)
    assert isinstance(rows, slice)
    return Batch(ids, weights, shard.own(rows))
