"""Who is forgotten is gone from the store and from every file that names them, and stays out of the next prepare."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from penchant.atwork import at_work
from penchant.errors import ConfigError, FolderError, MissingStepError, UnknownUserError
from penchant.files import remove
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of, read_forgotten
from penchant.operation.atlases import open_atlas
from penchant.operation.erasure import erase_from_run
from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.serving.candidates.audience import rank
from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.roles.consumer import consume
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers import lookalike_runs, processes
from tests.helpers.processes import Forked, until
from tests.serving.worlds import MADE, trained

USER, ITEM = "u004", "i1-1"


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lookalike_runs.copied(trained(tmp_path_factory), tmp_path / "run")


def files_naming(folder: Path, user: str) -> list[str]:
    """Parquet files in whose column "user" somebody stands."""
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        rows = pl.read_parquet(path)
        if "user" in rows.columns and user in rows["user"]:
            found.append(str(path.relative_to(folder)))
    return found


def test_files_of_a_run_name_them_no_more_but_for_prepared_shards(run: Run) -> None:
    rows = len(lookalike_runs.events_of(run).filter(pl.col("user") == USER))
    members = run.audience(ITEM, 60, minimum=1).members
    (run.folder / "audiences").mkdir()
    members.vstack(members.head(1).with_columns(user=pl.lit(USER))).write_parquet(
        run.folder / "audiences" / "a.parquet"
    )
    atlas = open_atlas(run.folder)
    assert atlas
    interested = sum(one.user == USER for tag in atlas.tags for one in atlas.interested(tag))
    assert interested
    erased = erase_from_run(run.folder, USER, MADE)
    assert not any(one.user == USER for tag in atlas.tags for one in atlas.interested(tag))
    assert erased == {
        "log": rows + 1,
        "prepared": 0,
        "scores": 0,
        "profiles": 1,
        "audiences": 1 + (USER in members["user"]),
        "atlas": interested,
        "report": 0,
    }
    left = files_naming(run.folder, USER)
    assert left
    assert all("prepared" in name for name in left), left
    assert set(erase_from_run(run.folder, USER, MADE).values()) == {0}
    assert USER not in (run.folder / FORGOTTEN).read_text(encoding="utf-8")


def erase_all(folder: Path, users: list[str], ready: Path, other: Path) -> None:
    """In eight threads, once both sides are ready."""
    ready.touch()
    until(other.exists)
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda user: erase_from_run(folder, user, 1_900_000_000.0), users))
    print(json.dumps([{**one, "user": user} for user, one in zip(users, done, strict=True)]))


def test_forty_users_at_once_by_two_processes_of_eight_threads(run: Run) -> None:
    """Whatever call has ended well, its user is gone; all others are as they were. Some are forgotten by both."""
    users = [f"u{number:03}" for number in range(40)]
    (run.folder / "audiences").mkdir()
    members = run.audience(ITEM, 60, minimum=1).members
    members.write_parquet(run.folder / "audiences" / "a.parquet")
    tables = [*run.folder.glob("log/events/*.parquet"), *run.folder.glob("profiles/*/*.parquet")]
    tables += [run.folder / "log" / "users.parquet", run.folder / "audiences" / "a.parquet"]
    before = {path: pl.read_parquet(path) for path in tables}
    signs = [run.folder.parent / side for side in ("left", "right")]
    both = [
        Forked(erase_all, run.folder, some, *order)
        for some, order in ((users[:24], signs), (users[16:], reversed(signs)))
    ]
    assert [process.status() for process in both] == [0, 0]
    told = [one for process in both for one in json.loads(process.out)]
    assert {one["user"] for one in told} == set(users)
    for path, rows in before.items():
        kept = rows.filter(~pl.col("user").is_in(users))
        assert pl.read_parquet(path).equals(kept)
    gone = sum(len(rows.filter(pl.col("user").is_in(users))) for rows in before.values())
    assert sum(one["log"] + one["profiles"] + one["audiences"] for one in told) == gone
    assert read_forgotten(run.folder / FORGOTTEN).keys() == set(map(digest_of, users))
    assert not list(run.folder.rglob("*.part"))


def test_while_another_is_at_work_the_list_is_written_and_the_rest_is_told_to_wait(run: Run) -> None:
    """As `penchant forget` says it; the same call finishes what could not be done."""
    with at_work(run.folder, "trains"):
        done = Forked(processes.penchant, "forget", run.folder, USER, "--store", "memory:")
        assert done.status() == 1
    assert f"process {os.getpid()} on " in done.err
    assert ", which trains, is at work on " in done.err
    assert digest_of(USER) in read_forgotten(run.folder / FORGOTTEN)
    assert "log/users.parquet" in files_naming(run.folder, USER)
    assert erase_from_run(run.folder, USER, MADE)["log"] > 1
    assert "log/users.parquet" not in files_naming(run.folder, USER)


def test_a_folder_without_a_log_is_not_made_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingStepError, match=r"empty holds no whole log; give a run folder"):
        erase_from_run(tmp_path / "empty", USER, MADE)
    assert not list((tmp_path / "empty").iterdir())


def test_a_folder_that_was_moved_away_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(
        FolderError, match=r"nothing is not there, so it has not forgotten the user; mend that and call"
    ):
        erase_from_run(tmp_path / "nothing", USER, MADE)
    assert not (tmp_path / "nothing").exists()


def test_a_folder_that_cannot_be_written_is_told_and_the_same_call_ends_it(run: Run) -> None:
    obstacle = run.folder / "dashboard.lock"
    obstacle.unlink(missing_ok=True)
    obstacle.mkdir()
    with pytest.raises(FolderError, match=r"not all of .* has forgotten the user: dashboard \(Is a directory\); mend"):
        erase_from_run(run.folder, USER, MADE)
    obstacle.rmdir()
    (run.folder / "serving").mkdir(exist_ok=True)
    (run.folder / "serving" / "manifest.json").touch()
    assert erase_from_run(run.folder, USER, MADE)["log"] == 0
    assert not (run.folder / "serving").exists()


@pytest.mark.parametrize("name", [FORGOTTEN, "log/found.json"])
def test_a_list_or_a_log_that_is_damaged_is_told_and_the_same_call_ends_it(run: Run, name: str) -> None:
    path = run.folder / name
    before = path.read_bytes() if path.exists() else b"{}"
    path.write_bytes(b"[[[")
    with pytest.raises(FolderError, match=f"has not forgotten the user: .*{name} is .*; mend that and call again"):
        erase_from_run(run.folder, USER, MADE)
    path.write_bytes(before)
    assert erase_from_run(run.folder, USER, MADE)["log"] > 0


def test_texts_and_pages_that_speak_of_them_go_and_others_stay(run: Run) -> None:
    """A line that could not be parsed is quoted; its quote may end within an id."""
    lines = (f"{USER},i1", f"x{USER}y,i1", "u005,i1", "7," * 29 + USER[:2], "7," * 29 + "u1")
    reasons = [f"cannot be parsed: {line!r}" for line in lines]
    table = pl.DataFrame({"file": ["a.csv"] * 5, "row": range(5), "reason": reasons})
    path = run.folder / "log" / "rejected.parquet"
    table.write_parquet(path)
    (run.folder / "report.html").write_text(f"<td>{USER}</td>", encoding="utf-8")
    (run.folder / "report.json").write_text('{"user": "u005"}', encoding="utf-8")
    erased = erase_from_run(run.folder, USER, MADE)
    assert erased["report"] == 1
    assert pl.read_parquet(path)["row"].to_list() == [1, 2, 4]
    assert [one.name for one in run.folder.glob("report.*")] == ["report.json"]


def test_what_killed_processes_left_half_done_goes_too(run: Run) -> None:
    """Of whatever machine: it may name the user, and nobody else is at work on the folder."""
    left = [run.folder / name for name in ("log/events/00000.parquet.0123ab-7-abc.part", "log/scattered/00000.arrows")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text(USER, encoding="utf-8")
    erase_from_run(run.folder, USER, MADE)
    assert not any(path.exists() for path in left)


def test_a_file_that_cannot_be_read_is_told_and_all_others_are_done(run: Run) -> None:
    path = run.folder / "profiles" / "tags" / "00000.parquet"
    whole = path.read_bytes()
    path.write_bytes(b"{}")
    with pytest.raises(FolderError, match=r"the user: profiles/tags/00000.parquet \(.*damaged.*call again"):
        erase_from_run(run.folder, USER, MADE)
    assert [name for name in files_naming_but(run, path) if "prepared" not in name] == []
    path.write_bytes(whole)
    assert erase_from_run(run.folder, USER, MADE)["profiles"] == 1


def files_naming_but(run: Run, damaged: Path) -> list[str]:
    content = damaged.read_bytes()
    damaged.unlink()
    try:
        return files_naming(run.folder, USER)
    finally:
        damaged.write_bytes(content)


def test_what_is_made_of_older_shards_leaves_them_out(run: Run) -> None:
    """Until the next prepare these name the user still."""
    erase_from_run(run.folder, USER, MADE)
    remove(run.folder / "profiles")
    remove(run.folder / "scores")
    again = Run.open(run.folder)
    again.evaluate()
    again.build_profiles()
    assert [name for name in files_naming(run.folder, USER) if "prepared" not in name] == []
    for ask in (again.profile, again.explain):
        with pytest.raises(UnknownUserError, match=f"user '{USER}' is not in the log"):
            ask(USER)
    everybody = again.audience(ITEM, 60, minimum=1)
    assert USER not in set(everybody.members["user"])
    assert USER not in set(again.lookalikes.crowd("latest", again.lookalikes.reference).users)
    assert again.profile("u005").user == "u005"


def test_the_next_prepare_leaves_them_out(run: Run) -> None:
    erase_from_run(run.folder, USER, MADE)
    again = Run.open(run.folder)
    again.prepare()
    assert files_naming(run.folder, USER) == []
    assert "u005" in set(pl.concat([shard.users for shard in again.interests().shards("latest")]))


def test_a_run_file_may_name_the_list_of_a_run_that_is_served(run: Run, tmp_path: Path) -> None:
    erase_from_run(run.folder, USER, MADE)
    logs = {**run.config.model_dump(mode="json", exclude_none=True)["logs"], "forgotten": str(run.folder / FORGOTTEN)}
    config = type(run.config).parse({**run.config.model_dump(exclude_none=True), "logs": logs}, origin="test")
    other = Run.start(config, tmp_path / "other", base=run.base)
    log = other.check()
    assert USER not in set(pl.concat([log.events(bucket)["user"] for bucket in range(log.buckets)]))
    assert USER not in set(log.users()["user"])


def test_events_after_they_were_forgotten_count(run: Run) -> None:
    """Who comes back is a new user."""
    times = lookalike_runs.events_of(run).filter(pl.col("user") == USER)["time"].sort()
    middle = float(times[len(times) // 2])
    add_forgotten(run.folder / FORGOTTEN, digest_of(USER), middle)
    log = Run.open(run.folder).check()
    events = pl.concat([log.events(bucket) for bucket in range(log.buckets)]).filter(pl.col("user") == USER)
    assert events["time"].to_list() == [time for time in times if time > middle]


@pytest.mark.parametrize(
    "entry",
    [
        '"anna": 1.0',
        '"11111111111111111": 1.0',
        '"8C4A844BCC7444D0": 1.0',
        '"0x4a844bcc7444d0": 1.0',
        '"8c4a844bcc7444d0": Infinity',
        '"8c4a844bcc7444d0": 1e999',
        '"8c4a844bcc7444d0": NaN',
        '"8c4a844bcc7444d0": true',
        '"8c4a844bcc7444d0": "1.0"',
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "forgotten.json"
    path.write_text(f"{{{entry}}}", encoding="utf-8")
    digest = entry.split('"')[1]
    with pytest.raises(ConfigError, match=rf"forgotten.json is no list of forgotten users \('{digest}': .* is no dige"):
        read_forgotten(path)


def test_a_service_forgets_at_once_and_clusters_when_they_are_made_next(run: Run) -> None:
    store, now = MemoryStore(), [MADE]
    served = open_served(run.folder, clock=lambda: MADE - 1)
    service = Service(store, served, lambda: now[0], lambda user, at: erase_from_run(run.folder, user, at))
    service.open([ITEM])
    service.append([[Event(USER, ITEM, MADE, True, "a"), Event("u005", ITEM, MADE, True, "b")]])
    consume(store, service.models.alike, "one", 100, service.clock)
    clusterer = Clusterer(store, service.models.all[0], service.clock, every_s=100.0)
    cluster(clusterer, service)
    (before,) = service.candidates()
    fans = {user for user, _ in service.audience(ITEM, 50).members}
    assert USER not in fans  # they are a seed
    assert not service.profiles([USER])[0].cold
    told = service.forget(USER)
    assert (told.events, told.log) == (1, 0)
    assert told.files["log"] > 0
    assert service.profiles([USER])[0].cold
    assert service.score([USER], None)[0].cold
    now[0] += 200
    cluster(clusterer, service)
    (after,) = service.candidates()
    assert after.seeds == before.seeds - 1  # type: ignore[operator]
    view, clusters = service.view, service.view.live[ITEM].clusters
    assert clusters is not None
    everybody = rank(store, view.users, ITEM, clusters, now[0]).members(view.served.snapshot, ())
    assert USER not in {user for user, _ in everybody}
    clusterer.close()


def cluster(clusterer: Clusterer, service: Service) -> None:
    """Until all seeds are clustered as of now."""
    while not service.view.live or any(one.made < service.clock() for one in service.view.live.values()):
        clusterer.once()
        service.refresh()
