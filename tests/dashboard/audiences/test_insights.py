"""What the page Look-alike says, before it is a page: worked out by hand, or compared with the service."""

from collections import Counter
from dataclasses import replace
from functools import partial
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from penchant.audiences.best import MIN_AUDIENCE
from penchant.audiences.expected import Bounds, ExpectedPrecision
from penchant.audiences.why import FEWEST
from penchant.dashboard.audiences import insights as lookalike_one
from penchant.dashboard.audiences.candidates import PER_PAGE, Order, listed
from penchant.dashboard.audiences.charts import scores_chart
from penchant.dashboard.audiences.export import csv, file_name, parquet
from penchant.dashboard.audiences.groups import BaseRate, base_rate, groups_of, numbers_of, traits_of
from penchant.dashboard.audiences.insights import Insights
from penchant.dashboard.audiences.items import Catalogue, was_seen
from penchant.dashboard.audiences.map import HEIGHT, WIDTH, picture_of, plane_of
from penchant.dashboard.audiences.scores import Scores, histogram, outlook, scores_of
from penchant.dashboard.audiences.seeds import Course, course_of, sample_of
from penchant.dashboard.shell.kept import Kept
from penchant.serving.candidates.audience import reach
from penchant.serving.service import CandidateState, Service
from penchant.store.memory import MemoryStore
from tests.dashboard.clustered import clustered, send
from tests.lookalike_runs import CLUSTERS, LONG_TAG, MIXED, ONE_SEED, POPULAR, SHOWN, TABLE_ONLY
from tests.serving.worlds import MADE, served

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Without live events; leave it as it is."""
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR, ONE_SEED, MIXED])
    return service


def fresh(temporary: pytest.TempPathFactory) -> Service:
    return Service(MemoryStore(), served(temporary), lambda: MADE)


def state(item: str, name: str = "", *, seeds: int | None = 1, opened: float = 0.0) -> CandidateState:
    return CandidateState(item, name or item, opened, seeds, [1] * (seeds or 0), None, None, None)


# The list


def test_candidates_are_listed_by_a_column_and_those_of_whom_nothing_is_known_come_last() -> None:
    states = [state("c", seeds=2), state("a", seeds=None), state("b", seeds=2), state("d", seeds=5)]
    assert [one.item for one in listed(states).rows] == ["d", "b", "c", "a"]
    assert [one.item for one in listed(states, order=Order.of("seeds")).rows] == ["b", "c", "d", "a"]
    assert [one.item for one in listed(states, order=Order.of("name")).rows] == ["a", "b", "c", "d"]


def test_candidates_are_found_by_name_or_id_in_any_case() -> None:
    states = [state("77", "Die Straße"), state("x77y"), state("8", "Jazz")]
    assert [one.item for one in listed(states, query=" STRASSE ").rows] == ["77"]
    found = listed(states, query="77")
    assert ([one.item for one in found.rows], found.found, found.open) == (["77", "x77y"], 2, 3)


def test_a_page_beyond_the_last_is_the_last() -> None:
    states = [state(f"{number:03}") for number in range(PER_PAGE + 1)]
    found = listed(states, order=Order.of("name"), page=9)
    assert ([one.item for one in found.rows], found.page, found.pages) == ([f"{PER_PAGE:03}"], 2, 2)
    assert (listed([], page=3).page, listed([]).pages) == (1, 1)


def test_a_second_click_on_a_head_turns_the_order() -> None:
    assert str(Order.of("-seeds").next_by("seeds")) == "seeds"
    assert str(Order.of("-seeds").next_by("name")) == "name"
    assert str(Order.of("name").next_by("opened")) == "-opened"


# Seeds


def test_the_course_of_seeds_ends_at_all_of_them_and_counts_each_at_his_latest_click(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    rows, times = service.view.served.snapshot.seeds(POPULAR)
    before = course_of(service.view, POPULAR, clocked=True)
    assert (before.seeds_T[-1], before.time_T[-1], before.undated) == (len(rows), times.max(), 0)
    again, new = service.view.served.snapshot.user(int(rows[0])), "somebody new"
    send(service, (again, POPULAR, 3 * DAY_S), (new, POPULAR, 2 * DAY_S), (new, POPULAR, DAY_S))
    after = course_of(service.view, POPULAR, clocked=True)
    assert after.time_T == sorted(after.time_T)
    assert (after.seeds_T[-1], after.time_T[-2:]) == (len(rows) + 1, [MADE - 3 * DAY_S, MADE - DAY_S])


def test_without_a_clock_only_live_seeds_have_a_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = fresh(tmp_path_factory)
    old = len(service.view.served.snapshot.seeds(POPULAR)[0])
    assert course_of(service.view, POPULAR, clocked=False) == Course([], [], old)
    send(service, ("somebody new", POPULAR, DAY_S))
    found = course_of(service.view, POPULAR, clocked=False)
    assert (found.time_T, found.seeds_T, found.undated) == ([MADE - DAY_S], [1], old)


def test_of_more_seeds_than_are_read_the_earlier_ones_are_there_from_the_beginning(quiet: Service) -> None:
    whole = course_of(quiet.view, POPULAR, clocked=True)
    part = course_of(quiet.view, POPULAR, clocked=True, most=7)
    assert (part.time_T[-1], part.seeds_T[-1]) == (whole.time_T[-1], whole.seeds_T[-1])
    assert part.seeds_T[0] == whole.seeds_T[-1] - 6


def test_a_sample_of_seeds_is_the_same_each_time_and_its_clicks_leave_the_item_out(quiet: Service) -> None:
    published = quiet.view.live[POPULAR]
    whole = sample_of(quiet.view, POPULAR, published)
    assert (len(whole), whole.whole) == (int(published.size_J.sum()), True)
    assert {item for clicks in whole.clicks for _, item in clicks} >= {"i0-1", "i0-2"}
    assert not any(item == POPULAR for clicks in whole.clicks for _, item in clicks)
    assert np.bincount(whole.cluster_S, minlength=CLUSTERS).tolist() == published.size_J.tolist()
    some = sample_of(quiet.view, POPULAR, published, most=5)
    assert (len(some), some.whole) == (5, False)
    assert some.row_S.tolist() == sample_of(quiet.view, POPULAR, published, most=5).row_S.tolist()
    assert set(some.row_S.tolist()) < set(whole.row_S.tolist())


def test_who_was_forgotten_is_in_no_sample(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    snapshot = service.view.served.snapshot
    row = int(snapshot.seeds(POPULAR)[0][0])
    service.forget(snapshot.user(row))
    assert row not in sample_of(service.view, POPULAR, service.view.live[POPULAR]).row_S
    assert row not in lookalike_one.everyone_of(service.view).row_N


# Clusters


def test_clusters_of_fewer_than_five_seeds_are_put_together_and_not_described() -> None:
    size_J, cluster_S = np.array([4, 9, 6, 3]), np.repeat([0, 1, 2, 3], [4, 9, 6, 3])
    assert numbers_of(size_J, cluster_S).tolist() == [0, 1, 2, 0]
    told = [["jazz"]] * len(cluster_S)
    large, middle, small = groups_of(told, cluster_S, size_J, BaseRate(Counter({"jazz": 1}), 100))
    assert [(one.number, one.clusters, one.seeds) for one in (large, middle, small)] == [
        (1, 1, 9),
        (2, 1, 6),
        (0, 2, 7),
    ]
    assert [trait.name for trait in small.traits] == ["jazz"]  # seven together


def test_few_seeds_are_not_described_even_together_nor_a_cluster_of_which_few_were_looked_at() -> None:
    size_J, cluster_S = np.array([4, 1_000]), np.array([0, 0, 1, 1])
    (only,) = groups_of([["jazz"]] * 4, cluster_S, size_J, BaseRate(Counter(), 100))
    assert (only.number, only.clusters, only.seeds, only.sampled) == (0, 2, 1_004, 4)
    assert only.sampled < FEWEST
    assert not only.traits


def test_traits_are_the_most_telling_first_and_what_few_have_is_none() -> None:
    base = base_rate([["news", "jazz"], *[["news"]] * 98, ["opera"]])
    own = Counter({"news": 20, "jazz": 15, "opera": 5, "rare": 1, "few": 2})
    found = traits_of(own, 30, base)
    assert [(one.name, one.seeds, one.users) for one in found] == [("jazz", 0.5, 0.01), ("opera", 5 / 30, 0.01)]


def test_what_members_have_in_common_are_the_tags_that_they_click(quiet: Service) -> None:
    found = Insights().described(quiet.view, POPULAR, quiet.view.live[POPULAR])
    assert found.by_tags
    assert sum(group.seeds for group in found.groups) == found.sampled
    names = {trait.name[:2] for group in found.groups for trait in group.traits}
    assert names >= {"t0"}
    assert not names & {"t1", "t2"}
    assert all(trait.seeds > trait.users for group in found.groups for trait in group.traits)


def test_without_tags_items_are_what_they_have_in_common(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = Service(MemoryStore(), replace(served(tmp_path_factory), item_tags={}), lambda: MADE)
    clustered(service, [POPULAR])
    found = Insights().described(service.view, POPULAR, service.view.live[POPULAR])
    assert not found.by_tags
    names = {trait.name for group in found.groups for trait in group.traits}
    assert any(name.startswith("Title of i0-") for name in names)
    assert f"Title of {POPULAR}" not in names
    assert not any(name.startswith(("Title of i1", "Title of i2")) for name in names)


# The picture


def test_the_plane_is_that_of_the_greatest_differences_and_always_the_same_way_round() -> None:
    rng = np.random.default_rng(0)
    rows_NG = rng.normal(size=(200, 4)) * np.array([0.1, 5.0, 0.1, 2.0])
    plane_G2, mean_G, kept = plane_of(rows_NG)
    assert np.abs(plane_G2).round(1).tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]
    assert (plane_G2 >= -0.1).all()
    np.testing.assert_allclose(mean_G, rows_NG.mean(0))
    assert kept == pytest.approx(29 / 29.02, abs=1e-3)
    assert plane_of(np.ones((3, 4)))[2] == 1.0
    assert plane_of(np.ones((0, 4)))[0].shape == (4, 2)


def test_all_lie_inside_the_picture_and_centroids_of_small_clusters_are_not_drawn() -> None:
    rng = np.random.default_rng(0)
    seed_SG, other_NG = rng.normal(size=(40, 3)), 1e6 * rng.normal(size=(100, 3))
    number_S, centroid_JG = np.repeat([1, 2, 0], [20, 17, 3]), rng.normal(size=(4, 3))
    asked = seed_SG, number_S, other_NG, centroid_JG, np.array([2, 0, 1, 0])
    found = picture_of(*asked)
    assert found == picture_of(*asked)
    small, one, two = found.marks
    assert [(mark.number, mark.path.count("M")) for mark in found.marks] == [(0, 6), (1, 20), (2, 17)]
    assert (small.x, small.y, small.shape, one.shape, two.shape) == (None, None, "cross", "circle", "square")
    places = [tuple(map(int, part.removesuffix("h0").split())) for part in found.others.split("M")[1:]]
    assert len(places) == 100
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)


# Scores and what to expect


def test_scores_of_all_who_can_be_reached_are_those_of_the_audience(quiet: Service) -> None:
    scores = Insights().scores(quiet.view, POPULAR, quiet.view.live[POPULAR])
    whole = quiet.audience(POPULAR, scores.reachable)
    assert (scores.whole, scores.reachable) == (True, whole.reachable)
    np.testing.assert_allclose(scores.others_N[::-1], [score for _, score in whole.members], atol=1e-6)
    for size in (MIN_AUDIENCE, 60, scores.reachable):
        assert scores.begins(size) == pytest.approx(whole.members[size - 1][1], abs=1e-6)
    assert len(reach(quiet.store, quiet.view.users, POPULAR)) == whole.reachable


def test_an_audience_begins_with_the_score_of_its_last_member() -> None:
    whole = Scores(4, np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(0))
    assert [whole.begins(size) for size in (1, 2, 4)] == [0.4, 0.3, 0.1]
    sample = Scores(400, np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(0))
    assert [sample.begins(size) for size in (1, 100, 400)] == [0.4, 0.4, 0.1]


def test_a_sample_is_spread_over_those_in_the_log_and_those_who_came_since(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    send(service, *((f"new {number}", f"i1-{number % 12}", 60.0) for number in range(30)))
    published = service.view.live[POPULAR]
    everyone = Insights().scores(service.view, POPULAR, published)
    seeds_SX = sample_of(service.view, POPULAR, published).vectors_SX
    some = scores_of(service.view, POPULAR, published, seeds_SX, most=10)
    assert (len(some.others_N), some.whole, some.reachable) == (10, False, everyone.reachable)
    assert set(some.others_N.round(5).tolist()) <= set(everyone.others_N.round(5).tolist())


def test_a_histogram_has_round_bins_and_all_of_both() -> None:
    found = histogram(Scores(4, np.array([0.1, 0.11, 0.5, 0.9], np.float32), np.array([0.9, 0.95], np.float32)))
    assert found.edge_T[:3] == [0.1, 0.15, 0.2]
    assert (found.others_B[0], found.others_B[8], found.others_B[16]) == (0.5, 0.25, 0.25)
    assert (sum(found.others_B), sum(found.seeds_B)) == (1.0, 1.0)
    same = histogram(Scores(2, np.array([0.25, 0.25], np.float32), np.array([0.25], np.float32)))
    assert max(same.others_B) == 1.0


def test_the_chart_of_scores_marks_where_an_audience_begins() -> None:
    spread = histogram(Scores(2, np.array([0.1, 0.4], np.float32), np.array([0.4], np.float32)))
    chart = scores_chart(spread, 50, 0.3)
    assert chart.series[-1].points == [(0.3, 0), (0.3, 100.0)]
    assert chart.series[-1].aside
    assert len(scores_chart(spread, 50, None).series) == 2


def test_expectations_are_those_of_whole_audiences_of_round_sizes() -> None:
    curve = [[0.0, 0.0], [0.1, 0.4], [1.0, 1.0]]
    expected = ExpectedPrecision(Bounds(50, 500), {"all": 0.5, "tail": 0.5}, {"all": curve, "tail": curve})
    found = outlook(expected, seeds=40, size=100, reachable=1_000)
    assert found is not None
    assert [one.best for one in found.sizes] == [50, 70, 100, 150, 200, 300, 500, 700, 1_000]
    # 20 will click, 8 of them within the best 100; of all there are no more than at random.
    assert found.sizes[2].precision == pytest.approx(0.08)
    assert found.sizes[2].random == pytest.approx(0.02)
    assert found.sizes[-1].precision == found.sizes[-1].random
    assert found.asked is not None
    assert [one.best for one in found.asked] == [10, 25, 50, 100]


def test_nothing_is_expected_of_audiences_that_cannot_be_had() -> None:
    expected = ExpectedPrecision(Bounds(1, 2), {"all": 1.0}, {"all": [[0.0, 0.0], [1.0, 1.0]]})
    assert outlook(expected, seeds=3, size=50, reachable=MIN_AUDIENCE - 1) is None
    found = outlook(expected, seeds=3, size=1_000, reachable=60)
    assert found is not None
    assert ([one.best for one in found.sizes], found.asked) == ([50, 60], None)


# Files


def test_a_csv_opens_in_a_spreadsheet_without_doing_anything() -> None:
    users = ["=1+1", "+cmd", "-2+3", "@x", "\tx", "\rx", "-17", "+4.5", "007", 'a "b"\nc', "anna"]
    content = csv([(user, 0.5) for user in users])
    assert content.splitlines()[:3] == [b'"rank","user","score"', b'1,"\'=1+1",0.5', b'2,"\'+cmd",0.5']
    read = pl.read_csv(BytesIO(content), schema_overrides={"user": pl.String})
    assert read["rank"].to_list() == list(range(1, len(users) + 1))
    assert read["user"].to_list() == ["'=1+1", "'+cmd", "'-2+3", "'@x", "'\tx", "'\rx", *users[6:]]


def test_parquet_holds_users_as_they_are() -> None:
    read = pl.read_parquet(BytesIO(parquet([("=1+1", 0.5), ("007", 0.25)])))
    assert read.rows() == [(1, "=1+1", 0.5), (2, "007", 0.25)]


def test_names_of_files_are_short_and_differ() -> None:
    one, other = (file_name("ü/" * 400 + end, 50, "csv") for end in "ab")
    assert one != other
    assert len(one) < 140
    assert one.isascii()
    assert "/" not in one


# Items to open


def test_items_are_found_by_name_or_id_those_with_most_seeds_first(quiet: Service) -> None:
    catalogue = Catalogue(quiet.view)
    found = catalogue.search("TITLE OF i0-", most=5)
    assert [one.name[:12] for one in found] == ["Title of i0-"] * 5
    assert [one.seeds for one in found] == sorted((one.seeds for one in found), reverse=True)
    assert found[0].seeds == len(quiet.view.served.snapshot.seeds(found[0].item)[0])
    assert catalogue.search("i0-1")[0].item == "i0-1"
    assert [one.item for one in catalogue.search(TABLE_ONLY)] == [TABLE_ONLY]
    assert (catalogue.search("  "), catalogue.search("no such thing")) == ([], [])


def test_an_item_was_seen_in_the_log_or_since(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = fresh(tmp_path_factory)
    assert all(was_seen(service.view, item) for item in (POPULAR, SHOWN, TABLE_ONLY, LONG_TAG))
    assert not was_seen(service.view, "of today")
    send(service, ("u001", "of today", 60.0))
    service.put_items({"of tomorrow": {"tags": ["t0-0"]}})
    assert was_seen(service.view, "of today")
    assert was_seen(service.view, "of tomorrow")


# What is kept


def test_what_is_kept_is_worked_out_once_and_the_least_wanted_goes_first() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return -number

    kept: Kept[int] = Kept(2)
    assert [kept.of(number, partial(make, number)) for number in (1, 2, 1, 3, 1, 2)] == [-1, -2, -1, -3, -1, -2]
    assert made == [1, 2, 3, 2]
    assert (kept.get(1), kept.get(3)) == (-1, None)


def test_what_was_worked_out_is_kept_until_all_seeds_are_clustered_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service, insights = fresh(tmp_path_factory), Insights()
    clustered(service, [POPULAR])
    before = service.view.live[POPULAR]
    assert not insights.has_described(service.view, POPULAR, before)
    first = insights.described(service.view, POPULAR, before)
    assert insights.has_described(service.view, POPULAR, before)
    assert insights.described(service.view, POPULAR, before) is first
    assert not insights.has_scores(service.view, POPULAR, before)
    again = replace(before, made=before.made + 1)
    assert not insights.has_described(service.view, POPULAR, again)
