"""Logistic regression per item: who clicked it against users drawn from the others, by the values of their fields.

Source: RALM (Liu et al., KDD 2019), the competitor "LR", described in prose only: one-hot features of the user, seeds
as positives, random users as negatives. How many negatives and the penalty are ours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from penchant.models.base import CatalogEntry, Positive
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike, LookAlikeConfig

NEGATIVES_PER_SEED = 5
INVERSE_PENALTY = 1.0
"""C of scikit-learn: the sum of log losses against half the squared length of the weights."""

Features = csr_array[np.float64, tuple[int, int]]


class LogisticConfig(LookAlikeConfig):
    """Logistic regression per item. most_seeds: the seeds that a fit learns from, drawn at random where there are more,
    so that a popular item costs no more than this."""

    name: Literal["logistic"] = "logistic"
    most_seeds: Positive = 2_000


class Logistic(LookAlike):
    """A fit for each candidate. All users score NaN where there are no seeds, nobody but seeds, or no values."""

    top = 1.0

    def __init__(self, config: LogisticConfig, *, seed: int) -> None:
        self.config, self.seed = config, seed
        self._read: tuple[Crowd, Features] | None = None

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        """The features of the crowd asked about last are kept; a crowd is the same one where it is the same object."""
        if self._read is None or self._read[0] is not crowd:
            values = crowd.values
            ones = np.ones(len(values.values))
            self._read = crowd, csr_array((ones, values.values, values.offsets), shape=(len(crowd), crowd.width))
        features_NV = self._read[1]
        rows_B, seed_B = self._examples(candidate, len(crowd))
        return _Fitted(features_NV, *_fit(features_NV[rows_B], seed_B))

    def _examples(self, candidate: Candidate, users: int) -> tuple[np.ndarray, np.ndarray]:
        """rows_B of the crowd and whether each is a seed; the draw depends on the item, not on the order of seeds."""
        rng = np.random.default_rng([self.seed, candidate.item])
        seeds_S = np.sort(candidate.seeds_S)
        others = np.ones(users, bool)
        others[seeds_S] = False
        if len(seeds_S) > self.config.most_seeds:
            seeds_S = rng.choice(seeds_S, self.config.most_seeds, replace=False)
        other_rows = np.flatnonzero(others)
        drawn = min(NEGATIVES_PER_SEED * len(seeds_S), len(other_rows))
        rows_B = np.concatenate([seeds_S, rng.choice(other_rows, drawn, replace=False)])
        return rows_B, np.arange(len(rows_B)) < len(seeds_S)


@dataclass(frozen=True)
class _Fitted(Likeness):
    features_NV: Features
    weight_V: np.ndarray
    bias: float

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        """The probability to be a seed, as the sample had them: one in 1 + NEGATIVES_PER_SEED."""
        return expit(self.features_NV[rows_B] @ self.weight_V + self.bias).astype(np.float32)


def _fit(features_BV: Features, seed_B: np.ndarray) -> tuple[np.ndarray, float]:
    """weight_V and bias; no weight and a bias of NaN where there is nothing to tell apart.

    Only the columns that occur are fitted: the penalty keeps the others at zero.
    """
    weight_V = np.zeros(features_BV.shape[1])
    columns, place = np.unique(features_BV.indices, return_inverse=True)
    if not len(columns) or seed_B.all():
        return weight_V, np.nan
    compact = csr_array(
        (features_BV.data, place.astype(np.int32), features_BV.indptr.astype(np.int32)),  # scikit-learn wants 32 bits
        shape=(len(seed_B), len(columns)),
    )
    fitted = LogisticRegression(C=INVERSE_PENALTY, solver="newton-cg").fit(compact, seed_B)
    weight_V[columns] = fitted.coef_[0]
    return weight_V, float(fitted.intercept_[0])


ENTRY = CatalogEntry("lookalikes", LogisticConfig, Logistic)
