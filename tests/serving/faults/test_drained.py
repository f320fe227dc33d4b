"""A server that is told to end, while somebody is in the middle of a request."""

import json
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

from penchant.pipeline import Run
from tests.helpers.processes import HANG_S, ServerProcess


def test_a_request_that_is_cut_off_is_told_so_and_logged_in_a_sentence(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}").wait()
    head = "POST /v1/events HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG_S) as wire:
        wire.sendall(head.encode())
        assert server.ask("GET", "/healthz")[0] == 200
        assert server.end() == 0
        answer = HTTPResponse(wire)
        answer.begin()
        assert (answer.status, json.load(answer)["error"]["code"]) == (503, "stopping")
    lines = [json.loads(line) for line in server.said.splitlines() if line.startswith("{")]
    assert "Traceback" not in server.said
    assert all(line.startswith(("{", "Serving", "Dashboard", "Live")) for line in server.said.splitlines() if line)
    (cut,) = [line for line in lines if line.get("route") == "/v1/events"]
    assert (cut["status"], cut["error"]) == (503, ["the server was stopped before this was answered"])
