"""A shard: the arrays of some samples in one file that is mapped into memory, never read whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from torch import Tensor

from penchant.errors import MissingStepError
from penchant.features.cuts.by_user import Split
from penchant.features.own import FACTS, Own, pack_own
from penchant.features.ragged import Ragged
from penchant.files import aside


@dataclass(frozen=True)
class Shard:
    """Samples of one split and bucket. `arrays` by name, the first axis is the sample:

    FIELD.ids [n, H] int32, FIELD.weights [n, H] float32 for each field;
    label.tags [n, K, N] int32, label.clicked [n, K] bool (in splits with labels);
    window [n] int32, 0 for the last of its user;
    truth.*, history.*: lists of different lengths, see `truth`, `history`, `own`; truth.size, truth.new [n] int32: see
    `labels.Labels`.
    """

    arrays: dict[str, Tensor]
    people: Path

    @classmethod
    def open(cls, path: Path) -> "Shard":
        return cls(load_file(path), path.with_suffix(".users.parquet"))

    def __len__(self) -> int:
        return len(self.arrays["history.offsets"]) - 1

    @property
    def users(self) -> pl.Series:
        """The user of each sample."""
        return pl.read_parquet(self.people)["user"]

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
        facts_NF = np.stack([self.arrays[f"history.{fact}"][kept].numpy() for fact in FACTS], 1)
        return pack_own(history.part(rows), facts_NF)


def write_shard(path: Path, arrays: dict[str, np.ndarray], users: pl.Series) -> None:
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


def open_shards(prepared: Path, split: Split) -> list[Shard]:
    """All shards of a split; mapped, so this costs no memory to speak of."""
    return [Shard.open(path) for path in shard_paths(prepared, split)]


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
        chosen = shard.arrays[f"{name}.ids"][rows]
        used = max(1, int((chosen != 0).sum(1).max())) if len(chosen) else 1
        ids[name] = chosen[:, :used].long()
        weights[name] = shard.arrays[f"{name}.weights"][rows][:, :used]
    if not own:
        return Batch(ids, weights)
    assert isinstance(rows, slice)
    return Batch(ids, weights, shard.own(rows))
