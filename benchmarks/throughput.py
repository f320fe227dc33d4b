"""Training throughput at E=16 and at the paper's industrial shape, where the time goes, and what the vocabulary costs.

    python -m benchmarks.throughput [--steps 20] [--threads 2]

Made-up values with a Zipf distribution. The last table trains the same shape over vocabularies a hundred times apart:
a step must not cost in proportion to the vocabulary.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.features.shards import Shard, batch_of
from penchant.models.base import Sizes
from penchant.models.catalog import build_model
from penchant.models.utpm import UtpmConfig
from penchant.schema import RESERVED
from penchant.terminal import console
from penchant.training.loop import TrainingConfig, labels_of, loss_of
from penchant.training.optimizers import make_optimizers


@dataclass(frozen=True)
class Shape:
    """The UTPM paper's Table 1, and the vocabularies."""

    name: str
    model: UtpmConfig
    fields: int
    values: int
    items: int
    tags: int
    vocabulary: int
    batch: int


SMALL = Shape("E=16", UtpmConfig(embedding=16, user=16, query=8, cross_width=4), 2, 10, 10, 3, 1_044, 256)
INDUSTRIAL = Shape(
    "industrial", UtpmConfig(embedding=128, user=128, query=32, cross_width=10), 8, 100, 30, 5, 1_200_000, 256
)


def zipf(rng: np.random.Generator, vocabulary: int, shape: tuple[int, ...]) -> np.ndarray:
    """Ids by falling frequency, P(rank) ∝ about 1/rank, as tags of a feed are."""
    ranks = np.exp(rng.random(shape) * np.log(vocabulary - RESERVED + 1)).astype(np.int32) - 1
    return ranks.clip(0, vocabulary - RESERVED - 1) + RESERVED


def made_up_shard(shape: Shape, samples: int) -> Shard:
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {"history.offsets": np.zeros(samples + 1, np.int64)}
    for number in range(shape.fields):
        arrays[f"f{number}.ids"] = zipf(rng, shape.vocabulary, (samples, shape.values))
        arrays[f"f{number}.weights"] = np.ones((samples, shape.values), np.float32)
    arrays["label.tags"] = zipf(rng, shape.vocabulary, (samples, shape.items, shape.tags))
    arrays["label.clicked"] = rng.random((samples, shape.items)) < 0.3
    return Shard({name: torch.from_numpy(array) for name, array in arrays.items()}, Path())


class Clock:
    """Seconds spent in named parts of a step."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.spent[name] += time.perf_counter() - began


def measure(shape: Shape, loss: str, steps: int) -> tuple[float, dict[str, float]]:
    """Samples per second, and the share of each part of a step."""
    torch.manual_seed(0)
    sizes = Sizes({f"f{number}": shape.vocabulary for number in range(shape.fields)}, shape.vocabulary)
    model = build_model(shape.model, sizes)
    config = TrainingConfig(loss=loss, batch=shape.batch)  # type: ignore[arg-type]
    optimizers = make_optimizers(
        model,
        rate=config.rate,
        weight_decay=0.0,
        large_table_rows=config.large_table_rows,
        large_table_rate=config.large_table_rate,
    )
    shard = made_up_shard(shape, shape.batch * 4)
    fields = list(sizes.fields)
    clock = Clock()
    for step in range(-3, steps):
        if step == 0:
            clock = Clock()
        rows = torch.randint(len(shard), (shape.batch,))
        with clock.part("batch"):
            batch, labels = batch_of(shard, fields, rows), labels_of(shard, rows)
        with clock.part("forward"):
            value = loss_of(model, batch, labels, config)
        with clock.part("backward"):
            for optimizer in optimizers:
                optimizer.zero_grad()
            value.backward()
        with clock.part("optimizers"):
            for optimizer in optimizers:
                optimizer.step()
    total = sum(clock.spent.values())
    return steps * shape.batch / total, {name: spent / total for name, spent in clock.spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    said = parser.parse_args()
    torch.set_num_threads(said.threads)
    console.print(f"{describe_machine()}, {said.threads} PyTorch threads")
    table = Table(
        "shape",
        "loss",
        "vocabulary",
        "samples/s",
        "ms/step",
        "batch",
        "forward",
        "backward",
        "optimizers",
        box=MARKDOWN,
    )
    smaller = [Shape(**{**vars(INDUSTRIAL), "vocabulary": size}) for size in (12_000, 120_000)]
    for shape, loss in [
        (SMALL, "joint"),
        (SMALL, "softmax"),
        (INDUSTRIAL, "joint"),
        (INDUSTRIAL, "softmax"),
        *((shape, "joint") for shape in smaller),
    ]:
        rate, shares = measure(shape, loss, said.steps if shape is not SMALL else 10 * said.steps)
        cells = [shape.name, loss, f"{shape.vocabulary:,}", f"{rate:,.0f}", f"{1e3 * shape.batch / rate:.1f}"]
        table.add_row(*cells, *(f"{share:.0%}" for share in shares.values()))
    console.print(table)


if __name__ == "__main__":
    main()
