"""The runs beside the one whose dashboard is shown: found by what is measured, compared, kept until one changes."""

import json
import os
from pathlib import Path

import pytest

from penchant.errors import ReportError
from penchant.operation.pages import RunsBeside
from tests.dashboard.quality_runs import write
from tests.report.lookalike_folders import AUCS, config_with, metrics_of, section_of, write_lookalike


def test_names_are_of_runs_that_are_measured_and_the_own_comes_first(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path, name)
    (tmp_path / "prepared only" / "prepared").mkdir(parents=True)
    (tmp_path / "a file").touch()
    write_lookalike(tmp_path / "audiences only", metrics_of(AUCS))
    assert RunsBeside(tmp_path / "b").names() == ["b", "a", "audiences only", "c"]


def test_a_run_that_is_not_measured_is_none_of_them(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "own").mkdir()
    assert RunsBeside(tmp_path / "own").names() == ["a"]


def test_a_folder_given_as_a_dot_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        write(tmp_path, name)
    monkeypatch.chdir(tmp_path / "b")
    assert RunsBeside(Path()).names() == ["b", "a"]
    assert RunsBeside(Path()).numbers(["b"]).data_sets[0].groups[0].scores


def test_the_first_name_is_the_reference_and_others_are_compared_with_it(tmp_path: Path) -> None:
    write(tmp_path, "a", 0.6)
    write(tmp_path, "b", 0.3, training={"loss": "joint"})
    (data,) = RunsBeside(tmp_path / "a").numbers(["b", "a"]).data_sets
    assert [Path(group.runs[0].folder).name for group in data.groups] == ["b", "a"]
    assert data.groups[1].minus_reference[data.metric].sign == 1


def test_runs_with_audiences_only_have_numbers(tmp_path: Path) -> None:
    folder = write_lookalike(tmp_path / "a", metrics_of(AUCS))
    (folder / "config.json").write_text(
        json.dumps({"config": config_with(section_of()).model_dump(mode="json"), "base": "."})
    )
    numbers = RunsBeside(folder).numbers(["a"])
    assert (numbers.data_sets, len(numbers.lookalike)) == ([], 1)


def test_a_comparison_is_kept_until_a_file_of_it_changes(tmp_path: Path) -> None:
    folder = write(tmp_path, "a")
    runs = RunsBeside(folder)
    first = runs.numbers(["a"])
    assert runs.numbers(["a"]) is first
    write(tmp_path, "a", 0.2)
    os.utime(folder / "scores" / "tags.json", ns=(1, 1))
    second = runs.numbers(["a"])
    assert second.data_sets[0].groups[0].scores["ndcg@10"].mean < first.data_sets[0].groups[0].scores["ndcg@10"].mean


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path / "around", "own")
    with pytest.raises(ReportError, match="at least one run folder"):
        RunsBeside(tmp_path / "around" / "own").numbers(["../a", "/etc", ""])


def test_what_is_wrong_with_a_run_is_said_again_until_it_is_mended(tmp_path: Path) -> None:
    folder = write(tmp_path, "a")
    runs = RunsBeside(folder)
    whole = (folder / "scores" / "tags.json").read_text(encoding="utf-8")
    (folder / "scores" / "tags.json").write_text("{", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ReportError, match=r"a/scores/tags\.json is damaged"):
            runs.numbers(["a"])
    (folder / "scores" / "tags.json").write_text(whole, encoding="utf-8")
    assert runs.numbers(["a"]).data_sets


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", '{"config": {"epochs": 3}}', r"a/config\.json is damaged, or of another version"),
        ("log/found.json", "{}", r"a/log/found\.json is damaged: it lacks 'clicked'"),
        ("prepared/users/manifest.json", '{"targets": 3, "vocabulary": {}}', "a: a file .* writes .*'int' object"),
        ("scores/tags.parquet", "none", r"a/scores/tags\.parquet cannot be read"),
    ],
)
def test_a_damaged_file_of_a_run_is_an_error_that_names_it(tmp_path: Path, file: str, content: str, said: str) -> None:
    folder = write(tmp_path, "a")
    (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(ReportError, match=said):
        RunsBeside(folder).numbers(["a"])
