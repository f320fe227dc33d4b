"""What a ranker reads of a shard (the items shown, ordered histories, what items have), and several targets in one."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.features.cuts.by_user import ByUser, LabelsConfig
from penchant.features.cuts.cut import DAY_S, Split
from penchant.features.cuts.target import Target
from penchant.features.fields import Field
from penchant.features.items import NO_ITEM, Items
from penchant.features.plan import FeaturesConfig, Plan
from penchant.features.prepare import Prepared, prepare
from penchant.features.sequences import Sequences
from penchant.features.shards import Shard, batch_of, open_shards
from penchant.logs.ingest import Log
from penchant.schema import UNKNOWN
from tests.logs.logs_on_disk import NOON, all_events, read_log

NAMES = pl.Series([f"user {number}" for number in range(200)])
WHO = dict(ByUser().split(NAMES).group_by("split", maintain_order=True).agg(pl.col("user").first()).rows())
ANNA, BERTA, DORA = (str(WHO[split]) for split in ("train", "valid", "test"))
TAGS = {"i1": ["a", "b"], "i2": ["a"], "i3": ["c"], "i4": ["d"], "i5": []}
GENRES = {"i1": ["g"], "i2": ["h"], "i3": [], "i4": ["g"], "i5": ["h", "g"]}
EVENTS = {
    ANNA: [("i1", True), ("i2", False), ("i3", True), ("i2", False), ("i5", True), ("i1", True)],
    BERTA: [("i1", True), ("i1", False), ("i2", True), ("i3", True), ("i1", True), ("i2", False)],
    DORA: [("i2", True), ("i4", True), ("i5", False), ("i1", True), ("i5", True), ("i4", False)],
}
"""At 10, 20, 30 …; the last half are labels."""

Rows = Sequence[tuple[str, str, float, bool]]


def log_of(folder: Path, rows: Rows, **tables: Any) -> Log:
    """Rows: user, item, time, whether clicked."""
    pl.DataFrame({"item": list(TAGS), "tags": list(TAGS.values()), "genres": list(GENRES.values())}).write_parquet(
        folder / "items.parquet"
    )
    items = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags", "genres": "genres", "copy": "tags"}}
    return read_log(folder, pl.DataFrame(rows, schema=["u", "i", "t", "c"], orient="row"), items=items, **tables)


def toy_log(folder: Path, events: dict[str, list[tuple[str, bool]]] = EVENTS) -> Log:
    return log_of(
        folder,
        [(user, item, 10 * place, told) for user in events for place, (item, told) in enumerate(events[user], 1)],
    )


def plan_of(*targets: Target, **labels: Any) -> Plan:
    fields = [Field(name="tags"), Field(name="genres"), Field(name="item")]
    return Plan(FeaturesConfig(fields=fields), ByUser(LabelsConfig(**{"share": 0.5, **labels})), targets or (Target(),))


def shard_of(prepared: Prepared, split: Split, target: str = "tags") -> Shard:
    (shard,) = open_shards(prepared.folder, split, target)
    return shard


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("toy")
    return prepare(toy_log(folder), plan_of(), folder / "prepared")


def told(shard: Shard, sequences: Sequences, row: int) -> list[tuple[str, float, float]]:
    """Item, time and whether clicked, of one list."""
    rows = slice(sequences.offsets[row], sequences.offsets[row + 1])
    names = [shard.items.names[int(entry)] for entry in sequences.entries[rows]]
    return list(zip(names, sequences.times[rows].tolist(), sequences.tasks["clicked"][rows].tolist(), strict=True))


def asked(shard: Shard, row: int, task: str = "clicked") -> list[tuple[str, float]]:
    """Item and task of what is shown in the window of one sample."""
    shown = shard.shown(slice(row, row + 1))
    pairs = zip(shown.entry_BK[0].tolist(), shown.tasks[task][0].tolist(), strict=True)
    return sorted((shard.items.names[entry], value) for entry, value in pairs if entry != NO_ITEM)


def test_a_history_is_what_was_done_before_the_window_in_order(toy: Prepared) -> None:
    shard = shard_of(toy, "train")
    assert shard.users.to_list() == [ANNA]
    sequences = shard.sequences(slice(0, 1))
    assert told(shard, sequences, 0) == [("i1", 10, 1), ("i2", 20, 0), ("i3", 30, 1)]
    assert told(shard, sequences.clicked(), 0) == [("i1", 10, 1), ("i3", 30, 1)]
    assert told(shard, sequences.latest(2), 0) == [("i2", 20, 0), ("i3", 30, 1)]
    assert shard.moments(slice(0, 1)).tolist() == [40]


def test_in_latest_everyone_has_all_they_did(toy: Prepared) -> None:
    shard = shard_of(toy, "latest")
    sequences = shard.sequences(slice(0, 3))
    for row, user in enumerate(shard.users):
        expected = [(item, 10 * place, clicked) for place, (item, clicked) in enumerate(EVENTS[user], start=1)]
        assert told(shard, sequences, row) == expected
    assert np.isinf(shard.moments(slice(0, 3))).all()


def test_what_is_shown_are_the_items_of_the_window_that_the_target_knows(toy: Prepared) -> None:
    # anna was shown i2 and clicked i5, which has no tags, and i1; dora clicked i1, and i4 has a tag that nobody knows.
    assert asked(shard_of(toy, "train"), 0) == [("i1", 1), ("i2", 0)]
    assert asked(shard_of(toy, "test"), 0) == [("i1", 1)]
    shown = shard_of(toy, "train").shown(slice(0, 1))
    assert shown.entry_BK.shape == (1, 30)
    assert shown.tasks["clicked"][shown.entry_BK == NO_ITEM].isnan().all()
    assert not shown.tasks["clicked"][shown.entry_BK != NO_ITEM].isnan().any()


def test_labels_are_the_tags_of_what_is_shown(toy: Prepared) -> None:
    shard, tags = shard_of(toy, "train"), toy.vocabulary("tags")
    tags_BKN, clicked_BK = shard.labels(slice(0, 1))
    pairs = zip(tags_BKN[0].tolist(), clicked_BK[0].tolist(), strict=True)
    found = sorted(([tags.name(tag) for tag in ids if tag], clicked) for ids, clicked in pairs if any(ids))
    assert found == [(["a"], False), (["a", "b"], True)]


def test_padded_sequences_end_in_nothing() -> None:
    one = Sequences(
        np.array([0, 2, 2, 3]), np.array([4, 5, 6], np.int32), np.array([1.0, 2.0, 3.0]), {"clicked": np.ones(3, "f4")}
    )
    entry_BL, time_BL, tasks = one.padded()
    assert entry_BL.tolist() == [[4, 5], [NO_ITEM, NO_ITEM], [6, NO_ITEM]]
    assert time_BL.tolist() == [[1, 2], [0, 0], [3, 0]]
    assert tasks["clicked"].nan_to_num(-1).tolist() == [[1, 1], [-1, -1], [1, -1]]
    assert [one.latest(most).lengths.tolist() for most in (0, 1, 9)] == [[0, 0, 0], [1, 0, 1], [2, 0, 1]]
    assert one.latest(1).entries.tolist() == [5, 6]


ALWAYS = [("i1", 0, True), ("i1", 7, True), ("i1", 13, True)]
"""What everybody does in any case, so that every window asks for something."""

LOGS = st.fixed_dictionaries(
    {
        user: st.lists(st.tuples(st.sampled_from([*TAGS]), st.integers(1, 12), st.booleans()), max_size=15)
        for user in (ANNA, BERTA, DORA)
    }
)


@settings(max_examples=20)
@given(LOGS, st.sampled_from([{"share": 0.4, "windows": 2}, {"share": 0.3}, {"by": "days", "days": 4 / DAY_S}]))
def test_histories_and_what_is_shown_are_what_the_log_says(
    rows: dict[str, list[tuple[str, int, bool]]], labels: dict[str, Any]
) -> None:
    everyone = [(user, item, NOON + float(at), told) for user in rows for item, at, told in [*ALWAYS, *rows[user]]]
    plan = plan_of(Target(items=99, negatives_per_click=0), **labels)
    with TemporaryDirectory() as folder:
        log = log_of(Path(folder), everyone)
        prepared = prepare(log, plan, Path(folder) / "prepared")
        known = {item for item, tags in TAGS.items() if set(tags) & set(prepared.vocabulary("tags").values)}
        events = all_events(log).select("user", "item", "time", "clicked").rows()
        for split in plan.cut.splits:
            shard = shard_of(prepared, split)
            sequences, moments = shard.sequences(slice(0, len(shard))), shard.moments(slice(0, len(shard)))
            for row, user in enumerate(shard.users):
                own = [event[1:] for event in events if event[0] == user]
                assert told(shard, sequences, row) == [event for event in own if event[1] < moments[row]]
                if split == "test":
                    window = [(item, done) for item, time, done in own if time >= moments[row] and item in known]
                    assert asked(shard, row) == sorted(window)


def test_items_are_looked_up_by_entry_and_are_the_same_after_they_were_written(toy: Prepared) -> None:
    items, tags = Items.open(toy.folder / "items"), toy.vocabulary("tags")
    assert items.names.to_list() == ["i1", "i2", "i3", "i4", "i5"]
    ids, owner = items.values("tags", np.array([0, 3, 4, NO_ITEM, -7, 1]))
    assert [sorted(tags.name(int(one)) for one in ids[owner == place]) for place in range(6)] == [
        ["a", "b"],
        ["(other)"],
        [],
        [],
        [],
        ["a"],
    ]
    assert ids[owner == 1].tolist() == [UNKNOWN]
    ids, _ = items.values("genres", np.array([4]))
    assert [toy.vocabulary("genres").name(int(one)) for one in ids] == ["h", "g"]
    assert [toy.vocabulary("item").name(int(one)) for one in items.values("item", np.array([2]))[0]] == ["i3"]
    first = items.first("genres", 1)
    assert first.shape == (6, 1)
    assert [toy.vocabulary("genres").name(int(one)) for one in first[[0, 1, 4], 0]] == ["g", "h", "h"]
    assert first[[2, NO_ITEM]].tolist() == [[0], [0]]


def test_values_that_have_a_time_are_looked_up_as_they_were_then(tmp_path: Path) -> None:
    rows: list[Any] = [
        (user, item, tag, NOON + at) for user in WHO.values() for item, tag, at in [("x", "p", 0), ("y", "p", 9)]
    ]
    rows += [(DORA, "x", "q", NOON + 50.0), *((user, "y", "p", NOON + 99.0) for user in WHO.values())]
    table = {"field": "tags", "files": "events-0.parquet", "item": "i", "value": "tag", "top": 2}
    log = read_log(tmp_path, pl.DataFrame(rows, schema=["u", "i", "tag", "t"], orient="row"), item_values=[table])
    plan = Plan(FeaturesConfig(fields=[Field(name="tags")]), ByUser(LabelsConfig(share=0.3)), (Target(),))
    items = Items.open(prepare(log, plan, tmp_path / "prepared").folder / "items")
    entries, moments = np.array([0, 0, 0]), np.array([float(NOON), NOON + 50.0, NOON + 51.0])
    assert np.bincount(items.values("tags", entries, moments)[1], minlength=3).tolist() == [0, 1, 2]
    assert np.bincount(items.values("tags", entries)[1]).tolist() == [2, 2, 2]


def with_likes(log: Log, liked: dict[tuple[str, str], bool | None]) -> Log:
    """The log with a further column, which says nothing of all other events."""
    path = log.folder / "events" / "00000.parquet"
    events = pl.read_parquet(path)
    told = [liked.get((user, item)) for user, item in events.select("user", "item").rows()]
    events.with_columns(pl.Series("liked", told, dtype=pl.Boolean)).write_parquet(path)
    return log


def test_a_task_of_which_an_event_says_nothing_is_nan(tmp_path: Path) -> None:
    log = with_likes(toy_log(tmp_path), {(ANNA, "i1"): True, (DORA, "i1"): False, (DORA, "i2"): True})
    prepared = prepare(log, plan_of(), tmp_path / "prepared")
    train = shard_of(prepared, "train")
    (first, liked), (second, unknown) = asked(train, 0, "liked")
    assert (first, liked, second) == ("i1", 1, "i2")
    assert np.isnan(unknown)
    assert asked(train, 0) == [("i1", 1), ("i2", 0)]
    assert asked(shard_of(prepared, "test"), 0, "liked") == [("i1", 0)]
    likes = shard_of(prepared, "test").sequences(slice(0, 1)).tasks["liked"]
    assert np.nan_to_num(likes, nan=-1).tolist() == [1, -1, -1]


def test_of_items_that_were_drawn_only_the_click_is_known(tmp_path: Path) -> None:
    events = {user: [(item, True) for item, _ in rows] for user, rows in EVENTS.items()}
    log = with_likes(toy_log(tmp_path, events), {(user, item): True for user in EVENTS for item in TAGS})
    prepared = prepare(log, plan_of(Target(negatives="uniform", negatives_per_click=9)), tmp_path / "prepared")
    shown = shard_of(prepared, "test").shown(slice(0, 1))
    drawn = shown.tasks["clicked"] == 0
    assert drawn.any()
    assert shown.tasks["liked"][drawn].isnan().all()
    assert (shown.tasks["liked"][shown.tasks["clicked"] == 1] == 1).all()


def test_invented_items_have_tags_and_nothing_else(tmp_path: Path) -> None:
    prepared = prepare(toy_log(tmp_path), plan_of(Target(negatives="tags")), tmp_path / "prepared")
    shard = shard_of(prepared, "train")
    shown, (tags_BKN, clicked_BK) = shard.shown(slice(0, 1)), shard.labels(slice(0, 1))
    made = shown.entry_BK < NO_ITEM
    assert int(made.sum()) == 1  # against i1; i5 has no tags, so nothing stands against it
    assert (tags_BKN[made] > UNKNOWN).sum() == 2
    assert not clicked_BK[made].any()
    assert len(shard.items.values("genres", shown.entry_BK[made].numpy())[0]) == 0


BOTH = (Target(), Target(field="genres"))


def test_each_target_has_its_own_vocabulary_truth_and_histories(tmp_path: Path) -> None:
    prepared = prepare(toy_log(tmp_path), plan_of(*BOTH), tmp_path / "prepared")
    for field, truth, history in (("tags", {"a", "b"}, {"a"}), ("genres", {"g", "h"}, {"g", "h"})):
        shard, names = shard_of(prepared, "test", field), prepared.vocabulary(field)
        assert {names.name(int(one)) for one in shard.truth.values} == truth
        assert {names.name(int(one)) for one in shard.history.values} == history
        assert prepared.samples(field) == {"train": 1, "valid": 1, "test": 1, "latest": 3}
    with pytest.raises(ConfigError, match=r"prepared is not prepared to predict 'copy', but tags, genres"):
        open_shards(prepared.folder, "test", "copy")


def test_a_target_has_only_the_windows_that_ask_about_it(tmp_path: Path) -> None:
    """Of two training users one clicked in the end what has tags alone, the other what has genres alone."""
    ella = str(ByUser().split(NAMES).filter(pl.col("split") == "train")["user"][1])
    past = [("i1", True), ("i2", True), ("i3", True)]
    events = {
        **EVENTS,
        ANNA: [*past, ("i3", True), ("i3", True), ("i3", True)],
        ella: [*past, ("i5", True), ("i5", True), ("i5", True)],
    }
    prepared = prepare(toy_log(tmp_path, events), plan_of(*BOTH), tmp_path / "prepared")
    alone = {
        field: prepare(toy_log(tmp_path, events), plan_of(target), tmp_path / field)
        for field, target in zip(("tags", "genres"), BOTH, strict=True)
    }
    for field, user in (("tags", ANNA), ("genres", ella)):
        shard, wanted = shard_of(prepared, "train", field), shard_of(alone[field], "train", field)
        assert (len(shard), shard.users.to_list(), prepared.samples(field)["train"]) == (1, [user], 1)
        found, expected = (batch_of(one, ["tags", "genres", "item"], slice(0, 1), own=True) for one in (shard, wanted))
        for name in found.ids:
            assert found.ids[name].equal(expected.ids[name])
            assert found.weights[name].equal(expected.weights[name])
        assert found.own is not None
        assert expected.own is not None
        assert found.own.ids_BH.equal(expected.own.ids_BH)
        assert told(shard, shard.sequences(slice(0, 1)), 0) == told(wanted, wanted.sequences(slice(0, 1)), 0)
        assert shard.column("window").tolist() == [0]
    assert len(shard_of(prepared, "latest", "genres")) == 4


def many_clicks(folder: Path) -> Log:
    dice = np.random.default_rng(0)
    rows = [
        (f"user {n}", f"i{dice.integers(1, 6)}", NOON + 60.0 * place, bool(dice.random() < 0.7))
        for n in range(60)
        for place in range(12)
    ]
    return log_of(folder, rows)


def arrays_of(prepared: Prepared, field: str) -> dict[str, Any]:
    """All arrays of one target."""
    return {
        f"{split} {name}": np.nan_to_num(array.numpy(), nan=-1).tolist()
        for split in ("train", "valid", "test", "latest")
        for name, array in shard_of(prepared, split, field).arrays.items()
    }


def test_a_target_is_the_same_whatever_stands_behind_it(tmp_path: Path) -> None:
    log = many_clicks(tmp_path)
    first, second, third = (Target(field=field, items=2, tags=2) for field in ("tags", "copy", "genres"))
    one = prepare(log, plan_of(first), tmp_path / "one")
    two = prepare(log, plan_of(first, second), tmp_path / "two")
    three = prepare(log, plan_of(first, second, third), tmp_path / "three")
    alone, beside, among = (arrays_of(prepared, "tags") for prepared in (one, two, three))
    assert alone == beside
    assert {name: among[name] for name in alone if "." in name} == {name: alone[name] for name in alone if "." in name}
    assert {name: arrays_of(three, "copy")[name] for name in alone if "shown" in name} == {
        name: arrays_of(two, "copy")[name] for name in alone if "shown" in name
    }
    drawn = [arrays_of(two, field)["train shown.entry"] for field in ("tags", "copy")]
    assert drawn[0] != drawn[1]  # the same items are there to be drawn, but from a stream of its own
    assert arrays_of(two, "tags")["train truth.tags"] == arrays_of(two, "copy")["train truth.tags"]


def test_items_themselves_may_be_a_later_target(tmp_path: Path) -> None:
    prepared = prepare(toy_log(tmp_path), plan_of(Target(), Target(field="item", tags=1)), tmp_path / "prepared")
    assert asked(shard_of(prepared, "train", "item"), 0) == [("i1", 1), ("i5", 1)]  # nobody clicked i2
    with pytest.raises(ConfigError, match=r"labels\.field = 'item' is not a field of the items"):
        prepare(toy_log(tmp_path), plan_of(Target(field="item")), tmp_path / "first")


def test_two_targets_of_one_field_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match=r"two targets have one field: \['tags', 'tags'\]"):
        plan_of(Target(), Target(items=3))


def test_a_folder_of_an_older_form_is_prepared_again(tmp_path: Path) -> None:
    log = toy_log(tmp_path)
    fresh = prepare(log, plan_of(), tmp_path / "fresh")
    older = prepare(log, plan_of(), tmp_path / "older")
    plan = json.loads((older.folder / "plan.json").read_text(encoding="utf-8"))
    (older.folder / "plan.json").write_text(json.dumps({**plan, "form": 2}), encoding="utf-8")
    (older.folder / "events" / "00000.safetensors").write_bytes(b"of another form")
    (older.folder / "items" / "genres.safetensors").unlink()
    prepare(log, plan_of(), tmp_path / "older")
    written = [
        {str(path.relative_to(one.folder)): path.read_bytes() for path in one.folder.rglob("*") if path.is_file()}
        for one in (fresh, older)
    ]
    assert written[0] == written[1]
