"""One works on a run folder at a time; the second is told who, and a killed one leaves nothing behind."""

import os
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import penchant
from penchant import atwork
from penchant.atwork import at_work, door, is_at_work
from penchant.errors import FolderError
from penchant.files import remove, write_json
from penchant.logs.forgotten import FORGOTTEN, digest_of, read_forgotten
from penchant.operation.erasure import erase_from_run
from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.progress import Progress
from tests.helpers import processes
from tests.helpers.planted import write_planted_run
from tests.helpers.processes import Forked, give_up_rights, until


def run_and_wait(file: Path, out: Path, step: str, leave: Path) -> None:
    """Wait within a step until a file is there."""
    told = list[Progress]()

    def wait(progress: Progress) -> None:
        if progress.step == step and not told:
            told.append(progress)
            print("waits", flush=True)
            until(leave.exists)

    penchant.run(file, out, report=wait)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_planted_run(tmp_path)


class Begun:
    """A run in a process of its own that waits within a step until it is let go."""

    def __init__(self, file: Path, out: Path, step: str) -> None:
        self._leave = file.parent / "leave"
        self.process = Forked(run_and_wait, file, out, step, self._leave)
        until(lambda: self.process.out == "waits\n" or not self.process.runs, what=lambda: self.process.err)
        assert self.process.runs, self.process.err

    def end(self) -> int:
        self._leave.touch()
        return self.process.status()

    def kill(self) -> None:
        self.process.kill()


@pytest.mark.parametrize("step", ["sort", "train"])
def test_a_second_run_is_told_who_is_at_work_and_the_first_ends_well(step: str, file: Path) -> None:
    out = file.parent / "run"
    first = Begun(file, out, step)
    told = rf"process {first.process.pid} on \S+, which runs everything, is at work on {out}; wait until it has ended"
    with pytest.raises(FolderError, match=told):
        penchant.run(file, out)
    opened = Run.open(out)
    for begin in (opened.check, opened.prepare, opened.train, opened.evaluate, opened.build_profiles):
        with pytest.raises(FolderError, match=told):
            begin()
    assert first.end() == 0
    assert Run.open(out).interests().metrics["samples"]["test"] > 0
    assert penchant.run(file, out).interests().metrics == Run.open(out).interests().metrics


def test_the_command_line_says_so_with_status_1(file: Path) -> None:
    out = file.parent / "run"
    with at_work(out, "trains"):
        second = Forked(processes.penchant, "run", file, "--out", out)
        assert second.status() == 1
    assert f"error: process {os.getpid()} on " in second.err
    assert "which trains, is at work on" in second.err


def test_a_killed_one_leaves_nothing_that_stops_the_next(file: Path) -> None:
    first = Begun(file, file.parent / "run", "train")
    assert is_at_work(file.parent / "run")
    first.kill()
    assert not is_at_work(file.parent / "run")
    assert penchant.run(file, file.parent / "run").interests().metrics["samples"]["test"] > 0


def test_who_is_forgotten_meanwhile_is_gone_by_the_next_call(file: Path) -> None:
    out = file.parent / "run"
    first = Begun(file, out, "train")
    with pytest.raises(FolderError, match=rf"process {first.process.pid} on .* is at work"):
        erase_from_run(out, "u003", 1_900_000_000.0)
    assert read_forgotten(out / FORGOTTEN) == {digest_of("u003"): 1_900_000_000.0}
    assert first.end() == 0
    erased = erase_from_run(out, "u003", 1_900_000_001.0)
    assert (erased["log"], erased["profiles"]) == (len(Run.open(out).clicks("u004")) and 21, 1)


def in_a_thread(act: Callable[[], object]) -> object:
    """What it returns, or the FolderError it raises."""
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(act).result()
        except FolderError as error:
            return str(error)


def test_a_step_within_a_step_enters_again_and_another_thread_does_not(tmp_path: Path) -> None:
    def begin() -> None:
        with at_work(tmp_path, "begins"):
            pass

    with at_work(tmp_path, "does one"), at_work(tmp_path, "does another"), door(tmp_path):
        pass
    with at_work(tmp_path, "does one"), at_work(tmp_path, "does another"):
        said = in_a_thread(begin)
        assert re.match(rf"process {os.getpid()} on \S+, which does one, is at work on {tmp_path}; wait", str(said))
        assert in_a_thread(lambda: is_at_work(tmp_path)) is True
        (tmp_path / "at-work" / "holder.json").write_text("{")
        assert re.match(r"another process is at work on ", str(in_a_thread(begin)))
    assert in_a_thread(lambda: is_at_work(tmp_path)) is False
    assert in_a_thread(begin) is None


def stand_in_the_door(folder: Path) -> None:
    with at_work(folder, "forgets a user"), door(folder):
        print("stands", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)


def test_nobody_waits_for_ever_for_one_who_stands_still_in_the_door(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.start(file, file.parent / "run")
    run.check()
    first = Forked(stand_in_the_door, run.folder)
    until(lambda: first.out, what=lambda: first.err)
    monkeypatch.setattr(atwork, "DOOR_S", 0.1)
    assert is_at_work(run.folder)
    with pytest.raises(FolderError, match=rf"process {first.pid} on \S+, which forgets a user, is at work"):
        erase_from_run(run.folder, "u003", 1_900_000_000.0)
    first.kill()
    assert not is_at_work(run.folder)
    assert erase_from_run(run.folder, "u003", 1_900_000_000.0)["log"] > 0


def read_only(folder: Path) -> None:
    give_up_rights()
    print(Run.open(folder).profile("u004").user, len(open_served(folder).snapshot.items), is_at_work(folder))
    try:
        Run.open(folder).evaluate()
    except FolderError as error:
        print(error)


def test_a_folder_that_cannot_be_written_is_read_and_served(file: Path) -> None:
    """Its snapshot is there."""
    run = Run.start(file, file.parent / "run")
    run.prepare()
    run.train()
    open_served(run.folder)
    all_of_it = [run.folder, *run.folder.rglob("*")]
    for path in all_of_it:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = Forked(read_only, run.folder)
    status = done.status()
    for path in all_of_it:
        path.chmod(0o755)
    assert status == 0, done.err
    read, refused = done.out.splitlines()
    assert read == "u004 36 False"
    assert re.match(r".*/run cannot be written \(Permission denied\); make it writable", refused)


def test_rows_that_were_scattered_count_only_where_all_files_of_their_tally_are_there(file: Path) -> None:
    """As two runs at once left them, before there was a lock."""
    scattered = file.parent / "run" / "log" / "scattered"
    run = Run.start(file, file.parent / "run")
    whole = run.check()
    kept = {path.name: path.read_bytes() for path in (whole.folder / "events").iterdir()}
    (whole.folder / "found.json").unlink()
    for path in (whole.folder / "events").iterdir():
        path.unlink()
    write_json(scattered / "tally.json", {"buckets": 1, "files": [], "rows": 1, "reasons": {}})
    again = run.check()
    assert {path.name: path.read_bytes() for path in (again.folder / "events").iterdir()} == kept


@pytest.mark.parametrize("spoil", ["cut", "empty", "grown"])
def test_rows_that_were_scattered_count_only_where_each_file_has_its_size(spoil: str, file: Path) -> None:
    scattered = file.parent / "run" / "log" / "scattered"
    first = Begun(file, file.parent / "run", "sort")
    first.kill()
    (rows,) = scattered.glob("*.arrows")
    content = rows.read_bytes()
    rows.write_bytes({"cut": content[:-9], "empty": b"", "grown": content + b"x"}[spoil])
    remove(file.parent / "run" / "log" / "events")
    assert Run.start(file, file.parent / "run").check().found["events"] == 1200
