"""Fit the copy path: from what counting knows of a user's own tags to whether these are clicked again."""

import numpy as np
import torch
from scipy import sparse

from penchant.features.ragged import Ragged
from penchant.models.interests.blend import CROSSED, CopyPath
from penchant.schema import PAD, RESERVED
from penchant.training.windows import Sample

_LEAST_SPREAD = 1e-6
_DAMPING = 1e-6
"""The ridge penalty as a share of the mean diagonal: it only keeps the equations solvable."""


def fit_copy(sample: Sample, counts_V: np.ndarray) -> CopyPath:
    """Least squares over all pairs of a window and an own tag, centred per tag, because how often a tag is clicked at
    all is for the linear path's intercept to say. counts_V: clicks of each tag by training users, 0 for PAD and
    UNKNOWN."""
    copy = CopyPath(len(counts_V))
    rarity_V = np.log1p(counts_V)
    known = rarity_V[RESERVED:]
    rarity_V = (rarity_V - known.mean()) / max(known.std(), _LEAST_SPREAD)
    rarity_V[:RESERVED] = 0.0
    copy.rarity.copy_(torch.from_numpy(rarity_V))
    lengths = np.concatenate(
        [rows.batch.own.fact("counts").sum(1).log1p().numpy() for rows in sample if rows.batch.own]
    )
    copy.length.copy_(torch.tensor([lengths.mean(), max(lengths.std(), _LEAST_SPREAD)]))
    width, tags = 3 * len(CROSSED), len(counts_V)
    products_FF, answers_F, count = np.zeros((width, width)), np.zeros(width), 0
    sums_VF, true_V = np.zeros((tags, width)), np.zeros(tags)
    for rows in sample:
        assert rows.batch.own
        ids_BH = rows.batch.own.ids_BH.numpy()
        owner_N, place_N = np.nonzero(ids_BH != PAD)
        tag_N = ids_BH[owner_N, place_N]
        known_NF = copy.features(rows.batch.own).numpy()[owner_N, place_N].astype(np.float64)
        products_FF += known_NF.T @ known_NF
        answers_F += known_NF.T @ _in_truth(rows.truth, owner_N, tag_N, tags)
        by_tag = sparse.csr_matrix((np.ones(len(tag_N)), (tag_N, np.arange(len(tag_N)))), (tags, len(tag_N)))
        sums_VF += np.asarray(by_tag @ known_NF)
        true_V += np.bincount(rows.truth.values, minlength=tags)
        count += len(rows)
    products_FF -= sums_VF.T @ sums_VF / count
    answers_F -= sums_VF.T @ true_V / count
    products_FF[np.diag_indices(width)] += _DAMPING * np.trace(products_FF) / width + np.finfo(float).tiny
    copy.weight.copy_(torch.from_numpy(np.linalg.lstsq(products_FF, answers_F)[0]))
    return copy


def _in_truth(truth: Ragged, owner_N: np.ndarray, tag_N: np.ndarray, tags: int) -> np.ndarray:
    """Whether each tag was clicked in the window of its owner."""
    true = np.repeat(np.arange(len(truth)), truth.lengths) * tags + truth.values
    return np.isin(owner_N * tags + tag_N, true).astype(np.float64)
