"""Every model by its name in a run file: one line each. Models of other packages register here."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

import numpy as np
from torch import nn

from penchant.errors import ConfigError, PromiseError
from penchant.features.shards import Shard
from penchant.models.base import PAGE, CatalogEntry, ModelConfig, Promise, Sizes, contract_of
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.interests.promise import Interests, Preferences, TowerConfig
from penchant.models.lookalikes.promise import LookAlike, LookAlikeConfig
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

OWN_BASELINES = ("popularity", "own counts", "own counts, faded", "ridge", "ridge, all windows")
"""Baselines of this package, which are always there, and so is "model", what they are compared with."""

_CLASSES: dict[Promise, tuple[type, type[ModelConfig]]] = {
    "interests": (Interests, TowerConfig),
    "rankers": (Ranker, ModelConfig),
    "lookalikes": (LookAlike, LookAlikeConfig),
    "graphs": (Graph, ModelConfig),
}
"""What a model that makes a promise, and its config, are subclasses of."""

_REGISTERED: dict[str, CatalogEntry] = {}
"""Models of other packages, by name."""


BASELINES: dict[str, Fit] = {}
"""Baselines of other packages, by name: those of this package need no name, because they are always there."""


def register_baseline(name: str, fit: Fit) -> None:
    """Offer a baseline to `evaluation.beside` of run files. ConfigError where the name is taken, or nothing is made."""
    if name in (*OWN_BASELINES, "model"):
        raise ConfigError(
            f"the name {name!r} of a baseline is taken by Penchant itself; give the baseline another name"
        )
    if BASELINES.get(name, fit) is not fit:
        raise ConfigError(f"a baseline called {name!r} is registered already; give it another name")
    if not callable(fit):
        raise ConfigError(
            f"the baseline {name!r} is {fit!r}, and no function; name a function of shards, counts and sizes ({PAGE})"
        )
    BASELINES[name] = fit


def find_baseline(name: str) -> Fit:
    """The baseline of a name, of an installed package. Raises ConfigError where there is none."""
    if name in OWN_BASELINES:
        raise ConfigError(f"the baseline {name!r} is Penchant's own, and always measured; take it out of the list")
    for point in entry_points(group=BASELINE_GROUP, name=name):
        register_baseline(name, _loaded(point, "baseline"))
    if name not in BASELINES:
        raise ConfigError(f"no installed package offers a baseline {name!r}; those registered: {_named(BASELINES)}")
    return BASELINES[name]


def fitted(name: str, shards: Sequence[Shard], counts_V: np.ndarray, sizes: Sizes) -> Preferences:
    """The baseline of a name, fitted. PromiseError where its function makes something else."""
    made: Preferences = _promised(
        find_baseline(name)(shards, counts_V, sizes), Preferences, f"the baseline {name!r}", "preferences"
    )
    return made


def _named(known: Iterable[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _loaded(point: EntryPoint, kind: str) -> Any:
    """What an entry point names. Raises ConfigError where it names nothing."""
    try:
        return point.load()
    except (AttributeError, ImportError) as error:
        of = f" of the package {point.dist.name}" if point.dist else ""
        raise ConfigError(
            f"the {kind} {point.name!r}{of} cannot be loaded from its entry point, {point.value!r}: {error}; see {PAGE}"
        ) from error


def register(promise: Promise, config: type[ModelConfig], make: Callable[..., Any]) -> None:
    """Offer a model to run files under the default of its config's `name`. ConfigError where the name is taken, or the
    model cannot keep the promise."""
    _refuse_unfit(promise, config, make)
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
        _take(point, _loaded(point, "model"))
    if name not in _REGISTERED:
        raise ConfigError(f"no model is called {name!r}; there are {_named([*MODELS, *_REGISTERED])}")
    return _REGISTERED[name]


def _take(point: EntryPoint, offered: Any) -> None:
    """Register what an entry point names. ConfigError, which names it, where that is no model."""
    at = f"the model {point.name!r} of the entry point {point.value!r}"
    if not isinstance(offered, CatalogEntry):
        what = f"the class {offered.__name__}" if isinstance(offered, type) else f"a {type(offered).__name__}"
        raise ConfigError(
            f"{at} is {what}, not a CatalogEntry; name a line such as "
            f'ENTRY = CatalogEntry("interests", MyConfig, MyModel), see {PAGE}'
        )
    try:
        register(offered.promise, offered.config, offered.make)
    except ConfigError as error:
        raise ConfigError(f"{at}: {error}") from None
    if offered.name != point.name:
        raise ConfigError(
            f"{at} is called {offered.name!r} by the `name` of its config, {offered.config.__name__}; give both the "
            f"same name"
        )


def _refuse_unfit(promise: str, config: type[ModelConfig], make: Callable[..., Any]) -> None:
    """Raise ConfigError where one look tells that a model cannot keep a promise."""
    made = getattr(make, "__name__", repr(make))
    if promise not in _CLASSES:
        raise ConfigError(
            f"{made} promises {promise!r}, which is no promise; there are {', '.join(get_args(Promise))} ({PAGE})"
        )
    model, keys = _CLASSES[promise]
    if not (isinstance(config, type) and issubclass(config, keys) and isinstance(_default_name(config), str)):
        raise ConfigError(
            f"the config of {made} is {config!r}; {promise} need a subclass of {keys.__name__} with a default of "
            f"`name` ({PAGE})"
        )
    if not callable(make) or (isinstance(make, type) and not issubclass(make, model)):
        raise ConfigError(f"{made} is no subclass of {model.__name__}, as all {promise} are ({PAGE})")
    missing = sorted(getattr(make, "__abstractmethods__", ()))
    if missing:
        raise ConfigError(f"{made} lacks {', '.join(missing)}, which all {promise} promise; {contract_of(promise)}")


def _default_name(config: type[ModelConfig]) -> Any:
    return config.model_fields["name"].default


def _promised(made: Any, wanted: type[Any], who: str, promise: Promise | Literal["preferences"]) -> Any:
    """What was made, if it is what it has to be. Raises PromiseError."""
    if not isinstance(made, wanted):
        raise PromiseError(
            f"{who} was made as {type(made).__name__}, but has to be a {wanted.__name__}; {contract_of(promise)}"
        )
    return made


def models_of(promise: Promise) -> list[CatalogEntry]:
    """All models of this package that make a promise."""
    return [entry for entry in map(find, MODELS) if entry.promise == promise]


def build_interests(config: TowerConfig, sizes: Sizes) -> Interests:
    """A fresh model; its initial weights come from torch's global generator.

    Raises ConfigError where it would have to read numbers and cannot.
    """
    make = find(config.name).make
    if sizes.numbers and not getattr(make, "reads_numbers", False):
        others = [name for name in sizes.fields if name not in sizes.numbers]
        raise ConfigError(
            f"{config.name!r} reads no numbers, as {', '.join(sizes.numbers)} are; give it the other fields, "
            f'fields = {others}, or take name = "ralm-users"'
        )
    model: Interests = _promised(make(config, sizes), Interests, f"the model {config.name!r}", "interests")
    if not isinstance(getattr(model, "tag", None), nn.Embedding):
        raise PromiseError(
            f"the model {config.name!r} has no `tag`, the nn.Embedding of the tags' vectors; {contract_of('interests')}"
        )
    return model


def build_lookalike(config: ModelConfig, *, seed: int) -> LookAlike:
    """A look-alike that is not trained."""
    model: LookAlike = _promised(
        find(config.name).make(config, seed=seed), LookAlike, f"the model {config.name!r}", "lookalikes"
    )
    return model


def build_ranker(config: ModelConfig, sizes: RankerSizes) -> Ranker:
    """A fresh ranker. sizes: of the fields that it reads, see `RankerSizes.only`."""
    model: Ranker = _promised(find(config.name).make(config, sizes), Ranker, f"the model {config.name!r}", "rankers")
    return model


def build_graph(config: ModelConfig, sizes: GraphSizes) -> Graph:
    """A fresh graph model; its initial weights come from torch's global generator."""
    model: Graph = _promised(find(config.name).make(config, sizes), Graph, f"the model {config.name!r}", "graphs")
    return model
