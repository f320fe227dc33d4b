"""The atlas of a run folder: made once for what is trained, without waiting for it, and without who was forgotten."""

import multiprocessing
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from penchant.errors import ConfigError
from penchant.files import remove
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.operation.atlases import GIVE_WAY, SETTLING_S, AtlasInBackground, open_atlas, read_atlas, version_of
from penchant.pipeline import Run
from penchant.profiles.atlas import erase
from penchant.profiles.atlas_writing import BOUNDS, FOREMOST
from penchant.profiles.average import AVERAGE
from penchant.progress import Progress
from tests.helpers.planted import write_planted_run
from tests.helpers.processes import Forked, until
from tests.helpers.shared import made_once

MADE = 1_800_000_000.0
USER = "u004"


def _train(folder: Path) -> None:
    folder.mkdir()
    run = Run.start(write_planted_run(folder), folder / "run")
    run.prepare()
    run.train()
    run.build_profiles()
    open_atlas(run.folder, clock=lambda: MADE)


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a run of tags alone, with its atlas."""
    return Path(shutil.copytree(made_once(tmp_path_factory, "atlases", _train) / "run", tmp_path / "run"))


@pytest.fixture
def background(folder: Path) -> Iterator[AtlasInBackground]:
    """Of a run whose atlas is not made yet."""
    remove(folder / "dashboard")
    background = AtlasInBackground(folder)
    yield background
    background.close()


def train_anew(folder: Path) -> None:
    """Other weights, to look at."""
    path = folder / "models" / "tags" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def step_until(true: Callable[[], object], background: AtlasInBackground) -> None:
    def stepped() -> object:
        assert background.step() is False
        return true()

    until(stepped)


def test_the_atlas_of_a_run_is_that_of_its_log_and_profiles(folder: Path) -> None:
    atlas, run = read_atlas(folder), Run.open(folder)
    assert atlas is not None
    assert atlas.tags == run.interests().tags.values
    events = pl.read_parquet(folder.parent / "run" / "log" / "events" / "00000.parquet").filter("clicked")
    tags = dict(pl.read_parquet(folder / "log" / "items.parquet").select("item", "tags").iter_rows())
    clicks = Counter(tag for item in events["item"] for tag in tags[item])
    assert dict(zip(atlas.tags, atlas.clicks_V.tolist(), strict=True)) == clicks
    assert (atlas.edges[0], atlas.all_clicks_T.sum()) == (_first(folder), len(events))
    profiles = [run.profile(user) for user in sorted(set(events["user"]))]
    told = {one.user: {each.tag: each.preference for each in [*one.clicked, *one.unseen]} for one in profiles}
    best = [sorted(mine, key=lambda tag: -mine[tag])[:FOREMOST] for mine in told.values()]
    assert dict(zip(atlas.tags, atlas.users_V.tolist(), strict=True)) == Counter(tag for mine in best for tag in mine)
    for tag in atlas.tags:
        found = [(one.user, one.preference) for one in atlas.interested(tag)]
        fans = [(user, mine[tag]) for user, mine in told.items() if tag in mine]
        assert {user for user, _ in found} <= {user for user, _ in fans}
        highest = sorted((preference for _, preference in fans), reverse=True)[: BOUNDS.interested]
        np.testing.assert_allclose([preference for _, preference in found], highest, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose([told[user][tag] for user, _ in found], highest, rtol=1e-4, atol=1e-6)


def _first(folder: Path) -> float:
    return float(pl.read_parquet(folder / "log" / "events" / "00000.parquet")["time"].min())  # type: ignore[arg-type]


def test_it_is_made_once_and_again_for_other_weights_or_profiles(folder: Path) -> None:
    first = open_atlas(folder, clock=lambda: MADE + 1)
    assert first is not None
    assert (first.made, first.profiled) == (MADE, True)
    remove(folder / "profiles" / "tags" / "done.json")
    assert read_atlas(folder) is None
    second = open_atlas(folder, clock=lambda: MADE + 2)
    assert second is not None
    assert (second.made, second.profiled) == (MADE + 2, False)
    train_anew(folder)
    assert read_atlas(folder) is None
    third = open_atlas(folder, clock=lambda: MADE + 3)
    assert third is not None
    assert third.made == MADE + 3
    assert len({first.version, second.version, third.version}) == 3


def test_a_copy_whose_times_are_others_has_the_same_atlas(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert version_of(tmp_path / "copy") == version_of(folder)
    assert read_atlas(tmp_path / "copy") is not None


@pytest.mark.parametrize(
    "name", ["models/tags/weights.safetensors", "profiles/tags/weights.json", "profiles/tags/done.json"]
)
def test_the_version_changes_with_whatever_decides_the_atlas(folder: Path, name: str) -> None:
    before = version_of(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert version_of(folder) != before


def test_a_run_without_a_trained_tag_model_has_none(folder: Path) -> None:
    remove(folder / "models" / "tags")
    assert open_atlas(folder) is None
    assert read_atlas(folder) is None
    background = AtlasInBackground(folder)
    assert [background.step(), background.making, background.now(), background.problem] == [False, False, None, ""]


def test_weights_without_the_average_user_beside_them_are_no_trained_model(folder: Path) -> None:
    """It is written last."""
    (folder / "models" / "tags" / AVERAGE).unlink()
    assert open_atlas(folder) is None


@pytest.mark.parametrize("before_s", [0.0, SETTLING_S - 1])
def test_who_is_forgotten_while_it_is_made_is_not_in_it(folder: Path, before_s: float) -> None:
    """His profile has been read by then; `erase` finds no atlas yet."""

    def forget(progress: Progress) -> None:
        if progress.step == "map of tags":
            add_forgotten(folder / FORGOTTEN, digest_of(USER), MADE - before_s)
            assert erase(folder / "dashboard", USER) == 0

    remove(folder / "dashboard")
    atlas = open_atlas(folder, clock=lambda: MADE, report=forget)
    assert atlas is not None
    users = {one.user for tag in atlas.tags for one in atlas.interested(tag)}
    assert "u005" in users
    assert USER not in users


def test_who_came_back_long_after_they_were_forgotten_is_in_it(folder: Path) -> None:
    add_forgotten(folder / FORGOTTEN, digest_of(USER), MADE - SETTLING_S - 1)
    remove(folder / "dashboard")
    atlas = open_atlas(folder, clock=lambda: MADE)
    assert atlas is not None
    assert USER in {one.user for tag in atlas.tags for one in atlas.interested(tag)}


def test_what_is_written_is_there_without_waiting(folder: Path) -> None:
    background = AtlasInBackground(folder)
    found = background.now()
    assert found is not None
    assert found.made == MADE
    assert [background.step(), background.making, background.now() is found] == [False, False, True]


def test_what_is_missing_is_made_by_a_process_that_gives_way(background: AtlasInBackground, folder: Path) -> None:
    began = time.time()
    assert background.now() is None
    assert background.step() is False
    (maker,) = multiprocessing.active_children()
    assert os.getpriority(os.PRIO_PROCESS, int(str(maker.pid))) == GIVE_WAY
    assert (background.making, background.now(), background.problem) == (True, None, "")
    step_until(background.now, background)
    expected = open_atlas(folder)
    assert expected is not None
    found = background.now()
    assert found is not None
    assert (found.made, background.making, background.problem) == (expected.made, False, "")
    assert began <= found.made <= time.time()
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_leaves_nothing_and_says_so(background: AtlasInBackground, folder: Path) -> None:
    with FileLock(folder / "atlas.lock"):  # it waits for this
        background.step()
        (maker,) = multiprocessing.active_children()
        maker.kill()
        step_until(lambda: not background.making, background)
    assert "the process that made it ended with code -9" in background.problem
    assert (background.now(), read_atlas(folder)) == (None, None)
    background.step()
    assert not background.making  # what failed waits for another model
    train_anew(folder)
    step_until(lambda: background.making, background)
    assert background.problem == ""


def test_why_it_could_not_be_made_is_told(background: AtlasInBackground, folder: Path) -> None:
    (folder / "config.json").write_text("{}", encoding="utf-8")
    background.step()
    step_until(lambda: background.problem, background)
    with pytest.raises(ConfigError) as told:
        open_atlas(folder)
    assert background.problem == str(told.value)
    assert "config.json is damaged" in background.problem
    assert background.now() is None


def test_one_that_cannot_be_read_is_a_problem_and_no_end(folder: Path) -> None:
    (folder / "dashboard" / "numbers.safetensors").write_bytes(b"nothing")
    background = AtlasInBackground(folder)
    assert "header" in background.problem
    assert background.now() is None
    background.step()
    assert not background.making


def test_another_model_takes_over_once_its_atlas_is_there(folder: Path) -> None:
    background = AtlasInBackground(folder)
    before = background.now()
    assert before is not None
    train_anew(folder)
    after = open_atlas(folder, clock=lambda: MADE + 1)
    assert after is not None
    background.step()
    assert background.now() is before  # the folder may change yet
    background.step()
    now = background.now()
    assert now is not None
    assert (now.version, now.made) == (after.version, MADE + 1)


def test_closing_ends_the_process(background: AtlasInBackground, folder: Path) -> None:
    with FileLock(folder / "atlas.lock"):
        background.step()
        background.close()
    assert multiprocessing.active_children() == []
    background.close()
    assert (background.making, background.now(), read_atlas(folder)) == (False, None, None)


def begin_and_wait(folder: Path) -> None:
    """Have an atlas made, and tell who makes it."""
    background = AtlasInBackground(folder)
    until(lambda: background.step() or background.making)
    print(multiprocessing.active_children()[0].pid, flush=True)
    until(lambda: False)


def test_a_killed_server_takes_the_process_with_it(background: AtlasInBackground, folder: Path) -> None:
    """Nothing is said of it either."""
    with FileLock(folder / "atlas.lock"):  # it would wait for ever
        server = Forked(begin_and_wait, folder)
        until(lambda: server.out != "", what=lambda: server.err)
        maker = int(server.out)
        os.kill(maker, 0)
        server.kill()
        until(lambda: has_ended(maker))
    assert server.err == ""


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
