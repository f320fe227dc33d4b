"""Users scored per second against one item's clusters of seeds, beside the matrix product that this contains.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.scoring [--users 1000000] [--clusters 20] [--width 128] [--rounds 9]

Vectors are transformed already, as they are in a crowd that was asked about before. The bare product is users times the
centroids and their queries, written to memory once. All take turns within a round, so that a busy machine slows all of
them; the table holds medians over rounds, and the median of the ratio to the product of PyTorch in the same round. The
floor is the time in which one core reads the users' vectors once.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks.machine import describe_machine
from penchant.audiences.best import best, blocks
from penchant.models.lookalikes.ralm import ALPHA, BETA, Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import SeedLikeness, packed
from penchant.models.parts.cluster_scores import Packed, contributions, score
from penchant.models.parts.clusters import grouped

console = Console(width=120)

AT_ONCE = 4096
BARE = "bare product, PyTorch"
NOT_REACHED = 0.9
"""Share of users that an audience is drawn from."""


def contest(users: int, clusters: int, width: int) -> dict[str, Callable[[], object]]:
    """What takes turns."""
    torch.manual_seed(0)
    model = Ralm(RalmConfig(width=width, clusters=clusters), width).eval()
    assert model.local is not None
    torch.nn.init.normal_(model.local.weight, std=width**-0.5)
    with torch.inference_mode():
        user_NG = model.transform(torch.randn(users, width)).numpy()
    ready = packed(model, grouped(torch.randn(clusters, width).numpy(), np.arange(clusters), clusters))
    norm_N = np.linalg.norm(user_NG, axis=1)
    likeness = SeedLikeness(ready, user_NG, norm_N, np.arange(clusters), np.arange(clusters))
    open_N = np.flatnonzero(np.random.default_rng(0).random(users) <= NOT_REACHED)
    user, product_GK = torch.from_numpy(user_NG), ready.products_KG.T.contiguous()
    product_NK = torch.empty(users, product_GK.shape[1])
    np.testing.assert_allclose(score(ready, user_NG, norm_N), plain(ready, user), atol=1e-5)
    return {
        "floor: users' vectors read once": user.sum,
        BARE: lambda: torch.mm(user, product_GK, out=product_NK),
        "bare product, NumPy": lambda: np.matmul(user_NG, product_GK.numpy(), out=product_NK.numpy()),
        "scores": lambda: score(ready, user_NG, norm_N),
        "what each cluster gives to them": lambda: contributions(ready, user_NG, norm_N),
        "the best 10,000 of 90 % of the users": lambda: best(map(likeness.scores, blocks(open_N)), 10_000),
        "scores, straightforward PyTorch": lambda: plain(ready, user),
    }


@torch.inference_mode()
def plain(ready: Packed, user_NG: Tensor) -> np.ndarray:
    """The formula as it stands in the paper, some thousand users at a time."""
    seed_JG, query_JG = ready.products_KG.chunk(2)
    global_G = (ready.global_J1 * seed_JG).sum(0)
    parts = []
    for user_BG in user_NG.split(AT_ONCE):
        local_BG = torch.softmax(torch.tanh(user_BG @ query_JG.T), 1) @ seed_JG
        with_global_B = cosine_similarity(user_BG, global_G[None])
        parts.append(ALPHA * with_global_B + BETA * cosine_similarity(user_BG, local_BG))
    return torch.cat(parts).numpy()


def race(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round; a first one is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, work in contestants.items():
            began = perf_counter()
            work()
            spent[name].append(perf_counter() - began)
    return {name: seconds[1:] for name, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    said = parser.parse_args()
    console.print(f"{describe_machine()}, {torch.get_num_threads()} PyTorch threads")
    spent = race(contest(said.users, said.clusters, said.width), said.rounds)
    title = f"{said.users:,} users, {said.clusters} clusters, vectors of {said.width}"
    table = Table("", "users/s", "ns per user", "GB/s of vectors", "x bare product", title=title, box=MARKDOWN)
    for name, seconds in spent.items():
        once = float(np.median(seconds))
        ratio = float(np.median(np.array(seconds) / np.array(spent[BARE])))
        read = 4 * said.width * said.users / once / 1e9
        table.add_row(
            name, f"{said.users / once:,.0f}", f"{1e9 * once / said.users:.0f}", f"{read:.1f}", f"{ratio:.2f}"
        )
    console.print(table)


if __name__ == "__main__":
    main()
