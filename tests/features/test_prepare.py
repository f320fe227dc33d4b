"""A log of three users prepared end to end, against numbers worked by hand; and what happens when it is interrupted."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import ConfigError, DataError, MissingStepError
from penchant.features.cuts.by_period import ByPeriod, PeriodsConfig
from penchant.features.cuts.by_user import ByUser, LabelsConfig
from penchant.features.cuts.cut import DAY_S, Split
from penchant.features.cuts.target import Target
from penchant.features.fields import Click, Field, read, replay
from penchant.features.items import Items
from penchant.features.live import ItemValues
from penchant.features.plan import FeaturesConfig, Plan, lookalike_plan
from penchant.features.prepare import Prepared, prepare
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard, batch_of, open_shards, shard_paths
from penchant.logs.formats.part import Portions
from penchant.logs.ingest import Log
from penchant.progress import Progress
from tests.logs.logs_on_disk import NOON, read_log

SPLIT_OF = {"train": "anna", "valid": "berta", "test": "dora"}
ITEMS = {"i1": ["a", "b"], "i2": ["a"], "i3": ["c"], "i4": ["d"]}
EVENTS = {
    "anna": [("i1", True), ("i2", True), ("i3", True), ("i2", False)],
    "berta": [("i1", True), ("i1", True), ("i2", True), ("i3", False)],
    "dora": [("i2", True), ("i4", True), ("i1", True), ("i4", True)],
}
ITEMS_TABLE = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}}
USERS_TABLE = {"files": "users.parquet", "user": "user", "fields": {"group": "group"}}


def name_of(split: str, number: int = 0) -> str:
    names = pl.Series([f"user {number}" for number in range(200)])
    return str(ByUser().split(names).filter(pl.col("split") == split)["user"][number])


USER = {split: name_of(split) for split in ("train", "valid", "test")}


def toy_log(folder: Path, events: dict[str, list[tuple[str, bool]]] = EVENTS, **tables: Any) -> Log:
    """The events of the table above: anna trains, berta validates, dora tests; times are 10, 20, 30, 40."""
    split_of = {name: split for split, name in SPLIT_OF.items()}
    rows = [
        (USER[split_of[name]], item, 10 * place, clicked)
        for name, clicks in events.items()
        for place, (item, clicked) in enumerate(clicks, start=1)
    ]
    frame = pl.DataFrame(rows, schema=["u", "i", "t", "c"], orient="row")
    pl.DataFrame({"item": list(ITEMS), "tags": list(ITEMS.values())}).write_parquet(folder / "items.parquet")
    groups = {"user": [USER["train"], USER["valid"], USER["test"]], "group": ["g1", "g1", "g2"]}
    pl.DataFrame(groups).write_parquet(folder / "users.parquet")
    return read_log(folder, frame, items=ITEMS_TABLE, users=USERS_TABLE, **tables)


def toy_plan(labels: dict[str, Any] | None = None, fields: list[Field] | None = None, **features: Any) -> Plan:
    rules = fields or [
        Field(name="tags", limit=3),
        Field(name="item", limit=3, last=3, order="recent"),
        Field(name="group", limit=1),
    ]
    asked = LabelsConfig(**{"share": 0.5, "items": 2, "tags": 2, **(labels or {})})
    return Plan(FeaturesConfig(fields=rules, **features), ByUser(asked), (asked.target,))


def arrays_of(prepared: Prepared, split: Split, target: str = "tags") -> dict[str, Any]:
    """The arrays of the only shard of a split, as lists, and its labels."""
    (shard,) = open_shards(prepared.folder, split, target)
    found = {name: tensor.tolist() for name, tensor in shard.arrays.items()}
    if "shown.entry" in found:
        tags_BKN, clicked_BK = shard.labels(slice(None))
        found |= {"label.tags": tags_BKN.tolist(), "label.clicked": clicked_BK.tolist()}
    return found


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("toy")
    return prepare(toy_log(folder), toy_plan(), folder / "prepared")


def test_vocabularies_hold_what_training_users_clicked(toy: Prepared) -> None:
    assert toy.vocabulary("tags").values == ["a", "b", "c"]
    assert toy.vocabulary("item").values == ["i1", "i2", "i3"]  # i4 was clicked by a test user only
    assert toy.vocabulary("group").values == ["g1"]


def test_a_training_sample_is_what_was_worked_by_hand(toy: Prepared) -> None:
    # anna clicked i1 (a b) and i2 (a); then i3 (c) was clicked and i2 (a) was not.
    found = arrays_of(toy, "train")
    assert (found["tags.ids"], found["tags.weights"]) == ([[2, 3, 0]], [[2, 1, 0]])
    assert (found["item.ids"], found["item.weights"]) == ([[3, 2, 0]], [[1, 1, 0]])
    assert (found["group.ids"], found["group.weights"]) == ([[2]], [[1]])
    items = sorted(zip(found["label.tags"][0], found["label.clicked"][0], strict=True))
    assert items == [([2, 0], False), ([4, 0], True)]
    assert (found["truth.offsets"], found["truth.tags"], found["truth.size"]) == ([0, 1], [4], [1])
    assert (found["history.offsets"], found["history.tags"], found["history.counts"]) == ([0, 2], [2, 3], [2, 1])
    faded = 0.5 ** (1 / 20)  # i1 is one click older than i2
    assert found["history.faded"] == pytest.approx([1 + faded, faded])


def test_a_validation_sample_is_what_was_worked_by_hand(toy: Prepared) -> None:
    # berta clicked i1 (a b) twice; then i2 (a) was clicked and i3 (c) was not.
    found = arrays_of(toy, "valid")
    assert (found["tags.ids"], found["tags.weights"]) == ([[2, 3, 0]], [[2, 2, 0]])
    assert (found["item.ids"], found["item.weights"]) == ([[2, 0, 0]], [[2, 0, 0]])
    assert (found["truth.tags"], found["truth.size"]) == ([2], [1])


def test_a_test_sample_is_what_was_worked_by_hand(toy: Prepared) -> None:
    # dora clicked i2 (a) and i4 (unknown); then i1 (a b) and i4 (unknown), whose tag nobody can name.
    found = arrays_of(toy, "test")
    assert (found["tags.ids"], found["tags.weights"]) == ([[1, 2, 0]], [[1, 1, 0]])
    assert found["item.ids"] == [[1, 3, 0]]
    assert found["group.ids"] == [[1]]
    assert [tags for tags in found["label.tags"][0] if any(tags)] == [[2, 3]]
    assert (found["truth.tags"], found["truth.size"]) == ([2, 3], [3])
    assert (found["history.tags"], found["history.counts"]) == ([2], [1])
    assert found["history.faded"] == pytest.approx([0.5 ** (1 / 20)])


def test_latest_holds_all_clicks_and_no_labels(toy: Prepared) -> None:
    (shard,) = open_shards(toy.folder, "latest", "tags")
    place = shard.users.to_list().index(USER["train"])
    assert sorted(shard.users) == sorted(USER.values())
    assert shard.arrays["tags.ids"][place].tolist() == [2, 4, 3]  # a twice, c later than b
    assert shard.arrays["tags.weights"][place].tolist() == [2, 1, 1]
    assert shard.arrays["item.ids"][place].tolist() == [4, 3, 2]
    assert not any(name.startswith(("shown", "truth")) for name in shard.arrays)


def test_the_manifest_counts_samples_and_vocabularies(toy: Prepared) -> None:
    samples = {"train": 1, "valid": 1, "test": 1, "latest": 3}
    asked = {"field": "tags", "items": 2, "tags": 2, "negatives": "logged", "negatives_per_click": 1}
    assert toy.manifest == {
        "targets": {"tags": {"asked": asked, "samples": samples, "negatives": "logged"}},
        "vocabulary": {"tags": 5, "item": 5, "group": 3},
        "position": True,
    }
    assert (toy.samples("tags"), toy.negatives("tags")) == (samples, "logged")


def test_shards_are_mapped_not_read(toy: Prepared) -> None:
    (path,) = shard_paths(toy.folder, "train")
    shard = Shard.open(path, Items.open(toy.folder / "items"), Target())
    assert str(path) in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert shard.arrays["tags.ids"].tolist() == [[2, 3, 0]]


def test_a_batch_is_cut_to_its_longest_list(toy: Prepared) -> None:
    (shard,) = open_shards(toy.folder, "train", "tags")
    batch = batch_of(shard, ["tags", "group"], slice(0, 1))
    assert (batch.ids["tags"].tolist(), batch.weights["tags"].tolist()) == ([[2, 3]], [[2, 1]])
    assert len(batch) == 1


def test_the_live_history_gives_what_the_shard_says(toy: Prepared) -> None:
    tags, items = toy.vocabulary("tags"), toy.vocabulary("item")
    clicks = [
        Click(10.0 * place, item, {"tags": tuple(tags.id(tag) for tag in ITEMS[item]), "item": (items.id(item),)})
        for place, (item, clicked) in enumerate(EVENTS["dora"], start=1)
        if clicked
    ]
    (shard,) = open_shards(toy.folder, "latest", "tags")
    place = shard.users.to_list().index(USER["test"])
    for rule in toy_plan().features.fields[:2]:
        ids, weights = (shard.arrays[f"{rule.name}.{part}"][place].tolist() for part in ("ids", "weights"))
        live = read(replay(clicks), rule)
        assert live == [(value, weight) for value, weight in zip(ids, weights, strict=True) if value]


def test_where_only_clicks_are_known_negatives_are_sampled(tmp_path: Path) -> None:
    clicks = {user: [(item, True) for item, _ in rows] for user, rows in EVENTS.items()}
    log = toy_log(tmp_path, clicks)
    prepared = prepare(log, toy_plan({"items": 9, "negatives_per_click": 5}), tmp_path / "prepared")
    assert prepared.negatives("tags") == "sampled by popularity"
    found = arrays_of(prepared, "test")
    drawn = [
        tags for tags, clicked in zip(found["label.tags"][0], found["label.clicked"][0], strict=True) if not clicked
    ]
    assert [tags for tags in drawn if any(tags)] == [[4, 0]]  # of i1, i2 and i3, dora did not click i3 (c) alone
    without = prepare(log, toy_plan({"negatives_per_click": 0}), tmp_path / "without")
    assert without.negatives("tags") == "none"
    for split in ("train", "valid", "test"):
        found = arrays_of(without, split)
        for tags, clicked in zip(found["label.tags"][0], found["label.clicked"][0], strict=True):
            assert clicked == any(tags)


def test_uniform_negatives_replace_the_logged_ones(tmp_path: Path) -> None:
    log = toy_log(tmp_path, {**EVENTS, "dora": [*EVENTS["dora"][:3], ("i3", False)]})
    logged = prepare(log, toy_plan({"items": 9}), tmp_path / "logged")
    assert logged.negatives("tags") == "logged"
    assert [[4, 0], False] in labels_of_test_user(logged)
    uniform = {"items": 9, "negatives": "uniform", "negatives_per_click": 9}
    drawn = prepare(log, toy_plan(uniform), tmp_path / "drawn")
    assert drawn.negatives("tags") == "sampled uniformly"
    assert labels_of_test_user(drawn) == [[[2, 3], True], [[4, 0], False]]
    invented = prepare(log, toy_plan({"items": 9, "negatives": "tags"}), tmp_path / "invented")
    assert invented.negatives("tags") == "invented"
    assert [(sum(map(bool, tags)), clicked) for tags, clicked in labels_of_test_user(invented)] == [
        (2, True),
        (2, False),
    ]


def labels_of_test_user(prepared: Prepared) -> list[Any]:
    found = arrays_of(prepared, "test")
    pairs = zip(found["label.tags"][0], found["label.clicked"][0], strict=True)
    return sorted([[tags, clicked] for tags, clicked in pairs if any(tags)], key=lambda pair: not pair[1])


def test_by_days_clicks_of_the_test_window_stay_out_of_the_vocabulary(tmp_path: Path) -> None:
    rows = [
        (user, item, NOON + day * DAY_S)
        for user in USER.values()
        for day, item in enumerate(["i1", "i2", "i1", "i2", "i3"])
    ]
    pl.DataFrame({"item": list(ITEMS), "tags": list(ITEMS.values())}).write_parquet(tmp_path / "items.parquet")
    log = read_log(tmp_path, pl.DataFrame(rows, schema=["u", "i", "t"], orient="row"), items=ITEMS_TABLE)
    plan = toy_plan({"by": "days", "days": 1.0}, [Field(name="tags")])
    prepared = prepare(log, plan, tmp_path / "prepared")
    assert prepared.vocabulary("tags").values == ["a", "b"]
    assert arrays_of(prepared, "test")["truth.size"] == [1]  # c, which training never saw


def many_users(folder: Path) -> tuple[Log, Plan]:
    """60 users in several buckets, clicks only."""
    dice = np.random.default_rng(0)
    rows = [(f"user {n}", f"i{dice.integers(1, 5)}", place) for n in range(60) for place in range(10)]
    pl.DataFrame({"item": list(ITEMS), "tags": list(ITEMS.values())}).write_parquet(folder / "items.parquet")
    frame = pl.DataFrame(rows, schema=["u", "i", "t"], orient="row")
    log = read_log(folder, frame, items=ITEMS_TABLE, portions=Portions(bucket=100))
    return log, toy_plan({"share": 0.2, "windows": 2}, [Field(name="tags"), Field(name="item", last=5)])


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_interrupted_preparation_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    log, plan = many_users(tmp_path)
    whole = prepare(log, plan, tmp_path / "whole")

    def pull_the_plug(progress: Progress) -> None:
        if progress.step == "features":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(log, plan, tmp_path / "broken", report=pull_the_plug)
    with pytest.raises(MissingStepError, match=r"broken is not prepared yet; run `penchant prepare"):
        shard_paths(tmp_path / "broken", "train")
    first = tmp_path / "broken" / "train" / "00000.safetensors"
    written = first.stat().st_mtime_ns
    broken = prepare(log, plan, tmp_path / "broken")
    assert first.stat().st_mtime_ns == written
    assert files_of(broken.folder) == files_of(whole.folder)


def test_shards_of_a_finished_preparation_are_kept(tmp_path: Path) -> None:
    log, plan = many_users(tmp_path)
    prepare(log, plan, tmp_path / "prepared")
    told: list[Progress] = []
    prepare(log, plan, tmp_path / "prepared", report=told.append)
    assert told == []


def test_another_plan_prepares_anew(tmp_path: Path) -> None:
    log, plan = many_users(tmp_path)
    prepare(log, plan, tmp_path / "prepared")
    asked = LabelsConfig(share=0.4, items=2, tags=2)
    other = Plan(plan.features, ByUser(asked), (asked.target,))
    again = prepare(log, other, tmp_path / "prepared")
    fresh = prepare(log, other, tmp_path / "fresh")
    assert files_of(again.folder) == files_of(fresh.folder)


def test_another_log_prepares_anew(tmp_path: Path) -> None:
    prepare(toy_log(tmp_path), toy_plan(), tmp_path / "prepared")
    changed = {**EVENTS, "anna": [("i3", True), *EVENTS["anna"][1:]]}
    assert prepare(toy_log(tmp_path, changed), toy_plan(), tmp_path / "prepared").vocabulary("tags").values == [
        "c",
        "a",
    ]


def test_a_min_count_belongs_to_one_vocabulary(tmp_path: Path) -> None:
    prepared = prepare(toy_log(tmp_path), toy_plan({"share": 0.75}, min_count={"tags": 2}), tmp_path / "prepared")
    assert prepared.vocabulary("tags").values == ["a"]
    assert prepared.vocabulary("item").values == ["i1", "i2", "i3"]


def test_a_field_called_like_what_is_predicted_is_of_it(tmp_path: Path) -> None:
    plan = toy_plan(fields=[Field(name="tags", of="group")])
    said = "'tags' draws from 'group', but 'tags' is what is predicted; call it 'group'"
    with pytest.raises(ConfigError, match=said):
        prepare(toy_log(tmp_path), plan, tmp_path / "prepared")


def test_a_field_that_no_table_fills_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    plan = toy_plan(fields=[Field(name="tags"), Field(name="genre")])
    with pytest.raises(ConfigError, match="uses field 'genre', which no table fills; there are: item, tags, group"):
        prepare(toy_log(tmp_path), plan, tmp_path / "prepared")


def test_a_field_of_users_cannot_be_predicted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labels\.field = 'group' is not a field of the items"):
        prepare(toy_log(tmp_path), toy_plan({"field": "group"}), tmp_path / "prepared")


def test_windows_of_days_need_a_clock(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'labels\.by = "days" needs a clock, but times are positions'):
        prepare(toy_log(tmp_path), toy_plan({"by": "days"}), tmp_path / "prepared")


def test_tags_that_nobody_clicked_often_enough_are_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tags was clicked 99 times by training users"):
        prepare(toy_log(tmp_path), toy_plan(min_count={"tags": 99}), tmp_path / "prepared")


def test_too_few_users_are_counted(tmp_path: Path) -> None:
    only = {name: EVENTS[name] for name in ("anna", "berta")}
    said = r"too few users with a history and labels: 1 to train, 1 to choose by, 0 to test, 2 to serve"
    with pytest.raises(DataError, match=said):
        prepare(toy_log(tmp_path, only), toy_plan(), tmp_path / "prepared")


def tagged_log(folder: Path, rows: list[tuple[str, str, str, float]], **said: Any) -> Log:
    """A log of who gave an item which tag when, which is the table of tags too."""
    table = {"field": "tags", "files": "events-0.parquet", "item": "i", "value": "tag", **said}
    return read_log(folder, pl.DataFrame(rows, schema=["u", "i", "tag", "t"], orient="row"), item_values=[table])


def seen_by(prepared: Prepared, split: Split) -> dict[str, dict[str, float]]:
    """The tags of each user's history with their clicks."""
    names, found = prepared.vocabulary("tags"), dict[str, dict[str, float]]()
    for shard in open_shards(prepared.folder, split, "tags"):
        counts = Ragged(shard.arrays["history.offsets"].numpy(), shard.arrays["history.counts"].numpy())
        for row, user in enumerate(shard.users):
            rows = slice(row, row + 1)
            tags = [names.name(tag) for tag in shard.history.part(rows).values.tolist()]
            found[user] = dict(zip(tags, counts.part(rows).values.tolist(), strict=True))
    return found


MONDAY = float(NOON)
GIVEN = [
    *[(user, "w", "soul", MONDAY - DAY_S + place) for place, user in enumerate(USER.values())],
    *[(user, "x", "rock", MONDAY + place) for place, user in enumerate(USER.values())],
    *[(user, "y", "folk", MONDAY + 10 + place) for place, user in enumerate(USER.values())],
    *[(user, "x", f"late {split}", MONDAY + DAY_S + place) for place, (split, user) in enumerate(USER.items())],
    *[(user, "y", "later", MONDAY + DAY_S + 10 + place) for place, user in enumerate(USER.values())],
]
"""All three tag w on Sunday, then x and y; a day later x with a tag of their own, and y with one more."""


@pytest.mark.parametrize("labels", [{"share": 0.4}, {"by": "days", "days": 1.0}])
def test_a_history_knows_no_tag_that_was_said_after_it_and_labels_know_all(
    labels: dict[str, Any], tmp_path: Path
) -> None:
    """The last day's tags are labels: each says something of x that nobody had said, and all tags of x are asked."""
    plan = toy_plan(labels, fields=[Field(name="tags")])
    prepared = prepare(tagged_log(tmp_path, GIVEN), plan, tmp_path / "prepared")
    (test,) = open_shards(prepared.folder, "test", "tags")
    assert test.arrays["truth.size"].tolist() == [6]  # rock, three late ones, folk, later
    before = {"soul": 1, "rock": 1, "folk": 1}
    latest = seen_by(prepared, "latest")[USER["test"]]
    if labels.get("by") == "days":  # vocabularies, too, know what was said in the training period only
        assert seen_by(prepared, "test") == {USER["test"]: before}
        assert set(prepared.vocabulary("tags").values) == {"soul", "rock", "folk"}
        assert latest == {"soul": 1, "rock": 2, "folk": 2}
    else:
        # The training user begins the last day, before anything was said on it; the test user is the last to begin.
        assert seen_by(prepared, "train") == {USER["train"]: before}
        assert seen_by(prepared, "test") == {USER["test"]: {**before, "late train": 1, "late valid": 1}}
        assert set(latest) == {*before, "late train", "late valid", "late test", "later"}


def test_live_knows_what_latest_does_of_items_whose_tags_have_a_time(tmp_path: Path) -> None:
    log, rule = tagged_log(tmp_path, GIVEN, top=2), Field(name="tags")
    prepared = prepare(log, toy_plan({"share": 0.4}, fields=[rule]), tmp_path / "prepared")
    items = ItemValues(log.items(), {"tags": prepared.vocabulary("tags")})
    (shard,) = open_shards(prepared.folder, "latest", "tags")
    for row, user in enumerate(shard.users):
        own = log.events(0).filter(pl.col("user") == user)
        clicks = [Click(time, item, items.of(item)) for time, item in own.select("time", "item").rows()]
        pairs = zip(shard.arrays["tags.ids"][row].tolist(), shard.arrays["tags.weights"][row].tolist(), strict=True)
        assert read(replay(clicks), rule) == [(value, weight) for value, weight in pairs if value]


def test_the_first_tags_of_an_item_are_those_of_the_moment(tmp_path: Path) -> None:
    """Of one tag per item, x has rock until folk was said more often, on the second day."""
    more = [(f"other {number}", "x", "folk", MONDAY + DAY_S + 100 + number) for number in range(5)]
    early = [(user, item, "rock", MONDAY + place) for user in USER.values() for place, item in enumerate("xz")]
    late = [(user, "z", "rock", MONDAY + 2 * DAY_S) for user in USER.values()]
    plan = toy_plan({"share": 0.3}, fields=[Field(name="tags")])
    prepared = prepare(tagged_log(tmp_path, [*early, *more, *late], top=1), plan, tmp_path / "prepared")
    assert seen_by(prepared, "latest")[USER["test"]] == {"folk": 1, "rock": 2}
    assert seen_by(prepared, "test") == {USER["test"]: {"folk": 1, "rock": 1}}
    earlier = [(user, item, tag, at - DAY_S if at > MONDAY + DAY_S else at) for user, item, tag, at in late]
    second = tmp_path / "second"
    second.mkdir()
    prepared = prepare(tagged_log(second, [*early, *more, *earlier], top=1), plan, second / "prepared")
    assert seen_by(prepared, "test") == {USER["test"]: {"rock": 2}}


def test_a_history_of_look_alike_knows_no_tag_that_was_said_after_its_moment(tmp_path: Path) -> None:
    periods = PeriodsConfig(by="days", learn=0.25, test=0.25, window=0.25)
    plan = lookalike_plan(FeaturesConfig(fields=[Field(name="tags")]), ByPeriod(periods))
    rows = [(f"u{user}", f"i{item}", "rock", MONDAY + user + 10 * item) for user in range(60) for item in range(9)]
    spread = [(user, item, tag, at + 10_000.0 * int(item[1])) for user, item, tag, at in rows]
    late = [("u3", "i1", "secret", MONDAY + 80_000.0), ("u4", "i8", "secret", MONDAY + 80_000.0)]
    prepared = prepare(tagged_log(tmp_path, [*spread, *late]), plan, tmp_path / "prepared")
    assert prepared.vocabulary("tags").values == ["rock"]
    moments: list[tuple[Split, int]] = [("learn", 1), ("test", 1), ("latest", 2)]
    for split, there in moments:
        for shard in open_shards(prepared.folder, split, "item"):
            assert int((shard.arrays["tags.ids"] > 0).sum(1).max()) == there


ITEM_NAMES = "abcdefgh"
TAGGINGS = st.fixed_dictionaries(
    {
        user: st.lists(
            st.tuples(st.sampled_from(ITEM_NAMES), st.sampled_from("pqrs"), st.integers(0, 12)), min_size=5, max_size=15
        )
        for user in USER.values()
    }
)


@settings(max_examples=15)
@given(TAGGINGS, st.permutations(ITEM_NAMES), st.sampled_from([{"share": 0.4, "windows": 2}, {"share": 0.3}]))
def test_other_names_of_items_change_no_window_no_truth_and_no_history(
    rows: dict[str, list[tuple[str, str, int]]], names: list[str], labels: dict[str, Any]
) -> None:
    other = dict(zip(ITEM_NAMES, names, strict=True))
    plan = toy_plan(labels, fields=[Field(name="tags"), Field(name="recent", of="tags", last=2, half_life=1.0)])
    made: list[Any] = []
    for renamed in (False, True):
        said = [
            (user, other[item] if renamed else item, tag, MONDAY + at)
            for user, own in rows.items()
            for item, tag, at in own
        ]
        with TemporaryDirectory() as folder:
            try:
                prepared = prepare(tagged_log(Path(folder), said, top=2), plan, Path(folder) / "prepared")
            except DataError as error:
                made.append(str(error))
                continue
            kept = [
                (split, name, values)
                for split in ("train", "valid", "test", "latest")
                for name, values in arrays_of(prepared, split).items()
                if not name.startswith(("label.", "shown."))
            ]
            made.append((prepared.vocabulary("tags").values, kept))
    assert made[0] == made[1]


def test_windows_in_which_nothing_was_clicked_ask_nothing_and_that_is_said(tmp_path: Path) -> None:
    """dora is shown i1 and i2 in the end, and clicks neither; anna and berta do."""
    events = {user: [("i1", True), ("i2", True), ("i1", True), ("i2", True)] for user in ("anna", "berta")}
    events["dora"] = [("i1", True), ("i2", True), ("i1", False), ("i2", False)]
    said = r"in the label windows of test users nothing was clicked that has any tags; .*'valid': 1, 'test': 0"
    with pytest.raises(DataError, match=said) as error:
        prepare(toy_log(tmp_path, events), toy_plan(), tmp_path / "prepared")
    assert "alike" not in str(error.value)


def test_a_window_of_unknown_tags_alone_is_measured_and_teaches_nothing(tmp_path: Path) -> None:
    """In the end berta and dora clicked i4 alone, whose tag no training user ever clicked."""
    past = [("i1", True), ("i2", True)]
    events = {user: [*past, ("i4", True), ("i4", True)] for user in ("berta", "dora")}
    events["anna"] = [*past, ("i2", True), ("i3", True)]
    prepared = prepare(toy_log(tmp_path, events), toy_plan(), tmp_path / "prepared")
    for split in ("valid", "test"):
        found = arrays_of(prepared, split)
        assert (found["truth.tags"], found["truth.size"], found["truth.new"]) == ([], [1], [1])
    said = r"windows of train users nothing was clicked that has tags that training .*'train': 0, 'valid': 1, 'test': 1"
    with pytest.raises(DataError, match=said):
        prepare(toy_log(tmp_path, events), toy_plan({"share": 0.25}, min_count={"tags": 2}), tmp_path / "prepared")


def test_what_is_new_in_a_window_is_counted_whether_it_is_known_or_not(toy: Prepared) -> None:
    """dora clicked i2 (a) and i4 (d, unknown) before i1 (a b) and i4: only b is new."""
    found = arrays_of(toy, "test")
    assert (found["truth.size"], found["truth.new"]) == ([3], [1])


@pytest.mark.parametrize("names", [["tags", "Tags"], ["label"], ["truth"], ["history"], ["a.b"]])
def test_field_names_must_differ_and_leave_some_names_free(names: list[str]) -> None:
    fields = [{"name": name} for name in names]
    better = names[-1].replace(".", "_") if "." in names[-1] else f"{names[-1]}_2"
    with pytest.raises(ConfigError, match=rf"called '{names[-1]}', .*; call it '{better}', of = '{names[-1]}'"):
        FeaturesConfig.parse({"fields": fields}, origin="test")
