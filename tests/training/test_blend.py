"""The blend: what counting knows as paths of one model, and what is chosen where something else is better."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from penchant.errors import CheckpointError, ConfigError
from penchant.evaluation.judge import Ndcg
from penchant.evaluation.protocols.interests import Result, evaluate
from penchant.features.own import FACTS
from penchant.models.interests.blend import OWN_BLOCKS, Blend, BlendConfig
from penchant.pipeline import Run
from penchant.schema import PAD, RESERVED
from penchant.training.baselines import fit_baselines
from penchant.training.blend import (
    BLEND,
    BLEND_WEIGHTS,
    FEW_USERS,
    Chosen,
    Mix,
    _choose,
    baseline_as_blend,
    read_chosen,
)
from penchant.training.ridge import fit_ridges
from tests.helpers.planted import RUN_FILE, changed, write_planted_log

UTPM = '[models.tags]\nname = "utpm"\nembedding = 8\nuser = 8\nquery = 4\ndropout = 0.2\n'
BLENDED = '[models.tags]\nname = "blend"\nrank = 5\n'
WITH_DEEP = BLENDED + 'deep = { name = "utpm", embedding = 8, user = 8, query = 4 }\n'


def blend_run(folder: Path, model: str = BLENDED, windows: int = 4) -> Run:
    write_planted_log(folder, users=90)
    text = RUN_FILE.replace(UTPM, model).replace("items = 6", f"items = 6\nwindows = {windows}\nstride = 0.1")
    assert model in text
    (folder / "run.toml").write_text(text, encoding="utf-8")
    run = Run.start(folder / "run.toml", folder / "run")
    run.prepare()
    run.train()
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return blend_run(tmp_path_factory.mktemp("blend"))


@pytest.fixture(scope="module")
def deep_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return blend_run(tmp_path_factory.mktemp("deep"), WITH_DEEP)


def blend_of(run: Run) -> Blend:
    model = run.interests().model
    assert isinstance(model, Blend)
    return model


def preferences(run: Run, split: Any = "test") -> torch.Tensor:
    model = blend_of(run)
    batches = [model.batch(shard, slice(0, len(shard))) for shard in run.interests().shards(split)]
    return torch.cat([model.preferences(batch, model.users(batch)) for batch in batches])


def test_it_is_the_default_of_a_run_file_that_names_no_model(run: Run) -> None:
    values = run.config.model_dump(exclude_none=True)
    del values["models"]
    assert type(run.config).parse(values, origin="test").models["tags"].model == BlendConfig()


def test_a_run_file_with_the_linear_section_of_before_is_refused_with_what_to_write(run: Run) -> None:
    values = {**run.config.model_dump(exclude_none=True), "linear": {"fields": ["tags"]}}
    with pytest.raises(ConfigError, match=r"\[linear\] is gone.*name = \"blend\""):
        type(run.config).parse(values, origin="old.toml")


def test_it_learns_planted_interests_and_says_what_was_chosen(run: Run) -> None:
    assert (
        evaluate(run.interests().model, run.interests().shards("test"), [3], len(run.interests().tags)).mean("prec@3")
        > 0.8
    )
    chosen = read_chosen(run.folder / "models" / "tags")
    assert set(chosen.judged) == {BLEND, *chosen.ahead}
    assert chosen.judged[BLEND] > chosen.judged["popularity"] + 0.1
    assert chosen.users > 40
    assert set(chosen.without) == {"own tags", "ridge regression", "other fields"}


def test_preferences_are_the_sum_of_the_paths(run: Run, deep_run: Run) -> None:
    for one in (run, deep_run):
        model, shard = blend_of(one), one.interests().shards("test")[0]
        batch = model.batch(shard, slice(0, len(shard)))
        whole = model.preferences(batch, model.users(batch))
        for tag in (RESERVED, RESERVED + 5):
            paths = model.paths(batch, tag)
            torch.testing.assert_close(sum(paths.values()), whole[:, tag])
            torch.testing.assert_close(model.preference(batch, tag), whole[:, tag])


def test_own_tags_add_only_to_themselves(run: Run) -> None:
    model, shard = blend_of(run), run.interests().shards("test")[0]
    batch = model.batch(shard, slice(0, len(shard)))
    bare = model.users(batch) @ model.tags().T
    added = model.preferences(batch, model.users(batch)) - bare
    for row, own in zip(added[:, RESERVED:], batch.own.ids_BH if batch.own else [], strict=True):
        others = sorted(set(range(RESERVED, len(run.interests().tags))) - set(own.tolist()))
        assert not row[np.array(others) - RESERVED].abs().gt(1e-6).any()


def test_weights_save_and_load(run: Run) -> None:
    again = Run.open(run.folder)
    torch.testing.assert_close(preferences(again), preferences(run), rtol=0, atol=0)
    assert (run.folder / "models" / "tags" / BLEND_WEIGHTS).exists()


def test_a_run_without_a_deep_model_trains_none_and_one_with_it_gives_it_the_share_it_earns(
    run: Run, deep_run: Run
) -> None:
    assert run.interests().section.trained is None
    assert not (run.folder / "models" / "tags" / "weights.safetensors").exists()
    chosen = read_chosen(deep_run.folder / "models" / "tags")
    assert chosen.deep is not None
    mean, error = chosen.deep
    assert (chosen.gain > 0) == (mean > error)
    assert (blend_of(deep_run).gain > 0) == (chosen.gain > 0)


def test_another_deep_model_does_not_load(deep_run: Run) -> None:
    with pytest.raises(CheckpointError, match="rank was 5, is 7"):
        replace(deep_run, config=changed(deep_run.config, model={"rank": 7})).interests().load()


@pytest.mark.parametrize("name", ["popularity", "own counts", "own counts, faded", "ridge", "ridge, all windows"])
def test_a_baseline_that_is_served_ranks_as_the_baseline_does(run: Run, name: str) -> None:
    judge, size = Ndcg(run.interests().shards("valid"), len(run.interests().tags)), len(run.interests().tags)
    ridges = fit_ridges(run.interests().shards("train"), size, judge, forward=False)
    served = baseline_as_blend(name, run.interests().tags.counts_by_id, ridges.get(name))
    scorer = fit_baselines(run.interests().tags.counts, run.interests().shards("train"), judge, forward=False)[name]
    found, wanted = (evaluate(one, run.interests().shards("test"), [1, 5], size) for one in (served, scorer))
    assert_same(found, wanted)


def assert_same(found: Result, wanted: Result) -> None:
    for metric in wanted.users.columns[1:]:
        np.testing.assert_allclose(found.users[metric].to_numpy(), wanted.users[metric].to_numpy(), atol=1e-12)


def test_a_baseline_is_served_only_where_it_is_better_by_more_than_one_standard_error() -> None:
    rng = np.random.default_rng(0)
    blend, noise = rng.random((400, 2)), rng.normal(0, 0.1, (400, 1))
    mix = Mix(tuple(OWN_BLOCKS), 30.0, 0.5)
    found = {mix: blend, Mix((), 0.0, 1.0): blend - 1, Mix(tuple(OWN_BLOCKS), 30.0, 0.0): blend - 1}
    level = blend + noise - noise.mean() + 0.5 * noise.std(ddof=1) / 20
    better = blend + noise - noise.mean() + 1.5 * noise.std(ddof=1) / 20
    assert _choose(found, {"own counts": level}).served == BLEND
    chosen = _choose(found, {"own counts": level, "ridge": better, "popularity": blend - 1})
    assert chosen.served == "ridge"
    assert chosen.mix == mix
    assert Chosen.from_json(chosen.as_json()) == chosen


def test_of_few_users_a_baseline_that_is_better_at_all_is_served() -> None:
    mixes = (Mix(tuple(OWN_BLOCKS), 30.0, 0.5), Mix((), 0.0, 1.0), Mix(tuple(OWN_BLOCKS), 30.0, 0.0))
    for users, served in ((FEW_USERS - 1, "own counts"), (FEW_USERS, BLEND)):
        blend = np.random.default_rng(0).random((users, 2))
        found = dict(zip(mixes, (blend, blend - 1, blend - 1), strict=True))
        better = blend + np.where(np.arange(users) % 2, 0.1, -0.099)[:, None]
        assert _choose(found, {"own counts": better}).served == served


def test_the_same_is_chosen_whatever_order_the_log_has(run: Run, tmp_path: Path) -> None:
    write_planted_log(tmp_path, users=90)
    events = pl.read_parquet(tmp_path / "events.parquet").sample(fraction=1.0, shuffle=True, seed=7)
    events.write_parquet(tmp_path / "events.parquet")
    again = Run.start(run.config, tmp_path / "run", base=tmp_path)
    again.prepare()
    again.train()
    assert read_chosen(again.folder / "models" / "tags").mix == read_chosen(run.folder / "models" / "tags").mix


def test_users_of_whom_nothing_is_known_get_what_everybody_gets(run: Run) -> None:
    model, shard = blend_of(run), run.interests().shards("test")[0]
    batch = model.batch(shard, slice(0, 1))
    assert batch.own
    nothing = replace(
        batch,
        ids={name: ids * PAD for name, ids in batch.ids.items()},
        own=replace(batch.own, ids_BH=batch.own.ids_BH * PAD, facts_BHF=batch.own.facts_BHF * 0),
    )
    torch.testing.assert_close(
        model.preferences(nothing, model.users(nothing))[0, RESERVED:], model.linear.bias[RESERVED:]
    )


def test_days_on_a_common_clock_are_judged_forward(tmp_path: Path) -> None:
    """Each day everybody clicks the same new tag: who fits to the judged day would know it."""
    days, users = 6, 60
    made = [
        (f"u{user}", f"i{day}-{number}", 1_700_000_000 + 86_400 * day + 600 * number + user, f"t{day}")
        for user in range(users)
        for day in range(days)
        for number in range(3)
    ]
    frame = pl.DataFrame(made, schema=["user", "item", "time", "tag"], orient="row")
    frame.write_parquet(tmp_path / "events.parquet")
    frame.select("item", tags="tag").unique().write_parquet(tmp_path / "items.parquet")
    (tmp_path / "run.toml").write_text(
        """
logs.tables.events = { files = "events.parquet", user = "user", item = "item", time = "time" }
logs.tables.items = { files = "items.parquet", item = "item", fields = { tags = "tags" } }
features = { fields = [{ name = "tags" }] }
labels = { by = "days", days = 1.0, windows = 3 }
""",
        encoding="utf-8",
    )
    run = Run.start(tmp_path / "run.toml", tmp_path / "run")
    run.prepare()
    run.train()
    assert read_chosen(run.folder / "models" / "tags").judged["ridge"] < 0.7


def test_facts_of_own_tags_are_in_the_shards(run: Run) -> None:
    shard = run.interests().shards("test")[0]
    assert {f"history.{fact}" for fact in FACTS} - set(shard.arrays) == {"history.clicks"}  # those are the counts
