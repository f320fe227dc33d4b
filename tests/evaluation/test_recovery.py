"""What is recovered of a planted truth, against numbers worked by hand; then on a small simulated feed."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from penchant.evaluation.recovery import Truth, kendall, recover
from penchant.features.shards import Batch, Shard, write_shard
from penchant.features.vocabulary import Vocabulary
from penchant.models.interests.counts import OwnCounts, Popularity
from penchant.models.interests.promise import Preferences
from penchant.pipeline import Run
from penchant.simulation.simulate import last_day, simulate
from tests.simulation.worlds import small

TAGS = Vocabulary(pl.Series(["t4", "t0", "t7", "t1"]), pl.Series([9, 8, 5, 2]))
"""t4 is 2, t0 is 3, t7 is 4, t1 is 5."""


class Fixed(Preferences):
    """The scores of each row, as they are."""

    def __init__(self, scores_BV: Tensor) -> None:
        super().__init__()
        self.register_buffer("scores_BV", scores_BV)

    def batch(self, shard: Shard, rows: Tensor | slice) -> Batch:
        row_B1 = torch.arange(len(shard))[rows, None]
        return Batch({"row": row_B1}, {"row": row_B1.float()})

    def preferences(self, batch: Batch) -> Tensor:
        return self.get_buffer("scores_BV")[batch.ids["row"][:, 0]]


def shard_of(folder: Path, users: list[str]) -> Shard:
    path = folder / "00000.safetensors"
    write_shard(path, {"history.offsets": np.zeros(len(users) + 1, np.int64)}, pl.Series(users))
    return Shard(load_file(path), path)


def feed_of(folder: Path) -> Path:
    """Two users; clicks at 5 (too early) and from 10 on; t9 is in no vocabulary."""
    items = {"item": [0, 1, 2], "tags": [["t4", "t0", "t7"], ["t1", "t9", "t4"], ["t9", "t9", "t0"]]}
    clicks = {
        "user": [7, 7, 7, 8, 8, 9],
        "item": [0, 0, 1, 1, 2, 0],
        "time": [5, 10, 11, 12, 13, 14],
        "contributions": [[1.0, 0, 0], [0.0, 2, 1], [0.0, 0, 3], [0.0, 1, 0], [0.0, 0, 1], [0.0, 0, 0]],
        "cared": [4, 0, 4, 9, 0, 4],
        "rule": ["sum"] * 6,
    }
    interests = {
        "user": [7, 7, 7, 7, 8, 8],
        "tag": [0, 4, 9, 7, 1, 4],
        "first_day": [0.0] * 6,
        "last_day": [3.0, 1.0, 2.0, -1.0, 2.0, 0.0],
    }
    for name, rows in {"truth/clicks/00000": clicks, "truth/interests/00000": interests, "items": items}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")
    return folder


def test_the_truth_keeps_clicks_that_a_known_tag_decided_against_another(tmp_path: Path) -> None:
    truth = Truth.read(feed_of(tmp_path), pl.Series(["7", "8", "7"]), TAGS, since=10)
    # User 8 cared for a tag that no model knows, then for the only one that it knows; user 9 was not asked for.
    assert truth.clicks["user"].to_list() == ["7", "7"]
    assert truth.clicks["tags"].to_list() == [[2, 3, 4], [5, 0, 2]]
    assert truth.clicks["contributions"].to_list() == [[0, 2, 1], [0, 0, 3]]
    assert truth.clicks["cared"].to_list() == [3, 2]
    assert truth.interests.rows() == [("7", 3, 3.0), ("7", 2, 1.0), ("7", 1, 2.0), ("8", 5, 2.0)]


def test_what_is_recovered_is_what_was_worked_out_by_hand(tmp_path: Path) -> None:
    truth = Truth.read(feed_of(tmp_path), pl.Series(["7", "8"]), TAGS, since=10)
    none = -torch.inf
    # Tags:            PAD   UNK   t4   t0   t7   t1
    scores = torch.tensor([[none, none, 0.1, 0.9, 0.3, 0.2], [none, none, 0.5, 0.5, 0.7, 0.5]])
    seven, eight = recover(Fixed(scores), [shard_of(tmp_path, ["7", "8"])], truth, 6, [1, 2]).rows(named=True)
    # First click: t0 is first and was decisive, all three in order. Second: t1 above t4, which was decisive.
    assert seven["cared/prec@1"] == (1 + 0) / 2
    assert seven["cared/tau"] == (1 + -1) / 2
    assert seven["cared/chance"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    # Interests t0 (3), t4 (1) and one unknown; above t0 no other tag, above t4 both.
    assert seven["interest/auc"] == (1 + 0) / 2
    assert seven["interest/tau"] == 1
    assert seven["interest/prec@1"] == 1
    assert seven["interest/prec@2"] == 1 / 2
    assert (eight["cared/prec@1"], eight["cared/tau"]) == (None, None)
    # Of the three others one is above t1, and two are level.
    assert eight["interest/auc"] == pytest.approx(1 - (1 + 2 / 2) / 3)
    assert eight["interest/tau"] is None
    assert eight["interest/prec@1"] == 0


def test_equal_preferences_are_right_as_often_as_a_draw(tmp_path: Path) -> None:
    truth = Truth.read(feed_of(tmp_path), pl.Series(["7"]), TAGS, since=10)
    found = recover(Fixed(torch.zeros(1, 6)), [shard_of(tmp_path, ["7"])], truth, 6, [1]).row(0, named=True)
    assert found["cared/prec@1"] == found["cared/chance"]
    assert found["cared/tau"] == 0


@pytest.mark.parametrize(
    ("one", "other", "tau"),
    [
        ([1, 2, 3, 4], [1, 2, 4, 3], 4 / 6),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1),
        # Five of six pairs differ on the left, three on the right; one of these three is level on the left.
        ([1, 1, 2, 3], [0, 5, 0, 0], (0 - 2) / np.sqrt(5 * 3)),
        ([1, 1, 1, 1], [1, 2, 3, 4], 0),
    ],
)
def test_kendall_counts_pairs_and_forgives_ties(one: list[int], other: list[int], tau: float) -> None:
    first, second = (np.array([[*values, 99]], float) for values in (one, other))
    valid = np.array([[True] * 4 + [False]])
    assert kendall(first, second, valid)[0] == pytest.approx(tau)


def test_blocks_of_users_change_nothing(tmp_path: Path) -> None:
    run, truth = simulated(tmp_path)
    interests = run.interests()
    scorer, test, tags = OwnCounts(interests.tags.counts), interests.shards("test"), len(interests.tags)
    whole = recover(scorer, test, truth, tags, [3])
    assert recover(scorer, test, truth, tags, [3], at_once=3 * tags).equals(whole)


def test_who_knows_the_truth_recovers_it_and_own_counts_beat_popularity(tmp_path: Path) -> None:
    run, truth = simulated(tmp_path)
    test, tags = run.interests().shards("test"), len(run.interests().tags)
    people = {user: row for row, user in enumerate(test[0].users)}
    rows = truth.interests.filter(pl.col("user").is_in(list(people)))
    known = torch.zeros(len(people), tags)
    known[[people[user] for user in rows["user"]], rows["tag"].to_list()] = torch.tensor(rows["weight"].to_list())
    known[:, :2] = -torch.inf
    oracle = recover(Fixed(known), test[:1], truth, tags, [3])
    for metric in ("interest/auc", "interest/tau", "interest/prec@3", "cared/prec@1"):
        assert oracle[metric].drop_nulls().to_numpy().min() == pytest.approx(1), metric
    # It does not know of dislikes, which are among the contributions.
    assert oracle["cared/tau"].drop_nulls().to_numpy().mean() > 0.9
    for metric in ("cared/prec@1", "cared/tau", "interest/auc", "interest/prec@3"):
        own, all_alike = (
            recover(scorer, test, truth, tags, [3])[metric].drop_nulls().to_numpy().mean()
            for scorer in (OwnCounts(run.interests().tags.counts), Popularity(run.interests().tags.counts))
        )
        assert own > all_alike + 0.03, metric


def simulated(folder: Path) -> tuple[Run, Truth]:
    """A prepared run of a small feed, and its truth."""
    config = small(days=20, items=2_000, visits=0.9)
    feed = simulate(config, folder / "feed")
    run = Run.start(feed.run_file, folder / "run")
    run.prepare()
    users = pl.concat([shard.users for shard in run.interests().shards("test")])
    return run, Truth.read(feed.folder, users, run.interests().tags, last_day(config))
