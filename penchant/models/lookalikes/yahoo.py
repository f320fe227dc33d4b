"""Yahoo look-alike: users who share a MinHash bucket with a seed, scored by the information value of what they have.

Source: Ma et al., "A sub-linear, massive-scale look-alike audience extension system", PMLR 53, 2016; information value
with "> 0.5 as positive filter" as RALM (Liu et al., KDD 2019) says that it used it. Ours: 0.5 is added to the counts
behind the information value, so that it stays finite, and the seeds are compared with all users of the crowd.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from penchant.features.ragged import Ragged
from penchant.models.base import CatalogEntry, Width
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike, LookAlikeConfig

NOBODY = 0
"""The bucket of users without values, which nobody shares."""


class YahooConfig(LookAlikeConfig):
    """Yahoo look-alike. bands, rows: MinHash has bands x rows hash functions, and two users match where all rows of a
    band agree, which happens with probability 1 - (1 - s^rows)^bands for sets of Jaccard similarity s; who matches no
    seed gets no score; positive_filter: which values count, where p is their share among seeds and q among all users:
    "p>0.5" as RALM took it, under which few sparse values are left; "p>q", which is what we would take; or "none",
    where what the seeds lack counts too."""

    name: Literal["yahoo"] = "yahoo"
    bands: Width = 32
    rows: Width = 2
    positive_filter: Literal["p>0.5", "p>q", "none"] = "p>0.5"


@dataclass(frozen=True)
class _Index:
    """What is worked out once per crowd. features_NV: one where a user has a value; bucket_NR: per band, no two bands
    share a number; buckets: how many there are."""

    crowd: Crowd
    features_NV: csr_array[np.float64, tuple[int, int]]
    having_V: np.ndarray
    bucket_NR: np.ndarray
    buckets: int


class Yahoo(LookAlike):
    """Users that MinHash does not return are not in the audience: they score NaN, as do users without values."""

    def __init__(self, config: YahooConfig, *, seed: int) -> None:
        self.config, self.seed = config, seed
        self._index: _Index | None = None

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        """The index of the crowd asked about last is kept; a crowd is the same one where it is the same object."""
        if self._index is None or self._index.crowd is not crowd:
            self._index = self._read(crowd)
        index, seeds_S = self._index, candidate.seeds_S
        having_V = np.bincount(crowd.values.take(seeds_S)[0], minlength=crowd.width)
        met = np.zeros(index.buckets, bool)
        met[index.bucket_NR[seeds_S]] = True
        met[NOBODY] = False
        return _Met(index, met, self._weights(having_V, len(seeds_S), index.having_V, len(crowd)))

    def _read(self, crowd: Crowd) -> _Index:
        values = crowd.values
        bucket_NR = buckets(values, crowd.width, self.config, np.random.default_rng(self.seed))
        ones = np.ones(len(values.values))
        features_NV = csr_array((ones, values.values, values.offsets), shape=(len(crowd), crowd.width))
        having_V = np.bincount(values.values, minlength=crowd.width)
        return _Index(crowd, features_NV, having_V, bucket_NR, int(bucket_NR.max(initial=NOBODY)) + 1)

    def _weights(self, having_V: np.ndarray, seeds: int, everyone_V: np.ndarray, users: int) -> np.ndarray:
        """A_V, zero where the filter is not passed; it looks at the shares as counted, before 0.5 is added."""
        weight_V = information_value((having_V + 0.5) / (seeds + 1), (everyone_V + 0.5) / (users + 1))
        match self.config.positive_filter:
            case "p>0.5":
                return np.where(2 * having_V > seeds, weight_V, 0.0)
            case "p>q":
                return np.where(having_V * users > everyone_V * seeds, weight_V, 0.0)
            case "none":
                return weight_V


@dataclass(frozen=True)
class _Met(Likeness):
    """met: which buckets hold a seed; weight_V: the information value of each value."""

    index: _Index
    met: np.ndarray
    weight_V: np.ndarray

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        """Σ_j A_jj f_uj of those who share a bucket with a seed, NaN of all others."""
        candidate_B = self.met[self.index.bucket_NR[rows_B]].any(1)
        score_B = np.full(len(rows_B), np.nan, np.float32)
        score_B[candidate_B] = self.index.features_NV[rows_B[candidate_B]] @ self.weight_V
        return score_B


def information_value(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """A = (p - q) log(p (1 - q) / ((1 - p) q)) of shares strictly between 0 and 1; never negative.

    >>> information_value(np.array([0.6, 0.5]), np.array([0.2, 0.5])).round(6).tolist()
    [0.716704, 0.0]
    """
    return (p - q) * np.log(p * (1 - q) / ((1 - p) * q))


def buckets(values: Ragged, width: int, config: YahooConfig, rng: np.random.Generator) -> np.ndarray:
    """bucket_NR, int32: one bucket per user and band; users share it where their sets agree in all hashes of the band.

    values: each user's set of numbers below `width`. Users without values are in bucket NOBODY.
    """
    known_N = values.lengths > 0
    bucket_NR = np.full((len(values), config.bands), NOBODY, np.int32)
    first = NOBODY + 1
    for band in range(config.bands):
        key_K = np.zeros(known_N.sum(), np.uint64)
        for _ in range(config.rows):
            key_K *= rng.integers(2**63, dtype=np.uint64) * 2 + 1  # odd, so that nothing of the key is lost
            key_K += _smallest(values, rng.permutation(width).astype(np.uint32))
        distinct, number_K = np.unique(key_K, return_inverse=True)
        bucket_NR[known_N, band] = first + number_K
        first += len(distinct)
    return bucket_NR


def _smallest(values: Ragged, hash_V: np.ndarray) -> np.ndarray:
    """mh(F) = min over f in F of hash(f), of each set that is not empty."""
    return np.minimum.reduceat(hash_V[values.values], values.offsets[:-1][values.lengths > 0])


ENTRY = CatalogEntry("lookalikes", YahooConfig, Yahoo)
