"""Events sent by a client that does not give up, and what a store must hold of them in the end."""

import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import Any

import numpy as np

from penchant.client import Client, ClientError
from penchant.store.base import Event, Store
from tests.helpers.processes import HANG_S, until

BATCH = 20


class Sender:
    """Sends batches of made-up events, each again and again until it is acknowledged. sent: what was."""

    def __init__(
        self, port: int, users: Sequence[str], items: Sequence[str], *, seed: int, rest_s: float = 0.02
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self._port, self._users, self._items, self._rest_s = port, users, items, rest_s
        self._rng, self._seed, self._enough = np.random.default_rng(seed), seed, Flag()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> "Sender":
        self._thread.start()
        return self

    def wait(self, batches: int) -> None:
        """Until so many more were acknowledged."""
        enough = len(self.sent) + batches * BATCH
        until(lambda: len(self.sent) >= enough)

    def stop(self) -> list[dict[str, Any]]:
        """What was acknowledged, when the last batch is."""
        self._enough.set()
        self._thread.join(HANG_S)
        assert not self._thread.is_alive(), "the last batch was never acknowledged"
        return self.sent

    def _run(self) -> None:
        number = 0
        with Client(f"http://127.0.0.1:{self._port}", None, patience_s=2.0, timeout_s=5.0) as client:
            while not self._enough.wait(self._rest_s):
                batch = [self._event(f"{self._seed}-{number}-{place}") for place in range(BATCH)]
                number += 1
                while not self._acknowledged(client, batch):
                    time.sleep(0.05)
                self.sent += batch

    def _acknowledged(self, client: Client, batch: list[dict[str, Any]]) -> bool:
        with suppress(ClientError):
            told = client.send(batch)
            assert told["accepted"] + told["repeated"] == len(batch), told
            return True
        return False

    def _event(self, name: str) -> dict[str, Any]:
        user = self._users[int(self._rng.integers(len(self._users)))]
        item = self._items[int(self._rng.integers(len(self._items)))]
        late = float(self._rng.integers(0, 7 * 86_400))
        return {
            "user": user,
            "item": item,
            "time": time.time() - late,
            "clicked": bool(self._rng.random() < 0.7),
            "id": name,
        }


def assert_counted(store: Store, sent: Sequence[dict[str, Any]]) -> None:
    """Every event once: in the history of its user, and for its item."""
    events = [Event(**event) for event in sent]
    assert len({(event.user, event.id) for event in events}) == len(events)
    assert store.backlog().events == 0
    users = sorted({event.user for event in events})
    for user, history in zip(users, store.histories(users), strict=True):
        assert set(history) == {event for event in events if event.user == user}
        assert len(history) == len(set(history))
    for item in {event.item for event in events}:
        clicks: dict[str, float] = {}
        for event in events:
            if event.item == item and event.clicked:
                clicks[event.user] = max(event.time, clicks.get(event.user, 0.0))
        found = store.seeds(item, 1_000_000)
        assert dict(zip(found.users, found.time_S.tolist(), strict=True)) == clicks
        assert set(store.shown(item)) == {event.user for event in events if event.item == item}
    assert store.poison(10) == []
