"""RALM as a look-alike: seeds in clusters, users transformed once per crowd, and both through the trained model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.logs.users import user_hash
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike
from penchant.models.lookalikes.ralm import ALPHA, BETA, Ralm
from penchant.models.parts.cluster_scores import Packed, contributions, pack, score
from penchant.models.parts.clusters import Clusters, cluster, grouped, kmeans

BLOCK = 4096
"""Vectors at a time."""


def gather(model: Ralm, vectors_SX: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """centroid_JX and sizes_J of seeds with these universal vectors, for a model in evaluation mode.

    A DataError where a vector is not finite, be it before the transform or after.
    """
    averaged_SX = averaged(model, vectors_SX)
    found = cluster(averaged_SX, placed(model, averaged_SX), clusters, seed)
    return found.centroids, found.size_J


def averaged(model: Ralm, vectors_NX: np.ndarray) -> np.ndarray:
    """What the centroids of these users are means of."""
    return _through(model.averaged, vectors_NX)


def placed(model: Ralm, averaged_NX: np.ndarray) -> np.ndarray:
    """Where averages are compared, with each other and with users: [N, G]."""
    return _through(model.placed, averaged_NX)


def transformed(model: Ralm, vectors_NX: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """user_NG as scores see them, and norm_N, their lengths."""
    user_NG = _through(model.transform, vectors_NX)
    return user_NG, np.linalg.norm(user_NG, axis=1)


@torch.inference_mode()
def packed(model: Ralm, clusters: Clusters) -> Packed:
    """What scoring needs of the seeds of a candidate; there must be one."""
    seed_JG = placed(model, clusters.centroids)
    sizes_1J = torch.from_numpy(clusters.size_J)[None]
    global_J = model.global_weights(torch.from_numpy(seed_JG)[None], sizes_1J)[0].numpy()
    if model.local is None:
        return pack(seed_JG, global_J, alpha=1.0, beta=0.0)
    return pack(seed_JG, global_J, model.local.weight.detach().numpy(), alpha=ALPHA, beta=BETA)


@dataclass(frozen=True)
class SeedLikeness(Likeness):
    """One candidate's seeds against one crowd.

    packed: None without seeds; user_NG, norm_N: transformed users and their lengths; seed_S: rows of the seeds;
    cluster_S: the cluster of each.
    """

    packed: Packed | None
    user_NG: np.ndarray
    norm_N: np.ndarray
    seed_S: np.ndarray
    cluster_S: np.ndarray

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        if self.packed is None:
            return np.full(len(rows_B), np.nan, np.float32)
        return score(self.packed, self.user_NG[rows_B], self.norm_N[rows_B])

    def contributions(self, rows_B: np.ndarray) -> np.ndarray:
        """[B, J]: what each cluster of seeds gives to the scores; there must be seeds."""
        assert self.packed is not None
        return contributions(self.packed, self.user_NG[rows_B], self.norm_N[rows_B])

    def strongest(self, rows_B: np.ndarray) -> np.ndarray:
        """cluster_B: the cluster of seeds that gives most to each score; there must be seeds."""
        return self.contributions(rows_B).argmax(1)


class SeedClusters(LookAlike):
    """RALM, or with `pool = "average"` RALM-average, as trained. seed: of k-means, which reads seeds in the order of
    their users' hashes: it begins alike for the same users, however a crowd is ordered."""

    top = 1.0

    def __init__(self, model: Ralm, *, seed: int) -> None:
        self.model, self.seed = model.eval(), seed
        self._seen: tuple[Crowd, np.ndarray, np.ndarray, np.ndarray] | None = None

    def liken(self, candidate: Candidate, crowd: Crowd) -> SeedLikeness:
        """The crowd asked about last is kept transformed; a crowd is the same one where it is the same object."""
        if self._seen is None or self._seen[0] is not crowd:
            self._seen = crowd, *transformed(self.model, crowd.vectors_NX), user_hash(crowd.users).to_numpy()
        _, user_NG, norm_N, hash_N = self._seen
        seed_S = candidate.seeds_S[np.argsort(hash_N[candidate.seeds_S], kind="stable")]
        averaged_SX = averaged(self.model, crowd.vectors_NX[seed_S])
        most = self.model.config.clusters
        cluster_S = kmeans(user_NG[seed_S], most, self.seed)
        clusters = grouped(averaged_SX, cluster_S, most)
        return SeedLikeness(packed(self.model, clusters) if len(seed_S) else None, user_NG, norm_N, seed_S, cluster_S)


@torch.inference_mode()
def _through(layer: Callable[[Tensor], Tensor], vectors_NX: np.ndarray) -> np.ndarray:
    starts = range(0, max(1, len(vectors_NX)), BLOCK)
    parts = [layer(torch.tensor(vectors_NX[start : start + BLOCK])) for start in starts]
    return torch.cat(parts).numpy()
