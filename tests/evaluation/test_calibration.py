"""Calibration against numbers worked by hand, and on a planted log."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from penchant.evaluation.calibration import Bin, Histogram, calibrate, expected_error
from penchant.features.shards import Shard, batch_of
from penchant.pipeline import Run
from tests.helpers.planted import changed, write_planted_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("planted")
    begun = Run.start(write_planted_run(folder), folder / "begun")
    config = changed(begun.config, training={"loss": "joint"})
    run = Run.start(config, folder / "run", base=folder)
    run.prepare()
    run.train()
    return run


def test_bins_hold_equal_counts_and_their_means() -> None:
    histogram = Histogram()
    histogram.add(np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.7]), np.array([1, 3, 4]))
    low, middle, high = histogram.bins(3)
    assert [low.count, middle.count, high.count] == [2, 2, 2]
    assert low.predicted == pytest.approx(0.15)
    assert (low.observed, middle.observed, high.observed) == (0.0, 0.5, 1.0)
    assert middle.predicted == pytest.approx(0.5)


def test_equal_predictions_stay_together() -> None:
    histogram = Histogram()
    histogram.add(np.array([0.5] * 9 + [0.75]), np.arange(3))
    assert histogram.bins(5) == [Bin(9, 0.5, 3 / 9), Bin(1, 0.75, 0.0)]


def test_nothing_shown_has_no_bins() -> None:
    assert Histogram().bins() == []


def test_the_error_is_weighed_by_count() -> None:
    assert expected_error([Bin(3, 0.5, 0.7), Bin(1, 0.9, 0.5)]) == pytest.approx((3 * 0.2 + 0.4) / 4)


@given(some.lists(some.floats(-1e6, 1e6, width=32), min_size=1, max_size=50), some.integers(1, 20))
def test_bins_are_in_order_and_lose_nothing(values: list[float], most: int) -> None:
    histogram = Histogram()
    half = len(values) // 2
    histogram.add(np.array(values[:half]), np.arange(half))
    histogram.add(np.array(values[half:]), np.arange(0))
    bins = histogram.bins(most)
    assert len(bins) <= most
    assert sum(one.count for one in bins) == len(values)
    assert sum(one.count * one.observed for one in bins) == pytest.approx(half)
    assert sum(one.count * one.predicted for one in bins) == pytest.approx(sum(values), abs=1e-3)
    means = [one.predicted for one in bins]
    assert all(low <= high + abs(low) * 1e-9 for low, high in pairwise(means))


def by_hand(run: Run) -> tuple[list[tuple[float, bool]], list[tuple[float, bool]], list[tuple[float, bool]]]:
    """(probability, clicked) of every shown item and of every one of its tags; (preference, clicked) of every pair."""
    items, tags, pairs = [], [], []
    for shard in run.interests().shards("test"):
        preferences = users_times_tags(run, shard)
        tags_BKN, clicked_BK = shard.labels(slice(None))
        for row in range(len(shard)):
            for slot, ids in enumerate(tags_BKN[row].tolist()):
                scores = [preferences[row][tag] for tag in ids if tag]
                clicked = bool(clicked_BK[row][slot])
                if scores:
                    items.append((1 / (1 + np.exp(-sum(scores))), clicked))
                    tags += [(1 / (1 + np.exp(-score)), clicked) for score in scores]
            true = shard.truth.values[shard.truth.offsets[row] : shard.truth.offsets[row + 1]].tolist()
            pairs += [(preferences[row][tag], tag in true) for tag in range(2, len(run.interests().tags))]
    return items, tags, pairs


def users_times_tags(run: Run, shard: Shard) -> list[list[float]]:
    with torch.inference_mode():
        users = run.interests().model.users(
            batch_of(shard, list(run.interests().model.sizes.fields), slice(0, len(shard)))
        )
        return (users @ run.interests().model.tags().T).tolist()


def check(bins: list[dict[str, float]], expected: list[tuple[float, bool]]) -> None:
    """The bins are consecutive pieces of the sorted expected pairs."""
    assert sum(one["count"] for one in bins) == len(expected)
    assert sum(one["count"] * one["observed"] for one in bins) == pytest.approx(sum(true for _, true in expected))
    ordered, start = sorted(expected), 0
    for one in bins:
        piece = ordered[start : start + int(one["count"])]
        start += int(one["count"])
        assert one["predicted"] == pytest.approx(np.mean([value for value, _ in piece]), abs=2e-3)


def test_bins_are_those_of_a_plain_loop(run: Run) -> None:
    items, tags, pairs = by_hand(run)
    joint = calibrate(run.interests().model, run.interests().shards("test"), "joint")
    assert joint["clicks"]["of"] == "item"
    check(joint["clicks"]["bins"], items)
    check(joint["tags"]["bins"], pairs)
    separate = calibrate(run.interests().model, run.interests().shards("test"), "separate")
    assert separate["clicks"]["of"] == "tag"
    check(separate["clicks"]["bins"], tags)
    assert separate["tags"] == joint["tags"]


def test_small_blocks_give_the_same(run: Run) -> None:
    interests = run.interests()
    whole = calibrate(interests.model, interests.shards("test"), "joint")
    parts = calibrate(interests.model, interests.shards("test"), "joint", at_once=2 * len(interests.tags))
    assert [one["count"] for one in parts["tags"]["bins"]] == [one["count"] for one in whole["tags"]["bins"]]
    assert parts["clicks"]["error"] == pytest.approx(whole["clicks"]["error"], abs=1e-5)


def test_scores_that_are_no_log_odds_are_not_read_as_such(run: Run) -> None:
    assert calibrate(run.interests().model, run.interests().shards("test"), "softmax")["clicks"] is None
    assert calibrate(run.interests().model, run.interests().shards("test"), "joint", log_odds=False)["clicks"] is None


def test_where_interests_are_planted_a_higher_preference_is_clicked_more(run: Run) -> None:
    bins = calibrate(run.interests().model, run.interests().shards("test"), "joint")["tags"]["bins"]
    assert bins[-1]["observed"] > bins[0]["observed"] + 0.5


def test_metrics_json_has_the_calibration(run: Run, tmp_path: Path) -> None:
    assert run.evaluate()["tags"]["calibration"]["clicks"]["of"] == "item"
