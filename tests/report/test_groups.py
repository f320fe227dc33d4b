"""Seeds of one configuration are one group, and a group has the name that tells it from the others."""

from pathlib import Path
from typing import Any

import pytest

from penchant.errors import ReportError
from penchant.evaluation.estimates import over_seeds
from penchant.models.interests.blend import BlendConfig
from penchant.report.groups import group_runs, half_over_seeds, name_all, settings_of
from penchant.report.published import BEST, ROWS, published
from tests.report.folders import config_of, facts_of

NONE: dict[str, Any] = {"cross": "none"}


def settings(**sections: dict[str, Any]) -> dict[str, Any]:
    return settings_of(config_of(**sections).model_dump(mode="json")["models"]["tags"])


def names(*kinds: dict[str, Any]) -> list[str]:
    return name_all(kinds)


def test_runs_that_differ_in_the_seed_are_one_group(tmp_path: Path) -> None:
    runs = [facts_of(tmp_path / f"s{seed}", config_of(training={"seed": seed}), [0.1 * seed]) for seed in range(3)]
    runs += [facts_of(tmp_path / "wide", config_of(model={"embedding": 32}), [0.9])]
    seeds, wide = group_runs(runs)
    assert [run.folder.name for run in seeds.runs] == ["s0", "s1", "s2"]
    assert wide.name == "UTPM AF-2head+CF, embedding=32"
    score, over = seeds.score("prec@1")
    assert score.mean == pytest.approx(0.1)
    assert score.half == pytest.approx(over_seeds([0.0, 0.1, 0.2])[1])
    assert over == "seeds"
    assert wide.score("prec@1")[1] == "users"


def test_what_decides_no_number_makes_no_group(tmp_path: Path) -> None:
    shown = facts_of(tmp_path / "a", config_of(profiles={"clicked": 3}, training={"seed": 1}), [0.5])
    assert len(group_runs([facts_of(tmp_path / "b", config_of(), [0.5]), shown])) == 1


def test_the_same_seed_twice_is_refused(tmp_path: Path) -> None:
    runs = [facts_of(tmp_path / name, config_of(training={"seed": 7}), [0.5]) for name in ("one", "two")]
    with pytest.raises(ReportError, match=r"one and .*two are the same configuration with the same seed, 7"):
        group_runs(runs)


def test_names_are_those_of_the_paper_and_tell_what_is_unusual() -> None:
    plain = settings()
    assert names(plain, settings(training={"loss": "joint"})) == ["UTPM AF-2head+CF", "UTPM AF-2head+CF, joint"]
    assert names(plain, settings(model={"name": "utpm", "heads": 1, "shared_query": False, **NONE})) == [
        "UTPM AF-2head+CF",
        "UTPM AF-1head-unshared",
    ]
    wide = settings(model={"embedding": 32, "user": 32})
    assert names(plain, wide) == ["UTPM AF-2head+CF", "UTPM AF-2head+CF, embedding=user=32"]
    assert names(plain, settings(model={"embedding": 32}), wide) == [
        "UTPM AF-2head+CF, embedding=8",
        "UTPM AF-2head+CF",
        "UTPM AF-2head+CF, user=32",
    ]
    assert names(settings(training={"loss": "softmax"})) == ["UTPM AF-2head+CF, softmax"]


def blend(**keys: Any) -> dict[str, Any]:
    """The settings of a blend; keys: of its model and its training."""
    section = config_of(training=keys.pop("training", {})).model_dump(mode="json")["models"]["tags"]
    model = BlendConfig.parse(keys, origin="test").model_dump(mode="json")
    return settings_of({**model, "training": section["training"]})


def test_a_blend_is_called_so_with_its_deep_model() -> None:
    deep = blend(deep={"name": "utpm", "cross": "none"}, training={"loss": "softmax"})
    assert names(blend(), deep) == ["blend", "blend with UTPM AF-2head, softmax"]
    assert names(blend(), blend(deep={"name": "youtube"})) == ["blend", "blend with YouTube DNN"]
    assert names(blend(), blend(), blend(rank=9))[2] == "blend, rank=9"


def test_training_decides_nothing_where_nothing_is_trained() -> None:
    assert blend(training={"batch": 9}) == blend(training={"batch": 8})
    deep = {"name": "utpm"}
    assert blend(deep=deep, training={"batch": 9}) != blend(deep=deep, training={"batch": 8})


def test_the_width_of_a_cross_layer_that_is_not_there_is_no_difference() -> None:
    assert settings(model={**NONE, "cross_width": 9}) == settings(model={**NONE, "cross_width": 4})


def test_a_key_that_two_sections_have_keeps_its_section() -> None:
    kinds = [blend(deep={"name": "utpm", "embedding": width}) for width in (8, 32)]
    assert names(settings(), *kinds)[2] == "blend with UTPM AF-2head+CF, model.deep.embedding=32"


@pytest.mark.parametrize("row", list(ROWS))
def test_every_row_of_the_paper_is_recognised(row: str) -> None:
    wanted, loss = row.removesuffix(", joint"), "joint" if row.endswith("joint") else "separate"
    kind = {**settings(), "model.cross": "none", "training.loss": loss}
    if wanted == "YouTube":
        kind = {"model.name": "youtube", "training.loss": loss}
    else:
        kind["model.heads"] = int(wanted[3])
        kind["model.shared_query"] = "unshared" not in wanted
        kind["model.cross"] = wanted.split("+")[1].lower() if "+" in wanted else "none"
    found = published(kind)
    assert found is not None
    assert found.row == row


def test_numbers_are_the_printed_ones() -> None:
    joint = ROWS["AF-2head+CF, joint"]
    assert joint.movielens == {"prec@1": 0.7623, "prec@2": 0.7345, "prec@3": 0.7096}
    assert joint.industrial == {
        "prec@1": 0.4957, "prec@5": 0.3552, "prec@10": 0.3018, "prec@20": 0.2596, "prec@50": 0.2193,
    }  # fmt: skip
    assert len(ROWS) == 10
    assert all(one.movielens["prec@1"] > one.movielens["prec@3"] > one.industrial["prec@1"] for one in ROWS.values())
    assert BEST == {"model.embedding": 16, "model.heads": 4, "model.cross_width": 4, "model.activation": "relu"}


@pytest.mark.parametrize(
    "other",
    [
        {"training.loss": "softmax"},
        {"model.name": "blend"},
        {"model.weights": True},
        {"model.heads": 4},
        {"model.activation": "tanh"},
    ],
)
def test_additions_of_ours_are_no_row_of_the_paper(other: dict[str, Any]) -> None:
    assert published(settings()) is not None
    assert published({**settings(), **other}) is None


def test_beyond_ten_seeds_the_factor_of_ten_is_kept() -> None:
    means = [0.5, 0.6] * 6
    spread = (12 * 0.05**2 / 11) ** 0.5
    assert half_over_seeds(means) == pytest.approx(2.262 * spread / 12**0.5)
    assert half_over_seeds(means[:10]) == pytest.approx(over_seeds(means[:10])[1])
