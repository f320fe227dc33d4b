"""Says what a reviewer would doubt in a log before anything is learned from it."""

from penchant.logs.doubts.doubt import Doubt, Purpose
from penchant.logs.doubts.judge import doubts

__all__ = ["Doubt", "Purpose", "doubts"]
