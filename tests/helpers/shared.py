"""What is costly to make, made once for all workers of a test session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from penchant.files import remove


def made_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the session: whoever asks for it first makes it, others wait until it is whole. Leave it as it is."""
    root = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, whole = root / name, root / f"{name}.whole"
    with FileLock(root / f"{name}.lock"):
        if not whole.exists():
            remove(folder)
            make(folder)
            whole.touch()
    return folder
