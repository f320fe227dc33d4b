"""Which tags point the same way, against vectors worked by hand."""

import numpy as np
import pytest

from penchant.profiles.directions import Directions

VECTORS = {"jazz": [3.0, 0.0], "swing": [0.8, 0.6], "polka": [0.0, 2.0], "noise": [0.0, 0.0], "anti": [-1.0, 0.0]}
DIRECTIONS = Directions(list(VECTORS), np.array(list(VECTORS.values())))


def test_the_nearest_tags_point_the_same_way() -> None:
    nearest = DIRECTIONS.nearest("jazz", 2)
    assert [tag for tag, _ in nearest] == ["swing", "polka"]
    assert [likeness for _, likeness in nearest] == pytest.approx([0.8, 0.0])


def test_a_tag_is_not_near_itself_and_all_others_are_at_most_named() -> None:
    assert [tag for tag, _ in DIRECTIONS.nearest("jazz", 50)] == ["swing", "polka", "noise", "anti"]


def test_nothing_is_near_a_tag_without_a_vector() -> None:
    assert "noise" in DIRECTIONS
    assert not DIRECTIONS.learned("noise")
    assert DIRECTIONS.nearest("noise", 3) == []
    assert DIRECTIONS.nearest("unheard of", 3) == []


def test_the_only_tag_has_none_near_it() -> None:
    assert Directions(["jazz"], np.ones((1, 1))).nearest("jazz", 3) == []
