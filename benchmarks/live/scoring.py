"""Milliseconds in which all candidates are scored for users who ask now, beside the time of reading the centroids once.

    OMP_NUM_THREADS=1 python -m benchmarks.live.scoring [--candidates 1000 3000 10000] [--clusters 20] [--width 128]
        [--rounds 60]

The read, a compiled sum over an array of bare centroids that is as large as needed and no larger, takes turns with each
contestant, and its median in those turns is what the ratio is against. "Scattered" candidates have been replaced in
random order, so that they do not follow each other in memory. A put goes on beside where the table says so, without a
pause, on the other core. All that scores gives [users, candidates]; the bare products give less.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter
from typing import Any

import numpy as np
import torch
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.serving.candidates.kernel import compiled
from penchant.serving.candidates.scorer import Scorer

console = Console(width=140)

USERS = (1, 4, 16)
WARM = 3

PUT = 64
"""Candidates of one put, as when seeds of some have joined."""


@compiled
def read(number_N: np.ndarray) -> Any:
    total = np.float32(0)
    for n in range(len(number_N)):
        total += number_N[n]
    return total


def race(work: Callable[[], object], reading: Callable[[], object], rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of each round, of both; the first rounds, in which caches fill, are not counted."""
    spent = []
    for _ in range(rounds + WARM):
        start = perf_counter()
        reading()
        between = perf_counter()
        work()
        spent.append((between - start, perf_counter() - between))
    reading_N, work_N = 1e3 * np.array(spent[WARM:]).T
    return work_N, reading_N


@contextmanager
def put_beside(scorer: Scorer, clusters: dict[str, tuple[np.ndarray, np.ndarray]]) -> Iterator[None]:
    """Some candidates after others, while the block runs."""
    stop, items = Event(), list(clusters)

    def go_on() -> None:
        at = 0
        while not stop.is_set():
            scorer.put({item: clusters[item] for item in items[at : at + PUT]})
            at = (at + PUT) % len(items)

    other = Thread(target=go_on)
    other.start()
    yield
    stop.set()
    other.join()


def bare_products(centroid_RG: np.ndarray, both_BG: np.ndarray) -> dict[str, Callable[[], object]]:
    """Inner products of all centroids with both vectors of each user, without what makes scores of them."""
    both_GB = np.ascontiguousarray(both_BG.T)
    centroids, both = torch.from_numpy(centroid_RG), torch.from_numpy(both_GB)
    halves, half = centroids.bfloat16(), both.bfloat16()
    found: dict[str, Callable[[], object]] = {
        "bare product, NumPy": lambda: centroid_RG @ both_GB,
        "bare product, PyTorch": lambda: torch.mm(centroids, both),
        "bare product, PyTorch, bfloat16": lambda: torch.mm(halves, half),
    }
    if len(both_BG) == 2:
        found["two bare products with one vector, NumPy"] = lambda: [centroid_RG @ one_G for one_G in both_BG]
    return found


def plain(centroid_CJG: np.ndarray, whole_CG: np.ndarray, unit_BG: np.ndarray, query_BG: np.ndarray) -> np.ndarray:
    """Scores as NumPy would have them, from E_global times α over its length."""
    candidates, clusters, width = centroid_CJG.shape
    scores = []
    for unit_G, query_G in zip(unit_BG, query_BG, strict=True):
        weight_CJ = np.exp(np.tanh((centroid_CJG.reshape(-1, width) @ query_G).reshape(candidates, clusters)))
        local_CG = (weight_CJ[:, None] @ centroid_CJG)[:, 0]
        scores.append(whole_CG @ unit_G + 0.7 * (local_CG @ unit_G) / np.linalg.norm(local_CG, axis=1))
    return np.stack(scores)


def measure(model: Ralm, candidates: int, rounds: int) -> Iterator[tuple[int, str, np.ndarray, np.ndarray]]:
    """Users, what was done, and milliseconds of it and of the read."""
    clusters, width = model.config.clusters, model.config.width
    rng = np.random.default_rng(0)
    centroid_CJX = rng.normal(size=(candidates, clusters, width)).astype(np.float32)
    pairs = {f"{item}": (centroid_JX, np.ones(clusters, int)) for item, centroid_JX in enumerate(centroid_CJX)}
    scorer, scattered = Scorer(model), Scorer(model)
    scorer.put(pairs)
    for _ in range(2):
        scattered.put({f"{item}": pairs[f"{item}"] for item in rng.permutation(candidates)})
    with torch.inference_mode():
        centroid_CJG = model.transform(torch.from_numpy(centroid_CJX)).numpy()
        whole_CG = torch.nn.functional.normalize(torch.from_numpy(centroid_CJG.mean(1)), dim=1).mul_(0.3).numpy()
    flat = centroid_CJG.reshape(-1)
    for users in USERS:
        user_BX = rng.normal(size=(users, width)).astype(np.float32)
        unit_BG, query_BG = scorer._seen(user_BX)
        contestants: dict[str, Callable[[], object]] = {
            "scores": lambda user_BX=user_BX: scorer.score(user_BX),  # type: ignore[misc]
            "scores, candidates scattered": lambda user_BX=user_BX: scattered.score(user_BX),  # type: ignore[misc]
            **bare_products(centroid_CJG.reshape(-1, width), np.concatenate([unit_BG, query_BG])),
        }
        if users == 1:
            contestants["scores, NumPy"] = lambda: plain(centroid_CJG, whole_CG, unit_BG, query_BG)  # noqa: B023
        for name, work in contestants.items():
            yield users, name, *race(work, lambda: read(flat), rounds)
        with put_beside(scattered, pairs):
            yield (
                users,
                "scores, a put beside",
                *race(contestants["scores, candidates scattered"], lambda: read(flat), rounds),
            )


def start_ms(model: Ralm) -> float:
    start = perf_counter()
    Scorer(model)
    return 1e3 * (perf_counter() - start)


def put_us(model: Ralm, at_once: int) -> float:
    """Microseconds for each candidate that is put, among 3,000."""
    rng, config = np.random.default_rng(0), model.config
    pairs = {
        f"{item}": (rng.random((config.clusters, config.width), np.float32), np.ones(config.clusters, int))
        for item in range(3000)
    }
    scorer, spent = Scorer(model), []
    scorer.put(pairs)
    for item in range(0, 3000, max(at_once, 30)):
        part = {f"{k}": pairs[f"{k}"] for k in range(item, min(item + at_once, 3000))}
        start = perf_counter()
        scorer.put(part)
        spent.append((perf_counter() - start) / len(part))
    return 1e6 * float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=60)
    said = parser.parse_args()
    torch.manual_seed(0)
    model = Ralm(RalmConfig(width=said.width, clusters=said.clusters), said.width).eval()
    assert model.local is not None
    torch.nn.init.normal_(model.local.weight, std=said.width**-0.5)
    console.print(f"{describe_machine()}, {torch.get_num_threads()} PyTorch threads")
    console.print(f"start: {start_ms(model):.0f} ms the first time in a process, {start_ms(model):.1f} ms the second")
    size = Scorer(model)._record_SR.shape[1] * 4
    console.print(f"{size:,} bytes per candidate, {4 * said.clusters * said.width:,} of them centroids")
    each = ", ".join(f"{put_us(model, number):.0f} µs where {number} come at once" for number in (1, 64, 3000))
    console.print(f"put, for each candidate: {each}")
    columns = "candidates", "users", "", "p50 ms", "p99 ms", "ms per user", "read once, ms", "x read", "x read per user"
    title = f"{said.clusters} clusters, vectors of {said.width}"
    table = Table(*columns, title=title, box=MARKDOWN)
    for candidates in said.candidates:
        for users, name, work_N, read_N in measure(model, candidates, said.rounds):
            once, reading = float(np.median(work_N)), float(np.median(read_N))
            figures = once, np.percentile(work_N, 99), once / users, reading, once / reading, once / reading / users
            table.add_row(f"{candidates:,}", f"{users}", name, *(f"{figure:.2f}" for figure in figures))
    console.print(table)


if __name__ == "__main__":
    main()
