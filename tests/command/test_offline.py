"""The command line as a person uses it: from tables to one user explained."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.text import Text
from typer.testing import CliRunner, Result

import penchant
from penchant.choices import Order
from penchant.command import drawn as terminal
from penchant.command.drawn_metrics import verdict
from penchant.command.offline import app, main
from penchant.errors import ConfigError
from penchant.kinds.sections import InterestsSection
from penchant.models.interests.utpm import UtpmConfig
from penchant.pipeline import Run
from penchant.profiles.explain import foremost
from penchant.training.blend import Chosen, Mix
from tests.helpers.planted import write_planted_log, write_planted_run
from tests.report.folders import chosen_of
from tests.training.test_blend import blend_run


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are drawn whole."""
    monkeypatch.setattr(terminal.console, "_width", 200)


def call(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_tables_to_profile_with_a_run_file_that_init_wrote(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    write_planted_log(tables)
    written = call("init", tables, "--out", tmp_path / "run.toml").output
    assert "Written to" in written
    found = call("check", tmp_path / "run.toml").output
    assert re.search(r"events +1,200", found)
    assert re.search(r"users +60", found)
    assert re.search(r"tags +12 +36 +2\.00", found)
    done = call("run", tmp_path / "run.toml", "--out", tmp_path / "run").output
    for word in ("blend", "popularity", "own counts", "ridge", "Prec@1", "Tags clicked", "Clicked most", "Served: "):
        assert word in done
    assert "t0-" in call("profile", tmp_path / "run", "u000").output
    assert "loses without each value" in call("explain", tmp_path / "run", "u000").output
    assert "tag t1-0: preference" in call("explain", tmp_path / "run", "u000", "t1-0").output


README = Path(__file__).parents[2] / "README.md"
LOOKALIKE = '# [models.ralm]\n# name = "ralm"\n'


def test_the_part_of_the_readme_on_own_data_can_be_followed_word_for_word(tmp_path: Path) -> None:
    """Its commands, then the change to the run file of which it tells, then the audience; servers do not end."""
    part = README.read_text(encoding="utf-8").split("## Your own data")[1].split("\n## ")[0]
    commands = re.findall(r"^penchant (.*?)(?: +#.*)?$", part.split("```sh")[1].split("```")[0], re.MULTILINE)
    (audience,) = re.findall(r"`penchant (audience .*?)`", part)
    write_planted_log(tmp_path, users=300)
    tables = tmp_path / "my-tables"
    tables.mkdir()
    for path in tmp_path.glob("*.parquet"):
        path.rename(tables / path.name)

    def follow(command: str) -> str:
        given = {"USER": "u000", "ITEM": "i0-0"}
        words = [given.get(word, word) for word in command.split()]
        return call(*(tmp_path / word if re.match(r"(my-|runs/)", word) else word for word in words)).output

    done = {command.split()[0]: follow(command) for command in commands if not re.match("dashboard|serve", command)}
    assert list(done) == ["init", "check", "run", "explain"]
    run_file = tmp_path / "my-run.toml"
    text = run_file.read_text(encoding="utf-8")
    assert text.count(LOOKALIKE) == 1
    run_file.write_text(text.replace(LOOKALIKE, LOOKALIKE.replace("# ", "")), encoding="utf-8")
    follow(next(command for command in commands if command.startswith("run ")))
    assert "100 of" in follow(audience)
    assert len(Run.open(tmp_path / "runs" / "mine").audience("i0-0", 100).members) == 100


def test_each_step_is_a_command_and_together_they_are_the_run(tmp_path: Path) -> None:
    path = write_planted_run(tmp_path)
    call("run", path, "--out", tmp_path / "whole")
    call("prepare", path, "--out", tmp_path / "steps")
    call("train", tmp_path / "steps")
    assert "ridge" in call("evaluate", tmp_path / "steps").output
    call("profiles", tmp_path / "steps")
    whole, steps = Run.open(tmp_path / "whole"), Run.open(tmp_path / "steps")
    assert whole.interests().metrics["scores"] == steps.interests().metrics["scores"]
    profiles = [pl.read_parquet(run.folder / "profiles" / "tags" / "*.parquet") for run in (whole, steps)]
    assert profiles[0].equals(profiles[1])


@pytest.mark.parametrize(("command", "needs"), [("train", "prepare"), ("evaluate", "prepare"), ("profiles", "prepare")])
def test_a_step_without_the_one_before_says_which(tmp_path: Path, command: str, needs: str) -> None:
    Run.start(write_planted_run(tmp_path), tmp_path / "run")
    with pytest.raises(penchant.PenchantError, match=f"run `penchant {needs}"):
        CliRunner().invoke(app, [command, str(tmp_path / "run")], catch_exceptions=False)


def test_what_is_missing_of_a_run_is_named(tmp_path: Path) -> None:
    run = Run.start(write_planted_run(tmp_path), tmp_path / "run")
    run.prepare()
    with pytest.raises(
        penchant.PenchantError, match=r"'tags' of .* is not trained yet; run `penchant train .*run` first"
    ):
        _ = run.interests().model
    with pytest.raises(penchant.PenchantError, match=r"is not evaluated yet; run `penchant evaluate .*run` first"):
        _ = run.interests().metrics
    with pytest.raises(penchant.PenchantError, match=r"nowhere is no run folder; begin one with `penchant run"):
        Run.open(tmp_path / "nowhere")


def test_an_error_is_one_line_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["penchant", "check", str(tmp_path / "no[/x] [[such]].toml")])
    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err
    assert said.strip().startswith("error: ")
    assert "no[/x] [[such]].toml does not exist" in said
    assert "Traceback" not in said


def test_init_does_not_write_over_a_file(tmp_path: Path) -> None:
    write_planted_log(tmp_path)
    (tmp_path / "run.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(penchant.PenchantError, match=r"run.toml exists"):
        call("init", tmp_path, "--out", tmp_path / "run.toml")
    assert (tmp_path / "run.toml").read_text(encoding="utf-8") == "mine"


def test_help_names_every_command() -> None:
    shown = call("--help").output
    for command in ("init", "check", "run", "demo", "prepare", "train", "evaluate", "profiles", "profile", "explain"):
        assert command in shown
    assert call("--version").output.strip() == penchant.__version__


def test_metrics_json_says_what_made_it(tmp_path: Path) -> None:
    run = penchant.run(write_planted_run(tmp_path), tmp_path / "run")
    said = json.loads((run.folder / "scores" / "tags.json").read_text(encoding="utf-8"))
    assert said["made"]["version"] == penchant.__version__
    assert said["made"]["negatives"] == "logged"
    assert set(said["scores"]["model"]["prec@1"]) == {"mean", "half"}
    assert [line["epoch"] for line in said["learning_curve"]] == list(range(len(said["learning_curve"])))


def test_hostile_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    """Markup in a tag is text."""
    path = write_planted_run(tmp_path)
    items = pl.read_parquet(tmp_path / "items.parquet")
    hostile = items.with_columns(pl.col("tags").list.eval(pl.element().str.replace("t0-", "[red]t0[/]-")))
    hostile.write_parquet(tmp_path / "items.parquet")
    call("run", path, "--out", tmp_path / "run")
    assert "[red]t0[/]-" in call("profile", tmp_path / "run", "u000").output
    assert "[red]t0[/]-" in call("explain", tmp_path / "run", "u000").output


def test_later_files_change_keys_of_the_run_file(tmp_path: Path) -> None:
    path, over = write_planted_run(tmp_path), tmp_path / "over"
    over.mkdir()
    (over / "wide.toml").write_text("[models.tags]\nuser = 12\n", encoding="utf-8")
    (over / "joint.toml").write_text('[models.tags.training]\nloss = "joint"\n', encoding="utf-8")
    said = call("check", path, over / "wide.toml").output
    assert f"penchant run {path} {over / 'wide.toml'}" in " ".join(said.split())
    call("prepare", path, over / "wide.toml", over / "joint.toml", "--out", tmp_path / "run")
    tags = Run.open(tmp_path / "run").config.models["tags"]
    assert isinstance(tags, InterestsSection)
    assert isinstance(tags.model, UtpmConfig)
    assert (tags.model.user, tags.model.embedding) == (12, 8)
    assert (tags.training.loss, tags.training.batch) == ("joint", 8)
    (over / "wide.toml").write_text("[models.tags]\nwidth = 12\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"run\.toml \+ .*wide\.toml: unknown key 'models\.tags\.width'"):
        call("check", path, over / "wide.toml")


NAMES = ("prec@1", "recall@1", "ndcg@1", "coverage@1")


def metrics_of(means: dict[str, float], chosen: Chosen | None = None) -> dict[str, Any]:
    """Of a model at 0.5 that is so far ahead of some baselines, ± 0.1."""
    scores = {"model": 0.5, **{name: 0.5 - mean for name, mean in means.items()}}
    return {
        "model": {"name": "blend", "title": "blend", "chosen": chosen and chosen.as_json()},
        "made": {"negatives": "logged"},
        "samples": {"test": 9},
        "scores": {name: {metric: {"mean": mean, "half": 0.1} for metric in NAMES} for name, mean in scores.items()},
        "model_minus": {
            name: {metric: {"mean": mean, "half": 0.1} for metric in NAMES[:3]} for name, mean in means.items()
        },
        "learning_curve": [{"validation": 0.1}, {"validation": 0.2}],
    }


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ({"popularity": 0.3, "ridge": 0.2}, "clearly better than every baseline, the best of them, “ridge”, by +0.200"),
        ({"popularity": 0.3, "ridge": 0.05}, "better than 1 of 2 baselines, level with the best, “ridge”: +0.050"),
        ({"popularity": 0.03, "ridge": 0.05}, "NDCG@1 0.500: level with the best baseline, “popularity”"),
        ({"popularity": 0.3, "ridge": -0.2}, "better than 1 of 2 baselines, worse than the best, “ridge”: -0.200"),
        ({"popularity": 0.05, "ridge": 0.3}, "better than 1 of 2 baselines, level with the best, “popularity”"),
    ],
)
def test_the_verdict_says_who_wins(means: dict[str, float], said: str) -> None:
    told = plain(verdict(metrics_of(means), "ndcg@1"))
    assert told[0] == "Served: blend."
    assert said in told[1]
    assert ("Level means that the interval holds zero" in told[1]) is ("level with the best" in told[1])
    assert "still rising at the last epoch" in told[-1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Served: blend, made of how popular tags are, users' own clicks and ridge regression."),
        ({"gain": 0.25, "deep": (0.004, 0.001)}, "users' own clicks, ridge regression and a deep model."),
        ({"mix": Mix((), 30.0, 0.0)}, "Served: blend, made of how popular tags are."),
        (
            {"served": "ridge"},
            "a baseline: it did better than the blend on training users who were left out of the fit.",
        ),
    ],
)
def test_the_verdict_says_what_is_served_and_on_which_evidence(changes: dict[str, Any], said: str) -> None:
    told = plain(verdict(metrics_of({"ridge": 0.2}, chosen_of(**changes)), "ndcg@1"))
    assert said in told[0]
    judged = "On 1,234 training users, each judged by a fit that left them out, the blend differed from"
    assert told[2].startswith(judged)


def plain(lines: Iterable[str]) -> list[str]:
    """Without markup."""
    return [Text.from_markup(line).plain for line in lines]


@pytest.mark.parametrize("order", ["lift", "preference"])
def test_a_profile_is_drawn_in_the_order_that_is_asked_for(run: Path, order: Order) -> None:
    said = call("profile", run, "u000", "--by", order).output
    assert f"Tags clicked, by {order}" in said
    profile = Run.open(run).profile("u000")
    lines = [line.split()[1] for line in said.splitlines() if "t0-" in line and "█" in line]
    assert lines[: len(profile.clicked)] == [one.tag for one in foremost(profile.clicked, order, 10)]
    often = max(profile.clicked, key=lambda one: one.clicks)
    assert f"Clicked most: {often.tag} {often.clicks}" in said
    assert "Where the attention went" not in said


def test_an_explanation_begins_with_the_sum_and_ends_with_what_most_users_have(run: Path) -> None:
    said = call("explain", run, "u000").output
    why = Run.open(run).explain("u000")
    for path in why.paths:
        assert any(path.path in line and f"{path.effect:+.3f}" in line for line in said.splitlines())
    latest = sum(why.preference.tag in tags for tags in Run.open(run).clicks("u000")["tags"].head(20).to_list())
    assert f"clicked {why.preference.clicks} times, {latest} of the latest 20 clicks" in said
    assert said.index("What the preference is made of") < said.index("What the preference loses")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blend without a deep model."""
    return blend_run(tmp_path_factory.mktemp("blend")).folder
