"""What every route needs: the service, threads for what blocks, the key of who asks, a place in the description."""

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from penchant.choices import Scope
from penchant.serving.http.answers import Json, line_of, sender_of
from penchant.serving.http.body import JSON, Bodies, Limits
from penchant.serving.http.calls.merge import Merger
from penchant.serving.http.calls.threads import Once, Threads
from penchant.serving.http.shapes import ErrorAnswer, RequestBody
from penchant.serving.incoming import load
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.service import Service

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
B = TypeVar("B", bound=RequestBody)

ERRORS = {
    400: "The body cannot be read.",
    401: "No key, or none that is known.",
    403: "The key has another scope.",
    404: "There is no such item or tag.",
    408: "The body came too slowly.",
    409: "The run, or the candidate as it is, cannot give this.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "Something has a value that it cannot have.",
    429: "Too much; come back after Retry-After seconds.",
    500: "This failed here.",
    503: "The store, or the run folder, cannot do this now; come back after Retry-After seconds.",
}

OF_KEYS, OF_BODIES = (401, 403, 429, 503), (400, 408, 413, 415)

MERGING = 4
"""Threads for merged work; each kind of it uses one at a time."""

NOTHING: Mapping[Any, type[BaseModel]] = {}


class Routes:
    """Adds routes to an app. keys: None where everybody may do everything."""

    def __init__(self, app: FastAPI, service: Service, keys: Keys | None, limits: Limits, measures: Measures) -> None:
        self.app, self.service, self.limits, self.measures = app, service, limits, measures
        self.bodies = Bodies(limits)
        self._merging = ThreadPoolExecutor(MERGING, "merged")
        self._keys, self._threads = keys, Threads(limits.threads, limits.calls)
        self._look_up = Once(keys.look_up) if keys else None

    async def work(self, request: Request, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what may block in a thread; a key has a share of them. It is not stopped where the other side hangs up."""
        return await self._threads.run(sender_of(request), lambda: function(*args, **kwargs))

    async def look_up_keys(self) -> None:
        """Ask the store which keys there are, once for all who wait for that. Raises StoreError."""
        assert self._look_up is not None
        await self._look_up.ask()

    def merger(self, work: Callable[[list[T]], list[R]], most: int) -> Merger[T, R]:
        """For what costs less for several requests together; see `Merger`."""
        return Merger(work, most, self._merging)

    async def body(self, request: Request, model: type[B], *, most: int | None = None) -> B:
        """A JSON body of a request. most: see `Bodies.of`. Raises BodyError, ValidationError, and what `Bodies.of`
        raises."""
        async with self.bodies.of(request, (JSON,), most=most) as (_, content):
            return model.model_validate(load(content))

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Awaitable[Response]],
        *,
        needs: Scope | None,
        answer: type[BaseModel] | type[str] | None = None,
        body: Mapping[str, type[BaseModel]] = NOTHING,
        errors: Mapping[int, type[BaseModel]] = NOTHING,
    ) -> None:
        """needs: the scope of the key, None for everybody; answer: of 200, str for plain text, None for 204; body:
        content type → model; errors: of this route, besides those of all routes, of keys and of bodies."""
        self.app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=None if answer is str else answer,
            response_class=PlainTextResponse if answer is str else Json,
            status_code=200 if answer else 204,
            responses=_errors(needs, body, errors),
            dependencies=[Depends(self._access(needs))] if needs else [],
            openapi_extra=_extra(needs, body),
        )

    def _access(self, needs: Scope) -> Callable[[Request], Awaitable[None]]:
        async def check(request: Request) -> None:
            if self._keys is None:
                request.state.scope = "admin"
                return
            sent = request.headers.get("authorization")
            if self._keys.is_stale(sent):
                await self.look_up_keys()
            address = request.client.host if request.client else ""
            key = self._keys.check(sent, address, needs)
            line_of(request).key, request.state.scope = key.name, key.scope

        return check


def scope_of(request: Request) -> Scope:
    """Return the scope of the key of a request, "admin" where everybody may do everything. Only of a route that needs
    a key."""
    scope: Scope = request.state.scope
    return scope


def _errors(
    needs: Scope | None, body: Mapping[str, type[BaseModel]], errors: Mapping[int, type[BaseModel]]
) -> dict[int | str, dict[str, Any]]:
    """What a route may answer instead, as the description has it."""
    codes = [422, 500, *(OF_KEYS if needs else ()), *(OF_BODIES if body else ())]
    models = dict.fromkeys(codes, ErrorAnswer) | dict(errors)
    return {code: {"model": models[code], "description": ERRORS[code]} for code in sorted(models)}


def _extra(needs: Scope | None, body: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """What the description has to be told, because routes check keys and read bodies themselves."""
    extra: dict[str, Any] = {"security": [{"key": []}] if needs else []}
    if body:
        schemas = {kind: {"$ref": f"#/components/schemas/{model.__name__}"} for kind, model in body.items()}
        extra["requestBody"] = {"required": True, "content": {kind: {"schema": one} for kind, one in schemas.items()}}
    return extra
