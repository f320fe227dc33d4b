"""Bad input through the front door: each kind has one clear answer, an error that names the value or a stated rule."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import penchant
from penchant.errors import (
    ConfigError,
    DataError,
    MissingStepError,
    StaleVocabularyError,
    UnknownTagError,
    UnknownUserError,
)
from penchant.features.prepare import Prepared
from penchant.features.vocabulary import Vocabulary
from penchant.files import read_json
from penchant.pipeline import Run
from penchant.runfile import load_config
from tests.helpers import processes
from tests.helpers.planted import write_planted_run
from tests.helpers.processes import Forked

EDIT = Callable[[pl.DataFrame], pl.DataFrame]


def edit_run_file(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in the run file of the planted log any more"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def edit_table(folder: Path, name: str, edit: EDIT) -> None:
    edit(pl.read_parquet(folder / name)).write_parquet(folder / name)


def prepare(file: Path, out: str = "run") -> Prepared:
    return Run.start(file, file.parent / out).prepare()[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The run file of a good log: each test spoils something."""
    return write_planted_run(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run with odd ids: beyond 2^63, with leading zeros, in other scripts; and one user with a single event."""
    folder = tmp_path_factory.mktemp("odd ids")
    file = write_planted_run(folder)
    odd = {"u000": "007", "u001": "ユーザー", "u002": "пользователь", "u003": str(2**63 + 1), "u004": str(2**31)}
    for name in ("events.parquet", "users.parquet"):
        edit_table(folder, name, lambda frame: frame.with_columns(pl.col("user").replace(odd)))
    edit_table(
        folder,
        "events.parquet",
        lambda frame: frame.filter(pl.col("user") != "u005").vstack(frame.filter(user="u005", clicked=True)[:1]),
    )
    edit_table(
        folder, "items.parquet", lambda frame: frame.with_columns(pl.col("tags").list.eval("тег " + pl.element()))
    )
    return penchant.run(file, folder / "run")


def test_no_events(file: Path) -> None:
    edit_table(file.parent, "events.parquet", lambda frame: frame[:0])
    with pytest.raises(DataError, match=r"no events in .*events\.parquet; check `files` in the run file"):
        prepare(file)


def test_no_file(file: Path) -> None:
    edit_run_file(file, '"events.parquet"', '"event.parquet"')
    with pytest.raises(DataError, match=r"no file matches 'event\.parquet' \(looked for /.*/event\.parquet\)"):
        prepare(file)


def test_no_run_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml does not exist; write one with `penchant init`"):
        prepare(tmp_path / "gone.toml")


@pytest.mark.parametrize("content", [b"[logs\n", b"a = \xff\n"])
def test_a_run_file_that_is_not_toml(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"run\.toml is not a TOML file: "):
        prepare(tmp_path / "run.toml")


def test_an_unknown_column(file: Path) -> None:
    edit_run_file(file, 'item = "item"', 'item = "article"')
    with pytest.raises(DataError, match=r"events\.parquet has no column 'article'; it has: user, item, time, clicked"):
        prepare(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'time = "time"',
            'tiem = "time"',
            r"run\.toml: unknown key 'logs\.tables\.events\.tiem'; did you mean 'time'\?",
        ),
        ("batch = 8", "bathc = 8", r"unknown key 'models\.tags\.training\.bathc'; did you mean 'batch'\?"),
        ("[labels]", "[labelz]", r"unknown key 'labelz'; did you mean 'labels'\?"),
        ("limit = 8", "limitt = 8", r"unknown key 'features\.fields\.0\.limitt'; did you mean 'limit'\?"),
        ("[labels]", "[labels]\nxyzzy = 1", r"unknown key 'labels\.xyzzy'; known here: by, days, field, items"),
    ],
)
def test_a_misspelt_key(old: str, new: str, said: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(edit_run_file(file, old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch = 8", 'batch = "8"', r"'models\.tags\.training\.batch' is '8'; write a whole number"),
        ("batch = 8", "batch = 0", r"'models\.tags\.training\.batch' is 0; write a number of at least 1"),
        ("limit = 8", "limit = 8.5", r"'features\.fields\.0\.limit' is 8\.5; write a whole number"),
        ('user = "user"', "user = 7", r"'logs\.tables\.events\.user' is 7; write a text in quotes"),
        ('user = "user"\n', "", r"run\.toml: 'logs\.tables\.events\.user' is missing; add it"),
    ],
)
def test_a_wrong_or_missing_value(old: str, new: str, said: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(edit_run_file(file, old, new))


def test_every_mistake_of_a_run_file_is_told_at_once(file: Path) -> None:
    edit_run_file(edit_run_file(file, "batch = 8", "bathc = 8"), "limit = 8", "limitt = 8")
    with pytest.raises(ConfigError, match=r"limitt'(?s:.*)bathc'"):
        load_config(file)


def test_neither_tables_nor_a_source(file: Path) -> None:
    edit_run_file(file, "[logs.tables.events]", '[logs]\nfolder = "here"\n[logs.tables.events]')
    with pytest.raises(ConfigError, match="give either `source` and `folder`, for a known data set, or `tables`"):
        load_config(file)


def test_tags_missing_for_every_item(file: Path) -> None:
    edit_table(
        file.parent, "items.parquet", lambda frame: frame.with_columns(tags=pl.lit([], dtype=pl.List(pl.String)))
    )
    with pytest.raises(
        DataError, match="no item has any tags, so there is nothing to learn; check the mapping of 'tags'"
    ):
        prepare(file)


def test_items_and_events_that_write_their_ids_differently(file: Path) -> None:
    edit_table(file.parent, "items.parquet", lambda frame: frame.with_columns(pl.col("item").str.to_uppercase()))
    said = r"none of 1,200 events is of an item that has any tags: the log has items such as 'i0-0', .* table 'I0-0', "
    with pytest.raises(DataError, match=said):
        prepare(file)


def test_a_users_table_that_writes_its_ids_differently(file: Path) -> None:
    edit_table(file.parent, "users.parquet", lambda frame: frame.with_columns(pl.col("user") + ".0"))
    said = r"none of 60 users of the log has a row in the table of users: .* users such as 'u000', .* table 'u000\.0', "
    with pytest.raises(DataError, match=said):
        prepare(file)


def test_nothing_was_clicked(file: Path) -> None:
    edit_table(file.parent, "events.parquet", lambda frame: frame.with_columns(clicked=False))
    with pytest.raises(DataError, match=r"none of 1,200 events is a click, .* the run file says a click is"):
        prepare(file)


@pytest.mark.parametrize("command", ["check", "run"])
def test_two_users_leave_nobody_to_test(command: str, file: Path) -> None:
    """As `penchant check` and `penchant run` say it, and by their exit status."""
    edit_table(file.parent, "events.parquet", lambda frame: frame.filter(pl.col("user").is_in(["u000", "u001"])))
    out = ["--out", str(file.parent / "run")] if command == "run" else []
    done = Forked(processes.penchant, command, file, *out)
    assert done.status() == 1
    assert "Good to go" not in done.out
    assert re.search(r"error: too few users with a history and labels: .* 0 to choose by", done.err)


def test_look_alike_without_anybody_to_validate_is_refused_before_anything_is_trained(file: Path) -> None:
    changed = file.read_text() + '[periods]\nvalidation_share = 0.001\n[models.ralm]\nname = "ralm"\n'
    file.write_text(changed)
    with pytest.raises(
        DataError, match=r"too few users with a history: \d+ to train, 0 to choose by, .*`validation_share`"
    ):
        prepare(file)


def test_shares_below_half_are_told_in_words(file: Path) -> None:
    """Of events whose items the table has, and of users who have a row."""
    edit_table(file.parent, "items.parquet", lambda frame: frame.filter(pl.col("item").str.starts_with("i0")))
    edit_table(file.parent, "users.parquet", lambda frame: frame[:15])
    done = Forked(processes.penchant, "check", file)
    assert done.status() == 1, done.err
    said = " ".join(done.out.split())
    assert re.search(r"serious Only 3\d\.\d% of the events are of an item that the table of items has\.", said)
    assert "look Only 25.0% of the users of the log have a row in the table of users." in said
    assert "Good to go" not in said


def test_an_item_without_tags_is_no_obstacle(file: Path) -> None:
    first = pl.col("item") == "i0-0"
    edit_table(
        file.parent, "items.parquet", lambda frame: frame.with_columns(pl.when(~first).then("tags").alias("tags"))
    )
    prepared = prepare(file)
    assert read_json(file.parent / "run" / "log" / "found.json")["fields"]["tags"]["items_with"] == 35
    assert "i0-0" in prepared.vocabulary("item").values


def test_time_going_backwards_is_sorted(file: Path) -> None:
    whole = prepare(file)
    edit_table(file.parent, "events.parquet", pl.DataFrame.reverse)
    backwards = prepare(file, "backwards")
    assert read_json(file.parent / "backwards" / "log" / "found.json")["backwards"] > 1000
    for path in sorted(whole.folder.rglob("*.safetensors")):
        assert path.read_bytes() == (backwards.folder / path.relative_to(whole.folder)).read_bytes()


def test_duplicate_events_count_once(file: Path) -> None:
    whole = prepare(file)
    edit_table(file.parent, "events.parquet", lambda frame: pl.concat([frame, frame]))
    doubled = prepare(file, "doubled")
    rejected = pl.read_parquet(file.parent / "doubled" / "log" / "rejected.parquet")
    assert rejected["reason"].unique().to_list() == ["repeats an earlier row: same user, item and time"]
    assert len(rejected) >= 1200
    for path in sorted(whole.folder.rglob("*.safetensors")):
        assert path.read_bytes() == (doubled.folder / path.relative_to(whole.folder)).read_bytes()


def test_too_many_rejected_rows(file: Path) -> None:
    edit_table(
        file.parent,
        "events.parquet",
        lambda frame: frame.with_columns(pl.when(pl.int_range(pl.len()) % 4 > 0).then("user").alias("user")),
    )
    said = r"25\.0% of 1,200 rows make no sense, more than max_rejected_share = 5\.0%: 300 × no user in 'user'"
    with pytest.raises(DataError, match=said):
        prepare(file)


def test_float_ids(file: Path) -> None:
    edit_table(file.parent, "events.parquet", lambda frame: frame.with_columns(user=pl.lit(1.5)))
    with pytest.raises(DataError, match=r"column 'user' holds numbers such as 1\.5, which are no ids"):
        prepare(file)


def test_a_half_written_parquet_file(file: Path) -> None:
    events = file.parent / "events.parquet"
    events.write_bytes(events.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"events\.parquet cannot be read as parquet: .*wait until it is whole"):
        prepare(file)


@pytest.mark.parametrize("name", ["events.parquet", "items.parquet", "users.parquet"])
def test_an_empty_file(name: str, file: Path) -> None:
    (file.parent / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"{name} is empty; remove it or fill it"):
        prepare(file)


def test_a_file_of_a_kind_that_cannot_be_read(file: Path) -> None:
    (file.parent / "events.xlsx").write_bytes(b"PK")
    edit_run_file(file, '"events.parquet"', '"events.xlsx"')
    with pytest.raises(DataError, match=r"events\.xlsx: unknown format \.xlsx; known: \.parquet"):
        prepare(file)


def test_a_run_folder_begun_with_another_run_file(file: Path) -> None:
    """Until something is trained the run file may be mended; afterwards another one needs another folder."""
    run = Run.start(file, file.parent / "run")
    edit_run_file(file, "batch = 8", "batch = 9")
    run = Run.start(file, file.parent / "run")
    run.prepare()[0]
    run.train()
    edit_run_file(file, "batch = 9", "batch = 10")
    with pytest.raises(ConfigError, match=r"/run was trained with another run file; give another --out"):
        Run.start(file, file.parent / "run")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingStepError, match=rf"{tmp_path} is no run folder; begin one with `penchant run"):
        Run.open(tmp_path)


def test_a_step_before_its_time(file: Path) -> None:
    begun = Run.start(file, file.parent / "run")
    with pytest.raises(MissingStepError, match=r"/run is not prepared yet; run `penchant prepare"):
        begun.train()
    begun.prepare()
    with pytest.raises(MissingStepError, match=r"'tags' of .*/run is not trained yet; run `penchant train"):
        begun.evaluate()


@pytest.mark.parametrize("user", ["007", "ユーザー", "пользователь", 2**63 + 1, 2**31])
def test_ids_of_any_size_and_script_have_profiles(user: str | int, finished: Run) -> None:
    profile = finished.profile(user)
    assert profile.user == str(user)
    assert profile.clicked[0].tag.startswith("тег ")
    assert finished.clicks(user)["item"].len() > 0
    written = pl.read_parquet(finished.folder / "profiles" / "tags" / "*.parquet")
    assert written.filter(pl.col("user") == str(user)).height == 1


def test_a_user_with_one_event_has_a_profile_and_trains_nothing(finished: Run) -> None:
    assert read_json(finished.folder / "log" / "found.json")["users_with_one_event"] == 1
    assert sum(one.clicks for one in finished.profile("u005").clicked) == 2  # one item, two tags
    for split in ("train", "valid", "test"):
        assert not any("u005" in shard.users.to_list() for shard in finished.interests().shards(split))


def test_an_unknown_user(finished: Run) -> None:
    with pytest.raises(UnknownUserError, match=r"user 'nobody' is not in the log of .*; its ids look like '"):
        finished.profile("nobody")


def test_an_unknown_tag(finished: Run) -> None:
    with pytest.raises(UnknownTagError, match="'polka' is not among the 12 tags of this model"):
        finished.explain("007", "polka")


def test_weights_of_another_vocabulary(finished: Run, tmp_path: Path) -> None:
    """The same log with its tags and users called otherwise, and the model of the other run put in place."""
    file = write_planted_run(tmp_path)
    other = Run.start(file, tmp_path / "run")
    other.prepare()
    (tmp_path / "run" / "models").mkdir()
    (tmp_path / "run" / "models" / "tags").symlink_to(finished.folder / "models" / "tags")
    old, new = (run.prepared("users").vocabulary("tags").fingerprint for run in (finished, other))
    assert old != new
    with pytest.raises(StaleVocabularyError, match=rf"weights\.safetensors was trained .*{old}.* this run has .*{new}"):
        other.evaluate()


def test_a_vocabulary_that_was_replaced_under_the_weights(finished: Run) -> None:
    path = finished.folder / "prepared" / "users" / "vocabulary" / "tags.parquet"
    before = path.read_bytes()
    Vocabulary(pl.Series(["one", "other"]), pl.Series([2, 1])).save(path)
    try:
        with pytest.raises(StaleVocabularyError, match=r"weights\.safetensors was trained with vocabularies"):
            Run.open(finished.folder).profile("007")
    finally:
        path.write_bytes(before)


def test_the_command_line_prints_the_error_alone(file: Path) -> None:
    edit_run_file(file, "batch = 8", "bathc = 8")
    command = [sys.executable, "-m", "penchant", "run", str(file), "--out", str(file.parent / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error" in done.stdout + done.stderr
    assert "unknown key 'models.tags.training.bathc'; did you mean 'batch'?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
