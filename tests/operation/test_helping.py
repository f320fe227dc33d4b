"""A step in the background that fails does not end its loop, and is told of once."""

import errno
import logging
from collections.abc import Callable

import polars as pl
import pytest

from penchant.errors import DataError, StoreError
from penchant.operation.helping import Helping


def failing(*errors: BaseException | None) -> Callable[[], bool]:
    """Raises one after the other; None where a step goes well."""
    left = list(errors)

    def step() -> bool:
        error = left.pop(0)
        if error is not None:
            raise error
        return True

    return step


def scarce() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


def test_whatever_it_raises_the_loop_goes_on_and_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    panic = pl.exceptions.PanicException("index out of bounds")
    errors = [
        scarce(),
        scarce(),
        MemoryError(),
        panic,
        RuntimeError("shape"),
        None,
        RuntimeError("shape"),
        DataError("x"),
    ]
    step = Helping("watch", failing(*errors))
    with caplog.at_level(logging.WARNING, "penchant.helping"):
        assert [step() for _ in errors] == [error is None for error in errors]
    assert [message.removeprefix("watch has failed and is tried again: ") for message in caplog.messages] == [
        "OSError: [Errno 24] Too many open files",
        "MemoryError:",
        "PanicException: index out of bounds",
        "RuntimeError: shape",
        "RuntimeError: shape",
        "DataError: x",
    ]


def test_it_waits_for_the_store_as_others_do() -> None:
    with pytest.raises(StoreError, match="down"):
        Helping("readings", failing(StoreError("it is down")))()
