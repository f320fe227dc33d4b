"""States of candidates that are told: the first of ten known seeds, then each of ten more."""

from collections.abc import Mapping
from math import inf

import numpy as np
import pytest

from penchant.choices import MIN_SEEDS
from penchant.errors import StoreError
from penchant.models.parts.clusters import grouped
from penchant.serving.candidates.cluster_bytes import ClusterReader, ClusterShape, from_bytes
from penchant.serving.candidates.clusters import LiveClusters, PublishedClusters, grown
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.disclosure.lots import DAY_S, Lots, told_name
from penchant.store.memory import MemoryStore

MODEL, ITEM, OPENED = "model", "item", 7.0

SHAPE = ClusterShape(4, 2)


def live(known: int, seeds: int | None = None, fresh: float = 3.5 * DAY_S) -> LiveClusters:
    """A candidate with so many known seeds in one cluster."""
    clusters = grouped(np.ones((known, 4), np.float32), np.zeros(known, np.int64), 2) if known else None
    return grown(clusters, known if seeds is None else seeds, 1.0, fresh)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.open_candidates([ITEM], OPENED)
    return store


def lots_of(store: MemoryStore) -> Lots:
    """As one process makes them."""
    return Lots(store, MODEL, ClusterReader(store, SHAPE), OpenCandidates(store))


def told(store: MemoryStore) -> PublishedClusters | None:
    content = store.clusters(told_name(MODEL), 0)[1].get(ITEM)
    return None if content is None else from_bytes(content, SHAPE)


def sizes(store: MemoryStore, lots: Lots, *states: LiveClusters, opened: float = OPENED) -> list[int]:
    """How many known seeds are told after each state, 0 for none."""
    found = []
    for one in states:
        lots.follow({ITEM: (opened, one)}, "0")
        now = told(store)
        found.append(int(now.size_J.sum()) if now else 0)
    return found


def test_a_state_is_told_from_ten_known_seeds_on_and_the_next_when_ten_more_are_known(store: MemoryStore) -> None:
    known = [0, 1, 9, 10, 11, 19, 20, 27, 45, 54, 55]
    assert sizes(store, lots_of(store), *map(live, known)) == [0, 0, 0, 10, 10, 10, 20, 20, 45, 45, 55]


def test_seeds_of_whom_nothing_is_known_do_not_fill_a_lot(store: MemoryStore) -> None:
    assert sizes(store, lots_of(store), live(9, seeds=500), live(10, seeds=501), live(12, seeds=900)) == [0, 10, 10]


def test_another_process_goes_on_where_the_first_one_was(store: MemoryStore) -> None:
    assert sizes(store, lots_of(store), live(14)) == [14]
    assert sizes(store, lots_of(store), live(15), live(23), live(24)) == [14, 14, 24]


def test_where_the_store_became_another_one_all_is_told_again(store: MemoryStore) -> None:
    lots, other = lots_of(store), MemoryStore()
    assert sizes(store, lots, live(14), live(24)) == [14, 24]
    other.open_candidates([ITEM], OPENED)
    lots._store, lots._open = other, OpenCandidates(other)
    assert sizes(other, lots, live(15)) == [15]


def test_what_was_told_before_is_read_once(store: MemoryStore) -> None:
    read: list[int] = []

    class Counted(MemoryStore):
        def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
            number, contents = super().clusters(model, after)
            read.append(len(contents))
            return number, contents

    counted = Counted()
    counted.open_candidates([ITEM], OPENED)
    sizes(counted, lots_of(counted), live(14))
    lots = lots_of(counted)
    read.clear()
    for known in (15, 16, 17):
        lots.follow({ITEM: (OPENED, live(known))}, "0")
    assert read == [0, 0, 0]


def test_what_the_store_could_not_keep_is_told_the_next_time() -> None:
    class Failing(MemoryStore):
        down = True

        def publish(self, model: str, clusters: Mapping[str, bytes], cursor: str) -> None:
            if self.down:
                raise StoreError("it is down")
            super().publish(model, clusters, cursor)

    store = Failing()
    store.open_candidates([ITEM], OPENED)
    lots = lots_of(store)
    with pytest.raises(StoreError):
        lots.follow({ITEM: (OPENED, live(10))}, "0")
    store.down = False
    assert sizes(store, lots, live(10)) == [10]


def test_a_candidate_that_is_opened_again_begins_anew(store: MemoryStore) -> None:
    lots = lots_of(store)
    assert sizes(store, lots, live(14)) == [14]
    store.close_candidates([ITEM])
    store.open_candidates([ITEM], OPENED + 1)
    assert sizes(store, lots, live(15), opened=OPENED + 1) == [15]


def test_who_is_forgotten_is_out_of_what_is_told_at_once(store: MemoryStore) -> None:
    lots = lots_of(store)
    assert sizes(store, lots, live(14), live(13), live(12)) == [14, 13, 12]
    assert sizes(store, lots, live(MIN_SEEDS - 1)) == [0]
    assert told(store) is not None, "nothing takes the place of what was told"


def test_an_erasure_does_not_let_out_a_lot_that_is_not_full(store: MemoryStore) -> None:
    lots = lots_of(store)
    assert sizes(store, lots, live(14), live(16), live(15), live(23), live(24)) == [14, 14, 0, 0, 24]
    assert sizes(store, lots, live(25), live(26), live(24), live(23)) == [24, 24, 0, 0]
    assert sizes(store, lots, live(32), live(33)) == [0, 33], "one of those who were told may have been lost"


def test_ten_that_are_left_and_one_more_are_no_lot(store: MemoryStore) -> None:
    assert sizes(store, lots_of(store), live(10), live(9), live(10)) == [10, 0, 0]
    assert sizes(store, lots_of(store), live(11), live(18), live(19)) == [0, 0, 19], "another process goes on"


def test_a_seed_who_joins_does_not_hide_that_another_was_forgotten(store: MemoryStore) -> None:
    lots = lots_of(store)
    assert sizes(store, lots, live(14)) == [14]
    lots.follow({ITEM: (OPENED, live(14))}, "0", {ITEM: 1})
    assert sizes(store, lots, live(23), live(24)) == [0, 24]


def test_erasures_that_were_seen_before_they_were_reported_count_once(store: MemoryStore) -> None:
    lots = lots_of(store)
    assert sizes(store, lots, live(24), live(22)) == [24, 22]
    lots.follow({ITEM: (OPENED, live(22))}, "0", {ITEM: 2})
    assert sizes(store, lots, live(22)) == [22]


def test_the_latest_seed_is_told_to_the_day(store: MemoryStore) -> None:
    lots = lots_of(store)
    for known, fresh, day in ((10, 3.5 * DAY_S, 3 * DAY_S), (20, -inf, -inf)):
        lots.follow({ITEM: (OPENED, live(known, fresh=fresh))}, "0")
        found = told(store)
        assert found is not None
        assert found.fresh == day
