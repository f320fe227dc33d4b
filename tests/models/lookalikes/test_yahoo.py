"""Yahoo look-alike: golden G10, and MinHash against the probability that it is built for."""

import numpy as np
import polars as pl
import pytest

from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.promise import Candidate, Crowd
from penchant.models.lookalikes.yahoo import NOBODY, Yahoo, YahooConfig, buckets, information_value


def crowd_of(*values: list[int], width: int) -> Crowd:
    flat = np.array([value for own in values for value in own], np.int64)
    ragged = Ragged(offsets_of(np.array([len(own) for own in values])), flat)
    return Crowd(pl.Series(range(len(values))), np.zeros((len(values), 1), np.float32), ragged, width)


def scores(config: YahooConfig, seeds: list[int], crowd: Crowd) -> list[float]:
    likeness = Yahoo(config, seed=0).liken(Candidate(2, np.array(seeds, np.int64)), crowd)
    return [float(score) for score in likeness.scores(np.arange(len(crowd)))]


def test_g10_information_value() -> None:
    assert information_value(np.array(0.6), np.array(0.2)) == pytest.approx(0.716704, abs=1e-6)


@pytest.mark.parametrize(("bands", "rows"), [(1, 1), (8, 1), (16, 2), (10, 4)])
@pytest.mark.parametrize("shared", [1, 4, 8])
def test_users_match_with_the_probability_of_minhash(bands: int, rows: int, shared: int) -> None:
    """1,500 pairs of users with 9 values each, of which a pair has so many in common."""
    pairs, union = 1_500, 18 - shared
    own_PV = np.arange(pairs * union).reshape(pairs, union)
    values = Ragged(np.arange(2 * pairs + 1) * 9, np.hstack([own_PV[:, :9], own_PV[:, -9:]]).ravel())
    config = YahooConfig(bands=bands, rows=rows)
    bucket_NR = buckets(values, own_PV.size, config, np.random.default_rng(0))
    met = (bucket_NR[::2] == bucket_NR[1::2]).any(1).mean()
    expected = 1 - (1 - (shared / union) ** rows) ** bands
    assert abs(met - expected) < 4 * (expected * (1 - expected) / pairs) ** 0.5 + 1e-3


def test_bands_share_no_bucket_and_equal_sets_share_all() -> None:
    crowd = crowd_of([3, 5], [5, 3], [1], [], width=6)
    bucket_NR = buckets(crowd.values, 6, YahooConfig(), np.random.default_rng(0))
    assert (bucket_NR[0] == bucket_NR[1]).all()
    assert not (bucket_NR[0] == bucket_NR[2]).any()
    assert (bucket_NR[3] == NOBODY).all()
    assert all(len(set(band_N) & set(bucket_NR[:3, 0])) == 0 for band_N in bucket_NR[:3, 1:].T)


def test_different_single_values_share_no_bucket() -> None:
    bucket_NR = buckets(
        crowd_of(*[[v] for v in range(200)], width=200).values, 200, YahooConfig(), np.random.default_rng(0)
    )
    assert len(np.unique(bucket_NR)) == bucket_NR.size


def test_a_score_by_hand() -> None:
    """Two seeds of four users, both with value 0, one with value 1: p = 2.5/3 and 1.5/3; q = 2.5/5 and 2.5/5."""
    crowd = crowd_of([0, 1], [0], [1], [2], width=3)
    config = YahooConfig(bands=64, rows=1)
    weight = (2.5 / 3 - 0.5) * np.log((2.5 / 3 * 0.5) / (0.5 / 3 * 0.5))
    assert scores(config, [0, 1], crowd) == pytest.approx([weight, weight, 0.0, np.nan], nan_ok=True, rel=1e-6)


def test_a_value_rarer_among_seeds_than_elsewhere_counts_only_without_a_filter() -> None:
    """Values 0 and 1: seeds 2/3 and 1/3; all users 2/6 and 5/6; value 1 is therefore dropped by both filters."""
    crowd = crowd_of([0], [0, 1], [2], [1], [1, 2], [1], width=3)
    seeds, bands = [0, 1, 2], YahooConfig(bands=64, rows=1)
    share = {"p": 1.5 / 4, "q": 4.5 / 7}
    hidden = (share["p"] - share["q"]) * np.log(share["p"] * (1 - share["q"]) / ((1 - share["p"]) * share["q"]))
    assert scores(bands, seeds, crowd)[3] == 0.0
    assert scores(bands.model_copy(update={"positive_filter": "p>q"}), seeds, crowd)[3] == 0.0
    assert scores(bands.model_copy(update={"positive_filter": "none"}), seeds, crowd)[3] == pytest.approx(hidden)


def test_a_value_of_few_seeds_counts_where_it_is_rarer_elsewhere() -> None:
    """Value 1: one seed of three, one user of six."""
    crowd = crowd_of([0, 1], [0], [0], [0, 2], [2], [0, 3], width=4)
    half, more = YahooConfig(bands=64, rows=1), YahooConfig(bands=64, rows=1, positive_filter="p>q")
    assert scores(half, [0, 1, 2], crowd)[0] == scores(half, [0, 1, 2], crowd)[1]
    assert scores(more, [0, 1, 2], crowd)[0] > scores(more, [0, 1, 2], crowd)[1]


def test_what_no_seed_has_weighs_nothing_however_few_the_seeds() -> None:
    """With one seed 0.5 added to a count of none is a share of 1/4, more than nearly any value has elsewhere."""
    crowd = crowd_of([0], [0, 1], *[[2]] * 20, width=3)
    score_N = scores(YahooConfig(bands=64, rows=1, positive_filter="p>q"), [0], crowd)
    assert score_N[0] == score_N[1] > 0


def test_nobody_matches_where_nobody_is_asked_about() -> None:
    crowd = crowd_of([0], [0, 1], [], width=3)
    for seeds in ([], [2]):
        assert np.isnan(scores(YahooConfig(), seeds, crowd)).all()


def test_nobody_matches_in_a_crowd_without_values() -> None:
    assert np.isnan(scores(YahooConfig(), [0], crowd_of([], [], width=3))).all()
