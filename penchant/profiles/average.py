"""The average user: what is usual, so that a profile can say what is special to one user, and why.

How high preferences are is mostly a matter of how much a user clicks, so a preference is not compared with the average
user's own but with what the average user would have at this user's level: a straight line through all tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from penchant.errors import CheckpointError
from penchant.features.shards import Batch, Shard, batch_of
from penchant.models.interests.promise import Interests
from penchant.schema import PAD, RESERVED
from penchant.training.checkpoint import Identity, load_trained, save_tensors

AVERAGE = "average.safetensors"
MOST_USERS = 20_000
_AT_ONCE = 2_000
_OWN = "own tags"


@dataclass(frozen=True)
class Average:
    """preference_V: the mean preference for each tag over all users, 0 for PAD and UNKNOWN; user_U: their mean vector;
    holders: the share of users of whom each value is known, [rows] by field, and under None of whom clicked each tag;
    unseen_alike: the model prefers tags that a user did not click by what everybody clicks, so that none has a lift.
    """

    preference_V: Tensor
    user_U: Tensor
    holders: Mapping[str | None, Tensor]
    unseen_alike: bool = False

    def levels(self, scores_BV: Tensor) -> Tensor:
        """[B, 2], α and β of each user's line: over all tags, preference ≈ α + β · the average preference, by least
        squares."""
        average_T = self.preference_V[RESERVED:]
        mean, scores_BT = average_T.mean(), scores_BV[:, RESERVED:]
        apart_T = average_T - mean
        slope_B = scores_BT @ apart_T / apart_T.square().sum().clamp(min=1e-12)
        return torch.stack([scores_BT.mean(1) - slope_B * mean, slope_B], 1)

    def lifts(self, scores_BV: Tensor, level_B2: Tensor) -> Tensor:
        """[B, V]: how far each preference is above the user's line; level_B2: `levels` of these users."""
        line_2V = torch.stack([torch.ones_like(self.preference_V), self.preference_V])
        return torch.addmm(scores_BV, level_B2, line_2V, alpha=-1)

    def lifts_of(self, scores_BK: Tensor, ids_BK: Tensor, level_B2: Tensor) -> Tensor:
        """[B, K]: the same of some tags."""
        return scores_BK - level_B2[:, :1] - level_B2[:, 1:] * self.preference_V[ids_BK]


@torch.inference_mode()
def average_of(model: Interests, shards: Sequence[Shard]) -> Average:
    """Of all users, or of a part of about MOST_USERS."""
    model.eval()
    width = model.tags().shape[1]
    total_V = torch.zeros(model.sizes.tags, dtype=torch.float64)
    total_U, count = torch.zeros(width, dtype=torch.float64), 0
    rows: dict[str | None, int] = {None: model.sizes.tags}
    rows.update(model.sizes.fields)
    held = {name: torch.zeros(many, dtype=torch.float64) for name, many in rows.items()}
    for batch in _batches(model, shards):
        user_BU = model.users(batch)
        total_V += model.preferences(batch, user_BU).double().sum(0)
        total_U += user_BU.double().sum(0)
        assert batch.own
        for name, ids_BH in [*batch.ids.items(), (None, batch.own.ids_BH)]:
            held[name] += torch.bincount(ids_BH[ids_BH != PAD], minlength=rows[name])
        count += len(batch)
    total_V[:RESERVED] = 0
    many = max(1, count)
    holders = {name: (total / many).float() for name, total in held.items()}
    return Average((total_V / many).float(), (total_U / many).float(), holders, not model.tells_unseen)


def _batches(model: Interests, shards: Sequence[Shard]) -> Iterator[Batch]:
    step = max(1, sum(len(shard) for shard in shards) // MOST_USERS)
    for shard in shards:
        for start in range(0, len(shard), _AT_ONCE * step):
            rows = slice(start, min(start + _AT_ONCE, len(shard)))
            yield batch_of(shard, list(model.sizes.fields), rows, own=True)


def save_average(folder: Path, average: Average, identity: Identity) -> None:
    """Write `folder`/average.safetensors."""
    holders = {_OWN if name is None else f"field.{name}": share for name, share in average.holders.items()}
    alike = torch.tensor([average.unseen_alike])
    tensors = {"preference": average.preference_V, "user": average.user_U, "unseen_alike": alike, **holders}
    save_tensors(folder / AVERAGE, tensors, asdict(identity))


def load_average(folder: Path, identity: Identity, model: Interests) -> Average:
    """What `save_average` wrote. CheckpointError where it belongs to another model, or does not fit this one."""
    path, sizes = folder / AVERAGE, model.sizes
    tensors, _ = load_trained(path, identity)
    rows = {_OWN: sizes.tags, **{f"field.{name}": many for name, many in sizes.fields.items()}}
    wanted = {"preference": sizes.tags, "user": model.tags().shape[1], "unseen_alike": 1, **rows}
    for name, length in wanted.items():
        if name not in tensors or tensors[name].shape != (length,):
            raise CheckpointError(f"{path} has no {name!r} of {length:,} numbers; remove {folder} and train again")
    holders: dict[str | None, Tensor] = {
        name.removeprefix("field."): share for name, share in tensors.items() if name.startswith("field.")
    }
    alike = bool(tensors["unseen_alike"][0])
    return Average(tensors["preference"], tensors["user"], {**holders, None: tensors[_OWN]}, alike)
