"""A server behind a proxy that it was told to trust."""

import http.client
import time
from contextlib import closing
from pathlib import Path

from penchant.pipeline import Run
from penchant.serving.keys import create_key
from penchant.store.opened import open_store
from tests.helpers.processes import HANG_S, ServerProcess, until


class Locked(ServerProcess):
    """One that asks for keys."""

    def start(self) -> "Locked":
        self.words.remove("--no-keys")
        super().start()
        return self


def cookie(server: ServerProcess, key: str) -> str:
    """That of a log-in by HTTPS, as the proxy says."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https"}
    with closing(connection):
        origin = {"Origin": f"https://127.0.0.1:{server.port}"}
        connection.request("POST", "/dashboard/login", f"key={key}", headers | origin)
        return connection.getresponse().headers["set-cookie"]


def tried(server: ServerProcess, addresses: list[str]) -> set[int]:
    """How tries without a key are answered, from addresses that the proxy tells."""
    return {server.ask("GET", "/v1/model", headers={"X-Forwarded-For": one})[0] for one in addresses}


def test_a_proxy_is_believed_where_it_was_named(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'live.sqlite'}"
    with closing(open_store(url)) as store:
        key = create_key(store, "read", label="a visitor", per_s=1e6, clock=time.time)
    servers = [Locked(run.folder, url, *more).start() for more in ((), ("--trusted-proxy", "127.0.0.0/8"))]
    try:
        plain, trusting = (server.wait() for server in servers)
        assert "Secure" not in cookie(plain, key)
        assert "Secure" in cookie(trusting, key)
        many = [f"10.0.0.{number}" for number in range(60)]
        until(lambda: 429 in tried(plain, many))
        assert tried(trusting, many) == {401}
        until(lambda: 429 in tried(trusting, ["10.0.1.1"] * 60))
    finally:
        for server in servers:
            server.kill()
