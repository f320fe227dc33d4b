"""Estimates, their intervals, and contestants side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from penchant.evaluation.estimates import Estimate, interval, resamples
from penchant.evaluation.examine import examine


def test_interval_of_known_spread() -> None:
    """Standard deviation of 0, 1, 1, 0 is √(1/3); over 4 users 1.96 · √(1/3) / 2."""
    mean, half = interval(np.array([0.0, 1.0, 1.0, 0.0]))
    assert mean == 0.5
    assert half == pytest.approx(1.959964 * (1 / 3) ** 0.5 / 2)
    assert interval(np.array([0.7])) == (0.7, 0.0)


def test_resamples_draw_as_many_owners_as_there_are_and_the_seed_decides_which() -> None:
    first, again, other = (np.array(list(resamples(50, 4, seed))) for seed in (1, 1, 2))
    assert first.sum(1).tolist() == [50] * 4
    assert (first == again).all()
    assert (first != other).any()


def test_an_estimate_over_users_has_the_interval_of_their_mean() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0])
    assert Estimate.over(values).as_json() == dict(zip(("mean", "half"), interval(values), strict=True))
    level = Estimate.over(values).minus(Estimate.over(values - 0.25))
    assert level.as_json() == {"mean": 0.25, "half": 0.0}


RESAMPLED = [(0.6, [0.5, 0.7, np.nan]), (0.5, [0.5, 0.6, np.nan])]


def test_an_estimate_from_resamples_has_their_spread_and_leaves_out_those_without_an_answer() -> None:
    one, other = (Estimate(mean, np.array(drawn), resampled=True) for mean, drawn in RESAMPLED)
    assert one.half == pytest.approx(1.959964 * 0.02**0.5)
    assert one.minus(other).mean == pytest.approx(0.1)
    assert one.minus(other).half == pytest.approx(1.959964 * 0.1 / 2**0.5)


def test_without_spread_there_is_a_mean_alone() -> None:
    assert Estimate.bare(0.3).as_json() == {"mean": 0.3}
    assert Estimate(0.3, np.array([np.nan, 0.3]), resampled=True).as_json() == {"mean": 0.3}


def test_a_paired_difference_is_of_each_value() -> None:
    one, other = np.array([0.1, 0.7, 0.4]), np.array([0.3, 0.2, 0.4])
    said = Estimate.over(one).minus(Estimate.over(other)).as_json()
    assert said == dict(zip(("mean", "half"), interval(one - other), strict=True))


@dataclass(frozen=True)
class Told:
    """What is told of a contestant."""

    found: Mapping[str, Estimate]

    def estimates(self) -> Mapping[str, Estimate]:
        return self.found


def test_contestants_are_measured_side_by_side_and_the_others_paired_with_the_reference() -> None:
    asked: list[str] = []

    def ask(name: str, values: np.ndarray) -> Told:
        asked.append(name)
        return Told({"prec@1": Estimate.over(values), "coverage@1": Estimate.bare(len(asked) / 10)})

    values = {"model": np.array([1.0, 0.0, 1.0]), "baseline": np.array([0.0, 0.0, 1.0])}
    examined = examine(values, ask)
    assert asked == ["model", "baseline"]
    assert examined.scores()["baseline"]["coverage@1"] == {"mean": 0.2}
    assert examined.scores()["model"]["prec@1"]["mean"] == pytest.approx(2 / 3)
    assert examined.minus("model") == {
        "baseline": {"prec@1": dict(zip(("mean", "half"), interval(np.array([1.0, 0.0, 0.0])), strict=True))}
    }


def test_only_metrics_that_both_have_are_compared() -> None:
    one, other = Estimate.over(np.array([1.0, 0.0])), Estimate.over(np.array([0.0, 0.0]))
    asked = {"model": {"auc": one, "auc.tail": one}, "baseline": {"auc": other}}
    examined = examine(asked, lambda _, found: Told(found))
    assert list(examined.minus("model")["baseline"]) == ["auc"]
    assert list(examined.minus("baseline")["model"]) == ["auc"]


@pytest.mark.filterwarnings("ignore:.*ean of empty slice", "ignore:invalid value:RuntimeWarning")
def test_where_nobody_was_measured_every_metric_is_there_and_not_a_number() -> None:
    nobody = {name: {"prec@1": Estimate.over(np.zeros(0))} for name in ("model", "baseline")}
    examined = examine(nobody, lambda _, found: Told(found))
    assert np.isnan(examined.scores()["model"]["prec@1"]["mean"])
    assert np.isnan(examined.minus("model")["baseline"]["prec@1"]["mean"])
