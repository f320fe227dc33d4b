"""Clusters follow new seeds at once and are made anew now and then; nobody is lost, and nobody counts twice."""

import sys
from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

import numpy as np
import pytest

from penchant.serving.candidates.clusterer import PACE, Clusterer, Pace
from penchant.serving.users import Users
from penchant.store.base import StoreBounds
from tests.helpers.lookalike_runs import FOR_STRANGERS, POPULAR
from tests.serving.candidates.stepped import (
    EVERY_S,
    FANS,
    NEW_ITEM,
    World,
    assert_from_scratch,
    in_the_background,
    mean,
    members,
)
from tests.serving.worlds import MADE


def test_an_open_candidate_gets_the_clusters_of_all_its_seeds(world: World) -> None:
    world.store.open_candidates([POPULAR], MADE)
    clusterer = world.clusterer()
    assert clusterer.waiting == 1
    assert not clusterer.once()
    assert clusterer.waiting == 1
    live = world.settled(clusterer, POPULAR)
    assert_from_scratch(world, live, POPULAR)
    rows, times = world.served.snapshot.seeds(POPULAR)
    assert (live.seeds, live.made, live.fresh) == (len(rows), MADE, times.max())
    assert live.drift.moved == pytest.approx(0, abs=1e-6)
    assert (live.drift.added, clusterer.waiting) == (0, 0)
    assert not clusterer.once()


def test_new_seeds_join_at_once(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    before = world.settled(clusterer, NEW_ITEM)
    world.now += 1
    world.click(NEW_ITEM, *FANS[10:13])
    assert clusterer.once()
    after = world.published(NEW_ITEM)
    assert after is not None
    assert (before.seeds, after.seeds, members(after)) == (10, 13, 13)
    assert (after.made, after.fresh) == (MADE, MADE + 1)
    assert after.drift.added == pytest.approx(3 / 13)
    vectors_BX, _ = world.users.vectors(FANS[:13])
    assert world.served.alike is not None
    np.testing.assert_allclose(mean(after), vectors_BX.mean(0), atol=1e-5)
    assert not clusterer.once()


def test_who_was_a_seed_already_changes_nothing(world: World) -> None:
    old = world.served.snapshot.user(int(world.served.snapshot.seeds(POPULAR)[0][0]))
    world.store.open_candidates([POPULAR], MADE)
    world.click(POPULAR, "u001")
    clusterer = world.clusterer()
    before = world.settled(clusterer, POPULAR)
    world.click(POPULAR, old, "u001")
    assert not clusterer.once()
    assert not clusterer.once()
    after = world.published(POPULAR)
    assert after is not None
    assert (after.seeds, members(after)) == (before.seeds, members(before))


def test_of_seeds_of_whom_nothing_is_known_only_the_number_counts(world: World) -> None:
    world.store.open_candidates([FOR_STRANGERS], MADE)
    clusterer = world.clusterer()
    live = world.settled(clusterer, FOR_STRANGERS)
    assert (live.seeds, live.clusters) == (2, None)
    world.click(FOR_STRANGERS, "an alien")
    assert clusterer.once()
    live = world.settled(clusterer, FOR_STRANGERS)
    assert (live.seeds, live.clusters) == (3, None)
    world.click(FOR_STRANGERS, "u001", "another alien")
    clusterer.once()
    live = world.settled(clusterer, FOR_STRANGERS)
    assert (live.seeds, members(live)) == (5, 1)
    np.testing.assert_allclose(mean(live), world.users.vectors(["u001"])[0][0], atol=1e-5)


@pytest.mark.parametrize("first", [True, False], ids=["for the first time", "again"])
def test_who_joins_during_clustering_is_not_lost_and_counts_once(world: World, first: bool) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:8])
    clusterer = world.clusterer()
    if not first:
        world.settled(clusterer, NEW_ITEM)
        world.now += EVERY_S
    in_the_background(world, clusterer)
    world.click(NEW_ITEM, *FANS[8:11], "an alien")
    assert clusterer.once() is not first
    world.store.gate.set()
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.seeds, members(live)) == (12, 11)
    np.testing.assert_allclose(mean(live), world.users.vectors(FANS[:11])[0].mean(0), atol=1e-5)


def test_who_joins_before_seeds_are_read_counts_once(world: World) -> None:
    """The clusterer hears of the user while it is busy, and the user is among the seeds that are read."""
    world.store.open_candidates([NEW_ITEM, POPULAR], MADE)
    world.click(NEW_ITEM, *FANS[:8])
    clusterer = world.clusterer()
    in_the_background(world, clusterer)  # one of the two is read and held back, the other is not read yet
    world.click(NEW_ITEM, *FANS[8:10])
    world.click(POPULAR, "u001", "u002")
    clusterer.once()
    world.store.gate.set()
    assert (world.settled(clusterer, NEW_ITEM).seeds, members(world.settled(clusterer, NEW_ITEM))) == (10, 10)
    live = world.settled(clusterer, POPULAR)
    assert live.seeds == len(world.served.snapshot.seeds(POPULAR)[0]) + 2
    assert members(live) == live.seeds


def test_all_seeds_are_clustered_again_after_a_time(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer(pace=Pace(moved=100.0))
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[10:13])
    world.now += EVERY_S - 1
    assert world.settled(clusterer, NEW_ITEM).made == MADE
    world.now += 1
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.made, live.seeds, live.drift.added) == (world.now, 13, 0)
    assert_from_scratch(world, live, NEW_ITEM)


def test_seeds_who_did_something_else_since_are_clustered_as_they_are_now(world: World) -> None:
    world.store.open_candidates([POPULAR], MADE)
    clusterer = world.clusterer()
    before = world.settled(clusterer, POPULAR)
    rows, _ = world.served.snapshot.seeds(POPULAR)
    world.click("i2-4", *map(world.served.snapshot.user, rows[:5].tolist()))
    world.now += EVERY_S
    after = world.settled(clusterer, POPULAR)
    assert after.seeds == before.seeds
    assert not np.allclose(mean(after), mean(before), atol=1e-3)
    assert_from_scratch(world, after, POPULAR)


def test_clusters_that_have_drifted_are_made_anew_sooner_but_not_at_once(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:6])
    clusterer = world.clusterer(pace=Pace(moved=100.0))
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[6:13])
    drifted = world.settled(clusterer, NEW_ITEM)
    assert drifted.drift.added > PACE.added
    world.now += PACE.rest_s - 1
    assert world.settled(clusterer, NEW_ITEM).made == MADE
    world.now += 1
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.made, live.drift.added) == (world.now, 0)


def test_centroids_that_have_moved_are_drift_too(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:15])
    clusterer = world.clusterer(pace=Pace(moved=1e-4))
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, "u001")
    drifted = world.settled(clusterer, NEW_ITEM)
    assert drifted.drift.moved > 1e-4
    assert drifted.drift.added < PACE.added
    world.now += PACE.rest_s
    assert world.settled(clusterer, NEW_ITEM).made == world.now


def test_a_clock_that_jumps_back_has_all_made_anew_once(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:6])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.now -= 86_400
    assert world.settled(clusterer, NEW_ITEM).made == world.now
    changes = len(world.store.published)
    for _ in range(20):
        assert not clusterer.once()
    assert len(world.store.published) == changes
    world.click(NEW_ITEM, FANS[7])
    assert clusterer.once()
    world.now += EVERY_S
    assert world.settled(clusterer, NEW_ITEM).made == world.now


def test_what_is_closed_is_let_go_even_while_it_is_clustered(world: World) -> None:
    world.store.open_candidates([NEW_ITEM, POPULAR], MADE)
    world.click(NEW_ITEM, *FANS[:6])
    clusterer = world.clusterer()
    in_the_background(world, clusterer)
    world.store.close_candidates([NEW_ITEM])
    clusterer.once()
    world.store.gate.set()
    world.settled(clusterer, POPULAR)
    assert world.published(NEW_ITEM) is None
    assert clusterer.waiting == 0
    world.click(NEW_ITEM, *FANS[6:8])
    assert not clusterer.once()
    world.store.open_candidates([NEW_ITEM], MADE)
    assert world.settled(clusterer, NEW_ITEM).seeds == 8


def test_a_model_that_is_new_has_seen_all_live_users_first(world: World) -> None:
    world.click(NEW_ITEM, *FANS[:4])
    other = replace(world.served, name="another")
    users = Users(world.store, world.users.news, other)
    assert world.store.vectors("another", FANS[:4]) == [None] * 4
    clusterer = Clusterer(world.store, users, lambda: MADE)
    assert None not in world.store.vectors("another", FANS[:4])
    assert world.store.cursor("another") is not None
    clusterer.close()


def test_where_new_seeds_were_dropped_all_are_read_again(begin: Callable[..., World]) -> None:
    world = begin(StoreBounds(joined=3))
    world.store.open_candidates([NEW_ITEM, POPULAR], MADE)
    world.click(NEW_ITEM, *FANS[:4])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[4:16])
    world.now += 1
    clusterer.once()
    assert clusterer.waiting == 2
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.seeds, members(live), live.made) == (16, 16, MADE + 1)
    assert_from_scratch(world, live, NEW_ITEM)


def test_many_candidates_are_clustered_in_turns_the_longest_waiting_first(world: World) -> None:
    items = [f"i0-{number}" for number in range(8)]
    world.store.open_candidates(items, MADE)
    clusterer = world.clusterer(pace=Pace(at_once=3))
    world.settled(clusterer, items[0])
    sizes = [len(names) for names in world.store.published if names]
    assert sizes == [3, 3, 2]
    assert all(world.published(item) is not None for item in items)
    world.store.open_candidates(["i1-0"], MADE)
    world.now += EVERY_S
    before = len(world.store.published)
    world.settled(clusterer, items[0])
    assert "i1-0" in world.store.published[before]


def test_new_seeds_of_an_item_that_is_not_open_are_nobodys(world: World) -> None:
    world.click(NEW_ITEM, *FANS[:4])
    clusterer = world.clusterer()
    assert not clusterer.once()
    assert world.store.clusters(world.served.name, 0)[1] == {}


def test_candidates_are_read_only_when_some_were_opened_or_closed(world: World) -> None:
    items = [f"item {number}" for number in range(300)]
    world.store.open_candidates(items, MADE)
    clusterer = world.clusterer(pace=Pace(at_once=10))
    world.settled(clusterer, items[0])
    assert world.store.read == 1
    assert [len(names) for names in world.store.published if names] == [10] * 30
    world.store.open_candidates(["another"], MADE)
    world.settled(clusterer, "another")
    assert world.store.read == 2


def test_candidates_are_clustered_by_the_number_of_their_seeds(world: World) -> None:
    """Many that nobody clicked at once, few that many clicked, and those not come to are next."""
    empty = [f"item {number}" for number in range(200)]
    world.store.open_candidates(empty, MADE)
    clusterer = world.clusterer(pace=Pace(seeds=0))
    world.settled(clusterer, empty[0])
    assert [len(names) for names in world.store.published if names] == [200]
    world.store.published.clear()
    popular = [f"i0-{number}" for number in range(4)]
    world.store.open_candidates(popular, MADE)
    world.settled(clusterer, popular[-1])
    assert [len(names) for names in world.store.published if names] == [1] * 4


def test_where_more_join_during_clustering_than_are_kept_all_are_read_again_soon(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:8])
    clusterer = world.clusterer(pace=Pace(late=2, added=9.0, moved=9.0))
    in_the_background(world, clusterer)
    world.click(NEW_ITEM, *FANS[8:12])
    clusterer.once()
    assert clusterer._candidates[NEW_ITEM].since == []
    world.store.gate.set()
    assert world.settled(clusterer, NEW_ITEM).seeds == 8
    world.now += PACE.rest_s
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.seeds, members(live), live.made) == (12, 12, world.now)


def test_who_is_further_behind_counts_nobody_twice(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    clusterer = world.clusterer(pace=Pace(joins=2))
    world.click(NEW_ITEM, *FANS[:12])
    clusterer.once()
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.seeds, members(live)) == (12, 12)


def test_where_new_seeds_were_dropped_the_others_count_once(begin: Callable[..., World]) -> None:
    world = begin(StoreBounds(joined=6))
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:4])
    clusterer = world.clusterer(pace=Pace(joins=2, added=1.1, moved=99.0))
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[4:18])
    live = world.settled(clusterer, NEW_ITEM)
    assert (live.seeds, members(live)) == (18, 18)


def test_what_is_closed_and_opened_again_at_once_has_clusters_again(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.store.close_candidates([NEW_ITEM])
    world.store.open_candidates([NEW_ITEM], MADE + 1)
    assert world.settled(clusterer, NEW_ITEM).seeds == 10


def test_who_joins_what_was_closed_and_opened_again_during_clustering_is_not_lost(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:8])
    clusterer = world.clusterer()
    in_the_background(world, clusterer)
    world.store.close_candidates([NEW_ITEM])
    clusterer.once()
    world.store.open_candidates([NEW_ITEM], MADE)
    clusterer.once()
    world.click(NEW_ITEM, *FANS[8:10])
    clusterer.once()
    world.store.gate.set()
    assert world.settled(clusterer, NEW_ITEM).seeds == 10


def test_how_many_wait_may_be_asked_while_candidates_come_and_go(world: World) -> None:
    """Another thread asks."""
    clusterer, stop, errors = world.clusterer(), Flag(), list[RuntimeError]()
    items = {f"item {number}": MADE for number in range(3_000)}

    def ask() -> None:
        try:
            while not stop.is_set():
                assert clusterer.waiting >= 0
        except RuntimeError as error:
            errors.append(error)

    asking, interval = Thread(target=ask), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    asking.start()
    for _ in range(30):
        clusterer._match(items)
        clusterer._match({})
    stop.set()
    asking.join()
    sys.setswitchinterval(interval)
    assert errors == []
