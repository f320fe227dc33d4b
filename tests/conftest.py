"""What tests of several stages share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.helpers.servers import RedisServer

os.environ["OMP_NUM_THREADS"] = "1"
"""Before PyTorch is imported, here and in what is started from here: each worker of the tests has one core, and threads
that wait for one another on a busy machine wait long."""

pytest.register_assert_rewrite("penchant.testing", "tests.helpers")
settings.register_profile("house", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("house")

IN_CI = os.environ.get("CI") == "true"


@pytest.fixture
def absent() -> Callable[[str], None]:
    """Skip the test for a reason that lies in the machine; in CI nothing may be missing, so there it fails."""

    def stop(reason: str) -> None:
        if IN_CI:
            pytest.fail(reason)
        pytest.skip(reason)

    return stop


@pytest.fixture
def start_redis(tmp_path: Path, absent: Callable[[str], None]) -> Iterator[Callable[..., "RedisServer"]]:
    """Starts Redis servers, which are killed in the end."""
    from tests.helpers.servers import RedisServer  # noqa: PLC0415

    if not RedisServer.is_installed():
        absent("redis-server is not installed")
    started = list[RedisServer]()

    def start(*options: str, folder: str = ".", port: int | None = None) -> RedisServer:
        """options: as on its command line; folder: of its files, in tmp_path; port: a free one if not given."""
        (tmp_path / folder).mkdir(exist_ok=True)
        started.append(RedisServer(tmp_path / folder, *options, port=port))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def public_data(absent: Callable[[str], None]) -> Callable[[str], Path]:
    """The folder of a public data set, in $PENCHANT_DATA or in ../shared/data beside the repository."""
    root = Path(os.environ.get("PENCHANT_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            absent(f"{root / name} is not there; set PENCHANT_DATA to the folder of the data sets")
        return root / name

    return folder
