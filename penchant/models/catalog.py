"""Every model by its name in a run file: one line each. Models of other packages register here."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from penchant.errors import ConfigError
from penchant.features.shards import Shard
from penchant.models.base import CatalogEntry, ModelConfig, Promise, Sizes
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.interests.promise import Interests, Preferences, TowerConfig
from penchant.models.rankers.promise import Ranker, RankerSizes

Fit = Callable[[Sequence[Shard], np.ndarray, Sizes], Preferences]
"""Makes a baseline of interests: from the shards of training users, the clicks on each tag by id, and the sizes."""

MODELS = {
    "blend": "interests.blend",
    "utpm": "interests.utpm",
    "youtube": "interests.youtube",
    "ralm-users": "interests.ralm_users",
    "pairs": "rankers.pairs",
    "fm": "rankers.fm",
    "ralm": "lookalikes.ralm",
    "inner-product": "lookalikes.dot",
    "yahoo": "lookalikes.yahoo",
    "logistic": "lookalikes.logistic",
    "popular": "lookalikes.popular",
    "bpr": "graphs.bpr",
}
"""Models of this package: the file below `penchant.models` whose ENTRY each is."""

GROUP = "penchant.models"
"""The group of entry points under which an installed package offers models: NAME = "package.module:ENTRY"."""

BASELINE_GROUP = "penchant.baselines"
"""And baselines: NAME = "package.module:FIT"."""

_REGISTERED: dict[str, CatalogEntry] = {}
"""Models of other packages, by name."""


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
    if entry.name in MODELS or _REGISTERED.get(entry.name, entry) != entry:
        raise ConfigError(f"a model called {entry.name!r} is registered already; give the config another `name`")
    _REGISTERED[entry.name] = entry


def find(name: str) -> CatalogEntry:
    """The model of a name, of this package or of an installed one. Raises ConfigError where there is none."""
    if name in MODELS:
        entry: CatalogEntry = import_module(f"penchant.models.{MODELS[name]}").ENTRY
        return entry
    for point in entry_points(group=GROUP, name=name):
        offered = point.load()
        register(offered.promise, offered.config, offered.make)
    if name not in _REGISTERED:
        raise ConfigError(f"no model is called {name!r}; there are {_named([*MODELS, *_REGISTERED])}")
    return _REGISTERED[name]


def models_of(promise: Promise) -> list[CatalogEntry]:
    """All models of this package that make a promise."""
    return [entry for entry in map(find, MODELS) if entry.promise == promise]


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
