"""`penchant` with a thread that notes what fills its memory: python -m benchmarks.live.soak_witness FILE serve RUN …

A line of JSON each time, MiB: heap, what the allocator of C has from the system, apart from large blocks; used, what of
it is in use; large, large blocks; arrow, what PyArrow's pool holds; sqlite, what SQLite holds, its caches above all.
python: blocks of Python objects; objects: those that the collector of garbage looks through.
"""

import ctypes
import gc
import json
import sys
import time
from pathlib import Path
from threading import Thread

from penchant.command.offline import main

EVERY_S = 10.0
MIB = 1 << 20


class _Heap(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def noted() -> dict[str, float]:
    """What fills this process now; see the top of this file."""
    c, sqlite = ctypes.CDLL("libc.so.6"), ctypes.CDLL("libsqlite3.so.0")
    c.mallinfo2.restype, sqlite.sqlite3_memory_used.restype = _Heap, ctypes.c_int64
    heap = c.mallinfo2()
    return {
        "heap": heap.arena / MIB,
        "used": (heap.uordblks) / MIB,
        "large": heap.hblkhd / MIB,
        "arrow": sys.modules["pyarrow"].total_allocated_bytes() / MIB if "pyarrow" in sys.modules else 0.0,
        "sqlite": sqlite.sqlite3_memory_used() / MIB,
        "python": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
    }


def witness(path: Path) -> None:
    """Note again and again, until the process ends."""
    with path.open("w", encoding="utf-8") as file:
        while True:
            file.write(json.dumps(noted()) + "\n")
            file.flush()
            time.sleep(EVERY_S)


if __name__ == "__main__":
    Thread(target=witness, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    sys.argv[0] = "penchant"
    main()
