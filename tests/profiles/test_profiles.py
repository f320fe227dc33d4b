"""Profiles of all users and explanations of one, checked against the model itself."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

import penchant
from penchant.choices import Order
from penchant.errors import UnknownTagError, UnknownUserError
from penchant.features.own import FACTS, Own
from penchant.features.shards import Batch, batch_of
from penchant.models.interests.blend import CLICKS, LEAST_SHARE, Blend, CopyPath, LinearPath
from penchant.pipeline import Run
from penchant.profiles.average import AVERAGE, Average, average_of
from penchant.profiles.build import ProfilesConfig, in_lists, rank
from penchant.profiles.explain import (
    COMMON,
    Explanation,
    PathEffect,
    describe,
    explain,
    first,
    foremost,
    in_words,
)
from penchant.profiles.profile import TagPreference
from penchant.schema import RESERVED
from tests.helpers.planted import write_planted_run
from tests.training.test_blend import WITH_DEEP, blend_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("planted")
    return penchant.run(write_planted_run(folder), folder / "run")


@pytest.fixture(scope="module")
def rows(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.folder / "profiles" / "tags" / "*.parquet")


def test_every_user_has_a_profile(run: Run, rows: pl.DataFrame) -> None:
    assert sorted(rows["user"]) == [f"u{number:03}" for number in range(60)]


def test_a_row_says_the_same_as_the_profile_of_that_user(run: Run, rows: pl.DataFrame) -> None:
    for row in rows.sample(5, seed=0).iter_rows(named=True):
        profile = run.profile(row["user"])
        for kind, tags in (("clicked", profile.clicked), ("unseen", profile.unseen)):
            ordered = foremost(tags, "lift", len(tags))
            assert row[f"{kind}.tags"] == [one.tag for one in ordered]
            np.testing.assert_allclose(row[f"{kind}.preferences"], [one.preference for one in ordered], atol=1e-5)
            np.testing.assert_allclose(row[f"{kind}.lifts"], [one.lift for one in ordered], atol=1e-5)
        assert row["clicked.clicks"] == [one.clicks for one in foremost(profile.clicked, "lift", 20)]
        most = [(value.field, value.value) for value in profile.values[:5]]
        assert list(zip(row["evidence.fields"], row["evidence.values"], strict=True)) == most


def test_clicked_and_unseen_share_out_the_vocabulary(run: Run) -> None:
    profile = run.profile("u000")
    assert {one.tag for one in profile.clicked} | {one.tag for one in profile.unseen} == set(
        run.interests().tags.values
    )
    assert all(one.clicks > 0 for one in profile.clicked)
    assert all(one.clicks == 0 for one in profile.unseen)
    ranks = sorted(one.rank for one in (*profile.clicked, *profile.unseen))
    assert ranks == list(range(1, len(run.interests().tags.values) + 1))


def test_preferences_are_the_models_own(run: Run) -> None:
    shard = run.interests().shards("latest")[0]
    row = 3
    with torch.inference_mode():
        batch = batch_of(shard, list(run.interests().sizes.fields), slice(row, row + 1))
        scores = run.interests().model.preferences(batch, run.interests().model.users(batch))[0]
    profile = run.profile(shard.users[row])
    for one in (*profile.clicked, *profile.unseen):
        assert one.preference == pytest.approx(float(scores[run.interests().tags.id(one.tag)]), rel=1e-5)


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
    shard = run.interests().shards("latest")[0]
    user = shard.users[0]
    why = run.explain(user)
    batch = batch_of(shard, list(run.interests().sizes.fields), slice(0, 1))
    field, value = why.alone[0].values[0].split(": ")
    vocabulary = run.prepared("users").vocabulary(next(r.source for r in run.config.features.fields if r.name == field))
    ids = {name: given.clone() for name, given in batch.ids.items()}
    ids[field][ids[field] == vocabulary.id(value)] = 0
    number = run.interests().tags.id(why.preference.tag)
    with torch.inference_mode():
        without = run.interests().model.preference(Batch(ids, batch.weights), number)
    assert why.alone[0].effect == pytest.approx(why.preference.preference - float(without), abs=1e-5)
    assert len(why.alone) == sum(int((given != 0).sum()) for given in batch.ids.values())
    assert len(why.together) == 16 * 15 // 2


def test_without_history_is_the_preference_of_an_empty_user(run: Run) -> None:
    why = run.explain("u000", run.interests().tags.values[0])
    nothing = {name: torch.zeros(1, 1, dtype=torch.long) for name in list(run.interests().sizes.fields)}
    weights = {name: torch.zeros(1, 1) for name in list(run.interests().sizes.fields)}
    with torch.inference_mode():
        expected = float(run.interests().model.preference(Batch(nothing, weights), 2))
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
    path = run.folder / "profiles" / "tags" / "00000.parquet"
    before = path.stat().st_mtime_ns
    run.build_profiles()
    assert path.stat().st_mtime_ns == before
    weights = run.interests().folder / AVERAGE
    weights.write_bytes(weights.read_bytes())
    run.build_profiles()
    assert path.stat().st_mtime_ns > before


def test_values_become_lists_of_their_lengths() -> None:
    assert in_lists(pl.Series([4, 5, 6]), np.array([0, 2, 1, 0])).to_list() == [[], [4, 5], [6], []]


def test_a_finished_run_opens_from_its_folder(run: Run, tmp_path: Path) -> None:
    assert Run.open(run.folder).profile("u007") == run.profile("u007")


# What is usual


def average(*preferences: float) -> Average:
    """Of the average user: PAD, UNKNOWN, then tags."""
    preference_V = torch.tensor([0.0, 0.0, *preferences])
    return Average(preference_V, torch.zeros(1), {None: torch.zeros(len(preference_V))})


def own(*clicks: tuple[int, int]) -> Own:
    """One user's tags, numbered from 0, and their clicks."""
    facts_BHF = torch.zeros(1, len(clicks), len(FACTS))
    facts_BHF[0, :, FACTS.index("clicks")] = torch.tensor([float(many) for _, many in clicks])
    return Own(torch.tensor([[tag + RESERVED for tag, _ in clicks]]), facts_BHF)


def scores(*preferences: float) -> Tensor:
    return torch.tensor([[-torch.inf, -torch.inf, *preferences]])


def test_lift_is_the_distance_from_the_line_through_all_tags() -> None:
    """Preferences 0.1 + 2 · the average one have none, at whatever level; a tag beyond that has what it is beyond."""
    usual = average(0.1, 0.2, 0.3, 0.4)
    level = scores(0.3, 0.5, 0.7, 0.9)
    torch.testing.assert_close(usual.levels(level), torch.tensor([[0.1, 2.0]]))
    torch.testing.assert_close(usual.lifts(level, usual.levels(level))[:, RESERVED:], torch.zeros(1, 4))
    # By hand: means 0.25 and 0.65; Σ of products of distances 0.13, Σ of squares 0.05, so the slope is 2.6.
    beyond = scores(0.3, 0.5, 0.7, 1.1)
    torch.testing.assert_close(usual.levels(beyond), torch.tensor([[0.65 - 2.6 * 0.25, 2.6]]))
    expected = [0.3 - 0.26, 0.5 - 0.52, 0.7 - 0.78, 1.1 - 1.04]
    torch.testing.assert_close(usual.lifts(beyond, usual.levels(beyond))[0, RESERVED:], torch.tensor(expected))


def test_where_all_tags_are_alike_on_average_lift_is_the_distance_from_the_users_own_mean() -> None:
    level_B2 = average(0.2, 0.2).levels(scores(0.1, 0.5))
    torch.testing.assert_close(average(0.2, 0.2).lifts(scores(0.1, 0.5), level_B2)[0, RESERVED:], tensor(-0.2, 0.2))


def tensor(*values: float) -> Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize(("order", "expected"), [("preference", [0, 1, 2]), ("lift", [2, 1, 0])])
def test_tags_stand_in_the_order_that_is_asked_for(order: Order, expected: list[int]) -> None:
    usual, clicked = average(0.9, 0.5, 0.1, 0.0), own((0, 1), (1, 1), (2, 1))
    found = rank(scores(0.8, 0.6, 0.4, 0.0), clicked, usual, ProfilesConfig(order=order))["clicked"]
    assert (found.ids[0] - RESERVED).tolist() == expected


@pytest.mark.parametrize("order", ["preference", "lift"])
def test_the_tag_that_was_clicked_most_is_always_among_them(order: Order) -> None:
    usual, clicked = average(0.9, 0.5, 0.1, 0.0), own((0, 1), (1, 1), (2, 1), (3, 9))
    preferences = (0.8, 0.6, 0.4, 0.0) if order == "preference" else (0.8, 0.6, 0.4, -0.5)
    for most in (1, 2, 3):
        found = rank(scores(*preferences), clicked, usual, ProfilesConfig(order=order, clicked=most))["clicked"]
        assert found.ids[0, -1] - RESERVED == 3
        assert found.clicks[0, -1] == 9
    tags = [TagPreference(str(tag), one, 9 if tag == 3 else 1, one) for tag, one in enumerate(preferences)]
    assert [one.tag for one in foremost(tags, order, 2)] == ["0", "3"]
    assert foremost([], order, 2) == []


def test_who_clicked_nothing_has_no_lift_to_be_ordered_by() -> None:
    usual = average(0.9, 0.5, 0.1, 0.0)
    nothing = Own(torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, len(FACTS)))
    found = rank(scores(0.8, 0.6, 0.4, 0.0), nothing, usual, ProfilesConfig(unseen=4))["unseen"]
    assert (found.ids[0] - RESERVED).tolist() == [0, 1, 2, 3]


def test_the_average_user_is_the_mean_of_all(run: Run) -> None:
    total, holders, users = torch.zeros(len(run.interests().tags)), torch.zeros(len(run.interests().tags)), 0
    with torch.inference_mode():
        for shard in run.interests().shards("latest"):
            batch = batch_of(shard, list(run.interests().sizes.fields), slice(0, len(shard)), own=True)
            total[RESERVED:] += (
                run.interests().model.preferences(batch, run.interests().model.users(batch))[:, RESERVED:].sum(0)
            )
            assert batch.own
            for ids_H in batch.own.ids_BH:
                holders[ids_H[ids_H > 0]] += 1
            users += len(shard)
    torch.testing.assert_close(run.interests().average.preference_V, total / users)
    torch.testing.assert_close(run.interests().average.holders[None], holders / users)
    assert run.interests().average.holders["group"].sum() == pytest.approx(1)


# A blend


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return blend_run(tmp_path_factory.mktemp("blended"))


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return blend_run(tmp_path_factory.mktemp("deep"), WITH_DEEP)


def test_paths_sum_to_the_preference(blended: Run, deep: Run) -> None:
    for run in (blended, deep):
        for user in ("u000", "u001", "u050"):
            profile = run.profile(user)
            for tag in (first(profile, "lift"), first(profile, "preference"), profile.unseen[-1].tag):
                why = run.explain(user, tag)
                assert sum(path.effect for path in why.paths) == pytest.approx(why.preference.preference, abs=1e-5)


@pytest.fixture(scope="module")
def linear(blended: Run) -> Blend:
    """A linear path over own tags and items, and nothing else."""
    tags, items = len(blended.interests().tags), blended.interests().sizes.fields["item"]
    path, draw = LinearPath({CLICKS: tags, "item": items}, tags, 3), torch.Generator().manual_seed(0)
    for buffer in path.buffers():
        buffer.copy_(torch.randn(buffer.shape, generator=draw))
    return Blend(path, CopyPath(tags), None, 0.0, blended.interests().sizes.only(["item"]))


def explained(run: Run, model: Blend, user: str, tag: str) -> Explanation:
    shards, names, label = run.interests().shards("latest"), run.interests().shown, run.config.labels.field
    usual, shard = average_of(model, shards), next(shard for shard in shards if user in shard.users)
    row = shard.users.index_of(user)
    assert row is not None
    batch = batch_of(shard, list(model.sizes.fields), slice(row, row + 1), own=True)
    return explain(model, usual, batch, describe(model, usual, batch, names, label, user), names, label, tag)


def test_clicks_on_the_tag_itself_are_a_path_and_no_reason_beside_it(blended: Run, linear: Blend) -> None:
    profile = blended.profile("u000")
    for tag, clicked in ((profile.clicked[0].tag, True), (profile.unseen[0].tag, False)):
        why = explained(blended, linear, "u000", tag)
        paths = {path.path: path for path in why.paths}
        assert (paths["own clicks on it"].effect != 0) is clicked
        assert sum(path.effect for path in why.paths) == pytest.approx(why.preference.preference, abs=1e-5)
        named = paths["all else known"].by
        assert (f"clicked: {tag}",) not in [one.values for one in named]
        assert [abs(one.effect) for one in named] == sorted((abs(one.effect) for one in named), reverse=True)
        assert in_words(paths["all else known"], why.preference, 0).startswith(f"most by {named[0].values[0]} ")


def test_the_linear_path_is_the_sum_of_its_values(blended: Run, linear: Blend) -> None:
    shard, tag = blended.interests().shards("latest")[0], RESERVED + 1
    batch = linear.batch(shard, slice(0, len(shard)))
    terms = linear.terms(batch, tag)
    assert [field for field, *_ in terms] == [None, "item"]
    total_B = sum(adds_BH.sum(1) for _, _, adds_BH in terms)
    torch.testing.assert_close(total_B + linear.linear.bias[tag], linear.preference(batch, tag))


def test_what_everybody_adds_is_the_same_for_all(blended: Run) -> None:
    tag = blended.interests().tags.values[0]
    found = {path.effect for user in ("u000", "u001") for path in blended.explain(user, tag).paths[-1:]}
    assert len(found) == 1
    assert all(blended.explain(user, tag).paths[-1].path == "everybody" for user in ("u000", "u001"))


def test_what_most_users_have_is_no_reason_and_comes_last(tmp_path: Path) -> None:
    """Everybody speaks one language."""
    path = write_planted_run(tmp_path)
    users = pl.read_parquet(tmp_path / "users.parquet").with_columns(group=pl.lit("en"))
    users.write_parquet(tmp_path / "users.parquet")
    run = Run.start(path, tmp_path / "run")
    run.prepare()
    run.train()
    why = run.explain("u000")
    common = [one for one in why.alone if one.common]
    assert ("group: en",) in [one.values for one in common]
    assert why.alone[-len(common) :] == common
    assert all(one.holders > COMMON for one in common)
    assert next(one for one in why.alone if one.values == ("group: en",)).holders == 1
    for effects in (why.alone, why.together):
        special = [abs(one.effect) for one in effects if not one.common]
        assert special == sorted(special, reverse=True)


def test_attention_is_evidence_only_where_the_deep_model_has_a_share(deep: Run) -> None:
    model, shard = deep.interests().model, deep.interests().shards("latest")[0]
    assert isinstance(model, Blend)
    assert model.deep
    batch = batch_of(shard, list(model.sizes.fields), slice(0, 5), own=True)
    with torch.inference_mode():
        for share, there in ((LEAST_SHARE, False), (LEAST_SHARE + 0.01, True)):
            beside = model.with_deep(model.deep, 0.5, share)
            user_BU, attention = beside.read(batch)
            assert bool(attention.fields.any()) is there
            torch.testing.assert_close(user_BU, model.with_deep(model.deep, 0.5).users(batch))


def test_a_blend_without_a_deep_model_has_no_evidence_but_all_else(blended: Run) -> None:
    rows = pl.read_parquet(blended.build_profiles()[0] / "*.parquet")
    assert rows["evidence.values"].list.len().sum() == 0
    assert rows["clicked.clicks"].list.len().equals(rows["clicked.tags"].list.len())
    assert len(rows) == 90


@pytest.mark.parametrize(
    ("path", "clicks", "latest", "said"),
    [
        ("own clicks on it", 0, 0, "not clicked"),
        ("own clicks on it", 1, 0, "clicked once, none of the latest 20 clicks"),
        ("own clicks on it", 5, 2, "clicked 5 times, 2 of the latest 20 clicks"),
        ("everybody", 5, 2, "what it would be for a user like all others"),
        ("deep model", 5, 2, "how far it sets this user apart from others"),
        ("all else known", 5, 2, ""),
    ],
)
def test_a_path_is_told_in_words(path: str, clicks: int, latest: int, said: str) -> None:
    assert in_words(PathEffect(path, 0.1, []), TagPreference("jazz", 0.5, clicks, 0.1), latest) == said


def test_unseen_tags_that_a_model_prefers_alike_have_no_lift(blended: Run) -> None:
    """The planted log chooses a blend without ridge regression: of tags not clicked it knows how popular they are."""
    assert not blended.interests().model.tells_unseen
    assert blended.interests().average.unseen_alike
    unseen = blended.profile("u000").unseen
    assert {one.lift for one in unseen} == {0.0}
    rows = pl.read_parquet(blended.build_profiles()[0] / "*.parquet")
    for preferences, lifts in rows.select("unseen.preferences", "unseen.lifts").iter_rows():
        assert preferences == sorted(preferences, reverse=True)
        assert set(lifts) <= {0.0}
