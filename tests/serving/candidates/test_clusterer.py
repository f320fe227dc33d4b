"""Clusters follow new seeds at once and are made anew now and then; nobody is lost, and nobody counts twice."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

import numpy as np
import pytest
from safetensors.numpy import load, save

from penchant.errors import StoreError
from penchant.models.lookalikes.seed_clusters import gather
from penchant.serving.candidates.cluster_bytes import from_bytes, shape_of
from penchant.serving.candidates.clusterer import CHECK_S, PACE, Clusterer, Pace
from penchant.serving.candidates.clusters import LiveClusters
from penchant.serving.candidates.seeds import SeedReader
from penchant.serving.disclosure.lots import told_name
from penchant.serving.roles.consumer import consume
from penchant.serving.served import Served
from penchant.serving.users import News, Users
from penchant.store.base import KEPT, Event, Seeds, StoreBounds
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import FOR_STRANGERS, POPULAR
from tests.helpers.processes import HANG_S, until
from tests.serving import worlds
from tests.serving.worlds import MADE

NEW_ITEM, EVERY_S, MOST = "never clicked before", 300.0, 1_000_000
FANS = [f"u{number:03}" for number in range(0, 60, 3)]


class GatedStore(MemoryStore):
    """Holds back whoever has read the seeds of an item, until the gate opens; and can be down for one kind of call."""

    def __init__(self, bounds: StoreBounds) -> None:
        super().__init__(bounds=bounds)
        self.gate, self.waits, self.down = Flag(), Flag(), ""
        self.gate.set()
        self.published, self.read = list[set[str]](), 0

    def seeds(self, item: str, most: int) -> Seeds:
        self._refuse("seeds")
        found = super().seeds(item, most)
        self.waits.set()
        assert self.gate.wait(HANG_S)
        return found

    def publish(self, model, clusters, cursor):  # type: ignore[no-untyped-def]  # as in Store
        self._refuse("publish")
        super().publish(model, clusters, cursor)
        if not model.endswith(TOLD):
            self.published.append(set(clusters))

    def candidates(self) -> dict[str, float]:
        self.read += 1
        return super().candidates()

    def candidates_mark(self) -> int:
        self._refuse("candidates")
        return super().candidates_mark()

    def _refuse(self, name: str) -> None:
        if self.down == name:
            self.down = ""
            raise StoreError(f"the store is down: {name}")


TOLD = told_name("")
"""How the name ends under which is published what may be told to all."""


class World:
    """A store, a clock, and clusterers that are stepped by hand."""

    def __init__(self, served: Served, stack: ExitStack, bounds: StoreBounds = KEPT) -> None:
        self.store, self.now, self._stack = GatedStore(bounds), MADE, stack
        self.served, self._number = served, 0
        self.users = Users(self.store, News(self.store), served)

    def clusterer(self, every_s: float = EVERY_S, pace: Pace = PACE) -> Clusterer:
        found = Clusterer(self.store, self.users, lambda: self.now, every_s=every_s, pace=pace)
        self._stack.callback(found.close)
        return found

    def click(self, item: str, *users: str) -> None:
        """Appended and consumed, a second apart."""
        for user in users:
            self._number += 1
            event = Event(user, item, MADE - 1_000 + self._number, True, str(self._number))
            self.store.append([event], at=self.now)
        while consume(self.store, [self.users], "one", 1_000, lambda: self.now):
            pass

    def published(self, item: str) -> LiveClusters | None:
        content = self.store.clusters(self.served.name, 0)[1].get(item)
        return None if content is None else from_bytes(content, shape_of(self.served.lookalike.ralm)).live

    def told(self, item: str) -> int:
        """Members of the clusters that are told to all, 0 where nothing is."""
        content = self.store.clusters(told_name(self.served.name), 0)[1][item]
        return int(from_bytes(content, shape_of(self.served.lookalike.ralm)).size_J.sum())

    def settled(self, clusterer: Clusterer, item: str) -> LiveClusters:
        """What is published once the clusterer has nothing to do."""
        until(lambda: not clusterer.once() and clusterer._job is None)
        found = self.published(item)
        assert found is not None
        return found

    def from_scratch(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        """Centroids and sizes of all seeds of an item as they are now."""
        alike = self.served.alike
        assert alike is not None
        seeds = SeedReader(self.store, self.users, MOST).of(item)
        return gather(alike.ralm, seeds.vectors_SX, alike.ralm.config.clusters, alike.seed)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def begin(served: Served) -> Iterator[Callable[..., World]]:
    """A world whose store keeps as much as is said."""
    with ExitStack() as stack:

        def begun(bounds: StoreBounds = KEPT) -> World:
            world = World(served, stack, bounds)
            stack.callback(world.store.gate.set)
            return world

        yield begun


@pytest.fixture
def world(begin: Callable[..., World]) -> World:
    return begin()


def mean(live: LiveClusters) -> np.ndarray:
    """Of all members' vectors."""
    assert live.clusters is not None
    found: np.ndarray = live.clusters.total_JX.sum(0) / live.clusters.members
    return found


def members(live: LiveClusters) -> int:
    return 0 if live.clusters is None else live.clusters.members


def assert_from_scratch(world: World, live: LiveClusters, item: str) -> None:
    centroid_JX, size_J = world.from_scratch(item)
    assert live.clusters is not None
    np.testing.assert_array_equal(live.clusters.size_J, size_J)
    np.testing.assert_allclose(live.clusters.centroids, centroid_JX, atol=1e-6)


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


def digest_of_row(world: World, user: str) -> str:
    """By which a user of the snapshot is known to have been forgotten."""
    return f"{world.served.snapshot.hashes(np.array([world.users.row(user)]))[0]:016x}"


@pytest.mark.parametrize("of_log", [True, False])
def test_clusters_lose_who_is_forgotten_as_soon_as_they_may_be_made_again(world: World, of_log: bool) -> None:
    item = POPULAR if of_log else NEW_ITEM
    world.store.open_candidates([item], MADE)
    if not of_log:
        world.click(item, *FANS)
    clusterer = world.clusterer()
    before = world.settled(clusterer, item)
    gone = world.served.snapshot.user(int(world.served.snapshot.seeds(item)[0][0])) if of_log else FANS[0]
    digest = digest_of_row(world, gone)
    world.now += 1.0
    world.store.forget(gone, digest, world.now)
    world.users.news.refresh()
    world.now += PACE.rest_s
    after = world.settled(clusterer, item)
    assert after.seeds == before.seeds - 1
    centroid_JX, size_J = world.from_scratch(item)
    assert after.clusters is not None
    assert after.clusters.size_J.tolist() == size_J.tolist()
    assert after.clusters.centroids == pytest.approx(centroid_JX, abs=1e-6)


def test_a_seed_who_joins_does_not_hide_from_what_is_told_that_another_was_forgotten(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS)
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    assert world.told(NEW_ITEM) == len(FANS)
    world.now += 1.0
    world.store.forget(FANS[0], digest_of_row(world, FANS[0]), world.now)
    world.users.news.refresh()
    world.now += PACE.rest_s
    in_the_background(world, clusterer)  # those that are left are read
    world.click(NEW_ITEM, "u001")
    world.store.gate.set()
    until(lambda: clusterer._job is not None and clusterer._job.done())
    after = world.settled(clusterer, NEW_ITEM)
    assert after.seeds == len(FANS)
    assert world.told(NEW_ITEM) == 0, "as many as before are told, though one of them was forgotten"


def test_an_erasure_that_is_told_after_seeds_were_read_is_followed(world: World) -> None:
    """It began before the first clusters of the candidate were made."""
    world.store.open_candidates([POPULAR], MADE)
    gone, began = world.served.snapshot.user(int(world.served.snapshot.seeds(POPULAR)[0][0])), world.now
    clusterer = world.clusterer()
    in_the_background(world, clusterer)
    world.now += 1.0
    world.store.forget(gone, digest_of_row(world, gone), began)
    world.store.gate.set()
    until(lambda: clusterer._job is not None and clusterer._job.done())
    world.users.news.refresh()
    before = world.settled(clusterer, POPULAR)
    world.now += PACE.rest_s
    after = world.settled(clusterer, POPULAR)
    assert_from_scratch(world, after, POPULAR)
    assert after.seeds == before.seeds - 1


def test_clusters_that_a_process_of_an_earlier_snapshot_made_are_made_again_after_an_erasure(world: World) -> None:
    """The snapshot of the process that goes on with them does not name who was forgotten meanwhile."""
    world.store.open_candidates([POPULAR], MADE)
    world.settled(world.clusterer(), POPULAR)
    world.store.forget("of the log before", f"{1:016x}", world.now)
    world.users.news.refresh()
    made = world.served.snapshot.manifest["made"]
    world.now += PACE.rest_s
    next_one = world.clusterer()
    world.served.snapshot.manifest["made"] = world.now
    try:
        assert world.settled(next_one, POPULAR).made == world.now
    finally:
        world.served.snapshot.manifest["made"] = made


def test_who_was_forgotten_and_comes_back_is_a_new_seed(world: World) -> None:
    old = world.served.snapshot.user(int(world.served.snapshot.seeds(POPULAR)[0][0]))
    world.store.open_candidates([POPULAR], MADE)
    clusterer = world.clusterer()
    before = world.settled(clusterer, POPULAR)
    world.users.news.forgotten[f"{world.served.snapshot.hashes(np.array([world.users.row(old)]))[0]:016x}"] = MADE
    world.click(POPULAR, old)
    assert clusterer.once()
    after = world.published(POPULAR)
    assert after is not None
    assert after.seeds == before.seeds + 1


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


def in_the_background(world: World, clusterer: Clusterer) -> None:
    """Until all seeds have been read, and not been clustered yet."""
    world.store.gate.clear()
    world.store.waits.clear()
    clusterer.once()
    assert world.store.waits.wait(HANG_S)


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


def test_another_goes_on_from_what_was_published(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    before = world.settled(world.clusterer(), NEW_ITEM)
    world.now += 5
    world.click(NEW_ITEM, *FANS[10:13])
    again = world.clusterer()
    assert again.waiting == 0
    assert again.once()
    after = world.published(NEW_ITEM)
    assert after is not None
    assert (after.made, after.seeds, members(after)) == (before.made, 13, 13)
    np.testing.assert_allclose(mean(after), world.users.vectors(FANS[:13])[0].mean(0), atol=1e-5)


def test_what_a_crash_left_unpublished_is_done_again(world: World) -> None:
    """New seeds that the first one heard of and did not publish are heard by the second."""
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    crashed = world.clusterer()
    world.settled(crashed, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[10:12])
    world.store.down = "publish"
    with pytest.raises(StoreError, match="the store is down: publish"):
        crashed.once()
    again = world.clusterer()
    assert again.once()
    live = world.published(NEW_ITEM)
    assert live is not None
    assert (live.seeds, members(live)) == (12, 12)


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


def spoilt(content: bytes) -> dict[str, bytes]:
    """Entries that a model cannot go on with, each made of a sound one."""
    arrays = load(content)
    numbers, centroid_JX, size_J = arrays["numbers"], arrays["centroids"], arrays["sizes"]

    def other(**changed: np.ndarray) -> bytes:
        return save({**arrays, **changed})

    def number(place: int, value: float) -> bytes:
        changed = numbers.copy()
        changed[place] = value
        return other(numbers=changed)

    wrong = {f"number {place} is {value}": number(place, value) for place in range(8) for value in (np.nan, -1e300)}
    return wrong | {
        "nothing": b"",
        "garbage": b"garbage",
        "cut": content[:-8],
        "another width": other(centroids=np.ascontiguousarray(centroid_JX[:, 1:])),
        "more clusters than a model has": other(
            centroids=np.repeat(centroid_JX, 99, axis=0), sizes=np.repeat(size_J, 99)
        ),
        "no clusters": other(centroids=centroid_JX[:0], sizes=size_J[:0]),
        "not finite": other(centroids=np.full_like(centroid_JX, np.nan)),
        "far too long": other(centroids=centroid_JX + np.float32(1e30)),
        "longer than their members": other(centroids=centroid_JX + np.float32(1e3)),
        "another type": other(centroids=centroid_JX.astype(np.float64)),
        "sizes of another type": other(sizes=size_J.astype(np.float32)),
        "sizes of another shape": other(sizes=size_J[:, None].copy()),
        "fewer sizes": other(sizes=size_J[1:].copy()),
        "empty clusters": other(sizes=size_J * 0),
        "negative sizes": other(sizes=-size_J),
        "huge sizes": other(sizes=size_J + 2**62),
        "more members than seeds": number(0, 1.0),
        "half a seed": number(0, 20.5),
        "many seeds": number(0, 1e300),
        "another most": number(7, 3.0),
        "numbers of another type": other(numbers=numbers.astype(np.float32)),
        "no numbers": save({"centroids": centroid_JX, "sizes": size_J}),
        "one more array": other(more=size_J),
    }


def test_clusters_that_cannot_be_read_are_made_anew_by_who_comes_next(world: World) -> None:
    world.store.open_candidates([NEW_ITEM, POPULAR], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    before = world.settled(world.clusterer(), NEW_ITEM)
    sound = world.store.clusters(world.served.name, 0)[1][NEW_ITEM]
    popular = world.published(POPULAR)
    assert popular is not None
    for why, content in spoilt(sound).items():
        world.store.publish(world.served.name, {NEW_ITEM: content}, str(world.store.joined("", 0).cursor))
        count = world.store.unreadable.counts.get("cluster entry", 0)
        world.now += 1
        clusterer = world.clusterer()
        assert world.store.unreadable.counts.get("cluster entry", 0) == count + 1, why
        assert clusterer.waiting == 1, why
        after = world.settled(clusterer, NEW_ITEM)
        assert (after.seeds, members(after), after.made) == (before.seeds, members(before), world.now), why
        kept = world.published(POPULAR)
        assert kept is not None
        assert kept.made == popular.made


def test_clusters_that_something_else_spoils_are_published_anew_while_a_clusterer_runs(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    before = world.settled(clusterer, NEW_ITEM)
    world.store.publish(world.served.name, {NEW_ITEM: b"garbage"}, world.store.joined("", 0).cursor)
    world.now += CHECK_S
    assert world.settled(clusterer, NEW_ITEM).seeds == before.seeds


def test_after_the_store_was_replaced_new_seeds_count_at_once(world: World) -> None:
    """A store that comes back empty, or as it was: cursors that the clusterer has mean nothing there."""
    world.store.open_candidates([NEW_ITEM, POPULAR], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.store.__init__(KEPT)  # type: ignore[misc]
    clusterer.once()
    assert clusterer.waiting == 0, "what was open is closed"
    assert world.store.cursor(world.served.name) is not None
    world.store.open_candidates([NEW_ITEM], MADE + 1)
    assert world.settled(clusterer, NEW_ITEM).seeds == 0
    world.now += 1
    world.click(NEW_ITEM, *FANS[:3])
    assert clusterer.once()
    live = world.published(NEW_ITEM)
    assert live is not None
    assert (live.seeds, members(live)) == (3, 3)


def test_after_the_store_was_replaced_what_is_open_there_begins_anew(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.store.__init__(KEPT)  # type: ignore[misc]
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:4])
    clusterer.once()
    assert clusterer.waiting == 1
    assert world.settled(clusterer, NEW_ITEM).seeds == 4


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


def test_a_store_that_was_away_while_seeds_were_read_stops_nothing(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:4])
    clusterer = world.clusterer()
    world.store.down = "seeds"
    with pytest.raises(StoreError, match="the store is down: seeds"):
        until(clusterer.once)
    assert world.settled(clusterer, NEW_ITEM).seeds == 4


def test_new_seeds_are_published_once_the_store_is_back(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[10:12])
    world.store.down = "publish"
    with pytest.raises(StoreError, match="the store is down"):
        clusterer.once()
    assert world.settled(clusterer, NEW_ITEM).seeds == 12


def test_first_clusters_are_published_once_the_store_is_back(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    clusterer.once()
    world.store.down = "publish"
    with pytest.raises(StoreError, match="the store is down"):
        until(clusterer.once)
    assert world.settled(clusterer, NEW_ITEM).seeds == 10


def test_new_seeds_are_not_lost_where_the_store_goes_away_while_they_are_followed(world: World) -> None:
    world.store.open_candidates([NEW_ITEM], MADE)
    world.click(NEW_ITEM, *FANS[:10])
    clusterer = world.clusterer()
    world.settled(clusterer, NEW_ITEM)
    world.click(NEW_ITEM, *FANS[10:12])
    world.store.down = "candidates"
    with pytest.raises(StoreError, match="the store is down"):
        clusterer.once()
    assert world.settled(clusterer, NEW_ITEM).seeds == 12


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
