"""How the samples of an epoch become steps, and how seeds are made: from (seed, epoch, step) and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One batch of an epoch: some rows of one shard."""

    shard: int
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)


def plan_epoch(sizes: Sequence[int], batch: int, seed: int, epoch: int) -> list[Step]:
    """The steps of an epoch: shards in random order, rows of a shard in random order; decided by seed and epoch.

    sizes: rows of each shard.
    """
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    steps = []
    for shard in torch.randperm(len(sizes), generator=generator).tolist():
        rows = torch.randperm(sizes[shard], generator=generator)
        steps += [Step(shard, part) for part in rows.split(batch) if len(part)]
    return steps


def mix(*parts: int) -> int:
    """One seed from several numbers; neighbours give unrelated seeds."""
    mixed = 0x9E3779B97F4A7C15
    for part in parts:
        mixed = ((mixed ^ (part + 0x632BE59BD9B4E019)) * 0xFF51AFD7ED558CCD) % 2**64
        mixed ^= mixed >> 33
    return mixed % 2**63
