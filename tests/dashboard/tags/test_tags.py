"""What pages say of tags, against numbers worked by hand."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from penchant.dashboard.tags.tags import (
    FINENESS,
    ClickSpan,
    CountedTag,
    Near,
    course,
    details,
    found,
    mapped,
    most_clicked,
    points,
    similar,
)
from penchant.profiles.atlas import Atlas, Interested
from penchant.profiles.directions import Directions
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.memory import MemoryStore
from tests.dashboard.tagged import DAY_S, START_S, atlas, serving
from tests.serving import worlds
from tests.serving.worlds import MADE

VECTORS = {"jazz": [3.0, 0.0], "swing": [0.8, 0.6], "polka": [0.0, 2.0], "noise": [0.0, 0.0], "anti": [-1.0, 0.0]}
CLICKS = {"swing": (1, 2, 0), "jazz": (6, 3, 0), "polka": (2, 1, 0), "only counted": (0, 1, 0)}
PLACES = {"jazz": (-1.0, 0.5), "swing": (-0.25, 0.123456)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture(scope="module")
def directions() -> Directions:
    return Directions(list(VECTORS), np.array(list(VECTORS.values())))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    fans = {"jazz": {"ann": 1.5, "bob": 0.25}}
    folder = tmp_path_factory.mktemp("counted")
    return atlas(folder, clicks=CLICKS, all_clicks=(10, 20, 0), places=PLACES, fans=fans, users={"jazz": 2})


def test_directions_are_those_of_the_model_that_answers_worked_out_once(served: Served) -> None:
    service = Service(MemoryStore(), serving(served, VECTORS, name="one"), lambda: MADE)
    first = service.directions()
    assert first.tags == list(VECTORS)
    assert service.directions() is first
    service.load(serving(served, {"jazz": [1.0]}, name="other"))
    service.refresh()
    assert service.directions().tags == ["jazz"]


def test_a_tag_is_told_by_model_and_atlas(directions: Directions, counted: Atlas) -> None:
    told = details("jazz", directions, counted, names_users=True)
    assert told is not None
    assert told.account is not None
    assert told.learned
    assert (told.near[0].tag, told.near[0].clicks) == ("swing", 3)
    assert told.near[0].likeness == pytest.approx(0.8)
    assert told.near[2] == Near("noise", 0.0, None)
    assert told.account.counted == CountedTag("jazz", 9, 2)
    assert (told.account.rank, told.account.tags, told.account.mapped) == (1, 4, True)
    assert told.account.interested == [Interested("ann", 1.5), Interested("bob", 0.25)]
    assert told.account.spans == [
        ClickSpan(START_S, START_S + DAY_S, 6, 10),
        ClickSpan(START_S + DAY_S, START_S + 2 * DAY_S, 3, 20),
        ClickSpan(START_S + 2 * DAY_S, START_S + 3 * DAY_S, 0, 0),
    ]


def test_equally_clicked_tags_share_their_place(directions: Directions, counted: Atlas) -> None:
    ranks = [
        told.account.rank
        for tag in CLICKS
        if (told := details(tag, directions, counted, names_users=True)) and told.account
    ]
    assert ranks == [2, 1, 2, 4]


def test_a_tag_that_only_one_of_model_and_atlas_knows_is_told_as_far_as_it_goes(
    directions: Directions, counted: Atlas
) -> None:
    of_model, of_atlas = (
        details("anti", directions, counted, names_users=True),
        details("only counted", directions, counted, names_users=True),
    )
    assert of_model is not None
    assert of_model.account is None
    assert of_model.near
    assert of_atlas is not None
    assert of_atlas.account is not None
    assert not of_atlas.account.mapped
    assert not of_atlas.learned
    assert of_atlas.near == []
    assert details("unheard of", directions, counted, names_users=True) is None


def test_without_an_atlas_there_are_nearest_tags_all_the_same(directions: Directions) -> None:
    told = details("jazz", directions, None, names_users=True)
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
    assert most_clicked(bare, 1) == [CountedTag("jazz", 9, None)]
    told = details("jazz", directions, bare, names_users=True)
    assert told is not None
    assert told.account is not None
    assert told.account.counted.users is None


def test_who_is_interested_is_not_said_to_those_who_may_not_see_people(directions: Directions, counted: Atlas) -> None:
    told = details("jazz", directions, counted, names_users=False)
    assert told is not None
    assert told.account is not None
    assert told.account.interested is None
    assert told.account.counted == CountedTag("jazz", 9, 2)


def test_a_log_without_a_clock_has_no_spans(tmp_path: Path, directions: Directions) -> None:
    told = details(
        "jazz",
        directions,
        atlas(tmp_path / "a", clicks=CLICKS, all_clicks=(9,), places={}, clock=False),
        names_users=True,
    )
    assert told is not None
    assert told.account is not None
    assert told.account.spans == []


def test_the_most_clicked_and_those_that_are_looked_for_are_counted(counted: Atlas) -> None:
    assert [one.tag for one in most_clicked(counted, 3)] == ["jazz", "swing", "polka"]
    assert found("zz", counted, 5) == [CountedTag("jazz", 9, 2)]


def test_a_misspelt_tag_has_similar_ones(counted: Atlas) -> None:
    assert similar("jazzz band", counted, 5) == [CountedTag("jazz", 9, 2)]
    assert similar("?", counted, 5) == []
    assert similar("x" * 10_000, counted, 5) == []


def test_the_course_of_interest_is_a_share_with_a_gap_where_nobody_clicked() -> None:
    chart = course([ClickSpan(0.0, 10.0, 1, 4), ClickSpan(10.0, 20.0, 0, 0)])
    assert chart.series[0].points == [(0.0, 25.0), (10.0, None), (20.0, None)]
