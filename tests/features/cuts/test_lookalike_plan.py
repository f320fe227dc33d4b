"""A log of three users prepared for look-alike, against numbers worked by hand; ages as numbers among its fields."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.errors import ConfigError, DataError
from penchant.features.cuts.by_period import ByPeriod, PeriodsConfig
from penchant.features.cuts.by_user import ByUser
from penchant.features.cuts.cut import Split
from penchant.features.cuts.target import Target
from penchant.features.fields import Field
from penchant.features.plan import FeaturesConfig, Plan, lookalike_plan
from penchant.features.prepare import Prepared, prepare
from penchant.features.shards import open_shards
from penchant.logs.ingest import Log
from tests.logs.logs_on_disk import read_log

# Of ten events six represent (the last three of them labels), two teach, two test.
PERIODS = PeriodsConfig(learn=0.2, test=0.2, window=0.5, positives=4, validation_share=0.5)
NAMES = pl.Series([f"user {number}" for number in range(100)])
ANNA, BERTA = NAMES.filter(ByPeriod(PERIODS).trains(NAMES))[:2]
DORA = NAMES.filter(~ByPeriod(PERIODS).trains(NAMES))[0]
# Anna and Berta train, Dora validates. Who trains clicks i, j and k three times, l twice and m once in the represent
# period; the others are unknown.
EVENTS = {ANNA: "iijklmnnpp", BERTA: "jikkjlnnoo", DORA: "qiijjqqkll"}
FIELDS = [Field(name="item", limit=4), Field(name="age", number=True), Field(name="group", limit=1)]
AGES = {ANNA: ["20"], BERTA: ["40"], DORA: ["60"]}


def toy_log(folder: Path, ages: dict[str, list[str]] = AGES, clicked: bool = True) -> Log:
    rows = [
        (user, item, 10 * place, clicked or place % 5 > 0)
        for user, items in EVENTS.items()
        for place, item in enumerate(items, start=1)
    ]
    people = {"user": list(ages), "age": list(ages.values()), "group": [["g"]] * len(ages)}
    pl.DataFrame(people).write_parquet(folder / "users.parquet")
    users = {"files": "users.parquet", "user": "user", "fields": {"age": "age", "group": "group"}}
    return read_log(folder, pl.DataFrame(rows, schema=["u", "i", "t", "c"], orient="row"), users=users)


def toy_plan(fields: list[Field] | None = None, **periods: Any) -> Plan:
    asked = PERIODS.model_copy(update=periods)
    return lookalike_plan(FeaturesConfig(fields=fields or FIELDS), ByPeriod(asked))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("toy")
    return prepare(toy_log(folder), toy_plan(), folder / "prepared")


def arrays_of(prepared: Prepared, split: Split, target: str = "item") -> dict[str, Any]:
    """The arrays of the only shard of a split, by user."""
    (shard,) = open_shards(prepared.folder, split, target)
    ragged = ("history", "truth")
    rows = {name: tensor.tolist() for name, tensor in shard.arrays.items() if not name.startswith(ragged)}
    if "shown.entry" in rows:
        tags_BKN, clicked_BK = shard.labels(slice(None))
        rows |= {"label.tags": tags_BKN.tolist(), "label.clicked": clicked_BK.tolist()}
    return {user: {name: rows[name][place] for name in rows} for place, user in enumerate(shard.users)}


def test_the_vocabulary_is_what_training_users_clicked_in_the_represent_period(toy: Prepared) -> None:
    assert toy.vocabulary("item").values == ["i", "j", "k", "l", "m"]
    assert toy.vocabulary("item").counts.tolist() == [3, 3, 3, 2, 1]


def test_a_training_sample_is_what_was_worked_by_hand(toy: Prepared) -> None:
    found = arrays_of(toy, "train")
    assert sorted(found) == sorted([ANNA, BERTA])
    anna = found[ANNA]  # clicked i i j, then k l m
    assert (anna["item.ids"], anna["item.weights"]) == ([2, 3, 0, 0], [2, 1, 0, 0])
    assert sorted(tags[0] for tags in anna["label.tags"]) == [0, 4, 5, 6]
    assert sum(anna["label.clicked"]) == 3


def test_a_validation_sample_is_what_was_worked_by_hand(toy: Prepared) -> None:
    (dora,) = arrays_of(toy, "valid").values()  # clicked q i i, then j j q
    assert (dora["item.ids"], dora["item.weights"]) == ([2, 1, 0, 0], [2, 1, 0, 0])
    assert sorted(tags[0] for tags in dora["label.tags"]) == [0, 0, 3, 3]


@pytest.mark.parametrize(
    ("split", "ids", "weights"),
    [
        ("learn", [2, 6, 5, 4], [2, 1, 1, 1]),  # i i j k l m
        ("test", [1, 2, 6, 5], [2, 2, 1, 1]),  # and n n
        ("latest", [1, 2, 6, 5], [4, 2, 1, 1]),  # and p p
    ],
)
def test_every_user_is_known_at_each_moment_and_asked_nothing(
    split: Split, ids: list[int], weights: list[float], toy: Prepared
) -> None:
    found = arrays_of(toy, split)
    assert sorted(found) == sorted(EVENTS)
    assert (found[ANNA]["item.ids"], found[ANNA]["item.weights"]) == (ids, weights)
    (shard,) = open_shards(toy.folder, split, "item")
    assert not any(name.startswith(("shown", "truth")) for name in shard.arrays)
    place = shard.users.to_list().index(ANNA)
    known = shard.history.part(slice(place, place + 1)).values.tolist()
    assert known == [2, 3, 4, 5, 6]


def test_the_manifest_counts_the_samples_of_five_splits(toy: Prepared) -> None:
    assert toy.samples("item") == {"train": 2, "valid": 1, "learn": 3, "test": 3, "latest": 3}
    assert toy.negatives("item") == "none"


def test_un_clicked_rows_are_no_labels_and_take_no_place_among_them(tmp_path: Path) -> None:
    prepared = prepare(toy_log(tmp_path, clicked=False), toy_plan(), tmp_path / "prepared")
    for split in ("train", "valid"):
        for user in arrays_of(prepared, split).values():
            labels = zip(user["label.tags"], user["label.clicked"], strict=True)
            assert all(clicked == any(tags) for tags, clicked in labels)


def test_a_number_is_one_value_scaled_by_training_users(toy: Prepared) -> None:
    found = arrays_of(toy, "latest")
    assert {user: (found[user]["age.ids"], found[user]["age.weights"]) for user in EVENTS} == {
        ANNA: ([2], [0]),
        BERTA: ([2], [1]),
        DORA: ([2], [1]),  # 60 is beyond the 40 of training users
    }
    assert (toy.span("age").low, toy.span("age").high) == (20, 40)


def test_a_number_has_a_vocabulary_of_one_value_and_other_fields_their_own(toy: Prepared) -> None:
    assert toy.vocabulary_of(FIELDS[1]).values == ["20 to 40"]
    assert toy.vocabulary_of(FIELDS[2]).values == ["g"]
    assert not (toy.folder / "vocabulary" / "age.parquet").exists()


def test_a_field_may_be_read_as_a_number_and_as_a_value(tmp_path: Path) -> None:
    fields = [*FIELDS, Field(name="cohort", of="age", limit=1)]
    prepared = prepare(toy_log(tmp_path), toy_plan(fields), tmp_path / "prepared")
    berta = arrays_of(prepared, "latest")[BERTA]
    assert (berta["age.ids"], berta["age.weights"], berta["cohort.ids"]) == ([2], [1], [3])


def test_a_user_without_a_number_has_padding(tmp_path: Path) -> None:
    log = toy_log(tmp_path, {ANNA: ["20"], BERTA: [], DORA: ["n/a"]})
    found = arrays_of(prepare(log, toy_plan(), tmp_path / "prepared"), "learn")
    assert {user: found[user]["age.ids"] for user in EVENTS} == {ANNA: [2], BERTA: [0], DORA: [0]}


def test_numbers_serve_the_tag_path_too(tmp_path: Path) -> None:
    pl.DataFrame({"item": list("ijklmn"), "tags": [["t"]] * 6}).write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}}
    rows = [(name, "ijkl"[place], place) for name in NAMES for place in range(4)]
    ages = pl.DataFrame({"user": NAMES, "age": [str(number) for number in range(100)]})
    ages.write_parquet(tmp_path / "users.parquet")
    named = {"files": "users.parquet", "user": "user", "fields": {"age": "age"}}
    log = read_log(tmp_path, pl.DataFrame(rows, schema=["u", "i", "t"], orient="row"), items=table, users=named)
    plan = Plan(FeaturesConfig(fields=[Field(name="tags"), Field(name="age", number=True)]), ByUser(), (Target(),))
    prepared = prepare(log, plan, tmp_path / "prepared")
    span = prepared.span("age")
    train = arrays_of(prepared, "train", "tags")
    ages_of = dict(ages.rows())
    for user, arrays in train.items():
        expected = (float(ages_of[user]) - span.low) / (span.high - span.low)
        assert arrays["age.weights"][0] == pytest.approx(expected)


def test_other_periods_prepare_anew(tmp_path: Path) -> None:
    log = toy_log(tmp_path)
    prepare(log, toy_plan(), tmp_path / "prepared")
    again = prepare(log, toy_plan(test=0.3), tmp_path / "prepared")
    assert arrays_of(again, "learn")[ANNA]["item.ids"] == [2, 5, 4, 3]  # five events represent: i i j k l


def test_other_fields_leave_nothing_of_the_earlier_ones(tmp_path: Path) -> None:
    log = toy_log(tmp_path)
    prepare(log, toy_plan(), tmp_path / "prepared")
    again = prepare(log, toy_plan(FIELDS[:1]), tmp_path / "prepared")
    assert not (again.folder / "numbers.json").exists()
    assert {path.name for path in again.folder.iterdir() if path.is_dir()} == {
        *ByPeriod.splits,
        "events",
        "items",
        "vocabulary",
    }


@pytest.mark.parametrize(("field", "said"), [("item", "age, group"), ("height", "age, group")])
def test_a_number_that_is_no_field_of_the_users_is_named(field: str, said: str, tmp_path: Path) -> None:
    fields = [Field(name="item"), Field(name="size", of=field, number=True)]
    with pytest.raises(ConfigError, match=f"field '{field}' as a number, but it is no field of the users.*: {said}"):
        prepare(toy_log(tmp_path), toy_plan(fields), tmp_path / "prepared")


def test_several_numbers_of_one_user_are_refused(tmp_path: Path) -> None:
    log = toy_log(tmp_path, {**AGES, DORA: ["7", "8"]})
    with pytest.raises(DataError, match=rf"'age' of user '{DORA}' is \['7', '8'\], which is not one number"):
        prepare(log, toy_plan(), tmp_path / "prepared")


def test_texts_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    log = toy_log(tmp_path, {ANNA: ["young"], BERTA: ["old"], DORA: ["5"]})
    with pytest.raises(DataError, match="no training user has a number as 'age'; its texts look like 'young'"):
        prepare(log, toy_plan(), tmp_path / "prepared")


def test_days_without_a_clock_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'periods\.by = "days" needs a clock, but times are positions'):
        prepare(toy_log(tmp_path), toy_plan(by="days"), tmp_path / "prepared")


def test_too_few_users_are_counted(tmp_path: Path) -> None:
    said = r"too few users with a history: 3 to train, 0 to choose by, 3 to learn likeness, 3 to test, 3 to serve"
    with pytest.raises(DataError, match=said):
        prepare(toy_log(tmp_path), toy_plan(validation_share=1e-9), tmp_path / "prepared")


def test_samples_of_a_shard_and_its_users_go_together(toy: Prepared) -> None:
    for split in ("learn", "test", "latest"):
        (shard,) = open_shards(toy.folder, split, "item")
        assert len(shard) == len(shard.users) == len(np.unique(shard.users))
