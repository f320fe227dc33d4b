"""What is read of a run folder, and what is said where it is not as it should be."""

import json
from pathlib import Path
from typing import Any

import pytest

from penchant.errors import MissingStepError, ReportError
from penchant.report.facts import read_facts
from tests.report.folders import config_of, facts_of, write_run

CONFIG = config_of()


def spoil(folder: Path, **changes: Any) -> None:
    said = json.loads((folder / "scores" / "tags.json").read_text(encoding="utf-8"))
    (folder / "scores" / "tags.json").write_text(json.dumps({**said, **changes}), encoding="utf-8")


def test_a_run_that_is_not_evaluated_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "a", CONFIG, [0.5, 0.7])
    (tmp_path / "a" / "scores" / "tags.json").unlink()
    with pytest.raises(MissingStepError, match=r"a is not evaluated yet; run `penchant evaluate .*a` first"):
        read_facts(tmp_path / "a", CONFIG)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"tags.json is damaged: Expecting .*; run the steps of .*a again"),
        ("[1]", r"tags.json is damaged: it holds list, not an object"),
        ("{}", r"tags.json is not what this version writes: 'model': Field required"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    write_run(tmp_path / "a", CONFIG, [0.5, 0.7])
    (tmp_path / "a" / "scores" / "tags.json").write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=said):
        read_facts(tmp_path / "a", CONFIG)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": {"model": {"prec@1": {"mean": "high"}}}}, r"'scores.model.prec@1.mean': Input should be a valid"),
        ({"scores": {"model": {"prec@1": {"mean": float("nan")}}}}, r"'scores.model.prec@1.mean': .*finite"),
        ({"scores": {"ridge": {}}}, r"tags.json has no scores of the model itself"),
        ({"learning_curve": [{"epoch": 1}]}, r"'learning_curve.0.loss': Field required"),
        ({"calibration": {"clicks": None, "tags": {"bins": [{"count": 1}]}}}, r"'calibration.tags.bins.0.predicted'"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    write_run(tmp_path / "a", CONFIG, [0.5, 0.7])
    spoil(tmp_path / "a", **changes)
    with pytest.raises(ReportError, match=said):
        read_facts(tmp_path / "a", CONFIG)


def test_a_part_of_the_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "a", CONFIG, [0.5, 0.7])
    (tmp_path / "a" / "log" / "found.json").unlink()
    with pytest.raises(ReportError, match=r"found.json is not there; run the steps of .*a again"):
        read_facts(tmp_path / "a", CONFIG)


def test_users_without_a_readable_table_say_how_to_get_one(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a", CONFIG, [0.5, 0.7])
    (tmp_path / "a" / "scores" / "tags.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ReportError, match=r"tags.parquet cannot be read: .*run `penchant evaluate .*a` again"):
        facts.users("model", ["prec@1"])
    (tmp_path / "a" / "scores" / "tags.parquet").unlink()
    with pytest.raises(ReportError, match=r"tags.parquet cannot be read"):
        facts.users("model", ["prec@1"])


def test_keys_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "a", CONFIG, [0.5, 0.7])
    spoil(tmp_path / "a", recovery={"rank": 0.3})
    (profiles,) = read_facts(tmp_path / "a", CONFIG).profiles
    assert profiles
    assert profiles.metrics.scores["model"]["prec@1"].mean == pytest.approx(0.6)


def test_other_candidates_are_other_data(tmp_path: Path) -> None:
    one = facts_of(tmp_path / "a", CONFIG, [0.5, 0.7])
    other = facts_of(tmp_path / "b", config_of(evaluation={"candidates": "new"}), [0.5, 0.7])
    assert one.data != other.data
