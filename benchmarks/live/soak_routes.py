"""Requests for every route of a server, of a bounded population: what `benchmarks.live.soak` asks again and again."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pyarrow as pa

from penchant.client import Client
from penchant.serving.snapshot import Snapshot

JSON, LINES, ARROW = "application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"
FORM = "application/x-www-form-urlencoded"
PARTS = ("body", "seeds", "clusters", "scores", "audience", "members")

OLD_USERS, NEW_USERS, PASSING_USERS = 300, 100, 20
OLD_ITEMS, NEW_ITEMS, CANDIDATES, TOGGLED = 200, 50, 40, 10
EVENTS = 20

Make = Callable[[], bytes]


class Population:
    """Users and items of a run, and new ones; each method makes a request. key: with scope admin; cookie: of a visitor
    who has logged in with it."""

    def __init__(self, run: Path, host: str, key: str, cookie: str, client: Client) -> None:
        snapshot, self._rng = Snapshot(run / "serving"), np.random.default_rng(0)
        self._host, self._key, self._cookie = host, key, cookie
        rows = self._rng.permutation(len(snapshot))[:OLD_USERS]
        self.users = [snapshot.user(int(row)) for row in rows] + [f"newcomer {n}" for n in range(NEW_USERS)]
        best = np.argsort(-snapshot.seeds_per_item(), kind="stable")[:OLD_ITEMS]
        self.items = [snapshot.items[place] for place in best]
        self.candidates, self._toggled = self.items[:CANDIDATES], self.items[-TOGGLED:]
        self.tags = [tag["tag"] for tag in client.profile(self.users[0], most=50)["clicked"]]
        self._field = next(iter(client.model()["profiles"].values()))

    def request(self, method: str, path: str, content: bytes = b"", kind: str = JSON, *, part: bool = False) -> bytes:
        """The bytes of a request: with the key, or to the dashboard with the cookie. part: of a page, not all of it."""
        ours = path.startswith("/dashboard")
        who = f"Cookie: {self._cookie}" if ours else f"Authorization: Bearer {self._key}"
        more = "HX-Request: true\r\n" if part else ""
        origin = f"Origin: http://{self._host}\r\n" if method == "POST" and ours else ""
        typed = f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n" if content else "Content-Length: 0\r\n"
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{who}\r\n{origin}{more}{typed}\r\n".encode() + content
        )

    def routes(self) -> Mapping[str, tuple[float, Make]]:
        """Each request: how many of a second, and what makes it."""
        return {**self._of_events(), **self._of_users(), **self._of_candidates(), **self._of_process(), **self._pages()}

    def _of_events(self) -> dict[str, tuple[float, Make]]:
        return {
            "POST /v1/events, JSON": (2.0, lambda: self._events(JSON, json.dumps(self._drawn()).encode())),
            "POST /v1/events, NDJSON": (
                1.0,
                lambda: self._events(LINES, "\n".join(map(json.dumps, self._drawn())).encode()),
            ),
            "POST /v1/events, Arrow": (1.0, lambda: self._events(ARROW, _stream(self._drawn()))),
            "PUT /v1/items/{item}": (0.5, self._put_item),
        }

    def _of_users(self) -> dict[str, tuple[float, Make]]:
        of_user: dict[str, tuple[float, Make]] = {
            f"GET /v1/users/{{user}}/{what}": (rate, lambda what=what: self._get(f"/v1/users/{self._user()}/{what}"))  # type: ignore[misc]
            for what, rate in (("profile", 3.0), ("explain", 1.0), ("recall", 1.0))
        }
        return of_user | {
            "POST /v1/events, a passing user": (0.1, self._passing),
            "DELETE /v1/users/{user}": (0.05, lambda: self.request("DELETE", f"/v1/users/{quote(self._passer())}")),
        }

    def _of_candidates(self) -> dict[str, tuple[float, Make]]:
        every = "/v1/candidates"
        return {
            f"GET {every}": (0.5, lambda: self._get(every)),
            f"GET {every}/{{item}}": (0.5, lambda: self._get(f"{every}/{self._candidate()}")),
            f"GET {every}/{{item}}/audience": (0.3, lambda: self._get(f"{every}/{self._candidate()}/audience?size=50")),
            f"PUT {every}/{{item}}": (0.1, lambda: self.request("PUT", f"{every}/{quote(self._draw(self._toggled))}")),
            f"PUT {every}": (0.1, lambda: self._json("PUT", every, {"items": self._toggled})),
            f"DELETE {every}": (0.1, lambda: self._json("DELETE", every, {"items": self._toggled})),
            "POST /v1/lookalike/score": (2.0, lambda: self._score({"users": [self._draw(self.users)], "top": 10})),
            "POST /v1/lookalike/score, some": (
                1.0,
                lambda: self._score({"users": self.users[:50], "items": self.candidates[:5]}),
            ),
        }

    def _of_process(self) -> dict[str, tuple[float, Make]]:
        paths = {"/healthz": 0.2, "/readyz": 0.5, "/metrics": 0.3, "/v1/model": 0.2, "/v1/openapi.json": 0.05}
        return {f"GET {path}": (rate, lambda path=path: self._get(path)) for path, rate in paths.items()}  # type: ignore[misc]

    def _pages(self) -> dict[str, tuple[float, Make]]:
        """Every page and part; {…} stands for what is drawn."""
        whole = {
            "users": 0.2, "users?user={user}": 0.4, "users?user={user}&why={tag}": 0.2, "users?tag={tag}": 0.2,
            "tags": 0.2, "tags?tag={tag}": 0.2, "tags?q={tag}": 0.1, "tags/points": 0.05,
            "lookalike": 0.2, "lookalike?item={item}": 0.2, "lookalike/audience?item={item}&size=50&as=csv": 0.1,
            "lookalike/audience?item={item}&size=50&as=parquet": 0.1,
            "quality": 0.1, "system": 0.1, "login": 0.05, "nowhere": 0.05,
        }  # fmt: skip
        parts = {
            "users/suggest?tag={part}": 0.2, "tags/suggest?q={part}": 0.2, "tags?tag={tag}": 0.1, "tags/waiting": 0.05,
            "tags/body": 0.05, "lookalike/items?find={part}": 0.2, "quality?find=d": 0.05,
            "system/now": 0.5, "system/charts": 0.5, "system/figures": 0.05,
            **{f"lookalike/part?part={part}&item={{item}}&size=50": 0.1 for part in PARTS},
        }  # fmt: skip
        found: dict[str, tuple[float, Make]] = {
            f"{path}, a part": (rate, lambda path=path: self._page(path, part=True))  # type: ignore[misc]
            for path, rate in parts.items()
        }
        found |= {path: (rate, lambda path=path: self._page(path)) for path, rate in whole.items()}  # type: ignore[misc]
        found["lookalike/open"] = (0.05, lambda: self._form("lookalike/open", item=self.candidates[0]))
        found["login, posted"] = (0.02, lambda: self._form("login", key=self._key))
        return {f"/dashboard/{name}": one for name, one in found.items()}

    def _page(self, path: str, *, part: bool = False) -> bytes:
        tag = self._draw(self.tags)
        drawn = {"user": self._user(), "tag": quote(tag), "part": quote(tag[:2]), "item": self._candidate()}
        return self.request("GET", f"/dashboard/{path.format(**drawn)}", part=part)

    def _form(self, path: str, **fields: str) -> bytes:
        return self.request("POST", f"/dashboard/{path}", urlencode(fields).encode(), FORM)

    def _get(self, path: str) -> bytes:
        return self.request("GET", path)

    def _json(self, method: str, path: str, body: Any) -> bytes:
        return self.request(method, path, json.dumps(body).encode())

    def _score(self, body: Any) -> bytes:
        return self._json("POST", "/v1/lookalike/score", body)

    def _events(self, kind: str, content: bytes) -> bytes:
        return self.request("POST", "/v1/events", content, kind)

    def _passing(self) -> bytes:
        event = {"user": self._passer(), "item": self._draw(self.items), "time": time.time()}
        return self._events(JSON, json.dumps(event).encode())

    def _put_item(self) -> bytes:
        item, tags = f"new item {self._rng.integers(NEW_ITEMS)}", [self._draw(self.tags) for _ in range(3)]
        return self._json("PUT", f"/v1/items/{quote(item)}", {"fields": {self._field: tags}})

    def _drawn(self) -> list[dict[str, object]]:
        """Events of now: clicks on candidates more often than on others, now and then on a new item."""
        places = (self._rng.random(EVENTS) ** 2 * len(self.items)).astype(int).tolist()
        named = [self.items[place] if place % 20 else f"new item {place % NEW_ITEMS}" for place in places]
        clicked_E = (self._rng.random(EVENTS) < 0.8).tolist()
        return [
            {"user": self._draw(self.users), "item": item, "time": time.time(), "clicked": clicked}
            for item, clicked in zip(named, clicked_E, strict=True)
        ]

    def _passer(self) -> str:
        return f"passing {self._rng.integers(PASSING_USERS)}"

    def _user(self) -> str:
        return quote(self._draw(self.users), safe="")

    def _candidate(self) -> str:
        return quote(self._draw(self.candidates), safe="")

    def _draw(self, among: list[str]) -> str:
        return among[int(self._rng.integers(len(among)))]


def _stream(events: list[dict[str, object]]) -> bytes:
    table, sink = pa.Table.from_pylist(events), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
