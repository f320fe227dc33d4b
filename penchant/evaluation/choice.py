"""Choose which scorer makes audiences: the one that is best at items that no scorer learned from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from penchant.errors import MissingStepError
from penchant.evaluation.estimates import NORMAL, Estimate
from penchant.evaluation.metrics import Duels
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import place_in_run
from penchant.logs.users import uniform
from penchant.models.parts.ranking import highest

METRIC = "auc within items"
"""What decides: how well users are told apart for one item, which is what an audience is. AUC over all pairs mixes it
with which items are on the rise."""

RANKS_NOBODY = frozenset({"popularity"})
"""All users of an item are level, so these make no audience unless they are asked for by name."""

SCORERS: dict[str, str] = {
    "ralm": "RALM",
    "average": "RALM-average",
    "youtube": "YouTube DNN",
    "merge": "attention merge",
    "yahoo": "Yahoo",
    "lr": "logistic regression",
    "popularity": "popularity",
}
"""What people call those that have a name of ours, in the order of tables and legends."""

FEWEST = 20
"""Of fewer candidates nothing is learned about scorers: the reference stays."""

ENOUGH = 100
"""With at least so many candidates that were held out, these decide alone: their differences have a standard error of
about 0.02. With fewer, every scorer that learns is trained again without a part of the other candidates and measured on
that part, for each part in turn."""

PARTS = 3
MOST = 500
"""Candidates of a round that are asked about at most, each in as many rounds as there is room for."""


def title(scorer: str) -> str:
    """Return the readable name of a scorer; a name that is not known stays as it is."""
    return SCORERS.get(scorer, scorer)


@dataclass(frozen=True)
class Part:
    """Labels of candidates that a scorer is asked about without having learned from them.

    rounds: with these labels alone; names: items whose labels the scorer must not have learned from, empty where
    nothing learns from these labels in any case; slot_L: number of the candidate, counted through all rounds; item_S:
    number of each candidate's item.
    """

    rounds: Sequence[Round]
    names: frozenset[str]
    slot_L: np.ndarray
    item_S: np.ndarray


@dataclass(frozen=True)
class Trial:
    """The questions that decide between scorers. items: how many, numbered through all parts; crossed: whether a scorer
    that learns is trained again for every part, without it."""

    parts: Sequence[Part]
    items: int
    crossed: bool

    def values(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """value_I: for each item the share of duels, of a user who clicked it with one who did not, that were won.

        scores: score_L of each part. Rounds of an item are pooled; a duel is within one.
        """
        won_I, duels_I = np.zeros(self.items), np.zeros(self.items)
        for part, score_L in zip(self.parts, scores, strict=True):
            clicked_L, slots = np.concatenate([one.clicked_L for one in part.rounds]), len(part.item_S)
            nobody_L = np.zeros(len(score_L), np.int64)
            duels = Duels.of(score_L, clicked_L, owner_L=nobody_L, group_L=part.slot_L, groups=slots)
            clicks_S = np.bincount(part.slot_L, clicked_L, minlength=slots)
            duels_S = clicks_S * (np.bincount(part.slot_L, minlength=slots) - clicks_S)
            won_I += np.bincount(part.item_S, duels.won(np.ones(1)) * duels_S, minlength=self.items)
            duels_I += np.bincount(part.item_S, duels_S, minlength=self.items)
        return won_I / duels_I


def trial_of(
    rounds: Sequence[Round], held: frozenset[str], seed: int, *, enough: int = ENOUGH, most: int = MOST
) -> Trial | int:
    """Return the trial, on held items where there are enough of them, and otherwise on all others, in PARTS parts.
    held: items whose labels train nothing; most: candidates that are asked about.

    A candidate takes part where it has seeds, a click, and a pair that is no click. With fewer than FEWEST such
    candidates, their number is returned instead.
    """
    slots = _slots(rounds).with_columns(held=pl.col("name").is_in(list(held)))
    crossed = slots.filter("held")["name"].n_unique() < enough
    asked = slots.filter(pl.col("held") != crossed, "asked")
    if (items := asked["name"].n_unique()) < FEWEST:
        return items
    names = slots.filter(~pl.col("held"))["name"].unique(maintain_order=True) if crossed else asked["name"].unique()
    place = (uniform(names, seed)[0] * PARTS).astype(np.int32) if crossed else np.zeros(len(names), np.int32)
    part_of = pl.DataFrame({"name": names, "part": place})
    chosen = _thinned(asked, seed, most).join(part_of, on="name", maintain_order="left")
    number = pl.DataFrame({"name": chosen["name"].unique().sort()}).with_row_index("number")
    chosen = chosen.join(number, on="name", maintain_order="left").sort("round", "candidate")
    parts = []
    for part in sorted(chosen["part"].unique()):
        left_out = frozenset(part_of.filter(pl.col("part") == part)["name"]) if crossed else frozenset[str]()
        parts.append(_part(rounds, chosen.filter(pl.col("part") == part), left_out))
    return Trial(parts, len(number), crossed)


def without(rounds: Sequence[Round], names: frozenset[str]) -> list[Round]:
    """Return the rounds without the labels of some items, and without rounds that have no label left."""
    found = []
    for one in rounds:
        kept_C = np.array([name not in names for name in one.names], bool)
        found.append(_with_labels(one, kept_C))
    return [one for one in found if len(one.user_L)]


def _slots(rounds: Sequence[Round]) -> pl.DataFrame:
    """Candidates of rounds that have labels: round, candidate, name, and whether both kinds are there ("asked")."""
    parts = []
    for number, one in enumerate(rounds):
        labels_C = np.bincount(one.candidate_L, minlength=len(one.items_C))
        clicks_C = np.bincount(one.candidate_L, one.clicked_L, minlength=len(one.items_C))
        asked_C = (clicks_C > 0) & (clicks_C < labels_C) & (one.seeds.lengths > 0)
        there = np.flatnonzero(labels_C)
        values = {"candidate": there, "name": one.names.gather(there), "asked": asked_C[there]}
        parts.append(pl.DataFrame(values).with_columns(round=pl.lit(number)))
    return pl.concat(parts)


def _thinned(asked: pl.DataFrame, seed: int, most: int) -> pl.DataFrame:
    """Draw so many candidates at most: one of every item comes before a second one of any item."""
    drawn = asked[np.random.default_rng(seed).permutation(len(asked))].sort("name", maintain_order=True)
    turn = place_in_run(drawn["name"].rle_id().to_numpy())
    order = np.random.default_rng([seed, 1]).permutation(len(drawn))
    return drawn[order[highest(-turn[order], most)]]


def _part(rounds: Sequence[Round], chosen: pl.DataFrame, names: frozenset[str]) -> Part:
    """chosen: round, candidate and number of the item, in order of rounds and candidates."""
    kept, slots, first = [], [], 0
    for number in chosen["round"].unique(maintain_order=True):
        one, here = rounds[number], chosen.filter(pl.col("round") == number)["candidate"].to_numpy()
        slot_C = np.full(len(one.items_C), -1)
        slot_C[here] = first + np.arange(len(here))
        kept.append(_with_labels(one, slot_C >= 0))
        slots.append(slot_C[kept[-1].candidate_L])
        first += len(here)
    return Part(kept, names, np.concatenate(slots), chosen["number"].to_numpy())


def _with_labels(one: Round, kept_C: np.ndarray) -> Round:
    kept_L = kept_C[one.candidate_L]
    return replace(one, candidate_L=one.candidate_L[kept_L], user_L=one.user_L[kept_L], clicked_L=one.clicked_L[kept_L])


@dataclass(frozen=True)
class CandidateMean:
    """A mean over candidates, and half its 95 % interval."""

    mean: float
    half: float

    @property
    def error(self) -> float:
        return self.half / NORMAL

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.half:.3f}"


@dataclass(frozen=True)
class Choice:
    """The scorer that makes audiences, and why.

    reference: the one that the others are measured beside; name: the winner; live: the best of those that can be
    served, None where none can; candidates: how many decided; crossed: whether scorers were trained again without them;
    scores: by scorer what METRIC is; ahead: the winner less each other, paired by candidate. Both are empty where
    nothing was measured: fewer than FEWEST candidates, or one scorer alone.
    """

    reference: str
    name: str
    live: str | None
    candidates: int
    crossed: bool
    scores: dict[str, CandidateMean]
    ahead: dict[str, CandidateMean]

    @classmethod
    def unmeasured(cls, candidates: int, reference: str, live: Collection[str]) -> Self:
        """live: see `choose`."""
        return cls(reference, reference, _first_live(reference, live), candidates, False, {}, {})

    @classmethod
    def read(cls, metrics: Mapping[str, Any], run: object) -> Self:
        """From the content of the scores of a run's look-alike. MissingStepError where an earlier version wrote it."""
        if "chosen" not in metrics:
            raise MissingStepError(
                f"the look-alikes of {run} were measured by an earlier version, which chose none of them; run "
                f"`penchant evaluate {run}` again"
            )
        return TypeAdapter(cls).validate_python(metrics["chosen"])

    @property
    def order(self) -> list[str]:
        """The winner, then all others that tell users apart, the better first."""
        others = [name for name in self.scores if name not in RANKS_NOBODY | {self.name}]
        return [self.name, *sorted(others, key=lambda name: -self.scores[name].mean)]

    @property
    def behind(self) -> CandidateMean | None:
        """How far the live scorer is behind the winner; None where it wins itself, nothing was measured, or none is
        live."""
        return None if self.live is None else self.ahead.get(self.live)

    @property
    def made(self) -> str:
        """Who makes audiences, in a sentence.

        >>> print(Choice.unmeasured(7, "ralm", ["ralm"]).made)
        Audiences are made by RALM: only 7 candidates could be measured, and fewer than 20 decide nothing.
        """
        start = f"Audiences are made by {title(self.name)}"
        if not self.scores:
            why = f"only {self.candidates:,} candidates could be measured, and fewer than {FEWEST} decide nothing"
            return f"{start}: {why if self.candidates else 'no other scorer was measured beside it'}."
        own, kind = self.scores[self.name], "validation candidates"
        told = f"on {self.candidates:,} {kind} it has AUC within items {own}"
        rest = self.order[1:]
        if self.name != self.reference:
            return f"{start}: {told}; {title(self.reference)} has {self.scores[self.reference]}."
        if not rest:
            return f"{start}: {told}."
        best = rest[0]
        return (
            f"{start}: {told}, and nothing is ahead of it by more than a standard error; {title(best)} comes next, "
            f"with {self.scores[best]}."
        )

    @property
    def served(self) -> str:
        """What is live, and how far that is behind the winner, in a sentence or two.

        >>> ahead: dict[str, CandidateMean] = {"ralm": CandidateMean(0.105, 0.02)}
        >>> print(Choice("ralm", "lr", "ralm", 150, False, {}, ahead).served.split(". ")[1])
        On 150 validation candidates logistic regression is ahead of it by 0.105 ± 0.020 in AUC within items, clearly.
        """
        if self.live is None:
            return (
                f"No scores are live: only RALM and its average follow new clicks, and this run has neither; for live "
                f'scores add a model with name = "ralm" to its run file and run it again. {title(self.name)} makes '
                f"audiences offline: penchant audience RUN ITEM."
            )
        start, behind = f"Live scores and audiences are made by {title(self.live)}", self.behind
        if behind is None:
            return f"{start}, which won on validation candidates." if self.scores else f"{start}."
        clear = "clearly" if behind.mean > behind.half else "not clearly"
        return (
            f"{start}, the best of those that can follow new clicks. On {self.candidates:,} validation candidates "
            f"{title(self.name)} is ahead of it by {behind} in AUC within items, {clear}."
        )


def collapse_in_words(shares: Mapping[str, float]) -> str:
    """Of the candidates that were measured, for how many the scores of each scorer have collapsed; "" where for none.

    >>> collapse_in_words({"ralm": 0.25, "lr": 0.0, "popularity": 1.0})
    'Scores have collapsed, so that they tell nobody apart, for 25 % of the candidates: RALM.'
    """
    told: dict[str, list[str]] = {}
    for name, share in shares.items():
        if share > 0 and name not in RANKS_NOBODY:
            told.setdefault(f"{share:.0%}".replace("%", " %") if share >= 0.01 else "less than 1 %", []).append(
                title(name)
            )
    if not told:
        return ""
    parts = [f"for {share} of the candidates: {', '.join(names)}" for share, names in told.items()]
    return f"Scores have collapsed, so that they tell nobody apart, {'; '.join(parts)}."


def choose(values: Mapping[str, np.ndarray], *, reference: str, live: Collection[str], crossed: bool) -> Choice:
    """values: of each scorer `Trial.values`; live: those that can be served.

    A scorer takes the place of another only where it is ahead by more than the standard error of the difference, or
    else the choice would change from seed to seed: first the live ones that of the reference, or of the first of them
    where the reference is not live, then all that of the best live one, or of the reference.
    """
    found = {name: Estimate.over(value_I) for name, value_I in values.items()}
    first = _first_live(reference, live)
    served = None if first is None else _best(found, [name for name in found if name in live], than=first)
    usual = served if reference in live and served is not None else reference
    name = _best(found, [name for name in found if name not in RANKS_NOBODY], than=usual)
    scores = {one: _measured(estimate) for one, estimate in found.items()}
    ahead = {one: _measured(found[name].minus(other)) for one, other in found.items() if one != name}
    return Choice(reference, name, served, len(values[name]), crossed, scores, ahead)


def _first_live(reference: str, live: Collection[str]) -> str | None:
    """The reference if it can be served, or the first that can; None where none can."""
    return reference if reference in live else next(iter(live), None)


def _best(found: Mapping[str, Estimate], names: Sequence[str], *, than: str) -> str:
    """Return the best of the scorers that are clearly ahead of `than`, or `than` where none is."""
    ahead = [name for name in names if (by := _measured(found[name].minus(found[than]))).mean > by.error]
    return max(ahead, key=lambda name: found[name].mean, default=than)


def _measured(estimate: Estimate) -> CandidateMean:
    return CandidateMean(estimate.mean, estimate.half or 0.0)
