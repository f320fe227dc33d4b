"""What a process does with memory that it has freed."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from weakref import ref

import numpy as np
import pytest

from penchant.operation.allocator import LEAST_ALONE, give_back, keep_little
from tests.helpers.processes import Forked

THREADS, OF_THREAD = 8, 24 << 20
ALL_MIB = THREADS * OF_THREAD / (1 << 20)


def own_mib() -> float:
    """Memory of this process that belongs to no file."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def use_and_free(block: int) -> None:
    """Tell how much threads that live on have in blocks of this size, how much is there when they have freed it, and
    after it was given back."""
    keep_little()
    np.ones(OF_THREAD, np.int8)  # when this is freed, glibc would begin to keep blocks of this size
    before, together, told = own_mib(), Barrier(THREADS + 1), list[float]()

    def work() -> None:
        blocks = [np.ones(block, np.int8) for _ in range(OF_THREAD // block)]
        together.wait()
        together.wait()
        blocks.clear()
        together.wait()
        together.wait()

    for _ in range(THREADS):
        Thread(target=work).start()
    together.wait()
    told.append(own_mib() - before)
    together.wait()
    together.wait()
    told.append(own_mib() - before)
    assert give_back() is False
    told.append(own_mib() - before)
    sys.stdout.write(" ".join(map(str, told)))
    sys.stdout.flush()
    together.wait()


def used_freed_given(block: int) -> list[float]:
    process = Forked(use_and_free, block)
    assert process.status() == 0, process.err
    told = [float(one) for one in process.out.split()]
    assert told[0] > 0.9 * ALL_MIB
    return told


def test_large_blocks_are_given_back_when_they_are_freed() -> None:
    _, freed, _ = used_freed_given(2 * LEAST_ALONE)
    assert freed < 0.1 * ALL_MIB


def test_small_blocks_are_given_back_with_the_next_turn() -> None:
    *_, given = used_freed_given(LEAST_ALONE // 2)
    assert given < 0.1 * ALL_MIB


class Model:
    """Refers to itself, as what works with a model in the background does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collecting_seldom() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(10**9)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collecting_seldom")
def test_what_refers_to_itself_alone_goes_with_the_next_turn() -> None:
    model = Model()
    there = ref(model)
    del model
    assert there() is not None
    give_back()
    assert there() is None
