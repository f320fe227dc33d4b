"""A small world that is fast to simulate."""

from typing import Any

from penchant.simulation.config import SimulationConfig


def small(**changes: Any) -> SimulationConfig:
    """400 users in four shards, four topics of 30 tags, eight days."""
    said = {"users": 400, "users_per_shard": 100, "tags": 120, "topics": 4, "items": 600, "days": 8, "user_topics": 2}
    return SimulationConfig.parse({**said, **changes}, origin="test")
