"""One trained model as it is served: what it knows of users and items, and what it makes of clicks."""

from collections.abc import Mapping
from dataclasses import dataclass

from penchant.evaluation.choice import Choice
from penchant.features.live import LiveFeatures
from penchant.features.vocabulary import Vocabulary
from penchant.models.interests.promise import Interests
from penchant.models.lookalikes.ralm import Ralm
from penchant.profiles.average import Average
from penchant.profiles.build import ProfilesConfig
from penchant.serving.snapshot import Snapshot


@dataclass(frozen=True)
class TagModel:
    """Clicks → preferences for tags. average: the average user; label: the field that is predicted; names: per field,
    and of the label, what ids are called; config: how many tags a profile has, in which order."""

    model: Interests
    average: Average
    features: LiveFeatures
    label: str
    names: Mapping[str, Vocabulary]
    config: ProfilesConfig


@dataclass(frozen=True)
class AlikeModel:
    """Clicks → universal vectors → scores. seed: of k-means; most_seeds: of an item, the latest so many count; choice:
    which scorer `ralm` is, and how it did beside those that cannot be live."""

    users: Interests
    ralm: Ralm
    features: LiveFeatures
    seed: int
    most_seeds: int
    choice: Choice


@dataclass(frozen=True)
class Served:
    """name: changes whenever weights, vocabularies or the snapshot do; item_names: items that have a readable name;
    item_tags: the tags of each item of the log. tags, alike: None where the run has not trained that."""

    name: str
    snapshot: Snapshot
    tags: TagModel | None
    alike: AlikeModel | None
    item_names: Mapping[str, str]
    item_tags: Mapping[str, list[str]]
