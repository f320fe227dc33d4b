"""Training speed as a ratio: ours against the straightforward PyTorch version of the same model, plain.py.

    python -m benchmarks.speed.throughput [--threads 1] [--device cpu] [--skip-plain]

Both begin with the same weights and see the same batches, in turns, so that a busy machine slows both; and both learn
by Adam, which on our side touches only the rows of the batch in large tables, so that the curves may be compared. Then
ours as it comes, with row-wise Adagrad for large tables: where its steps go, beside the least that the hardware would
need, and the whole industrial vocabulary (whose dense Adam would need 22 GB). With `--device cuda` ours alone is
measured, and the kernels it spends its time in are listed.
"""

import argparse
import gc
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import perf_counter

import torch
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from torch.optim import Adam, Optimizer
from torch.profiler import ProfilerActivity, profile

from benchmarks.machine import describe_machine
from benchmarks.speed.made_up import Shape, made_up_shard
from benchmarks.speed.plain import PlainUtpm, Users, batches, plain_loss
from penchant.features.shards import Shard, batch_of
from penchant.models.catalog import build_interests
from penchant.models.interests.promise import Interests
from penchant.models.interests.utpm import UtpmConfig
from penchant.training.losses import Loss
from penchant.training.objectives.interests import TrainingConfig, labels_of, loss_of
from penchant.training.optimizers import LargeTables

console = Console(width=200)

PARTS = ("batch", "forward", "backward", "optimizers")

NARROW = UtpmConfig(embedding=16, user=16, query=8, cross_width=4)
SMALL = Shape("E=16", NARROW, (1_044, 21), 1_044, 10, 10, 3)
BATCHED = Shape("E=16, batch 1,024", NARROW, (1_044, 21), 1_044, 10, 10, 3, batch=1_024)
WIDE = UtpmConfig(embedding=128, user=128, query=32, cross_width=10)
QUICK = WIDE.model_copy(update={"precision": "bfloat16"})
FITTING = Shape("industrial, 4.8 M rows", WIDE, (1_200_000, 1_200_000, *[200_000] * 6), 1_200_000, 100, 30, 5)
FITTING_QUICK = Shape(f"{FITTING.name}, bfloat16", QUICK, FITTING.fields, FITTING.tags, 100, 30, 5)
WHOLE = Shape("industrial, 10.8 M rows", WIDE, (1_200_000,) * 8, 1_200_000, 100, 30, 5)


class Plain:
    """The straightforward version, a step at a time."""

    def __init__(self, shape: Shape, shard: Shard, weights: dict[str, torch.Tensor]) -> None:
        self.model = PlainUtpm(shape.model, shape.sizes)
        self.model.load_state_dict(weights)
        self.optimizer = Adam(self.model.parameters())
        self.users, self.batch = Users(shard, list(shape.sizes.fields)), shape.batch

    def train(self, rows_N: torch.Tensor) -> list[float]:
        """The losses of the batches of some rows."""
        losses = []
        for batch in batches(self.users, rows_N.tolist(), self.batch):
            loss = plain_loss(self.model, batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses


class Ours:
    """Penchant's own pieces, as its loop puts them together; `spent` has the seconds of each part of each step."""

    def __init__(
        self, shape: Shape, shard: Shard, model: Interests, loss: Loss = "joint", as_plain: bool = False
    ) -> None:
        self.model, self.shard, self.batch, self.fields = model, shard, shape.batch, list(shape.sizes.fields)
        large: LargeTables = "adam" if as_plain else "adagrad"
        self.config = TrainingConfig(loss=loss, batch=shape.batch, large_table_optimizer=large)
        self.optimizers: list[Optimizer] = self.config.optimizers(model)
        self.device = next(model.parameters()).device
        self.spent: list[list[float]] = []

    def train(self, rows_N: torch.Tensor) -> list[float]:
        """The losses of the batches of some rows."""
        return [self._step(rows_B) for rows_B in rows_N.split(self.batch)]

    def _step(self, rows_B: torch.Tensor) -> float:
        times = [self._now()]
        batch = batch_of(self.shard, self.fields, rows_B).to(self.device)
        labels = labels_of(self.shard, rows_B).to(self.device)
        times.append(self._now())
        loss = loss_of(self.model, batch, labels, self.config)
        times.append(self._now())
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        times.append(self._now())
        for optimizer in self.optimizers:
            optimizer.step()
        value = float(loss.detach())
        times.append(self._now())
        self.spent.append([end - begin for begin, end in pairwise(times)])
        return value

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return perf_counter()


def race(shape: Shape, rounds: int, steps: int, *, as_plain: bool = True) -> tuple[list[str], list[list[float]]]:
    """Both versions in turns, `steps` at a time; a row for the table, and both curves.

    as_plain: ours has Adam for large tables too, on the rows of the batch; row-wise Adagrad, as it comes, if not.
    """
    torch.manual_seed(0)
    shard, model = made_up_shard(shape, shape.batch * steps * rounds), build_interests(shape.model, shape.sizes)
    plain, ours = Plain(shape, shard, model.state_dict()), Ours(shape, shard, model, as_plain=as_plain)
    gc.freeze()  # the lists of the plain version's users: Python would visit all of them again and again, for both
    times: list[list[float]] = [[], []]
    curves: list[list[float]] = [[], []]
    for rows_N in torch.arange(len(shard)).split(shape.batch * steps):
        for number, train in enumerate((plain.train, ours.train)):
            began = perf_counter()
            curves[number] += train(rows_N)
            times[number].append((perf_counter() - began) / len(rows_N))
    ratio = median(slow / quick for slow, quick in zip(*times, strict=True))
    name = shape.name if as_plain else f"{shape.name}, row-wise Adagrad"
    said = [name, *(f"{1 / median(part):,.0f}" for part in times)]
    said += [*(f"{1e3 * shape.batch * median(part):,.1f}" for part in times), f"**{ratio:.1f}×**"]
    gc.unfreeze()
    return said, curves


def best_of(call: Callable[[], object], times: int = 5) -> float:
    """Seconds of the quickest call, the first left out."""
    call()
    spent = []
    for _ in range(times):
        began = perf_counter()
        call()
        spent.append(perf_counter() - began)
    return min(spent)


def peaks(device: torch.device) -> tuple[float, float]:
    """FLOP/s of a large matrix product, and bytes per second of a large copy (read and written)."""
    square, large = torch.randn(2048, 2048, device=device), torch.zeros(2**26, device=device)
    copy = torch.empty_like(large)

    def product() -> None:
        _ = (square @ square)[0, 0].item()

    def move() -> None:
        _ = copy.copy_(large)[0].item()

    return 2 * 2048**3 / best_of(product), 2 * 4 * len(large) / best_of(move)


def least(ours: Ours, shape: Shape) -> tuple[float, float]:
    """FLOP and bytes that a step cannot do without.

    Products: keys of the distinct values and the fully connected layers, once forward and twice backward. Bytes:
    Adam reads four numbers per dense weight and writes three; each distinct row is read, its gradient written and read,
    and the row read and written; the pairs of the cross layer and their gradient are written and read twice.
    """
    ids = batch_of(ours.shard, ours.fields, torch.arange(shape.batch)).ids
    rows = sum(len(ids_BH.unique()) for ids_BH in ids.values())
    tags = len(labels_of(ours.shard, torch.arange(shape.batch)).tags_BKN.unique())
    width, config = shape.model.heads * shape.model.embedding, shape.model
    pairs, hidden = width * (width - 1) // 2, 2 * config.user
    products = rows * config.embedding * config.heads * config.query
    products += shape.batch * hidden * (width + pairs + config.user)
    dense = sum(weight.numel() for group in ours.optimizers[0].param_groups for weight in group["params"])
    moved = 7 * dense + 5 * (rows * config.embedding + tags * config.user) + 6 * shape.batch * pairs
    return 6.0 * products, 4.0 * moved


def step_row(ours: Ours, shape: Shape, loss: str, peak: tuple[float, float]) -> list[str]:
    """Where our steps go (medians), beside what the hardware needs at least."""
    parts = [1e3 * median(step[part] for step in ours.spent) for part in range(len(PARTS))]
    step_ms, (flops, moved) = 1e3 * median(map(sum, ours.spent)), least(ours, shape)
    floor_ms = 1e3 * (flops / peak[0] + moved / peak[1])
    cells = [shape.name, loss, f"{1e3 * shape.batch / step_ms:,.0f}", f"{step_ms:,.1f}"]
    cells += [f"{part / sum(parts):.0%}" for part in parts]
    cells += [f"{flops / 1e9:.2f}", f"{moved / 1e9:.2f}", f"{floor_ms:,.1f}"]
    return [*cells, f"{floor_ms / step_ms:.0%}", f"{1e3 * moved / step_ms / peak[1]:.0%}"]


def alone(shape: Shape, loss: Loss, steps: int, device: torch.device) -> Ours:
    """Our side without the other."""
    torch.manual_seed(0)
    ours = Ours(
        shape, made_up_shard(shape, shape.batch * steps), build_interests(shape.model, shape.sizes).to(device), loss
    )
    ours.train(torch.arange(len(ours.shard)))
    return ours


def print_curves(curves: dict[str, list[float]], blocks: int) -> None:
    size = len(next(iter(curves.values()))) // blocks
    table = Table("steps", *(f"{size * part + 1}-{size * part + size}" for part in range(blocks)), box=MARKDOWN)
    for name, losses in curves.items():
        table.add_row(name, *(f"{sum(losses[part * size :][:size]) / size:.4f}" for part in range(blocks)))
    console.print(table)


def print_kernels(shape: Shape, device: torch.device) -> None:
    """What the device spends its time in."""
    ours = alone(shape, "joint", 4, device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        ours.train(torch.arange(len(ours.shard)))
    console.print(seen.key_averages().table(sort_by="self_device_time_total", row_limit=15), soft_wrap=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--skip-plain", action="store_true", help="measure ours alone")
    said = parser.parse_args()
    torch.set_num_threads(said.threads)
    device = torch.device(said.device)
    peak = peaks(device)
    console.print(f"{describe_machine()}, {said.threads} PyTorch threads, {device}")
    console.print(f"a large matrix product: {peak[0] / 1e9:,.0f} GFLOP/s; a large copy: {peak[1] / 1e9:,.1f} GB/s")
    steps_table = Table(
        *("shape", "loss", "samples/s", "ms/step", *PARTS, "GFLOP", "GB", "floor ms", "floor/step", "of bandwidth"),
        box=MARKDOWN,
    )
    if device.type == "cpu" and not said.skip_plain:
        races = Table("shape", "plain, samples/s", "ours", "plain, ms/step", "ours", "ratio", box=MARKDOWN)
        contests = [(SMALL, 10, 20, True), (BATCHED, 10, 8, True), (FITTING, 4, 3, True), (FITTING_QUICK, 4, 3, True)]
        for shape, rounds, steps, as_plain in [*contests, (FITTING, 4, 3, False)]:
            row, (plain_curve, own_curve) = race(shape, rounds, steps, as_plain=as_plain)
            races.add_row(*row)
            gc.collect()
            print_curves({f"{row[0]}: plain": plain_curve, "ours": own_curve}, rounds)
        console.print(races)
    losses: tuple[Loss, ...] = ("separate", "joint", "softmax")
    for shape, steps in [(SMALL, 100), (BATCHED, 50), (FITTING, 8), (FITTING_QUICK, 8), (WHOLE, 8)]:
        for loss in losses if shape in (SMALL, WHOLE) else losses[1:2]:
            steps_table.add_row(*step_row(alone(shape, loss, steps, device), shape, loss, peak))
            gc.collect()
    console.print(steps_table)
    if device.type == "cuda":
        print_kernels(WHOLE, device)


if __name__ == "__main__":
    main()
