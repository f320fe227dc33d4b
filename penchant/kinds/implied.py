"""Models that a run file asks for without a section of their own: those that a look-alike is measured beside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from penchant.errors import ConfigError
from penchant.kinds.sections import InterestsSection, LookalikesSection, Section
from penchant.models.base import ModelConfig
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.lookalikes.dot import InnerProductConfig
from penchant.models.lookalikes.logistic import LogisticConfig
from penchant.models.lookalikes.popular import PopularConfig
from penchant.models.lookalikes.promise import LookAlikeConfig
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.models.lookalikes.yahoo import YahooConfig

Merge = Literal["attention", "concat"]


_DEFAULT_USERS = LookAlikeConfig.model_fields["users"].default
"""The one name of a model of users that needs no section."""


def reference_of(models: Mapping[str, Section], asked: str | None) -> str | None:
    """The look-alike that the others are measured beside: the one that is asked for, or the first. Raises ConfigError
    where that is none."""
    there = [name for name, section in models.items() if isinstance(section, LookalikesSection)]
    if asked is not None and asked not in there:
        raise ConfigError(f"lookalike.model = {asked!r} is no look-alike; there are: {', '.join(there) or 'none'}")
    return asked or next(iter(there), None)


def implied(models: Mapping[str, Section], asked: str | None, beside: Sequence[str]) -> dict[str, Section]:
    """The models that a reference needs or is measured beside, but for those that have a section.

    Raises ConfigError where a section bears the name of a look-alike and is another, or users are named that are not
    there.
    """
    name = reference_of(models, asked)
    if name is None:
        return {}
    _refuse_misnamed(models, beside)
    own = models[name]
    assert isinstance(own, LookalikesSection)
    found: dict[str, Section] = {}
    if own.users not in models:
        _refuse_unknown(name, own.users, models)
        found[own.users] = InterestsSection(model=RalmUsersConfig(), cut="periods")
    users = {**models, **found}[own.users]
    for word in beside:
        if word in models:
            continue
        if word in _PLAIN:
            found[word] = LookalikesSection(model=_PLAIN[word](own.users), training=own.training)
        elif word == "average" and isinstance(own.model, RalmConfig) and own.model.pool != "average":
            found[word] = own.model_copy(update={"model": own.model.model_copy(update={"pool": "average"})})
        elif word in _MERGES and isinstance(users, InterestsSection) and isinstance(users.model, RalmUsersConfig):
            other, section = _merged(own.users, users, _MERGES[word])
            if other not in {**models, **found}:
                found[other] = section
            found[word] = LookalikesSection(model=InnerProductConfig(users=other), training=own.training)
    return found


_PLAIN: dict[str, Callable[[str], LookAlikeConfig]] = {
    "yahoo": lambda users: YahooConfig(users=users),
    "lr": lambda users: LogisticConfig(users=users),
    "popularity": lambda users: PopularConfig(users=users),
}
_MERGES: dict[str, Merge] = {"youtube": "concat", "merge": "attention"}


def _merged(name: str, users: InterestsSection, merge: Merge) -> tuple[str, InterestsSection]:
    """The model of the users with its fields merged in a way, and its name: the same where it merges them so."""
    assert isinstance(users.model, RalmUsersConfig)
    if users.model.merge == merge:
        return name, users
    return f"{name}-{merge}", users.model_copy(update={"model": users.model.model_copy(update={"merge": merge})})


_NAMED: dict[str, type[LookAlikeConfig]] = {
    "ralm": RalmConfig,
    "average": RalmConfig,
    "youtube": InnerProductConfig,
    "merge": InnerProductConfig,
    "yahoo": YahooConfig,
    "lr": LogisticConfig,
    "popularity": PopularConfig,
}
"""What a look-alike of each of these names is: terminal, report and dashboard have a title for it."""


def _refuse_misnamed(models: Mapping[str, Section], beside: Sequence[str]) -> None:
    """Raise ConfigError where a section takes a name that says of a look-alike what it is, and is something else."""
    for name, section in models.items():
        other = f"give the section another name, such as [models.my-{name}]"
        if not isinstance(section, LookalikesSection):
            if name in beside:
                raise ConfigError(
                    f"models.{name} is no look-alike (its model is {section.model.name!r}), and stands where the "
                    f"look-alike {name!r} of lookalike.beside would; {other}, or leave {name!r} out of lookalike.beside"
                )
        elif name in _NAMED and not _is_named(name, section.model):
            pool = ' with pool = "average"' if name == "average" else ""
            raise ConfigError(
                f"models.{name} is a {section.model.name!r}, but a look-alike called {name!r} is shown as "
                f"{_NAMED[name].model_fields['name'].default!r}{pool}; {other}"
            )


def _is_named(name: str, model: ModelConfig) -> bool:
    """Whether a look-alike is what its name says."""
    return isinstance(model, _NAMED[name]) and (name != "average" or getattr(model, "pool", None) == "average")


def _refuse_unknown(name: str, users: str, models: Mapping[str, Section]) -> None:
    """Raise ConfigError where a look-alike names users that have no section, and cannot go without one."""
    if users != _DEFAULT_USERS:
        there = [one for one, its in models.items() if isinstance(its, InterestsSection) and its.cut == "periods"]
        raise ConfigError(
            f'models.{name}.users = {users!r} is no model of the run file; interest models with cut = "periods" that '
            f"are there: {', '.join(there) or 'none'}. Name one of them, or leave the key out for "
            f"{_DEFAULT_USERS!r}, which needs no section"
        )
