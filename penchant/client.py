"""A client of the HTTP API, of the standard library alone; a copy of this file with PenchantError is all one needs."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from penchant.errors import PenchantError

LONGEST_REST_S = 5.0

_TOLD = ("accepted", "repeated", "forgotten", "refused", "refused_count")
"""What an answer to events holds."""


class ClientError(PenchantError):
    """An answer that is an error. status: of HTTP, 0 where there was no answer; code: one word for programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Client:
    """Speaks with one server over a connection that stays open; for one thread at a time.

    key: None where none is needed; patience_s: for so long a call is made again where the server is busy, or away;
    timeout_s: how long one answer may take. Every method raises ClientError.
    """

    def __init__(self, url: str, key: str | None, *, patience_s: float = 30.0, timeout_s: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(
                0, "bad_url", f"{url!r} is no address of a server; give one such as http://127.0.0.1:8000"
            )
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._prefix, self._patience_s = parts.path.rstrip("/"), patience_s
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    def send(self, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Make events durable: {"accepted", "repeated", "forgotten", "refused", "refused_count"}.

        Events without an id get one, so that however often they have to be sent, they count once.
        """
        told = [event if "id" in event else {**event, "id": uuid4().hex} for event in events]
        try:
            return self._ask("POST", "/v1/events", told)
        except _RefusedError as error:
            return error.answer

    def model(self) -> dict[str, Any]:
        """Which model answers, and which look-alike is live."""
        return self._ask("GET", "/v1/model")

    def profile(self, user: str, *, most: int = 20, by: str | None = None, model: str | None = None) -> dict[str, Any]:
        """by: "lift" or "preference"; the order of the run file if not given; model: the interest model that is asked,
        the first that `model()` names if not given."""
        asked = {"most": most, **({"by": by} if by else {}), **({"model": model} if model else {})}
        return self._ask("GET", f"/v1/users/{_part(user)}/profile?{urlencode(asked)}")

    def explain(self, user: str, tag: str | None = None, *, model: str | None = None) -> dict[str, Any]:
        said = {name: value for name, value in (("tag", tag), ("model", model)) if value is not None}
        asked = f"?{urlencode(said)}" if said else ""
        return self._ask("GET", f"/v1/users/{_part(user)}/explain{asked}")

    def recall(self, user: str, *, most: int = 50, model: str | None = None) -> list[dict[str, Any]]:
        """model: the interest model whose tags count, the first that `model()` names if not given."""
        asked = urlencode({"most": most, **({"model": model} if model else {})})
        found: list[dict[str, Any]] = self._ask("GET", f"/v1/users/{_part(user)}/recall?{asked}")["items"]
        return found

    def forget(self, user: str) -> dict[str, Any]:
        return self._ask("DELETE", f"/v1/users/{_part(user)}")

    def put_item(self, item: str, fields: Mapping[str, Sequence[str]]) -> None:
        self._ask("PUT", f"/v1/items/{_part(item)}", {"fields": fields})

    def open(self, items: Sequence[str]) -> None:
        """Open items to audience extension."""
        self._ask("PUT", "/v1/candidates", {"items": items})

    def close(self, items: Sequence[str]) -> None:
        """Close candidates; for the connection, see `hang_up`."""
        self._ask("DELETE", "/v1/candidates", {"items": items})

    def candidates(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/v1/candidates")["candidates"]
        return found

    def score(
        self, users: Sequence[str], items: Sequence[str] | None = None, *, top: int | None = None
    ) -> list[dict[str, Any]]:
        """Per user {"user", "cold", "scores"}, best first."""
        asked = {"users": users, "items": items, "top": top}
        found: list[dict[str, Any]] = self._ask("POST", "/v1/lookalike/score", asked)["users"]
        return found

    def audience(self, item: str, *, size: int = 1_000) -> dict[str, Any]:
        return self._ask("GET", f"/v1/candidates/{_part(item)}/audience?size={size}")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Again and again, as long as the server is away or asks for time."""
        until = time.monotonic() + self._patience_s
        rest_s = 0.1
        while True:
            try:
                return self._ask_once(method, path, body)
            except _AgainError as error:
                rest_s = error.after_s if error.after_s is not None else min(2 * rest_s, LONGEST_REST_S)
                if time.monotonic() + rest_s > until:
                    raise error.problem from None
            time.sleep(rest_s)

    def _ask_once(self, method: str, path: str, body: Any) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        try:
            with suppress(BrokenPipeError):  # there may be an answer before all was sent
                self._connection.request(method, self._prefix + path, content, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException) as error:
            self.hang_up()
            problem = ClientError(0, "unreachable", f"{self._connection.host} does not answer: {error!r}")
            raise _AgainError(problem, None) from None
        if answer.status < 300:
            return _json(said)
        raise _error(answer.status, answer.headers.get("Retry-After"), _json(said))


class _AgainError(Exception):
    """after_s: when to ask again, None where nothing was said."""

    def __init__(self, problem: ClientError, after_s: float | None) -> None:
        super().__init__(problem)
        self.problem, self.after_s = problem, after_s


class _RefusedError(ClientError):
    """All events were refused; answer: why."""

    answer: dict[str, Any]


def _error(status: int, after: str | None, said: dict[str, Any]) -> Exception:
    told = said.get("error", {})
    code, message = told.get("code", "unknown"), told.get("message", f"the server answered {status}")
    if code == "all_refused":
        refused = _RefusedError(status, code, message)
        refused.answer = {name: said[name] for name in _TOLD}
        return refused
    problem = ClientError(status, code, message)
    if status in (429, 503):
        return _AgainError(problem, float(after) if after and after.isdecimal() else None)
    return problem


def _json(said: bytes) -> dict[str, Any]:
    """Empty for an answer without a body, or with one that is not ours: a proxy may have answered."""
    try:
        found = json.loads(said or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _part(text: str) -> str:
    """An id as a part of a path."""
    return quote(text, safe="")
