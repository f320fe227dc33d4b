"""docs/write-your-own-model.md, followed word for word: its files, its package, its run file and its tests."""

import html
import json
import os
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penchant.files import read_json
from penchant.operation.served import open_served
from tests.helpers.planted import RUN_FILE, write_planted_log
from tests.helpers.processes import Forked, penchant

PAGE = (Path(__file__).parent.parent / "docs" / "write-your-own-model.md").read_text(encoding="utf-8")


def block_after(words: str) -> str:
    """The first block of code behind some words of the page."""
    found = re.search(r"```\w+\n(.*?)```", PAGE[PAGE.index(words) :], re.DOTALL)
    assert found
    return found[1]


def call(folder: Path, program: Callable[..., object], *words: object) -> tuple[int, str]:
    """Exit status, and all that is written, by a process that finds the package as if it were installed."""
    done = Forked(found, folder, program, *words)
    return done.status(), done.out + done.err


def found(folder: Path, program: Callable[..., object], *words: object) -> None:
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    program(*words)


def run_tests() -> None:
    sys.exit(pytest.main(["-q", "test_my_models.py", "-p", "no:cacheprovider"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the page has it, with the metadata that installing it would write."""
    made = tmp_path_factory.mktemp("own")
    (made / "my_models").mkdir()
    (made / "my_models" / "__init__.py").touch()
    for name in ("mean", "shared", "rare"):
        (made / "my_models" / f"{name}.py").write_text(block_after(f"`my_models/{name}.py`"), encoding="utf-8")
    (made / "test_my_models.py").write_text(block_after("`test_my_models.py`"), encoding="utf-8")
    metadata = made / "my_models-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-models\nVersion: 1.0\n", encoding="utf-8")
    groups = re.findall(r'\[project\.entry-points\."(.*?)"\]\n(.*?)(?:\n\n|\Z)', block_after("## Name them"), re.DOTALL)
    points = "\n".join(f"[{name}]\n{lines.replace(chr(34), '')}\n" for name, lines in groups)
    (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
    write_planted_log(made)
    head = RUN_FILE.split("[models.tags]")[0]
    periods = "[periods]\nvalidation_share = 0.3\n[lookalike.rounds]\nleast_seeds = 5\n"
    (made / "run.toml").write_text(head + block_after("## Use them") + periods, encoding="utf-8")
    return made


def test_the_models_keep_their_promises(folder: Path) -> None:
    status, said = call(folder, run_tests)
    assert status == 0, said


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """What the page's command makes."""
    status, said = call(folder, penchant, "run", "run.toml", "--out", "run")
    assert status == 0, said
    return folder / "run"


def test_penchant_trains_and_examines_them_beside_its_own(run: Path) -> None:
    tags = json.loads((run / "scores" / "tags.json").read_text(encoding="utf-8"))
    assert tags["model"]["name"] == "mean"
    scores = {name: its["prec@1"]["mean"] for name, its in tags["scores"].items()}
    assert max(scores["rare"], scores["popularity"]) < scores["model"], "tags are equally popular: neither order helps"
    alike = json.loads((run / "scores" / "alike.json").read_text(encoding="utf-8"))
    assert set(alike["scores"]) == {"alike", "lr", "popularity"}
    assert alike["scores"]["alike"]["auc within items"]["mean"] > 0.7


def show_served(folder: str) -> None:
    state = open_served(Path(folder)).state
    print(json.dumps([state.lookalike, state.offline]))


def test_a_look_alike_that_cannot_be_live_is_said_to_make_audiences_offline(folder: Path, run: Path) -> None:
    """After training, by the server, and in the report; nobody is called RALM where there is none."""
    shutil.copytree(run, folder / "seen")
    status, said = call(folder, penchant, "evaluate", "seen", "--only", "alike")
    assert status == 0, said
    assert re.search(r"No scores are live: .* makes audiences offline", " ".join(said.split()))
    lookalike, offline = json.loads(call(folder, show_served, "seen")[1].splitlines()[-1])
    assert lookalike is None
    assert offline.startswith("No scores are live")
    status, said = call(folder, penchant, "report", "seen", "--out", "report")
    assert status == 0, said
    ((group,),) = ([one["groups"] for one in read_json(folder / "report" / "report.json")["lookalike"]],)
    assert group[0]["name"] == group[0]["reference"] == "alike"
    assert [(one["name"], one["paper"]) for one in group[0]["scorers"]] == [
        (name, None) for name in ("lr", "popularity", "alike")
    ]
    page = html.unescape(re.sub(r"<[^>]*>", " ", (folder / "report" / "report.html").read_text(encoding="utf-8")))
    assert set(re.findall(r".{30}RALM.{12}", page)) == set(re.findall(r".{30}only RALM and its", page))
    assert "paper's order" not in page
    assert re.search(r"Paired, alike is|At AUC, alike has", page)


def test_one_call_registers_a_model_too(folder: Path) -> None:
    (folder / "my_notebook.py").write_text(
        block_after("In a program or a notebook")
        + "from penchant.models.catalog import find\nprint(find('mean').config)\n",
        encoding="utf-8",
    )
    assert "MeanConfig" in call(folder, runpy.run_path, "my_notebook.py")[1]


def test_a_model_that_nobody_offers_is_refused(folder: Path) -> None:
    text = (folder / "run.toml").read_text(encoding="utf-8")
    for old, new, said in [
        ('name = "mean"', 'name = "median"', "no model is called 'median'"),
        ('beside = ["rare"]', 'beside = ["rarer"]', "no installed package offers a baseline 'rarer'"),
    ]:
        (folder / "other.toml").write_text(text.replace(old, new), encoding="utf-8")
        status, all_said = call(folder, penchant, "check", "other.toml")
        assert status == 1
        assert said in " ".join(all_said.split())
