"""Audiences of a running service: those of the offline path, and with live events on top."""

import numpy as np
import polars as pl
import pytest

from penchant.audiences.best import BLOCK
from penchant.choices import MIN_AUDIENCE
from penchant.errors import AudienceError
from penchant.logs.forgotten import digest_of
from penchant.pipeline import Run
from penchant.serving.candidates.audience import LiveAudience, audience, rank
from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.roles.consumer import consume
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import FEW_SEEDS, MIXED, ONE_SEED, POPULAR, events_of
from tests.helpers.processes import until
from tests.serving import worlds
from tests.serving.worlds import MADE

SIZE = MIN_AUDIENCE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return worlds.trained(tmp_path_factory)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


def opened(served: Served, *items: str) -> Service:
    """With clusters of all seeds of the log."""
    service = Service(MemoryStore(), served, lambda: MADE)
    service.open(items)
    clusterer = Clusterer(service.store, service.models.all[0], lambda: MADE, every_s=1e9)

    def complete() -> bool:
        clusterer.once()
        service.refresh()
        return service.view.live.keys() == set(items)

    until(complete)
    clusterer.close()
    return service


def send(service: Service, *events: tuple[str, str, bool], at: float = MADE) -> None:
    """Appended and consumed."""
    told = [Event(user, item, at, clicked, f"{item} {clicked}") for user, item, clicked in events]
    assert [one.refused for one in service.append([told])] == [{}]
    consume(service.store, service.models.alike, "one", 1_000, lambda: MADE)


def whole(service: Service, item: str, *, block: int = BLOCK) -> LiveAudience:
    """Everybody who can be reached, as they are ranked now."""
    users, clusters = service.view.users, service.view.live[item].clusters
    assert clusters is not None
    ranking = rank(service.store, users, item, clusters, MADE + 1, block=block)
    return audience(ranking, users, len(ranking), minimum=1)


def users_of(found: LiveAudience) -> set[str]:
    return {user for user, _ in found.members}


@pytest.fixture(scope="module")
def quiet(served: Served) -> Service:
    """Without live events; leave it as it is."""
    return opened(served, POPULAR, FEW_SEEDS, ONE_SEED, MIXED, "i2-7")


@pytest.mark.parametrize("item", [POPULAR, FEW_SEEDS, ONE_SEED, MIXED, "i2-7"])
def test_without_live_events_it_is_the_audience_of_the_offline_path(run: Run, quiet: Service, item: str) -> None:
    """The same people in the same order, but for those whose scores are equal to the last digits."""
    offline = run.audience(item, run.audience(item, 1, minimum=1).reachable, minimum=1)
    live = whole(quiet, item)
    assert live.reachable == offline.reachable
    scores = dict(offline.members.select("user", "score").iter_rows())
    assert users_of(live) == set(scores)
    np.testing.assert_allclose([score for _, score in live.members], offline.members["score"], atol=1e-5)
    in_their_order = [scores[user] for user, _ in live.members]
    assert max(np.diff(in_their_order), default=0) <= 2e-5
    assert np.ptp(in_their_order) > 0.1


def test_members_have_not_met_the_item_and_fall_in_score(run: Run, quiet: Service) -> None:
    found = whole(quiet, POPULAR)
    met = set(events_of(run).filter(pl.col("item") == POPULAR)["user"])
    assert not users_of(found) & met
    scores = [score for _, score in found.members]
    assert scores == sorted(scores, reverse=True)
    assert len(users_of(found)) == len(found.members) == found.reachable
    assert not any(user.startswith("stranger") for user in users_of(found))


def test_scores_are_those_that_are_told_of_one_user(quiet: Service) -> None:
    found = quiet.audience(POPULAR, SIZE)
    scored = quiet.score([user for user, _ in found.members], [POPULAR])
    expected = [score for _, score in found.members]
    np.testing.assert_allclose([one.score_C[0] for one in scored], expected, atol=1e-5)


def test_a_smaller_audience_is_the_beginning_of_a_larger_one(quiet: Service) -> None:
    assert whole(quiet, POPULAR).members[:SIZE] == quiet.audience(POPULAR, SIZE).members


def test_blocks_change_nothing(quiet: Service) -> None:
    expected = whole(quiet, POPULAR)
    found = whole(quiet, POPULAR, block=7)
    assert users_of(found) == users_of(expected)
    np.testing.assert_allclose([score for _, score in found.members], [score for _, score in expected.members], 1e-5)


def test_live_users_come_in_and_those_who_meet_the_item_go_out(served: Served) -> None:
    service = opened(served, POPULAR)
    before = whole(service, POPULAR)
    acts, clicks, sees = [user for user, _ in before.members[:3]]
    send(
        service,
        (clicks, POPULAR, True),
        (sees, POPULAR, False),
        (acts, "i2-4", True),
        ("newcomer of today", "i0-3", True),
        ("seed of today", POPULAR, True),
        ("an alien", "of no meaning", True),
    )
    after = whole(service, POPULAR)
    assert users_of(after) == users_of(before) - {clicks, sees} | {"newcomer of today"}
    assert after.reachable == before.reachable - 1
    scores = dict(after.members)
    assert scores[acts] != dict(before.members)[acts]
    told = service.score([acts, "newcomer of today"], [POPULAR])
    for one in told:
        assert scores[one.user] == pytest.approx(float(one.score_C[0]), abs=1e-5)


def test_who_met_the_item_long_ago_stays_out_when_they_do_something_else(run: Run, served: Served) -> None:
    service = opened(served, POPULAR)
    events = events_of(run).filter(pl.col("item") == POPULAR)
    (seed,) = events.filter("clicked")["user"].head(1)
    (shown,) = events.filter(~pl.col("clicked"), ~pl.col("user").is_in(events.filter("clicked")["user"].implode()))[
        "user"
    ].head(1)
    send(service, (seed, "i1-4", True), (shown, "i1-4", True))
    assert not users_of(whole(service, POPULAR)) & {seed, shown}


def test_who_was_forgotten_is_gone_and_comes_back_as_a_newcomer(served: Served) -> None:
    service = opened(served, POPULAR)
    before = whole(service, POPULAR)
    gone = before.members[0][0]
    service.forget(gone)
    assert users_of(whole(service, POPULAR)) == users_of(before) - {gone}
    send(service, (gone, "i0-3", True), at=MADE + 1)
    assert gone in users_of(whole(service, POPULAR))


def test_who_was_forgotten_before_all_were_ranked_is_gone_also_where_that_is_told_later(served: Served) -> None:
    service = opened(served, POPULAR)
    users, clusters = service.view.users, service.view.live[POPULAR].clusters
    assert clusters is not None
    gone = whole(service, POPULAR).members[0][0]
    service.store.forget(gone, digest_of(gone), MADE)  # by another process
    ranking = rank(service.store, users, POPULAR, clusters, MADE + 1)
    service.refresh()
    assert gone not in users_of(audience(ranking, users, SIZE))


def test_an_audience_is_no_smaller_than_a_crowd_and_no_larger_than_those_who_can_be_reached(quiet: Service) -> None:
    reachable = quiet.audience(POPULAR, SIZE).reachable
    with pytest.raises(AudienceError, match="an audience of 49 would single people out; ask for at least 50"):
        quiet.audience(POPULAR, SIZE - 1)
    told = f"audience of 500 was asked for, but only {reachable} users are not reached yet; ask for at most"
    with pytest.raises(AudienceError, match=told):
        quiet.audience(POPULAR, 500)
