"""/healthz, /readyz, /metrics, /v1/model."""

from dataclasses import asdict
from time import monotonic

from fastapi import Request, Response

from penchant.errors import StoreError
from penchant.serving.http.answers import Json, line_of, problem
from penchant.serving.http.calls.threads import Once
from penchant.serving.http.routes import Routes
from penchant.serving.http.shapes import AliveAnswer, ModelAnswer, NotReadyAnswer, ReadyAnswer
from penchant.serving.measures import CONTENT_TYPE
from penchant.serving.roles.health import Health

KEPT_S = 0.5
"""Everybody may ask whether this process is ready, so the store is not asked each time."""


class ProcessRoutes:
    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._missing, self._asked = list[str](), float("-inf")
        self._look, self._measure = Once(self._what_is_missing), Once(self._measured)
        routes.add("GET", "/healthz", self.alive, needs=None, answer=AliveAnswer)
        routes.add("GET", "/readyz", self.ready, needs=None, answer=ReadyAnswer, errors={503: NotReadyAnswer})
        routes.add("GET", "/metrics", self.measures, needs="read", answer=str)
        routes.add("GET", "/v1/model", self.model, needs="read", answer=ModelAnswer)

    async def alive(self) -> Response:
        """The process lives."""
        return Json({"alive": True})

    async def ready(self, request: Request) -> Response:
        """Whether this process can answer; if not, what is missing: the store."""
        if not 0 <= monotonic() - self._asked < KEPT_S:
            self._missing = await self._look.ask()
            self._asked = monotonic()
        if self._missing:
            message = f"not ready: {', '.join(self._missing)}"
            body = problem(line_of(request), 503, "not_ready", message, ready=False, missing=self._missing)
            return Json(body, 503, {"Retry-After": "1"})
        return Json({"ready": True})

    async def measures(self) -> Response:
        """What this process measures of itself, for Prometheus."""
        return Response(await self._measure.ask(), media_type=CONTENT_TYPE)

    async def model(self) -> Response:
        """Which model answers, which look-alike is live, and how far that is behind the best one."""
        state = self.routes.service.model()
        choice = state.lookalike
        told = None
        if choice is not None:
            told = {**asdict(choice), "behind": choice.behind, "told": choice.served}
        said = {"model": state.model, "tags": state.tags, "profiles": state.profiles}
        return Json({**said, "lookalike": told, "offline": state.offline})

    def _what_is_missing(self) -> list[str]:
        try:
            self.routes.service.ping()
        except StoreError:
            self.routes.measures.store_failed()
            return ["store"]
        return []

    def _measured(self) -> bytes:
        self.routes.measures.seen(self._health(), self.routes.service.clock())
        return self.routes.measures.text()

    def _health(self) -> Health | None:
        """None where the store cannot be asked."""
        try:
            return self.routes.service.health()
        except StoreError:
            self.routes.measures.store_failed()
            return None
