"""Baselines and the protocol on a planted log."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.evaluation.baselines import OwnCounts, Popularity, make_baselines, popularity
from penchant.evaluation.judge import Ndcg
from penchant.evaluation.protocols.interests import Candidates, ModelScorer, compare, evaluate, summarize
from penchant.features.shards import Shard
from penchant.pipeline import Run
from penchant.training.ridge import PENALTIES, fit_ridges
from tests.planted import changed, write_planted_run


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
    return Ndcg(run.shards("valid"), len(run.tags))


def test_popularity_is_the_share_of_the_most_clicked(run: Run) -> None:
    scores = popularity(run.tags)
    assert scores[:2].tolist() == [-torch.inf] * 2
    assert scores[2] == 1.0
    np.testing.assert_allclose(scores[2:].numpy(), run.tags.counts / run.tags.counts.max(), rtol=1e-6)


def test_own_counts_rank_by_clicks_then_popularity(run: Run) -> None:
    shard = run.shards("test")[0]
    counts = dense(shard, "history.counts", len(run.tags))
    scores = OwnCounts(popularity(run.tags)).scores(shard, slice(0, len(shard))).numpy()
    for own, scored in zip(counts, scores, strict=True):
        expected = sorted(range(2, len(own)), key=lambda tag: (-own[tag], -popularity(run.tags)[tag].item(), tag))
        assert [own[tag] for tag in np.argsort(-scored[2:], kind="stable") + 2] == [own[tag] for tag in expected]
    assert np.isneginf(scores[:, :2]).all()


def test_faded_counts_are_never_more_than_counts(run: Run) -> None:
    shard = run.shards("test")[0]
    assert (shard.arrays["history.faded"] <= shard.arrays["history.counts"]).all()
    assert (shard.arrays["history.faded"] < shard.arrays["history.counts"]).any()


def test_ridge_is_the_closed_form(run: Run) -> None:
    train, width = run.shards("train"), len(run.tags)
    x = np.concatenate([np.log1p(dense(shard, "history.counts", width)) for shard in train])
    y = np.concatenate([dense(shard, "truth", width) for shard in train])
    ridge = fit_ridges(train, width, judge(run), forward=False)["ridge"]
    centred_x, centred_y = x - x.mean(0), y - y.mean(0)
    fits = {
        penalty: np.linalg.solve(centred_x.T @ centred_x + penalty * np.eye(width), centred_x.T @ centred_y)
        for penalty in PENALTIES
    }
    assert any(np.allclose(ridge.weight_VV, weights, atol=1e-5) for weights in fits.values())
    np.testing.assert_allclose(ridge.bias_V, y.mean(0) - x.mean(0) @ ridge.weight_VV, atol=1e-5)


def test_every_baseline_beats_popularity_where_interests_are_planted(run: Run) -> None:
    test, width = run.shards("test"), len(run.tags)
    made = make_baselines(run.tags, run.shards("train"), judge(run), forward=False)
    found = {name: evaluate(scorer, test, [1, 3], width).mean("prec@3") for name, scorer in made.items()}
    assert list(found) == ["popularity", "own counts", "own counts, faded", "ridge"]
    assert all(score > found["popularity"] + 0.1 for name, score in found.items() if name != "popularity")


def test_ridge_is_left_out_for_a_large_vocabulary(run: Run) -> None:
    tags, shards = len(run.tags), run.shards("train")
    assert fit_ridges(shards, tags, judge(run), forward=False, most_tags=tags - 1) == {}
    assert "ridge" in fit_ridges(shards, tags, judge(run), forward=False, most_tags=tags)


def test_evaluation_in_small_blocks_is_the_same(run: Run) -> None:
    scorer, test, width = OwnCounts(popularity(run.tags)), run.shards("test"), len(run.tags)
    whole = evaluate(scorer, test, [1, 5], width)
    parts = evaluate(scorer, test, [1, 5], width, at_once=3 * width)
    assert parts.users.equals(whole.users)
    assert parts.coverage == whole.coverage


def test_a_comparison_is_paired_by_user(run: Run) -> None:
    test, width = run.shards("test"), len(run.tags)
    own = evaluate(OwnCounts(popularity(run.tags)), test, [1], width)
    popular = evaluate(Popularity(popularity(run.tags)), test, [1], width)
    difference = (own.users["prec@1"] - popular.users["prec@1"]).to_numpy()
    said = compare(own, popular)["prec@1"]
    assert said["mean"] == pytest.approx(difference.mean())
    assert said["half"] == pytest.approx(1.959964 * difference.std(ddof=1) / len(difference) ** 0.5)
    assert compare(own, own)["prec@1"] == {"mean": 0.0, "half": 0.0}


def test_more_places_than_tags_rank_them_all(run: Run) -> None:
    result = evaluate(OwnCounts(popularity(run.tags)), run.shards("test"), [1, 500], len(run.tags))
    assert result.coverage["coverage@500"] == 1.0
    assert result.mean("recall@500") == 1.0


def test_the_trained_model_learns_the_planted_interests(run: Run) -> None:
    model = run.train()
    result = evaluate(ModelScorer(model), run.shards("test"), [1, 3], len(run.tags))
    assert result.mean("prec@3") > 0.8
    assert set(summarize(result)) == {f"{m}@{k}" for m in ("prec", "recall", "ndcg", "coverage") for k in (1, 3)}


def test_metrics_of_every_test_user_are_kept(run: Run, tmp_path: Path) -> None:
    run.train()
    run.evaluate()
    kept = pl.read_parquet(run.folder / "metrics.parquet")
    assert set(kept["scorer"].unique()) == {"model", "popularity", "own counts", "own counts, faded", "ridge"}
    assert len(kept) == 5 * run.metrics["samples"]["test"]


@dataclass(frozen=True)
class Fixed:
    """The same for everybody, without ties."""

    scores_V: torch.Tensor

    def scores(self, _: Shard, rows: slice) -> torch.Tensor:
        return self.scores_V.expand(rows.stop - rows.start, -1)


@pytest.fixture(scope="module")
def fixed(run: Run) -> Fixed:
    scores_V = torch.randperm(len(run.tags), generator=torch.Generator().manual_seed(3)).float()
    return Fixed(scores_V.index_fill(0, torch.tensor([0, 1]), -torch.inf))


@pytest.mark.parametrize("candidates", ["all", "new"])
def test_without_an_opinion_every_user_has_what_a_draw_gives(run: Run, candidates: Candidates) -> None:
    tags, test = len(run.tags), run.shards("test")
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
    test, tags = short.shards("test"), len(run.tags)
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
    test, tags = run.shards("test"), len(run.tags)
    expected = []
    for shard in test:
        true = dense(shard, "truth", tags) > 0
        for labels, asked in zip(shard.arrays["label.tags"].numpy(), true, strict=True):
            candidates = np.array(sorted({*labels.ravel().tolist(), *np.flatnonzero(asked)} - {0}))
            best = candidates[fixed.scores_V.numpy()[candidates].argsort()[::-1][:2]]
            expected.append(asked[best].sum() / min(2, asked.sum()))
    shown = evaluate(fixed, test, [2], tags, "shown")
    np.testing.assert_allclose(shown.users["prec@2"].to_numpy(), expected)
    assert shown.mean("prec@2") > evaluate(fixed, test, [2], tags).mean("prec@2")


def test_baselines_are_measured_once_for_the_data_and_again_for_other_questions(run: Run, tmp_path: Path) -> None:
    model = changed(run.config, training={"epochs": 1})
    first = Run.start(model, tmp_path / "run", base=run.base)
    kept = first.prepare().folder / "baselines.parquet"
    first.train()
    found, measured = first.evaluate()["scores"], kept.stat().st_mtime_ns
    assert Run.open(first.folder).evaluate()["scores"] == found
    assert kept.stat().st_mtime_ns == measured
    other = Run(first.folder, changed(model, evaluation={"at": [4]}), first.base)
    assert "prec@4" in other.evaluate()["scores"]["popularity"]
    assert kept.stat().st_mtime_ns > measured
