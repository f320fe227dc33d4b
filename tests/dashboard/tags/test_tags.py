"""What is said of tags: nearest ones and counts against numbers worked by hand."""

from pathlib import Path

import orjson
import pytest

from penchant.dashboard.tags.tags import (
    FINENESS,
    Counted,
    Directions,
    DirectionsOfServed,
    Near,
    Span,
    course,
    details,
    found,
    mapped,
    most_clicked,
    points,
    similar,
)
from penchant.profiles.atlas import Atlas, Interested
from penchant.serving.served import Served
from tests.dashboard.tagged import DAY_S, START_S, atlas, serving, tag_model
from tests.serving import worlds

VECTORS = {"jazz": [3.0, 0.0], "swing": [0.8, 0.6], "polka": [0.0, 2.0], "noise": [0.0, 0.0], "anti": [-1.0, 0.0]}
CLICKS = {"swing": (1, 2, 0), "jazz": (6, 3, 0), "polka": (2, 1, 0), "only counted": (0, 1, 0)}
PLACES = {"jazz": (-1.0, 0.5), "swing": (-0.25, 0.123456)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture(scope="module")
def directions(served: Served) -> Directions:
    assert served.tags is not None
    return Directions(tag_model(served.tags, VECTORS))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    fans = {"jazz": {"ann": 1.5, "bob": 0.25}}
    folder = tmp_path_factory.mktemp("counted")
    return atlas(folder, clicks=CLICKS, all_clicks=(10, 20, 0), places=PLACES, fans=fans, users={"jazz": 2})


def test_the_nearest_tags_point_the_same_way(directions: Directions) -> None:
    nearest = directions.nearest("jazz", 2)
    assert [tag for tag, _ in nearest] == ["swing", "polka"]
    assert [likeness for _, likeness in nearest] == pytest.approx([0.8, 0.0])


def test_a_tag_is_not_near_itself_and_all_others_are_at_most_named(directions: Directions) -> None:
    assert [tag for tag, _ in directions.nearest("jazz", 50)] == ["swing", "polka", "noise", "anti"]


def test_nothing_is_near_a_tag_without_a_vector(directions: Directions) -> None:
    assert "noise" in directions
    assert not directions.learned("noise")
    assert directions.nearest("noise", 3) == []
    assert directions.nearest("unheard of", 3) == []


def test_the_only_tag_has_none_near_it(served: Served) -> None:
    assert served.tags is not None
    assert Directions(tag_model(served.tags, {"jazz": [1.0]})).nearest("jazz", 3) == []


def test_directions_are_worked_out_once_for_each_model(served: Served) -> None:
    kept = DirectionsOfServed()
    one, other = serving(served, VECTORS, name="one"), serving(served, {"jazz": [1.0]}, name="other")
    first = kept.of(one)
    assert kept.of(one) is first
    second = kept.of(other)
    assert second is not None
    assert second.tags == ["jazz"]


def test_a_tag_is_told_by_model_and_atlas(directions: Directions, counted: Atlas) -> None:
    told = details("jazz", directions, counted)
    assert told is not None
    assert told.account is not None
    assert told.learned
    assert (told.near[0].tag, told.near[0].clicks) == ("swing", 3)
    assert told.near[0].likeness == pytest.approx(0.8)
    assert told.near[2] == Near("noise", 0.0, None)
    assert told.account.counted == Counted("jazz", 9, 2)
    assert (told.account.rank, told.account.tags, told.account.mapped) == (1, 4, True)
    assert told.account.interested == [Interested("ann", 1.5), Interested("bob", 0.25)]
    assert told.account.spans == [
        Span(START_S, START_S + DAY_S, 6, 10),
        Span(START_S + DAY_S, START_S + 2 * DAY_S, 3, 20),
        Span(START_S + 2 * DAY_S, START_S + 3 * DAY_S, 0, 0),
    ]


def test_equally_clicked_tags_share_their_place(directions: Directions, counted: Atlas) -> None:
    ranks = [told.account.rank for tag in CLICKS if (told := details(tag, directions, counted)) and told.account]
    assert ranks == [2, 1, 2, 4]


def test_a_tag_that_only_one_of_model_and_atlas_knows_is_told_as_far_as_it_goes(
    directions: Directions, counted: Atlas
) -> None:
    of_model, of_atlas = details("anti", directions, counted), details("only counted", directions, counted)
    assert of_model is not None
    assert of_model.account is None
    assert of_model.near
    assert of_atlas is not None
    assert of_atlas.account is not None
    assert not of_atlas.account.mapped
    assert not of_atlas.learned
    assert of_atlas.near == []
    assert details("unheard of", directions, counted) is None


def test_without_an_atlas_there_are_nearest_tags_all_the_same(directions: Directions) -> None:
    told = details("jazz", directions, None)
    assert told is not None
    assert told.account is None
    assert [near.clicks for near in told.near] == [None] * 4


def test_the_map_is_sent_in_columns_the_most_clicked_first(counted: Atlas) -> None:
    assert orjson.loads(points(counted)) == {
        "fineness": FINENESS,
        "texts": ["jazz", "swing"],
        "x": [-100_000, -25_000],
        "y": [50_000, 12_346],
        "clicks": [9, 3],
        "users": [2, 0],
    }
    assert mapped(counted) == 2


def test_without_profiles_nobody_is_counted(tmp_path: Path, directions: Directions) -> None:
    bare = atlas(tmp_path / "bare", clicks=CLICKS, all_clicks=(10, 20, 0), places=PLACES)
    assert orjson.loads(points(bare))["users"] is None
    assert most_clicked(bare, 1) == [Counted("jazz", 9, None)]
    told = details("jazz", directions, bare)
    assert told is not None
    assert told.account is not None
    assert told.account.counted.users is None


def test_a_log_without_a_clock_has_no_spans(tmp_path: Path, directions: Directions) -> None:
    told = details("jazz", directions, atlas(tmp_path / "a", clicks=CLICKS, all_clicks=(9,), places={}, clock=False))
    assert told is not None
    assert told.account is not None
    assert told.account.spans == []


def test_the_most_clicked_and_those_that_are_looked_for_are_counted(counted: Atlas) -> None:
    assert [one.tag for one in most_clicked(counted, 3)] == ["jazz", "swing", "polka"]
    assert found("zz", counted, 5) == [Counted("jazz", 9, 2)]


def test_a_misspelt_tag_has_similar_ones(counted: Atlas) -> None:
    assert similar("jazzz band", counted, 5) == [Counted("jazz", 9, 2)]
    assert similar("?", counted, 5) == []
    assert similar("x" * 10_000, counted, 5) == []


def test_the_course_of_interest_is_a_share_with_a_gap_where_nobody_clicked() -> None:
    chart = course([Span(0.0, 10.0, 1, 4), Span(10.0, 20.0, 0, 0)])
    assert chart.series[0].points == [(0.0, 25.0), (10.0, None), (20.0, None)]
