"""What goes back: JSON, and errors that all look alike."""

from math import ceil
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from penchant.errors import (
    AudienceError,
    BusyError,
    DiskFullError,
    FolderError,
    LargeItemError,
    MissingStepError,
    PenchantError,
    StoreError,
    UnknownFieldError,
    UnknownItemError,
    UnknownModelError,
    UnknownTagError,
)
from penchant.serving.http.requests_log import RequestLine
from penchant.serving.incoming import BodyError, LargeBodyError
from penchant.serving.keys import NoKeyError, ScopeError, TooOftenError, network_of
from penchant.serving.measures import Measures

SCOPE = "penchant"
"""Where the scope of a request holds what is logged of it."""

RETRY_S = 1.0

CODES: dict[type[PenchantError], tuple[int, str]] = {
    BodyError: (400, "unreadable_body"),
    NoKeyError: (401, "unauthorized"),
    ScopeError: (403, "forbidden"),
    UnknownItemError: (404, "unknown_item"),
    UnknownModelError: (404, "unknown_model"),
    UnknownTagError: (404, "unknown_tag"),
    AudienceError: (409, "no_audience"),
    MissingStepError: (409, "not_trained"),
    LargeItemError: (413, "content_too_large"),
    LargeBodyError: (413, "content_too_large"),
    UnknownFieldError: (422, "unknown_field"),
    BusyError: (429, "busy"),
    TooOftenError: (429, "too_many_requests"),
    StoreError: (503, "store"),
    FolderError: (503, "run_folder"),
    DiskFullError: (503, "disk_full"),
}


ROUTER_CODES = {404: "not_found", 405: "method_not_allowed"}


class RequestError(PenchantError):
    """A request that cannot be answered as it is. status: of HTTP; code: one word for programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Json(JSONResponse):
    """A value as orjson writes it: dicts, lists, dataclasses, numbers, texts; bytes are JSON already."""

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else orjson.dumps(content)


def line_of(request: Request) -> RequestLine:
    """What will be logged of a request."""
    found: RequestLine = request.scope[SCOPE]
    return found


def sender_of(request: Request) -> str:
    """Who sends: the name of the key that was shown, else the network."""
    return line_of(request).key or network_of(request.client.host if request.client else "")


def problem(said: RequestLine, status: int, code: str, message: str, **more: Any) -> dict[str, Any]:
    """The body of every error. more: what else is said."""
    said.status = status
    return {"error": {"code": code, "message": message}, "request_id": said.request_id, **more}


def answer_errors(app: FastAPI, measures: Measures) -> None:
    """Have errors answered in one shape."""

    async def known(request: Request, error: Exception) -> Response:
        said = line_of(request)
        status, code = code_of(error)
        message, headers = str(error), {}
        if isinstance(error, StoreError):
            measures.store_failed()
            said.error = [type(error).__name__, str(error)]
            message = "the store cannot do this now; try again"
        if status in (429, 503):
            after_s = error.after_s if isinstance(error, BusyError | TooOftenError) else RETRY_S
            headers["Retry-After"] = str(max(1, ceil(after_s)))
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Json(problem(said, status, code, message), status, headers)

    app.add_exception_handler(RequestError, known)
    for kind in CODES:
        app.add_exception_handler(kind, known)
    for shape in (RequestValidationError, ValidationError):
        app.add_exception_handler(shape, _invalid)
    app.add_exception_handler(HTTPException, _not_routed)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = problem(line_of(request), error.status_code, ROUTER_CODES[error.status_code], str(error.detail))
    return Json(body, error.status_code, dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    return Json(problem(line_of(request), 422, "invalid", _first(error)), 422)


def code_of(error: Exception) -> tuple[int, str]:
    """Status and code."""
    if isinstance(error, RequestError):
        return error.status, error.code
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def _first(error: RequestValidationError | ValidationError) -> str:
    """What is wrong first, and where; not what was said."""
    found = error.errors()[0]
    place = ".".join(str(part)[:50] for part in found["loc"])
    return f"{place}: {found['msg']}" if place else str(found["msg"])
