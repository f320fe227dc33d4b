"""Every model by its name in a run file: one line each."""

from typing import Annotated

from pydantic import Field as Limits

from penchant.errors import ConfigError
from penchant.models.base import Interests, Sizes
from penchant.models.blend import BlendConfig
from penchant.models.ralm_users import RalmUsers, RalmUsersConfig
from penchant.models.utpm import Utpm, UtpmConfig
from penchant.models.youtube import YouTubeConfig, YouTubeDnn

TrainedConfig = UtpmConfig | YouTubeConfig | RalmUsersConfig
"""Models whose weights training moves; a blend may have one of them beside its closed form."""

AnyConfig = BlendConfig | TrainedConfig
ModelConfig = Annotated[AnyConfig, Limits(discriminator="name")]


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


def refuse_numbers(config: UtpmConfig | YouTubeConfig, sizes: Sizes) -> None:
    """Raise ConfigError where a model that knows values only is given numbers."""
    if sizes.numbers:
        others = [name for name in sizes.fields if name not in sizes.numbers]
        raise ConfigError(
            f"model.name = {config.name!r} reads no numbers, as {', '.join(sizes.numbers)} are; give it the other "
            f'fields, model.fields = {others}, or take model.name = "ralm-users"'
        )
