"""Worlds whose clusterers are stepped by hand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from penchant.serving.served import Served
from penchant.store.base import KEPT, StoreBounds
from tests.serving import worlds
from tests.serving.candidates.stepped import World


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def begin(served: Served) -> Iterator[Callable[..., World]]:
    """A world whose store keeps as much as is said."""
    with ExitStack() as stack:

        def begun(bounds: StoreBounds = KEPT) -> World:
            world = World(served, stack, bounds)
            stack.callback(world.store.gate.set)
            return world

        yield begun


@pytest.fixture
def world(begin: Callable[..., World]) -> World:
    return begin()
