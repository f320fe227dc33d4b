"""Pseudonyms of users: what they are, which keys make them, and that no table's id passes the door of a log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import penchant
from penchant.command.offline import app
from penchant.errors import ConfigError, DataError
from penchant.files import read_json
from penchant.logs.doubts import Purpose, doubts
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of, read_forgotten
from penchant.logs.ingest import FORGOTTEN as LEFT_OUT
from penchant.logs.ingest import Log, ingest
from penchant.logs.pseudonyms import FORM, KEY_FILE, Admission, Pseudonyms, read_key, write_key
from penchant.logs.tables import Tables
from penchant.pipeline import Run
from penchant.runfile import LogsConfig, RunConfig
from penchant.serving.roles.intake import append
from penchant.store.base import Event, natural_id
from penchant.store.memory import MemoryStore
from tests.helpers.marks import MARK, MARKS, assert_nowhere, places_of, write_marked
from tests.logs.logs_on_disk import NOON, all_events, rejected

KNOWN, OTHERS = Pseudonyms(b"one key, which is no secret of any"), Pseudonyms(b"another key, no secret of anybody")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    write_key(path)
    return path


def marked(folder: Path, pseudonyms: Pseudonyms | None = KNOWN) -> Log:
    """The log of tables whose users are easily found again."""
    tables = write_marked(folder)
    return ingest(tables, folder, folder / "log", max_rejected_share=1.0, admission=Admission(pseudonyms=pseudonyms))


@given(st.text(min_size=1))
def test_a_pseudonym_of_a_pseudonym_is_itself_and_another_key_makes_another(user: str) -> None:
    once = KNOWN.of(user)
    assert FORM.fullmatch(once)
    assert KNOWN.of(once) == once
    assert len({once, OTHERS.of(user), OTHERS.of(once)}) == 3


def test_an_id_that_only_looks_like_a_pseudonym_gets_one() -> None:
    looks = "user-" + "0" * 40
    assert KNOWN.of(looks) != looks
    assert KNOWN.of(KNOWN.of("anna")[:-1]) != KNOWN.of("anna")


def test_pseudonyms_of_a_column_are_those_of_its_values() -> None:
    users = ["b", None, "a", "b", KNOWN.of("a"), ""]
    found = KNOWN.of_all(pl.Series("who", users))
    assert found.name == "who"
    assert found.to_list() == [None if user is None else KNOWN.of(user) for user in users]


def test_a_key_is_its_owners_alone_and_is_never_overwritten(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    assert read_key(key).fingerprint == read_key(key).fingerprint
    with pytest.raises(ConfigError, match="exists; a key that is overwritten is lost"):
        write_key(key)


def test_a_key_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written \(No such file or directory\); give a folder"):
        write_key(tmp_path / "nowhere" / "users.key")


def test_white_space_around_a_key_does_not_count(key: Path) -> None:
    before = read_key(key).of("anna")
    key.write_bytes(b"\n " + key.read_bytes().strip() + b"\r\n\r\n")
    assert read_key(key).of("anna") == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds no key"),
        (b"\n" * 3, "holds no key"),
        (b"0123456789abcdef0123456789abcde", "32 to 4,096 bytes"),
        (b"x" * 5_000, "32 to 4,096 bytes"),
        (b"01" * 16, "can be guessed: only 2 different bytes"),
    ],
)
def test_what_is_no_key_is_refused(content: bytes, why: str, key: Path) -> None:
    key.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        read_key(key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_key_that_others_may_read_is_refused(mode: int, key: Path) -> None:
    key.chmod(mode)
    with pytest.raises(ConfigError, match=f"others may read the key .*chmod 600 {key}"):
        read_key(key)


def test_a_key_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"not at {tmp_path}/none; .*{KEY_FILE}.*penchant pseudonyms new-key"):
        read_key(tmp_path / "none")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=r"folder, cannot be read \(Is a directory\)"):
        read_key(tmp_path / "folder")


def test_no_id_of_a_table_of_any_format_is_in_the_log(tmp_path: Path) -> None:
    log = marked(tmp_path)
    assert_nowhere(MARK, log.folder)
    assert set(all_events(log)["user"]) <= {KNOWN.of(user) for user in MARKS}
    assert set(log.users()["user"]) == {KNOWN.of(user) for user in MARKS}
    assert {reason for _, _, reason in rejected(log)} >= {"cannot be parsed", "no item in 'item'"}
    plain = marked_plain(tmp_path)
    assert sorted(all_events(log).drop("user").rows()) == sorted(all_events(plain).drop("user").rows())
    named = {Path(path).name for path in places_of(MARK, plain.folder)}
    assert named >= {"00000.parquet", "users.parquet", "rejected.parquet"}


def marked_plain(folder: Path) -> Log:
    (folder / "plain").mkdir()
    return marked(folder / "plain", None)


def test_no_id_is_in_what_a_check_doubts(tmp_path: Path) -> None:
    rows = [{"u": MARKS[0] if row % 9 else MARKS[row % 12], "i": f"i{row}", "t": NOON + row} for row in range(900)]
    pl.DataFrame(rows).write_parquet(tmp_path / "e.parquet")
    tables = Tables.parse({"events": {"files": "e.parquet", "user": "u", "item": "i", "time": "t"}}, origin="test")
    admission = Admission(pseudonyms=KNOWN)
    log = ingest(tables, tmp_path, tmp_path / "log", max_rejected_share=1.0, admission=admission)
    told = doubts(log, Purpose(), NOON + 1e6)
    assert any(KNOWN.of(MARKS[0]) in repr(doubt.examples) for doubt in told)
    assert any("pseudonyms of RUN" in doubt.advice for doubt in told)
    assert MARK not in repr(told)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"user": ["MARK-1", "MARK-1"], "other": [1, 2]}, "stands in the users table 2 times"),
        ({"user": [1.5, 2.0]}, "holds numbers such as …, which are no ids.*not quoted"),
        ({"user": [9007199254740993.0, 2.0]}, "ids such as … as floats"),
    ],
)
def test_errors_quote_no_user(change: dict[str, Any], why: str, tmp_path: Path) -> None:
    tables = write_marked(tmp_path)
    pl.DataFrame(change).write_parquet(tmp_path / "bad.parquet")
    users = {"files": "bad.parquet", "user": "user", "fields": {"other": "other"} if "other" in change else {}}
    values = {**tables.model_dump(mode="json", exclude_none=True, exclude_defaults=True), "users": users}
    with pytest.raises(DataError, match=why) as told:
        ingest(
            Tables.parse(values, origin="test"),
            tmp_path,
            tmp_path / "log",
            max_rejected_share=1.0,
            admission=Admission(pseudonyms=KNOWN),
        )
    assert MARK not in str(told.value)
    assert "9007199254740992" not in str(told.value)


@pytest.mark.parametrize(
    "content",
    [
        "MARK-1 wrote this\nuser,item,time\nMARK-1,i,1\nMARK-2,i,2\n",
        'user,item,time\nMARK-1,i,978350400\n"MARK-2\nMARK-3",i,978350401\n',
        "MARK-1,i,978350400\nMARK-2,j,978350401\n",
    ],
)
def test_errors_about_broken_files_quote_no_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(content, encoding="utf-8")
    tables = Tables.parse(
        {"events": {"files": "events.csv", "user": "user", "item": "item", "time": "time"}}, origin="test"
    )
    for pseudonyms in (None, KNOWN):
        with pytest.raises(DataError) as told:
            ingest(
                tables,
                tmp_path,
                tmp_path / "log",
                max_rejected_share=1.0,
                admission=Admission(pseudonyms=pseudonyms),
            )
        assert pseudonyms is None or MARK not in str(told.value)


def test_folders_that_are_named_after_users_are_refused(tmp_path: Path) -> None:
    (tmp_path / "events" / "user=MARK-1").mkdir(parents=True)
    rows = pl.DataFrame({"item": ["i"], "time": [NOON]})
    rows.write_parquet(tmp_path / "events" / "user=MARK-1" / "part.parquet")
    tables = Tables.parse(
        {"events": {"files": "events", "user": "user", "item": "item", "time": "time"}}, origin="test"
    )
    with pytest.raises(DataError, match=r"named after them \(user=…\)"):
        ingest(tables, tmp_path, tmp_path / "log", max_rejected_share=1.0, admission=Admission(pseudonyms=KNOWN))


def test_a_run_file_with_pseudonyms_does_not_name_users_in_filters() -> None:
    events = {"files": "e.csv", "user": "user", "item": "item", "time": "time", "drop": {"user": ["MARK-1"]}}
    tables = {"events": events, "users": {"files": "u.csv", "user": "uid", "fields": {}, "keep": {"uid": ["MARK-1"]}}}
    LogsConfig.parse({"tables": tables}, origin="test")
    for name in ("user", "uid"):
        with pytest.raises(ConfigError, match=f"cannot name users by '{name}' where they have pseudonyms"):
            LogsConfig.parse({"tables": tables, "pseudonyms": "key"}, origin="test")
        events.pop("drop", None)


def test_the_same_call_reads_a_log_anew_under_another_key(tmp_path: Path) -> None:
    first = set(all_events(marked(tmp_path))["user"])
    assert set(all_events(marked(tmp_path))["user"]) == first
    assert set(all_events(marked(tmp_path, OTHERS))["user"]).isdisjoint(first)


def begun(folder: Path, key: Path | None, **logs: str) -> Run:
    """A run whose tables are checked."""
    tables = write_marked(folder.parent).model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    said = {"tables": tables, "max_rejected_share": 0.9, **({"pseudonyms": str(key)} if key else {}), **logs}
    config = {"logs": said, "features": {"fields": [{"name": "tags", "limit": 3}]}}
    run = Run.start(RunConfig.parse(config, origin="test"), folder, base=folder.parent)
    run._log(lambda _: None)
    return run


def test_a_run_keeps_the_mark_of_its_key_and_not_the_key(key: Path, tmp_path: Path) -> None:
    run = begun(tmp_path / "run", key)
    assert read_json(run.folder / "config.json")["pseudonyms"] == read_key(key).fingerprint
    assert_nowhere(key.read_text(encoding="ascii").strip(), run.folder)


@pytest.mark.parametrize(("before", "after"), [(True, "other"), (True, None), (False, "other")])
def test_a_run_goes_on_with_its_own_key_only(before: bool, after: str | None, key: Path, tmp_path: Path) -> None:
    write_key(tmp_path / "other")
    folder = tmp_path / "run"
    begun(folder, key if before else None)
    with pytest.raises(ConfigError, match=r"was begun with .*; give the key of this run, or begin another run"):
        begun(folder, tmp_path / after if after else None)


def test_the_environment_says_where_the_key_lies_now(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(tmp_path / "run", key)
    known = run.known_as(MARKS[0])
    moved = key.rename(tmp_path / "moved")
    with pytest.raises(ConfigError, match="the key of the pseudonyms is not at"):
        Run.open(run.folder).known_as(MARKS[0])
    assert Run.open(run.folder).known_as(known) == known  # who has no key asks by the pseudonym
    monkeypatch.setenv(KEY_FILE, str(moved))
    assert Run.open(run.folder).known_as(MARKS[0]) == known
    assert Run.open(run.folder).known_as(known) == known
    write_key(tmp_path / "other")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "other"))
    with pytest.raises(ConfigError, match="other holds the key whose mark is"):
        Run.open(run.folder).known_as(MARKS[0])


def call(*words: object, stdin: str = "") -> str:
    """What a command says."""
    result = CliRunner().invoke(app, list(map(str, words)), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_commands_make_keys_and_tell_pseudonyms(tmp_path: Path) -> None:
    key = tmp_path / "made.key"
    assert f'pseudonyms = "{key}"' in call("pseudonyms", "new-key", key)
    run = begun(tmp_path / "run", key)
    expected = [read_key(key).of(user) for user in (*MARKS, "å b")]
    assert call("pseudonyms", "of", run.folder, stdin="\n".join([*MARKS, "å b"])).split() == expected
    plain = begun(tmp_path / "plain", None)
    with pytest.raises(ConfigError, match="have no pseudonyms"):
        call("pseudonyms", "of", plain.folder)


def test_ids_that_are_no_utf_8_are_refused_with_the_number_of_the_line(key: Path, tmp_path: Path) -> None:
    run = begun(tmp_path / "run", key)
    with pytest.raises(ConfigError, match=r"^line 2 of stdin is no UTF-8; write the ids in UTF-8$"):
        CliRunner().invoke(app, ["pseudonyms", "of", str(run.folder)], input=b"a\n\xff\xfe\n", catch_exceptions=False)


@pytest.mark.parametrize("had_key", [True, False])
def test_forgotten_users_stay_out_under_a_new_key(had_key: bool, key: Path, tmp_path: Path) -> None:
    old = begun(tmp_path / "old", key if had_key else None)
    for user in MARKS[:2]:
        add_forgotten(old.folder / FORGOTTEN, digest_of(old.known_as(user)), NOON * 2.0)
    new_key, carried = tmp_path / "new.key", tmp_path / "carried.json"
    write_key(new_key)
    with pytest.raises(ConfigError, match=r"forgotten.json is of a run with another key, or without one"):
        begun(tmp_path / "refused", new_key, forgotten=str(old.folder / FORGOTTEN))
    told = call("pseudonyms", "carry", old.folder, "--to", new_key, "--out", carried, stdin=f"nobody\n{MARKS[0]}\n")
    assert "1 of 2 forgotten users" in told
    assert "Of the others no id came in" in told
    assert read_forgotten(carried) == {digest_of(read_key(new_key).of(MARKS[0])): NOON * 2.0}
    with pytest.raises(ConfigError, match="exists; remove it"):
        call("pseudonyms", "carry", old.folder, "--to", new_key, "--out", carried)
    run = begun(tmp_path / "new", new_key, forgotten=str(carried))
    assert run.log.found["left_out"][LEFT_OUT] > 0
    assert run.known_as(MARKS[0]) not in all_events(run.log)["user"]
    assert run.known_as(MARKS[1]) in all_events(run.log)["user"]


def frames() -> dict[str, pl.DataFrame]:
    rows = range(300)
    events = {
        "user": [MARKS[row % len(MARKS)] for row in rows],
        "item": [f"i{row % 30}" for row in rows],
        "time": [float(NOON + 3_600 * row) for row in rows],
    }
    items = {"item": [f"i{number}" for number in range(30)], "tags": [[f"t{number % 3}"] for number in range(30)]}
    users = {"user": MARKS, "group": [f"g{place % 2}" for place in range(len(MARKS))]}
    return {"events": pl.DataFrame(events), "items": pl.DataFrame(items), "users": pl.DataFrame(users)}


def begin_of_frames(out: Path, **given: Any) -> Run:
    """As `penchant.run`, without training."""
    from penchant.logs.proposing.frames import run_file_of  # noqa: PLC0415

    key = given.pop("pseudonyms", None)
    run = Run.start(run_file_of(given, out, key), out)
    run._log(lambda _: None)
    return run


def test_tables_in_memory_are_written_with_pseudonyms(key: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = begin_of_frames(out, **frames(), pseudonyms=key)
    assert set(all_events(run.log)["user"]) == {read_key(key).of(user) for user in MARKS}
    begin_of_frames(out, **frames())  # the run file says where the key is
    assert_nowhere(MARK, out)


def refuse(why: str, make: Callable[[], object]) -> None:
    with pytest.raises((ConfigError, DataError), match=why):
        make()


def test_tables_in_memory_whose_users_cannot_be_found_are_refused(key: Path, tmp_path: Path) -> None:
    out, given = tmp_path / "run", frames()
    visitors = given["events"].rename({"user": "visitor"})
    refuse('events has no column "user"', lambda: penchant.run(events=visitors, out=out, pseudonyms=key))
    refuse("write `pseudonyms` under", lambda: penchant.run("run.toml", out, pseudonyms=key))
    begin_of_frames(tmp_path / "plain", **given)
    refuse("names no key, not", lambda: begin_of_frames(tmp_path / "plain", **given, pseudonyms=key))
    assert not (out / "tables").exists()


def test_events_enter_a_store_under_pseudonyms_and_keep_no_id_of_their_senders() -> None:
    store, now = MemoryStore(), 2e9
    natural = natural_id("i", 1e9, clicked=True)
    sent = [Event(MARKS[0], "i", 1e9, True, natural), Event(MARKS[0], "i", 1e9, True, f"click of {MARKS[0]}")]
    bad = [
        Event("", "i", 1e9, True, "x"),
        Event("\ud800", "i", 1e9, True, "x"),
        Event("a" * 2_000, "i", 1e9, True, "x"),
    ]
    (told,) = append(store, [[*sent, *bad]], now, KNOWN)
    assert (told.accepted, sorted(told.refused)) == (2, [2, 3, 4])
    (again,) = append(store, [[sent[0]._replace(user=KNOWN.of(MARKS[0])), sent[1]]], now, KNOWN)
    assert again.repeated == 2
    assert list(store.users()) == [KNOWN.of(MARKS[0])]
    assert {event.id for event in store.histories([KNOWN.of(MARKS[0])])[0]} == {natural, KNOWN.of_event(sent[1].id)}
    assert MARK not in repr(store.take("c", 10))
