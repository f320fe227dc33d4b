"""The HTTP API over a store in memory, and real servers around it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from penchant.choices import Scope
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.models.parts.clusters import cluster
from penchant.serving.candidates.cluster_bytes import ClusterReader, shape_of, to_bytes
from penchant.serving.candidates.clusters import grown
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.disclosure.lots import Lots
from penchant.serving.http.app import Limits, make_app
from penchant.serving.http.routes import Routes
from penchant.serving.http.run import HttpServer
from penchant.serving.http.wire.connections import Connections, room
from penchant.serving.keys import Keys, create_key
from penchant.serving.measures import Measures
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Store
from penchant.store.memory import MemoryStore
from tests.helpers.processes import HANG_S
from tests.serving.worlds import MADE

FANS = [f"u{number:03}" for number in range(30)]


class Desk:
    """An app over a store of its own, with the clock at MADE. open_to_all: no key is needed."""

    def __init__(
        self,
        served: Served,
        *,
        open_to_all: bool = True,
        limits: Limits | None = None,
        store: Store | None = None,
        service: Callable[..., Service] = Service,
    ) -> None:
        self.store = store or MemoryStore()
        self.service = service(self.store, served, lambda: MADE)
        self.measures = Measures()
        self._ahead_s = 0.0
        keys = None if open_to_all else Keys(self.store, lambda: monotonic() + self._ahead_s)
        self.app: FastAPI = make_app(
            self.service, keys, limits=limits or Limits(), measures=self.measures, more=self.more(keys)
        )

    def more(self, keys: Keys | None) -> Callable[[Routes], object] | None:  # noqa: ARG002
        """Routes besides those of the API; a later stage has some, with the same keys."""
        return None

    def key(self, scope: Scope, per_s: float = 1e6) -> dict[str, str]:
        """The header of a new key, a second after it was made."""
        key = create_key(self.store, scope, label="a test", per_s=per_s, clock=lambda: MADE)
        self._ahead_s += 1.0
        return {"Authorization": f"Bearer {key}"}

    def open(self, items: Sequence[str]) -> None:
        """Open candidates, with clusters of FANS for all of them."""
        self.service.open(items)
        view = self.service.view
        alike = view.served.alike
        assert alike is not None
        vectors_BX, _ = view.users.vectors(FANS)
        averaged_NX = averaged(alike.ralm, vectors_BX)
        found = cluster(averaged_NX, placed(alike.ralm, averaged_NX), alike.ralm.config.clusters, alike.seed)
        live = grown(found, len(FANS), MADE, MADE)
        self.store.publish(view.served.name, dict.fromkeys(items, to_bytes(live)), cursor="0")
        opened = self.store.candidates()
        reader = ClusterReader(self.store, shape_of(alike.ralm))
        lots = Lots(self.store, view.served.name, reader, OpenCandidates(self.store))
        lots.follow({item: (opened[item], live) for item in items}, "0")
        self.service.refresh()


@contextmanager
def running(app: Any, *, connections: Connections | None = None, proxies: Sequence[str] = ()) -> Iterator[str]:
    """The address of a server around an app, on a free port: that of `HttpServer`, but in a thread, without signals.
    connections: those of its own if not given."""
    held = connections or Connections(Measures(), room())
    served = HttpServer(app, host="127.0.0.1", port=0, connections=held, proxies=proxies)
    config = served._server.config
    server = uvicorn.Server(config)
    with config.bind_socket() as socket:
        socket.listen(config.backlog)
        thread = Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(HANG_S)
            assert not thread.is_alive()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """Of an error, which has the shape that all have."""
        assert {"error", "request_id"} <= self.said.keys()
        assert self.said["error"].keys() == {"code", "message"}
        assert self.said["request_id"] == self.headers["x-request-id"]
        code: str = self.said["error"]["code"]
        return code


def ask(url: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """One request over a connection of its own. path: as it is sent; body: bytes, or a value that is sent as JSON."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=HANG_S)
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
    try:
        connection.request(method, path, body, sent)
        return reply(connection.getresponse())
    finally:
        connection.close()


def reply(answer: HTTPResponse) -> Reply:
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
