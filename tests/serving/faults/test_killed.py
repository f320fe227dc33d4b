"""Processes are killed at random moments: every acknowledged event counts once."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from penchant.pipeline import Run
from tests.helpers.processes import ServerProcess, free_port
from tests.helpers.servers import RedisServer
from tests.serving.faults.live import OPEN, USERS, assert_all_counted, items_of, seeds_told
from tests.serving.recount import Sender

ROLES = ("http", "consumer", "cluster")
KILLS = int(os.environ.get("PENCHANT_KILLS", "25"))
"""Of processes, in the test of each store: 50 in all."""


def survive_kills(run: Run, url: str, servers: Callable[..., ServerProcess]) -> None:
    """Kill a process of any role while events come in, start it again, and so on."""
    port, dice = free_port(), random.Random(7)  # noqa: S311
    roles = {role: servers(run.folder, url, "--lease", "2", roles=[role], port=port) for role in ROLES}
    for server in roles.values():
        server.wait()
    assert roles["http"].ask("PUT", "/v1/candidates", {"items": OPEN})[0] == 204
    senders = [Sender(port, USERS, items_of(run), seed=seed, rest_s=0.1).start() for seed in range(2)]
    for _ in range(KILLS):
        victim = roles[dice.choice(ROLES)]
        if dice.random() < 0.7:
            victim.wait()
        time.sleep(dice.uniform(0.0, 0.4))
        victim.kill()
        victim.start()
    sent = [event for sender in senders for event in sender.stop()]
    for server in roles.values():
        server.wait()
    assert_all_counted(url, sent)
    seeds_told(roles["http"], run, url)


def test_processes_killed_at_random_lose_nothing_on_sqlite(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    survive_kills(run, f"sqlite:{tmp_path / 'live.sqlite'}", servers)


def test_processes_killed_at_random_lose_nothing_on_redis(
    run: Run, redis_server: RedisServer, servers: Callable[..., ServerProcess]
) -> None:
    survive_kills(run, redis_server.url, servers)
