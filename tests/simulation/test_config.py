"""Worlds that cannot be are refused, and the message says why."""

import re
from typing import Any

import pytest

from penchant.errors import ConfigError
from penchant.simulation.config import SimulationConfig


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"users": 0}, "'users' is 0"),
        ({"tags": -3}, "'tags' is -3"),
        ({"rule": "two"}, "'rule' is 'two'"),
        ({"seed": -1}, "'seed' is -1"),
        (
            {"tags": 300},
            "300 tags in 20 topics are 15 per topic, 11 of them not bland; an article has 4, and more than the 12",
        ),
        ({"tags": 400, "tags_per_item": 20, "topics": 21}, "19 per topic, 14 of them not bland; an article has 20"),
        ({"items": 679}, "679 items are too few: one per topic and day of birth are 680"),
        ({"user_topics": 21}, "user_topics = 21, but there are 20 topics"),
        ({"popular": 0.7, "targeted": 0.4}, "popular + targeted = 1.1 is more"),
        ({"click_rate": 0.6}, "click_rate = 0.6 cannot be reached: 62% of what is shown is looked at"),
        ({"user": 5}, "unknown key 'user'; did you mean 'users'"),
    ],
)
def test_an_impossible_world_is_refused_with_the_number(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        SimulationConfig.parse(said, origin="simulate")


def test_the_last_block_of_users_may_be_smaller() -> None:
    assert SimulationConfig(users=10_001).shards == 3
