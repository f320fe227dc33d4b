"""What tests of several stages share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

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
def public_data(absent: Callable[[str], None]) -> Callable[[str], Path]:
    """The folder of a public data set, in $PENCHANT_DATA or in ../shared/data beside the repository."""
    root = Path(os.environ.get("PENCHANT_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            absent(f"{root / name} is not there; set PENCHANT_DATA to the folder of the data sets")
        return root / name

    return folder
