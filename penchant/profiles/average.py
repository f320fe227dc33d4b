"""What users prefer on average, so that a profile can say what is special to one user."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from penchant.features.shards import Shard
from penchant.models.base import Interests
from penchant.schema import RESERVED
from penchant.training.checkpoint import Identity, load_tensors, refuse_other, save_tensors

AVERAGE = "average.safetensors"
MOST_USERS = 20_000
_AT_ONCE = 2_000


@torch.inference_mode()
def average_of(model: Interests, shards: Sequence[Shard]) -> Tensor:
    """[V]: the mean preference for each tag over all users, or a part of about MOST_USERS; 0 for PAD and UNKNOWN."""
    model.eval()
    step = max(1, sum(len(shard) for shard in shards) // MOST_USERS)
    total_V, count = torch.zeros(model.sizes.tags, dtype=torch.float64), 0
    for shard in shards:
        for start in range(0, len(shard), _AT_ONCE * step):
            rows = slice(start, min(start + _AT_ONCE, len(shard)))
            batch = model.batch(shard, rows)
            total_V += model.preferences(batch, model.users(batch)).double().sum(0)
            count += len(batch)
    total_V[:RESERVED] = 0
    return (total_V / max(1, count)).float()


def save_average(folder: Path, average_V: Tensor, identity: Identity) -> None:
    """Write `folder`/average.safetensors."""
    save_tensors(folder / AVERAGE, {"average": average_V}, asdict(identity))


def load_average(folder: Path, identity: Identity) -> Tensor:
    """[V], what `save_average` wrote. Raises where it belongs to another model."""
    tensors, said = load_tensors(folder / AVERAGE)
    refuse_other(folder / AVERAGE, said, identity)
    return tensors["average"]
