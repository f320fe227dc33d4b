"""Every model by its name in a run file: one line each."""

from typing import Annotated, Literal

from pydantic import Field as Limits

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.models.base import Positive, Sizes
from penchant.models.graphs.bpr import Bpr, BprConfig
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.interests.promise import Interests
from penchant.models.interests.ralm_users import RalmUsers, RalmUsersConfig
from penchant.models.interests.utpm import Utpm, UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig, YouTubeDnn
from penchant.models.rankers.pairs import Pairs, PairsConfig
from penchant.models.rankers.promise import Ranker, RankerSizes


class BlendConfig(Config):
    """Own tags, ridge regression, and a deep model beside them, joined by what training users show.

    deep: the model beside the closed form, none if not given; it is trained first, by [training]; rank: the width of
    the linear path's vectors.
    """

    name: Literal["blend"] = "blend"
    deep: Annotated[UtpmConfig | YouTubeConfig, Limits(discriminator="name")] | None = None
    rank: Positive = 128

    @property
    def fields(self) -> list[str] | None:
        """Those that the run file names for the deep part."""
        return self.deep.fields if self.deep else None


TrainedConfig = UtpmConfig | YouTubeConfig | RalmUsersConfig
"""Models whose weights training moves; a blend may have one of them beside its closed form."""

AnyConfig = BlendConfig | TrainedConfig
ModelConfig = Annotated[AnyConfig, Limits(discriminator="name")]

RankerConfig = PairsConfig
GraphConfig = BprConfig


def build_model(config: TrainedConfig, sizes: Sizes) -> Interests:
    """A fresh model; its initial weights come from torch's global generator.

    Raises ConfigError where it would have to read numbers and cannot.
    """
    match config:
        case RalmUsersConfig():
            return RalmUsers(config, sizes)
        case UtpmConfig():
            refuse_numbers(config, sizes)
            return Utpm(config, sizes)
        case YouTubeConfig():
            refuse_numbers(config, sizes)
            return YouTubeDnn(config, sizes)


def build_ranker(config: RankerConfig, sizes: RankerSizes) -> Ranker:
    """A fresh ranker. sizes: of the fields that it reads, see `RankerSizes.only`."""
    match config:
        case PairsConfig():
            return Pairs(config, sizes)


def build_graph(config: GraphConfig, sizes: GraphSizes) -> Graph:
    """A fresh graph model; its initial weights come from torch's global generator."""
    match config:
        case BprConfig():
            return Bpr(config, sizes)


def refuse_numbers(config: UtpmConfig | YouTubeConfig, sizes: Sizes) -> None:
    """Raise ConfigError where a model that knows values only is given numbers."""
    if sizes.numbers:
        others = [name for name in sizes.fields if name not in sizes.numbers]
        raise ConfigError(
            f"model.name = {config.name!r} reads no numbers, as {', '.join(sizes.numbers)} are; give it the other "
            f'fields, model.fields = {others}, or take model.name = "ralm-users"'
        )
