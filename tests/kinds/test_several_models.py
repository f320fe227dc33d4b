"""One run with a model of every kind, and with two vocabularies: news tags and video tags of the same log."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from penchant.command.offline import app
from penchant.errors import ConfigError, UnknownModelError, UnknownTagError
from penchant.pipeline import Run, report_on
from penchant.runfolder import LAYOUT
from penchant.training.checkpoint import load_tensors
from tests.dashboard.quality_runs import page_of
from tests.helpers.channels import HEAD, NEWS_AND_VIDEO, write_two_channels

MODELS = (
    NEWS_AND_VIDEO
    + """
[models.order]
name = "pairs"

[models.factors]
name = "bpr"
width = 4

[models.factors.training]
epochs = 2

[models.users]
name = "ralm-users"
cut = "periods"
embedding = 4
user = 8

[models.users.training]
epochs = 1

[models.alike]
name = "ralm"
width = 8
clusters = 2

[models.alike.training]
epochs = 1

[lookalike]
beside = ["popularity"]

[lookalike.rounds]
least_seeds = 5

[periods]
validation_share = 0.3
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from penchant.pipeline import run as run_all  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("several")
    done = run_all(write_two_channels(folder / "log", MODELS), folder / "run")
    done.audience("i0-1", 50)
    report_on([done.folder], done.folder)
    return done


def test_one_run_trains_and_examines_a_model_of_every_kind(run: Run) -> None:
    assert {path.stem for path in (run.folder / "scores").glob("*.json")} == {*run.config.models} - {"users"}
    assert {"model", "own counts"} <= set(run.metrics_of("news")["scores"])
    assert {"model", "popularity"} == set(run.metrics_of("order")["tasks"]["clicked"]["scores"])
    assert {"model", "popularity"} == set(run.metrics_of("factors")["scores"])
    assert {"alike", "popularity"} == set(run.metrics_of("alike")["scores"])


def test_each_vocabulary_has_its_profiles_and_both_kinds_of_clicks_feed_each(run: Run) -> None:
    for name, letter in (("news", "n"), ("video", "v")):
        profile = run.profile("u000", name)
        assert {one.tag[0] for one in (*profile.clicked, *profile.unseen)} == {letter}
        assert profile.clicked[0].tag.startswith(f"{letter}0-"), "they click what is of group 0"
        known = {value.split(" ")[-1][0] for one in run.explain("u000", model=name).alone for value in one.values}
        assert {"n", "v"} <= known, "tags of news and of videos are reasons for either"
        rows = pl.read_parquet(run.folder / "profiles" / name / "*.parquet")
        assert rows["user"].n_unique() == 90
    assert run.profile("u000") == run.profile("u000", "news"), "the first of the file comes first"


def test_an_explanation_is_of_the_named_profile(run: Run) -> None:
    assert run.explain("u001", model="video").preference.tag.startswith("v1-")


@pytest.mark.parametrize("name", ["weather", "users", "order", ""])
def test_only_a_model_that_makes_profiles_can_be_asked_and_they_are_named(run: Run, name: str) -> None:
    """Models of look-alike audiences are interest models too, and have no profiles."""
    for ask in (run.profile, run.explain, run.clicks):
        with pytest.raises(UnknownModelError, match=f"profiles is called '{name}'; there are news, video$"):
            ask("u001", model=name)
    for command in ("profile", "explain"):
        done = CliRunner().invoke(app, [command, str(run.folder), "u001", "--model", name])
        assert (done.exit_code, done.output) == (1, ""), "nothing is drawn before the model is known"
        assert isinstance(done.exception, UnknownModelError)


def test_a_tag_of_another_vocabulary_is_refused_with_the_model_whose_it_is(run: Run) -> None:
    news, video = "n0-0", "v0-0"
    with pytest.raises(UnknownTagError, match=r"'v0-0' is no tag of the model 'news', .* 'video'; .* --model video"):
        run.explain("u001", video)
    with pytest.raises(UnknownTagError, match=r"'n0-0' is no tag of the model 'video', .* 'news'; .* --model news"):
        run.explain("u001", news, model="video")
    with pytest.raises(UnknownTagError, match="'polka' is not among the"):
        run.explain("u001", "polka", model="video")
    assert run.explain("u001", video, model="video").preference.tag == video


def test_the_report_has_every_model_of_the_run(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    for title in ("Tag profiles", "Look-alike audiences", "Rankers and graph models", "order (pairs)", "factors (bpr)"):
        assert title in page
    told = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))["items"]
    assert [one["title"] for one in told] == ["order (pairs)", "factors (bpr)"]
    scores = run.metrics_of("order")["tasks"]["clicked"]["scores"]
    assert told[0]["scores"]["popularity"]["auc"]["mean"] == scores["popularity"]["auc"]["mean"]
    assert told[0]["verdict"].startswith("At GAUC, order (pairs) is clearly better than popularity: +")


def test_the_page_quality_has_every_model_of_the_run(run: Run) -> None:
    page = " ".join(page_of(run.folder).split())
    titles = ("Tag profiles", "Look-alike audiences", "Rankers and graph models", "order (pairs)", "factors (bpr)")
    for title in titles:
        assert title in page
    assert "At GAUC, order (pairs) is clearly better than popularity: +" in page
    minus = run.metrics_of("order")["tasks"]["clicked"]["minus"]["model"]["popularity"]
    row = page[page.index("order (pairs) minus popularity") :].partition("</tr>")[0]
    assert minus["logloss"]["mean"] - minus["logloss"]["half"] > 0
    assert [row.count("clearly better:"), row.count("clearly worse:")] == [2, 1], "a higher log loss is worse"


def test_a_model_beside_another_changes_nothing_of_it(run: Run, tmp_path: Path) -> None:
    """Alone in the file, a model has the same weights and the same scores."""
    alone = HEAD + MODELS.split("[models.video]", maxsplit=1)[0]
    (run.base / "alone.toml").write_text(alone, encoding="utf-8")
    other = Run.start(run.base / "alone.toml", tmp_path / "run")
    other.prepare()
    other.train()
    found = other.evaluate()["news"]
    both = run.metrics_of("news")
    assert json.dumps(found["scores"]) == json.dumps(both["scores"])
    mine, with_others = (load_tensors(one.place_of("news") / "weights.safetensors")[0] for one in (other, run))
    assert mine.keys() == with_others.keys()
    assert all(torch.equal(tensor, with_others[name]) for name, tensor in mine.items())


def test_only_one_model_is_trained_with_those_that_it_needs(run: Run, tmp_path: Path) -> None:
    other = Run.start(run.config, tmp_path / "run", base=run.base)
    for name, there in (("order", {"order"}), ("alike", {"order", "users", "alike"})):
        other.prepare(only=name)
        other.train(only=name)
        assert {path.name for path in (other.folder / "models").iterdir()} == there
    assert other.evaluate(only="order").keys() == {"order"}
    with pytest.raises(ConfigError, match="no model of the run file is called 'orders'; there are"):
        other.train(only="orders")


def test_a_run_may_have_rankers_and_graphs_alone(run: Run, tmp_path: Path) -> None:
    alone = HEAD + "[models.order]" + MODELS.split("[models.order]")[1].split("[models.users]", maxsplit=1)[0]
    (run.base / "ranking.toml").write_text(alone, encoding="utf-8")
    other = Run.start(run.base / "ranking.toml", tmp_path / "run")
    other.prepare()
    other.train()
    assert other.evaluate().keys() == {"order", "factors"}
    assert other.build_profiles() == []
    report_on([other.folder], other.folder)
    page = (other.folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>Rankers and graph models</h1>" in " ".join(page.split())
    shown = page_of(other.folder)
    assert "Tag profiles are not evaluated yet" not in shown
    assert "factors (bpr)" in shown


def test_every_file_of_a_run_stands_in_the_table_of_its_folder(run: Run) -> None:
    """Erasure, serving and the report read that table, so a file that it lacks is one that they forget."""
    known = {path for place in LAYOUT for path in run.folder.glob(place.pattern)}
    assert [path for path in run.folder.rglob("*") if path.is_file() and path not in known] == []


def test_who_is_named_in_a_file_is_told_by_the_table(run: Run) -> None:
    for place in LAYOUT:
        for path in run.folder.glob(place.pattern):
            named = b"u000" in path.read_bytes()
            assert not named or place.names != "no", path
