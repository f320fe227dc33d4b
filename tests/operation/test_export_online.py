"""A service that reads one user from Redis sees the old export or the new one, and never a mixture."""

import ast
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from penchant.command.offline import app
from penchant.errors import ConfigError, StoreError
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.operation.exports import table as exports_table
from penchant.operation.exports.online import GRACE_S, base_key
from penchant.operation.exports.schema import SCHEMA_VERSION
from penchant.pipeline import Run
from penchant.progress import Progress
from tests.helpers.exported import PEOPLE, written_run
from tests.helpers.processes import Forked
from tests.helpers.servers import RedisServer
from tests.operation.test_exports import PAGE

BASE = base_key("profiles", "tags")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer | None]:
    if not RedisServer.is_installed():
        yield None
        return
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def store(server: RedisServer | None, absent: Callable[[str], None]) -> Iterator[Any]:
    """An empty Redis; what is read of it is text."""
    if server is None:
        absent("redis-server is not installed")
    assert server
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def url(server: RedisServer | None) -> str:
    return server.url if server else ""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return written_run(tmp_path)


def users_of(store: Any, base: str = BASE) -> dict[str, Any]:
    """What a reader finds, by user."""
    prefix = store.hget(base, "prefix")
    return {key.removeprefix(prefix): store.hgetall(key) for key in store.scan_iter(f"{prefix}*")} if prefix else {}


def test_every_user_has_a_hash_of_the_nested_form(run: Run, store: Any, url: str) -> None:
    told = run.export("profiles", url)
    assert (told.users, told.rows, told.left_out()) == (len(PEOPLE), len(PEOPLE), [])
    found = users_of(store)
    assert found.keys() == {person[0] for person in PEOPLE}
    names = ("rank", "tag", "preference", "lift", "clicks")
    for user, clicked, unseen, evidence in PEOPLE:
        parts = {name: json.loads(said) for name, said in found[user].items()}
        assert parts.keys() == {"clicked", "unseen", "evidence"}
        for part, tags in (("clicked", clicked), ("unseen", unseen)):
            assert parts[part] == [dict(zip(names, (rank, *tag), strict=True)) for rank, tag in enumerate(tags, 1)]
        assert [tuple(one.values()) for one in parts["evidence"]] == list(evidence)
    facts = store.hgetall(BASE)
    assert facts["schema"] == str(SCHEMA_VERSION)
    assert facts["prefix"] == f"{BASE}:{facts['version']}:"
    assert store.ttl(BASE) == store.ttl(f"{facts['prefix']}anna") == -1
    assert set(store.scan_iter("*")) == {BASE, *(f"{facts['prefix']}{user}" for user in found)}


def test_the_program_of_the_page_reads_a_user(
    run: Run, store: Any, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.export("profiles", url)
    (program,) = [part.split("```")[0] for part in PAGE.read_text("utf-8").split("```python\n") if "redis" in part[:40]]
    said = program.replace("redis://127.0.0.1:6379/0", url).replace("USER", "anna")
    assert said != program
    exec(compile(ast.parse(said), str(PAGE), "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == "[('sci-fi', 0.5), ('=cmd()', -0.25)]\n"


def test_audiences_of_a_user_are_fields_of_one_hash(run: Run, store: Any, url: str) -> None:
    run.export("audiences", url)
    found = users_of(store, base_key("audiences", None))
    assert found.keys() == {"名", "anna", "-17", "nobody"}
    assert {item: json.loads(said) for item, said in found["anna"].items()} == {
        "i0-0": {"rank": 2, "score": 0.75, "cluster": 2},
        "a/b %=": {"rank": 1, "score": 1.5, "cluster": None},
    }


def test_readers_see_the_old_export_until_the_new_one_is_whole(
    run: Run, store: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of others are left alone, whatever they are called."""
    others = ["penchant:log", f"{BASE}x:1:anna", "penchant:export:profiles:tag", "penchant:export:audiences"]
    for key in others:
        store.set(key, 1)
    run.export("profiles", url)
    old = store.hgetall(BASE)
    add_forgotten(run.folder / FORGOTTEN, digest_of("anna"), 4e9)
    with pytest.raises(ConfigError, match=rf"other profiles under {BASE}, of 20.*--replace"):
        run.export("profiles", url)
    monkeypatch.setattr(exports_table, "BLOCK", 1)
    during = []

    def report(said: Progress) -> None:
        during.append((store.hgetall(BASE), users_of(store).keys()))

    run.export("profiles", url, replace=True, report=report)
    assert len(during) == len(PEOPLE)
    assert all(base == old and "anna" in users and len(users) == len(PEOPLE) for base, users in during)
    new = store.hgetall(BASE)
    assert new["version"] != old["version"]
    assert users_of(store).keys() == {person[0] for person in PEOPLE} - {"anna"}
    assert 0 < store.ttl(f"{old['prefix']}anna") <= GRACE_S
    assert store.ttl(f"{new['prefix']}-17") == -1
    assert all(store.ttl(key) == -1 for key in others)


def export_and_die(folder: Path, url: str) -> None:
    """As a crash does, after two blocks of one user are there."""
    exports_table.BLOCK = 1

    def report(said: Progress) -> None:
        if said.step == "export" and said.done == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    Run.open(folder).export("profiles", url, report=report)


def test_who_was_killed_goes_on_and_nobody_saw_a_half(
    run: Run, store: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Forked(export_and_die, run.folder, url).status() == -signal.SIGKILL
    assert not store.exists(BASE)
    begun = store.hgetall(f"{BASE}:progress")
    assert begun["blocks"] in ("2", "3")
    key = f"{BASE}:{begun['version']}:anna"
    store.hset(key, "seen", "before")
    monkeypatch.setattr(exports_table, "BLOCK", 1)
    run.export("profiles", url)
    assert store.hget(BASE, "version") == begun["version"]
    assert store.hget(key, "seen") == "before"  # it was not written again
    assert users_of(store).keys() == {person[0] for person in PEOPLE}
    assert not store.exists(f"{BASE}:progress", f"{BASE}:lock")


def test_what_another_began_is_not_gone_on_with(run: Run, store: Any, url: str) -> None:
    """While another export may be at work, nothing is written; later its rest goes too."""
    assert Forked(export_and_die, run.folder, url).status() == -signal.SIGKILL
    left = store.hget(f"{BASE}:progress", "version")
    add_forgotten(run.folder / FORGOTTEN, digest_of("nobody"), 4e9)
    with pytest.raises(StoreError, match=rf"another export writes {BASE}, or was killed within the last 60 s"):
        run.export("profiles", url)
    store.delete(f"{BASE}:lock")  # as after a minute
    run.export("profiles", url)
    assert store.hget(BASE, "version") != left
    assert users_of(store).keys() == {person[0] for person in PEOPLE} - {"nobody"}
    assert 0 < store.ttl(f"{BASE}:{left}:anna") <= GRACE_S


def test_the_same_again_changes_nothing_unless_it_is_replaced(run: Run, store: Any, url: str) -> None:
    run.export("profiles", url)
    version = store.hget(BASE, "version")
    run.export("profiles", url)
    assert store.hget(BASE, "version") == version
    run.export("profiles", url, replace=True, ttl_s=500)
    assert store.hget(BASE, "version") != version
    assert 0 < store.ttl(BASE) <= 500
    assert all(0 < store.ttl(key) <= 500 for key in store.scan_iter("*"))


def test_a_redis_that_is_not_there_is_told(run: Run, store: Any) -> None:
    with pytest.raises(StoreError, match=r"Redis at 127.0.0.1:1: it cannot be reached"):
        run.export("profiles", "redis://127.0.0.1:1/0")


def test_the_command_takes_the_password_from_the_environment(
    run: Run, store: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.config_set("requirepass", "p@ss/word")
    try:
        monkeypatch.setenv("PENCHANT_REDIS_PASSWORD", "p@ss/word")
        said = CliRunner().invoke(app, ["export", str(run.folder), "profiles", "--to", url])
        assert said.exit_code == 0, said.output
        assert f"Written to {url}: 5 rows of 5 users." in said.output
        monkeypatch.setenv("PENCHANT_REDIS_PASSWORD", "wrong/one")
        with pytest.raises(StoreError, match="refuses the user or the password") as refused:
            CliRunner().invoke(
                app, ["export", str(run.folder), "profiles", "--to", url, "--replace"], catch_exceptions=False
            )
        assert "wrong" not in str(refused.value)
    finally:
        store.config_set("requirepass", "")
