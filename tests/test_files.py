"""What is written is whole or not there, whoever else writes the same."""

import os
from functools import partial
from pathlib import Path
from threading import Barrier, Thread

from penchant.files import aside, remove
from tests.helpers.processes import Forked


def leave_half(path: Path, *, folder: bool) -> None:
    with aside(path) as unfinished:
        if folder:
            unfinished.mkdir()
        else:
            unfinished.write_text("half")
        print(unfinished.name, flush=True)
        os._exit(9)


def test_two_that_write_the_same_file_at_once_end_with_what_one_of_them_wrote(tmp_path: Path) -> None:
    path, both = tmp_path / "file", Barrier(2)

    def write(text: str) -> None:
        with aside(path) as temporary:
            temporary.write_text(text)
            both.wait()

    threads = [Thread(target=write, args=(text * 10_000,)) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("a" * 10_000, "b" * 10_000)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_removed_and_nothing_else_is(tmp_path: Path) -> None:
    """Neither what others are writing now, nor files that only look alike."""
    path = tmp_path / "fi[l]e"
    for folder in (False, True):
        done = Forked(partial(leave_half, folder=folder), path)
        assert done.status() == 9
        assert (tmp_path / done.out.strip()).exists()
        others = [tmp_path / "fi[l]e.part", tmp_path / "fi[l]e.0123ab-1-abc.part", tmp_path / "file.part"]
        for other in others:
            other.touch()
        with aside(path) as outer:
            outer.write_text("slow")
            with aside(path) as inner:
                inner.write_text("quick")
        assert path.read_text() == "slow"
        assert {one.name for one in tmp_path.iterdir()} == {path.name, *(other.name for other in others)}


def test_a_temporary_name_fits_where_a_long_name_does(tmp_path: Path) -> None:
    name = "タ" * 60
    with aside(tmp_path / f"{name}.parquet") as temporary:
        temporary.touch()
        assert str(os.getpid()) in temporary.name
    remove(tmp_path / f"{name}.parquet")
