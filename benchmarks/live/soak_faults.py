"""Roles of a server, and Redis, killed at random while events come in; then what was acknowledged is counted again."""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from penchant.serving.snapshot import Snapshot
from penchant.store.opened import open_store
from tests.helpers.processes import ServerProcess, free_port, until
from tests.helpers.servers import RedisServer
from tests.serving.recount import Sender, assert_counted

ROLES = ("http", "consumer", "cluster")
SENDERS = 2
USERS, ITEMS, OPEN = 60, 40, 4
LONGEST_REST_S = 3.0
REDIS_TURN = 0.2
"""How often it is Redis that is killed."""


def survive(run: Path, url: str, redis: RedisServer | None, *, minutes: float) -> str:
    """Kill, start again, and so on; what was survived, and how long each took to come back."""
    port, dice = free_port(), random.Random(7)  # noqa: S311
    kills, back_s = dict.fromkeys((*ROLES, *(["redis"] if redis else [])), 0), list[float]()
    with _playing(run, url, port) as roles:
        snapshot = Snapshot(run / "serving")
        users = [snapshot.user(row) for row in range(USERS)] + [f"newcomer {number}" for number in range(20)]
        roles["http"].ask("PUT", "/v1/candidates", {"items": snapshot.items[:OPEN]})
        senders = [Sender(port, users, snapshot.items[:ITEMS], seed=seed).start() for seed in range(SENDERS)]
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.0, LONGEST_REST_S))
            if redis and dice.random() < REDIS_TURN:
                redis.restart()
                victim, began = "redis", time.monotonic()
            else:
                victim, began = dice.choice(ROLES), time.monotonic()
                roles[victim].kill()
                roles[victim].start().wait()
            until(lambda: roles["http"].ask("GET", "/readyz")[0] == 200)
            kills[victim] += 1
            back_s.append(time.monotonic() - began)
        sent = [event for sender in senders for event in sender.stop()]
    with closing(open_store(url)) as store:
        assert_counted(store, sent)
    told = ", ".join(f"{name} {count}" for name, count in kills.items())
    store_name = "Redis" if redis else "SQLite"
    return (
        f"- **Killed** with `kill -9` on {store_name}, in {minutes:.0f} minutes: {told}. All of {len(sent):,} "
        f"acknowledged events count once. Ready again after {sorted(back_s)[len(back_s) // 2]:.1f} s in the median, "
        f"{max(back_s):.1f} s at most, start of the process included."
    )


@contextmanager
def _playing(run: Path, url: str, port: int) -> Iterator[dict[str, ServerProcess]]:
    """Each role as a process of its own; when the block ends, they may consume what still waits."""
    roles = {role: ServerProcess(run, url, "--lease", "2", roles=[role], port=port) for role in ROLES}
    try:
        for server in roles.values():
            server.start().wait()
        yield roles
        for server in roles.values():
            assert server.runs, server.said
        with closing(open_store(url)) as store:
            until(lambda: store.backlog().events == 0)
    finally:
        for server in roles.values():
            server.kill()
