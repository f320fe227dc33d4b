"""Every file of a run folder, spoilt in every way: each command goes on without it, or ends with one sentence."""

import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path

import polars as pl
import pytest

from penchant.command.offline import main
from penchant.errors import PenchantError
from penchant.files import read_json, remove
from penchant.operation.atlases import open_atlas
from penchant.operation.served import open_served
from penchant.operation.server import ServerConfig, start
from penchant.runfolder import LAYOUT
from penchant.training.checkpoint import load_tensors, save_tensors
from tests.helpers import lookalike_runs
from tests.serving.worlds import trained

DAMAGES = {
    "no keys": b"{}",
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"",
    "anything": random.Random(0).randbytes(500),  # noqa: S311
    "nested": b"[" * 100_000,
    "a long number": b"1" * 5_000,
    "the first half": None,
}

WORDS = {
    "profile": ["profile", "RUN", "u004"],
    "explain": ["explain", "RUN", "u004"],
    "audience": ["audience", "RUN", "i1-1", "--size", "50"],
    "profiles": ["profiles", "RUN"],
    "train": ["train", "RUN"],
    "export": ["export", "RUN", "profiles", "--to", "RUN/../profiles.csv", "--replace"],
    "forget": ["forget", "RUN", "u004", "--store", "memory:"],
}


def serve(folder: Path) -> None:
    start(ServerConfig(folder, "memory:")).store.close()


def command(name: str) -> Callable[[Path], object]:
    """What it does, in this process."""

    def call(folder: Path) -> None:
        sys.argv = ["penchant", *(word.replace("RUN", str(folder)) for word in WORDS[name])]
        main()

    return call


CALLS: dict[str, Callable[[Path], object]] = {
    **{name: command(name) for name in WORDS},
    "serve": serve,
    "atlas": open_atlas,
}

WRITERS = {"forget", "serve", "atlas", "profiles", "audience"}


class Spoilt:
    """A copy of a whole run, whose files are spoilt one after the other."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self.whole, self.folder = whole, folder
        self._restore()

    def call(self, name: str, file: Path, content: bytes | None) -> str:
        """What a command says with a file that holds something else; "" where it goes on."""
        path = self.folder / file
        before = path.read_bytes()
        path.write_bytes(before[: len(before) // 2] if content is None else content)
        try:
            CALLS[name](self.folder)
            return ""
        except PenchantError as error:
            return f"error: {error}"
        except SystemExit as stopped:
            return str(stopped.code or "")
        finally:
            if name in WRITERS:
                self._restore()
            else:
                path.write_bytes(before)

    def _restore(self) -> None:
        remove(self.folder)
        shutil.copytree(self.whole, self.folder)


@pytest.fixture
def spoilt(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Spoilt:
    whole = lookalike_runs.copied(trained(tmp_path_factory), tmp_path / "whole").folder
    open_served(whole)
    open_atlas(whole)
    return Spoilt(whole, tmp_path / "run")


def changed(path: Path, change: Callable[[Path], None]) -> bytes:
    """What a file of its format holds after a change."""
    copy = path.with_name(f"changed {path.name}")
    shutil.copy(path, copy)
    change(copy)
    content = copy.read_bytes()
    copy.unlink()
    return content


def without_counts(path: Path) -> None:
    pl.read_parquet(path).with_columns(count=float("nan")).write_parquet(path)


def without_span(path: Path) -> None:
    path.write_text(json.dumps({field: {**span, "low": []} for field, span in read_json(path).items()}))


def renamed(path: Path) -> None:
    tensors, said = load_tensors(path)
    save_tensors(path, {f"{name} of old": tensor for name, tensor in tensors.items()}, said)


def fewer(path: Path) -> None:
    tensors, said = load_tensors(path)
    save_tensors(path, {name: tensor[1:] for name, tensor in tensors.items()}, said)


def drawn(whole: Path) -> Iterator[tuple[Path, str, str]]:
    """Of each place a file, with some of the damages, and commands in turn."""
    files = [found for place in LAYOUT if (found := next(iter(sorted(whole.glob(place.pattern))), None))]
    names = cycle(CALLS)
    for number, (file, damage) in enumerate(product(files, DAMAGES)):
        if number % 5 == 0 and file.suffix != ".lock":
            yield file.relative_to(whole), damage, next(names)


def test_whatever_a_file_holds_a_command_goes_on_or_says_one_sentence(
    spoilt: Spoilt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    told = 0
    for file, damage, name in drawn(spoilt.whole):
        said = spoilt.call(name, file, DAMAGES[damage])
        written = capsys.readouterr().err
        said = written if said == "1" else said
        what = f"{name} with {file} that holds {damage}: {said!r}"
        assert said == "" or "error: " in said, what
        assert "Traceback" not in said, what
        assert "the trace is in" not in said, what
        told += said != ""
    assert told > 5


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("serve", "prepared/periods/vocabulary/item.parquet", without_counts),
        ("profile", "prepared/users/numbers.json", without_span),
        ("audience", "models/users/crowd/latest.safetensors", renamed),
        ("audience", "models/users/crowd/latest.safetensors", fewer),
    ],
)
def test_a_file_of_its_format_that_does_not_fit_is_named(
    spoilt: Spoilt,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    file: str,
    change: Callable[[Path], None],
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    said = spoilt.call(name, Path(file), changed(spoilt.folder / file, change))
    said = capsys.readouterr().err if said == "1" else said
    assert f"{file} is damaged, or of another version" in " ".join(said.split()), said
