"""How often the one user who clicked is found from scores before and after: if each click is told, and if new seeds are
told ten at a time.

    python -m benchmarks.live.privacy

A worst case: 3,000 users who are all unlike each other, and RALM with random weights, which says of everybody something
else. The attacks: who rose most; and whoever's likeness to others explains best who rose, where likeness is that of
users' scores for 150 other items ("profile"), or of their vectors themselves, which no key is told ("vectors").
"""

import sys
from dataclasses import dataclass

import numpy as np
import torch

from penchant.choices import MIN_SEEDS
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import averaged, packed, placed, transformed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import Clusters, add, cluster

USERS, TOPICS, WIDTH, OTHERS, TRIALS = 3_000, 20, 64, 150, 50
SEEDS = (10, 30, 100, 1_000)


@dataclass(frozen=True)
class World:
    """ralm: with random weights; vectors_UX: of users; user_UG: as scores see them; mix_UT: how much each user likes
    each topic."""

    ralm: Ralm
    vectors_UX: np.ndarray
    user_UG: np.ndarray
    mix_UT: np.ndarray

    def clusters(self, seeds_S: np.ndarray) -> Clusters:
        averaged_SX = averaged(self.ralm, self.vectors_UX[seeds_S])
        return cluster(averaged_SX, placed(self.ralm, averaged_SX), self.ralm.config.clusters, 0)

    def joined(self, clusters: Clusters, new_S: np.ndarray) -> Clusters:
        return add(clusters, averaged(self.ralm, self.vectors_UX[new_S]), lambda some_NX: placed(self.ralm, some_NX))

    def scores(self, clusters: Clusters) -> np.ndarray:
        return score(packed(self.ralm, clusters), self.user_UG, np.linalg.norm(self.user_UG, axis=1))

    def drawn(self, random: np.random.Generator, topic: int, count: int, without_S: np.ndarray) -> np.ndarray:
        """Users who click an item of a topic: those who like it more do so more often."""
        chance_U = self.mix_UT[:, topic] + 0.02
        chance_U[without_S] = 0
        return random.choice(USERS, count, replace=False, p=chance_U / chance_U.sum())


def world_of(random: np.random.Generator) -> World:
    torch.manual_seed(0)
    ralm = Ralm(RalmConfig(width=WIDTH), WIDTH).eval()
    assert ralm.local is not None
    torch.nn.init.normal_(ralm.local.weight, std=0.3)
    mix_UT = random.dirichlet(np.full(TOPICS, 0.2), USERS)
    own_UX = 0.35 * random.normal(size=(USERS, WIDTH))
    vectors_UX = (mix_UT @ random.normal(size=(TOPICS, WIDTH)) + own_UX).astype(np.float32)
    return World(ralm, vectors_UX, transformed(ralm, vectors_UX)[0], mix_UT)


def like(rows_UN: np.ndarray) -> np.ndarray:
    """How alike users are by some rows of numbers: correlations, each row of them standardised."""
    standard_UN = _standard(rows_UN - rows_UN.mean(0))
    return _standard(standard_UN @ standard_UN.T / rows_UN.shape[1])


def found(guess_U: np.ndarray, seeds_S: np.ndarray, new_S: np.ndarray) -> float:
    """The share of the new seeds among as many users with the highest guesses; old seeds are known not to be new."""
    guess_U = guess_U.copy()
    guess_U[seeds_S] = -np.inf
    return float(np.isin(np.argsort(-guess_U, kind="stable")[: len(new_S)], new_S).mean())


def _standard(rows_UN: np.ndarray) -> np.ndarray:
    away_UN = rows_UN - rows_UN.mean(1, keepdims=True)
    return away_UN / (away_UN.std(1, keepdims=True) + 1e-12)


def main() -> None:
    random = np.random.default_rng(0)
    world, nobody = world_of(random), np.zeros(0, np.int64)
    topics = random.integers(TOPICS, size=OTHERS)
    others = [world.scores(world.clusters(world.drawn(random, int(one), 100, nobody))) for one in topics]
    by_profile_UU = like(np.stack(others, 1))
    by_vectors_UU = like(world.user_UG)
    sys.stdout.write("seeds  new  rose most  profile  vectors  chance\n")
    for seeds in SEEDS:
        for new in (1, MIN_SEEDS):
            hits = []
            for _ in range(TRIALS):
                topic = int(random.integers(TOPICS))
                seeds_S = world.drawn(random, topic, seeds, nobody)
                new_S, before = world.drawn(random, topic, new, seeds_S), world.clusters(seeds_S)
                rise_U = world.scores(world.joined(before, new_S)) - world.scores(before)
                guesses = rise_U, by_profile_UU @ rise_U, by_vectors_UU @ rise_U
                hits.append([found(guess_U, seeds_S, new_S) for guess_U in guesses])
            shares = "  ".join(f"{100 * share:7.1f} %" for share in np.mean(hits, 0))
            sys.stdout.write(f"{seeds:5}  {new:3}  {shares}  {100 * new / (USERS - seeds):5.2f} %\n")


if __name__ == "__main__":
    main()
