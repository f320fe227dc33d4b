"""Look-alike numbers are means over seeds, and the words follow from them."""

from pathlib import Path

import numpy as np
import pytest

from penchant.errors import ReportError
from penchant.evaluation.estimates import over_seeds
from penchant.report.build import gather
from penchant.report.facts import Evaluated, read_facts
from penchant.report.numbers import LookalikeGroup, LookalikeSet, ScorerNumbers
from penchant.report.published import RALM_ORDER, RALM_ROWS
from tests.report.lookalike_folders import (
    AUCS,
    config_with,
    evaluated,
    metrics_of,
    named,
    section_of,
    set_of,
    write_lookalike,
)


def scorer(group: LookalikeGroup, name: str) -> ScorerNumbers:
    return next(one for one in group.scorers if one.name == name)


def seeds(folder: Path, ralm: list[float]) -> LookalikeSet:
    """One configuration with as many seeds, which move RALM only."""
    kinds = [(section_of(seed), {**AUCS, "ralm": auc}) for seed, auc in enumerate(ralm)]
    return set_of(*(evaluated(folder / str(at), aucs, section) for at, (section, aucs) in enumerate(kinds)))


def test_scores_are_means_over_seeds(tmp_path: Path) -> None:
    (group,) = seeds(tmp_path, [0.70, 0.72, 0.71]).groups
    said = scorer(group, "ralm").scores["auc"]
    assert (said.mean, said.half) == pytest.approx(over_seeds([0.70, 0.72, 0.71]))
    assert said.over == "seeds"
    assert [run.seed for run in group.runs] == ["0", "1", "2"]


def test_a_scorer_that_no_seed_moves_keeps_the_interval_of_its_runs(tmp_path: Path) -> None:
    (group,) = seeds(tmp_path, [0.70, 0.72]).groups
    popularity = scorer(group, "popularity").scores
    assert popularity["auc"].half == pytest.approx(0.01)
    assert popularity["auc"].over == "users"
    assert popularity["recall@5%"].over == "candidates"
    assert popularity["evenness@10"].half is None


def test_seeds_of_a_difference_are_paired_with_themselves(tmp_path: Path) -> None:
    """Where a seed moves both alike, the difference is the same in all."""
    moved = [{name: auc + shift for name, auc in AUCS.items()} for shift in (0.0, 0.1)]
    found = set_of(*(evaluated(tmp_path / str(at), aucs, section_of(at)) for at, aucs in enumerate(moved)))
    minus = scorer(found.groups[0], "average").own_minus["auc"]
    assert (minus.mean, minus.half, minus.half_seeds) == pytest.approx((0.04, 0.01, 0.0))
    assert scorer(found.groups[0], "average").scores["auc"].half == pytest.approx(12.706 * 0.05)
    assert scorer(found.groups[0], "ralm").own_minus == {}


def test_one_seed_says_nothing_of_other_seeds(tmp_path: Path) -> None:
    found = set_of(evaluated(tmp_path / "a"))
    assert scorer(found.groups[0], "lr").own_minus["auc"].half_seeds is None
    assert found.groups[0].merge_minus["auc"].half is None
    assert "With a single seed, intervals are over users or candidates only" in found.verdict[-1]


def test_scorers_and_metrics_that_a_seed_lacks_are_left_out(tmp_path: Path) -> None:
    said = metrics_of(AUCS)
    del said["scores"]["yahoo"], said["scores"]["lr"]["auc"], said["minus"]["ralm"]["average"]["auc"]
    write_lookalike(tmp_path / "b", said)
    other = read_facts(tmp_path / "b", config_with(section_of(1)))
    found = set_of(evaluated(tmp_path / "a"), other)
    assert [one.name for one in found.groups[0].scorers] == [name for name in AUCS if name != "yahoo"]
    assert "auc" not in scorer(found.groups[0], "lr").scores
    assert "lr" not in found.order
    assert "auc" not in scorer(found.groups[0], "average").own_minus
    assert "prec@10" in scorer(found.groups[0], "average").own_minus


def test_curves_are_averaged_where_their_shares_differ(tmp_path: Path) -> None:
    curves = ([[0.0, 0.0], [0.5, 0.6], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]])
    runs = []
    for seed, curve in enumerate(curves):
        said = {**metrics_of(AUCS), "curves": {"ralm": {"all": curve}}}
        write_lookalike(tmp_path / str(seed), said)
        runs.append(read_facts(tmp_path / str(seed), config_with(section_of(seed))))
    reached = scorer(set_of(*runs).groups[0], "ralm").reached
    assert [part for _, part in reached["all"]] == pytest.approx([0.0, 0.55, 1.0])


def test_the_same_seed_twice_is_refused(tmp_path: Path) -> None:
    runs = [evaluated(tmp_path / name) for name in ("one", "two")]
    with pytest.raises(ReportError, match=r"one and .*two have look-alike audiences .* same seed, 0: the second"):
        gather(runs)


def test_ralm_without_any_main_metric_is_refused(tmp_path: Path) -> None:
    write_lookalike(tmp_path / "a", {"made": {}, "scores": {"ralm": {"area": {"mean": 0.6}}}})
    with pytest.raises(ReportError, match=r"RALM has none of auc, .* in every run of RALM, such as .*a; run `penchant"):
        gather([read_facts(tmp_path / "a", config_with(section_of()))])


def chosen(folder: Path, name: str, *, seed: int = 0) -> Evaluated:
    """A run in which a scorer won on validation candidates, and RALM's scores have collapsed for some."""
    said = metrics_of(AUCS)
    measured = {one: {"mean": auc, "half": 0.01} for one, auc in AUCS.items()}
    ahead = {one: {"mean": 0.1, "half": 0.02} for one in AUCS if one != name}
    said["chosen"] = {
        "reference": "ralm",
        "name": name,
        "live": "ralm",
        "candidates": 90,
        "crossed": True,
        "scores": measured,
        "ahead": ahead,
    }
    for one, its in said["scores"].items():
        its["collapsed"] = {"mean": 0.25 if one == "ralm" else 0.0}
    write_lookalike(folder, said)
    return read_facts(folder, config_with(section_of(seed)))


def test_the_verdict_begins_with_who_makes_audiences_and_says_what_is_live(tmp_path: Path) -> None:
    found = set_of(chosen(tmp_path / "a", "lr"))
    made, served, collapsed, place, *_ = found.verdict
    assert made.startswith("Audiences are made by logistic regression: on 90 validation candidates it has AUC within")
    assert "logistic regression is ahead of it by 0.100 ± 0.020 in AUC within items, clearly." in served
    assert collapsed == "Scores have collapsed, so that they tell nobody apart, for 25 % of the candidates: RALM."
    assert place.startswith("At AUC, RALM has ")
    assert found.groups[0].chosen == {"lr": 1}


def test_of_several_seeds_it_is_counted_who_makes_audiences(tmp_path: Path) -> None:
    names = ["lr", "ralm", "lr"]
    found = set_of(*(chosen(tmp_path / str(seed), name, seed=seed) for seed, name in enumerate(names)))
    assert found.verdict[0] == (
        "Audiences are made by logistic regression in 2 of 3 runs, RALM in 1 of 3 runs, as each run's own validation "
        "candidates decide; live by RALM."
    )
    assert found.groups[0].chosen == {"lr": 2, "ralm": 1}


def test_of_runs_that_an_earlier_version_measured_nobody_is_said_to_be_chosen(tmp_path: Path) -> None:
    found = set_of(evaluated(tmp_path / "a"))
    assert found.groups[0].chosen == {}
    assert not [sentence for sentence in found.verdict if "made by" in sentence or "collapsed" in sentence]


def test_what_decides_is_what_ralm_has(tmp_path: Path) -> None:
    said = metrics_of(AUCS)
    for scores in said["scores"].values():
        del scores["auc"]
    write_lookalike(tmp_path / "a", said)
    found = set_of(read_facts(tmp_path / "a", config_with(section_of())))
    assert found.metric == "prec@10"
    assert found.verdict[0] == "At Prec@10, RALM has 0.200\u00a0±\u00a00.010, the best of 7 ways to find an audience."


def test_the_papers_order_is_said_to_be_found(tmp_path: Path) -> None:
    found = seeds(tmp_path, [0.70, 0.72])
    order = "logistic regression < Yahoo < RALM-average < YouTube DNN < RALM"
    assert f"The paper's order is found, {order}, in 2 of 2 seeds." in found.verdict
    assert found.order == ["popularity", "lr", "yahoo", "average", "youtube", "merge", "ralm"]


def test_what_turns_the_papers_order_round_is_named(tmp_path: Path) -> None:
    found = set_of(evaluated(tmp_path / "a", {**AUCS, "ralm": 0.675, "lr": 0.65}))
    words = next(sentence for sentence in found.verdict if "paper's order" in sentence)
    assert "is not found; here it is Yahoo < logistic regression < RALM-average < RALM < YouTube DNN." in words
    assert words.endswith("The other way round: Yahoo below logistic regression; RALM below YouTube DNN (not clearly).")
    assert found.verdict[0].endswith("place 3 of 7; the best is attention merge, with 0.690.")
    near = set_of(evaluated(tmp_path / "c", {"ralm": 0.675, "youtube": 0.68}))
    assert near.verdict[0].endswith("place 2 of 2; not clearly behind the best, YouTube DNN, with 0.680.")
    far = set_of(evaluated(tmp_path / "b", {**AUCS, "ralm": 0.60}))
    words = next(sentence for sentence in far.verdict if "paper's order" in sentence)
    assert (
        "RALM below logistic regression (clearly), Yahoo (clearly), RALM-average (clearly), YouTube DNN (clearly)."
        in words
    )


def test_the_verdict_tells_clear_from_unclear(tmp_path: Path) -> None:
    found = set_of(evaluated(tmp_path / "a", {"ralm": 0.70, "average": 0.66, "youtube": 0.705, "lr": 0.75}))
    first, paired, *_ = found.verdict
    assert (
        first == "At AUC, RALM has 0.700\u00a0±\u00a00.010, place 3 of 4; the best is logistic regression, with 0.750."
    )
    assert paired == (
        "Paired, RALM is clearly better than RALM-average (+0.040\u00a0±\u00a00.010); not to be told apart from "
        "YouTube DNN (−0.005\u00a0±\u00a00.010); clearly worse than logistic regression (−0.050\u00a0±\u00a00.010)."
    )
    tail = next(sentence for sentence in found.verdict if "tail" in sentence)
    assert tail.startswith(
        "For candidates of the tail, fewer than 3 seeds, RALM has 0.680\u00a0±\u00a00.010 AUC: it is"
    )


def test_ways_to_merge_are_compared_over_seeds(tmp_path: Path) -> None:
    pairs = [(0.69, 0.68), (0.70, 0.68), (0.71, 0.69)]
    runs = [
        evaluated(tmp_path / str(seed), {**AUCS, "merge": merge, "youtube": youtube}, section_of(seed))
        for seed, (merge, youtube) in enumerate(pairs)
    ]
    found = set_of(*runs)
    minus = found.groups[0].merge_minus["auc"]
    assert (minus.mean, minus.half) == pytest.approx(over_seeds([0.01, 0.02, 0.02]))
    words = next(sentence for sentence in found.verdict if "minus their concatenation" in sentence)
    assert words.endswith("is +0.017\u00a0±\u00a00.014 AUC over seeds: clearly better.")


def test_a_reference_that_is_not_ralm_keeps_its_name_and_stands_beside_no_paper(tmp_path: Path) -> None:
    found = set_of(*(named(tmp_path / str(seed), "mine", seed=seed) for seed in (0, 1)))
    (group,) = found.groups
    assert (group.name, group.reference, found.reference) == ("mine", "mine", "mine")
    assert "ralm" not in {one.name for one in group.scorers}
    assert not any(one.paper for one in group.scorers)
    assert "auc" in next(one for one in group.scorers if one.name == "lr").own_minus
    told = " ".join(found.verdict)
    assert "At AUC, mine has 0.700" in told
    assert "Paired, mine is clearly better than" in told
    assert "RALM has" not in told
    assert "paper" not in told


def test_references_of_other_names_are_other_configurations(tmp_path: Path) -> None:
    """Whatever RALM is called in a run file it is RALM; two names of others may be two models."""
    found = set_of(named(tmp_path / "a", "mine"), named(tmp_path / "b", "yours"), evaluated(tmp_path / "c"))
    assert [one.reference for one in found.groups] == ["mine", "yours", "ralm"]
    assert [one.name.split(", ")[0] for one in found.groups] == ["mine", "yours", "RALM"]
    assert [bool(one.scorers[0].paper) for one in found.groups] == [False, False, True]


def test_clusters_are_a_study_of_ralm(tmp_path: Path) -> None:
    runs = [
        evaluated(tmp_path / f"{k}-{seed}", {**AUCS, "ralm": auc + seed / 100}, section_of(seed, model={"clusters": k}))
        for k, auc in ((100, 0.71), (20, 0.70), (5, 0.60))
        for seed in (0, 1)
    ]
    found = set_of(*runs)
    (study,) = found.studies
    assert (study.key, study.best, [point.value for point in study.points]) == ("model.clusters", 20, [5, 20, 100])
    assert [point.scores["auc"].mean for point in study.points] == pytest.approx([0.605, 0.705, 0.715])
    assert [group.name for group in found.groups] == ["RALM", "RALM, clusters=20", "RALM, clusters=5"]
    words = next(sentence for sentence in found.verdict if "clusters" in sentence)
    assert words.startswith("Of 5, 20, 100 clusters, 100 have the highest AUC, 0.715")
    assert words.endswith("the paper's 20 have 0.705\u00a0±\u00a00.064, and the intervals overlap.")
    assert "clusters" not in found.missing


def test_a_verdict_on_clusters_says_where_intervals_are_apart(tmp_path: Path) -> None:
    kinds = {20: 0.70, 50: 0.75}
    runs = [evaluated(tmp_path / str(k), {"ralm": auc}, section_of(model={"clusters": k})) for k, auc in kinds.items()]
    assert any(sentence.endswith("and the intervals are apart.") for sentence in set_of(*runs).verdict)
    best = set_of(*(evaluated(tmp_path / f"5-{k}", {"ralm": 1 / k}, section_of(model={"clusters": k})) for k in (2, 3)))
    assert "Of 2, 3 clusters, 2 have the highest AUC, 0.500\u00a0±\u00a00.010." in best.verdict


def test_the_study_of_clusters_comes_first(tmp_path: Path) -> None:
    merged, fewer = section_of(users={"merge": "concat"}), section_of(model={"clusters": 5})
    found = set_of(
        *(evaluated(tmp_path / str(at), section=its) for at, its in enumerate((section_of(), merged, fewer)))
    )
    assert [study.key for study in found.studies] == ["model.clusters", "users.merge"]


def test_other_keys_are_studies_of_their_own(tmp_path: Path) -> None:
    merged = evaluated(tmp_path / "a", section=section_of(users={"merge": "concat"}))
    found = set_of(evaluated(tmp_path / "b"), merged)
    (study,) = found.studies
    assert (study.key, [point.value for point in study.points]) == ("users.merge", ["attention", "concat"])
    assert "clusters" in found.missing


def test_what_is_measured_beside_ralm_makes_no_configuration(tmp_path: Path) -> None:
    """A study of clusters need not train every competitor again."""
    alone = {**section_of(1), "lookalike": {"beside": [], "category": "genres"}}
    found = set_of(evaluated(tmp_path / "a"), evaluated(tmp_path / "b", {"ralm": 0.72}, alone))
    assert [len(group.runs) for group in found.groups] == [2]
    assert [one.name for one in found.groups[0].scorers] == ["ralm"]


def test_different_data_is_never_in_one_table(tmp_path: Path) -> None:
    runs = [evaluated(tmp_path / "a"), evaluated(tmp_path / "b", section=section_of(1), data="another")]
    assert [len(one.groups) for one in gather(runs).lookalike] == [1, 1]


def test_losses_that_are_no_numbers_are_null(tmp_path: Path) -> None:
    said = metrics_of(AUCS)
    said["training"] = {"ralm": [{"epoch": 1, "loss": float("inf"), "validation": 0.5}], "users": []}
    write_lookalike(tmp_path / "a", said)
    (curve,) = set_of(read_facts(tmp_path / "a", config_with(section_of()))).groups[0].training
    assert (curve.model, curve.loss, curve.validation) == ("lookalike", [None], [0.5])


def test_the_papers_numbers_are_the_printed_ones() -> None:
    assert RALM_ROWS["ralm"] == {"auc": 0.6012, "prec@10": 0.1295, "prec@50": 0.1099}
    assert RALM_ROWS["lr"] == {"auc": 0.5252, "prec@10": 0.0811, "prec@50": 0.0729}
    assert RALM_ORDER == ["lr", "yahoo", "average", "youtube", "ralm"]
    by_precision = sorted(RALM_ROWS, key=lambda name: RALM_ROWS[name]["prec@10"])
    assert by_precision == RALM_ORDER
    assert np.mean([row["prec@10"] > row["prec@50"] for row in RALM_ROWS.values()]) == 1
