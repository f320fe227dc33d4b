"""What a service says of open items, compared with the snapshot, the store and the audiences of the same service."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from penchant.audiences.growth import Growth
from penchant.choices import MIN_AUDIENCE
from penchant.errors import AudienceError
from penchant.serving.candidates.audience import audience, rank, reach
from penchant.serving.candidates.cluster_bytes import ClusterShape, from_bytes, to_bytes
from penchant.serving.candidates.clusters import PublishedClusters, grown
from penchant.serving.candidates.clusters import (
    clustered as when_clustered,
)
from penchant.serving.candidates.sample import growth_at, sample_of, scores_of
from penchant.serving.candidates.shared import everyone_of
from penchant.serving.service import Service
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import CLUSTERS, LONG_TAG, MIXED, ONE_SEED, POPULAR, SHOWN, TABLE_ONLY
from tests.serving.clustered import clustered, send
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


# Seeds


def test_the_growth_ends_with_all_seeds_and_counts_each_at_their_latest_click(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    rows, times = service.view.served.snapshot.seeds(POPULAR)
    before = service.opening(POPULAR).growth()
    assert (before.seeds_T[-1], before.time_T[-1], before.undated) == (len(rows), times.max(), 0)
    again, new = service.view.served.snapshot.user(int(rows[0])), "somebody new"
    send(service, (again, POPULAR, 3 * DAY_S), (new, POPULAR, 2 * DAY_S), (new, POPULAR, DAY_S))
    after = service.opening(POPULAR).growth()
    assert after.time_T == sorted(after.time_T)
    assert (after.seeds_T[-1], after.time_T[-2:]) == (len(rows) + 1, [MADE - 3 * DAY_S, MADE - DAY_S])


def test_without_a_clock_only_live_seeds_have_a_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = Service(MemoryStore(), replace(served(tmp_path_factory), clocked=False), lambda: MADE)
    service.open([POPULAR])
    old = len(service.view.served.snapshot.seeds(POPULAR)[0])
    assert service.opening(POPULAR).growth() == Growth([], [], old)
    send(service, ("somebody new", POPULAR, DAY_S))
    found = service.opening(POPULAR).growth()
    assert (found.time_T, found.seeds_T, found.undated) == ([MADE - DAY_S], [1], old)


def test_of_more_seeds_than_are_read_the_earlier_ones_are_there_from_the_beginning(
    quiet: Service,
) -> None:
    whole = quiet.opening(POPULAR).growth()
    part = growth_at(quiet.view, POPULAR, most=7)
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
    assert row not in everyone_of(service.view).row_N


# Clusters


def test_what_members_have_in_common_are_the_tags_that_they_click(quiet: Service) -> None:
    found = quiet.opening(POPULAR).shared()
    assert found.by_tags
    assert sum(group.seeds for group in found.groups) == found.sampled
    names = {trait.name[:2] for group in found.groups for trait in group.traits}
    assert names >= {"t0"}
    assert not names & {"t1", "t2"}
    assert all(trait.seeds > trait.users for group in found.groups for trait in group.traits)


def test_without_tags_items_are_what_they_have_in_common(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = Service(MemoryStore(), replace(served(tmp_path_factory), item_tags={}), lambda: MADE)
    clustered(service, [POPULAR])
    found = service.opening(POPULAR).shared()
    assert not found.by_tags
    names = {trait.name for group in found.groups for trait in group.traits}
    assert any(name.startswith("Title of i0-") for name in names)
    assert f"Title of {POPULAR}" not in names
    assert not any(name.startswith(("Title of i1", "Title of i2")) for name in names)


# Scores and what to expect


def test_scores_of_all_who_can_be_reached_are_those_of_the_audience(quiet: Service) -> None:
    scores = quiet.opening(POPULAR).scores()
    users, clusters = quiet.view.users, quiet.view.live[POPULAR].clusters
    assert clusters is not None
    whole = audience(rank(quiet.store, users, POPULAR, clusters, MADE), users, scores.reachable, minimum=1)
    assert (scores.whole, scores.reachable) == (True, whole.reachable)
    np.testing.assert_allclose(scores.others_N[::-1], [score for _, score in whole.members], atol=1e-6)
    for size in (MIN_AUDIENCE, 60, scores.reachable):
        assert scores.begins(size) == pytest.approx(whole.members[size - 1][1], abs=1e-6)
    assert len(reach(quiet.store, quiet.view.users, POPULAR)) == whole.reachable


def test_a_sample_is_spread_over_those_in_the_log_and_those_who_came_since(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    send(service, *((f"new {number}", f"i1-{number % 12}", 60.0) for number in range(30)))
    everyone = service.opening(POPULAR).scores()
    some = scores_of(service.view, POPULAR, service.view.live[POPULAR], most=10)
    assert (len(some.others_N), some.whole, some.reachable) == (10, False, everyone.reachable)
    assert set(some.others_N.round(5).tolist()) <= set(everyone.others_N.round(5).tolist())


# Items to open


def test_items_are_found_by_name_or_id_those_with_most_seeds_first(quiet: Service) -> None:
    found = quiet.search_items("TITLE OF i0-")
    assert [one.name[:12] for one in found] == ["Title of i0-"] * len(found)
    assert [one.seeds for one in found] == sorted((one.seeds for one in found), reverse=True)
    assert found[0].seeds == len(quiet.view.served.snapshot.seeds(found[0].item)[0])
    assert quiet.search_items("i0-1")[0].item == "i0-1"
    assert [one.item for one in quiet.search_items(TABLE_ONLY)] == [TABLE_ONLY]
    assert (quiet.search_items("  "), quiet.search_items("no such thing")) == ([], [])


def test_an_item_was_seen_in_the_log_or_since(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = fresh(tmp_path_factory)
    service.open([POPULAR, SHOWN, TABLE_ONLY, LONG_TAG, "of today", "of tomorrow"])
    assert all(service.opening(item).seen for item in (POPULAR, SHOWN, TABLE_ONLY, LONG_TAG))
    assert not service.opening("of today").seen
    send(service, ("u001", "of today", 60.0))
    service.put_items({"of tomorrow": {"tags": ["t0-0"]}})
    assert service.opening("of today").seen
    assert service.opening("of tomorrow").seen


# What is kept


def test_what_was_worked_out_is_kept_until_all_seeds_are_clustered_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = fresh(tmp_path_factory)
    clustered(service, [POPULAR])
    before = service.opening(POPULAR)
    assert not before.has_shared
    first = before.shared()
    assert service.opening(POPULAR).has_shared
    assert service.opening(POPULAR).shared() is first
    assert not service.opening(POPULAR).has_scores
    published = service.view.live[POPULAR]
    service.view.live[POPULAR] = replace(published, made=published.made + 1)
    assert not service.opening(POPULAR).has_shared
    assert before.has_shared, "an opening stays with the clusters that it began with"


# What is missing


def test_an_item_without_clusters_has_no_audience(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = fresh(tmp_path_factory)
    service.open([POPULAR])
    assert not service.opening(POPULAR).clustered
    with pytest.raises(AudienceError, match=f"alike to '{POPULAR}': its seeds are not clustered yet"):
        service.audience(POPULAR, MIN_AUDIENCE)


# When all were clustered


def published(*, made: float, fresh: float, sizes: Sequence[int]) -> PublishedClusters:
    empty = from_bytes(to_bytes(grown(None, 3, made, fresh)), ClusterShape(3, 4))
    return PublishedClusters(
        np.zeros((len(sizes), 2), np.float32), np.array(sizes, np.int64), 3, empty.made, empty.fresh, empty.drift
    )


def test_the_latest_and_the_oldest_clustering_are_those_of_candidates_with_clusters() -> None:
    found = when_clustered(
        [
            published(made=10.0, fresh=5.0, sizes=[2, 1]),
            published(made=30.0, fresh=40.0, sizes=[3]),
            published(made=99.0, fresh=99.0, sizes=[]),
        ]
    )
    assert (found.latest, found.earliest, found.fresh) == (30.0, 10.0, 40.0)
    assert when_clustered([]).latest is None
    assert when_clustered([published(made=10.0, fresh=0.0, sizes=[2])]).fresh is None
