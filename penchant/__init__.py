"""Penchant: click logs into interest. Explainable tag profiles for every user, evaluated beside honest baselines."""

__version__ = "0.1.0"

STAGES = ("simulation", "logs", "features", "models", "training", "evaluation", "profiles", "report")
"""The stages in order; each imports earlier ones only. `pipeline` and `cli` see them all."""

from penchant.errors import PenchantError  # noqa: E402
from penchant.pipeline import Run, run  # noqa: E402
from penchant.runfile import RunConfig, load_config  # noqa: E402

__all__ = ["STAGES", "PenchantError", "Run", "RunConfig", "__version__", "load_config", "run"]
