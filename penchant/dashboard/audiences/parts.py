"""What the page of one candidate shows, part by part; what takes long comes after the first paint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import floor, log10
from typing import Any

from penchant.audiences.best import MIN_AUDIENCE
from penchant.audiences.why import FEWEST
from penchant.dashboard.audiences import candidates as lookalike
from penchant.dashboard.audiences.charts import outlook_chart, scores_chart, seeds_chart
from penchant.dashboard.audiences.groups import drift_in_words
from penchant.dashboard.audiences.insights import Described, Insights
from penchant.dashboard.audiences.items import was_seen
from penchant.dashboard.audiences.scores import Outlook, Scores, histogram, outlook, usual_size
from penchant.dashboard.audiences.seeds import course_of
from penchant.dashboard.shell.charts import Chart
from penchant.dashboard.shell.pages import Asked
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.shell.words import count
from penchant.errors import AudienceError
from penchant.logs.ingest import Log
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.view import View

PARTS = ("body", "seeds", "clusters", "scores", "audience", "members")

FEW_SEEDS = 5_000
"""Of so many the times are read before the first paint."""

SHOWN = 20
"""Members of an audience."""


@dataclass(frozen=True)
class SeedsPart:
    """undated: seeds that cannot be put in time."""

    chart: Chart | None
    undated: int


@dataclass(frozen=True)
class ScoresPart:
    """begins: the score from which the audience that was asked for begins, None where it cannot be had."""

    chart: Chart | None
    scores: Scores
    begins: float | None


@dataclass(frozen=True)
class AudiencePart:
    """problem: why the size cannot be had, "" where it can; most: that can be; measured: whether the run knows how
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
    """members: the first of them; problem: why there are none."""

    size: int
    members: list[tuple[str, float]]
    problem: str

    @property
    def digits(self) -> int:
        """Of scores, so that it can be seen that they fall: audiences of many users begin with very equal ones."""
        fall = self.members[0][1] - self.members[-1][1]
        return min(max(3, 2 - floor(log10(fall))), 6) if fall > 0 else 3


@dataclass(frozen=True)
class _One:
    """A candidate that has clusters."""

    item: str
    view: View
    published: PublishedClusters
    known: int


class Parts:
    """Values for the templates of one candidate."""

    def __init__(self, sources: Sources, most: int) -> None:
        """most: members of an audience that is shown."""
        self._sources, self._service, self._most = sources, sources.service, most
        self._clocked = not Log.open(sources.folder / "log").position
        self.insights = Insights()
        self.moment = partial(lookalike.moment, clocked=self._clocked)

    def values(self, item: str, asked: Asked, name: str = "") -> Mapping[str, Any]:
        """name: the part that is wanted, "" for the page. Parts that are not there yet are None. UnknownItemError."""
        view, state = self._service.view, self._service.candidate(item)
        published = view.live.get(item)
        known = sum(state.sizes)
        found: dict[str, Any] = dict.fromkeys(PARTS)
        if published is not None and known:
            one = _One(item, view, published, known)
            found |= {
                part: make() for part, make in self._makers(one, asked).items() if self._now(part, one, asked, name)
            }
        assert view.served.alike is not None
        return {
            "state": state,
            "choice": view.served.alike.choice,
            "known": known,
            "now": self._service.clock(),
            "fresh": self.moment(state.fresh),
            "clocked": self._clocked,
            "seen": known > 0 or was_seen(view, item),
            "drift": drift_in_words(state.drift) if state.drift else "",
            "may_open": asked.may_open,
            "size": asked.text("size"),
            "least": MIN_AUDIENCE,
            "least_described": FEWEST,
            **found,
        }

    def _makers(self, one: _One, asked: Asked) -> Mapping[str, Callable[[], object]]:
        """Who is in an audience is for some to know."""
        makers: dict[str, Callable[[], object]] = {
            "seeds": partial(self._seeds, one),
            "clusters": partial(self._clusters, one),
            "scores": partial(self._scores, one, asked),
            "audience": partial(self._audience, one, asked),
        }
        return makers | {"members": partial(self._members, one, asked)} if asked.may_open else makers

    def _now(self, part: str, one: _One, asked: Asked, name: str) -> bool:
        """Whether a part is worked out for this answer: it is asked for, or there already, or all is to be shown."""
        if name not in ("", "body"):
            return name == part
        of = one.view, one.item, one.published
        scored = self.insights.has_scores(*of)
        ready = {
            "seeds": one.published.seeds <= FEW_SEEDS,
            "clusters": self.insights.has_described(*of),
            "scores": scored,
            "audience": scored,
            "members": False,
        }
        return asked.text("show") == "all" or ready[part]

    def _seeds(self, one: _One) -> SeedsPart:
        course = course_of(one.view, one.item, clocked=self._clocked)
        return SeedsPart(seeds_chart(course) if course.time_T else None, course.undated)

    def _clusters(self, one: _One) -> Described:
        return self.insights.described(one.view, one.item, one.published)

    def _scores(self, one: _One, asked: Asked) -> ScoresPart:
        scores = self.insights.scores(one.view, one.item, one.published)
        size = _size(asked, scores.reachable)
        begins = None if self._problem(size, scores.reachable) else scores.begins(size)
        some = len(scores.others_N) and len(scores.seeds_S)
        return ScoresPart(scores_chart(histogram(scores), size, begins) if some else None, scores, begins)

    def _audience(self, one: _One, asked: Asked) -> AudiencePart:
        reachable = self.insights.scores(one.view, one.item, one.published).reachable
        size, expected = _size(asked, reachable), self._sources.expected()
        found = outlook(expected, seeds=one.known, size=size, reachable=reachable) if expected else None
        chart = outlook_chart(found) if found else None
        most = min(reachable, self._most)
        return AudiencePart(reachable, size, self._problem(size, reachable), most, expected is not None, found, chart)

    def _members(self, one: _One, asked: Asked) -> MembersPart:
        reachable = self.insights.scores(one.view, one.item, one.published).reachable
        size = _size(asked, reachable)
        if problem := self._problem(size, reachable):
            return MembersPart(size, [], problem)
        try:
            return MembersPart(size, self._service.audience(one.item, size).members[:SHOWN], "")
        except AudienceError as error:  # fewer can be reached by now
            return MembersPart(size, [], str(error))

    def _problem(self, size: int, reachable: int) -> str:
        """Why an audience cannot be had, "" where it can."""
        if size < MIN_AUDIENCE:
            return f"An audience of {count(size)} would single people out; ask for at least {MIN_AUDIENCE}."
        if size > reachable:
            return (
                f"An audience of {count(size)} was asked for, but only {count(reachable)} users can be reached; ask "
                f"for at most so many."
            )
        if size > self._most:
            return f"An audience of {count(size)} is too large for a browser; ask for at most {count(self._most)}."
        return ""


def _size(asked: Asked, reachable: int) -> int:
    return asked.number("size", usual_size(reachable), least=0, most=10**9)
