"""Fit a blend: the copy path, the linear path on what it leaves, how much of each, and the deep model's share.

Training users are parted into folds; a mix is judged on users who were left out of its fit, so that every training
user is asked once and a small log is no coin toss. Baselines are judged for the same users in the same way; one that is
better by more than one standard error is served in the place of the blend. Sources: Stone, "Cross-validatory choice and
assessment of statistical predictions", JRSS B 36, 1974; the rule of one standard error: Breiman, Friedman, Olshen and
Stone, "Classification and Regression Trees", 1984, section 3.4.3.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from penchant.features.shards import Shard
from penchant.files import read_json, write_json
from penchant.logs.reading import as_written
from penchant.models.base import Sizes
from penchant.models.interests.blend import CLICKS, CROSSED, OWN_BLOCKS, Blend, CopyPath, LinearPath
from penchant.models.interests.promise import Interests, Judge
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED
from penchant.training.checkpoint import Identity, load_trained, put_tensors, save_tensors
from penchant.training.copy_path import fit_copy
from penchant.training.linear_path import Predictor
from penchant.training.ridge import Ridge, fit_ridges, joined
from penchant.training.windows import FOLDS, Folded, Sample, Windows, matrix_of, own_matrix, truth_matrix

BLEND = "blend"
WIDEST = 4_000
"""Values of all blocks together, the most frequent of each: the square of it is held in memory for every fold."""
MOST_TAGS = 2_500
"""Tags that the linear path tells apart, the most frequent; the others have the copy path and the deep model."""
PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0)
COPIED = (0.0, 0.5, 1.0)
"""Shares of the copy path: with 0 the linear path explains everything, with 1 what the copy path leaves."""
GAINS = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0)
"""Shares of the deep model, as ratios of spreads: with 1, its scores vary as much as those of the closed form."""
FEW_USERS = 200
POPULAR_LAST = 1e-3
"""What popularity counts beside the log of a user's own clicks: it only orders tags that are level, up to a thousand
clicks."""
BASELINE_RANK = 256


BLEND_WEIGHTS, CHOSEN = "blend.safetensors", "chosen.json"


@dataclass(frozen=True)
class Mix:
    """blocks of the linear path, none for an intercept alone; its ridge penalty; the share of the copy path; latest:
    whether the intercept is that of the last windows alone, in which every user counts once."""

    blocks: tuple[str, ...]
    penalty: float
    copied: float
    latest: bool = False


@dataclass(frozen=True)
class Chosen:
    """How a blend was chosen. served: "blend", or the name of the baseline that is served in its place; mix: of the
    blend; judged: the mean of each, for training users left out of its fit; ahead: of each baseline, how far the blend
    is ahead of it, and the standard error of that; without: what the blend would lose without each of its paths, the
    rest being chosen anew, with its standard error; users: how many were judged; gain, deep: the deep model's share
    (a ratio of spreads), and how much validation users gained by it, with its standard error."""

    served: str
    mix: Mix
    judged: Mapping[str, float]
    ahead: Mapping[str, tuple[float, float]]
    without: Mapping[str, tuple[float, float]]
    users: int
    gain: float = 0.0
    deep: tuple[float, float] | None = None

    @property
    def share(self) -> float:
        """The deep model's part of how preferences spread."""
        return self.gain / (1 + self.gain)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Chosen":
        mix = {**said["mix"], "blocks": tuple(said["mix"]["blocks"])}
        return cls(**{**said, "mix": Mix(**mix)})


def save_blend(folder: Path, model: Blend, chosen: Chosen, identity: Identity) -> None:
    """Write `folder`/blend.safetensors, the closed form and the deep model's share, and chosen.json before it."""
    write_json(folder / CHOSEN, chosen.as_json())
    tensors = {f"linear.{name}": tensor for name, tensor in model.linear.state_dict().items()}
    tensors |= {f"copy.{name}": tensor for name, tensor in model.copy.state_dict().items()}
    shape = {"blocks": model.linear.blocks, "unit": model.linear.unit, "gain": model.gain}
    save_tensors(folder / BLEND_WEIGHTS, tensors, {**asdict(identity), "shape": json.dumps(shape)})


def load_blend(folder: Path, deep: Interests | None, sizes: Sizes, identity: Identity) -> Blend:
    """What `save_blend` wrote, with the deep model beside it. Raises where it belongs to something else.

    sizes: of all fields of the run.
    """
    path = folder / BLEND_WEIGHTS
    tensors, said = load_trained(path, identity)
    with as_written(path):
        shape = json.loads(said["shape"])
        tags, rank = tensors["linear.tag"].shape
        if tags != sizes.tags:
            raise ValueError(f"it has {tags} tags, the vocabulary {sizes.tags}")
        linear, copy = LinearPath(shape["blocks"], tags, rank, unit=shape["unit"]), CopyPath(tags)
        for part, module in (("linear.", linear), ("copy.", copy)):
            own = {name.removeprefix(part): t for name, t in tensors.items() if name.startswith(part)}
            put_tensors(module, own, path)
        model = Blend(linear, copy, None, 0.0, sizes.only([name for name in linear.blocks if name not in OWN_BLOCKS]))
        return model.with_deep(deep, shape["gain"], read_chosen(folder).share) if deep else model


def read_chosen(folder: Path) -> Chosen:
    """How the blend of a model's folder was chosen."""
    with as_written(folder / CHOSEN):
        return Chosen.from_json(read_json(folder / CHOSEN))


def fit_blend(
    shards: Sequence[Shard],
    fields: Sequence[str],
    sizes: Sizes,
    counts_V: np.ndarray,
    judge: Judge,
    *,
    rank: int,
    forward: bool,
    report: Report = quiet,
) -> tuple[Blend, Chosen]:
    """The closed form of a blend, or the baseline that is served in its place; no deep model yet.

    fields: of values, each a block beside the user's own tags; sizes: of all fields; counts_V: clicks of each tag by
    training users, 0 for PAD and UNKNOWN; forward: windows are days on a common clock, see `windows.Folded`.
    """
    sample = Sample(shards, [*OWN_BLOCKS, *fields])
    report(Progress("blend", 0, 4, "the user's own tags"))
    copy = fit_copy(sample, counts_V)
    report(Progress("blend", 1, 4, "ridge regression on what these leave"))
    fits = _Fits(sample, _blocks(fields, sizes), copy, min(sizes.tags, RESERVED + MOST_TAGS), forward)
    held = _Held(sample.judged(), fits.blocks, copy)
    report(Progress("blend", 2, 4, "how much of each"))
    found = _crossed(fits, held, judge)
    report(Progress("blend", 3, 4, "beside the baselines"))
    # What was clicked on the judged day is not known on the day before.
    known_V = fits.earlier_V if forward and fits.folded.several else counts_V
    ridges = fit_ridges(shards, sizes.tags, judge, forward=forward)
    others = {name: judge.rankings(scores, held.truth, held.size) for name, scores in _countings(held, known_V)}
    others |= {name: ridge.judged for name, ridge in ridges.items()}
    chosen = _choose(found, others)
    report(Progress("blend", 4, 4, f"{chosen.served}: {chosen.judged[chosen.served]:.4f} NDCG@10 out of fold"))
    if chosen.served == BLEND:
        return fits.whole(chosen.mix, copy, sizes, rank), chosen
    return baseline_as_blend(chosen.served, counts_V, ridges.get(chosen.served)), chosen


def add_deep(
    model: Blend, chosen: Chosen, deep: Interests, shards: Sequence[Shard], judge: Judge
) -> tuple[Blend, Chosen]:
    """The model with a deep one beside it, if that earns more than one standard error for validation users.

    shards: of validation users, whose scores tell how the two spread.
    """
    without = judge.model(model)
    scale = _spread(model, shards) / max(_spread(deep, shards), 1e-9)
    found = {gain: judge.model(model.with_deep(deep, gain * scale)) - without for gain in GAINS}
    best = max(found, key=lambda gain: float(found[gain].mean()))
    mean, error = _mean_and_error(found[best])
    gain = best if mean > error else 0.0
    made = {**asdict(chosen), "mix": chosen.mix, "gain": gain, "deep": (mean, error)}
    return model.with_deep(deep, gain * scale), Chosen(**made)


def baseline_as_blend(name: str, counts_V: np.ndarray, ridge: Ridge | None) -> Blend:
    """A baseline as a model with nothing else in it: "popularity", "own counts", "own counts, faded" or a ridge."""
    tags = len(counts_V)
    copy, popular_V = CopyPath(tags), torch.from_numpy(counts_V / max(1, counts_V.max()))
    if ridge is None:
        linear = LinearPath({}, tags, 0)
        linear.bias.copy_(popular_V if name == "popularity" else POPULAR_LAST * popular_V)
        if name != "popularity":
            copy.weight[CROSSED.index("log clicks" if name == "own counts" else "log faded")] = 1.0
    else:
        into_VR, out_VR = ridge.moments.reduce(ridge.model.weight.numpy(), BASELINE_RANK)
        bias_V = ridge.moments.intercept(into_VR @ out_VR.T)
        linear = _linear({CLICKS: tags}, tags, into_VR, out_VR, bias_V, unit=False)
    return Blend(linear, copy, None, 0.0, Sizes({}, tags))


def _choose(found: Mapping[Mix, np.ndarray], others: Mapping[str, np.ndarray]) -> Chosen:
    best = _best(found)
    blend = found[best]
    rest = {
        "own tags": [one for one in found if one.copied == 0],
        "ridge regression": [one for one in found if not one.blocks],
        "other fields": [one for one in found if set(one.blocks) <= set(OWN_BLOCKS)],
    }
    without = {path: _mean_and_error((blend - found[_best(found, left)])[:, 0]) for path, left in rest.items()}
    ahead = {name: _mean_and_error((blend - other)[:, 0]) for name, other in others.items()}
    judged = {name: float(ndcg.mean(0)[0]) for name, ndcg in {BLEND: blend, **others}.items()}
    # Of so few users a standard error says little: then the simpler model has the benefit of the doubt.
    margin = 1 if len(blend) >= FEW_USERS else 0
    better = [name for name, (mean, error) in ahead.items() if -mean > margin * error]
    served = max(better, key=lambda name: judged[name]) if better else BLEND
    return Chosen(served, best, judged, ahead, without, len(blend))


def _mean_and_error(differences: np.ndarray) -> tuple[float, float]:
    error = float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else float("inf")
    return float(differences.mean()), error


def _blocks(fields: Sequence[str], sizes: Sizes) -> dict[str, int]:
    """Rows of each block; together at most WIDEST, which the widest ones share."""
    own = min(sizes.tags, RESERVED + MOST_TAGS)
    wanted = {**dict.fromkeys(OWN_BLOCKS, own), **{name: sizes.fields[name] for name in fields}}
    left, most = WIDEST, 0
    for place, rows in enumerate(sorted(wanted.values())):
        most = left // (len(wanted) - place)
        left -= min(rows, most)
    return {name: min(rows, most) for name, rows in wanted.items()}


@dataclass
class _Fits:
    """Moments of truth and of what is copied, side by side, so that any share of the copy path can be had; by fold."""

    sample: Sample
    blocks: dict[str, int]
    copy: CopyPath
    tags: int
    forward: bool
    folded: Folded = field(init=False)
    earlier_V: np.ndarray = field(init=False)
    """In how many windows before the last each tag was clicked."""

    def __post_init__(self) -> None:
        width = sum(self.blocks.values())
        self.folded = Folded(width, 2 * self.tags, forward=self.forward, by_window=True)
        self.earlier_V = np.zeros(len(self.copy.rarity))
        for rows in self.sample:
            x = matrix_of(rows.batch, self.blocks, unit=True)
            assert rows.batch.own
            both = [
                truth_matrix(rows.truth, self.tags),
                own_matrix(rows.batch, self.copy(rows.batch.own), self.tags),
            ]
            self.folded.add(rows, x, sparse.csr_matrix(sparse.hstack(both)))
            values, _ = rows.truth.take(np.flatnonzero(rows.window > 0))
            self.earlier_V += np.bincount(values, minlength=len(self.earlier_V))

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Where some blocks stand in x."""
        starts = dict(zip(self.blocks, np.cumsum([0, *self.blocks.values()]), strict=False))
        return np.concatenate([np.zeros(0, int), *(starts[name] + np.arange(self.blocks[name]) for name in names)])

    def whole(self, mix: Mix, copy: CopyPath, sizes: Sizes, rank: int) -> Blend:
        """The mix, fitted to all rows."""
        moments = self.folded.total().only(self.columns(mix.blocks)).mixed(mix.copied)
        copy.weight *= mix.copied
        into_PR, out_VR = moments.reduce(moments.solve(mix.penalty), rank)
        bias_V = moments.intercept(into_PR @ out_VR.T, latest=mix.latest)
        blocks = {name: self.blocks[name] for name in mix.blocks}
        linear = _linear(blocks, sizes.tags, into_PR, out_VR, bias_V, unit=True)
        return Blend(linear, copy, None, 0.0, sizes.only([name for name in blocks if name not in OWN_BLOCKS]))


def _linear(
    blocks: dict[str, int], tags: int, into_PR: np.ndarray, out_TR: np.ndarray, bias_T: np.ndarray, *, unit: bool
) -> LinearPath:
    """A linear path with these weights; tags beyond T have none."""
    linear = LinearPath(blocks, tags, into_PR.shape[1], unit=unit)
    ends = np.cumsum(list(blocks.values()))
    for number, (end, rows) in enumerate(zip(ends, blocks.values(), strict=True)):
        linear.get_buffer(f"into_{number}").copy_(torch.from_numpy(into_PR[end - rows : end]))
    linear.tag[: len(out_TR)] = torch.from_numpy(out_TR).float()
    linear.bias[: len(bias_T)] = torch.from_numpy(bias_T).float()
    return linear


class _Held:
    """Windows that are judged: their x, what is copied, the known tags clicked, how many in all, and their fold."""

    def __init__(self, rows: list[Windows], blocks: dict[str, int], copy: CopyPath) -> None:
        tags = len(copy.rarity)
        self.rows = rows
        self.x = sparse.csr_matrix(sparse.vstack([matrix_of(one.batch, blocks, unit=True) for one in rows]))
        copied = [own_matrix(one.batch, copy(one.batch.own), tags).toarray() for one in rows if one.batch.own]
        self.copied_BV = torch.from_numpy(np.concatenate(copied))
        self.truth, self.size, self.fold = joined(rows)


def _crossed(fits: _Fits, held: _Held, judge: Judge) -> dict[Mix, np.ndarray]:
    """What mixes are worth for users who were left out: of each set of blocks the penalties from the middle one on as
    long as a neighbour is better, each with every share of the copy path and every intercept."""
    found: dict[Mix, np.ndarray] = {}
    for names in dict.fromkeys([(), tuple(OWN_BLOCKS), tuple(fits.blocks)]):
        cross, at = _Cross(fits, held, judge, names), len(PENALTIES) // 2
        own = cross.mixes(PENALTIES[at])
        for step in (1, -1) if names else ():
            place = at + step
            while 0 <= place < len(PENALTIES) and _best(own).penalty == PENALTIES[place - step]:
                own |= cross.mixes(PENALTIES[place])
                place += step
        found |= own
    return found


def _best(found: Mapping[Mix, np.ndarray], among: Collection[Mix] | None = None) -> Mix:
    return max(found if among is None else among, key=lambda mix: float(found[mix].mean()))


class _Cross:
    """Some blocks, none for an intercept alone, fitted without each fold and judged on it."""

    def __init__(self, fits: _Fits, held: _Held, judge: Judge, names: tuple[str, ...]) -> None:
        self.fits, self.held, self.judge, self.names = fits, held, judge, names
        self.columns = fits.columns(names)
        self.without = [Predictor(fits.folded.without(fold).only(self.columns)) for fold in range(FOLDS)]

    def mixes(self, penalty: float) -> dict[Mix, np.ndarray]:
        """With one penalty, every share of the copy path and every intercept."""
        held, tags = self.held, self.fits.tags
        both_BT = torch.zeros(len(held.size), 2 * tags)
        shift_BT = torch.zeros(len(held.size), 2 * tags)
        for fold, predictor in enumerate(self.without):
            rows = np.flatnonzero(held.fold == fold)
            if len(rows):
                predicted, shift = predictor.predict(held.x[rows][:, self.columns], penalty)
                both_BT[rows], shift_BT[rows] = torch.from_numpy(predicted), torch.from_numpy(shift)
        judged = {}
        for latest in (False, True)[: 1 + self.fits.folded.several]:
            found_BT = both_BT + shift_BT if latest else both_BT
            for share in COPIED:
                scores_BV = share * held.copied_BV
                scores_BV[:, :tags] += found_BT[:, :tags] - share * found_BT[:, tags:]
                scores_BV[:, :RESERVED] = -torch.inf
                mix = Mix(self.names, penalty, share, latest)
                judged[mix] = self.judge.rankings(scores_BV, held.truth, held.size)
        return judged


def _countings(held: _Held, counts_V: np.ndarray) -> Iterator[tuple[str, Tensor]]:
    """Scores of the baselines that need no fit."""
    for name in ("popularity", "own counts", "own counts, faded"):
        model = baseline_as_blend(name, counts_V, None)
        yield name, torch.cat([preferences_of(model, rows) for rows in held.rows])


def preferences_of(model: Interests, rows: Windows) -> Tensor:
    return model.preferences(rows.batch, model.users(rows.batch))


@torch.inference_mode()
def _spread(model: Interests, shards: Sequence[Shard]) -> float:
    """How much preferences of one user differ between tags, on average over some users."""
    shard = max(shards, key=len)
    batch = model.batch(shard, slice(0, min(len(shard), 512)))
    return float(model.preferences(batch, model.users(batch))[:, RESERVED:].std(1).mean())
