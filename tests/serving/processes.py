"""Real servers: the command as a user gives it, in processes that can be killed."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

START_S = 90.0


class ServerProcess:
    """`penchant serve` with some options; `said` is what it has written to stderr, `says` what it writes when it
    answers."""

    def __init__(
        self, run: Path, store: str, *options: str, roles: Sequence[str] = (), port: int | None = None
    ) -> None:
        """port: a free one if not given."""
        named = [part for role in roles for part in ("--role", role)]
        listen = f"127.0.0.1:{port or 0}"
        serve = [sys.executable, "-m", "penchant", "serve", str(run), "--listen", listen, "--no-keys"]
        self.command = [*serve, *named, *options]
        self.environment = {**os.environ, "PENCHANT_STORE": store, "OMP_NUM_THREADS": "1", "COLUMNS": "500"}
        self.said, self.says = "", "Serving:"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "ServerProcess":
        """Returns at once; see `wait`."""
        self.said = ""
        self._process = subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._listener = Thread(target=self._listen, args=[self._process], daemon=True)
        self._listener.start()
        return self

    def wait(self) -> "ServerProcess":
        """Until it says that it serves."""
        until(lambda: self.says in self.said or not self.runs, within_s=START_S, what=self.said)
        assert self.says in self.said, self.said
        return self

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
        assert found, self.said
        return int(found[1])

    def kill(self) -> None:
        """As a crash does: nothing is finished, nothing is written."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._listener.join()

    def end(self) -> int:
        """As an operator does; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if content is not None else {}
        try:
            connection.request(method, path, content, {**kind, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if "json" in answer.headers.get(
                "content-type", ""
            ) else text.decode()
        finally:
            connection.close()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.said += line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(asked: Callable[[], bool], *, within_s: float, what: str = "") -> None:
    """Wait until something is so; fails where it is not in time."""
    end = time.monotonic() + within_s
    while not asked():
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.05)
