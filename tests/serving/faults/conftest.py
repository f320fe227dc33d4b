"""A trained run, a Redis, and servers that are killed in the end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from penchant.pipeline import Run
from tests.helpers.processes import ServerProcess
from tests.helpers.servers import RedisServer
from tests.serving.worlds import served, trained


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    served(tmp_path_factory)  # the snapshot is written
    return trained(tmp_path_factory)


@pytest.fixture
def redis_server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def servers() -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers that are killed in the end, whatever happens."""
    with ExitStack() as stack:

        def make(*arguments: object, **keywords: object) -> ServerProcess:
            server = ServerProcess(*arguments, **keywords)  # type: ignore[arg-type]
            stack.callback(server.kill)
            return server.start()

        yield make
