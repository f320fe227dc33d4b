"""Sections of models: read by the kind of their model, in the order of what they need, refused in words."""

import tomllib
from pathlib import Path

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
    config = config_of('[models.tags]\nname = "utpm"\nheads = 4\nlabels = "tags"\ntraining = { epochs = 3 }\n')
    said = config.model_dump(mode="json")["models"]["tags"]
    assert (said["name"], said["heads"], said["labels"], said["training"]["epochs"]) == ("utpm", 4, "tags", 3)
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
        (
            '[models.ralm]\nname = "ralm"\n[models.users]\nname = "ralm-users"\ncut = "periods"\nlabels = "tags"\n',
            r"models\.users\.labels = 'tags', but with cut = \"periods\" .* the items themselves; leave `labels` out",
        ),
        (
            '[models.tags]\nname = "blend"\ncut = "periods"\n',
            r"models\.tags is a blend, which predicts tags, and with cut = \"periods\" .*; leave `cut` out",
        ),
        (
            '[models.ralm]\nname = "ralm"\n[models.users]\nname = "blend"\ncut = "periods"\ndeep = { name = "utpm" }\n',
            r"models\.users is a blend",
        ),
        (
            '[models.tags]\nname = "utpm"\nlabels = "group"\n',
            r"models\.tags\.labels = 'group' is not a field of the items, so it cannot be predicted; those are tags",
        ),
        (
            '[models.tags]\nname = "blend"\ndeep = { name = "utpm", fields = ["nope"] }\n',
            r"models\.tags\.deep\.fields: 'nope' is not a field; there are tags, recent, item, group",
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


def test_a_section_that_judges_look_alikes_needs_one(tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text(RUN_FILE + "[lookalike]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r'(?s)there is none; add one, if only\n\n\[models\.ralm\]\nname = "ralm"'):
        load_config(tmp_path / "bare.toml")


@pytest.mark.parametrize("taken", ["", '[models.ralm]\nname = "ralm"\n'])
def test_a_model_of_users_that_no_look_alike_asks_is_refused_with_the_look_alike_to_add(taken: str) -> None:
    models = f'{taken}[models.readers]\nname = "ralm-users"\ncut = "periods"\n'
    with pytest.raises(
        ConfigError, match=r'models\.readers has cut = "periods", .* no look-alike has users = "readers"'
    ) as told:
        config_of(models)
    config = config_of(models + str(told.value).split("such as\n")[1])
    assert "readers" in [section.users for section in config.models.values() if isinstance(section, LookalikesSection)]


@pytest.mark.parametrize(
    ("models", "key"),
    [
        ('[models.tags]\nname = "utpm"\nfields = ["age"]\n', "models.tags.fields"),
        ('[models.tags]\nname = "youtube"\nfields = ["tags", "age", "income"]\n', "models.tags.fields"),
        ('[models.tags]\nname = "blend"\ndeep = { name = "utpm", fields = ["age"] }\n', "models.tags.deep.fields"),
    ],
)
def test_numbers_that_a_model_cannot_read_are_refused_with_fields_that_it_can(models: str, key: str) -> None:
    numbers = '{ name = "age", number = true },\n  { name = "income", number = true },\n]\n\n[labels]'
    head = RUN_FILE.split("[models.tags]")[0].replace("]\n\n[labels]", f"  {numbers}")
    with pytest.raises(ConfigError, match=rf"run\.toml: {key}: name = .* cannot read numbers, such as 'age'") as told:
        RunConfig.parse(tomllib.loads(head + models), origin="run.toml")
    fields = str(told.value).split("fields with values, ")[1]
    old = models[models.index("fields") : models.rindex("]") + 1]
    RunConfig.parse(tomllib.loads(head + models.replace(old, fields)), origin="run.toml")


def test_numbers_alone_are_refused_for_a_model_that_reads_none() -> None:
    head = RUN_FILE.split("[models.tags]")[0]
    fields = head[head.index("fields = [\n") : head.index("[labels]")]
    numbers = head.replace(fields, 'fields = [{ name = "age", number = true }]\n')
    with pytest.raises(ConfigError, match=r'features\.fields holds only numbers, which name = "youtube" cannot read'):
        RunConfig.parse(tomllib.loads(numbers + '[models.x]\nname = "youtube"\n'), origin="run.toml")
    RunConfig.parse(tomllib.loads(numbers + '[models.x]\nname = "ralm-users"\n'), origin="run.toml")
