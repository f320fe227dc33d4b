"""Which scorer makes audiences: all are asked about items that taught none of them, and the best is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from penchant.errors import MissingStepError
from penchant.evaluation.metrics import NORMAL, Duels, Estimate
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import place_in_run
from penchant.logs.users import uniform

METRIC = "auc within items"
"""What decides: how well users are told apart for one item, which is what an audience is. AUC over all pairs mixes it
with which items are on the rise."""

Scorer = Literal["ralm", "average", "youtube", "merge", "yahoo", "lr", "popularity"]
DEFAULT: Scorer = "ralm"
LIVE: tuple[Scorer, ...] = (DEFAULT, "average")
"""Those whose clusters follow new clicks, so that they can be served."""
RANKS_NOBODY: frozenset[Scorer] = frozenset({"popularity"})
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
"""What people call them, in the order of tables and legends."""

FEWEST = 20
"""Of fewer candidates nothing is learned about scorers: the default stays."""

ENOUGH = 100
"""So many candidates that taught nothing decide alone: their differences have a standard error of about 0.02. Where
there are fewer, who learns is trained again without a part of the others and asked about that, part by part."""

PARTS = 3
MOST = 500
"""Candidates of a round that are asked about at most, each in as many rounds as there is room for."""


def title(scorer: str) -> str:
    """As people call it; a name that is not known, as it is."""
    return SCORERS.get(scorer, scorer)


@dataclass(frozen=True)
class Part:
    """Labels of candidates that a scorer is asked about without having learned from them.

    rounds: with these labels alone; names: all items whose labels must not have taught it, none where no label of these
    teaches anything anyhow; slot_L: number of the candidate of a round, through all rounds; item_S: number of its item.
    """

    rounds: Sequence[Round]
    names: frozenset[str]
    slot_L: np.ndarray
    item_S: np.ndarray


@dataclass(frozen=True)
class Trial:
    """What scorers are asked to choose among them. items: how many, numbered through all parts; crossed: whether who
    learns has to learn again for every part."""

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
    """held: items whose labels teach nothing; they decide where they are enough. Else the others do, in PARTS parts.
    most: candidates that are asked about.

    Only candidates with seeds, a click and a pair against it can be asked about. Where those are fewer than FEWEST, it
    is their number that comes back.
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
    """The same rounds, but for the labels of some items; rounds that have no label left are left out."""
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
    """So many at most: one of each item, drawn, before a second one of any."""
    drawn = asked[np.random.default_rng(seed).permutation(len(asked))].sort("name", maintain_order=True)
    turn = place_in_run(drawn["name"].rle_id().to_numpy())
    order = np.random.default_rng([seed, 1]).permutation(len(drawn))
    return drawn[order[np.argsort(turn[order], kind="stable")][:most]]


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
class Measured:
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

    name: the winner; live: the best of those that can be served; candidates: how many decided; crossed: whether scorers
    were trained again without them; scores: by scorer what METRIC is; ahead: the winner less each other, paired by
    candidate. Both are empty where nothing was measured: fewer than FEWEST candidates, or one scorer alone.
    """

    name: Scorer
    live: Scorer
    candidates: int
    crossed: bool
    scores: dict[Scorer, Measured]
    ahead: dict[Scorer, Measured]

    @classmethod
    def unmeasured(cls, candidates: int) -> Self:
        return cls(DEFAULT, DEFAULT, candidates, False, {}, {})

    @classmethod
    def read(cls, metrics: Mapping[str, Any], run: object) -> Self:
        """From the content of a run's lookalike/metrics.json. MissingStepError where an earlier version wrote it."""
        if "chosen" not in metrics:
            raise MissingStepError(
                f"the look-alikes of {run} were measured by an earlier version, which chose none of them; run "
                f"`penchant lookalike {run}` again"
            )
        return TypeAdapter(cls).validate_python(metrics["chosen"])

    @property
    def order(self) -> list[Scorer]:
        """The winner, then all others that tell users apart, the better first."""
        others = [name for name in self.scores if name not in RANKS_NOBODY | {self.name}]
        return [self.name, *sorted(others, key=lambda name: -self.scores[name].mean)]

    @property
    def behind(self) -> Measured | None:
        """How far the live scorer is behind the winner; None where it wins itself."""
        return None if self.live == self.name else self.ahead[self.live]

    @property
    def made(self) -> str:
        """Who makes audiences, in a sentence.

        >>> print(Choice.unmeasured(7).made)
        Audiences are made by RALM: only 7 candidates could be measured, and fewer than 20 decide nothing.
        """
        start = f"Audiences are made by {title(self.name)}"
        if not self.scores:
            why = f"only {self.candidates:,} candidates could be measured, and fewer than {FEWEST} decide nothing"
            return f"{start}: {why if self.candidates else 'no other scorer was measured beside it'}."
        own, kind = self.scores[self.name], "validation candidates"
        told = f"on {self.candidates:,} {kind} it has AUC within items {own}"
        rest = self.order[1:]
        if self.name != DEFAULT:
            return f"{start}: {told}; {title(DEFAULT)} has {self.scores[DEFAULT]}."
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

        >>> ahead: dict[Scorer, Measured] = {"ralm": Measured(0.105, 0.02)}
        >>> print(Choice("lr", "ralm", 150, False, {}, ahead).served.split(". ")[1])
        On 150 validation candidates logistic regression is ahead of it by 0.105 ± 0.020 in AUC within items, clearly.
        """
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


def choose(values: Mapping[Scorer, np.ndarray], *, crossed: bool) -> Choice:
    """values: of each scorer `Trial.values`; the default is among them.

    A scorer takes the place of another only where it is ahead by more than the standard error of the difference, or
    else the choice would change from seed to seed: first the live ones that of the default, then all that of the best
    live one.
    """
    found = {name: Estimate.over(value_I) for name, value_I in values.items()}
    live = _best(found, [name for name in found if name in LIVE], than=DEFAULT)
    name = _best(found, [name for name in found if name not in RANKS_NOBODY], than=live)
    scores = {one: _measured(estimate) for one, estimate in found.items()}
    ahead = {one: _measured(found[name].minus(other)) for one, other in found.items() if one != name}
    return Choice(name, live, len(values[name]), crossed, scores, ahead)


def _best(found: Mapping[Scorer, Estimate], names: Sequence[Scorer], *, than: Scorer) -> Scorer:
    """The best of those that are ahead of one, or that one."""
    ahead = [name for name in names if (by := _measured(found[name].minus(found[than]))).mean > by.error]
    return max(ahead, key=lambda name: found[name].mean, default=than)


def _measured(estimate: Estimate) -> Measured:
    return Measured(estimate.mean, estimate.half or 0.0)
