"""Models that a run file asks for without a section of their own: those that a look-alike is measured beside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from penchant.errors import ConfigError
from penchant.kinds.sections import InterestsSection, LookalikesSection, Section
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.lookalikes.dot import InnerProductConfig
from penchant.models.lookalikes.logistic import LogisticConfig
from penchant.models.lookalikes.popular import PopularConfig
from penchant.models.lookalikes.promise import LookAlikeConfig
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.models.lookalikes.yahoo import YahooConfig

Merge = Literal["attention", "concat"]


def reference_of(models: Mapping[str, Section], asked: str | None) -> str | None:
    """The look-alike that the others are measured beside: the one that is asked for, or the first. Raises ConfigError
    where that is none."""
    there = [name for name, section in models.items() if isinstance(section, LookalikesSection)]
    if asked is not None and asked not in there:
        raise ConfigError(f"lookalike.model = {asked!r} is no look-alike; there are: {', '.join(there) or 'none'}")
    return asked or next(iter(there), None)


def implied(models: Mapping[str, Section], asked: str | None, beside: Sequence[str]) -> dict[str, Section]:
    """The models that a reference needs or is measured beside, but for those that have a section."""
    name = reference_of(models, asked)
    if name is None:
        return {}
    own = models[name]
    assert isinstance(own, LookalikesSection)
    found: dict[str, Section] = {}
    if own.users not in models:
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
