"""Clusters lose who was forgotten, and nobody else."""

import numpy as np
import pytest

from penchant.serving.candidates.clusterer import PACE
from tests.helpers.lookalike_runs import POPULAR
from tests.helpers.processes import until
from tests.serving.candidates.stepped import FANS, NEW_ITEM, World, assert_from_scratch, in_the_background
from tests.serving.worlds import MADE


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
