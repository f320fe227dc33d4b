"""A full disk: nothing half-written is ever taken for whole, and the same call goes on once there is room."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from safetensors import safe_open

from penchant.errors import DiskFullError
from penchant.files import aside, disk_errors, read_json
from penchant.logs.formats.part import Portions
from penchant.logs.ingest import ingest
from penchant.pipeline import Run
from tests.helpers.planted import write_planted_run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The run file of a good log."""
    return write_planted_run(tmp_path)


def test_other_errors_pass_and_leave_nothing_behind(tmp_path: Path) -> None:
    def write_half() -> None:
        with aside(tmp_path / "result") as path:
            path.write_text("half")
            raise PermissionError("not a matter of space")

    with pytest.raises(PermissionError, match="not a matter of space"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_known_however_a_library_says_it(tmp_path: Path) -> None:
    said = [OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota"), RuntimeError("No space left on device (28)")]
    for error in said:
        spoken = pytest.raises(DiskFullError, match=rf"the disk is full: {tmp_path}/result could not be written")
        with spoken, disk_errors(tmp_path / "result"):
            raise error


class SmallDisk:
    """A disk of a given size, mounted over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mounted = folder, False

    def resize(self, kilobytes: int) -> None:
        options = f"{'remount,' if self.mounted else ''}size={kilobytes}k"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no disk can be mounted here, which needs root: {done.stderr.strip()}")
        self.mounted = True

    def used_kilobytes(self) -> int:
        done = subprocess.run(["du", "-sk", str(self.folder)], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[0])

    def clear(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.mounted = False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    small = SmallDisk(tmp_path / "disk")
    yield small
    small.clear()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def open_all(folder: Path) -> None:
    """Every file under a final name is whole."""
    for path in folder.rglob("*"):
        assert not path.name.endswith(".part"), path
        if path.suffix == ".parquet":
            pl.read_parquet(path)
        elif path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="np") as shard:
                for name in shard.keys():  # noqa: SIM118
                    shard.get_tensor(name)


def prepare(file: Path, folder: Path) -> None:
    """From a log in many buckets."""
    run = Run.start(file, folder)
    logs = run.config.logs
    tables, limit, small = logs.resolve(run.base), logs.max_rejected_share, Portions(bucket=100)
    ingest(tables, run.base, folder / "log", max_rejected_share=limit, portions=small)
    run.prepare()


def test_a_full_disk_loses_nothing_and_the_same_call_goes_on(file: Path, disk: SmallDisk) -> None:
    run = disk.folder / "run"
    disk.resize(4096)
    prepare(file, run)
    whole = files_of(run)
    needed = disk.used_kilobytes()
    full = 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        disk.clear()
        disk.resize(max(8, int(needed * share)))
        with pytest.raises(
            DiskFullError, match=r"the disk is full: .* could not be written; free some space"
        ) as caught:
            prepare(file, run)
        assert str(disk.folder) in str(caught.value)
        full += 1
        open_all(disk.folder)
        disk.resize(4096)
        prepare(file, run)
        assert files_of(run) == whole
    assert full == 5
