"""Look-alike on the command line: what is drawn, what is written, and one clear answer to whatever cannot be."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from rich.cells import cell_len

from penchant.choices import MIN_AUDIENCE
from penchant.command import drawn as terminal
from penchant.command.offline import main
from penchant.evaluation.choice import SCORERS
from penchant.kinds.of_item import some_item
from penchant.pipeline import Run
from tests.helpers import processes
from tests.helpers.lookalike_runs import (
    COLOURED,
    FEW_SEEDS,
    FOR_STRANGERS,
    LINES,
    LONG,
    LONG_TAG,
    LOOKALIKE,
    MARKUP,
    MIXED,
    ONE_SEED,
    PATH,
    POPULAR,
    SHOWN,
    TABLE_ONLY,
    choose,
    copied,
    outdone,
    trained,
    write_run,
)
from tests.helpers.planted import write_planted_run
from tests.helpers.processes import Forked


class Said(NamedTuple):
    """What a command ended with, and what it wrote to its two streams."""

    status: int
    out: str
    err: str

    @property
    def drawn(self) -> list[str]:
        """All lines but the path at the end, which is never broken, so that it can be copied."""
        return [line for line in self.out.splitlines() if not line.startswith("The audience is in ")]

    @property
    def text(self) -> str:
        """What is drawn without lines and borders, a space between words."""
        return " ".join(self.out.replace("│", " ").split())


Call = Callable[..., Said]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The console script, in a terminal of 80 columns."""
    monkeypatch.setattr(terminal.console, "_width", 80)

    def called(*words: object) -> Said:
        monkeypatch.setattr("sys.argv", ["penchant", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return Said(int(stopped.value.code or 0), out, err)

    return called


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    return copied(run, tmp_path / "run")


def assert_refused(said: Said, message: str) -> None:
    assert said.status == 1
    assert re.search(rf"^error: .*{message}", said.err, re.MULTILINE | re.DOTALL), said.err
    assert said.err.count("error: ") == 1
    assert "Traceback" not in said.out + said.err
    assert said.out == ""


def test_an_audience_is_drawn_and_written(call: Call, copy: Run) -> None:
    said = call("audience", copy.folder, POPULAR, "--size", 50)
    assert said.status == 0
    found = copy.audience(POPULAR, 50)
    common = next(one for group in found.groups for one in group.traits if one.name.startswith("t0-"))
    for told in (
        "audience of Title of i0-0",
        f"50 of {found.reachable} users who have no event with it yet, most like its {found.seeds} seeds",
        "what clusters of seeds have in common",
        f"{common.name} ({common.seeds:.0%}, {common.users:.0%})",
        "Expected to click, in as much time as the test period",
        "Shared with audiences of the items",
        f"Title of {found.neighbours[0].item}",
        "The first users",
    ):
        assert told in said.text
    assert found.expected
    for one in found.expected:
        assert re.search(rf"{one.best} +{one.precision:.2%} +{one.random:.2%} +\d+\.\d", said.out)
    for row in found.members.head(6).iter_rows(named=True):
        assert re.search(rf"{row['rank']} +{row['user']} +{row['score']:.3f}", said.out)
    path = copy.folder / "audiences" / "i0-0.parquet"
    assert said.out.splitlines()[-1] == f"The audience is in {path}"
    assert pl.read_parquet(path).equals(found.members)


def test_seeds_that_are_left_out_are_told(call: Call, copy: Run) -> None:
    said = call("audience", copy.folder, MIXED, "--size", 50, "--minimum", 1)
    assert "its 2 seeds (1 more left out: nothing is known of them)" in said.text
    assert "left out" not in call("audience", copy.folder, FEW_SEEDS, "--size", 50, "--minimum", 1).out


def test_look_alikes_are_drawn_beside_each_other_and_nothing_is_trained_again(call: Call, copy: Run) -> None:
    weights = copy.folder / "models" / "ralm" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    said = call("evaluate", copy.folder, "--only", "ralm")
    assert said.status == 0
    assert weights.stat().st_mtime_ns == before
    scores = copy.lookalikes.metrics["scores"]
    for name, its in scores.items():
        assert re.search(rf"^ *{SCORERS[name]} +{its['auc']['mean']:.3f} ±{its['auc']['half']:.3f}", said.out, re.M)
    told = said.text[said.text.index("At AUC, RALM is ") : said.text.index("Audiences are made by ")]
    assert all(told.count(SCORERS[name]) == 1 for name in scores if name != "ralm")
    assert re.search(r"above: [^.]*popularity", told)


@pytest.fixture
def beaten(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Run:
    """Logistic regression is better than RALM, all of whose scores are the same."""
    return copied(outdone(tmp_path_factory), tmp_path / "beaten")


def test_the_winner_and_what_is_live_are_told_and_so_are_scores_that_have_collapsed(call: Call, beaten: Run) -> None:
    said, choice = call("evaluate", beaten.folder, "--only", "ralm"), beaten.lookalikes.choice
    assert choice.made in said.text
    assert choice.served in said.text
    assert "Audiences are made by logistic regression: on 30 validation candidates" in said.text
    assert "Scores have collapsed, so that they tell nobody apart, for 100 % of the candidates: RALM, " in said.text


def test_nothing_is_said_to_have_collapsed_where_nothing_has(call: Call, copy: Run) -> None:
    assert "collapsed" not in call("evaluate", copy.folder, "--only", "ralm").text
    assert "collapsed" not in call("audience", copy.folder, POPULAR, "--size", 50).text


def test_an_audience_says_who_made_it_and_without_clusters_what_all_seeds_have_in_common(
    call: Call, beaten: Run
) -> None:
    said, found = call("audience", beaten.folder, POPULAR, "--size", 50), beaten.audience(POPULAR, 50)
    assert f"most like its {found.seeds} seeds, by logistic regression" in said.text
    assert "Why: what the seeds have in common" in said.text
    assert "pulled in" not in said.text
    assert "collapsed" not in said.text


def test_another_scorer_is_asked_for_by_name_and_says_that_its_scores_have_collapsed(call: Call, beaten: Run) -> None:
    said = call("audience", beaten.folder, POPULAR, "--size", 50, "--by", "ralm")
    assert "seeds, by RALM" in said.text
    assert "By default, audiences are made by logistic regression: on 30 validation candidates" in said.text
    assert "pulled in" in said.text
    assert "The scores have collapsed: those of seeds and of others are within 0.0025 of each other" in said.text
    path = beaten.folder / "audiences" / "i0-0.parquet"
    assert pl.read_parquet(path).equals(beaten.audience(POPULAR, 50, by="ralm").members)


def test_better_ones_that_can_say_nothing_of_an_item_are_named(call: Call, beaten: Run) -> None:
    choose(beaten, name="youtube")
    said = call("audience", beaten.folder, ONE_SEED, "--size", 50, "--minimum", 1)
    assert "YouTube DNN did better on validation candidates, but can score too few users here." in said.text
    assert "its 1 seeds, by logistic regression" in said.text
    assert "too few seeds to be described" in said.text


def test_a_scorer_that_is_none_or_was_not_measured_is_refused(call: Call, beaten: Run) -> None:
    for name in ("guessing", "yahoo"):
        said = call("audience", beaten.folder, POPULAR, "--by", name)
        assert_refused(said, f"by = '{name}' is no look-alike of .*, which measures ralm, ")


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "--only", "ralm"),
        ("audience", POPULAR, "--size", "50"),
        ("audience", LONG, "--size", "50", "--minimum", "1"),
    ],
)
def test_nothing_is_wider_than_80_columns_or_shows_its_markup(call: Call, copy: Run, words: tuple[str, ...]) -> None:
    said = call(words[0], copy.folder, *words[1:])
    assert said.status == 0
    assert len(said.drawn) > 10
    assert max(cell_len(line) for line in said.drawn) <= 80
    assert not re.search(r"\[/?(bold|dim|cyan|red)", said.out.replace(MARKUP, ""))


def test_long_items_are_shortened_wherever_they_stand(call: Call, copy: Run) -> None:
    """In the title, and in the list of another one's neighbours."""
    for item in (LONG, PATH):
        said = call("audience", copy.folder, item, "--size", 50, "--minimum", 1)
        assert max(len(word) for word in re.findall("x+", said.out.splitlines()[0] + "".join(said.drawn))) < 60
        assert re.search("x{20,}…", "".join(said.drawn))


def test_long_values_in_common_are_shortened(call: Call, copy: Run) -> None:
    """They come from the log as ids do."""
    said = call("audience", copy.folder, LONG_TAG, "--size", 50)
    assert "long" in said.out
    assert len(said.drawn) < 60


@pytest.mark.parametrize(
    ("item", "file"),
    [
        (PATH, "..%2F..%2Fetc%2Fpasswd.parquet"),
        (MARKUP, "%5Bbold%5Dx%5B%2Fbold%5D.parquet"),
        (LINES, "two%0Alines.parquet"),
        (COLOURED, "%1B%5B31mred%1B%5B0m.parquet"),
        (LONG, "x" * 100 + r"[0-9a-f]{16}\.parquet"),
    ],
)
def test_a_hostile_item_has_its_audience_inside_the_folder(call: Call, copy: Run, item: str, file: str) -> None:
    said = call("audience", copy.folder, item, "--size", 50, "--minimum", 1)
    assert (said.status, said.err) == (0, "")
    (path,) = (copy.folder / "audiences").iterdir()
    assert re.fullmatch(file, path.name)
    assert said.out.splitlines()[-1] == f"The audience is in {path}"


def test_markup_in_an_item_is_text(call: Call, copy: Run) -> None:
    assert f"audience of {MARKUP} ─" in call("audience", copy.folder, MARKUP, "--size", 50, "--minimum", 1).out
    assert re.search(
        rf"{re.escape(MARKUP)} +6 +\d+%", call("audience", copy.folder, PATH, "--size", 50, "--minimum", 1).out
    )


@pytest.mark.parametrize("item", [COLOURED, PATH])
def test_control_characters_of_an_item_do_not_reach_the_terminal(call: Call, copy: Run, item: str) -> None:
    """Neither in the title nor beside the items that share its seeds: an id could rewrite the screen."""
    said = call("audience", copy.folder, item, "--size", 50, "--minimum", 1)
    assert "red" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["i0-00"], r"item 'i0-00' is not in the log; did you mean 'i0-0' or "),
        (["../../etc/shadow"], r"item '\.\./\.\./etc/shadow' is not in the log; did you mean '\.\./\.\./etc/passwd'"),
        (["[bold]y[/bold]"], r"item '\[bold\]y\[/bold\]' is not in the log; did you mean '\[bold\]x\[/bold\]'"),
        (["[/]"], r"item '\[/\]' is not in the log"),
        (["y" * 5_000], r"item 'y{5000}' is not in the log"),
        (["no\nsuch\x1b[31m"], r"item 'no\\nsuch\\x1b\[31m' is not in the log"),
        (["\udcff"], r"item '\\udcff' is not in the log"),
        ([""], r"item '' is not in the log"),
        ([SHOWN], r"0 seeds: nobody has clicked it, so there are no users to compare others with"),
        ([TABLE_ONLY], r"0 seeds: nobody has clicked it"),
        ([FOR_STRANGERS], r"nothing is known of any of .* 2 seeds"),
        ([POPULAR], r"an audience of 1,000 was asked for, but only \d\d users are not reached yet"),
        ([POPULAR, "--size", "49"], r"an audience of 49 would single people out; ask for at least 50"),
        ([POPULAR, "--size", "0"], r"an audience of 0 would single people out; ask for at least 50"),
        ([POPULAR, "--size", "-5"], r"an audience of -5 would single people out; ask for at least 50"),
        ([POPULAR, "--size", "0", "--minimum", "1"], r"an audience of 0 would single people out; ask for at least 1"),
        ([POPULAR, "--size", "60", "--minimum", "61"], r"an audience of 60 would .*; ask for at least 61"),
    ],
)
def test_what_cannot_be_is_one_error_and_writes_nothing(call: Call, copy: Run, words: list[str], message: str) -> None:
    assert_refused(call("audience", copy.folder, *words), message)
    assert not (copy.folder / "audiences").exists()


@pytest.mark.parametrize(
    ("item", "wanted"),
    [(SHOWN, f"{SHOWN!r}"), (FOR_STRANGERS, f"{FOR_STRANGERS!r}"), (POPULAR, r"at most \d\d\b")],
)
def test_a_refusal_says_which_item_or_what_to_do(call: Call, copy: Run, item: str, wanted: str) -> None:
    assert_refused(call("audience", copy.folder, item), wanted)


@pytest.mark.parametrize("words", [("--size", "many"), ("--minimum", "0"), ("--minimum", "-1"), ("--size", "1.5")])
def test_options_that_make_no_sense_are_refused_by_name(call: Call, copy: Run, words: tuple[str, str]) -> None:
    said = call("audience", copy.folder, POPULAR, *words)
    assert said.status == 2
    assert words[0] in said.err
    assert "Traceback" not in said.err
    assert not (copy.folder / "audiences").exists()


def test_a_folder_that_cannot_be_written_to_is_an_error(call: Call, copy: Run) -> None:
    (copy.folder / "audiences").write_text("in the way", encoding="utf-8")
    assert_refused(call("audience", copy.folder, POPULAR, "--size", 50), "audiences")


def test_before_training_the_command_that_trains_is_named(call: Call, tmp_path: Path) -> None:
    begun = Run.start(write_run(tmp_path / "log"), tmp_path / "run")
    assert_refused(
        call("audience", begun.folder, POPULAR),
        rf"'ralm' of .* is not evaluated yet; run `penchant evaluate {begun.folder}`",
    )
    assert_refused(call("audience", tmp_path / "nowhere", POPULAR), r"nowhere is no run folder; begin one with")


def test_without_the_section_it_is_said_which_is_missing(call: Call, tmp_path: Path) -> None:
    begun = Run.start(write_run(tmp_path / "log", section=""), tmp_path / "run")
    said = call("audience", begun.folder, POPULAR)
    assert_refused(said, rf"the run file of {begun.folder} has no look-alike; add one, if only \[models\.ralm\]")


def test_who_adds_the_section_as_told_and_runs_again_is_not_refused(call: Call, tmp_path: Path) -> None:
    """Look-alike takes nothing from the tag path, so a run that has one can be given it."""
    file = write_run(tmp_path / "log", section="")
    begun = Run.start(file, tmp_path / "run")
    begun.prepare()
    begun.train()
    assert_refused(call("audience", begun.folder, POPULAR), r"add one, .* and run it again")
    file.write_text(file.read_text(encoding="utf-8") + LOOKALIKE, encoding="utf-8")
    said = call("prepare", file, "--out", begun.folder)
    assert said.status == 0, said.err


def test_a_whole_run_on_few_users_ends_well(call: Call, tmp_path: Path) -> None:
    """Of 60 users too few are left for the audience that `penchant run` shows at its end; all else is there."""
    file = write_planted_run(tmp_path)
    section = LOOKALIKE.replace("epochs = 6", "epochs = 1").replace('category = "shelf"', "beside = []")
    section = re.sub(r"(?s)\[periods\].*?\n\n", "[periods]\nvalidation_share = 0.3\n\n", section)
    section = section.replace("active_hours = 72.0", "")
    text = file.read_text(encoding="utf-8").replace("epochs = 6", "epochs = 1")
    file.write_text(text + section, encoding="utf-8")
    said = call("run", file, "--out", tmp_path / "run")
    assert set(json.loads((tmp_path / "run/scores/ralm.json").read_text())["scores"]) == {"ralm"}
    assert (said.status, said.err.count("error")) == (0, 0), said.err.splitlines()[-1]
    assert "Try next" in said.out


def test_the_item_that_is_shown_at_the_end_of_a_run_has_an_audience(call: Call, copy: Run) -> None:
    said = call("audience", copy.folder, some_item(copy.lookalikes), "--size", MIN_AUDIENCE)
    assert said.status == 0
    assert len(list((copy.folder / "audiences").iterdir())) == 1


def test_the_program_itself_prints_the_error_alone(copy: Run) -> None:
    shutil.rmtree(copy.folder / "models" / "ralm")
    done = Forked(processes.penchant, "audience", copy.folder, POPULAR)
    assert_refused(Said(done.status(), done.out, done.err), "run `penchant train ")
