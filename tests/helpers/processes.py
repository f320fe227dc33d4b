"""Processes that tests start, stop and kill; and how a test waits for what others do.

They are forked from one process that has imported Penchant already: that takes seconds, and a fork a moment.
"""

import atexit
import http.client
import json
import multiprocessing
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

HANG_S = 600.0
"""Whatever takes longer hangs. Nothing is measured by this, so it is far longer than the slowest machine needs."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["penchant.pipeline", "penchant.operation.server", "typer", "pytest", "tests.helpers.warm"]
)


def until(true: Callable[[], object], *, what: Callable[[], object] = str) -> None:
    """Wait until something is so. what: tells, where it never is, how things stand."""
    end = time.monotonic() + HANG_S
    while not true():
        assert time.monotonic() < end, f"it never came: {what()}"
        time.sleep(0.01)


def free_port() -> int:
    """One below those that the system gives to connections, so that it is free again after its server was killed."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@cache
def _streams() -> Path:
    """Where processes write."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return folder


class Forked:
    """A function in a process of its own, which starts at once. environment: changes to ours."""

    def __init__(
        self, function: Callable[..., object], *arguments: object, environment: Mapping[str, str] | None = None
    ) -> None:
        name = f"{random.SystemRandom().getrandbits(64):x}"
        self._out, self._err = (_streams() / f"{name}.{stream}" for stream in ("out", "err"))
        for path in (self._out, self._err):
            path.touch()
        call = (self._out, self._err, Path.cwd(), environment or {}, function, arguments)
        self._process: BaseProcess = FORKS.Process(target=_begin, args=call)
        self._process.start()

    @property
    def out(self) -> str:
        """What it has written so far."""
        return self._out.read_text(encoding="utf-8", errors="replace")

    @property
    def err(self) -> str:
        """What it has written so far to the stream of errors."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def status(self) -> int:
        """Its exit status, once it has ended of itself."""
        self._process.join(HANG_S)
        assert self._process.exitcode is not None, f"it hangs: {self.err}"
        return self._process.exitcode

    def kill(self) -> None:
        """As a crash does: nothing is finished, nothing is written."""
        self._process.kill()
        self._process.join()

    def end(self) -> int:
        """As an operator does; the exit status."""
        self._process.terminate()
        return self.status()


def _begin(
    out: Path,
    err: Path,
    folder: Path,
    environment: Mapping[str, str],
    function: Callable[..., object],
    arguments: Sequence[object],
) -> None:
    for number, path in ((1, out), (2, err)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.update(environment)
    function(*arguments)


def penchant(*words: object) -> None:
    """Do what the command does, in this process."""
    from penchant.command.offline import main  # noqa: PLC0415

    sys.argv = ["penchant", *map(str, words)]
    main()


class ServerProcess:
    """`penchant serve` with some options; says: what it writes when it answers."""

    def __init__(
        self, run: Path, store: str, *options: str, roles: Sequence[str] = (), port: int | None = None
    ) -> None:
        """port: a free one if not given."""
        named = [part for role in roles for part in ("--role", role)]
        self.words = ["serve", str(run), "--listen", f"127.0.0.1:{port or 0}", "--no-keys", *named, *options]
        self.environment = {"PENCHANT_STORE": store, "COLUMNS": "500"}
        self.says = "Serving:"
        self._process: Forked | None = None

    def start(self) -> "ServerProcess":
        """Returns at once; see `wait`."""
        self._process = Forked(penchant, *self.words, environment=self.environment)
        return self

    def wait(self) -> "ServerProcess":
        """Until it says that it serves."""
        until(lambda: self.says in self.said or not self.runs, what=lambda: self.said)
        assert self.says in self.said, self.said
        return self

    @property
    def process(self) -> Forked:
        assert self._process, "it was not started"
        return self._process

    @property
    def said(self) -> str:
        """What it has written to the stream of errors since it was started."""
        return self.process.err

    @property
    def runs(self) -> bool:
        return self.process.runs

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
        assert found, self.said
        return int(found[1])

    def kill(self) -> None:
        """As a crash does."""
        if self._process:
            self._process.kill()

    def end(self) -> int:
        """As an operator does; the exit status."""
        return self.process.end()

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_S)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if content is not None else {}
        try:
            connection.request(method, path, content, {**kind, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            told = "json" in answer.headers.get("content-type", "")
            return answer.status, json.loads(text) if told else text.decode()
        finally:
            connection.close()
