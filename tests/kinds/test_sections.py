"""Sections of models: read by the kind of their model, in the order of what they need, refused in words."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from penchant.errors import ConfigError
from penchant.kinds.sections import GraphsSection, InterestsSection, LookalikesSection, RankersSection
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.lookalikes.dot import InnerProductConfig
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.runfile import RunConfig, load_config
from tests.helpers.planted import RUN_FILE


def config_of(models: str) -> RunConfig:
    """The planted run file with other models."""
    head = RUN_FILE.split("[models.tags]")[0]
    return RunConfig.parse(tomllib.loads(head + models), origin="run.toml")


def test_the_kind_of_a_section_follows_from_the_name_of_its_model() -> None:
    config = config_of(
        '[models.a]\nname = "utpm"\n[models.b]\nname = "pairs"\n[models.c]\nname = "ralm"\n[models.d]\nname = "bpr"\n'
    )
    kinds = [InterestsSection, RankersSection, LookalikesSection, GraphsSection]
    assert [type(section) for section in config.models.values()] == kinds


def test_a_section_is_written_as_it_is_read() -> None:
    config = config_of('[models.tags]\nname = "utpm"\nheads = 4\nlabels = "group"\ntraining = { epochs = 3 }\n')
    said = config.model_dump(mode="json")["models"]["tags"]
    assert (said["name"], said["heads"], said["labels"], said["training"]["epochs"]) == ("utpm", 4, "group", 3)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_models_come_after_those_that_they_need_else_in_the_order_of_the_file() -> None:
    config = config_of(
        '[models.alike]\nname = "ralm"\nusers = "who"\n[models.tags]\nname = "utpm"\n'
        '[models.who]\nname = "ralm-users"\ncut = "periods"\n[lookalike]\nbeside = []\n'
    )
    assert list(config.all_models) == ["who", "alike", "tags"]


def test_what_a_look_alike_is_measured_beside_needs_no_section() -> None:
    config = config_of(
        '[models.alike]\nname = "ralm"\nwidth = 16\n[models.users]\nname = "ralm-users"\ncut = "periods"\n'
    )
    found = config.all_models
    assert {*found} == {
        *("alike", "users", "users-concat", "average", "youtube", "merge", "yahoo", "lr", "popularity"),
    }
    average, youtube = found["average"].model, found["youtube"].model
    assert isinstance(average, RalmConfig)
    assert (average.pool, average.width) == ("average", 16)
    assert youtube == InnerProductConfig(users="users-concat")
    assert found["users-concat"].model == RalmUsersConfig(merge="concat")
    assert found["merge"].model == InnerProductConfig(users="users")


def test_a_section_of_that_name_says_more_of_it() -> None:
    config = config_of('[models.ralm]\nname = "ralm"\n[models.lr]\nname = "logistic"\nmost_seeds = 7\n')
    assert config.all_models["lr"].model.model_dump()["most_seeds"] == 7
    assert "users" in config.all_models, "the model of its users is there without a section"


def test_a_name_of_a_look_alike_that_is_not_asked_for_is_free() -> None:
    config = config_of(
        '[models.ralm]\nname = "ralm"\n[models.average]\nname = "utpm"\n[lookalike]\nbeside = ["lr"]\n'
        '[models.lr]\nname = "logistic"\n'
    )
    assert {*config.all_models} == {"ralm", "average", "users", "lr"}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (
            '[models.tags]\nname = "utpm"\nlabels = "item"\n',
            r"models\.tags would predict the items themselves, which only a model with cut = \"periods\" does",
        ),
        (
            'negatives = "tags"\n[models.order]\nname = "pairs"\n',
            r"models\.order orders items that exist, but labels\.negatives = .tags. makes some up",
        ),
        ("[models.tags]\nheads = 2\n", r"'models\.tags\.name' is missing; add it, such as name = \"blend\""),
        ('[models.tags]\nname = "utmp"\n', r"'models\.tags\.name': no model is called 'utmp'; there are .*utpm"),
        ('[models.tags]\nname = "utpm"\nhead = 2\n', r"unknown key 'models\.tags\.head'; did you mean 'heads'\?"),
        (
            '[models.tags]\nname = "utpm"\ntrainig = { epochs = 2 }\n',
            r"'models\.tags\.trainig'; did you mean 'training'\?",
        ),
        (
            '[models.tags]\nname = "utpm"\ntraining = { epoch = 2 }\n',
            r"'models\.tags\.training\.epoch'; did you mean 'epochs'",
        ),
        ('[models.tags]\nname = "utpm"\nheads = "two"\n', r"'models\.tags\.heads' is 'two'"),
        ('[models]\ntags = "utpm"\n', r"'models\.tags' is 'utpm'; write a section, \[models\.tags\]"),
        ('[models."../tags"]\nname = "utpm"\n', r"models"),
        ('[models.ralm]\nname = "ralm"\nusers = "tags"\n[models.tags]\nname = "utpm"\n', r"models\.tags.*periods"),
        (
            '[models.readers]\nname = "ralm-users"\ncut = "periods"\n[models.ralm]\nname = "ralm"\nusers = "reders"\n',
            r"models\.ralm\.users = 'reders' is no model of the run file; .* are there: readers",
        ),
        (
            '[models.ralm]\nname = "ralm"\nusers = "reders"\n',
            r"models\.ralm\.users = 'reders' is no model of the run file; .* are there: none.*'users'",
        ),
        (
            '[models.ralm]\nname = "ralm"\n[models.average]\nname = "blend"\n',
            r"models\.average is no look-alike \(its model is 'blend'\).*\[models\.my-average\]",
        ),
        (
            '[models.ralm]\nname = "ralm"\n[models.average]\nname = "ralm"\n',
            r"models\.average is a 'ralm', but .* is shown as 'ralm' with pool = \"average\"",
        ),
        (
            '[models.ralm]\nname = "logistic"\n',
            r"models\.ralm is a 'logistic', but .* is shown as 'ralm'; give the section another name",
        ),
        ('[models.tags]\nname = "utpm"\n[lookalike]\nmodel = "tags"\n', r"lookalike\.model = 'tags' is no look-alike"),
        (
            '[models.tags]\nname = "utpm"\n[profiles]\nmodel = "news"\n',
            r"profiles\.model = 'news' is no interest model",
        ),
    ],
)
def test_a_section_that_cannot_be_is_refused_in_words(models: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_of(models)


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
    head = RUN_FILE.split("[models.tags]")[0]
    (tmp_path / "old.toml").write_text(head + OLD, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"\[model\] and \[training\] and \[lookalike\].* remove that, and write"
    ) as error:
        load_config(tmp_path / "old.toml")
    (tmp_path / "new.toml").write_text(head + str(error.value).split("and write\n")[1], encoding="utf-8")
    config = load_config(tmp_path / "new.toml")
    said: dict[str, Any] = config.model_dump(mode="json")
    tags, users, ralm = (said["models"][name] for name in ("tags", "users", "ralm"))
    assert (tags["heads"], tags["training"]["loss"], tags["training"]["epochs"]) == (4, "joint", 3)
    assert (users["cut"], users["fields"], users["embedding"]) == ("periods", ["tags", "item"], 8)
    assert (users["training"]["epochs"], ralm["clusters"], ralm["training"]["rate"]) == (2, 3, 0.01)
    assert said["models"]["lr"]["most_seeds"] == 50
    assert (said["periods"]["learn"], said["lookalike"]["category"]) == (2.0, "tags")
    assert (said["lookalike"]["beside"], said["lookalike"]["rounds"]["least_seeds"]) == (["lr"], 3)


def test_a_section_that_judges_look_alikes_needs_one(tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text(RUN_FILE + "[lookalike]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r'(?s)there is none; add one, if only\n\n\[models\.ralm\]\nname = "ralm"'):
        load_config(tmp_path / "bare.toml")


def test_a_bare_old_section_of_look_alike_is_refused_too(tmp_path: Path) -> None:
    head = RUN_FILE.split("[models.tags]")[0]
    (tmp_path / "old.toml").write_text(head + '[lookalike]\nfields = ["tags"]\n', encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r'(?s)\[models\.users\]\nname = "ralm-users".*\[models\.ralm\]\nname = "ralm"'
    ):
        load_config(tmp_path / "old.toml")
