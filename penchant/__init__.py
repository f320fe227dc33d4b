"""Penchant: click logs into interest. Explainable tag profiles for every user, evaluated beside honest baselines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penchant.errors import PenchantError
from penchant.version import __version__

if TYPE_CHECKING:
    from penchant.pipeline import Run, run
    from penchant.runfile import RunConfig, load_config

STAGES = (
    "simulation",
    "logs",
    "features",
    "models",
    "training",
    "profiles",
    "audiences",
    "evaluation",
    "report",
    "store",
    "serving",
    "dashboard",
)
"""The stages in order; each imports earlier ones only. `kinds`, `pipeline`, `operation` and `command` see them all."""

__all__ = ["STAGES", "PenchantError", "Run", "RunConfig", "__version__", "load_config", "run"]

_HOME = {"Run": "pipeline", "run": "pipeline", "RunConfig": "runfile", "load_config": "runfile"}


def __getattr__(name: str) -> Any:
    """What needs PyTorch is imported when it is asked for, so that workers which need none start without it."""
    if name not in _HOME:
        raise AttributeError(f"module 'penchant' has no attribute {name!r}")
    return getattr(import_module(f"penchant.{_HOME[name]}"), name)
