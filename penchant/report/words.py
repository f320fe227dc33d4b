"""Words of the report: what was chosen for a blend, and how metrics are called."""

import re
from collections.abc import Iterator, Sequence

from penchant.report.numbers import DataSet, Difference
from penchant.training.blend import BLEND, Chosen

Z = 1.96
"""Standard errors to half a 95 % interval."""

WHOSE = "training users, each judged by a fit that left them out"


def told(chosen: Chosen) -> Iterator[str]:
    """Sentences: the blend beside the best baseline, or beside the one that is served for it; then its deep model."""
    judged = f"On {chosen.users:,} {WHOSE},"
    if chosen.served == BLEND:
        best = best_baseline(chosen)
        yield f"{judged} the blend differed from the best baseline, “{best}”, by {difference(*chosen.ahead[best])}."
    else:
        behind = difference(*chosen.ahead[chosen.served])
        yield f"{judged} the blend differed from “{chosen.served}” by {behind}, so that baseline is served instead."
    if chosen.deep is not None:
        share = f"makes {chosen.share:.0%} of how preferences spread" if chosen.share else "earned no share"
        yield f"The deep model {share}: {difference(*chosen.deep)} for validation users."


def best_baseline(chosen: Chosen) -> str:
    """By NDCG@10 of users left out of the fit."""
    return max((name for name in chosen.judged if name != BLEND), key=lambda name: chosen.judged[name])


def difference(mean: float, error: float) -> str:
    """In NDCG@10, with half its 95 % interval; four digits where that is narrow.

    >>> difference(-0.01, 0.005), difference(0.00002, 0.0001)
    ('−0.010 ±0.010', '+0.0000 ±0.0002')
    """
    half = Z * error
    digits = 4 if half < 0.001 else 3
    return f"{mean:+.{digits}f} ±{half:.{digits}f}".replace("-", "−")


def named(sets: Sequence[DataSet]) -> list[str]:
    """What tells sets of data apart: the fields that are predicted if each set has another one, else their places."""
    fields = [data.statistics.predicted for data in sets]
    if len(set(fields)) == len(fields):
        return fields
    return [f"data set {number} of {len(sets)}" for number in range(1, len(sets) + 1)]


def nice(metric: str) -> str:
    """As people write it.

    >>> nice("ndcg@10"), nice("prec@1"), nice("auc.tail"), nice("auc within items")
    ('NDCG@10', 'Prec@1', 'AUC, tail', 'AUC within items')
    >>> nice("gauc"), nice("logloss")
    ('GAUC', 'Log loss')
    >>> nice("recall@0.5%.head").replace(chr(160), "_")
    'Recall@0.5_%, head'
    """
    words = re.sub(r"\.([a-z]+)$", r", \1", metric).replace("%", "\u00a0%").replace("logloss", "log loss")
    start = re.match(r"ndcg|g?auc|[a-z]?", words)
    return words.replace(start[0], start[0].upper(), 1) if start else words


def signed(difference: Difference) -> str:
    """With its sign and its widest interval, as words of a sentence."""
    widest = max(difference.half, difference.half_seeds or 0.0)
    digits = 4 if widest < 0.001 else 3
    return f"{difference.mean:+.{digits}f}\u00a0±\u00a0{widest:.{digits}f}".replace("-", "−")
