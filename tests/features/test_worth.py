"""Clicks whose action counts as several, from a log through its shards: what they change, and what they leave alone."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from penchant.features.cuts.by_user import ByUser
from penchant.features.fields import Field
from penchant.features.live import ItemValues, LiveFeatures, UserValues
from penchant.features.own import FACTS
from penchant.features.prepare import Prepared, prepare
from penchant.features.shards import open_shards
from penchant.logs.ingest import Log
from penchant.serving.snapshot import Snapshot, write_snapshot
from tests.features.test_prepare import ITEMS_TABLE, USER, arrays_of, toy_plan
from tests.logs.logs_on_disk import NOON, read_log

PLAIN = {"buy": True, "cart": True, "click": True, "view": False}
WEIGHTED = {"buy": 5.0, "cart": 2.5, "click": True, "view": False}
TAGS = {"jazz record": ["jazz"], "rock record": ["rock"], "folk record": ["folk"], "mix": ["jazz", "folk"]}
FIELDS = [
    Field(name="tags", limit=3),
    Field(name="late", of="tags", last=2, half_life=1.0),
    Field(name="item", limit=3, last=3, order="recent"),
]
WINDOW = [("mix", "click"), ("rock record", "view"), ("folk record", "cart")]
"""What every user does in their label window: half of what they do, see `toy_plan`."""

HISTORY = [("rock record", "click"), ("rock record", "click"), ("jazz record", "buy")]
"""Three clicks, one of them a purchase: rock was clicked more often, jazz counts more."""


def log_of(folder: Path, actions: dict[str, Any]) -> Log:
    """Every user of the three splits does the same: HISTORY, then WINDOW."""
    folder.mkdir()
    rows = [
        (user, item, NOON + place, what)
        for user in USER.values()
        for place, (item, what) in enumerate([*HISTORY, *WINDOW])
    ]
    pl.DataFrame({"item": list(TAGS), "tags": list(TAGS.values())}).write_parquet(folder / "items.parquet")
    frame = pl.DataFrame(rows, schema=["u", "i", "t", "what"], orient="row")
    return read_log(folder, frame, mapping={"action": "what", "actions": actions}, items=ITEMS_TABLE)


def prepared_of(folder: Path, actions: dict[str, Any]) -> tuple[Log, Prepared]:
    log = log_of(folder, actions)
    return log, prepare(log, toy_plan(fields=FIELDS), folder / "prepared")


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Prepared]:
    return prepared_of(tmp_path_factory.mktemp("weighted") / "log", WEIGHTED)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Prepared]:
    return prepared_of(tmp_path_factory.mktemp("plain") / "log", PLAIN)


def test_a_history_is_what_was_worked_by_hand(weighted: tuple[Log, Prepared]) -> None:
    _, prepared = weighted
    tags, items = prepared.vocabulary("tags"), prepared.vocabulary("item")
    jazz, rock = tags.id("jazz"), tags.id("rock")
    for split in ("train", "valid", "test"):
        found = arrays_of(prepared, split)
        assert (found["tags.ids"], found["tags.weights"]) == ([[jazz, rock, 0]], [[5, 2, 0]])
        # Of the latest two clicks: the purchase, 0 later ones, and one click on rock, 1 later one.
        assert [row[:2] for row in found["late.ids"]] == [[jazz, rock]]
        assert [row[:2] for row in found["late.weights"]] == [[5, 0.5]]
        assert found["item.ids"] == [[items.id("jazz record"), items.id("rock record"), 0]]
        own = {
            tag: {fact: found[f"history.{fact}"][place] for fact in ("counts", "clicks", "age", "faded")}
            for place, tag in enumerate(found["history.tags"])
        }
        fade = 0.5 ** (1 / 20)
        assert own[jazz] == {"counts": 5, "clicks": 1, "age": 0, "faded": 5}
        assert own[rock] == {"counts": 2, "clicks": 2, "age": 1, "faded": pytest.approx(fade + fade**2)}


def test_labels_vocabularies_and_events_do_not_know_what_a_click_counts(
    weighted: tuple[Log, Prepared], plain: tuple[Log, Prepared]
) -> None:
    (_, one), (_, other) = weighted, plain
    assert {source: one.vocabulary(source).values for source in ("tags", "item")} == {
        source: other.vocabulary(source).values for source in ("tags", "item")
    }
    assert one.manifest == other.manifest
    for split in ("train", "valid", "test"):
        found, expected = arrays_of(one, split), arrays_of(other, split)
        assert found.keys() - expected.keys() == {"history.clicks"}
        alike = [
            name for name in expected if name.startswith(("shown", "truth", "label", "window", "moment", "events"))
        ]
        assert len(alike) > 8
        assert {name: found[name] for name in alike} == {name: expected[name] for name in alike}
    (path,) = (one.folder / "events").iterdir()
    assert sorted(load_file(path)) == ["clicked", "entry", "time"]
    assert path.read_bytes() == (other.folder / "events" / path.name).read_bytes()


def test_of_plain_clicks_counts_and_clicks_are_one(plain: tuple[Log, Prepared]) -> None:
    _, prepared = plain
    (shard,) = open_shards(prepared.folder, "latest", "tags")
    assert "history.clicks" not in shard.arrays
    own = shard.own(slice(0, len(shard)))
    np.testing.assert_array_equal(own.fact("clicks"), own.fact("counts"))


@pytest.mark.parametrize("kind", ["weighted", "plain"])
def test_live_has_of_the_snapshot_what_the_shards_have(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    log, prepared = request.getfixturevalue(kind)
    write_snapshot(log, None, tmp_path / "serving", {}, made=0.0)
    snapshot = Snapshot(tmp_path / "serving")
    (shard,) = open_shards(prepared.folder, "latest", "tags")
    users = shard.users.to_list()
    rows = [snapshot.row(user) for user in users]
    worths = [snapshot.worths(row) for row in rows]
    whole = {(NOON + 2.0, "jazz record"): 5000, (NOON + 5.0, "folk record"): 2500}
    assert worths == [whole if kind == "weighted" else {}] * len(users)
    plan = toy_plan(fields=FIELDS)
    assert isinstance(plan.cut, ByUser)
    vocabularies = {source: prepared.vocabulary(source) for source in ("tags", "item")}
    people = UserValues.of_table(log.users(), {}, {})
    live = LiveFeatures(plan.features, "tags", ItemValues(log.items(), vocabularies), people)
    batch = live.batch(users, [snapshot.clicks(row) for row in rows], worths)
    for rule in FIELDS:
        width = batch.ids[rule.name].shape[1]
        np.testing.assert_array_equal(batch.ids[rule.name], shard.arrays[f"{rule.name}.ids"][:, :width])
        np.testing.assert_allclose(batch.weights[rule.name], shard.arrays[f"{rule.name}.weights"][:, :width], rtol=1e-6)
    own = shard.own(slice(0, len(shard)))
    assert batch.own
    np.testing.assert_array_equal(batch.own.ids_BH, own.ids_BH)
    for fact in FACTS:
        np.testing.assert_allclose(batch.own.fact(fact), own.fact(fact), rtol=1e-6, err_msg=fact)
