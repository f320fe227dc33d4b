"""Ridge regression from log counts to tags, in closed form, over any number of samples in bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field as Limits

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.models.base import Interests, Positive, Sizes
from penchant.models.linear import LinearPath, WithLinearPath
from penchant.training.checkpoint import Identity, load_tensors, refuse_other, save_tensors

LINEAR = "linear.safetensors"

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
GAINS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
WIDEST = 6_000
ROWS_AT_ONCE = 4_096


class LinearConfig(Config):
    """The linear path beside the model (models/linear.py). fields: which fields of tags it reads; rank: R."""

    fields: Annotated[list[str], Limits(min_length=1)]
    rank: Positive = 64


@dataclass(frozen=True)
class Ridge:
    """y = x @ weight_XV + bias_V."""

    weight_XV: np.ndarray
    bias_V: np.ndarray


class Moments:
    """Sums over samples that the closed form needs; memory is the square of the width, whatever the samples."""

    def __init__(self, width: int, tags: int) -> None:
        self.count = 0
        self.x_X, self.y_V = np.zeros(width), np.zeros(tags)
        self.xx_XX, self.xy_XV = np.zeros((width, width)), np.zeros((width, tags))

    def add(self, x_BX: np.ndarray, y_BV: np.ndarray) -> None:
        self.count += len(x_BX)
        self.x_X += x_BX.sum(0)
        self.y_V += y_BV.sum(0)
        self.xx_XX += x_BX.T @ x_BX
        self.xy_XV += x_BX.T @ y_BV

    def solve(self, penalties: Sequence[float]) -> list[Ridge]:
        """W = (XᵀX + λI)⁻¹ XᵀY on centred X and Y for each λ, with an intercept that is not penalised."""
        mean_x, mean_y = self.x_X / self.count, self.y_V / self.count
        xx_XX = self.xx_XX - self.count * np.outer(mean_x, mean_x)
        xy_XV = self.xy_XV - self.count * np.outer(mean_x, mean_y)
        values_X, vectors_XX = np.linalg.eigh(xx_XX)
        turned_XV = vectors_XX.T @ xy_XV
        fits = [vectors_XX @ (turned_XV / (values_X.clip(min=0) + penalty)[:, None]) for penalty in penalties]
        return [Ridge(weight_XV, mean_y - mean_x @ weight_XV) for weight_XV in fits]

    def reduce(self, ridge: Ridge, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The fit cut to `rank`, y = x @ into_XR @ tag_VR.T + bias_V: the best of its rank for the fitted values."""
        xx_XX = self.xx_XX - np.outer(self.x_X, self.x_X) / self.count
        _, vectors_VV = np.linalg.eigh(ridge.weight_XV.T @ xx_XX @ ridge.weight_XV)
        tag_VR = np.ascontiguousarray(vectors_VV[:, ::-1][:, :rank])
        into_XR = ridge.weight_XV @ tag_VR
        return into_XR, tag_VR, (self.y_V - self.x_X @ into_XR @ tag_VR.T) / self.count


def fit_linear_path(
    model: Interests,
    shards: Sequence[Shard],
    config: LinearConfig,
    sizes: Sizes,
    validate: Callable[[Interests], float],
) -> WithLinearPath:
    """The model with a linear path beside it; penalty, then gain, are the best on validation users."""
    moments = Moments(len(config.fields) * sizes.tags, sizes.tags)
    for shard in shards:
        for start in range(0, len(shard), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(shard)))
            x_BX = np.concatenate([log_weights(shard, field, rows, sizes.tags) for field in config.fields], 1)
            moments.add(x_BX, truth_of(shard, rows, sizes.tags))
    made = []
    for ridge in moments.solve(PENALTIES):
        path = _path_of(*moments.reduce(ridge, min(config.rank, sizes.tags)), config.fields)
        made.append(WithLinearPath(model, path, 0.0))
    best = max(made, key=validate)
    return max((WithLinearPath(model, best.path, gain) for gain in GAINS), key=validate)


def save_linear_path(folder: Path, model: WithLinearPath, identity: Identity) -> None:
    """Write `folder`/linear.safetensors: the path and the model's share."""
    save_tensors(folder / LINEAR, model.path.state_dict(), {**asdict(identity), "gain": str(model.gain)})


def load_linear_path(folder: Path, model: Interests, config: LinearConfig, identity: Identity) -> WithLinearPath:
    """What `save_linear_path` wrote, beside `model`. Raises where it belongs to another vocabulary or config."""
    tensors, said = load_tensors(folder / LINEAR)
    refuse_other(folder / LINEAR, said, identity)
    path = LinearPath(config.fields, *tensors["tag"].shape)
    path.load_state_dict(tensors)
    return WithLinearPath(model, path, float(said["gain"]))


def refuse_too_wide(config: LinearConfig, sizes: Sizes) -> None:
    """Raise ConfigError for a linear path beyond WIDEST, whose square would not fit in memory."""
    width = len(config.fields) * sizes.tags
    if width > WIDEST:
        raise ConfigError(
            f"the linear path would be {width:,} wide ({len(config.fields)} fields of {sizes.tags:,} tags), more than "
            f"{WIDEST:,}; take fewer fields, give features.min_count of the tags a higher number, or leave [linear] out"
        )


def _path_of(into_XR: np.ndarray, tag_VR: np.ndarray, bias_V: np.ndarray, fields: Sequence[str]) -> LinearPath:
    path = LinearPath(fields, len(tag_VR), into_XR.shape[1])
    for field, into_VR in zip(fields, np.split(into_XR, len(fields)), strict=True):
        path.get_buffer(f"into_{field}").copy_(torch.from_numpy(into_VR))
    path.tag.copy_(torch.from_numpy(tag_VR))
    path.bias.copy_(torch.from_numpy(bias_V))
    return path


def log_weights(shard: Shard, field: str, rows: slice, tags: int) -> np.ndarray:
    """A field of tags as a dense matrix [n, V] of log(1 + weight)."""
    ids_BH = shard.arrays[f"{field}.ids"][rows].numpy()
    dense_BV = np.zeros((len(ids_BH), tags), np.float32)
    np.put_along_axis(dense_BV, ids_BH.astype(np.int64), np.log1p(shard.arrays[f"{field}.weights"][rows].numpy()), 1)
    dense_BV[:, 0] = 0.0
    return dense_BV


def truth_of(shard: Shard, rows: slice, tags: int) -> np.ndarray:
    """The tags clicked in each window as a dense matrix [n, V] of ones."""
    return spread(shard.truth, np.ones(len(shard.truth.values), np.float32), rows, tags)


def spread(lists: Ragged, weights: np.ndarray, rows: slice, width: int) -> np.ndarray:
    """Some rows of ragged lists as a dense matrix [n, width] of their weights."""
    part = lists.part(rows)
    dense = np.zeros((len(part), width), np.float32)
    owner = np.repeat(np.arange(len(part)), part.lengths)
    dense[owner, part.values] = weights[lists.offsets[rows.start] : lists.offsets[rows.stop]]
    return dense
