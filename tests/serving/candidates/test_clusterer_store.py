"""What a clusterer does where the store fails, is spoilt or is replaced, and where another has published before it."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from penchant.errors import StoreError
from penchant.serving.candidates.clusterer import CHECK_S
from penchant.store.base import KEPT
from tests.helpers.lookalike_runs import POPULAR
from tests.helpers.processes import until
from tests.serving.candidates.stepped import FANS, NEW_ITEM, World, mean, members
from tests.serving.worlds import MADE


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
