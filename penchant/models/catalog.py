"""Every model by its name in a run file: one line each. Models of other packages register here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field as Limits

from penchant.errors import ConfigError
from penchant.features.shards import Shard
from penchant.models.base import ModelConfig, Positive, Sizes
from penchant.models.graphs.bpr import Bpr, BprConfig
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.interests.blend import Blend
from penchant.models.interests.promise import Interests, Preferences, TowerConfig
from penchant.models.interests.ralm_users import RalmUsers, RalmUsersConfig
from penchant.models.interests.utpm import Utpm, UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig, YouTubeDnn
from penchant.models.lookalikes.dot import InnerProduct, InnerProductConfig
from penchant.models.lookalikes.logistic import Logistic, LogisticConfig
from penchant.models.lookalikes.popular import Popular, PopularConfig
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.yahoo import Yahoo, YahooConfig
from penchant.models.rankers.pairs import Pairs, PairsConfig
from penchant.models.rankers.promise import Ranker, RankerSizes

Fit = Callable[[Sequence[Shard], np.ndarray, Sizes], Preferences]
"""Makes a baseline of interests: from the shards of training users, the clicks on each tag by id, and the sizes."""

Promise = Literal["interests", "rankers", "lookalikes", "graphs"]
"""What a model promises: models/PROMISE/promise.py says it, training/objectives, evaluation/protocols and kinds have a
file of the same name for it."""

GROUP = "penchant.models"
"""The group of entry points under which an installed package offers models: NAME = "package.module:ENTRY"."""

BASELINE_GROUP = "penchant.baselines"
"""And baselines: NAME = "package.module:FIT"."""


class BlendConfig(ModelConfig):
    """Own tags, ridge regression, and a deep model beside them, joined by what training users show.

    deep: the model beside the closed form, none if not given; it is trained first, by `training`; rank: the width of
    the linear path's vectors.
    """

    name: Literal["blend"] = "blend"
    deep: Annotated[UtpmConfig | YouTubeConfig, Limits(discriminator="name")] | None = None
    rank: Positive = 128


@dataclass(frozen=True)
class CatalogEntry:
    """A model of the catalogue.

    config: its keys, where `name` has the model's name as default; make: what makes a fresh one: of interests, rankers
    and graphs (config, sizes), of look-alikes that are not trained (config, seed=…).
    """

    promise: Promise
    config: type[ModelConfig]
    make: Callable[..., Any]

    @property
    def name(self) -> str:
        return str(self.config.model_fields["name"].default)


MODELS: dict[str, CatalogEntry] = {
    entry.name: entry
    for entry in (
        CatalogEntry("interests", BlendConfig, Blend),
        CatalogEntry("interests", UtpmConfig, Utpm),
        CatalogEntry("interests", YouTubeConfig, YouTubeDnn),
        CatalogEntry("interests", RalmUsersConfig, RalmUsers),
        CatalogEntry("rankers", PairsConfig, Pairs),
        CatalogEntry("lookalikes", RalmConfig, Ralm),
        CatalogEntry("lookalikes", InnerProductConfig, InnerProduct),
        CatalogEntry("lookalikes", YahooConfig, Yahoo),
        CatalogEntry("lookalikes", LogisticConfig, Logistic),
        CatalogEntry("lookalikes", PopularConfig, Popular),
        CatalogEntry("graphs", BprConfig, Bpr),
    )
}


BASELINES: dict[str, Fit] = {}
"""Baselines of other packages, by name: those of this package need no name, because they are always there."""


def register_baseline(name: str, fit: Fit) -> None:
    """Offer a baseline to `evaluation.beside` of run files. ConfigError where the name is taken."""
    if BASELINES.get(name, fit) is not fit:
        raise ConfigError(f"a baseline called {name!r} is registered already; give it another name")
    BASELINES[name] = fit


def find_baseline(name: str) -> Fit:
    """The baseline of a name, of an installed package. Raises ConfigError where there is none."""
    for point in entry_points(group=BASELINE_GROUP, name=name):
        register_baseline(name, point.load())
    if name not in BASELINES:
        raise ConfigError(f"no installed package offers a baseline {name!r}; those registered: {_named(BASELINES)}")
    return BASELINES[name]


def _named(known: Iterable[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def register(promise: Promise, config: type[ModelConfig], make: Callable[..., Any]) -> None:
    """Offer a model to run files under the default of its config's `name`. ConfigError where the name is taken."""
    entry = CatalogEntry(promise, config, make)
    if MODELS.get(entry.name, entry) != entry:
        raise ConfigError(f"a model called {entry.name!r} is registered already; give the config another `name`")
    MODELS[entry.name] = entry


def find(name: str) -> CatalogEntry:
    """The model of a name, of this package or of an installed one. Raises ConfigError where there is none."""
    if name not in MODELS:
        for point in entry_points(group=GROUP, name=name):
            entry = point.load()
            register(entry.promise, entry.config, entry.make)
    if name not in MODELS:
        raise ConfigError(f"no model is called {name!r}; there are {', '.join(sorted(MODELS))}")
    return MODELS[name]


def build_interests(config: TowerConfig, sizes: Sizes) -> Interests:
    """A fresh model; its initial weights come from torch's global generator.

    Raises ConfigError where it would have to read numbers and cannot.
    """
    make = find(config.name).make
    if sizes.numbers and not make.reads_numbers:  # type: ignore[attr-defined]
        others = [name for name in sizes.fields if name not in sizes.numbers]
        raise ConfigError(
            f"{config.name!r} reads no numbers, as {', '.join(sizes.numbers)} are; give it the other fields, "
            f'fields = {others}, or take name = "ralm-users"'
        )
    model: Interests = make(config, sizes)
    return model


def build_ranker(config: ModelConfig, sizes: RankerSizes) -> Ranker:
    """A fresh ranker. sizes: of the fields that it reads, see `RankerSizes.only`."""
    model: Ranker = find(config.name).make(config, sizes)
    return model


def build_graph(config: ModelConfig, sizes: GraphSizes) -> Graph:
    """A fresh graph model; its initial weights come from torch's global generator."""
    model: Graph = find(config.name).make(config, sizes)
    return model
