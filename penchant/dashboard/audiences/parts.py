"""What the page of one candidate shows, part by part; what takes long comes after the first paint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import floor, log10
from typing import Any

from penchant.audiences.best import refuse_large, refuse_small
from penchant.audiences.outlook import Outlook, outlook_of, usual_size
from penchant.audiences.scores import Scores, bins_of
from penchant.audiences.why import FEWEST
from penchant.choices import MIN_AUDIENCE, MIN_SEEDS
from penchant.dashboard.audiences.candidates import moment
from penchant.dashboard.audiences.charts import outlook_chart, scores_chart, seeds_chart
from penchant.dashboard.audiences.map import Picture, key_path, picture_of
from penchant.dashboard.shell.charts import Chart
from penchant.dashboard.shell.pages import Asked
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.shell.words import count, sentence
from penchant.errors import AudienceError
from penchant.models.parts.clusters import Drift
from penchant.serving.candidates.openings import Opening
from penchant.serving.candidates.shared import Shared

PARTS = ("body", "seeds", "clusters", "scores", "audience", "members")

OF_PEOPLE = ("seeds", "clusters", "scores", "members")
"""Parts that name users, or that one more seed changes; a key that only reads is not shown them."""

FEW_SEEDS = 5_000
"""So many seeds have their times read before the first paint."""

SHOWN = 20
"""Members of an audience that are listed."""


@dataclass(frozen=True)
class SeedsPart:
    """chart: None where no seed has a time; undated: seeds without a time."""

    chart: Chart | None
    undated: int


@dataclass(frozen=True)
class ClustersPart:
    """shared: what the seeds of each cluster share; picture: where they lie."""

    shared: Shared
    picture: Picture

    def key(self, number: int) -> str:
        """The mark of a group, for the table."""
        return key_path(number)


@dataclass(frozen=True)
class ScoresPart:
    """begins: the lowest score in the audience that was asked for, None where that cannot be had."""

    chart: Chart | None
    scores: Scores
    begins: float | None


@dataclass(frozen=True)
class AudiencePart:
    """problem: why the size cannot be had, "" where it can; most: the largest size; measured: whether the run knows how
    audiences did."""

    reachable: int
    size: int
    problem: str
    most: int
    measured: bool
    outlook: Outlook | None
    chart: Chart | None


@dataclass(frozen=True)
class MembersPart:
    """members: the first of `size`, with their scores; problem: why there are none."""

    size: int
    members: list[tuple[str, float]]
    problem: str

    @property
    def digits(self) -> int:
        """How many digits scores need, so that the first and the last of a large audience look different."""
        fall = self.members[0][1] - self.members[-1][1]
        return min(max(3, 2 - floor(log10(fall))), 6) if fall > 0 else 3


class Parts:
    """Values for the templates of one candidate."""

    def __init__(self, sources: Sources, most: int) -> None:
        """most: members of an audience that is shown."""
        self._sources, self._service, self._most = sources, sources.service, most

    def values(self, item: str, asked: Asked, name: str = "") -> Mapping[str, Any]:
        """Return the values of a whole page, or of one part of it. name: of the part, "" for the page. Parts that the
        browser asks for later are None. UnknownItemError."""
        one, clocked = self._service.opening(item, asked.scope), self._service.log().clocked
        found: dict[str, Any] = dict.fromkeys(PARTS)
        if one.clustered:
            found |= {part: make() for part, make in self._makers(one, asked).items() if _now(part, one, asked, name)}
        return {
            "state": one.state,
            "choice": one.choice,
            "known": one.known,
            "now": self._service.clock(),
            "fresh": moment(one.state.fresh, clocked=clocked),
            "clocked": clocked,
            "seen": one.seen,
            "drift": drift_in_words(one.state.drift) if one.state.drift else "",
            "may_open": asked.may_open,
            "sees_people": asked.sees_people,
            "size": asked.text("size"),
            "least": MIN_AUDIENCE,
            "least_seeds": MIN_SEEDS,
            "least_described": FEWEST,
            **found,
        }

    def _makers(self, one: Opening, asked: Asked) -> Mapping[str, Callable[[], object]]:
        """Return what makes each part that the visitor may see."""
        makers: dict[str, Callable[[], object]] = {
            "seeds": partial(_seeds, one),
            "clusters": partial(_clusters, one),
            "scores": partial(_scores, one, asked, self._most),
            "audience": partial(self._audience, one, asked),
            "members": partial(self._members, one, asked),
        }
        return {part: make for part, make in makers.items() if asked.sees_people or part not in OF_PEOPLE}

    def _audience(self, one: Opening, asked: Asked) -> AudiencePart:
        reachable = one.scores().reachable
        if not asked.sees_people:
            reachable = _rounded(reachable)
        size, expected = _size(asked, reachable), self._sources.expected()
        found = outlook_of(expected, seeds=one.known, size=size, reachable=reachable) if expected else None
        chart = outlook_chart(found) if found else None
        problem, most = _problem(size, reachable, self._most), _rounded(min(reachable, self._most))
        return AudiencePart(reachable, size, problem, most, expected is not None, found, chart)

    def _members(self, one: Opening, asked: Asked) -> MembersPart:
        reachable = one.scores().reachable
        size = _size(asked, reachable)
        if problem := _problem(size, reachable, self._most):
            return MembersPart(size, [], problem)
        try:
            return MembersPart(size, self._service.audience(one.state.item, size).members[:SHOWN], "")
        except AudienceError as error:  # fewer can be reached by now
            return MembersPart(size, [], sentence(str(error)))


def drift_in_words(drift: Drift) -> str:
    """Say how many seeds have joined since all were clustered, and how far centroids have moved.

    >>> drift_in_words(Drift(0.031, 0.12)), drift_in_words(Drift(0.0, 0.0))
    ('12 % of them; centroids moved by 3 % of the spread', 'none')
    """
    if drift.added <= 0:
        return "none"
    return f"{drift.added:.0%} of them; centroids moved by {drift.moved:.0%} of the spread".replace("%", " %")


def _now(part: str, one: Opening, asked: Asked, name: str) -> bool:
    """Whether a part is made for this answer: it is asked for, or is there already, or everything is to be shown."""
    if name not in ("", "body"):
        return name == part
    ready = {
        "seeds": (one.state.seeds or 0) <= FEW_SEEDS,
        "clusters": one.has_shared,
        "scores": one.has_scores,
        "audience": one.has_scores,
        "members": False,
    }
    return asked.text("show") == "all" or ready[part]


def _seeds(one: Opening) -> SeedsPart:
    growth = one.growth()
    return SeedsPart(seeds_chart(growth) if growth.time_T else None, growth.undated)


def _clusters(one: Opening) -> ClustersPart:
    shared = one.shared()
    return ClustersPart(shared, picture_of(shared.plane))


def _scores(one: Opening, asked: Asked, most: int) -> ScoresPart:
    scores = one.scores()
    size = _size(asked, scores.reachable)
    begins = None if _problem(size, scores.reachable, most) else scores.begins(size)
    some = len(scores.others_N) and len(scores.seeds_S)
    return ScoresPart(scores_chart(bins_of(scores), size, begins) if some else None, scores, begins)


def _rounded(users: int) -> int:
    """Round down to what an audience can have."""
    return users - users % MIN_AUDIENCE


def _size(asked: Asked, reachable: int) -> int:
    return asked.number("size", usual_size(reachable), least=0, most=10**9)


def _problem(size: int, reachable: int, most: int) -> str:
    """Say why an audience cannot be had, "" where it can. most: members of an audience that is shown."""
    try:
        refuse_small(size)
        refuse_large(size, reachable)
    except AudienceError as error:
        return sentence(str(error))
    if size > most:
        return f"An audience of {count(size)} is too large for a browser; ask for at most {count(most)}."
    return ""
