"""The feed on disk: the same bytes whatever happens, other worlds refused, and a run reads it without the truth."""

import re
from functools import partial
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import penchant
from penchant.command import drawn as terminal
from penchant.command.offline import app
from penchant.errors import ConfigError
from penchant.files import read_json, write_json
from penchant.progress import Progress
from penchant.runfile import load_config
from penchant.simulation.simulate import simulate
from tests.helpers.planted import changed
from tests.helpers.processes import Forked, until
from tests.simulation.worlds import small


def content(feed: Path) -> dict[str, bytes]:
    """Every file by its path in the feed."""
    return {str(path.relative_to(feed)): path.read_bytes() for path in sorted(feed.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(small(), tmp_path_factory.mktemp("feed") / "unbroken").folder


def test_the_files_are_those_that_are_promised(unbroken: Path) -> None:
    shards = [
        f"{folder}/{shard:05}.parquet" for folder in ("events", "truth/clicks", "truth/interests") for shard in range(4)
    ]
    assert list(content(unbroken)) == sorted(
        [*shards, "items.parquet", "run.toml", "truth/items.parquet", "truth/tags.parquet", "truth/world.json"],
        key=Path,
    )


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_processes(unbroken: Path, tmp_path: Path) -> None:
    simulate(small(), tmp_path / "two", processes=2)
    assert content(tmp_path / "two") == content(unbroken)


def test_another_seed_gives_another_feed(unbroken: Path, tmp_path: Path) -> None:
    simulate(small(seed=1), tmp_path / "other")
    one, other = content(unbroken), content(tmp_path / "other")
    for name in one:
        assert (one[name] == other[name]) == (name == "run.toml"), name


def test_shards_differ(unbroken: Path) -> None:
    clicks = [pl.read_parquet(path).drop("user") for path in sorted((unbroken / "truth" / "clicks").iterdir())]
    assert not clicks[0].equals(clicks[1])


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_stopped_between_shards_it_goes_on_with_what_is_missing(unbroken: Path, tmp_path: Path, stop_at: int) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == stop_at:
            raise StoppedError

    with pytest.raises(StoppedError):
        simulate(small(), tmp_path / "feed", report=stop)
    assert not (tmp_path / "feed" / "run.toml").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "feed" / "events").glob("*")}
    assert len(kept) == stop_at
    simulate(small(), tmp_path / "feed")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert content(tmp_path / "feed") == content(unbroken)


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_it_goes_on_and_ends_with_the_same_bytes(unbroken: Path, tmp_path: Path, processes: int) -> None:
    turns = count()
    while (feed := killed(tmp_path / str(next(turns)), processes)) is None:
        pass
    simulate(small(), feed)
    assert content(feed) == content(unbroken)


def killed(feed: Path, processes: int) -> Path | None:
    """A feed whose writers were killed in the middle; None where they ended before the signal reached them."""
    child = Forked(partial(simulate, processes=processes), small(), feed)
    until(lambda: any((feed / "truth").glob("*/*")))
    workers = children_of(child.pid)
    child.kill()
    until(lambda: not any(map(lives, workers)))
    return None if (feed / "run.toml").exists() else feed


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_another_world_is_refused_with_what_differs(unbroken: Path) -> None:
    with pytest.raises(ConfigError, match=r"unbroken holds another world: rule = sum, not one, days = 8, not 9|days"):
        simulate(small(days=9, rule="one"), unbroken)
    with pytest.raises(ConfigError, match=r"another world: seed = 0, not 5; give another folder"):
        simulate(small(seed=5), unbroken)


def test_a_world_of_another_version_is_refused(tmp_path: Path) -> None:
    simulate(small(), tmp_path)
    write_json(tmp_path / "truth" / "world.json", {**read_json(tmp_path / "truth" / "world.json"), "version": "0.0.7"})
    with pytest.raises(ConfigError, match=rf"made by version 0\.0\.7, this is {re.escape(penchant.__version__)}"):
        simulate(small(), tmp_path)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"{re.escape(str(tmp_path))} holds something else"):
        simulate(small(), tmp_path)
    with pytest.raises(ConfigError, match=r"thesis\.tex holds something else"):
        simulate(small(), tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_is_counted_is_what_is_there(unbroken: Path) -> None:
    feed = simulate(small(), unbroken)
    events = pl.read_parquet(unbroken / "events" / "*.parquet")
    assert (feed.impressions, feed.clicks) == (len(events), events["clicked"].sum())


def test_the_run_file_reads_the_feed_and_not_its_truth(unbroken: Path, tmp_path: Path) -> None:
    config = load_config(unbroken / "run.toml")
    tables = config.logs.resolve(unbroken)
    assert tables.events.files == "events/*.parquet"
    assert tables.items
    assert tables.items.files == "items.parquet"
    assert "truth/" not in (unbroken / "run.toml").read_text(encoding="utf-8")
    short = changed(config, training={"epochs": 2})
    run = penchant.Run.start(short, tmp_path / "run", base=unbroken)
    log = run.check()
    assert log.found["rejected"] == {}
    assert log.found["events"] == simulate(small(), unbroken).impressions
    run.prepare()
    run.train()
    assert run.prepared("users").negatives("tags") == "logged"


def test_the_command_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.console, "_width", 200)
    out = tmp_path / "feed"
    done = CliRunner().invoke(app, ["simulate", str(out), "--users", "50", "--days", "3"], catch_exceptions=False)
    assert done.exit_code == 0
    assert re.search(r"[\d,]+ impressions, 1\d\.\d% clicked", done.output)
    assert f"run {out / 'run.toml'} --out runs/feed" in done.output
    with pytest.raises(ConfigError, match="simulate: 'users' is 0"):
        CliRunner().invoke(app, ["simulate", str(out), "--users", "0"], catch_exceptions=False)
