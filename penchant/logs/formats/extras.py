"""Libraries that only some formats need: extras of the package."""

from importlib import import_module
from typing import Any

from penchant.errors import ConfigError


def library(module: str, extra: str, what: str) -> Any:
    """A module of an extra. what: that which needs it. Raises ConfigError with the line that installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise ConfigError(f"{what} needs a library that is not here: pip install 'penchant[{extra}]'") from None
