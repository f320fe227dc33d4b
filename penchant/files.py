"""Writing that is whole or not there: aside first, then renamed."""

import errno
import glob
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from penchant.errors import DataError, DiskFullError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A temporary path to write a file or folder to; renamed to `path` if the block ends well, removed if not.

    Each call has a temporary name of its own, so that two that write the same end with what one of them wrote. What
    processes of this machine left behind when they were killed is removed. Raises DiskFullError where the disk (or the
    quota) ran out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = path.with_name(f"{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(3)}.part")
    try:
        with disk_errors(path):
            yield temporary
            _flush(temporary)
            if path.is_dir():
                remove(path)
            os.replace(temporary, path)
    finally:
        remove(temporary)


def _sweep(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.{_machine()}-*.part"):
        pid = left.name.removesuffix(".part").rsplit("-", 2)[1]
        if pid.isdecimal() and not _runs(int(pid)):
            remove(left)


def _machine() -> str:
    """What tells this machine, or container, from others that write to the same disk: their processes have numbers of
    their own."""
    return sha256(socket.gethostname().encode()).hexdigest()[:6]


def _runs(pid: int) -> bool:
    """Whether a process still runs. One that has ended, and whose parent has not asked about it yet (state Z in /proc,
    where there is one), does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return True


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, however a library reports it, into a DiskFullError that names `path`."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        raise DiskFullError(
            f"the disk is full: {path} could not be written; free some space and run the same command again, "
            f"it continues where it stopped"
        ) from error


def _is_full(error: BaseException) -> bool:
    """Libraries wrap ENOSPC in their own errors, so its text and its causes count as well as its number."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return "No space left on device" in str(error) or (error.__cause__ is not None and _is_full(error.__cause__))


def _flush(path: Path) -> None:
    """Bytes reach the disk before the name does."""
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """JSON for machines and for eyes, whole or not there."""
    with aside(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises DataError where the file is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None


def holds(path: Path, said: Any) -> bool:
    """Whether a file of JSON is there that says just this. One that cannot be read does not."""
    try:
        return path.exists() and bool(read_json(path) == said)
    except DataError:
        return False


def damaged(path: Path, error: BaseException) -> DataError:
    """The error of a file that is not what was written. error: what reading it raised."""
    said = " ".join(str(error).split())[:200]
    return DataError(
        f"{path} is damaged, or of another version ({type(error).__name__}: {said}); remove {_part_of(path)}, and run "
        f"the step again that makes it"
    )


def _part_of(path: Path) -> Path:
    """What is made anew together: a part of a run folder, such as log, or models/tags; else the file itself."""
    for folder in path.parents:
        if (folder / "config.json").exists():
            parts = path.relative_to(folder).parts
            return folder.joinpath(*parts[: 2 if parts[0] in ("prepared", "models", "profiles") else 1])
    return path
