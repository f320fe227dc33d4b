from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from penchant.choices import Scope
from tests.helpers.lookalike_runs import FEW_SEEDS, ONE_SEED, POPULAR
from tests.serving import worlds
from tests.serving.apps import running
from tests.serving.privacy.attacker import Attacker, House

OPEN = (POPULAR, FEW_SEEDS, ONE_SEED, "of nobody yet")


@dataclass(frozen=True)
class World:
    """A server, and attackers by the scope of their keys."""

    house: House
    attacker: Callable[[Scope], Attacker]

    @property
    def read(self) -> Attacker:
        return self.attacker("read")

    @property
    def admin(self) -> Attacker:
        return self.attacker("admin")


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server of its own for each test."""
    house = House(worlds.served_anew(tmp_path_factory), worlds.trained(tmp_path_factory).folder, OPEN)
    with ExitStack() as stack:
        stack.callback(house.close)
        url = stack.enter_context(running(house.app))
        keys: dict[Scope, Attacker] = {scope: Attacker(url, house.key(scope)) for scope in ("read", "admin", "ingest")}
        yield World(house, keys.__getitem__)
