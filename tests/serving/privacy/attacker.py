"""Somebody with a key who looks for the one user who clicked an item, and the server that they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.served import Served
from tests.dashboard.sites import Site
from tests.helpers.processes import until
from tests.serving.apps import Reply, ask
from tests.serving.clustered import send
from tests.serving.worlds import MADE


class House(Site):
    """A server with keys and a clusterer that is stepped by hand; its clock stands still unless it is moved."""

    def __init__(self, served: Served, folder: Path, items: Sequence[str]) -> None:
        super().__init__(served, folder, open_to_all=False)
        self.now = MADE
        self.service.clock = lambda: self.now
        self._clicks = 0
        self.service.open(items)
        self._clusterer = Clusterer(self.store, self.service.models.all[0], lambda: self.now, every_s=1e9)
        until(lambda: self.settled() and self.service.view.live.keys() >= set(items))

    def settled(self) -> bool:
        """Step once; whether there was nothing to do."""
        idle = not self._clusterer.once()
        self.service.refresh()
        return idle and self._clusterer._job is None

    def click(self, item: str, *users: str) -> None:
        """Clicks that everything has taken over."""
        self._clicks += 1
        send(self.service, *((user, item, 1_000.0 - self._clicks) for user in users))
        until(self.settled)

    def close(self) -> None:
        self._clusterer.close()

    def users(self) -> list[str]:
        """All users of the log."""
        snapshot = self.service.view.served.snapshot
        return [snapshot.user(row) for row in range(len(snapshot))]

    def seeds(self, item: str) -> set[str]:
        """Those who clicked an item in the log."""
        snapshot = self.service.view.served.snapshot
        return {snapshot.user(row) for row in snapshot.seeds(item)[0].tolist()}


@dataclass(frozen=True)
class Attacker:
    """Asks a server with one key."""

    url: str
    key: Mapping[str, str]

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Reply:
        return ask(self.url, method, path, body, self.key)

    def candidate(self, item: str) -> dict[str, Any]:
        said: dict[str, Any] = self.ask(f"/v1/candidates/{quote(item, safe='')}").said
        return said

    def scores(self, users: Sequence[str], item: str) -> dict[str, float]:
        """The score of each user for an item; empty where none is told."""
        said = self.ask("/v1/lookalike/score", "POST", {"users": list(users), "items": [item]}).said
        return {one["user"]: one["scores"][0]["score"] for one in said["users"] if one["scores"]}

    def likest(self, users: Sequence[str], item: str) -> str | None:
        """Whoever has the highest score."""
        scores = self.scores(users, item)
        return max(scores, key=lambda user: scores[user]) if scores else None

    def without(self, users: Sequence[str], item: str) -> set[str]:
        """The users for whom an item is not recalled."""
        return {user for user in users if item not in self.recalled(user)}

    def recalled(self, user: str) -> list[str]:
        said = self.ask(f"/v1/users/{quote(user, safe='')}/recall?most=1000").said
        return [one["item"] for one in said["items"]]

    def audience(self, item: str, size: int = 50) -> list[str]:
        said = self.ask(f"/v1/candidates/{quote(item, safe='')}/audience?size={size}").said
        return [one["user"] for one in said["members"]]


def risen(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Users by how much their score has risen, those who rose most first; those whose score is the same are left
    out."""
    rises = {user: after[user] - score for user, score in before.items() if not np.isclose(after[user], score, 0, 1e-7)}
    return sorted(rises, key=lambda user: -rises[user])
