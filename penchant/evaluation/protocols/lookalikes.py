"""How well look-alike scorers find who clicks later, each beside the others and by how many seeds an item has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field as Limits

from penchant.audiences.expected import CLASSES, Bounds
from penchant.config import Config
from penchant.errors import DataError, PromiseError
from penchant.evaluation.estimates import Estimate, resamples
from penchant.evaluation.examine import examine
from penchant.evaluation.metrics import Duels
from penchant.evaluation.protocols.reach import ReachTest, ask_audiences, lists_of
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import Ragged
from penchant.models.lookalikes.promise import Candidate, Contestant, Crowd, LookAlike
from penchant.progress import Progress, Report, quiet
from penchant.schema import RESERVED

_AUCS = ("auc", *(f"auc.{name}" for name in CLASSES), "auc.known", "auc within items", "auc within users")


class LookalikeEvaluation(Config):
    """audience_items: how many candidates at most, equally many of head, middle and tail, have the whole crowd ranked
    for them; resamples: of the bootstrap over users that gives the intervals of AUC; seed: of both draws."""

    audience_items: Annotated[int, Limits(ge=1)] = 300
    resamples: Annotated[int, Limits(ge=2)] = 200
    seed: Annotated[int, Limits(ge=0)] = 0


@dataclass(frozen=True)
class LookalikeTest:
    """What is asked. rounds: labelled pairs; whole: one round at the start of the test period, with all its later first
    clicks and nothing else; kinds: by name ("tags", "categories") what each candidate of `whole` is about."""

    rounds: Sequence[Round]
    whole: Round
    kinds: Mapping[str, Ragged]


@dataclass(frozen=True)
class PairLabels:
    """The labels of all rounds in a row. A candidate of two rounds counts as two, because it has other seeds in each.

    candidate_L: through all rounds; user_L: numbers below `users`, who have labels; clicked_L; seeds_C: how many;
    known_C: whether the item has an id.
    """

    candidate_L: np.ndarray
    user_L: np.ndarray
    clicked_L: np.ndarray
    seeds_C: np.ndarray
    known_C: np.ndarray
    users: int

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> "PairLabels":
        """Raises DataError where labels are missing that were clicked, or that were not."""
        clicked_L = np.concatenate([np.zeros(0, bool), *(one.clicked_L for one in rounds)])
        if not clicked_L.any() or clicked_L.all():
            raise DataError(
                f"the test period holds {int(clicked_L.sum())} clicked and {int((~clicked_L).sum())} other pairs of "
                f"user and item; AUC needs both: make the test period longer, or take more users"
            )
        starts = np.cumsum([0, *(len(one.items_C) for one in rounds)])
        users, user_L = np.unique(np.concatenate([one.user_L for one in rounds]), return_inverse=True)
        return cls(
            candidate_L=np.concatenate([start + one.candidate_L for start, one in zip(starts, rounds, strict=False)]),
            user_L=user_L,
            clicked_L=clicked_L,
            seeds_C=np.concatenate([one.seeds.lengths for one in rounds]),
            known_C=np.concatenate([one.items_C for one in rounds]) >= RESERVED,
            users=len(users),
        )

    @property
    def labelled(self) -> np.ndarray:
        """Numbers of the candidates that have labels."""
        return np.unique(self.candidate_L)


@dataclass(frozen=True)
class LookalikeAnswer:
    """How a look-alike did. found: by metric, those left out that nothing could be measured for; curves: see
    `ReachAnswer.curves`."""

    found: Mapping[str, Estimate]
    curves: Mapping[str, Any]

    def estimates(self) -> Mapping[str, Estimate]:
        """Return the estimates of labelled pairs and of audiences."""
        return self.found


@dataclass(frozen=True)
class LookalikeProtocol:
    """What every look-alike is asked: labelled pairs, and the audiences of some candidates."""

    test: LookalikeTest
    config: LookalikeEvaluation
    pairs: PairLabels
    bounds: Bounds
    reach: ReachTest

    @classmethod
    def of(cls, test: LookalikeTest, config: LookalikeEvaluation) -> Self:
        """Draw the candidates. Raises DataError where there is nothing to compare."""
        pairs = PairLabels.of(test.rounds)
        bounds = Bounds.of(pairs.seeds_C[pairs.labelled])
        reach = ReachTest.draw(test.whole, bounds, items=config.audience_items, seed=config.seed)
        return cls(test, config, pairs, bounds, reach)

    def ask(self, name: str, contestant: Contestant, tell: Callable[[str], None]) -> LookalikeAnswer:
        """Measure one look-alike. tell: is told what begins. Raises PromiseError where it says nothing at all."""
        tell("labelled pairs")
        scores_L = score_pairs(contestant.lookalike, contestant.crowd, self.test.rounds)
        refuse_silent(name, scores_L, contestant, self.test.rounds)
        found = measure_pairs(scores_L, self.pairs, self.bounds, self.config)
        tell("audiences")
        answer = ask_audiences(contestant.lookalike, contestant.crowd, self.reach, self.test.kinds)
        found |= answer.estimates(self.reach)
        measured = {metric: one for metric, one in found.items() if np.isfinite(one.mean)}
        return LookalikeAnswer(measured, answer.curves(self.reach))


def evaluate_lookalikes(
    contestants: Mapping[str, Contestant],
    test: LookalikeTest,
    config: LookalikeEvaluation,
    *,
    reference: str,
    report: Report = quiet,
) -> dict[str, Any]:
    """Return what the scores of the reference hold: counts, bounds, scores, minus, curves and expected.

    scores: by contestant and metric the mean and half its 95 % interval. AUC is pooled over labels; ".tail", ".middle"
    and ".head" are thirds of the candidates by number of seeds, ".known" the items that have an id; "within items" is
    the mean over candidates, "within users" over users. "scored": share of labels with a score. recall, area: of later
    clickers among the whole crowd, the mean over candidates; the rest is about the best candidates of each user with a
    later click. minus: the reference's metrics less those of each other, paired. bounds, curves and expected are what
    `ExpectedPrecision.read` takes. Raises DataError where there is nothing to compare.
    """
    assert len({len(one.crowd) for one in contestants.values()}) == 1
    protocol = LookalikeProtocol.of(test, config)
    done, total = count(), 2 * len(contestants)

    def ask(name: str, contestant: Contestant) -> LookalikeAnswer:
        return protocol.ask(
            name, contestant, lambda what: report(Progress("look-alikes", next(done), total, f"{name}: {what}"))
        )

    examined = examine(contestants, ask)
    report(Progress("look-alikes", total, total))
    return {
        "counts": _counts(protocol) | {"crowd": len(contestants[reference].crowd)},
        "bounds": asdict(protocol.bounds),
        "scores": examined.scores(),
        "minus": {reference: examined.minus(reference)},
        "curves": {name: answer.curves for name, answer in examined.answers.items()},
        "expected": {"later_per_seed": later_per_seed(test.whole, protocol.bounds)},
    }


def score_pairs(lookalike: LookAlike, crowd: Crowd, rounds: Sequence[Round]) -> np.ndarray:
    """score_L, float32, of the labels of all rounds in a row; NaN where nothing can be said, as without seeds."""
    return np.concatenate([_score_round(lookalike, crowd, one) for one in rounds])


def refuse_silent(name: str, scores_L: np.ndarray, contestant: Contestant, rounds: Sequence[Round]) -> None:
    """Raise PromiseError where a look-alike says nothing of any pair, although one seed is enough: not even of the
    seeds of an item that training knows. scores_L: those of `score_pairs`."""
    if np.isfinite(scores_L).any():
        return
    asked = [Candidate(item, seeds_S) for one in rounds for item, seeds_S in _known(one)]
    for candidate in asked:
        if np.isfinite(contestant.lookalike.liken(candidate, contestant.crowd).scores(candidate.seeds_S)).any():
            return
    if asked:
        raise PromiseError(
            f"the look-alike {name!r} gives NaN, which says nothing, for each of {len(scores_L):,} pairs of user and "
            f"item, and for all seeds of {len(asked):,} items; so it cannot be compared. If its training, or that of "
            f"its users, went astray, lower training.rate and train again; the test LookalikesContract of "
            f"penchant.testing says what a look-alike promises (docs/write-your-own-model.md)"
        )


def _known(one: Round) -> Iterator[tuple[int, np.ndarray]]:
    """Items of a round that training knows, and their seeds, where there are labels and seeds."""
    labels_C = np.bincount(one.candidate_L, minlength=len(one.items_C))
    for number in np.flatnonzero((labels_C > 0) & (one.seeds.lengths > 0) & (one.items_C >= RESERVED)):
        yield int(one.items_C[number]), one.seeds.part(slice(number, number + 1)).values


def measure_pairs(
    scores_L: np.ndarray, pairs: PairLabels, bounds: Bounds, config: LookalikeEvaluation
) -> dict[str, Estimate]:
    """Return all AUCs and "scored". Every scorer is measured in the same resamples of users."""
    *duels, by_user = _duels(scores_L, pairs, bounds)
    everyone_U = np.ones(pairs.users)
    # A user's own AUC does not depend on the weight of the user.
    user_U = by_user.won(everyone_U)
    means = _aucs(duels, user_U, everyone_U)
    weights = resamples(pairs.users, config.resamples, config.seed)
    drawn = np.array([_aucs(duels, user_U, weight_U) for weight_U in weights])
    found = {name: Estimate(means[place], drawn[:, place], resampled=True) for place, name in enumerate(_AUCS)}
    return found | {"scored": Estimate.bare(float(np.isfinite(scores_L).mean()))}


def later_per_seed(whole: Round, bounds: Bounds) -> dict[str, float]:
    """Return the number of later clickers per seed, over all candidates that have seeds and by class. Candidates that
    nobody clicked later count as well."""
    seeds_C, later_C = whole.seeds.lengths, np.bincount(whole.candidate_L, minlength=len(whole.items_C))
    class_C = bounds.classes(seeds_C)
    groups = {"all": seeds_C > 0}
    groups |= {name: (class_C == number) & (seeds_C > 0) for number, name in enumerate(CLASSES)}
    return {name: float(later_C[of].sum() / seeds_C[of].sum()) for name, of in groups.items() if of.any()}


def _score_round(lookalike: LookAlike, crowd: Crowd, one: Round) -> np.ndarray:
    """score_L of a round; each candidate is likened once."""
    scores_L = np.full(len(one.user_L), np.nan, np.float32)
    labels = lists_of(one.candidate_L, np.arange(len(scores_L)), len(one.items_C))
    for number in np.flatnonzero((labels.lengths > 0) & (one.seeds.lengths > 0)):
        asked = labels.part(slice(number, number + 1)).values
        seeds_S = one.seeds.part(slice(number, number + 1)).values
        likeness = lookalike.liken(Candidate(int(one.items_C[number]), seeds_S), crowd)
        scores_L[asked] = likeness.scores(one.user_L[asked])
    return scores_L


def _duels(scores_L: np.ndarray, pairs: PairLabels, bounds: Bounds) -> Iterator[Duels]:
    """All pairs, those of each class, of known items, of each candidate and of each user."""
    known_L, all_L = pairs.known_C[pairs.candidate_L], np.ones(len(scores_L), bool)
    nothing_L = np.zeros(len(scores_L), np.int64)
    class_L = bounds.classes(pairs.seeds_C)[pairs.candidate_L]
    views = [
        (all_L, nothing_L, 1),
        (all_L, class_L, len(CLASSES)),
        (known_L, nothing_L, 1),
        (all_L, pairs.candidate_L, len(pairs.seeds_C)),
        (all_L, pairs.user_L, pairs.users),
    ]
    for of, group_L, groups in views:
        clicked_L, owner_L = pairs.clicked_L[of], pairs.user_L[of]
        yield Duels.of(scores_L[of], clicked_L, owner_L=owner_L, group_L=group_L[of], groups=groups)


def _aucs(duels: Sequence[Duels], user_U: np.ndarray, weight_U: np.ndarray) -> list[float]:
    """In the order of _AUCS; user_U: the AUC of each user."""
    *pooled, item_C = (view.won(weight_U) for view in duels)
    means = (_mean(item_C, np.ones(len(item_C))), _mean(user_U, weight_U))
    return [float(value) for value in (*np.concatenate(pooled), *means)]


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean of the finite values; NaN where none of them has a weight."""
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")


def _counts(protocol: LookalikeProtocol) -> dict[str, int]:
    """How many labels, users and candidates each number is of."""
    pairs, bounds, asked = protocol.pairs, protocol.bounds, protocol.reach
    class_C, known_L = bounds.classes(pairs.seeds_C), pairs.known_C[pairs.candidate_L]
    counts = {
        "labels": len(pairs.clicked_L),
        "clicked": int(pairs.clicked_L.sum()),
        "labels.known": int(known_L.sum()),
        "users": pairs.users,
        "candidates": len(pairs.labelled),
        "audiences": len(asked.number_I),
        "users with later clicks": len(asked.users_B),
    }
    for number, name in enumerate(CLASSES):
        counts[f"labels.{name}"] = int((class_C[pairs.candidate_L] == number).sum())
        counts[f"candidates.{name}"] = int((class_C[pairs.labelled] == number).sum())
        counts[f"audiences.{name}"] = int((asked.class_I == number).sum())
    return counts
