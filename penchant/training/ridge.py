"""Ridge regression from a user's log counts to the tags clicked later; its penalty is chosen by cross-fitting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.models.interests.blend import CLICKS
from penchant.models.interests.promise import Judge
from penchant.models.interests.ridge import RidgeRegression
from penchant.schema import RESERVED
from penchant.training.linear_path import Moments, Predictor
from penchant.training.windows import FOLDS, Folded, Sample, Windows, matrix_of, truth_matrix

PENALTIES = (30.0, 100.0, 300.0, 1_000.0, 3_000.0)
MOST_TAGS = 4_000
"""More tags have no ridge regression: the square of their number would not fit in memory."""


@dataclass(frozen=True)
class Ridge:
    """A ridge regression and what it was fitted from. judged: `Judge.rankings` of each user of `Sample.judged`, by fits
    that did not see their fold."""

    model: RidgeRegression
    moments: Moments
    judged: np.ndarray


def fit_ridges(
    shards: Sequence[Shard], tags: int, judge: Judge, *, forward: bool, most_tags: int = MOST_TAGS
) -> dict[str, Ridge]:
    """ "ridge", fitted to the last window of each training user, and "ridge, all windows" where there are several; none
    for more than `most_tags` tags. forward: see `Folded`."""
    if tags > most_tags:
        return {}
    sample, blocks = Sample(shards, [CLICKS]), {CLICKS: tags}
    folded = Folded(tags, tags, forward=forward)
    for rows in sample:
        folded.add(rows, matrix_of(rows.batch, blocks, unit=False), truth_matrix(rows.truth, tags))
    held = sample.judged()
    x = sparse.csr_matrix(sparse.vstack([matrix_of(rows.batch, blocks, unit=False) for rows in held]))
    made = {"ridge": _fit(folded, x, held, judge, last_only=True)}
    if folded.several:
        made["ridge, all windows"] = _fit(folded, x, held, judge, last_only=False)
    return made


def _fit(folded: Folded, x: sparse.csr_matrix, held: list[Windows], judge: Judge, *, last_only: bool) -> Ridge:
    truth, size, fold = joined(held)
    total = folded.total(last_only=last_only)
    parts = [Predictor(folded.without(number, last_only=last_only)) for number in range(FOLDS)]
    found = {}
    for penalty in PENALTIES:
        scores_BV = torch.zeros(x.shape[0], total.xt_PT.shape[1])
        for number in range(FOLDS):
            rows = np.flatnonzero(fold == number)
            if len(rows):
                scores_BV[rows] = torch.from_numpy(parts[number].predict(x[rows], penalty)[0])
        scores_BV[:, :RESERVED] = -torch.inf
        found[penalty] = judge.rankings(scores_BV, truth, size)
    best = max(found, key=lambda penalty: float(found[penalty].mean()))
    weight_VV = total.solve(best)
    return Ridge(RidgeRegression(weight_VV, total.intercept(weight_VV)), total, found[best])


def joined(held: Sequence[Windows]) -> tuple[Ragged, np.ndarray, np.ndarray]:
    """Truth, size and fold of several parts as one."""
    lengths = np.concatenate([rows.truth.lengths for rows in held])
    truth = Ragged(np.concatenate([[0], np.cumsum(lengths)]), np.concatenate([rows.truth.values for rows in held]))
    return truth, np.concatenate([rows.size for rows in held]), np.concatenate([rows.fold for rows in held])
