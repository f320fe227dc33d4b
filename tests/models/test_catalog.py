"""Every model of the catalogue stands where its promise says, under the name that run files give it."""

import pytest

from penchant.errors import ConfigError
from penchant.models.base import ModelConfig
from penchant.models.catalog import MODELS, find, register


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_called_as_its_config_says_and_lies_with_its_promise(name: str) -> None:
    entry = find(name)
    assert entry.name == name
    assert MODELS[name].split(".")[0] == entry.promise


def test_a_name_is_given_once() -> None:
    class OtherConfig(ModelConfig):
        name: str = "utpm"

    with pytest.raises(ConfigError, match="a model called 'utpm' is registered already"):
        register("interests", OtherConfig, object)
