"""Run files of earlier versions: each is told its own lines to write instead, and with these lines it is accepted."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.kinds.earlier import refuse_earlier
from penchant.runfile import RunConfig, load_config
from tests.helpers.planted import RUN_FILE

HEAD = RUN_FILE.split("[models.tags]")[0]


OLD = """
[model]
name = "utpm"
heads = 4

[training]
loss = "joint"
epochs = 3

[lookalike]
fields = ["item", "tags"]
category = "tags"
competitors = ["lr"]

[lookalike.periods]
by = "days"
learn = 2.0

[lookalike.rounds]
least_seeds = 3

[lookalike.users]
embedding = 8

[lookalike.users_training]
epochs = 2

[lookalike.model]
clusters = 3

[lookalike.training]
rate = 0.01

[lookalike.logistic]
most_seeds = 50
"""


def test_an_old_run_file_is_refused_with_the_lines_to_write_instead(tmp_path: Path) -> None:
    """And these lines, in the place of the old ones, are a run file that says the same: fields are read in the order of
    [features], as before."""
    (tmp_path / "old.toml").write_text(HEAD + OLD, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"\[model\] and \[training\] and \[lookalike\].* remove that, and write"
    ) as error:
        load_config(tmp_path / "old.toml")
    (tmp_path / "new.toml").write_text(HEAD + str(error.value).split("and write\n")[1], encoding="utf-8")
    config = load_config(tmp_path / "new.toml")
    said: dict[str, Any] = config.model_dump(mode="json")
    tags, users, ralm = (said["models"][name] for name in ("tags", "users", "ralm"))
    assert (tags["heads"], tags["training"]["loss"], tags["training"]["epochs"]) == (4, "joint", 3)
    assert (users["cut"], users["fields"], users["embedding"]) == ("periods", ["tags", "item"], 8)
    assert (users["training"]["epochs"], ralm["clusters"], ralm["training"]["rate"]) == (2, 3, 0.01)
    assert said["models"]["lr"]["most_seeds"] == 50
    assert (said["periods"]["learn"], said["lookalike"]["category"]) == (2.0, "tags")
    assert (said["lookalike"]["beside"], said["lookalike"]["rounds"]["least_seeds"]) == (["lr"], 3)


def test_a_bare_old_section_of_look_alike_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(HEAD + '[lookalike]\nfields = ["tags"]\n', encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r'(?s)\[models\.users\]\nname = "ralm-users".*\[models\.ralm\]\nname = "ralm"'
    ):
        load_config(tmp_path / "old.toml")


def told(*files: Path) -> dict[str, str]:
    """The lines that each of some old files is told to write, by the name of the file."""
    with pytest.raises(ConfigError) as error:
        load_config(*files)
    found: dict[str, str] = {}
    for line in str(error.value).splitlines():
        name = next((file.name for file in files if line.startswith(f"{file}: ")), None)
        if name:
            found[name] = ""
        else:
            found[list(found)[-1]] += line + "\n"
    return found


CHANGES = {
    "softmax.toml": (
        '[training]\nloss = "softmax"\n',
        {"models": {"tags": {"training": {"loss": "softmax"}}}},
    ),
    "heads.toml": (
        '[model]\nheads = 4\n[model.deep]\nname = "utpm"\n',
        {"models": {"tags": {"heads": 4, "deep": {"name": "utpm"}}}},
    ),
    "youtube.toml": ('[model]\nname = "youtube"\n', {"models": {"tags": {"name": "youtube"}}}),
    "rounds.toml": (
        "[lookalike]\ncompetitors = []\n[lookalike.rounds]\nleast_seeds = 3\n[lookalike.periods]\nwindows = 2\n",
        {"periods": {"windows": 2}, "lookalike": {"beside": [], "rounds": {"least_seeds": 3}}},
    ),
    "likeness.toml": (
        '[lookalike]\nfields = ["item", "tags"]\n[lookalike.training]\nepochs = 2\n',
        {
            "models": {
                "users": {"name": "ralm-users", "cut": "periods", "fields": ["tags", "item"]},
                "ralm": {"name": "ralm", "training": {"epochs": 2}},
            }
        },
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("base", [RUN_FILE, HEAD + '[model]\nname = "utpm"\n'], ids=["new", "old"])
def test_a_file_that_changes_keys_is_told_its_own_lines_alone(name: str, base: str, tmp_path: Path) -> None:
    """Without a `name` that it did not say, whether the run file that it changes is old too or not."""
    (tmp_path / "run.toml").write_text(base, encoding="utf-8")
    change, lines = CHANGES[name]
    (tmp_path / name).write_text(change, encoding="utf-8")
    found = {name: tomllib.loads(text) for name, text in told(tmp_path / "run.toml", tmp_path / name).items()}
    assert found.pop("run.toml", None) == (None if base == RUN_FILE else {"models": {"tags": {"name": "utpm"}}})
    assert found == {name: lines}


def test_a_model_that_a_change_means_is_the_one_of_the_run_file(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN_FILE.replace("models.tags", "models.news"), encoding="utf-8")
    (tmp_path / "more.toml").write_text("[training]\nepochs = 2\n", encoding="utf-8")
    lines = told(tmp_path / "run.toml", tmp_path / "more.toml")
    assert tomllib.loads(lines["more.toml"]) == {"models": {"news": {"training": {"epochs": 2}}}}


def test_what_goes_into_a_table_that_is_there_is_said_of_it() -> None:
    values = tomllib.loads(HEAD + '[models.tags]\nname = "utpm"\n[periods]\nwindow = 0.1\n[training]\nepochs = 3\n')
    said = refuse_earlier({**values, "lookalike": {"periods": {"windows": 3, "window": 0.2}}})
    assert said
    assert "# add this to [models.tags], which is there already\n[models.tags.training]\nepochs = 3\n" in said
    assert "# add this to [periods], which is there already\n[periods]\nwindows = 3\n" in said


def test_an_old_section_that_says_nothing_new_has_nothing_to_be_written() -> None:
    values = tomllib.loads(RUN_FILE + "[training]\nbatch = 8\n")
    said = "[training] of an earlier version: remove that; all that it says is there already"
    assert refuse_earlier(values) == said


EARLIER: list[dict[str, Any]] = [
    {"model": "utpm"},
    {"model": {"name": "utpm", "user": 8}},
    {"model": {"name": "blend", "rank": 4, "deep": {"name": "utpm", "fields": ["tags"]}}},
    {"model": {"name": "youtube"}, "training": {"epochs": 2}},
    {"training": {"loss": "softmax", "rate": 1e-5}},
    {"lookalike": {"fields": ["item", "tags"], "competitors": ["lr", "yahoo"]}},
    {"lookalike": {"users": {"user": 4}, "users_training": {"epochs": 2}}},
    {"lookalike": {"model": {"width": 4}, "training": {"epochs": 2}}},
    {"lookalike": {"model": "x", "users": {"user": 8}}},
    {"lookalike": {"periods": {"windows": 3, "window": 0.1}, "yahoo": {"bands": 8}, "logistic": {"most_seeds": 9}}},
]
TODAY: list[dict[str, Any]] = [
    {"models": {"tags": {"name": "utpm"}}},
    {"models": {"tags": {"name": "youtube", "user": 4, "training": {"epochs": 5}}}},
    {"models": {"tags": {"name": "blend"}}},
    {"models": {"news": {"name": "utpm", "labels": "tags"}}},
    {"models": {"tags": {"name": "bpr"}}},
    {"models": {"ralm": {"name": "ralm"}}},
    {"models": {"alike": {"name": "ralm", "users": "who"}, "who": {"name": "ralm-users", "cut": "periods"}}},
    {"models": {"ralm": {"name": "ralm"}, "users": {"name": "utpm", "cut": "periods"}}},
    {"models": {"x": {"name": "ralm", "training": {"rate": 0.1}}, "lr": {"name": "logistic"}}},
    {"periods": {"windows": 2}},
    {"lookalike": {"rounds": {"least_seeds": 3}, "evaluation": {"seed": 1}}},
]


@given(st.lists(st.sampled_from(EARLIER), min_size=1, max_size=4), st.lists(st.sampled_from(TODAY), max_size=3))
def test_a_file_that_was_changed_by_half_is_accepted_with_the_lines_it_is_told(
    earlier: list[dict[str, Any]], today: list[dict[str, Any]]
) -> None:
    """The old sections are removed, and the lines added to the tables that are there."""
    values: dict[str, Any] = tomllib.loads(HEAD)
    for part in [*today, *earlier]:
        values = merged(values, part)
    said = refuse_earlier(values)
    assert said
    gone = {"model", "training", *(["lookalike"] if "[lookalike] with all its sections" in said else [])}
    kept = {key: value for key, value in values.items() if key not in gone}
    done = merged(kept, tomllib.loads(said.partition("and write\n")[2]))
    assert refuse_earlier(done) is None
    RunConfig.parse(done, origin="run.toml")
    for key, value in flat(kept):
        assert dict(flat(done))[key] == value, "what is said of this version stands"


def merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: merged(values[key], more[key]) for key in values if isinstance(values[key], dict) and key in more}
    return {**values, **more, **both}


def flat(values: Mapping[str, Any], *path: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every key that holds no table, by the keys that lead to it."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in values.items():
        found += flat(value, *path, key) if isinstance(value, dict) else [((*path, key), value)]
    return found
