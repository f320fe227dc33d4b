"""What is read of look-alike audiences, and what is said where they are not as they should be."""

from pathlib import Path
from typing import Any

import pytest

from penchant.errors import MissingStepError, ReportError
from penchant.report.build import gather
from penchant.report.facts import read_facts
from penchant.report.lookalikes.facts import LookalikeFacts
from tests.report.folders import config_of, write_run
from tests.report.lookalike_folders import AUCS, config_with, evaluated, metrics_of, section_of, write_lookalike

SECTION = section_of()


def lookalike_of(folder: Path, **options: Any) -> LookalikeFacts:
    found = evaluated(folder, **options).lookalike
    assert found
    return found


def test_a_run_of_look_alike_audiences_alone_is_read(tmp_path: Path) -> None:
    found = evaluated(tmp_path / "a")
    assert found.profiles == []
    assert found.lookalike
    assert found.lookalike.metrics.scores["ralm"]["auc"].mean == AUCS["ralm"]
    assert found.lookalike.metrics.bounds
    assert found.lookalike.metrics.bounds.head == 12


def test_a_run_with_neither_is_not_evaluated(tmp_path: Path) -> None:
    with pytest.raises(MissingStepError, match=r"a is not evaluated yet; run `penchant evaluate .*a` first"):
        read_facts(tmp_path / "a", config_with(SECTION))


def test_what_the_run_file_no_longer_wants_is_not_read(tmp_path: Path) -> None:
    write_lookalike(tmp_path / "a", metrics_of(AUCS))
    with pytest.raises(MissingStepError, match="a is not evaluated yet"):
        read_facts(tmp_path / "a", config_with(None))


def test_wanted_but_not_measured_is_told(tmp_path: Path) -> None:
    write_run(tmp_path / "a", config_of(), [0.5, 0.7])
    numbers = gather([read_facts(tmp_path / "a", config_with(SECTION))])
    assert (numbers.lookalike, numbers.lookalike_unmeasured) == ([], [str(tmp_path / "a")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"scores/ralm.json is damaged: Expecting .*a again, `penchant evaluate .*a` last"),
        ("[1]", r"scores/ralm.json is damaged: it holds list, not an object"),
        ("{}", r"scores/ralm.json is not what this version writes: 'made': Field required"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    evaluated(tmp_path / "a")
    (tmp_path / "a" / "scores" / "ralm.json").write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=said):
        read_facts(tmp_path / "a", config_with(SECTION))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": {}}, r"'scores': Dictionary should have at least 1 item"),
        ({"scores": {"ralm": {"auc": {"mean": float("nan")}}}}, r"'scores.ralm.auc.mean': .*finite"),
        ({"scores": {"yahoo": {}}}, r"ralm.json has no scores of 'ralm' itself; run `penchant evaluate .*a` again"),
        ({"bounds": {"middle": 3}}, r"'bounds.head': Field required"),
        ({"curves": {"ralm": {"all": [[0.1]]}}}, r"'curves.ralm.all.0.1': Field required"),
        ({"training": {"users": [{"epoch": 1}]}}, r"'training.users.0.loss': Field required"),
        ({"expected": {"later_per_seed": {"all": "few"}}}, r"'expected.later_per_seed.all': Input should be a valid"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    write_lookalike(tmp_path / "a", {**metrics_of(AUCS), **changes})
    with pytest.raises(ReportError, match=said):
        read_facts(tmp_path / "a", config_with(SECTION))


def test_data_without_its_plan_is_named(tmp_path: Path) -> None:
    evaluated(tmp_path / "a")
    (tmp_path / "a" / "prepared" / "periods" / "plan.json").unlink()
    with pytest.raises(ReportError, match=r"prepared/periods/plan.json is not there; run the steps of .*a again"):
        read_facts(tmp_path / "a", config_with(SECTION))


def test_only_what_every_version_writes_is_needed(tmp_path: Path) -> None:
    write_lookalike(tmp_path / "a", {"made": {}, "scores": {"ralm": {"auc": {"mean": 0.6}}}, "later": [1]})
    (one,) = gather([read_facts(tmp_path / "a", config_with(SECTION))]).lookalike
    assert one.verdict[0] == "At AUC, RALM has 0.600."
    assert {"differences", "curves", "merge", "clusters", "diversity"} == one.missing.keys()


def test_another_plan_or_another_question_is_other_data(tmp_path: Path) -> None:
    first = lookalike_of(tmp_path / "a")
    assert lookalike_of(tmp_path / "b", section=section_of(1)).data == first.data
    assert lookalike_of(tmp_path / "c", data="another").data != first.data
    fewer, evenly = section_of(evaluation={"audience_items": 9}), section_of(rounds={"negatives": "uniform"})
    for number, section in enumerate((fewer, evenly)):
        assert lookalike_of(tmp_path / str(number), section=section).data != first.data


def test_seeds_of_one_run_are_one_word(tmp_path: Path) -> None:
    assert lookalike_of(tmp_path / "a", section=section_of(4)).seed == "4"
    assert lookalike_of(tmp_path / "b", section=section_of(4, training={"seed": 5})).seed == "4/5"
