"""The look-alike part of the page stands alone or beside tag profiles, and nothing of a run gets into it unescaped."""

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from penchant.report.build import gather
from penchant.report.facts import Evaluated, read_facts
from penchant.report.lookalikes.words import SCORERS, class_metrics, explained, number_of
from penchant.report.numbers import Numbers
from penchant.report.page import render, write_report
from penchant.runfile import LogsConfig
from tests.report.folders import config_of, noise, write_run
from tests.report.lookalike_folders import AUCS, config_with, evaluated, metrics_of, named, section_of, write_lookalike
from tests.report.tags import Tags

HOSTILE = '<script>alert("x")</script> & $\\frac{$ 標籤'
HEADINGS = (
    "Verdict on look-alike audiences", "Scores of look-alike audiences", "Head, middle and tail",
    "How many later clickers are reached", "Diversity", "Number of clusters, and other keys",
    "Training, and how fields are merged", "How look-alike audiences were measured",
)  # fmt: skip


def whole(folder: Path) -> Numbers:
    """Two seeds, and another number of clusters."""
    sections = [section_of(0), section_of(1), section_of(0, model={"clusters": 5})]
    return gather(
        [evaluated(folder / str(at), {**AUCS, "ralm": 0.7 + at / 99}, its) for at, its in enumerate(sections)]
    )


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Numbers:
    return whole(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(numbers: Numbers) -> str:
    return render(numbers)


def plain(folder: Path, section: dict[str, Any], data: str = "one", **said: Any) -> Evaluated:
    """A run with little to draw."""
    few = {"made": {}, "scores": {"ralm": {"auc": {"mean": 0.6}}, "lr": {"prec@10": {"mean": 0.1}}}}
    write_lookalike(folder, {**few, **said}, data)
    return read_facts(folder, config_with(section))


def test_runs_without_tag_profiles_have_a_page(page: str) -> None:
    assert ">Look-alike audiences: 2 configurations from 3 runs</h1>" in page
    assert "Tag profiles" not in page
    assert "Left out" not in page
    for heading in HEADINGS:
        assert f">{heading}</h2>" in page


def test_elements_nest_and_links_lead_somewhere(page: str) -> None:
    tags = Tags(page)
    assert (tags.wrong, tags.open) == ([], [])
    ids = Counter(attributes["id"] for _, attributes in tags.seen if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []
    wanted = {attributes["href"] for _, attributes in tags.seen if "href" in attributes}
    assert {one for one in wanted if str(one).removeprefix("#") not in ids} == set()
    for _, attributes in tags.seen:
        assert not any(key.startswith("on") or key in ("src", "style") for key in attributes)


def test_both_kinds_of_runs_are_on_one_page(tmp_path: Path) -> None:
    both = plain(write_run(tmp_path / "both", config_of(), noise(1, 0.5)), section_of())
    made = render(gather([both, plain(tmp_path / "other", section_of(), data="another")]))
    assert ">Tag profiles: 1 configuration from 1 run; look-alike audiences: 2 configurations from 2 runs</h1>" in made
    for number in (1, 2):
        assert f'<h2 class="part">Look-alike audiences {number}: own tables</h2>' in made
    assert '<h2 class="part">Tag profiles</h2>' in made
    assert 'href="#l1">Look-alike audiences 2: own tables</a>' in made
    assert Tags(made).wrong == []


def merged(run: Evaluated) -> Evaluated:
    """As if the run file had named a hostile way to merge fields."""
    assert run.lookalike
    run.lookalike.config["users"]["merge"] = HOSTILE
    run.lookalike.config["periods"]["by"] = HOSTILE
    return run


def test_hostile_names_are_text(tmp_path: Path) -> None:
    said = metrics_of({**AUCS, HOSTILE: 0.6})
    said["counts"] |= {HOSTILE: 3}
    said["training"] |= {HOSTILE: said["training"]["users"]}
    run = write_lookalike(tmp_path / "run <b>", said)
    logs = LogsConfig(source="globo", folder=f"data/{HOSTILE.replace('/', '')}")
    config = config_with(section_of()).model_copy(update={"logs": logs})
    other = plain(tmp_path / "other", section_of())
    made = render(gather([other, merged(read_facts(run, config))]))
    escaped = "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; $\\frac{$ 標籤"
    assert made.count(escaped) > 5
    assert "run &lt;b&gt;" in made
    assert "<script" not in made
    assert Tags(made).wrong == []


def test_a_configuration_of_a_hostile_name_is_drawn(tmp_path: Path) -> None:
    other = merged(plain(tmp_path / "b", section_of()))
    made = render(gather([plain(tmp_path / "a", section_of()), other]))
    assert "merge=&lt;script&gt;alert" in made
    assert "<script" not in made


def test_the_papers_numbers_stand_beside_their_rows_only(page: str) -> None:
    rows = re.findall(r'<tr><th scope="row"><span class="swatch[^>]*>.</span> (.*?)</th>(.*?)</tr>', page, re.DOTALL)
    beside = {name: re.findall(r'<td class="paper">(.*?)</td>', cells) for name, cells in reversed(rows)}
    assert beside["RALM"] == [".6012", ".1295", ".1099"]
    assert beside["YouTube DNN"] == [".5903", ".1217", ".1087"]
    assert beside["popularity"] == ["", "", ""]
    assert "measured on other data" in page


def test_a_page_without_ralm_speaks_of_no_ralm_and_of_no_paper_of_it(tmp_path: Path) -> None:
    """But for what the others are, which are RALM's competitors by name."""
    few = {name: auc for name, auc in AUCS.items() if name not in ("average", "merge")}
    page = re.sub(r"<[^>]*>", " ", render(gather([named(tmp_path / "a", "mine", few)])))
    assert not re.search("RALM|paper's|WeChat|Shaded: AUC", page)
    for said in ("mine is measured beside other ways", "Differences to mine", "right of zero mine is better"):
        assert said in page


def test_every_metric_that_is_shown_is_explained(page: str, numbers: Numbers) -> None:
    told = {name for names, _ in explained(numbers.lookalike[0].groups[0].metrics) for name in names.split(", ")}
    for column in set(re.findall(r"<th>((?:AUC|Prec|Recall|Lift|Area|Tags|Categories|Evenness|Tail)[^<]*)</th>", page)):
        assert set(column.split(", ")) <= told | {"head", "middle", "tail"}, column


def test_the_figures_of_the_paper_are_drawn(page: str) -> None:
    assert "dashed: the paper's elbow" in page
    drawings = [attributes.get("aria-label") for name, attributes in Tags(page).seen if name == "svg"]
    assert {
        "AUC by class of candidates",
        "Recall@5\u00a0% by class of candidates",
        "Share of later clickers by share of users, Candidates of the tail",
        "AUC by clusters (k)",
        "Validation NDCG@10 by epoch",
        "Validation AUC by epoch",
        "Differences in AUC of RALM and the others",
    } <= set(drawings)


def test_the_thresholds_and_rounds_are_told(page: str) -> None:
    assert "head from 12 seeds, middle from 3, tail with fewer" in page
    assert "2 to learn and 3 to test; audiences are asked for anew every 6 hours, which is a round." in page
    assert "at least 10 seeds, one of them from the last 24 hours" in page
    assert "For each click, 4 candidates are drawn for the same user, the popular ones more often" in page
    assert "Of 500 labels 100 were clicked." in page
    assert re.search(r"<th scope=\"row\">middle</th><td class=\"text\">3 to 11</td>", page)
    assert "<code>rounds.most_tested</code>" in page


def test_shares_of_histories_and_logged_rows_are_told(tmp_path: Path) -> None:
    section = section_of(rounds={"negatives": "logged"}) | {"periods": {"by": "share", "learn": 0.1, "test": 0.2}}
    made = render(gather([plain(tmp_path / "a", section)]))
    assert "0.1 to learn and 0.2 to test, because there is no common clock; each period is one round." in made
    assert "Candidates have at least 10 seeds.</p>" in made
    assert "are the un-clicked rows of the log" in made
    even = section_of(rounds={"negatives": "uniform"})
    assert "drawn for the same user, evenly." in render(gather([plain(tmp_path / "b", even)]))


def test_parts_that_were_not_measured_say_so(tmp_path: Path) -> None:
    made = render(gather([plain(tmp_path / "a", section_of())]))
    assert made.count("Left out: ") == 6
    assert "Left out: no two configurations differ in model.clusters alone." in made
    assert Tags(made).wrong == []


def test_a_middle_without_candidates_is_none(tmp_path: Path) -> None:
    made = render(gather([plain(tmp_path / "a", section_of(), bounds={"middle": 4, "head": 4})]))
    assert re.search(r"<th scope=\"row\">middle</th><td class=\"text\">none</td>", made)
    assert "middle from" not in made


def test_runs_that_were_not_measured_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "a", config_of(), noise(1, 0.5))
    made = render(gather([read_facts(tmp_path / "a", config_with(section_of()))]))
    assert re.search(r"wanted but not measured yet in .*/a: <code>penchant evaluate RUN", made)


def test_the_json_holds_the_same_numbers(numbers: Numbers, page: str, tmp_path: Path) -> None:
    write_report(numbers, tmp_path)
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert said == json.loads(json.dumps(asdict(numbers)))
    (data,) = said["lookalike"]
    ralm = data["groups"][0]["scorers"][0]
    assert ralm["paper"]["auc"] == 0.6012
    assert f"{ralm['scores']['auc']['mean']:.3f}" in page
    assert data["bounds"] == {"middle": 3, "head": 12}
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_a_scorer_has_the_same_colour_on_every_page() -> None:
    assert [number_of(name, list(AUCS)) for name in AUCS] == list(range(len(SCORERS)))
    assert number_of("lr", ["lr"]) == number_of("lr", list(AUCS))
    assert [number_of(name, ["lr", "mine", "yours"]) for name in ("mine", "yours")] == [7, 8]


def test_classes_are_drawn_for_auc_and_a_middling_recall() -> None:
    there = [f"recall@{at}%{end}" for at in (1, 5, 10) for end in ("", ".tail")]
    assert class_metrics(["auc", "auc.tail", *there]) == ["auc", "recall@5%"]
    assert class_metrics(["auc", "prec@10"]) == []
