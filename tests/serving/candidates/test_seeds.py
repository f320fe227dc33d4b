"""The seeds of a candidate, of the log and live ones together, and their clusters as processes hand them on."""

import numpy as np
import pytest
from safetensors.numpy import save

from penchant.errors import DataError
from penchant.logs.forgotten import digest_of
from penchant.logs.users import hash_of
from penchant.models.parts.clusters import Drift, add, cluster
from penchant.serving.candidates.cluster_bytes import ClusterShape, from_bytes, to_bytes
from penchant.serving.candidates.clusters import LiveClusters, grown
from penchant.serving.candidates.seeds import SeedReader, SeedVectors
from penchant.serving.roles.consumer import consume
from penchant.serving.served import Served
from penchant.serving.users import News, Users
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import FOR_STRANGERS, MIXED
from tests.serving import worlds
from tests.serving.worlds import MADE

ITEM, NEW_ITEM, LAST = "i1-1", "never clicked before", MADE
MOST = 10_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def users(store: MemoryStore, served: Served) -> Users:
    return Users(store, News(store), served)


def click(store: MemoryStore, users: Users, *events: tuple[str, str, float]) -> None:
    """Appended and consumed."""
    store.append([Event(user, item, time, True, f"{time} {item}") for user, item, time in events], at=MADE)
    consume(store, [users], "one", 1_000, lambda: MADE)


def seeds_of(users: Users, item: str, most: int = MOST) -> SeedVectors:
    return SeedReader(users.store, users, most).of(item)


def rows_of(served: Served, item: str) -> list[int]:
    found: list[int] = served.snapshot.seeds(item)[0].tolist()
    return found


def in_order(users: Users, names: list[str]) -> np.ndarray:
    """Vectors of the known ones among some users, by hash."""
    vectors_BX, known_B = users.vectors(sorted(names, key=hash_of))
    return vectors_BX[known_B]


def test_without_live_events_seeds_are_those_of_the_log(users: Users, served: Served) -> None:
    seeds = seeds_of(users, ITEM)
    rows, times = served.snapshot.seeds(ITEM)
    names = [served.snapshot.user(row) for row in rows.tolist()]
    assert (seeds.seeds, seeds.users, seeds.latest) == (len(rows), frozenset(), times.max())
    np.testing.assert_array_equal(seeds.vectors_SX, in_order(users, names))


def test_an_item_that_nobody_clicked_has_none(users: Users) -> None:
    seeds = seeds_of(users, "nowhere")
    assert (seeds.seeds, seeds.users, seeds.latest, len(seeds.vectors_SX)) == (0, frozenset(), float("-inf"), 0)


def test_live_seeds_join_and_who_was_one_before_counts_once(store: MemoryStore, users: Users, served: Served) -> None:
    old = [served.snapshot.user(row) for row in rows_of(served, ITEM)]
    new = next(user for user in ("u000", "u001", "u002", "u003") if user not in old)
    click(store, users, (new, ITEM, LAST), (old[0], ITEM, LAST + 1), ("newcomer of today", ITEM, LAST + 2))
    seeds = seeds_of(users, ITEM)
    assert seeds.seeds == len(old) + 2
    assert seeds.users == {new, old[0], "newcomer of today"}
    assert seeds.latest == LAST + 2
    np.testing.assert_allclose(seeds.vectors_SX, in_order(users, [*old, new, "newcomer of today"]), atol=1e-6)


def test_a_seed_of_old_who_did_something_else_since_has_their_vector_of_now(
    store: MemoryStore, users: Users, served: Served
) -> None:
    old = [served.snapshot.user(row) for row in rows_of(served, ITEM)]
    before = seeds_of(users, ITEM)
    reader = SeedReader(store, users, MOST)
    click(store, users, (old[0], "i2-4", LAST), (old[0], "i2-5", LAST + 1))
    np.testing.assert_array_equal(reader.of(ITEM).vectors_SX, before.vectors_SX)
    reader.refresh()
    after = reader.of(ITEM)
    assert (after.seeds, after.users, after.latest) == (before.seeds, frozenset(), before.latest)
    assert int((after.vectors_SX != before.vectors_SX).any(1).sum()) == 1
    np.testing.assert_allclose(after.vectors_SX, in_order(users, old), atol=1e-6)


def test_seeds_of_whom_nothing_is_known_count_but_have_no_vector(store: MemoryStore, users: Users) -> None:
    assert seeds_of(users, FOR_STRANGERS).seeds == 2
    assert len(seeds_of(users, FOR_STRANGERS).vectors_SX) == 0
    click(store, users, ("alien", NEW_ITEM, LAST), ("u001", NEW_ITEM, LAST))
    seeds = seeds_of(users, NEW_ITEM)
    assert (seeds.seeds, len(seeds.vectors_SX), seeds.users) == (2, 1, frozenset({"alien", "u001"}))
    assert seeds_of(users, MIXED).seeds == 3
    assert len(seeds_of(users, MIXED).vectors_SX) == 2


@pytest.mark.parametrize("most", [1, 2, 3])
def test_only_the_latest_count_be_they_live_or_of_old(
    store: MemoryStore, users: Users, served: Served, most: int
) -> None:
    """The live clicks: one after all others, one before all others."""
    rows, times = served.snapshot.seeds(ITEM)
    old = [served.snapshot.user(row) for row in rows[np.argsort(times, kind="stable")].tolist()]
    late, early = [user for user in ("u000", "u003", "u006", "u009") if user not in old][:2]
    click(store, users, (late, ITEM, LAST), (early, ITEM, float(times.min()) - 9))
    seeds = seeds_of(users, ITEM, most)
    expected = [*old, late][-most:]
    assert (seeds.seeds, seeds.users) == (most, frozenset({late}))
    np.testing.assert_allclose(seeds.vectors_SX, in_order(users, expected), atol=1e-6)
    assert seeds_of(users, ITEM, len(rows) + 1).users == {late}
    assert seeds_of(users, ITEM, len(rows) + 2).users == {late, early}


def test_the_order_in_which_they_came_changes_nothing(served: Served) -> None:
    clicks = [(f"u{number:03}", NEW_ITEM, LAST + number) for number in range(20)]
    found = []
    for order in (clicks, clicks[::-1]):
        store = MemoryStore()
        users = Users(store, News(store), served)
        for one in order:
            click(store, users, one)
        found.append(seeds_of(users, NEW_ITEM, 12))
    np.testing.assert_array_equal(found[0].vectors_SX, found[1].vectors_SX)
    assert found[0].users == found[1].users == {user for user, _, _ in clicks[-12:]}


def test_who_was_forgotten_is_no_seed(store: MemoryStore, users: Users, served: Served) -> None:
    old = [served.snapshot.user(row) for row in rows_of(served, ITEM)]
    click(store, users, ("newcomer of today", ITEM, LAST))
    for user in (old[0], old[1], "newcomer of today"):
        store.forget(user, digest_of(user), MADE)
    users.news.refresh()
    seeds = seeds_of(users, ITEM)
    assert (seeds.seeds, seeds.users) == (len(old) - 2, frozenset())
    click(store, users, (old[0], ITEM, LAST + 9))
    back = seeds_of(users, ITEM)
    assert (back.seeds, back.users) == (len(old) - 1, frozenset({old[0]}))


SHAPE = ClusterShape(width=3, most=4)


def some_clusters(seed: int = 0) -> LiveClusters:
    points_NX = np.random.default_rng(seed).normal(size=(40, 3)).astype(np.float32)
    began = cluster(points_NX[:30], points_NX[:30], 4, seed)
    return grown(add(began, points_NX[30:], lambda points: points), 40, MADE, MADE + 5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clusters_come_back_from_bytes(seed: int) -> None:
    live = some_clusters(seed)
    back = from_bytes(to_bytes(live), SHAPE).live
    assert live.clusters is not None
    assert back.clusters is not None
    np.testing.assert_allclose(back.clusters.centroids, live.clusters.centroids, rtol=1e-6)
    np.testing.assert_array_equal(back.clusters.size_J, live.clusters.size_J)
    kept = (live.clusters.squares, live.clusters.began, live.clusters.most)
    assert (back.clusters.squares, back.clusters.began, back.clusters.most) == kept
    assert (back.seeds, back.made, back.fresh, back.drift) == (40, MADE, MADE + 5, live.drift)
    assert live.drift.added == 0.25
    more_NX = np.ones((1, 3), np.float32)
    grown_back, grown_live = (add(one, more_NX, lambda points: points) for one in (back.clusters, live.clusters))
    np.testing.assert_allclose(grown_back.centroids, grown_live.centroids, rtol=1e-5)


def test_a_candidate_without_known_seeds_comes_back_too() -> None:
    live = LiveClusters(None, 3, MADE, float("-inf"), Drift(0.0, 0.0))
    assert from_bytes(to_bytes(live), SHAPE).live == live == grown(None, 3, MADE, float("-inf"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        to_bytes(some_clusters())[:-1],
        save({"other": np.zeros(5)}),
        save({"numbers": np.zeros(4)}),
        save({"numbers": np.zeros(8)}),
        save({"numbers": np.zeros(7)}),
    ],
    ids=["nothing", "garbage", "cut short", "no numbers", "too few numbers", "no centroids", "other numbers"],
)
def test_bytes_that_are_no_clusters_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=rf"^{len(content)} bytes are no clusters"):
        from_bytes(content, SHAPE)
