"""Lines of JSON: of each request, what was asked and how it went, never of whom, of what, or with which secret."""

import logging
import sys
from dataclasses import dataclass
from traceback import extract_tb
from typing import Any

import orjson

SLOW_MS = 1_000.0
"""A request that took longer is worth a warning."""

READY = "/readyz"
"""Its 503 is an answer, not a failure."""

logger = logging.getLogger("penchant.requests")

OTHERS = {"uvicorn": "ERROR", "asyncio": "ERROR"}
"""Who else speaks in a server, and from which level on: uvicorn warns of every request that it cannot read, which
anybody may send, so that is counted instead."""


@dataclass
class RequestLine:
    """A request as it is logged. time: when it began, UTC seconds; route: the template, such as
    /v1/users/{user}/profile, "" where there is none; status: 499 where the other side hung up; ms: how long it took;
    key: the public name of the key, "" without; bytes: of the answer's body; error: the type of what went wrong here,
    and where, or what the store says."""

    time: float
    request_id: str
    method: str
    route: str = ""
    status: int = 499
    ms: float = 0.0
    key: str = ""
    bytes: int = 0
    error: list[str] | None = None


def log(request: RequestLine) -> None:
    """As an error where we failed, as a warning where it was slow."""
    level = logging.INFO
    if request.ms > SLOW_MS:
        level = logging.WARNING
    if request.status >= 500 and request.route != READY:
        level = logging.ERROR
    if logger.isEnabledFor(level):
        said = {name: value for name, value in vars(request).items() if value is not None}
        said["ms"] = round(request.ms, 3)
        logger.log(level, "%s", orjson.dumps(said).decode())


def failure(error: BaseException) -> list[str]:
    """The type of an error, and where it came from, the innermost place last; not its text, which may quote a request.

    >>> failure(ValueError("anna's secret"))
    ['ValueError']
    """
    places = [f"{place.filename}:{place.lineno} {place.name}" for place in extract_tb(error.__traceback__)]
    cause = error.__cause__ or error.__context__
    return [type(error).__name__, *places, *(failure(cause) if cause else [])]


class JsonLines(logging.Formatter):
    """A line of JSON for whatever a process says; lines of requests are JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == logger.name:
            return record.getMessage()
        said = {"time": record.created, "level": record.levelname.lower(), "part": record.name}
        error = {"error": failure(record.exc_info[1])} if record.exc_info and record.exc_info[1] else {}
        return orjson.dumps({**said, "said": record.getMessage(), **error}).decode()


def start_logging(level: str, stream: Any = None) -> None:
    """Write lines to stderr. level: "info" for all requests, "warning" for those that failed or were slow."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in {"penchant": level.upper(), **OTHERS}.items():
        part = logging.getLogger(name)
        part.handlers = [handler]
        part.setLevel(least)
        part.propagate = False
