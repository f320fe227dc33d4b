"""A study holds configurations that differ in one key, and nothing else."""

from pathlib import Path
from typing import Any

from penchant.report.compare import SHOWN
from penchant.report.groups import group_runs
from penchant.report.numbers import Study
from penchant.report.study import WIDTH, studies
from tests.report.folders import config_of, facts_of


def study_of(tmp_path: Path, *sections: dict[str, Any]) -> list[Study]:
    runs = [facts_of(tmp_path / str(at), config_of(**its), [0.1 * at, 0.2]) for at, its in enumerate(sections)]
    return studies(group_runs(runs), SHOWN)


def values(study: Study) -> list[Any]:
    return [point.value for point in study.points]


def test_one_key_makes_a_study_in_the_order_of_its_values(tmp_path: Path) -> None:
    (study,) = study_of(tmp_path, *({"model": {"heads": heads}} for heads in (4, 1, 2)))
    assert (study.key, values(study), study.best) == ("model.heads", [1, 2, 4], 4)
    assert [point.group for point in study.points] == ["UTPM AF-1head+CF", "UTPM AF-2head+CF", "UTPM AF-4head+CF"]
    assert list(study.points[0].scores) == ["prec@1", "prec@2", "prec@3"]


def test_two_keys_that_move_together_make_none_but_the_widths(tmp_path: Path) -> None:
    assert study_of(tmp_path, {}, {"model": {"heads": 1, "query": 9}}) == []
    (study,) = study_of(
        tmp_path, {}, {"model": {"embedding": 16, "user": 16}}, {"model": {"embedding": 32, "user": 32}}
    )
    assert (study.key, values(study), study.best) == (WIDTH, [8, 16, 32], 16)


def test_the_cross_layer_is_compared_at_its_usual_width(tmp_path: Path) -> None:
    wide = {"model": {"cross_width": 8}}
    found = study_of(tmp_path, {"model": {"cross": "none"}}, {}, wide)
    assert [(study.key, values(study)) for study in found] == [
        ("model.cross", ["none", "cf"]),
        ("model.cross_width", [4, 8]),
    ]


def test_the_same_key_elsewhere_is_a_study_of_its_own(tmp_path: Path) -> None:
    kinds = [
        {"model": {"heads": heads}, "training": {"loss": loss}} for heads in (1, 2) for loss in ("separate", "joint")
    ]
    found = study_of(tmp_path, *kinds)
    assert sorted(study.key for study in found) == ["model.heads", "model.heads", "training.loss", "training.loss"]


def test_models_are_no_hyper_parameter(tmp_path: Path) -> None:
    youtube = config_of().model_dump(exclude_none=True)
    section = {"name": "youtube", "embedding": 8, "user": 8, "dropout": 0.2}
    youtube["models"]["tags"] = {**section, "training": youtube["models"]["tags"]["training"]}
    one = facts_of(tmp_path / "a", config_of(), [0.1, 0.2])
    other = facts_of(tmp_path / "b", type(config_of()).parse(youtube, origin="test"), [0.1, 0.2])
    assert studies(group_runs([one, other]), SHOWN) == []
