"""Profiles per CPU-second: top 50 of 1,000 tags by lift, of made-up users, one thread: UTPM at E=16 and a blend.

python -m benchmarks.speed.profiles [--users 200000]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import torch
from rich.box import MARKDOWN
from rich.table import Table
from safetensors.torch import load_file

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.features.own import FACTS
from penchant.features.shards import Shard, write_shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.base import Sizes
from penchant.models.catalog import build_interests
from penchant.models.interests.blend import OWN_BLOCKS, Blend, BlendConfig, CopyPath, LinearPath
from penchant.models.interests.promise import Interests
from penchant.models.interests.utpm import UtpmConfig
from penchant.profiles.average import average_of
from penchant.profiles.build import Names, ProfilesConfig, build_profiles
from penchant.schema import RESERVED

TAGS, VALUES, FIELDS = 1_000, 10, 2


def made_up_shard(path: Path, users: int) -> Shard:
    """Two fields of ten values, as the UTPM paper has it for MovieLens; ten tags of history."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for number in range(FIELDS):
        arrays[f"f{number}.ids"] = rng.integers(RESERVED, TAGS + RESERVED, (users, VALUES)).astype(np.int32)
        arrays[f"f{number}.weights"] = np.ones((users, VALUES), np.float32)
    first = rng.integers(RESERVED, TAGS + RESERVED - VALUES, users)
    arrays["history.offsets"] = np.arange(users + 1) * VALUES
    arrays["history.tags"] = (first[:, None] + np.arange(VALUES)).astype(np.int32).ravel()
    arrays |= {f"history.{fact}": rng.integers(1, 9, users * VALUES).astype(np.float32) for fact in FACTS}
    write_shard(path, arrays, pl.Series([f"user-{number}" for number in range(users)]))
    return Shard(load_file(path), path)


def made_up_models(sizes: Sizes) -> Iterator[tuple[str, Interests]]:
    """By name. The blend reads both fields and the user's own tags."""
    yield "AF-2head", build_interests(UtpmConfig(embedding=16, user=16, cross="none"), sizes)
    yield "AF-2head+CF", build_interests(UtpmConfig(embedding=16, user=16, cross="cf"), sizes)
    linear = LinearPath(dict.fromkeys((*OWN_BLOCKS, *sizes.fields), sizes.tags), sizes.tags, BlendConfig().rank)
    copy, draw = CopyPath(sizes.tags), torch.Generator().manual_seed(0)
    for buffer in (*linear.buffers(), copy.weight, copy.rarity):
        buffer.copy_(torch.rand(buffer.shape, generator=draw))
    yield "blend", Blend(linear, copy, None, 0.0, sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200_000)
    said = parser.parse_args()
    torch.set_num_threads(1)
    vocabulary = Vocabulary(pl.Series([f"tag-{number}" for number in range(TAGS)]), pl.Series(range(TAGS, 0, -1)))
    names = {name: Names(vocabulary) for name in ("f0", "f1", "tags")}
    sizes = Sizes({f"f{number}": len(vocabulary) for number in range(FIELDS)}, len(vocabulary))
    table = Table("model", "users", "seconds", "CPU seconds", "users per CPU-second", box=MARKDOWN)
    console.print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        shard = made_up_shard(Path(folder) / "00000.safetensors", said.users)
        for label, model in made_up_models(sizes):
            average = average_of(model, [shard])
            began, began_cpu = time.perf_counter(), time.process_time()
            config = ProfilesConfig(clicked=10, unseen=50, evidence=5)
            build_profiles(model, average, [shard], names, Path(folder) / label, config, tags="tags")
            seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
            table.add_row(label, f"{said.users:,}", f"{seconds:.1f}", f"{cpu_s:.1f}", f"{said.users / cpu_s:,.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
