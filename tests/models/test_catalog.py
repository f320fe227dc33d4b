"""Every model of the catalogue stands where its promise says, under the name that run files give it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from torch import nn

from penchant.errors import ConfigError, PromiseError
from penchant.models.base import CatalogEntry, ModelConfig, Sizes
from penchant.models.catalog import (
    MODELS,
    OWN_BASELINES,
    build_interests,
    build_lookalike,
    find,
    find_baseline,
    fitted,
    register,
    register_baseline,
)
from penchant.models.interests.promise import Interests, TowerConfig
from penchant.models.interests.utpm import Utpm
from penchant.models.lookalikes.popular import PopularConfig
from penchant.models.lookalikes.promise import LookAlikeConfig
from penchant.models.lookalikes.yahoo import Yahoo


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_called_as_its_config_says_and_lies_with_its_promise(name: str) -> None:
    entry = find(name)
    assert entry.name == name
    assert MODELS[name].split(".")[0] == entry.promise


class TwiceConfig(TowerConfig):
    name: Literal["utpm"] = "utpm"


class FreshConfig(TowerConfig):
    name: Literal["fresh"] = "fresh"


class Blind(Interests):
    """It does not say how a user is read."""


class Bare(Utpm):
    """It has no vectors of tags."""

    def __init__(self, *_: object) -> None:
        nn.Module.__init__(self)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ConfigError, match="a model called 'utpm' is registered already"):
        register("interests", TwiceConfig, Utpm)


@pytest.mark.parametrize(
    ("promise", "config", "make", "said"),
    [
        ("interest", FreshConfig, Utpm, "Utpm promises 'interest', which is no promise; there are interests, rankers"),
        ("interests", LookAlikeConfig, Utpm, "the config of Utpm .* interests need a subclass of TowerConfig"),
        ("interests", TowerConfig, Utpm, "the config of Utpm .* with a default of `name`"),
        ("interests", FreshConfig, Yahoo, "Yahoo is no subclass of Interests"),
        ("interests", FreshConfig, None, "None is no subclass of Interests"),
        (
            "interests",
            FreshConfig,
            Blind,
            "Blind lacks read, .* InterestsContract of penchant.testing .*docs/write-your",
        ),
    ],
)
def test_a_model_that_cannot_keep_its_promise_is_refused_by_name(
    promise: Any, config: type[ModelConfig], make: Callable[..., Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        register(promise, config, make)


def test_what_is_made_has_to_be_what_was_promised() -> None:
    class BareConfig(TowerConfig):
        name: Literal["bare"] = "bare"

    class NothingConfig(LookAlikeConfig):
        name: Literal["nothing"] = "nothing"

    register("interests", BareConfig, Bare)
    with pytest.raises(PromiseError, match=r"the model 'bare' has no `tag`.*InterestsContract"):
        build_interests(BareConfig(), Sizes({"tags": 4}, tags=4))
    register("lookalikes", NothingConfig, lambda config, seed: None)  # noqa: ARG005
    with pytest.raises(PromiseError, match="the model 'nothing' was made as NoneType, but has to be a LookAlike"):
        build_lookalike(NothingConfig(), seed=0)
    assert build_lookalike(PopularConfig(), seed=0)


@pytest.mark.parametrize("name", [*OWN_BASELINES, "model"])
def test_the_name_of_a_baseline_of_ours_is_taken(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the name '{name}' of a baseline is taken by Penchant itself"):
        register_baseline(name, lambda shards, counts_V, sizes: Utpm)  # type: ignore[arg-type, return-value]  # noqa: ARG005


def test_a_baseline_of_ours_need_not_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="'popularity' is Penchant's own, and always measured; take it out"):
        find_baseline("popularity")


def test_a_baseline_that_makes_nothing_is_named() -> None:
    register_baseline("empty", lambda shards, counts_V, sizes: None)  # type: ignore[arg-type, return-value]  # noqa: ARG005
    with pytest.raises(PromiseError, match=r"the baseline 'empty' was made as NoneType.*PreferencesContract"):
        fitted("empty", [], np.zeros(4), Sizes({"tags": 4}, tags=4))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wrong = penchant.models.interests.utpm:ENTRIES", "the model 'wrong' of the package wrong-models cannot be "),
        ("wrong = penchant.models.interests.nowhere:ENTRY", "cannot be loaded from its entry point, .*nowhere:ENTRY"),
        ("wrong = penchant.models.interests.utpm:Utpm", "is the class Utpm, not a CatalogEntry; name a line such as"),
        ("wrong = tests.models.test_catalog:BLIND", "entry point 'tests.models.test_catalog:BLIND': Blind lacks read"),
        ("wrong = tests.models.test_catalog:OTHER", "is called 'other' by the `name` of its config, OtherConfig"),
    ],
)
def test_an_entry_point_that_names_no_model_is_told_by_name(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "wrong_models-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong-models\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[penchant.models]\n{line}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=said):
        find("wrong")


class OtherConfig(TowerConfig):
    name: Literal["other"] = "other"


BLIND = CatalogEntry("interests", FreshConfig, Blind)
OTHER = CatalogEntry("interests", OtherConfig, Utpm)
