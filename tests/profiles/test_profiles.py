"""Profiles of all users and explanations of one, checked against the model itself."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import penchant
from penchant.errors import UnknownTagError, UnknownUserError
from penchant.features.shards import Batch, batch_of
from penchant.pipeline import Run
from penchant.profiles.build import in_lists
from tests.planted import write_planted_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("planted")
    return penchant.run(write_planted_run(folder), folder / "run")


@pytest.fixture(scope="module")
def rows(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.folder / "profiles" / "*.parquet")


def test_every_user_has_a_profile(run: Run, rows: pl.DataFrame) -> None:
    assert sorted(rows["user"]) == [f"u{number:03}" for number in range(60)]


def test_a_row_says_the_same_as_the_profile_of_that_user(run: Run, rows: pl.DataFrame) -> None:
    for row in rows.sample(5, seed=0).iter_rows(named=True):
        profile = run.profile(row["user"])
        assert row["clicked.tags"] == [one.tag for one in profile.clicked]
        assert row["unseen.tags"] == [one.tag for one in profile.unseen]
        np.testing.assert_allclose(row["clicked.preferences"], [one.preference for one in profile.clicked], rtol=1e-5)
        np.testing.assert_allclose(row["unseen.preferences"], [one.preference for one in profile.unseen], rtol=1e-5)
        most = [(value.field, value.value) for value in profile.values[:5]]
        assert list(zip(row["evidence.fields"], row["evidence.values"], strict=True)) == most


def test_clicked_and_unseen_share_out_the_vocabulary(run: Run) -> None:
    profile = run.profile("u000")
    assert {one.tag for one in profile.clicked} | {one.tag for one in profile.unseen} == set(run.tags.values)
    assert all(one.clicks > 0 for one in profile.clicked)
    assert all(one.clicks == 0 for one in profile.unseen)
    ranks = sorted(one.rank for one in (*profile.clicked, *profile.unseen))
    assert ranks == list(range(1, len(run.tags.values) + 1))


def test_preferences_are_the_models_own(run: Run) -> None:
    shard = run.shards("latest")[0]
    row = 3
    with torch.inference_mode():
        scores = run.model.preferences(run.model.users(batch_of(shard, run.config_fields, slice(row, row + 1))))[0]
    profile = run.profile(shard.users[row])
    for one in (*profile.clicked, *profile.unseen):
        assert one.preference == pytest.approx(float(scores[run.tags.id(one.tag)]), rel=1e-5)


def test_preferences_follow_the_planted_group(run: Run) -> None:
    """u000 clicks in group 0 only, whose tags are t0-*."""
    profile = run.profile("u000")
    best = sorted([*profile.clicked, *profile.unseen], key=lambda one: one.rank)[:3]
    assert all(one.tag.startswith("t0-") for one in best)


def test_attention_of_a_profile_sums_to_one_per_head(run: Run) -> None:
    profile = run.profile("u001")
    heads = len(next(iter(profile.fields.values())))
    assert heads == 2
    for head in range(heads):
        assert sum(shares[head] for shares in profile.fields.values()) == pytest.approx(1, abs=1e-5)
        assert sum(value.attention[head] for value in profile.values) == pytest.approx(1, abs=1e-5)


def test_an_effect_is_what_changes_when_the_value_is_left_out(run: Run) -> None:
    shard = run.shards("latest")[0]
    user = shard.users[0]
    why = run.explain(user)
    batch = batch_of(shard, run.config_fields, slice(0, 1))
    field, value = why.alone[0].values[0].split(": ")
    vocabulary = run.prepared.vocabulary(next(r.source for r in run.config.features.fields if r.name == field))
    ids = {name: given.clone() for name, given in batch.ids.items()}
    ids[field][ids[field] == vocabulary.id(value)] = 0
    number = run.tags.id(why.preference.tag)
    with torch.inference_mode():
        without = run.model.preferences(run.model.users(Batch(ids, batch.weights)))[0, number]
    assert why.alone[0].effect == pytest.approx(why.preference.preference - float(without), abs=1e-5)
    assert len(why.alone) == sum(int((given != 0).sum()) for given in batch.ids.values())
    assert len(why.together) == 16 * 15 // 2


def test_without_history_is_the_preference_of_an_empty_user(run: Run) -> None:
    why = run.explain("u000", run.tags.values[0])
    nothing = {name: torch.zeros(1, 1, dtype=torch.long) for name in run.config_fields}
    weights = {name: torch.zeros(1, 1) for name in run.config_fields}
    with torch.inference_mode():
        expected = float(run.model.preferences(run.model.users(Batch(nothing, weights)))[0, 2])
    assert why.without == pytest.approx(expected, abs=1e-5)


def test_latest_clicks_come_first(run: Run) -> None:
    clicks = run.clicks("u000")
    assert clicks["time"].is_sorted(descending=True)
    assert set(clicks.columns) == {"time", "item", "tags"}


def test_an_unknown_user_and_an_unknown_tag_are_named(run: Run) -> None:
    with pytest.raises(UnknownUserError, match="'nobody' is not in the log"):
        run.profile("nobody")
    with pytest.raises(UnknownTagError, match="'polka' is not among the 12 tags"):
        run.explain("u000", "polka")


def test_profiles_that_are_there_are_kept_and_new_weights_replace_them(run: Run) -> None:
    path = run.folder / "profiles" / "00000.parquet"
    before = path.stat().st_mtime_ns
    run.build_profiles()
    assert path.stat().st_mtime_ns == before
    weights = run.folder / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes())
    run.build_profiles()
    assert path.stat().st_mtime_ns > before


def test_values_become_lists_of_their_lengths() -> None:
    assert in_lists(pl.Series([4, 5, 6]), np.array([0, 2, 1, 0])).to_list() == [[], [4, 5], [6], []]


def test_a_finished_run_opens_from_its_folder(run: Run, tmp_path: Path) -> None:
    assert Run.open(run.folder).profile("u007") == run.profile("u007")
