"""Every model by its name in a run file: one line each."""

from typing import Annotated

from pydantic import Field as Limits

from penchant.models.base import Interests, Sizes
from penchant.models.utpm import Utpm, UtpmConfig
from penchant.models.youtube import YouTubeConfig, YouTubeDnn

ModelConfig = Annotated[UtpmConfig | YouTubeConfig, Limits(discriminator="name")]


def build_model(config: UtpmConfig | YouTubeConfig, sizes: Sizes) -> Interests:
    """A fresh model; its initial weights come from torch's global generator."""
    match config:
        case UtpmConfig():
            return Utpm(config, sizes)
        case YouTubeConfig():
            return YouTubeDnn(config, sizes)
