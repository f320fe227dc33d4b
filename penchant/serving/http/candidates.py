"""/v1/candidates and /v1/lookalike: items that are open to audience extension, scores for them, audiences."""

from typing import Annotated

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import Query, Request, Response

from penchant.choices import MIN_AUDIENCE, Scope
from penchant.errors import BusyError
from penchant.serving.candidates.audience import MOST_AUDIENCE
from penchant.serving.http.answers import Json, RequestError, sender_of
from penchant.serving.http.body import JSON
from penchant.serving.http.routes import Routes, scope_of
from penchant.serving.http.shapes import (
    AudienceAnswer,
    CandidateAnswer,
    CandidatesAnswer,
    ErrorAnswer,
    ItemsBody,
    PathId,
    ScoreAnswer,
    ScoreRequest,
)
from penchant.serving.view import Scored

NONE_SUCH, NO_LIKENESS = {404: ErrorAnswer}, {409: ErrorAnswer}

MOST_MERGED = 16
"""Users who are scored by one pass."""

MOST_WAITING = 8
"""Audiences that may wait for the one that is worked on."""


class CandidateRoutes:
    def __init__(self, routes: Routes) -> None:
        self.routes, self.service, self.work = routes, routes.service, routes.work
        self._auditing, self._audiences = CapacityLimiter(1), 0
        self._scores = routes.merger(self._all_scored, MOST_MERGED)
        every, one = "/v1/candidates", "/v1/candidates/{item}"
        routes.add("GET", every, self.all, needs="read", answer=CandidatesAnswer)
        routes.add("PUT", every, self.open_all, needs="admin", body={JSON: ItemsBody}, errors=NO_LIKENESS)
        routes.add("DELETE", every, self.close_all, needs="admin", body={JSON: ItemsBody}, errors=NONE_SUCH)
        routes.add("GET", one, self.one, needs="read", answer=CandidateAnswer, errors=NONE_SUCH)
        routes.add("PUT", one, self.open, needs="admin", errors=NO_LIKENESS)
        routes.add("DELETE", one, self.close, needs="admin", errors=NONE_SUCH)
        routes.add(
            "GET",
            f"{one}/audience",
            self.audience,
            needs="admin",
            answer=AudienceAnswer,
            errors=NONE_SUCH | NO_LIKENESS,
        )
        scored = "/v1/lookalike/score"
        routes.add(
            "POST",
            scored,
            self.score,
            needs="read",
            answer=ScoreAnswer,
            body={JSON: ScoreRequest},
            errors=NONE_SUCH | NO_LIKENESS,
        )

    async def all(self, request: Request) -> Response:
        """All open candidates, by item. See one of them for what a key with scope read is told."""
        return Json({"candidates": await self.work(request, self.service.candidates, scope_of(request))})

    async def one(self, item: PathId, request: Request) -> Response:
        """One open candidate. A key with scope read is told of its seeds once ten are known, and again when ten more
        are; before that `few` is true."""
        return Json(await self.work(request, self.service.candidate, item, scope_of(request)))

    async def open_all(self, request: Request) -> Response:
        """Open items to audience extension; those that are open stay as they are."""
        asked = await self.routes.body(request, ItemsBody)
        await self.work(request, self.service.open, asked.items)
        return Response(status_code=204)

    async def open(self, item: PathId, request: Request) -> Response:
        """Open an item to audience extension."""
        await self.work(request, self.service.open, [item])
        return Response(status_code=204)

    async def close_all(self, request: Request) -> Response:
        """Close candidates, all of them or none."""
        asked = await self.routes.body(request, ItemsBody)
        await self.work(request, self.service.close, asked.items)
        return Response(status_code=204)

    async def close(self, item: PathId, request: Request) -> Response:
        """Close a candidate."""
        await self.work(request, self.service.close, [item])
        return Response(status_code=204)

    async def score(self, request: Request) -> Response:
        """How well users fit open candidates, by those who clicked them lately; candidates without known seeds are
        left out. A key with scope read is told of the new seeds of a candidate in lots, and nothing of a candidate
        with few."""
        asked, scope = await self.routes.body(request, ScoreRequest), scope_of(request)
        self._bound(asked, scope)
        if len(asked.users) == 1 and asked.items is None:
            return Json(await self._scores.ask((asked.users[0], asked.top, scope), sender_of(request)))
        return Json(await self.work(request, self._scored, asked, scope))

    async def audience(
        self,
        item: PathId,
        size: Annotated[int, Query(ge=MIN_AUDIENCE, le=MOST_AUDIENCE, multiple_of=MIN_AUDIENCE)] = 1_000,
    ) -> Response:
        """The users most like the seeds of a candidate who had not met it when they were ranked. It names people."""
        if self._audiences > MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} audiences wait already; ask for this one later", after_s=1.0)
        self._audiences += 1
        try:
            return Json(await to_thread.run_sync(self._audience, item, size, limiter=self._auditing))
        finally:
            self._audiences -= 1

    def _bound(self, asked: ScoreRequest, scope: Scope) -> None:
        limits, users = self.routes.limits, len(asked.users)
        candidates = self.service.scorable(scope) if asked.items is None else len(asked.items)
        told = min(candidates, asked.top or candidates)
        if users * candidates > limits.scored or users * told > limits.told:
            raise RequestError(
                422,
                "too_many_scores",
                f"{users:,} users and {candidates:,} candidates are {users * told:,} scores to tell out of "
                f"{users * candidates:,}; {limits.told:,} out of {limits.scored:,} can be had at once",
            )

    def _scored(self, asked: ScoreRequest, scope: Scope) -> bytes:
        scored = self.service.score(asked.users, asked.items, scope=scope)
        return orjson.dumps({"users": [_told(one, asked.top) for one in scored]})

    def _all_scored(self, asked: list[tuple[str, int | None, Scope]]) -> list[bytes]:
        """Users who are to be scored for all candidates, how many scores each is to be told, and the scope of the key
        that asks → answers."""
        found = {
            scope: iter(self.service.score([user for user, _, own in asked if own == scope], None, scope=scope))
            for scope in {scope for *_, scope in asked}
        }
        return [orjson.dumps({"users": [_told(next(found[scope]), top)]}) for _, top, scope in asked]

    def _audience(self, item: str, size: int) -> bytes:
        found = self.service.audience(item, size)
        members = [{"user": user, "score": score} for user, score in found.members]
        return orjson.dumps({"item": found.item, "members": members, "reachable": found.reachable})


def _told(one: Scored, top: int | None) -> dict[str, object]:
    best = one.best(top or len(one.items))
    scores = [{"item": item, "score": score} for item, score in best]
    return {"user": one.user, "cold": one.cold, "scores": scores}
