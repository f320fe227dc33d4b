"""The baselines that a model of interests has to beat: those that count, and those that are fitted in closed form."""

from collections.abc import Sequence

import numpy as np

from penchant.features.shards import Shard
from penchant.models.interests.counts import counting_baselines
from penchant.models.interests.promise import Judge, Preferences
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED
from penchant.training.ridge import fit_ridges


def fit_baselines(
    counts: np.ndarray, train: Sequence[Shard], judge: Judge, *, forward: bool, report: Report = quiet
) -> dict[str, Preferences]:
    """Return every baseline by name.

    "ridge" is fitted to the last window of each training user, "ridge, all windows" to all windows, where users have
    several; both are left out for vocabularies whose square is too large. Cross-fitting chooses their penalties, as it
    does for the model. counts: clicks by training users on each tag; forward: see `training.rows.Folded`.
    """
    report(Progress("baselines", 0, 1, "ridge regression"))
    ridges = fit_ridges(train, RESERVED + len(counts), judge, forward=forward)
    report(Progress("baselines", 1, 1))
    return {**counting_baselines(counts), **{name: ridge.model for name, ridge in ridges.items()}}
