"""Runs side by side: which are shown, which cannot be and why, and what their charts hold."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.dashboard.quality.comparison import compare, listed
from penchant.dashboard.quality.interests import MOST_LINES, as_series, by_epoch, few, places
from penchant.dashboard.quality.parts import LookalikePart, ProfilesPart, lookalike_parts, moment, profiles_parts
from penchant.dashboard.shell.charts import Chart
from penchant.evaluation.calibration import Bin
from penchant.operation.pages import RunsBeside
from tests.dashboard.quality_runs import BASELINES, HOSTILE, write, write_all
from tests.report.lookalike_folders import metrics_of, write_lookalike


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> RunsBeside:
    return RunsBeside(write_all(tmp_path_factory.mktemp("runs")))


def profiles(runs: RunsBeside, *names: str) -> ProfilesPart:
    return profiles_parts(runs.numbers(names))[0]


def audiences(runs: RunsBeside, *names: str) -> LookalikePart:
    return lookalike_parts(runs.numbers(names))[0]


def drawn(chart: Chart) -> dict[str, list[object]]:
    """By series what it has on the axis of names or numbers."""
    return {one.name: [x for x, _ in one.points] for one in chart.series}


def test_runs_are_shown_once_each_in_the_order_asked_for(runs: RunsBeside) -> None:
    found = compare(runs, ["own, seed 1", "own", "own, seed 1"])
    assert found.names == ["own, seed 1", "own"]
    assert found.numbers is runs.numbers(["own, seed 1", "own"])
    assert (found.absent, found.past, found.left_out, found.apart) == ([], [], {}, "")


def test_what_is_not_there_is_told_and_the_rest_is_shown(runs: RunsBeside) -> None:
    found = compare(runs, ["gone", "own", "../own"])
    assert (found.names, found.absent) == (["own"], ["gone", "../own"])
    assert compare(runs, ["gone"]).numbers is None


def test_a_damaged_run_does_not_keep_others_from_being_shown(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b", training={"loss": "joint"})
    (write(tmp_path, "bad", training={"seed": 3}) / "scores" / "tags.json").write_text("[]", encoding="utf-8")
    (write(tmp_path, "worse", training={"seed": 4}) / "log" / "found.json").unlink()
    runs = RunsBeside(tmp_path / "a")
    found = compare(runs, ["bad", "a", "worse", "b"])
    assert found.names == ["a", "b"]
    assert found.numbers is runs.numbers(["a", "b"])
    assert list(found.left_out) == ["bad", "worse"]
    assert "bad/scores/tags.json is damaged: it holds list" in found.left_out["bad"]
    assert "worse/log/found.json is not there" in found.left_out["worse"]
    assert compare(runs, ["bad"]).names == []
    assert list(compare(runs, ["bad", "worse"]).left_out) == ["bad", "worse"]


def test_a_run_that_cannot_stand_beside_an_earlier_one_is_left_out(tmp_path: Path) -> None:
    for seed in range(5):
        write(tmp_path, f"seed {seed}", training={"seed": seed})
    write(tmp_path, "copy", training={"seed": 1})
    (write(tmp_path, "bad") / "scores" / "tags.json").write_text("[]", encoding="utf-8")
    names = ["seed 4", "seed 1", "seed 0", "copy", "bad", "seed 2", "seed 3"]
    found = compare(RunsBeside(tmp_path / "seed 0"), names)
    assert found.names == ["seed 4", "seed 1", "seed 0", "seed 2", "seed 3"]
    assert list(found.left_out) == ["bad", "copy"]
    assert "seed 1 and " in found.left_out["copy"]
    assert "/copy are the same configuration with the same seed, 1" in found.left_out["copy"]
    assert not found.apart


def test_where_too_many_runs_clash_the_first_is_shown_alone(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, name)
    runs = RunsBeside(tmp_path / "a")
    assert (compare(runs, ["a", "b", "c"]).names, compare(runs, ["a", "b", "c"]).apart) == (["a"], "")
    found = compare(runs, ["a", "b", "c"], clashes=1)
    assert (found.names, list(found.left_out)) == (["a"], ["b"])
    assert "/a and " in found.apart
    assert "/c are the same configuration" in found.apart


def test_no_more_runs_are_compared_than_fit(tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path, f"run {seed}", training={"seed": seed})
    found = compare(RunsBeside(tmp_path / "run 0"), [f"run {seed}" for seed in range(3)], most=2)
    assert (found.names, found.past) == (["run 0", "run 1"], ["run 2"])


def test_of_many_runs_the_first_are_listed_behind_those_that_are_shown() -> None:
    names = [f"run {number}" for number in range(200)]
    found = listed(names, ["run 150", "gone"], "")
    assert (found.names[:2], len(found.names), found.more, found.of) == (["run 150", "run 0"], 31, 169, 200)
    narrow = listed(names, ["run 150"], "RUN 19")
    assert narrow.names == ["run 150", "run 19", *(f"run 19{digit}" for digit in range(10))]
    assert narrow.more == 0


def test_charts_stand_beside_baselines_and_hold_their_intervals(runs: RunsBeside) -> None:
    part = profiles(runs, "own", HOSTILE)
    score, difference = part.scores
    names = [group.name for group in part.data.groups]
    assert drawn(score) == {"configurations": names, "baselines": ["popularity", "ridge, <b>all</b> windows"]}
    own = part.data.groups[0].scores["ndcg@10"]
    assert own.half is not None
    assert score.series[0].spread[0] == (own.mean - own.half, own.mean + own.half)
    assert [one.aside for one in score.series] == [False, True]
    assert difference.series[0].points[0] == (names[0], 0.0)
    minus = part.data.groups[1].minus_reference["ndcg@10"]
    assert difference.series[0].points[1] == (names[1], minus.mean)
    assert difference.series[0].spread[1] == (minus.mean - minus.half, minus.mean + minus.half)


def test_a_difference_is_drawn_as_wide_as_it_has_to_be_to_be_clear(runs: RunsBeside) -> None:
    part = profiles(runs, "own", "own, seed 1")
    minus = part.data.baselines[0].minus_reference["ndcg@10"]
    assert minus.half_seeds is not None
    assert minus.half_seeds > minus.half
    assert part.scores[1].series[1].spread[0] == (minus.mean - minus.half_seeds, minus.mean + minus.half_seeds)


def test_learning_curves_have_a_line_per_run_with_the_same_place_in_all_charts(runs: RunsBeside) -> None:
    validation, separate, joint = profiles(runs, "own", "own, seed 1", HOSTILE).learning
    lines = {name: ["1", "2", "3"] for name in ("own", "own, seed 1", HOSTILE)}
    assert drawn(validation) == lines | {name: ["1", "3"] for name in BASELINES}
    level = validation.series[3]
    assert level.aside
    assert [y for _, y in level.points] == [pytest.approx(np.mean(BASELINES["popularity"]))] * 2
    assert validation.series[0].points[2] == ("3", 0.2)
    assert drawn(separate) == {"own": ["1", "2", "3"], "own, seed 1": ["1", "2", "3"], HOSTILE: []}
    assert drawn(joint) == {"own": [], "own, seed 1": [], HOSTILE: ["1", "2", "3"]}


def test_more_lines_than_can_be_told_apart_are_cut_and_the_title_says_so() -> None:
    lines = [(f"run {number}", [0.1, None]) for number in range(MOST_LINES + 1)]
    chart = by_epoch("id", "Loss", "loss", lines)
    assert len(chart.series) == MOST_LINES
    assert chart.title == f"Loss by epoch, {MOST_LINES} of {MOST_LINES + 1} runs"
    assert chart.series[0].points == [("1", 0.1), ("2", None)]
    assert few(lines[:MOST_LINES]) == ""


def test_where_the_first_runs_have_no_line_the_first_that_have_one_are_drawn() -> None:
    lines: list[tuple[str, list[tuple[float | str | None, float | str | None]]]] = [("a", [])] * MOST_LINES
    assert [one.name for one in as_series([*lines, ("b", [(1.0, 2.0)])])] == ["b"]


def test_calibration_is_in_per_cent_beside_what_was_predicted(runs: RunsBeside) -> None:
    clicks, tags = profiles(runs, "own").calibration
    own, predicted = clicks.series
    assert own.points == [(20.0, 10.0), (80.0, 90.0)]
    assert (predicted.points, predicted.aside) == ([(10.0, 10.0), (90.0, 90.0)], True)
    assert tags.series[0].points == [(25.0, 10.0), (75.0, 90.0)]


def test_bins_without_a_pair_have_a_place() -> None:
    assert places([Bin(0, 0.1, 0.0)]) == [0.0]


def test_runs_on_other_data_have_a_part_of_their_own(runs: RunsBeside) -> None:
    parts = profiles_parts(runs.numbers(["own", "other data", HOSTILE]))
    assert [[line.run for line in part.lines] for part in parts] == [["own", HOSTILE], ["other data"]]
    ids = [chart.id for part in parts for chart in (*part.scores, *part.learning, *part.calibration)]
    assert len(set(ids)) == len(ids)


def test_a_line_tells_when_a_run_was_evaluated_and_by_what(runs: RunsBeside) -> None:
    line = profiles(runs, "own, seed 1").lines[0]
    assert (line.run, line.seed, line.version, line.commit) == ("own, seed 1", 1, "0.1.0", "abc1234")
    assert line.at == 1_767_323_045.0


@pytest.mark.parametrize(("said", "at"), [("<b>", "<b>"), ("2026-01-02T03:04:05", 1_767_323_045.0), ("", "")])
def test_a_time_that_is_none_stays_as_it_was_written(said: str, at: float | str) -> None:
    assert moment(said) == at


def test_a_time_without_a_zone_is_utc_wherever_the_server_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment("1970-01-01T00:01:00") == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_settings_part_into_those_that_differ_and_those_that_do_not(runs: RunsBeside) -> None:
    settings = profiles(runs, "own", HOSTILE).settings
    assert settings.differ == ["training.loss"]
    assert "model.name" in settings.same
    assert settings.usual["training.loss"] == "separate"


def test_a_run_with_nothing_beside_it_has_no_chart_of_its_only_score(tmp_path: Path) -> None:
    part = profiles_parts(RunsBeside(write(tmp_path, "a")).numbers(["a"]))[0]
    alone = replace(part.data, baselines=[])
    assert len(part.scores) == 2
    numbers = replace(RunsBeside(tmp_path / "a").numbers(["a"]), data_sets=[alone])
    assert profiles_parts(numbers)[0].scores == []


def test_audiences_have_their_scorers_and_own_minus_the_others(runs: RunsBeside) -> None:
    part = audiences(runs, "own")
    score, difference = part.scores
    titles = ["RALM", "RALM-average", "YouTube DNN", "attention merge", "Yahoo", "logistic regression", "popularity"]
    assert drawn(score) == {"AUC": titles}
    assert drawn(difference) == {"all candidates": titles[1:], "candidates of the tail": titles[1:]}
    assert difference.series[0].points[0][1] == pytest.approx(0.70 - 0.66)
    assert part.main == ["auc", "prec@10", "prec@50", "recall@1%", "recall@5%", "recall@10%"]


def test_audiences_are_told_by_the_number_of_seeds(runs: RunsBeside) -> None:
    auc, recall = audiences(runs, "own").classes
    assert (auc.title, recall.title) == (
        "AUC by the number of seeds that candidates have",
        "Recall@5\u00a0% by the number of seeds that candidates have",
    )
    assert drawn(auc)["logistic regression"] == ["head", "middle", "tail"]


def test_who_is_reached_begins_where_it_says_anything(runs: RunsBeside) -> None:
    everyone, tail = audiences(runs, "own").reached
    assert (everyone.x.kind, tail.id) == ("log", "audiences-0-reached-tail")
    assert drawn(everyone)["RALM"] == [1.0, 10.0, 100.0]
    assert everyone.series[-1].points == [(1.0, 1.0), (10.0, 10.0), (100.0, 100.0)]
    assert everyone.series[-1].aside


def test_training_of_several_configurations_is_told_apart_by_name_and_seed(runs: RunsBeside, tmp_path: Path) -> None:
    first, _, second, _ = audiences(runs, "own", "own, seed 1").training
    assert list(drawn(first)) == [
        f"{merge}, seed {seed}" for seed in (0, 1) for merge in ("attention", "concatenation")
    ]
    assert list(drawn(second)) == ["seed 0", "seed 1"]
    write(tmp_path, "a", looks=0.7)
    folder = write(tmp_path, "b", looks=0.7, training={"seed": 1})
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    said["config"]["models"]["ralm"]["clusters"] = 5
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    names = list(drawn(audiences(RunsBeside(tmp_path / "a"), "a", "b").training[2]))
    assert names == ["RALM, seed 0", "RALM, clusters=5, seed 1"]


def test_where_only_ralm_was_measured_no_chart_compares_it(tmp_path: Path) -> None:
    folder = write(tmp_path, "a", looks=0.7)
    write_lookalike(folder, metrics_of({"ralm": 0.7}))
    assert audiences(RunsBeside(folder), "a").scores == []


def test_a_set_without_curves_and_training_has_none_of_their_charts(tmp_path: Path) -> None:
    folder = write(tmp_path, "a", looks=0.7)
    path = folder / "scores" / "ralm.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    for name in ("curves", "training", "minus"):
        del said[name]
    path.write_text(json.dumps(said), encoding="utf-8")
    part = audiences(RunsBeside(folder), "a")
    assert (len(part.scores), part.reached, part.training) == (1, [], [])
