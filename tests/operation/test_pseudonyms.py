"""A run whose users have pseudonyms, from tables to pages: no id as it came anywhere, and all works by the ids."""

import gzip
import http.client
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from typer.testing import CliRunner

import penchant
from penchant.client import Client
from penchant.command.offline import app
from penchant.errors import ConfigError
from penchant.files import read_json, remove, write_json
from penchant.logs.forgotten import FORGOTTEN
from penchant.logs.pseudonyms import KEY_FILE, Pseudonyms, read_key, write_key
from penchant.operation.replay import replay
from penchant.operation.served import open_served
from penchant.operation.server import ServerConfig, start
from penchant.pipeline import Run, report_on
from penchant.serving.versions import Models
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from penchant.store.opened import open_store
from tests.helpers import lookalike_runs
from tests.helpers.marks import MARK, assert_nowhere, places_of
from tests.helpers.processes import HANG_S, ServerProcess, until
from tests.helpers.servers import RedisServer
from tests.helpers.shared import made_once

ITEM = "i1-1"
ANN = f"{MARK}u004@example.org"
KEY = "keys/users.key"

SMALL = lookalike_runs.LOOKALIKE.replace('category = "shelf"', "beside = []").replace("epochs = 6", "epochs = 1")


def marked(users: pl.Expr) -> pl.Expr:
    return pl.format(f"{MARK}{{}}@example.org", users)


def make(folder: Path) -> None:
    """Tables as Parquet, CSV and JSON lines, with broken lines, whose users are found again; and a run of them."""
    path = lookalike_runs.write_run(folder, section=SMALL)
    events = pl.read_parquet(folder / "events.parquet").with_columns(marked(pl.col("user")))
    plain = events.filter(pl.col("item").str.len_chars() < 100, ~pl.col("item").str.contains(r"[\n\x1b]"))
    third = len(plain) // 3
    (folder / "events").mkdir()
    rest = events.join(plain, on=["user", "item", "time"], how="anti")
    pl.concat([plain[:third], rest]).write_parquet(folder / "events" / "a.parquet")
    broken = f"{MARK}broken,,1,true\n{MARK}broken\n{MARK}broken,a,b,c,d,e\n"
    (folder / "events" / "b.csv").write_text(plain[third : 2 * third].write_csv() + broken, encoding="utf-8")
    lines = plain[2 * third :].write_ndjson() + f'{{"user": "{MARK}broken", "item"\n{MARK}broken\n'
    (folder / "events" / "c.jsonl").write_text(lines, encoding="utf-8")
    users = pl.read_parquet(folder / "users.parquet").with_columns(marked(pl.col("user")))
    users.write_csv(folder / "users.csv")
    for name in ("events.parquet", "users.parquet"):
        remove(folder / name)
    text = path.read_text(encoding="utf-8").replace("users.parquet", "users.csv")
    text = text.replace('"events.parquet"', '"events"')
    path.write_text(f'[logs]\npseudonyms = "{KEY}"\n{text}', encoding="utf-8")
    (folder / "keys").mkdir()
    write_key(folder / KEY)
    penchant.run(path, folder / "run")


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Run:
    """A copy. Its tables and its key lie elsewhere."""
    made = made_once(tmp_path_factory, "pseudonyms", make) / "run"
    return lookalike_runs.copied(Run.open(made), tmp_path / "run")


@pytest.fixture
def known(run: Run) -> Pseudonyms:
    return read_key(run.base / KEY)


@pytest.fixture(params=["sqlite", "redis"])
def live(
    request: pytest.FixtureRequest, run: Run, tmp_path: Path, absent: Callable[[str], None]
) -> Iterator[ServerProcess]:
    """A server that logs every request; files of its store lie in tmp_path/store."""
    (tmp_path / "store").mkdir()
    with ExitStack() as stack:
        url = f"sqlite:{tmp_path / 'store' / 'live.sqlite'}"
        if request.param == "redis":
            if not RedisServer.is_installed():
                absent("redis-server is not installed")
            redis = RedisServer(tmp_path / "store")
            stack.callback(redis.kill)
            redis.start()
            url = redis.url
        server = ServerProcess(run.folder, url, "--log", "info")
        stack.callback(server.kill)
        yield server.start().wait()


def page(server: ServerProcess, path: str) -> tuple[int, str, str]:
    """Status, Location and text of a page."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)) as connection:
        connection.request("GET", f"/dashboard/{path}")
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()


def test_no_file_answer_page_or_line_of_a_live_run_holds_an_id_as_it_came(
    live: ServerProcess, run: Run, known: Pseudonyms, tmp_path: Path
) -> None:
    told: list[object] = []

    def ask(method: str, path: str, body: object = None) -> tuple[int, object]:
        told.append(found := live.ask(method, path, body))
        return found

    events = [
        {"user": ANN, "item": ITEM, "id": f"click of {ANN}"},
        {"user": f"{MARK}new", "item": ITEM},
        {"user": MARK * 400, "item": ITEM},
        {"user": ANN, "item": ITEM, "time": "never"},
    ]
    assert ask("POST", "/v1/events", events)[0] == 200
    assert ask("POST", "/v1/events", {"user": MARK, "item": "", "time": 1})[0] == 422
    lines = [f'{{"user": "{ANN}", "item": "{ITEM}", "time": 1700000000}}', f'{{"user": "{ANN}", "item"']
    content = "\n".join([*lines, f'{{"user": "{ANN}"}}']).encode()
    told.append(live.ask("POST", "/v1/events", content, {"Content-Type": "application/x-ndjson"}))
    assert ask("GET", f"/v1/users/{quote(ANN * 60)}/profile")[0] == 422
    assert ask("POST", "/v1/lookalike/score", {"users": [ANN * 60, 1.5]})[0] == 422
    assert ask("PUT", f"/v1/candidates/{ITEM}")[0] == 204
    until(lambda: live.ask("GET", f"/v1/candidates/{ITEM}")[1]["clustered"])
    for what in ("profile", "explain", "recall"):
        assert ask("GET", f"/v1/users/{quote(ANN)}/{what}")[0] == 200
    assert ask("GET", f"/v1/users/{quote(ANN)}/explain?tag=none%20such")[0] == 404
    assert ask("POST", "/v1/lookalike/score", {"users": [ANN], "items": None})[0] == 200
    assert ask("POST", "/v1/lookalike/score", {"users": [ANN, f"{MARK}none"], "items": [ITEM]})[0] == 200
    assert ask("GET", f"/v1/candidates/{ITEM}/audience?size=50")[0] == 200
    status, where, _ = page(live, f"users?user={quote(ANN)}&by=lift")
    assert (status, where) == (303, f"/dashboard/users?user={known.of(ANN)}&by=lift")
    until(lambda: "Making" not in page(live, "users")[2])
    pages = [page(live, path) for path in ("users", where.split("/")[-1], "tags", "lookalike", "quality", "system")]
    pages += [page(live, f"lookalike?item={ITEM}"), page(live, f"lookalike/audience?item={ITEM}&size=50&as=csv")]
    assert [status for status, _, _ in pages] == [200] * len(pages)
    assert known.of(ANN) in pages[1][2]
    assert ask("DELETE", f"/v1/users/{quote(f'{MARK}new')}")[0] == 200
    assert live.end() == 0
    said = live.process.out + live.said
    assert '"route"' in said
    for text in (repr(told), repr(pages), said):
        assert MARK not in text
    assert_nowhere(MARK, run.folder)
    assert_nowhere(MARK, tmp_path / "store")


def test_no_file_that_a_run_hands_over_holds_an_id_as_it_came(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = run.audience(ITEM, 60, minimum=1)
    assert found.members["user"].str.starts_with("user-").all()
    penchant_says("audience", run.folder, ITEM, "--size", "60", "--minimum", "1")
    for to in ("profiles.parquet", "profiles.csv", "profiles.csv.gz"):
        run.export("profiles", out / to)
    run.export("audiences", out / "audiences.parquet")
    report_on([run.folder], out / "report")
    (out / "plain.csv").write_bytes(gzip.decompress((out / "profiles.csv.gz").read_bytes()))
    assert_nowhere(MARK, out)
    assert_nowhere(MARK, run.folder)
    assert places_of("user-", out)


def penchant_says(*words: object, stdin: str = "") -> str:
    result = CliRunner().invoke(app, list(map(str, words)), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_id_as_it_came_leads_to_the_user_in_batch_and_live(run: Run, known: Pseudonyms, tmp_path: Path) -> None:
    name = known.of(ANN)
    batch = run.profile(ANN)
    assert batch.user == name
    assert batch == run.profile(name)
    assert run.explain(ANN) == run.explain(name)
    assert run.clicks(ANN).equals(run.clicks(name))
    assert len(run.clicks(ANN)) > 0
    for said in (penchant_says("profile", run.folder, ANN), penchant_says("explain", run.folder, ANN)):
        assert MARK not in said
    with closing_server(run, tmp_path) as server, Client(f"http://127.0.0.1:{server.port}", None) as client:
        found = client.profile(ANN, most=50)
        assert found["user"] == name
        assert found == client.profile(name, most=50)
        same = {one["tag"]: one["preference"] for one in found["clicked"]}
        assert same == pytest.approx({one.tag: one.preference for one in batch.clicked}, rel=1e-4, abs=1e-5)
        client.open([ITEM])
        until(lambda: client.candidates()[0]["clustered"])
        members = [one["user"] for one in client.audience(ITEM, size=50)["members"]]
    ids = [f"{MARK}u{number:03}@example.org" for number in range(lookalike_runs.USERS)]
    mapped = penchant_says("pseudonyms", "of", run.folder, stdin="\n".join(ids)).split()
    assert len(set(members) & set(mapped)) > len(members) // 2


def closing_server(run: Run, folder: Path, *options: str) -> "closing[Ended]":
    return closing(Ended(ServerProcess(run.folder, f"sqlite:{folder / 'live.sqlite'}", *options).start().wait()))


class Ended:
    """A server that is killed when it is closed."""

    def __init__(self, server: ServerProcess) -> None:
        self._server, self.port, self.ask = server, server.port, server.ask

    def close(self) -> None:
        self._server.kill()


def test_a_user_is_erased_by_the_id_as_it_came(run: Run, known: Pseudonyms, tmp_path: Path) -> None:
    name, other = known.of(ANN), f"{MARK}u005@example.org"
    store = f"sqlite:{tmp_path / 'live.sqlite'}"
    with closing_server(run, tmp_path) as server:
        events = [{"user": user, "item": ITEM} for user in (ANN, other)]
        assert server.ask("POST", "/v1/events", events)[1]["accepted"] == 2
        assert server.ask("DELETE", f"/v1/users/{quote(ANN)}")[1]["events"] == 1
    assert "Removed: 1 live events" in penchant_says("forget", run.folder, other, "--store", store)
    with closing(open_store(store)) as opened:
        assert list(opened.users()) == []
        assert len(opened.forgotten(0)[1]) == 2
    for one in (name, known.of(other)):
        assert not [path for path in places_of(one, run.folder) if not re.search("/(prepared|serving)/", path)]
    again = Run.open(run.folder)
    again.check()
    assert again.log.found["left_out"]["user who was forgotten"] > 0
    assert MARK not in (run.folder / FORGOTTEN).read_text(encoding="utf-8")


def test_replay_sends_pseudonyms_where_it_has_the_key(
    run: Run, known: Pseudonyms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "more.csv"
    table.write_text(f"user,item,time\n{ANN},{ITEM},1700000000\n{MARK}new,{ITEM},1700000001\n", encoding="utf-8")
    sent: list[str] = []

    class Heard(Client):
        def send(self, events: list[dict[str, object]]) -> dict[str, object]:  # type: ignore[override]
            sent.extend(str(one["user"]) for one in events)
            return super().send(events)

    with closing_server(run, tmp_path) as server, Heard(f"http://127.0.0.1:{server.port}", None) as client:
        assert replay(table, client, 1e9)["accepted"] == 2
        monkeypatch.setenv(KEY_FILE, str(run.base / KEY))
        assert replay(table, client, 1e9)["repeated"] == 2
        monkeypatch.delenv(KEY_FILE)
        assert sent == [ANN, f"{MARK}new", known.of(ANN), known.of(f"{MARK}new")]
        before = len(sent)
        replay(run.base / "run.toml", client, 1e9)
    assert all(re.fullmatch("user-[0-9a-f]{40}", user) for user in sent[before:])


def test_a_server_without_the_key_does_not_start(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "none"))
    server = ServerProcess(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}")
    server.environment[KEY_FILE] = str(tmp_path / "none")
    assert server.start().process.status() == 1
    assert f"error: the key of the pseudonyms is not at {tmp_path / 'none'}; put it there" in server.said
    assert "Traceback" not in server.said


def test_a_server_does_not_start_on_a_store_that_knows_users_by_other_names(
    run: Run, known: Pseudonyms, tmp_path: Path
) -> None:
    write_key(tmp_path / "other")
    for number, (user, starts) in enumerate(
        ((known.of(ANN), True), (ANN, False), (read_key(tmp_path / "other").of(ANN), False))
    ):
        url = f"sqlite:{tmp_path / f'{number}.sqlite'}"
        with closing(open_store(url)) as store:
            store.append([Event(user, ITEM, 1_700_000_000.0, True, "one")], 1_700_000_000.0)
        if starts:
            start(ServerConfig(run.folder, url, port=0)).store.close()
        else:
            with pytest.raises(ConfigError, match="no pseudonym by the key of this run; begin with a new store"):
                start(ServerConfig(run.folder, url, port=0))


def test_a_model_of_another_key_does_not_take_over(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = Models(MemoryStore(), open_served(run.folder))
    write_key(tmp_path / "other")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "other"))
    with pytest.raises(ConfigError, match="other holds the key whose mark is"):
        open_served(run.folder)
    config = run.folder / "config.json"
    write_json(config, {**read_json(config), "pseudonyms": read_key(tmp_path / "other").fingerprint})
    with pytest.raises(ConfigError, match="was made with another key of pseudonyms"):
        models.load(open_served(run.folder))
