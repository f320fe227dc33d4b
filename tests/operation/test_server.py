"""The process around a run: who may come in, where its state lies, and how it notices another model."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import nan
from pathlib import Path

import pytest
from torch import Tensor

from penchant.atwork import at_work
from penchant.choices import Role
from penchant.errors import ConfigError, MissingStepError, PenchantError, StoreError
from penchant.files import remove
from penchant.operation.served import open_served, version_of
from penchant.operation.server import Server, ServerConfig, Watch, start
from penchant.pipeline import Run
from penchant.serving.served import Served
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from penchant.store.opened import open_store
from penchant.training.checkpoint import load_tensors, save_tensors
from tests.helpers import lookalike_runs
from tests.serving import worlds

WEIGHTS = "models/tags/weights.safetensors"
AVERAGE = "models/tags/average.safetensors"


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy, with its snapshot."""
    worlds.served(tmp_path_factory)
    return lookalike_runs.copied(worlds.trained(tmp_path_factory), tmp_path / "run")


class Loaded:
    """A watch on a run folder, and the names of the models that it had loaded."""

    def __init__(self, folder: Path) -> None:
        self.names = list[str]()
        self.folder, self.watch = folder, Watch(folder, version_of(folder), self._load)

    def _load(self, served: Served) -> None:
        self.names.append(served.name)

    def steps(self, number: int) -> list[str]:
        """What was loaded by so many steps, none of which says that there is more to do."""
        del self.names[:]
        assert not any(self.watch.step() for _ in range(number))
        return list(self.names)


@pytest.fixture
def loaded(run: Run) -> Loaded:
    return Loaded(run.folder)


def touch_plan(folder: Path) -> None:
    """Another version, that can be served as well as the one before."""
    path = folder / "prepared" / "users" / "plan.json"
    path.write_bytes(path.read_bytes() + b"\n")


def test_where_nothing_changes_nothing_is_loaded(loaded: Loaded) -> None:
    assert loaded.steps(4) == []


def test_another_model_is_loaded_once_it_has_stood_still_for_a_step(loaded: Loaded) -> None:
    touch_plan(loaded.folder)
    assert loaded.steps(1) == []
    touch_plan(loaded.folder)
    assert loaded.steps(1) == []
    assert loaded.steps(1) == [version_of(loaded.folder)]
    assert loaded.steps(3) == []
    (loaded.folder / WEIGHTS).touch()
    assert loaded.steps(3) == []


def test_another_model_waits_until_nobody_is_at_work_on_the_folder(loaded: Loaded) -> None:
    """As `penchant run` is, which writes weights long before it has ended."""
    with ThreadPoolExecutor(1) as another:
        held = at_work(loaded.folder, "trains")
        another.submit(held.__enter__).result()
        touch_plan(loaded.folder)
        assert loaded.steps(4) == []
        another.submit(held.__exit__, None, None, None).result()
    assert loaded.steps(1) == [version_of(loaded.folder)]


def rename_a_tensor(path: Path) -> None:
    tensors, said = load_tensors(path)
    name, tensor = tensors.popitem()
    save_tensors(path, {**tensors, f"{name} of old": tensor}, said)


def test_the_same_model_written_again_is_not_loaded(loaded: Loaded) -> None:
    path = loaded.folder / WEIGHTS
    path.write_bytes(path.read_bytes())
    assert loaded.steps(4) == []


def changed_tensor(change: Callable[[Tensor], Tensor], name: str = WEIGHTS) -> Callable[[Path], None]:
    """The largest tensor of a file is another one."""

    def spoil(folder: Path) -> None:
        tensors, said = load_tensors(folder / name)
        largest = max(tensors, key=lambda one: tensors[one].numel())
        save_tensors(folder / name, {**tensors, largest: change(tensors[largest])}, said)

    return spoil


def changed_config(old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / "config.json").read_text(encoding="utf-8")
        assert old in text
        (folder / "config.json").write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def remove_models(folder: Path) -> None:
    remove(folder / "models")


def fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


HALF_WRITTEN: dict[str, Callable[[Path], None]] = {
    "a tensor is called otherwise": lambda folder: rename_a_tensor(folder / WEIGHTS),
    "a tensor has another shape": changed_tensor(lambda tensor: tensor[:-1].clone()),
    "a tensor has other numbers": changed_tensor(lambda tensor: tensor.half()),
    "a tensor is not finite": changed_tensor(lambda tensor: tensor * nan),
    "the average has another shape": changed_tensor(lambda tensor: tensor[:-1].clone(), AVERAGE),
    "weights of the look-alike have another shape": changed_tensor(
        lambda tensor: tensor[:-1].clone(), "models/ralm/weights.safetensors"
    ),
    "the width of vectors is another": changed_config('"embedding": 8', '"embedding": 9'),
    "the width of vectors is absurd": changed_config('"embedding": 8', '"embedding": 1000000000'),
    "the run's own file is nested": lambda folder: fill(folder / "config.json", b"[" * 100_000),
    "the log tells nothing": lambda folder: fill(folder / "log/found.json", b"{}"),
    "weights are cut short": lambda folder: cut(folder / WEIGHTS),
    "weights of the look-alike are cut short": lambda folder: cut(folder / "models/ralm/weights.safetensors"),
    "the run's own file is cut short": lambda folder: cut(folder / "config.json"),
    "weights of users are missing": lambda folder: remove(folder / "models/users"),
    "a vocabulary is missing": lambda folder: remove(folder / "prepared/users/vocabulary/tags.parquet"),
    "a vocabulary is cut short": lambda folder: cut(folder / "prepared/users/vocabulary/tags.parquet"),
    "a plan is cut short": lambda folder: cut(folder / "prepared/periods/plan.json"),
    "what was prepared is cut short": lambda folder: cut(folder / "prepared/periods/latest/00000.safetensors"),
    "what was found in the log is cut short": lambda folder: cut(folder / "log/found.json"),
    "the log is missing": lambda folder: remove(folder / "log"),
    "all but the log is missing": remove_models,
}


@pytest.mark.parametrize("spoil", HALF_WRITTEN.values(), ids=HALF_WRITTEN)
def test_a_folder_that_is_half_written_is_left_alone_until_it_changes_again(
    run: Run, spoil: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded, whole = Loaded(run.folder), tmp_path / "whole"
    lookalike_runs.copied(run, whole)
    touch_plan(run.folder)
    spoil(run.folder)
    with caplog.at_level(logging.WARNING, "penchant.server"):
        assert loaded.steps(6) == []
    assert [message for message in caplog.messages if "so the model before stays" in message] == caplog.messages
    assert len(caplog.messages) == 1
    assert "Error: " not in caplog.messages[0].partition(" (")[0], "it is one of ours, a sentence"
    with pytest.raises((PenchantError, FileNotFoundError)):
        open_served(run.folder)
    remove(run.folder)
    whole.rename(run.folder)
    touch_plan(run.folder)
    assert loaded.steps(2) == [version_of(run.folder)]


def test_a_model_that_came_while_the_one_before_was_read_is_loaded(run: Run) -> None:
    before, names = version_of(run.folder), list[str]()
    touch_plan(run.folder)
    watch = Watch(run.folder, before, lambda served: names.append(served.name))
    for _ in range(3):
        watch.step()
    assert names == [version_of(run.folder)]


def test_a_model_for_which_memory_ran_out_is_loaded_later(run: Run) -> None:
    """Though the folder does not change again."""
    names = list[str]()

    def load(served: Served) -> None:
        names.append(served.name)
        if len(names) == 1:
            raise MemoryError

    watch = Watch(run.folder, version_of(run.folder), load)
    touch_plan(run.folder)
    assert watch.step() is False
    with pytest.raises(MemoryError):
        watch.step()
    assert [watch.step() for _ in range(3)] == [False] * 3
    assert names == [version_of(run.folder)] * 2


def test_a_folder_that_is_gone_for_a_while_is_waited_for(loaded: Loaded, tmp_path: Path) -> None:
    loaded.folder.rename(tmp_path / "elsewhere")
    assert loaded.steps(3) == []
    (tmp_path / "elsewhere").rename(loaded.folder)
    assert loaded.steps(3) == []
    touch_plan(loaded.folder)
    assert loaded.steps(2) == [version_of(loaded.folder)]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])  # noqa: S104  # it is refused
def test_without_keys_nobody_but_this_machine_is_served(run: Run, tmp_path: Path, host: str) -> None:
    store = tmp_path / "live.sqlite"
    config = ServerConfig(run.folder, f"sqlite:{store}", host=host, open_to_all=True)
    with pytest.raises(ConfigError, match=rf"without keys only this machine may be served, but host is '{host}'"):
        start(config)
    assert not store.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_without_keys_this_machine_is_served(run: Run, tmp_path: Path, host: str) -> None:
    server = start(ServerConfig(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}", host=host, open_to_all=True))
    assert server.http is not None
    server.store.close()


def test_with_keys_everybody_may_come_in(run: Run, tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    server = start(ServerConfig(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}", host=everywhere))
    assert server.http is not None
    server.store.close()


def test_a_run_that_cannot_be_served_leaves_the_store_free(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'live.sqlite'}"
    with pytest.raises(MissingStepError, match="nowhere is no run folder"):
        start(ServerConfig(tmp_path / "nowhere", url))
    assert not (tmp_path / "live.sqlite-wal").exists(), "it is open still"
    with closing(open_store(url)) as store:
        store.append([Event("anna", "x", 1.0, True, "a")], at=1.0)


def test_a_store_that_cannot_be_opened_is_an_error(run: Run) -> None:
    with pytest.raises(StoreError, match="mysql"):
        start(ServerConfig(run.folder, "mysql:live"))


def test_a_process_without_http_answers_nobody_and_has_models_all_the_same(run: Run, tmp_path: Path) -> None:
    server = start(ServerConfig(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}", roles=[Role.CONSUMER]))
    assert (server.http, server.service) == (None, None)
    assert [users.served.name for users in server.models.all] == [version_of(run.folder)]
    touch_plan(run.folder)
    server.watch.step()
    server.watch.step()
    assert [users.served.name for users in server.models.all][-1] == version_of(run.folder)
    server.store.close()


def test_processes_of_one_machine_have_names_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    served = worlds.served(tmp_path_factory)
    config = ServerConfig(worlds.trained(tmp_path_factory).folder, "memory", roles=[Role.CLUSTER])
    assert len({Server(config, MemoryStore(), served).name for _ in range(20)}) == 20
