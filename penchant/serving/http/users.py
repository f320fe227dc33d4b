"""/v1/users/{user}: profile, explanation, recall, erasure."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Query, Request, Response

from penchant.choices import Order
from penchant.serving.http.answers import Json, sender_of
from penchant.serving.http.calls.threads import Threads
from penchant.serving.http.routes import Routes, scope_of
from penchant.serving.http.shapes import ErasedAnswer, ErrorAnswer, ExplainAnswer, PathId, ProfileAnswer, RecallAnswer
from penchant.serving.roles.consumer import MOST_TEXT

ERASING = 4
"""Erasures at the same time, in threads of their own: each may wait for others at the door of the run folder."""

MOST_MERGED = 32
"""Profiles that are worked out together."""

Most = Annotated[int, Query(ge=1, le=1_000)]
ModelName = Annotated[str | None, Query(max_length=MOST_TEXT)]


class UserRoutes:
    def __init__(self, routes: Routes) -> None:
        self.service, self.work = routes.service, routes.work
        self._profiles = routes.merger(self._profiles_of, MOST_MERGED)
        of_user = "/v1/users/{user}"
        routes.add(
            "GET",
            f"{of_user}/profile",
            self.profile,
            needs="read",
            answer=ProfileAnswer,
            errors={404: ErrorAnswer, 409: ErrorAnswer},
        )
        routes.add(
            "GET",
            f"{of_user}/explain",
            self.explain,
            needs="read",
            answer=ExplainAnswer,
            errors={404: ErrorAnswer, 409: ErrorAnswer},
        )
        routes.add(
            "GET",
            f"{of_user}/recall",
            self.recall,
            needs="read",
            answer=RecallAnswer,
            errors={404: ErrorAnswer, 409: ErrorAnswer},
        )
        routes.add("DELETE", of_user, self.forget, needs="admin", answer=ErasedAnswer)
        self._erasing = Threads(ERASING, ERASING)

    async def profile(
        self, user: PathId, request: Request, most: Most = 20, by: Order | None = None, model: ModelName = None
    ) -> Response:
        """The tags that a user prefers, fresh to the last acknowledged event. by: the order, profiles.order of the run
        file if not given; model: the interest model that is asked, the first of /v1/model if not given."""
        self.service.refuse_unknown(model)
        return Json(await self._profiles.ask((user, most, by, model), sender_of(request)))

    async def explain(
        self,
        user: PathId,
        request: Request,
        tag: Annotated[str | None, Query(max_length=MOST_TEXT)] = None,
        model: ModelName = None,
    ) -> Response:
        """Why a user has a preference for a tag, the one that stands first if none is given. model: as for profiles. To
        a key with scope read, no item that the user clicked is named."""
        scope = scope_of(request)
        return Json(await self.work(request, partial(self.service.explain, user, tag, model=model, scope=scope)))

    async def recall(self, user: PathId, request: Request, most: Most = 50, model: ModelName = None) -> Response:
        """Items that a user has not clicked yet, by their tags and by likeness, each with its reasons. model: whose
        tags, as for profiles. For a key with scope read, items that fewer than ten users clicked are named to these
        users, too."""
        scope = scope_of(request)
        found: list[Any] = await self.work(request, partial(self.service.recall, user, most, model=model, scope=scope))
        return Json({"user": self.service.known_as(user), "items": found})

    async def forget(self, user: PathId, request: Request) -> Response:
        """Remove a user. Clusters of open candidates are made anew without the user within seconds."""
        return Json(await self._erasing.run(sender_of(request), partial(self.service.forget, user)))

    def _profiles_of(self, asked: list[tuple[str, int, Order | None, str | None]]) -> list[bytes]:
        """Users, how many tags of each kind are wanted, their order, and the model → answers."""
        found = {
            (by, model): iter(
                self.service.profiles([user for user, _, *how in asked if how == [by, model]], by, model=model)
            )
            for by, model in {(by, model) for *_, by, model in asked}
        }
        answers = [(next(found[by, model]), most) for _, most, by, model in asked]
        return [
            orjson.dumps(replace(one, clicked=one.clicked[:most], unseen=one.unseen[:most])) for one, most in answers
        ]
