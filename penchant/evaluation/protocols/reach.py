"""Audiences from a whole crowd: where later clickers stand in them, and which candidates are shown to whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from penchant.audiences.expected import CLASSES, Bounds
from penchant.audiences.spread import spread_of
from penchant.evaluation.estimates import Estimate
from penchant.evaluation.metrics import evenness, hits, precision
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import Ragged, offsets_of, place_in_run
from penchant.models.lookalikes.promise import Candidate, Crowd, LookAlike
from penchant.models.parts.ranking import among_highest, best

RANK_SHARES = (0.0, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The shares of a ranking at which curves are kept."""

AUDIENCES = (0.001, 0.01, 0.05, 0.1, 0.2)
"""The shares of the crowd, all among RANK_SHARES, at which recall is a metric."""

SHORT = 10


@dataclass(frozen=True)
class Lists:
    """short, long: first places of a user's list that metrics read; users_at_once: who are scored, lists_at_once: whose
    lists are measured."""

    short: int = SHORT
    long: int = 50
    users_at_once: int = 65_536
    lists_at_once: int = 8_192


LISTS = Lists()


@dataclass(frozen=True)
class ReachTest:
    """Candidates of a round whose audiences are asked for, in an order that was drawn.

    number_I: which candidates of the round; class_I: positions in CLASSES; later: rows of the users who clicked each
    later; users_B: rows of all these users, ascending; truth: per user of users_B which of number_I, by position.
    """

    round: Round
    number_I: np.ndarray
    class_I: np.ndarray
    later: Ragged
    users_B: np.ndarray
    truth: Ragged

    @classmethod
    def draw(cls, whole: Round, bounds: Bounds, *, items: int, seed: int) -> "ReachTest":
        """At most `items` candidates that have seeds and a later clicker, as many of each class as there are."""
        later_C = np.bincount(whole.candidate_L, minlength=len(whole.items_C))
        drawn = np.random.default_rng(seed).permutation(np.flatnonzero((later_C > 0) & (whole.seeds.lengths > 0)))
        kind = bounds.classes(whole.seeds.lengths[drawn])
        by_class = np.argsort(kind, kind="stable")
        chosen = np.sort(by_class[among_highest(-place_in_run(kind[by_class]), items)])
        position_C = np.full(len(whole.items_C), -1)
        position_C[drawn[chosen]] = np.arange(len(chosen))
        position_L = position_C[whole.candidate_L]
        position, user = position_L[position_L >= 0], whole.user_L[position_L >= 0]
        users_B, row = np.unique(user, return_inverse=True)
        later, truth = lists_of(position, user, len(chosen)), lists_of(row, position, len(users_B))
        return cls(whole, drawn[chosen], kind[chosen], later, users_B, truth)

    def candidates(self) -> Iterator[Candidate]:
        for number in self.number_I:
            seeds = self.round.seeds.part(slice(number, number + 1)).values
            yield Candidate(int(self.round.items_C[number]), seeds)


@dataclass(frozen=True)
class ReachAnswer:
    """How a scorer did.

    reached_IR: share of each candidate's later clickers within each of RANK_SHARES of the users who had not clicked it;
    area_I: the mean share of these users that a later clicker stands above; collapsed_I: whether scores are too close
    to tell anybody apart; users: by metric a number per user of `ReachTest.users_B`; evenness: how
    evenly candidates fill the short lists, NaN where these are empty.
    """

    reached_IR: np.ndarray
    area_I: np.ndarray
    collapsed_I: np.ndarray
    users: Mapping[str, np.ndarray]
    evenness: float

    def curves(self, asked: ReachTest) -> dict[str, list[list[float]]]:
        """Pairs of a share of the ranking and the share of later clickers within it: the mean over candidates."""
        return {
            name: [[share, float(mean)] for share, mean in zip(RANK_SHARES, self.reached_IR[rows].mean(0), strict=True)]
            for name, rows in _classes(asked).items()
        }

    def estimates(self, asked: ReachTest) -> dict[str, Estimate]:
        """Metrics with what their intervals are read from: candidates for recall and area, users for their lists.

        Without a class it is the mean over all candidates that were drawn, equally many of each class if there are so
        many. Recall by the share of the crowd is the lift over a random audience.
        """
        found = {}
        for name, rows in _classes(asked).items():
            end = "" if name == "all" else f".{name}"
            for share in AUDIENCES:
                recall_I = self.reached_IR[rows, RANK_SHARES.index(share)]
                found[f"recall@{100 * share:g}%{end}"] = Estimate.over(recall_I)
            found[f"area{end}"] = Estimate.over(self.area_I[rows])
        found |= {name: Estimate.over(values_B) for name, values_B in self.users.items()}
        if len(self.collapsed_I):
            found["collapsed"] = Estimate.bare(float(self.collapsed_I.mean()))
        return found | {f"evenness@{SHORT}": Estimate.bare(self.evenness)}


def ask_audiences(
    lookalike: LookAlike, crowd: Crowd, asked: ReachTest, kinds: Mapping[str, Ragged], lists: Lists = LISTS
) -> ReachAnswer:
    """The audiences of all candidates among all users, and the lists of best candidates of users who clicked later.

    kinds: by name ("tags", "categories") what each candidate of the round is about. Who clicked a candidate before is
    in no audience of it, nor is it in a list of theirs. Equal scores count as if they stood in any order; variety and
    evenness take them as they were drawn. Memory is 4 bytes per candidate and user of `asked.users_B`, and a block.
    """
    scores_IB = np.empty((len(asked.number_I), len(asked.users_B)), np.float32)
    reached_IR, area_I = np.empty((len(scores_IB), len(RANK_SHARES))), np.empty(len(scores_IB))
    collapsed_I = np.zeros(len(scores_IB), bool)
    for position, candidate in enumerate(asked.candidates()):
        score_N = score_everyone(lookalike, candidate, crowd, lists.users_at_once)
        later = asked.later.part(slice(position, position + 1)).values
        above, level = standing(score_N, candidate.seeds_S, later)
        # Of users who score the same, any may come first: so many of the later clickers are expected to be in.
        within = (np.array(RANK_SHARES) - above[:, None]) / level[:, None]
        reached_IR[position], area_I[position] = within.clip(0, 1).mean(0), 1 - (above + level / 2).mean()
        seeds_S = score_N[candidate.seeds_S]
        score_N[candidate.seeds_S] = -np.inf
        spread = spread_of(seeds_S, score_N, lookalike.top)
        collapsed_I[position] = spread is not None and spread.collapsed
        scores_IB[position] = score_N[asked.users_B]
    users, shown_I = _measure_lists(scores_IB, asked, kinds, lists)
    return ReachAnswer(reached_IR, area_I, collapsed_I, users, evenness(shown_I))


def score_everyone(
    lookalike: LookAlike, candidate: Candidate, crowd: Crowd, at_once: int = LISTS.users_at_once
) -> np.ndarray:
    """[N], so many at a time; -inf where nothing can be said."""
    likeness, rows = lookalike.liken(candidate, crowd), np.arange(len(crowd))
    blocks = [likeness.scores(rows[start : start + at_once]) for start in range(0, len(crowd), at_once)]
    score_N = np.concatenate(blocks)
    return np.where(np.isnan(score_N), np.float32(-np.inf), score_N)


def standing(score_N: np.ndarray, seeds_S: np.ndarray, later: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `later`: the shares of users without the seeds that score higher, and the same (itself included).

    >>> standing(np.array([0.1, 0.9, 0.5, 0.5, 0.7]), np.array([1]), np.array([2, 0]))
    (array([0.25, 0.75]), array([0.5 , 0.25]))
    """
    ordered = np.sort(np.delete(score_N, seeds_S))
    most, least = (np.searchsorted(ordered, score_N[later], side=side) for side in ("right", "left"))
    return 1 - most / len(ordered), (most - least) / len(ordered)


def lists_of(owner: np.ndarray, values: np.ndarray, count: int) -> Ragged:
    """The values of each of `count` owners, in the order given.

    >>> lists_of(np.array([2, 0, 2]), np.array([7, 8, 9]), 3)
    Ragged(offsets=array([0, 1, 1, 3]), values=array([8, 7, 9]))
    """
    order = np.argsort(owner, kind="stable")
    return Ragged(offsets_of(np.bincount(owner, minlength=count)), values[order])


def _measure_lists(
    scores_IB: np.ndarray, asked: ReachTest, kinds: Mapping[str, Ragged], lists: Lists
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Metrics of each user's list, and how often each candidate is in its first short places."""
    short = lists.short
    size_B, shown_I = asked.truth.lengths, np.zeros(len(scores_IB), np.int64)
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(size_B), lists.lists_at_once):
        rows = slice(start, min(start + lists.lists_at_once, len(size_B)))
        scores_BI = torch.from_numpy(np.ascontiguousarray(scores_IB[:, rows].T))
        top = best(scores_BI, lists.long)
        hit_BK = hits(scores_BI, top, asked.truth.part(rows))
        measured = {f"prec@{k}": precision(hit_BK, size_B[rows], k) for k in (short, lists.long)}
        short_BK, listed_BK = top.ids[:, :short].numpy(), ~top.scores[:, :short].isneginf().numpy()
        shown_I += np.bincount(short_BK[listed_BK], minlength=len(shown_I))
        number_BK = np.where(listed_BK, asked.number_I[short_BK], -1)
        measured |= {f"{name}@{short}": _distinct(number_BK, values) for name, values in kinds.items()}
        tail_BK = listed_BK & (asked.class_I[short_BK] == CLASSES.index("tail"))
        measured[f"tail share@{short}"] = tail_BK.sum(1) / np.maximum(listed_BK.sum(1), 1)
        for name, values in measured.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}, shown_I


def _distinct(number_BK: np.ndarray, lists: Ragged) -> np.ndarray:
    """[B]: how many different values the lists of these numbers hold; a number of -1 has none."""
    values, place = lists.take(number_BK.ravel())
    span = int(values.max(initial=0)) + 1
    different = np.unique(place // number_BK.shape[1] * span + values)
    return np.bincount(different // span, minlength=len(number_BK))


def _classes(asked: ReachTest) -> dict[str, np.ndarray]:
    """Positions of all candidates, and by class where there are any."""
    found = {"all": np.arange(len(asked.class_I))}
    found |= {name: np.flatnonzero(asked.class_I == number) for number, name in enumerate(CLASSES)}
    return {name: rows for name, rows in found.items() if len(rows)}
