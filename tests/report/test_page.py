"""The page stands alone, holds no surprises, and says what is in the JSON beside it."""

import base64
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import penchant
from penchant.command.offline import app
from penchant.errors import ConfigError, MissingStepError, ReportError
from penchant.pipeline import Run, report_on
from penchant.report.numbers import Measured
from penchant.report.page import render, score, shade, write_report
from penchant.runfile import RunConfig
from tests.helpers.planted import changed, write_planted_run
from tests.report.folders import chosen_of, config_of, facts_of, gathered, noise, write_run
from tests.report.tags import Tags

HOSTILE = '<script>alert("x")</script> & $\\frac{$ 標籤'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds and another loss on the planted log, whose tags and users are hostile."""
    folder = tmp_path_factory.mktemp("planted")
    path = write_planted_run(folder)
    items = pl.read_parquet(folder / "items.parquet")
    hostile = items.with_columns(pl.col("tags").list.eval(pl.element().str.replace("t", HOSTILE, literal=True)))
    hostile.write_parquet(folder / "items.parquet")
    config = penchant.load_config(path)
    kinds = [{"loss": "joint", "seed": 0}, {"loss": "joint", "seed": 1}, {"loss": "softmax", "seed": 0}]
    made = [folder / f"run <b>{number}" for number in range(len(kinds))]
    for out, training in zip(made, kinds, strict=True):
        penchant.run(changed(config, training=training), out, base=folder)
    return made


@pytest.fixture(scope="module")
def page(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out")
    report_on(runs, out)
    return (out / "report.html").read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    tags = Tags(page)
    names = Counter(name for name, _ in tags.seen)
    assert not names.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for name, attributes in tags.seen:
        assert not any(key.startswith("on") or key in ("src", "srcset", "style", "action") for key in attributes), name
        for key in ("href", "clip-path", "fill", "stroke"):
            assert not re.search(r"//|:", attributes.get(key) or ""), (name, attributes)
    assert not re.search(r"@import|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"<]+", page)) <= {"http://www.w3.org/2000/svg"}


def test_the_only_style_allowed_is_its_own(page: str) -> None:
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert page.count("<style") == 1
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_elements_nest_and_ids_are_unique(page: str) -> None:
    tags = Tags(page)
    assert tags.wrong == []
    assert tags.open == []
    ids = Counter(attributes["id"] for _, attributes in tags.seen if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []
    wanted = {attributes["href"] for _, attributes in tags.seen if "href" in attributes}
    wanted |= {attributes["clip-path"] for _, attributes in tags.seen if "clip-path" in attributes}
    missing = {one for one in wanted if str(one).removeprefix("url(").strip("#)") not in ids}
    assert missing == set()


def test_hostile_names_are_text(page: str, runs: list[Path]) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; $\\frac{$ 標籤" in page
    assert "run &lt;b&gt;0" in page


def test_hostile_names_are_text_in_plots_too(tmp_path: Path) -> None:
    """A group's name comes from values of its run file."""
    kinds = [config_of(), config_of(model={"fields": ["tags"]})]
    facts = [facts_of(tmp_path / str(at), kind, noise(at, 0.5)) for at, kind in enumerate(kinds)]
    facts[1].section["fields"] = [HOSTILE]
    made = render(gathered(facts))
    assert "fields=&lt;script&gt;alert" in made
    assert "<script" not in made
    assert Tags(made).wrong == []


def test_every_section_is_there_or_says_why_not(page: str, tmp_path: Path) -> None:
    for heading in (
        "Verdict", "Scores", "Learning curves", "Calibration of preferences", "Attention of example users",
        "Hyper-parameter study", "How it was measured",
    ):  # fmt: skip
        assert f">{heading}</h2>" in page
    assert "Left out" not in page
    old = facts_of(tmp_path / "old", config_of(), [0.5, 0.7], calibration=False)
    made = render(gathered([old]))
    assert re.search(r"Left out: .*old: evaluated by a version that measured no calibration", made)
    assert "Left out: no two configurations differ in one key only" in made


def test_a_model_in_closed_form_has_no_curve_and_paths_that_are_worth_something(tmp_path: Path) -> None:
    config = RunConfig.parse(
        {**config_of().model_dump(exclude_none=True), "models": {"tags": {"name": "blend"}}}, origin="test"
    )
    made = render(gathered([facts_of(tmp_path / "a", config, [0.5, 0.7], chosen=chosen_of(), curve=False)]))
    assert "Left out: these models are worked out in closed form, in one step, so they have no epochs" in made
    assert "What each path of blend is worth" in made
    rows = re.findall(r'<th scope="row">(?:<span.*?</span> )?([\w ]+)</th><td>([\d.]+)</td><td>(.*?)</td>', made)
    assert ("without own tags", "0.480", "+0.020 ±0.010") in rows
    assert ("without other fields", "0.500", "nothing: it has no share") in rows
    assert ("ridge", "0.490", "+0.010 ±0.010") in rows


def test_levels_are_lines_of_the_validation_score_alone(tmp_path: Path) -> None:
    made = render(gathered([facts_of(tmp_path / "a", config_of(), [0.5, 0.7], chosen=chosen_of())]))
    assert made.count("Dashed: NDCG@10 of 1,234 training users") == 1


def test_the_papers_numbers_stand_beside_its_rows_only(page: str, tmp_path: Path) -> None:
    assert ".7623" in page
    assert "measured on other data" in page
    softmax = facts_of(tmp_path / "a", config_of(training={"loss": "softmax"}), [0.5, 0.7])
    made = render(gathered([softmax]))
    assert "None of these configurations is a row of the UTPM paper" in made
    assert ".7623" not in made
    assert "no model&#39;s scores are log-odds" in made


def test_attention_has_every_field_and_head(page: str) -> None:
    for user in ("few", "head 1", "head 2"):
        assert user in page
    fields = re.findall(r'<tr class="field"><th scope="row">(\w+)</th>', page)
    assert Counter(fields) == {"tags": 3, "recent": 3, "item": 3, "group": 3}


def test_the_json_holds_the_numbers_of_the_page(page: str, runs: list[Path], tmp_path: Path) -> None:
    report_on(runs, tmp_path)
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert said["format"] == 1
    (data,) = said["data_sets"]
    joint, softmax = data["groups"]
    assert (joint["name"], softmax["name"]) == ("UTPM AF-2head+CF, joint", "UTPM AF-2head+CF, softmax")
    own = [Run.open(run).interests().metrics["scores"]["model"]["prec@1"]["mean"] for run in runs]
    assert joint["scores"]["prec@1"]["mean"] == pytest.approx(sum(own[:2]) / 2)
    assert f"{joint['scores']['prec@1']['mean']:.3f}" in page
    assert joint["scores"]["prec@1"]["over"] == "seeds"
    assert joint["paper"]["ml-20m"]["prec@1"] == 0.7623
    assert softmax["paper"] is None
    assert joint["calibration"][0]["clicks_of"] == "item"
    assert sum(field["attention"][0] for field in data["attention"][0]["fields"]) == pytest.approx(1.0, abs=1e-5)
    for field in data["attention"][2]["fields"]:
        shares = [value["attention"][1] for value in field["values"]] + field["more_attention"][1:]
        assert sum(shares) == pytest.approx(field["attention"][1], abs=1e-5)


def test_the_same_runs_give_the_same_page(page: str, runs: list[Path], tmp_path: Path) -> None:
    report_on(runs, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_sixty_runs_stay_below_two_megabytes(tmp_path: Path) -> None:
    facts = [
        facts_of(
            tmp_path / str(at), config_of(model={"query": at + 1}), noise(at, 0.5), baselines={"ridge": noise(99, 0.4)}
        )
        for at in range(60)
    ]
    assert len(render(gathered(facts)).encode()) < 2_000_000


def test_a_page_is_whole_or_not_there(tmp_path: Path) -> None:
    numbers = gathered([facts_of(tmp_path / "a", config_of(), [0.5, 0.7])])
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ReportError, match=r"file is a file; give --out a folder"):
        write_report(numbers, tmp_path / "file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
    assert write_report(numbers, tmp_path / "new" / "report").exists()
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == ["report.html", "report.json"]


def test_the_command_says_the_verdict_and_where_the_page_is(runs: list[Path], tmp_path: Path) -> None:
    words = ["report", *map(str, runs), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "is the best of 2 configurations" in done.output
    assert (tmp_path / "out" / "report.html").exists()


def test_weights_that_are_gone_leave_only_the_attention_out(tmp_path: Path) -> None:
    config = config_of()
    write_run(tmp_path / "a", config, [0.5, 0.7])
    numbers = report_on([tmp_path / "a"], tmp_path / "out")
    (data,) = numbers.data_sets
    assert data.attention == []
    assert "is not prepared yet" in data.missing["attention"]


def test_folders_that_are_no_runs_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingStepError, match=r"nowhere is no run folder"):
        report_on([tmp_path / "nowhere"], tmp_path / "out")
    write_run(tmp_path / "a", config_of(), [0.5, 0.7])
    (tmp_path / "a" / "config.json").write_text('{"config": {}, "base": "."}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config.json is damaged, or of another version: .*logs"):
        report_on([tmp_path / "a"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_numbers_have_the_digits_their_interval_deserves() -> None:
    assert score(Measured(0.1234567, 0.0123, "users")) == "0.123 ± 0.012"
    assert score(Measured(0.1234567, 0.00042, "seeds")) == "0.1235 ± 0.0004"
    assert score(Measured(0.5, None, "users")) == "0.500"


def test_shades_go_from_nothing_to_the_most() -> None:
    assert [shade(share, 0.5) for share in (0.0, 0.25, 0.5)] == [0, 5, 10]
    assert shade(0.0, 0.0) == 0
