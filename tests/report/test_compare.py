"""Differences are paired by user, and the words follow from them."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.errors import ReportError
from penchant.report.compare import Paired, deciding, shown_metrics, verdict
from penchant.report.groups import group_runs
from penchant.report.numbers import Difference
from tests.report.folders import chosen_of, config_of, facts_of, gathered, noise

WIDE = {"embedding": 32}


def test_differences_are_means_over_seeds_paired_by_user(tmp_path: Path) -> None:
    first = [facts_of(tmp_path / f"a{seed}", config_of(training={"seed": seed}), [0.1 * seed, 0.5]) for seed in (0, 1)]
    other = facts_of(tmp_path / "b", config_of(model=WIDE), [0.45, 0.6, 0.9])
    paired = Paired(group_runs([*first, other]), ["prec@1"])
    seeds, wide = paired.groups
    said = paired.minus(wide, seeds, paired.users(seeds))["prec@1"]
    differences = np.array([0.45 - 0.05, 0.6 - 0.5])
    assert said.mean == pytest.approx(differences.mean())
    assert said.half == pytest.approx(1.959964 * differences.std(ddof=1) / 2**0.5)
    assert said.half_seeds is None


def test_seeds_add_their_own_interval(tmp_path: Path) -> None:
    runs = [
        facts_of(tmp_path / f"{width}-{seed}", config_of(model={"embedding": width}, training={"seed": seed}), [value])
        for width, values in ((8, (0.1, 0.2, 0.3)), (32, (0.5, 0.5, 0.8)))
        for seed, value in enumerate(values)
    ]
    paired = Paired(group_runs(runs), ["prec@1"])
    narrow, wide = paired.groups
    said = paired.minus(wide, narrow, paired.users(narrow))["prec@1"]
    halves = [4.303 * np.std(values, ddof=1) / 3**0.5 for values in ((0.1, 0.2, 0.3), (0.5, 0.5, 0.8))]
    assert said.half_seeds == pytest.approx(sum(half**2 for half in halves) ** 0.5)
    assert said.mean == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("mean", "half", "seeds", "sign"),
    [(0.2, 0.1, None, 1), (0.2, 0.1, 0.3, 0), (-0.2, 0.1, 0.1, -1), (0.1, 0.1, None, 0), (-0.05, 0.1, None, 0)],
)
def test_a_difference_is_clear_where_no_interval_touches_zero(
    mean: float, half: float, seeds: float | None, sign: int
) -> None:
    assert Difference(mean, half, seeds).sign == sign


@pytest.mark.parametrize(
    ("ridge", "said"),
    [(0.2, "It is better than the best baseline, ridge: +0."), (0.5, "It is not clearly better than"), (0.8, "worse")],
)
def test_the_verdict_says_who_wins(tmp_path: Path, ridge: float, said: str) -> None:
    baselines = {"popularity": noise(5, 0.1), "ridge": noise(6, ridge)}
    best = facts_of(tmp_path / "a", config_of(), noise(1, 0.5), baselines=baselines)
    near = facts_of(tmp_path / "b", config_of(model=WIDE), noise(2, 0.49), baselines=baselines)
    far = facts_of(tmp_path / "c", config_of(model={"query": 9}), noise(3, 0.2), baselines=baselines)
    (data,) = gathered([far, best, near]).data_sets
    words = " ".join(data.verdict)
    assert said in words
    assert "At NDCG@10, UTPM AF-2head+CF" in words
    assert "is the best of 3 configurations" in words
    assert "1 of the others is clearly below it: UTPM AF-2head+CF, query=9" in words
    assert (
        "Not to be told apart from it: UTPM AF-2head+CF, embedding=32" in words or "embedding=32 is the best" in words
    )
    assert "a single seed" in words


def test_one_run_is_not_the_best_of_many(tmp_path: Path) -> None:
    (data,) = gathered([facts_of(tmp_path / "a", config_of(), [0.5, 0.7])]).data_sets
    assert data.verdict[0] == "At NDCG@10, UTPM AF-2head+CF has 0.600."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["left them out, the blend differed from the best baseline, “ridge”, by +0.010 ±0.010."]),
        (
            {"served": "ridge", "ahead": {"ridge": (-0.02, 0.005)}},
            ["It serves “ridge”, a baseline.", "the blend differed from “ridge” by −0.020 ±0.010, so that baseline"],
        ),
        (
            {"gain": 0.25, "deep": (0.004, 0.001)},
            ["The deep model makes 20% of how preferences spread: +0.004 ±0.002 for validation users."],
        ),
        ({"deep": (0.00002, 0.0001)}, ["The deep model earned no share: +0.0000 ±0.0002 for validation users."]),
    ],
)
def test_the_verdict_says_what_was_chosen_on_which_evidence(
    tmp_path: Path, changes: dict[str, Any], said: list[str]
) -> None:
    (data,) = gathered([facts_of(tmp_path / "a", config_of(), [0.5, 0.7], chosen=chosen_of(**changes))]).data_sets
    words = " ".join(data.verdict)
    assert all(one in words for one in said)
    assert "On 1,234 training users" in words


def test_levels_are_those_of_users_left_out_of_the_fit_or_else_of_test_users(tmp_path: Path) -> None:
    baselines = {"popularity": [0.1, 0.3]}
    (blend,) = gathered([facts_of(tmp_path / "a", config_of(), [0.5, 0.7], chosen=chosen_of())]).data_sets
    assert {one.name: one.score for one in blend.levels} == {
        "blend": 0.5,
        "popularity": 0.2,
        "ridge": 0.49,
        "blend without own tags": pytest.approx(0.48),
        "blend without other fields": 0.5,
    }
    assert {one.of for one in blend.levels} == {"1,234 training users, each judged by a fit that left them out"}
    (other,) = gathered([facts_of(tmp_path / "b", config_of(), [0.5, 0.7], baselines=baselines)]).data_sets
    assert [(one.name, one.of) for one in other.levels] == [("popularity", "test users")]
    assert other.levels[0].score == pytest.approx(0.2)


def test_different_data_is_never_in_one_table(tmp_path: Path) -> None:
    one = facts_of(tmp_path / "a", config_of(), [0.5, 0.7])
    other = facts_of(tmp_path / "b", config_of(training={"seed": 1}), [0.5, 0.7], log="another")
    assert [len(data.groups) for data in gathered([one, other]).data_sets] == [1, 1]


def test_a_report_on_nothing_is_refused() -> None:
    with pytest.raises(ReportError, match="at least one run folder"):
        gathered([])


def test_runs_that_share_no_metric_are_refused(tmp_path: Path) -> None:
    one = facts_of(tmp_path / "a", config_of(), [0.5, 0.7], metrics=("prec@1",))
    other = facts_of(tmp_path / "b", config_of(model=WIDE), [0.5, 0.7], metrics=("prec@4",))
    with pytest.raises(ReportError, match=r"no metric in common \(.*a: prec@1; .*b: prec@4\)"):
        gathered([one, other])


def test_runs_that_share_no_user_are_refused(tmp_path: Path) -> None:
    one = facts_of(tmp_path / "a", config_of(), [0.5, 0.7])
    other = facts_of(tmp_path / "b", config_of(model=WIDE), [0.5, 0.7])
    path = other.folder / "scores" / "tags.parquet"
    pl.read_parquet(path).with_columns(pl.col("user") + " of another run").write_parquet(path)
    paired = Paired(group_runs([one, other]), ["prec@1"])
    with pytest.raises(ReportError, match=r"UTPM AF-2head\+CF, embedding=32 and UTPM AF-2head\+CF share no test user"):
        paired.minus("UTPM AF-2head+CF, embedding=32", "UTPM AF-2head+CF", paired.users("UTPM AF-2head+CF"))


def test_unusual_metrics_are_shown_where_the_usual_ones_are_not_there(tmp_path: Path) -> None:
    odd = ("prec@4", "recall@4", "ndcg@4")
    groups = group_runs([facts_of(tmp_path / "a", config_of(), [0.5, 0.7], metrics=odd)])
    assert shown_metrics(groups) == ["prec@4", "ndcg@4"]
    assert deciding(["prec@4", "ndcg@4", "ndcg@2"]) == "ndcg@4"
    assert next(verdict(Paired(groups, ["ndcg@4"]), [], "ndcg@4")).startswith("At NDCG@4")
