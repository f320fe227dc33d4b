"""The HTTP server of one process: uvicorn around an app, until it is told to stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

GRACE_S = 10
"""How long requests that go on have to end."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not to be raised again at the end, as uvicorn does: others have to be stopped after HTTP."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class HttpServer:
    """Serves in the thread that calls `run`, which has to be the main one: it takes SIGINT and SIGTERM."""

    def __init__(self, app: Any, *, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="off",
        )
        self._server = _Server(config)

    def run(self, listening: Callable[[str], None]) -> None:
        """Until a signal or `stop`. listening: is told the address once connections are taken."""
        socket = self._server.config.bind_socket()
        socket.listen(self._server.config.backlog)  # who comes before the loop runs waits, and is not turned away
        host, port = socket.getsockname()[:2]
        listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        self._server.run(sockets=[socket])

    def stop(self) -> None:
        """From any thread."""
        self._server.should_exit = True
