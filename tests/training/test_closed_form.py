"""The linear path: ridge regression cut to a low rank, as part of the inner product."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.errors import ConfigError
from penchant.evaluation.protocol import ModelScorer, evaluate
from penchant.features.shards import batch_of
from penchant.models.linear import WithLinearPath
from penchant.pipeline import Run
from penchant.training.closed_form import Moments, log_weights
from tests.planted import changed, write_planted_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("planted")
    path = write_planted_run(folder)
    path.write_text(path.read_text() + '\n[linear]\nfields = ["tags", "recent"]\nrank = 5\n', encoding="utf-8")
    run = Run.start(path, folder / "run")
    run.prepare()
    run.train()
    return run


def random_moments() -> tuple[Moments, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 7)) + 3, rng.normal(size=(200, 4))
    y[:, :2] += x[:, :2]
    moments = Moments(7, 4)
    moments.add(x[:120], y[:120])
    moments.add(x[120:], y[120:])
    return moments, x, y


def test_moments_solve_the_ridge_equations() -> None:
    moments, x, y = random_moments()
    for penalty, ridge in zip((3.0, 50.0), moments.solve((3.0, 50.0)), strict=True):
        centred_x, centred_y = x - x.mean(0), y - y.mean(0)
        expected = np.linalg.solve(centred_x.T @ centred_x + penalty * np.eye(7), centred_x.T @ centred_y)
        np.testing.assert_allclose(ridge.weight_XV, expected, atol=1e-9)
        np.testing.assert_allclose((x @ ridge.weight_XV + ridge.bias_V).mean(0), y.mean(0), atol=1e-9)


def test_full_rank_cuts_nothing_and_a_cut_keeps_the_mean() -> None:
    moments, x, y = random_moments()
    (ridge,) = moments.solve((3.0,))
    into, tag, bias = moments.reduce(ridge, 4)
    np.testing.assert_allclose(x @ into @ tag.T + bias, x @ ridge.weight_XV + ridge.bias_V, atol=1e-9)
    into, tag, bias = moments.reduce(ridge, 2)
    assert (into.shape, tag.shape) == ((7, 2), (4, 2))
    np.testing.assert_allclose((x @ into @ tag.T + bias).mean(0), y.mean(0), atol=1e-9)


def test_a_cut_is_the_best_of_its_rank() -> None:
    """By Eckart and Young, no fit of rank 2 is nearer to the full fit than the truncated singular values."""
    moments, x, _ = random_moments()
    (ridge,) = moments.solve((3.0,))
    into, tag, _ = moments.reduce(ridge, 2)
    centred = x - x.mean(0)
    lost = np.linalg.norm(centred @ (ridge.weight_XV - into @ tag.T))
    assert lost == pytest.approx(np.sqrt((np.linalg.svd(centred @ ridge.weight_XV)[1][2:] ** 2).sum()))


def test_preference_is_the_models_share_plus_the_linear_path(run: Run) -> None:
    both = run.model
    assert isinstance(both, WithLinearPath)
    shard = run.shards("test")[0]
    rows = slice(0, len(shard))
    batch = batch_of(shard, list(both.sizes.fields), rows)
    with torch.inference_mode():
        whole = both.preferences(both.users(batch))[:, 2:]
        own = both.gain * both.model.preferences(both.model.users(batch))[:, 2:]
    path = both.path
    linear = sum(
        log_weights(shard, field, rows, len(run.tags)) @ path.get_buffer(f"into_{field}").numpy() @ path.tag.numpy().T
        for field in path.fields
    )
    np.testing.assert_allclose(whole, own + torch.from_numpy(linear + path.bias.numpy())[:, 2:], rtol=1e-4, atol=1e-5)


def test_the_linear_path_learns_the_planted_interests(run: Run) -> None:
    both = run.model
    assert isinstance(both, WithLinearPath)
    alone = WithLinearPath(both.model, both.path, 0.0)
    assert evaluate(ModelScorer(alone), run.shards("test"), [3], len(run.tags)).mean("prec@3") > 0.8


def test_padding_changes_nothing_in_the_linear_path(run: Run) -> None:
    both = run.model
    assert isinstance(both, WithLinearPath)
    shard = run.shards("test")[0]
    bare = batch_of(shard, list(both.sizes.fields), slice(0, 1))
    padded = type(bare)(
        {name: torch.nn.functional.pad(ids, (0, 3)) for name, ids in bare.ids.items()},
        {name: torch.nn.functional.pad(weights, (0, 3), value=7.0) for name, weights in bare.weights.items()},
    )
    with torch.inference_mode():
        torch.testing.assert_close(both.users(bare), both.users(padded))


def test_profile_and_explanation_cover_the_linear_path(run: Run) -> None:
    profile = run.profile("u000")
    assert profile.clicked[0].tag.startswith("t0-")
    why = run.explain("u000")
    assert {effect.values[0].split(":")[0] for effect in why.alone} >= {"tags", "recent"}


def test_a_field_that_is_not_of_tags_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"linear\.fields: 'group' is not a field of 'tags', which is predicted"):
        changed(run.config, linear={"fields": ["group"]})


def test_a_linear_path_that_is_too_wide_is_refused_before_training(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penchant.training.closed_form.WIDEST", 20)
    again = Run.start(run.config, tmp_path / "run", base=run.base)
    with pytest.raises(ConfigError, match=r"would be 28 wide \(2 fields of 14 tags\), more than 20"):
        again.prepare()


def test_an_unknown_field_of_the_model_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"model\.fields: 'tegs' is not a field; there are tags, recent, item, group"):
        changed(run.config, model={"fields": ["tags", "tegs"]})


def test_a_model_without_a_share_has_no_attention(run: Run) -> None:
    both = run.model
    assert isinstance(both, WithLinearPath)
    alone = WithLinearPath(both.model, both.path, 0.0)
    shard = run.shards("test")[0]
    attention = alone.read(batch_of(shard, list(both.sizes.fields), slice(0, 5)))[1]
    assert not attention.fields.any()
    assert not any(values.any() for values in attention.values.values())
