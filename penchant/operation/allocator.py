"""What a process no longer needs is freed, and given back to the system, so that it does not grow while it works.

The allocator of C is settled for glibc; with another C library nothing changes.
"""

import ctypes
import gc

ARENAS = 2
"""Heaps that threads share. By default there are eight of them for each core, and each keeps what its threads freed."""

LEAST_BACK = 1 << 20
"""Bytes at the end of a heap that are given back as soon as they are free."""

LEAST_ALONE = 1 << 20
"""Bytes of a block that lies outside the heaps, so that it is given back whenever it is freed."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of malloc.h."""


def keep_little() -> None:
    """Settle how much a process keeps of what it has freed. Call this before threads begin to work.

    By default glibc raises both thresholds, up to 32 and 64 MiB, when a block of that size is freed. From then on each
    heap keeps what was ever in use at once.
    """
    settle = getattr(ctypes.CDLL(None), "mallopt", None)
    if settle is not None:
        for number, value in ((_ARENA_MAX, ARENAS), (_TRIM_THRESHOLD, LEAST_BACK), (_MMAP_THRESHOLD, LEAST_ALONE)):
            settle(number, value)


def give_back() -> bool:
    """Free what only refers to itself, such as a model that was replaced, and give back pages that are free. Returns
    False, as a step of a `Loop` that has no more to do.

    Python would look for it only after some hundred thousand requests. What is frozen is not looked through, so this
    takes some milliseconds.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
    return False
