"""Baselines and the protocol on a planted log."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.errors import PromiseError
from penchant.evaluation.examine import Examination
from penchant.evaluation.judge import Ndcg
from penchant.evaluation.protocols.interests import Candidates, evaluate, examine_preferences, scores_of
from penchant.features.shards import Batch, Shard
from penchant.models.base import Sizes
from penchant.models.catalog import OWN_BASELINES
from penchant.models.interests.counts import OwnCounts, Popularity
from penchant.models.interests.promise import Preferences
from penchant.pipeline import Run
from penchant.training.baselines import fit_baselines
from penchant.training.ridge import PENALTIES, fit_ridges
from tests.helpers.planted import changed, write_planted_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("planted")
    run = Run.start(write_planted_run(folder), folder / "run")
    run.prepare()
    return run


def dense(shard: Shard, name: str, vocabulary: int) -> np.ndarray:
    lists = shard.history if name.startswith("history") else shard.truth
    made = np.zeros((len(shard), vocabulary))
    owner = np.repeat(np.arange(len(shard)), lists.lengths)
    made[owner, lists.values] = shard.arrays[name].numpy() if name.startswith("history") else 1.0
    return made


def judge(run: Run) -> Ndcg:
    return Ndcg(run.interests().shards("valid"), len(run.interests().tags))


def test_popularity_is_the_share_of_the_most_clicked(run: Run) -> None:
    scores = Popularity(run.interests().tags.counts).popularity
    assert scores[:2].tolist() == [-torch.inf] * 2
    assert scores[2] == 1.0
    np.testing.assert_allclose(
        scores[2:].numpy(), run.interests().tags.counts / run.interests().tags.counts.max(), rtol=1e-6
    )


def test_own_counts_rank_by_clicks_then_popularity(run: Run) -> None:
    shard = run.interests().shards("test")[0]
    counts = dense(shard, "history.counts", len(run.interests().tags))
    scores = scores_of(OwnCounts(run.interests().tags.counts), shard, slice(0, len(shard))).numpy()
    popular = run.interests().tags.counts_by_id
    for own, scored in zip(counts, scores, strict=True):
        expected = sorted(range(2, len(own)), key=lambda tag: (-own[tag], -popular[tag], tag))
        assert [own[tag] for tag in np.argsort(-scored[2:], kind="stable") + 2] == [own[tag] for tag in expected]
    assert np.isneginf(scores[:, :2]).all()


def test_faded_counts_are_never_more_than_counts(run: Run) -> None:
    shard = run.interests().shards("test")[0]
    assert (shard.arrays["history.faded"] <= shard.arrays["history.counts"]).all()
    assert (shard.arrays["history.faded"] < shard.arrays["history.counts"]).any()


def test_ridge_is_the_closed_form(run: Run) -> None:
    train, width = run.interests().shards("train"), len(run.interests().tags)
    x = np.concatenate([np.log1p(dense(shard, "history.counts", width)) for shard in train])
    y = np.concatenate([dense(shard, "truth", width) for shard in train])
    ridge = fit_ridges(train, width, judge(run), forward=False)["ridge"].model
    weight_VV = ridge.weight.numpy()
    centred_x, centred_y = x - x.mean(0), y - y.mean(0)
    fits = {
        penalty: np.linalg.solve(centred_x.T @ centred_x + penalty * np.eye(width), centred_x.T @ centred_y)
        for penalty in PENALTIES
    }
    assert any(np.allclose(weight_VV, weights, atol=1e-5) for weights in fits.values())
    np.testing.assert_allclose(ridge.bias.numpy(), y.mean(0) - x.mean(0) @ weight_VV, atol=1e-5)


def test_every_baseline_beats_popularity_where_interests_are_planted(run: Run) -> None:
    test, width = run.interests().shards("test"), len(run.interests().tags)
    made = fit_baselines(run.interests().tags.counts, run.interests().shards("train"), judge(run), forward=False)
    found = {name: evaluate(scorer, test, [1, 3], width).mean("prec@3") for name, scorer in made.items()}
    assert list(found) == ["popularity", "own counts", "own counts, faded", "ridge"]
    assert {*found} <= {*OWN_BASELINES}, "no other package may take these names"
    assert all(score > found["popularity"] + 0.1 for name, score in found.items() if name != "popularity")


def test_ridge_is_left_out_for_a_large_vocabulary(run: Run) -> None:
    tags, shards = len(run.interests().tags), run.interests().shards("train")
    assert fit_ridges(shards, tags, judge(run), forward=False, most_tags=tags - 1) == {}
    assert "ridge" in fit_ridges(shards, tags, judge(run), forward=False, most_tags=tags)


def test_evaluation_in_small_blocks_is_the_same(run: Run) -> None:
    interests = run.interests()
    scorer, test, width = OwnCounts(interests.tags.counts), interests.shards("test"), len(interests.tags)
    whole = evaluate(scorer, test, [1, 5], width)
    parts = evaluate(scorer, test, [1, 5], width, at_once=3 * width)
    assert parts.users.equals(whole.users)
    assert parts.coverage == whole.coverage


def test_a_comparison_is_paired_by_user(run: Run) -> None:
    test, width = run.interests().shards("test"), len(run.interests().tags)
    own = evaluate(OwnCounts(run.interests().tags.counts), test, [1], width)
    popular = evaluate(Popularity(run.interests().tags.counts), test, [1], width)
    difference = (own.users["prec@1"] - popular.users["prec@1"]).to_numpy()
    examined = Examination({"own": own, "popular": popular, "again": own})
    said = examined.minus("own")["popular"]["prec@1"]
    assert said["mean"] == pytest.approx(difference.mean())
    assert said["half"] == pytest.approx(1.959964 * difference.std(ddof=1) / len(difference) ** 0.5)
    assert examined.minus("own")["again"]["prec@1"] == {"mean": 0.0, "half": 0.0}
    assert set(examined.minus("popular")) == {"own", "again"}


def test_more_places_than_tags_rank_them_all(run: Run) -> None:
    result = evaluate(
        OwnCounts(run.interests().tags.counts), run.interests().shards("test"), [1, 500], len(run.interests().tags)
    )
    assert result.coverage["coverage@500"] == 1.0
    assert result.mean("recall@500") == 1.0


def test_the_trained_model_learns_the_planted_interests(run: Run) -> None:
    run.train()
    result = evaluate(run.interests().model, run.interests().shards("test"), [1, 3], len(run.interests().tags))
    assert result.mean("prec@3") > 0.8
    assert set(result.estimates()) == {f"{m}@{k}" for m in ("prec", "recall", "ndcg", "coverage") for k in (1, 3)}


def test_metrics_of_every_test_user_are_kept(run: Run, tmp_path: Path) -> None:
    run.train()
    run.evaluate()
    kept = pl.read_parquet(run.scores_of("tags").with_suffix(".parquet"))
    assert set(kept["scorer"].unique()) == {"model", "popularity", "own counts", "own counts, faded", "ridge"}
    assert len(kept) == 5 * run.interests().metrics["samples"]["test"]


class Fixed(Preferences):
    """The same scores for everybody."""

    reads_own = True
    scores_V: torch.Tensor

    def __init__(self, scores_V: torch.Tensor) -> None:
        super().__init__()
        self.sizes = Sizes({}, len(scores_V))
        self.register_buffer("scores_V", scores_V)

    def preferences(self, batch: Batch) -> torch.Tensor:
        return self.scores_V.expand(len(batch), -1)


@pytest.fixture(scope="module")
def fixed(run: Run) -> Fixed:
    """Without ties."""
    scores_V = torch.randperm(len(run.interests().tags), generator=torch.Generator().manual_seed(3)).float()
    return Fixed(scores_V.index_fill(0, torch.tensor([0, 1]), -torch.inf))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda scores_V: scores_V.index_fill(0, torch.tensor([3]), torch.nan), "gives NaN or infinity in .* places"),
        (lambda scores_V: scores_V.index_fill(0, torch.tensor([3]), torch.inf), "gives NaN or infinity in .* places"),
        (lambda scores_V: scores_V[:-1], r"has to give numbers of shape \(.*\), but gave shape .*PreferencesContract"),
    ],
)
def test_preferences_that_rank_nothing_are_refused_by_name(
    run: Run, fixed: Fixed, broken: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    test, tags = run.interests().shards("test"), len(run.interests().tags)
    kept = examine_preferences("the baseline 'rare'", fixed, test, [3], tags, "all")
    assert kept.users.equals(evaluate(fixed, test, [3], tags).users)
    with pytest.raises(PromiseError, match=f"the baseline 'rare' {said}"):
        examine_preferences("the baseline 'rare'", Fixed(broken(fixed.scores_V)), test, [3], tags, "all")


@pytest.mark.parametrize("candidates", ["all", "new"])
def test_without_an_opinion_every_user_has_what_a_draw_gives(run: Run, candidates: Candidates) -> None:
    tags, test = len(run.interests().tags), run.interests().shards("test")
    level = Fixed(torch.zeros(tags).index_fill(0, torch.tensor([0, 1]), -torch.inf))
    found = {row["user"]: row for row in evaluate(level, test, [1, 4], tags, candidates).users.rows(named=True)}
    for shard in test:
        seen = dense(shard, "history.counts", tags) > 0 if candidates == "new" else np.zeros((len(shard), tags), bool)
        true = dense(shard, "truth", tags) > 0
        for user, barred, asked in zip(shard.users, seen, true & ~seen, strict=True):
            share = asked.sum() / (~barred[2:]).sum()
            if asked.any():
                assert found[user]["prec@1"] == pytest.approx(share, abs=1e-12)
                assert found[user]["recall@4"] == pytest.approx(
                    min(4, (~barred[2:]).sum()) * share / asked.sum(), abs=1e-12
                )


def test_new_candidates_leave_the_history_out(run: Run, fixed: Fixed, tmp_path: Path) -> None:
    short = Run.start(changed(run.config, labels={"share": 0.9}), tmp_path / "run", base=run.base)
    short.prepare()
    test, tags = short.interests().shards("test"), len(run.interests().tags)
    expected = {}
    for shard in test:
        seen, true = dense(shard, "history.counts", tags) > 0, dense(shard, "truth", tags) > 0
        for user, known, asked in zip(shard.users, seen, true & ~seen, strict=True):
            if asked.any():
                best = np.where(known, -np.inf, fixed.scores_V.numpy()).argsort()[::-1][:3]
                expected[user] = asked[best].sum() / min(3, asked.sum())
    assert 0 < len(expected) < sum(map(len, test))
    new = evaluate(fixed, test, [3], tags, "new").users
    assert dict(zip(new["user"], new["prec@3"], strict=True)) == pytest.approx(expected)


def test_shown_candidates_are_the_tags_of_the_window(run: Run, fixed: Fixed) -> None:
    test, tags = run.interests().shards("test"), len(run.interests().tags)
    expected = []
    for shard in test:
        true = dense(shard, "truth", tags) > 0
        for labels, asked in zip(shard.labels(slice(None))[0].numpy(), true, strict=True):
            candidates = np.array(sorted({*labels.ravel().tolist(), *np.flatnonzero(asked)} - {0}))
            best = candidates[fixed.scores_V.numpy()[candidates].argsort()[::-1][:2]]
            expected.append(asked[best].sum() / min(2, asked.sum()))
    shown = evaluate(fixed, test, [2], tags, "shown")
    np.testing.assert_allclose(shown.users["prec@2"].to_numpy(), expected)
    assert shown.mean("prec@2") > evaluate(fixed, test, [2], tags).mean("prec@2")


def test_baselines_are_measured_once_for_the_data_and_again_for_other_questions(run: Run, tmp_path: Path) -> None:
    model = changed(run.config, training={"epochs": 1})
    first = Run.start(model, tmp_path / "run", base=run.base)
    kept = first.prepare()[0].folder / "baselines-tags.parquet"
    first.train()
    found, measured = first.evaluate()["tags"]["scores"], kept.stat().st_mtime_ns
    assert Run.open(first.folder).evaluate()["tags"]["scores"] == found
    assert kept.stat().st_mtime_ns == measured
    other = Run(first.folder, changed(model, evaluation={"at": [4]}), first.base)
    assert "prec@4" in other.evaluate()["tags"]["scores"]["popularity"]
    assert kept.stat().st_mtime_ns > measured
