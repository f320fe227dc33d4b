"""The commands of a running Penchant as a person gives them: keys, erasure, serving, and what is said when they err."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from penchant.command import drawn as terminal
from penchant.command.live import _address, _speed
from penchant.command.offline import app, main
from penchant.errors import AccessError, ConfigError, MissingStepError, PenchantError, StoreError
from penchant.logs.forgotten import FORGOTTEN, digest_of
from penchant.pipeline import Run
from penchant.serving.keys import Keys
from penchant.store.base import Event
from penchant.store.opened import open_store
from tests.helpers import lookalike_runs
from tests.helpers.processes import ServerProcess
from tests.serving import worlds
from tests.serving.apps import Desk, running

USER = "u004"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are as long as they are, and no store or key is given by the machine."""
    monkeypatch.setattr(terminal.console, "_width", 200)
    for name in ("PENCHANT_STORE", "PENCHANT_KEY"):
        monkeypatch.delenv(name, raising=False)


def call(*words: str | Path) -> str:
    """What a command says."""
    result = outcome(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def outcome(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def usage(*words: str | Path) -> str:
    """What is said where a command was not understood, without the frame."""
    result = outcome(*words)
    assert result.exit_code == 2, result.output
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run that need not be there."""
    return tmp_path / "demo"


@pytest.fixture
def begun(folder: Path) -> Path:
    """Of a run that is there, as far as a command looks before it begins."""
    folder.mkdir()
    (folder / "config.json").touch()
    return folder


def key_names(folder: Path, url: str | None = None) -> list[str]:
    with closing(open_store(url or f"sqlite:{folder}.live.sqlite")) as store:
        return [key.name for key in store.keys()]  # noqa: SIM118


def test_a_key_is_made_listed_and_revoked(folder: Path) -> None:
    key = call("key", "create", folder, "--scope", "read", "--label", "[red]shop[/red]", "--per-second", "7").strip()
    assert re.fullmatch(r"pk_[0-9a-f]{10}_[\w-]{43}", key)
    name = key.split("_")[1]
    listed = call("key", "list", folder)
    assert re.search(
        rf"^{name} +read +\d{{4}}-\d\d-\d\d \d\d:\d\d UTC +7/s +\[red\]shop\[/red\]$", listed, re.MULTILINE
    )
    assert key.split("_", 2)[2] not in listed
    with closing(open_store(f"sqlite:{folder}.live.sqlite")) as store:
        keys = Keys(store, lambda: 100.0)
        keys.look_up()
        assert keys.check(f"Bearer {key}", "here", "read").per_s == 7
    assert call("key", "revoke", folder, name) == f"{name} is revoked\n"
    assert call("key", "list", folder) == ""
    with pytest.raises(ConfigError, match=rf"there is no key '{name}'; see `penchant key list {folder}`"):
        outcome("key", "revoke", folder, name)


def test_keys_are_listed_the_oldest_first(folder: Path) -> None:
    scopes = ["admin", "ingest", "read"]
    names = [call("key", "create", folder, "--scope", scope).split("_")[1] for scope in scopes]
    assert [line.split()[:2] for line in call("key", "list", folder).splitlines()] == [
        [name, scope] for name, scope in zip(names, scopes, strict=True)
    ]


def test_the_store_is_that_of_the_option_or_of_the_environment_or_beside_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, environment = (f"sqlite:{folder.with_name(name)}" for name in ("option.sqlite", "environment.sqlite"))
    call("key", "create", folder, "--scope", "read")
    monkeypatch.setenv("PENCHANT_STORE", environment)
    call("key", "create", folder, "--scope", "read")
    call("key", "create", folder, "--scope", "read", "--store", option)
    assert [len(key_names(folder, url)) for url in (None, environment, option)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--scope", "write"], "'--scope': .*'write' is not one of 'ingest', 'read', 'admin'"),
        (["--scope", "read", "--per-second", "0"], r"'--per-second': .* 0\.1"),
        (["--scope", "read", "--per-second", "nan"], r"'--per-second': .* 0\.1"),
        (["--scope", "read", "--per-second", "many"], "'--per-second': .*number"),
        ([], "Missing option '--scope'"),
    ],
)
def test_what_no_key_can_have_is_not_understood(folder: Path, words: list[str], problem: str) -> None:
    assert re.search(problem, usage("key", "create", folder, *words))
    assert not list(folder.parent.iterdir())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--per-second", "inf"], "a key cannot do inf requests a second"),
        (["--label", "two\nlines"], "is no label; give up to 100 printable characters"),
    ],
)
def test_what_only_the_store_can_refuse_is_an_error(folder: Path, words: list[str], problem: str) -> None:
    with pytest.raises(AccessError, match=problem):
        outcome("key", "create", folder, "--scope", "read", *words)
    assert key_names(folder) == []


@pytest.mark.parametrize("command", [["key", "list"], ["key", "create", "--scope", "read"], ["serve"], ["forget", "u"]])
def test_a_password_on_the_command_line_is_refused(begun: Path, command: list[str]) -> None:
    place = 2 if command[0] == "key" else 1
    with pytest.raises(ConfigError, match="the URL of the store holds a password"):
        outcome(*command[:place], begun, *command[place:], "--store", "redis://:s3cret@127.0.0.1:1/0")


def test_a_store_of_no_kind_is_an_error(folder: Path) -> None:
    with pytest.raises(StoreError, match="mysql"):
        outcome("key", "list", folder, "--store", "mysql:live")


def test_who_is_forgotten_is_gone_from_store_and_files(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run: Run = lookalike_runs.copied(worlds.trained(tmp_path_factory), tmp_path / "run")
    url = f"sqlite:{run.folder}.live.sqlite"
    with closing(open_store(url)) as store:
        store.append([Event(USER, "x", 1.0, True, "a"), Event(USER, "y", 2.0, True, "b")], at=3.0)
    said = call("forget", run.folder, USER)
    assert said.startswith(
        "Removed: 2 live events, 2 of them not consumed yet; from the seeds of 0 items; rows of log: "
    )
    assert "profiles: 1" in said
    assert "Clusters lose the user when they are made next" in said
    assert "log: 0, prepared: 0, scores: 0, profiles: 0" in call("forget", run.folder, USER)
    with closing(open_store(url)) as store:
        assert store.histories([USER]) == [[]]
        assert store.forgotten(0)[1].keys() == {digest_of(USER)}
    assert json.loads((run.folder / FORGOTTEN).read_text(encoding="utf-8")).keys() == {digest_of(USER)}


ADDRESSES = [
    ("127.0.0.1:8080", ("127.0.0.1", 8080)),
    ("localhost:0", ("localhost", 0)),
    ("[::1]:65535", ("::1", 65_535)),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert _address(text) == address


@pytest.mark.parametrize("text", ["", "8080", "localhost", ":8080", "here:", "here:http", "here:65536", "here:-1"])
def test_what_is_no_address_is_refused(begun: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"--listen is '{text}'; write HOST:PORT, such as 127.0.0.1:8080"):
        outcome("serve", begun, "--listen", text)


@pytest.mark.parametrize("text", ["", "*", "proxy", "10.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80"])
def test_what_is_no_address_of_a_proxy_is_refused(begun: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"--trusted-proxy is {re.escape(repr(text))}: .*; write an address such as"):
        outcome("serve", begun, "--trusted-proxy", text)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--role", "htttp"], "'--role': .*'htttp' is not one of 'http', 'consumer', 'cluster'"),
        (["--recluster", "0"], "'--recluster': .* 1"),
        (["--log", "debug"], "'--log': .*'debug' is not one of 'info', 'warning'"),
        (["--workers", "4"], "No such option: --workers"),
    ],
)
def test_what_serve_does_not_know_it_names(begun: Path, words: list[str], problem: str) -> None:
    assert re.search(problem, usage("serve", begun, *words))


@pytest.mark.parametrize("command", [["serve"], ["dashboard"], ["forget", "u"]])
def test_a_run_that_is_not_there_is_refused_before_a_store_is_made(folder: Path, command: list[str]) -> None:
    with pytest.raises(MissingStepError, match="demo is no run folder"):
        outcome(command[0], folder, *command[1:])
    assert not list(folder.parent.iterdir())


def test_serve_refuses_strangers_without_keys(begun: Path) -> None:
    with pytest.raises(ConfigError, match=r"without keys only this machine may be served, but host is '0.0.0.0'"):
        outcome("serve", begun, "--no-keys", "--listen", "0.0.0.0:0")


def test_an_error_is_said_in_one_line_without_a_trace(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["penchant", "serve", str(begun), "--listen", "[x]"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "error: --listen is '[x]'; write HOST:PORT, such as 127.0.0.1:8080\n"


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server that asks for a key, which the environment holds."""
    desk = Desk(worlds.served(tmp_path_factory), open_to_all=False)
    monkeypatch.setenv("PENCHANT_KEY", desk.key("admin")["Authorization"].removeprefix("Bearer "))
    with running(desk.app) as url:
        yield url


def test_a_table_is_replayed_with_the_key_of_the_environment(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user,item,time\nanna,x,1700000000\nben,y,1700000001\n", encoding="utf-8")
    assert call("replay", path, "--to", url) == "2 accepted, 0 repeated, 0 forgotten, 0 refused\n"
    assert call("replay", path, "--to", url, "--speed", "1000x") == "0 accepted, 2 repeated, 0 forgotten, 0 refused\n"
    with pytest.raises(ConfigError, match="speed 'fast' is not understood"):
        outcome("replay", path, "--to", url, "--speed", "fast")
    with pytest.raises(PenchantError, match="'nowhere' is no address of a server"):
        outcome("replay", path, "--to", "nowhere")
    monkeypatch.delenv("PENCHANT_KEY")
    with pytest.raises(PenchantError, match="this needs a key"):
        outcome("replay", path, "--to", url)


def test_a_process_without_http_says_what_it_does_and_ends_well(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    worlds.served(tmp_path_factory)
    folder, url = worlds.trained(tmp_path_factory).folder, f"sqlite:{tmp_path / 'live.sqlite'}"
    process = ServerProcess(folder, url, roles=["consumer", "cluster"]).start()
    try:
        said = " ".join(process.wait().said.split())
        assert "Live scores and audiences are made by RALM, which won on validation candidates." in said
        assert "Serving: consumer and cluster. Ctrl-C ends it." in said
        assert process.end() == 0
    finally:
        process.kill()


@pytest.mark.parametrize(("text", "speed"), [("100x", 100.0), ("2.5", 2.5), ("0.5x", 0.5), ("max", float("inf"))])
def test_a_speed_is_a_number_of_times(text: str, speed: float) -> None:
    assert _speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "0.0x", "-1x", "fast", "1e3", "nan", "inf", "2xx", "max ", "x", "1,5x"])
def test_any_other_speed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"speed '{text}' is not understood; write 100x, 2.5x or max"):
        _speed(text)
