"""Words for what look-alike audiences are measured by: scorers, metrics, and one plain sentence about each."""

import re
from collections.abc import Collection

from penchant.audiences.expected import CLASSES
from penchant.evaluation.choice import SCORERS, title
from penchant.report.lookalikes.facts import RALM
from penchant.report.words import nice

__all__ = ["ABOUT", "HIGHEST_FIRST", "MAIN", "SCORERS", "title"]

ABOUT = {
    RALM: "clusters of the seeds, with local and global attention",
    "average": "RALM with the mean of all seeds in the place of clusters and attention",
    "youtube": "inner product of the user's vector and the item's; fields are concatenated; seeds are not asked",
    "merge": "the same, but fields are merged by attention, as RALM does it",
    "yahoo": "weighs the values that seeds have more often than others",
    "lr": "a logistic regression for each candidate: its seeds against other users",
    "popularity": "by the number of seeds alone, for every user the same",
}
MAIN = ("auc", "prec@10", "prec@50", "recall@1%", "recall@5%", "recall@10%")
HIGHEST_FIRST = CLASSES[::-1]
_SENTENCES = (
    (
        r"auc",
        "the chance that a pair of user and candidate clicked later scores above one not clicked; guessing has 0.5",
    ),
    (
        r"prec@\d+",
        "hits among a user's best K candidates, over K or, where that is less, all that the user clicked later",
    ),
    (
        r"recall@.+%",
        "the share of a candidate's later clickers within the best so many per cent of all users",
    ),
    (r"auc\.(head|middle|tail)", "AUC over candidates with many, some, and few seeds"),
    (r"auc\.known", "AUC over the items that phase 1 knows; of others, an inner product with the item can say nothing"),
    (r"auc within items", "AUC among the users of one candidate, averaged; how popular the candidate is cannot help"),
    (r"auc within users", "AUC among the candidates of one user, averaged; how active the user is cannot help"),
    (r"area", "AUC against everybody: the mean share of all users that a later clicker stands above"),
    (r"lift@.+%", "that recall over the share of users: how many times better than people drawn at random"),
    (
        r"collapsed",
        "share of the candidates for which scores of seeds and of others are so close that they tell nobody apart",
    ),
    (r"scored", "share of pairs that got a score at all; the others stand below all of these, level with each other"),
    (r"tags@\d+", "different tags among the K candidates ranked first for a user"),
    (r"categories@\d+", "different categories among them"),
    (r"evenness@\d+", "1 − Gini of how often each candidate is among them: 1 where all are shown equally often"),
    (r"tail share@\d+", "the share of tail candidates among them"),
)


def unit(metric: str) -> str:
    """What a metric is a mean over, and its interval with one seed."""
    return "candidates" if re.match(r"(recall|lift)@|area", metric) else "users"


def main_metrics(metrics: Collection[str]) -> list[str]:
    """Those that the paper has, and recall at the usual shares."""
    return [name for name in MAIN if name in metrics]


def auc_metrics(metrics: Collection[str]) -> list[str]:
    """AUC over parts of the pairs."""
    return [name for name in metrics if re.match(r"auc[. ]", name)]


def audience_metrics(metrics: Collection[str]) -> list[str]:
    """What audiences of the whole crowd are measured by, beyond the main metrics, over all classes of candidates."""
    there = [name for name in metrics if re.fullmatch(r"area|(recall|lift)@[\d.]+%|scored|collapsed", name)]
    return [name for name in there if name not in MAIN]


def diversity_metrics(metrics: Collection[str]) -> list[str]:
    """How unlike the candidates are that users would be shown."""
    return [name for name in metrics if re.fullmatch(r"(tags|categories|evenness|tail share)@\d+", name)]


def class_metrics(metrics: Collection[str]) -> list[str]:
    """Of AUC and the middle one of the recalls those that are there by class of candidates."""
    found = [name for name in main_metrics(metrics) if any(f"{name}.{kind}" in metrics for kind in CLASSES)]
    recalls = [name for name in found if name.startswith("recall")]
    return [name for name in found if name == "auc"] + recalls[len(recalls) // 2 :][:1]


def explained(metrics: Collection[str]) -> list[tuple[str, str]]:
    """What the metrics mean: their names and a sentence, once for metrics of a kind."""
    found = [(sentence, [name for name in metrics if re.fullmatch(pattern, name)]) for pattern, sentence in _SENTENCES]
    return [(", ".join(map(nice, names)), sentence) for sentence, names in found if names]


def number_of(scorer: str, others: Collection[str]) -> int:
    """Which colour and mark a scorer has: the same on every page, behind these for scorers that are not known."""
    known = list(SCORERS)
    unknown = [name for name in others if name not in SCORERS]
    return known.index(scorer) if scorer in SCORERS else len(known) + unknown.index(scorer)
