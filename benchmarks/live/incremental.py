"""Clusters that seeds joined one by one beside clusters made again of all seeds: what it costs in AUC.

    python -m benchmarks.live.incremental runs/lookalike/globo/seed-0

RUN has look-alike measured, with several rounds. Before the first round the seeds of every candidate are clustered;
from then on each new seed joins the nearest centroid, and nothing is clustered again (a candidate that comes later is
clustered when it comes). At every round the labels are scored with these clusters, and with clusters made again from
all seeds. The table is by how many seeds have been added before the round.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import Estimate, resamples
from penchant.evaluation.metrics import Duels
from penchant.evaluation.protocols.lookalikes import PairLabels
from penchant.features.cuts.rounds import Round
from penchant.models.lookalikes.promise import Crowd
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import averaged, packed, placed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import Clusters, add, cluster, drift
from penchant.pipeline import Run

STEPS = (0, 10_000, 50_000, 100_000)
RESAMPLES = 200


@dataclass
class Growing:
    """Clusters of each candidate by name, and how many of its seeds they hold."""

    model: Ralm
    crowd: Crowd
    clusters: dict[str, Clusters] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    added: int = 0
    seconds: float = 0.0

    def catch_up(self, name: str, seeds_S: np.ndarray, seed: int) -> Clusters:
        """The candidate's clusters after all of these seeds, of which those held already come first."""
        held = self.held.get(name, 0)
        new_SX = averaged(self.model, self.crowd.vectors_NX[seeds_S[held:]])
        began = time.perf_counter()
        if held == 0:
            self.clusters[name] = fresh(self.model, self.crowd, seeds_S, seed)
        elif len(new_SX):
            self.clusters[name] = add(self.clusters[name], new_SX, lambda rows_NX: placed(self.model, rows_NX))
            self.added += len(new_SX)
            self.seconds += time.perf_counter() - began
        self.held[name] = len(seeds_S)
        return self.clusters[name]


def fresh(model: Ralm, crowd: Crowd, seeds_S: np.ndarray, seed: int) -> Clusters:
    """All seeds clustered from scratch."""
    averaged_SX = averaged(model, crowd.vectors_NX[seeds_S])
    return cluster(averaged_SX, placed(model, averaged_SX), model.config.clusters, seed)


def follow(model: Ralm, crowd: Crowd, rounds: list[Round], seed: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Of each round: seeds added before it, and the scores of its labels with grown and with fresh clusters."""
    user_NG = placed(model, averaged(model, crowd.vectors_NX))
    norm_N = np.linalg.norm(user_NG, axis=1)
    growing, drifts = Growing(model, crowd), []
    for one in rounds:
        grown_L, fresh_L = (np.full(len(one.user_L), np.nan, np.float32) for _ in range(2))
        before = growing.added
        for number, name in enumerate(one.names):
            seeds_S = one.seeds.part(slice(number, number + 1)).values
            clusters = growing.catch_up(str(name), seeds_S, seed)
            asked = np.flatnonzero(one.candidate_L == number)
            if len(asked):
                rows = one.user_L[asked]
                again = fresh(model, crowd, seeds_S, seed)
                for scores_L, its in ((grown_L, clusters), (fresh_L, again)):
                    scores_L[asked] = score(packed(model, its), user_NG[rows], norm_N[rows])
                drifts.append((drift(clusters).added, drift(clusters).moved))
        yield max(before, growing.added), grown_L, fresh_L
    share, moved = np.array(drifts).mean(0)
    rate = growing.added / growing.seconds
    console.print(
        f"{growing.added:,} seeds added, {rate:,.0f} per second; clusters asked about had {share:.1%} of their members "
        f"added on average, and had moved by {moved:.3f} of the spread",
        highlight=False,
    )


def loss(pairs: PairLabels, chosen_L: np.ndarray, grown_L: np.ndarray, fresh_L: np.ndarray) -> list[Estimate]:
    """AUC with fresh clusters, with grown ones, and the first less the second, over the same resamples of users."""
    found = []
    weights = [np.ones(pairs.users), *resamples(pairs.users, RESAMPLES, 0)]
    for scores_L in (fresh_L, grown_L):
        view = Duels.of(
            scores_L[chosen_L],
            pairs.clicked_L[chosen_L],
            owner_L=pairs.user_L[chosen_L],
            group_L=np.zeros(chosen_L.sum(), np.int64),
            groups=1,
        )
        values = np.array([view.won(weight_U)[0] for weight_U in weights])
        found.append(Estimate(values[0], values[1:], resampled=True))
    return [*found, found[0].minus(found[1])]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run = Run.open(parser.parse_args().run).lookalikes
    console.print(describe_machine(), highlight=False)
    ralm, crowd = run.models[run.reference], run.crowd("test", run.reference)
    rounds = run.ground.rounds("test", crowd.users)
    added, grown, again = zip(*follow(ralm.load(), crowd, rounds, ralm.section.training.seed), strict=True)
    added_L = np.repeat(added, [len(one.user_L) for one in rounds])
    grown_L, fresh_L, pairs = np.concatenate(grown), np.concatenate(again), PairLabels.of(rounds)
    table = Table("seeds added", "labels", "AUC, clustered again", "AUC, grown", "loss", box=MARKDOWN)
    for least in STEPS:
        chosen_L = added_L >= least
        if chosen_L.any():
            cells = [f"{one.mean:.4f} ±{one.half or 0:.4f}" for one in loss(pairs, chosen_L, grown_L, fresh_L)]
            table.add_row(f"{least:,} or more", f"{chosen_L.sum():,}", *cells)
    console.print(table)


if __name__ == "__main__":
    main()
