"""Everything that can be asked of a running Penchant, without HTTP: what it takes, answers, refuses and misses."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from gc import collect
from weakref import ref

import numpy as np
import pytest

from penchant.errors import (
    AudienceError,
    BusyError,
    FolderError,
    MissingStepError,
    StoreError,
    UnknownFieldError,
    UnknownItemError,
    UnknownTagError,
)
from penchant.logs.forgotten import digest_of
from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.candidates.openings import CandidateState
from penchant.serving.roles.consumer import consume
from penchant.serving.roles.intake import AHEAD_S, Appended
from penchant.serving.served import Served
from penchant.serving.service import MOST_BACKLOG, Service
from penchant.serving.view import Scored
from penchant.store.base import Backlog, Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import FOR_STRANGERS, POPULAR
from tests.helpers.processes import until
from tests.serving import worlds
from tests.serving.worlds import MADE

USER = "u001"


class Desk:
    """A service on a clock, and the clusterers of its models, stepped by hand."""

    def __init__(self, served: Served, stack: ExitStack, most_backlog: int = MOST_BACKLOG) -> None:
        self.now, self.store, self._stack = MADE, MemoryStore(), stack
        self.service = Service(self.store, served, lambda: self.now, most_backlog=most_backlog)

    def send(self, *events: Event) -> Appended:
        (told,) = self.service.append([events])
        return told

    def consume(self) -> None:
        while consume(self.store, self.service.models.alike, "one", 1_000, lambda: self.now):
            pass

    def cluster(self, model: int = 0) -> None:
        """Clusters of all candidates that are open, by one of the models."""
        users = self.service.models.all[model]
        clusterer = Clusterer(self.store, users, lambda: self.now)
        self._stack.callback(clusterer.close)

        def complete() -> bool:
            clusterer.once()
            return self.store.clusters(users.served.name, 0)[1].keys() == self.store.candidates().keys()

        until(complete)
        self.service.refresh()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def desk(served: Served, stack: ExitStack) -> Desk:
    return Desk(served, stack)


def event(name: str = "a", *, user: str = "anna", item: str = POPULAR, time: float = MADE) -> Event:
    return Event(user, item, time, True, name)


# Events


def test_events_are_told_apart_by_call_and_refused_by_place(desk: Desk) -> None:
    bad = event("b", time=float("nan"))
    calls = [[event("a"), bad, event("c")], [bad], [], [event("a"), event("d", user="")]]
    nan = "time is nan: this is no finite number; send UTC seconds"
    assert desk.service.append(calls) == [
        Appended(2, 0, 0, {1: nan}),
        Appended(0, 0, 0, {0: nan}),
        Appended(0, 0, 0, {}),
        Appended(0, 1, 0, {1: "user has to be a text of 1 to 1,000 characters"}),
    ]
    assert [one.id for one in desk.store.histories(["anna"])[0]] == ["a", "c"]
    assert desk.store.backlog().events == 2


def test_what_is_sent_again_is_repeated(desk: Desk) -> None:
    assert desk.send(event("a"), event("b")) == Appended(2, 0, 0, {})
    assert desk.send(event("b"), event("c"), event("a")) == Appended(1, 2, 0, {})


def test_an_event_may_be_an_hour_ahead_and_no_more(desk: Desk) -> None:
    told = desk.send(event("a", time=MADE + AHEAD_S), event("b", time=MADE + AHEAD_S + 1))
    assert told == Appended(1, 0, 0, {1: "time is 1800003601.0, more than an hour ahead of 1800000000.0, which is now"})


def test_a_clock_that_jumps_back_refuses_no_event_of_old(desk: Desk) -> None:
    desk.send(event("a"))
    desk.now -= 2 * AHEAD_S
    assert desk.send(event("b", time=MADE)).refused.keys() == {0}
    assert desk.send(event("a", time=desk.now), event("c", time=desk.now)) == Appended(1, 1, 0, {})
    desk.consume()
    assert desk.service.profiles(["anna"])[0].clicks == 2
    desk.now += 2 * AHEAD_S
    assert desk.send(event("b", time=MADE)).accepted == 1


def test_where_too_many_wait_events_are_refused_until_there_is_room(served: Served) -> None:
    desk = Desk(served, ExitStack(), most_backlog=2)
    desk.send(*(event(name) for name in "abc"))
    desk.service.refresh()
    with pytest.raises(BusyError, match=r"^3 events wait for consumers, more than 2; send these later$") as busy:
        desk.send(event("d"))
    assert busy.value.after_s > 0
    assert desk.service.health().busy
    desk.consume()
    desk.service.refresh()
    assert desk.send(event("d")).accepted == 1
    assert not desk.service.health().busy


# Users


def test_a_profile_is_fresh_to_the_last_event(desk: Desk) -> None:
    (cold,) = desk.service.profiles(["anna"])
    assert (cold.cold, cold.clicks, cold.latest, cold.clicked) == (True, 0, None, [])
    assert cold.unseen
    desk.send(event("a", item="i1-3", time=MADE - 5), event("b", item="i1-4", time=MADE - 9))
    (warm,) = desk.service.profiles(["anna"])
    assert (warm.cold, warm.clicks, warm.latest) == (False, 2, MADE - 5)
    assert {one.tag[:2] for one in warm.clicked} == {"t1"}
    assert all(one.clicks in (1, 2) for one in warm.clicked)
    assert not {one.tag for one in warm.clicked} & {one.tag for one in warm.unseen}


def test_why_is_told_of_the_best_tag_and_of_any_other_that_is_known(desk: Desk) -> None:
    desk.send(event("a", item="i1-3"))
    (profile,) = desk.service.profiles(["anna"])
    best = max([*profile.clicked, *profile.unseen], key=lambda one: one.preference)
    assert desk.service.explain("anna", None).preference.tag == best.tag
    other = profile.unseen[-1]
    told = desk.service.explain("anna", other.tag).preference
    assert told.tag == other.tag
    assert told.preference == pytest.approx(other.preference, abs=1e-5)
    with pytest.raises(UnknownTagError, match="'polka' is no tag of this model"):
        desk.service.explain("anna", "polka")


def test_recall_leaves_out_what_they_clicked_and_says_why_the_rest(desk: Desk) -> None:
    desk.service.open([POPULAR, "i0-1", "i0-2", "i1-1"])
    desk.cluster()
    tag = desk.service.profiles([USER])[0].clicked[0].tag
    desk.service.put_items({"put today": {"tags": [tag]}})
    clicked = {item for _, item in desk.service.view.users.now([USER]).clicks[0]}
    found = desk.service.recall(USER, 500)
    assert not {one.item for one in found} & clicked
    assert "put today" in {one.item for one in found}
    assert {reason.by for one in found for reason in one.reasons} == {"tag", "look-alike"}
    assert len(found) == len({one.item for one in found}) > 10
    assert len(desk.service.recall(USER, 3)) == 3
    desk.send(event("x", user=USER, item="put today"), event("y", user=USER, item="i0-1"))
    assert not {one.item for one in desk.service.recall(USER, 500)} & {"put today", "i0-1"}


def test_recall_by_likeness_skips_clicked_candidates_and_goes_on_with_the_next(
    served: Served, stack: ExitStack
) -> None:
    desk = Desk(replace(served, profiles={}), stack)
    items = [POPULAR, "i0-1", "i0-2"]
    desk.service.open(items)
    desk.cluster()
    scores = {one.item: one.reasons[0].score for one in desk.service.recall("anna", 9)}
    best = sorted(scores, key=lambda item: -scores[item])
    assert [one.item for one in desk.service.recall("anna", 9)] == best
    assert set(scores) == set(items)
    desk.send(event("a", user="anna", item=best[0], time=MADE))
    assert best[0] not in {one.item for one in desk.service.recall("anna", 2)}
    assert len(desk.service.recall("anna", 2)) == 2


def test_items_that_were_put_before_the_start_are_recalled(served: Served) -> None:
    store = MemoryStore()
    store.put_items({"put before the start": {"tags": ["t0-0", "t0-1", "t0-2", "t0-3"]}})
    service = Service(store, served, lambda: MADE)
    service.append([[event("a", item="i0-3")]])
    assert "put before the start" in {one.item for one in service.recall("anna", 500)}


def test_who_is_forgotten_is_gone_from_store_and_files(served: Served) -> None:
    asked = list[tuple[str, float]]()

    def erase(user: str, at: float) -> dict[str, int]:
        asked.append((user, at))
        return {"log": 3}

    service = Service(MemoryStore(), served, lambda: MADE, erase)
    service.append([[event("a", user=USER)]])
    told = service.forget(USER)
    assert (told.events, told.log, told.items, told.files) == (1, 1, 0, {"log": 3})
    assert asked == [(USER, MADE)]
    assert service.store.forgotten(0)[1] == {digest_of(USER): MADE}
    assert service.profiles([USER])[0].cold
    assert service.forget("nobody").events == 0


def test_who_read_the_files_while_an_erasure_waited_for_others_knows_that_they_are_out_of_date(served: Served) -> None:
    """A snapshot that was written meanwhile names the user, and is later than the request."""
    made = served.snapshot.manifest["made"]
    now = [made - 5.0]

    def erase(_user: str, _at: float) -> dict[str, int]:
        now[0] = made + 5.0
        return {}

    service = Service(MemoryStore(), served, lambda: now[0], erase)
    assert not service.profiles([USER])[0].cold
    service.forget(USER)
    assert service.profiles([USER])[0].cold


def test_what_failed_half_way_is_finished_by_the_next_call(served: Served) -> None:
    """Files come first: where they cannot forget, the store has not yet; where the store cannot, they have."""
    asked, failing = list[str](), [FolderError("another is at work")]

    def erase(user: str, _at: float) -> dict[str, int]:
        asked.append(user)
        if failing:
            raise failing.pop()
        return {"log": 0}

    store = MemoryStore()
    service = Service(store, served, lambda: MADE, erase)
    service.append([[event("a", user=USER)]])
    with pytest.raises(FolderError, match="another is at work"):
        service.forget(USER)
    assert store.forgotten(0)[1] == {}
    assert service.forget(USER).events == 1
    assert asked == [USER, USER]


def test_without_files_nothing_of_them_is_told(desk: Desk) -> None:
    assert desk.service.forget(USER).files == {}


# Candidates


def test_a_candidate_says_how_far_it_is(desk: Desk, served: Served) -> None:
    desk.service.open([POPULAR, FOR_STRANGERS, "never clicked"])
    waiting = CandidateState(POPULAR, f"Title of {POPULAR}", MADE, None, [], None, None, None)
    assert desk.service.candidate(POPULAR) == waiting
    assert desk.service.candidate("never clicked").name == "never clicked"
    health = desk.service.health()
    assert (health.candidates, health.waiting, health.scored, health.oldest) == (3, 3, 0, None)
    desk.now += 5
    desk.cluster()
    done = desk.service.candidate(POPULAR)
    rows, times = served.snapshot.seeds(POPULAR)
    assert (done.opened, done.seeds, sum(done.sizes or ()), done.clustered) == (MADE, len(rows), len(rows), MADE + 5)
    assert done.fresh == times.max()
    assert done.drift is not None
    strangers, never = desk.service.candidate(FOR_STRANGERS), desk.service.candidate("never clicked")
    assert (strangers.seeds, strangers.sizes, never.seeds, never.fresh) == (2, [], 0, None)
    assert [one.item for one in desk.service.candidates()] == [FOR_STRANGERS, POPULAR, "never clicked"]
    health = desk.service.health()
    assert (health.model, health.candidates, health.scored, health.waiting) == (served.name, 3, 1, 0)
    assert (health.oldest, health.backlog, health.writable) == (MADE + 5, Backlog(0, None, 0), True)


def test_a_candidate_that_is_open_stays_as_it_is_and_one_that_is_closed_is_unknown(desk: Desk) -> None:
    desk.service.open([POPULAR, "i0-1"])
    desk.cluster()
    desk.now += 5
    desk.service.open([POPULAR])
    assert desk.service.candidate(POPULAR).opened == MADE
    desk.service.close([POPULAR])
    assert [one.item for one in desk.service.candidates()] == ["i0-1"]
    assert list(desk.service.score([USER], None)[0].items) == ["i0-1"]
    for ask in (
        lambda: desk.service.candidate(POPULAR),
        lambda: desk.service.score([USER], ["i0-1", POPULAR]),
        lambda: desk.service.audience(POPULAR, 50),
        lambda: desk.service.close(["i0-1", POPULAR]),
    ):
        with pytest.raises(UnknownItemError, match="item 'i0-0' is not open to audience extension; open it first"):
            ask()
    assert [one.item for one in desk.service.candidates()] == ["i0-1"]


def test_scores_are_of_candidates_with_clusters_in_the_order_asked_for(desk: Desk) -> None:
    desk.service.open([POPULAR, "i0-1", FOR_STRANGERS])
    assert len(desk.service.score([USER], None)[0].items) == 0
    desk.cluster()
    everything = desk.service.score([USER, "anna"], None)
    assert [(one.user, one.cold, set(one.items)) for one in everything] == [
        (USER, False, {POPULAR, "i0-1"}),
        ("anna", True, {POPULAR, "i0-1"}),
    ]
    (some,) = desk.service.score([USER], ["i0-1", FOR_STRANGERS, POPULAR])
    assert list(some.items) == ["i0-1", POPULAR]
    told = dict(zip(everything[0].items, everything[0].score_C, strict=True))
    np.testing.assert_allclose(some.score_C, [told["i0-1"], told[POPULAR]], atol=1e-5)
    assert list(desk.service.score([USER], [])[0].items) == []


def test_the_best_scores_come_first_and_equal_ones_by_item() -> None:
    scored = Scored("anna", False, ["d", "b", "c", "a"], np.array([0.25, 0.5, 0.5, 1.0], np.float32))
    assert scored.best(9) == [("a", 1.0), ("b", 0.5), ("c", 0.5), ("d", 0.25)]
    assert scored.best(4) == scored.best(9)
    assert scored.best(3) == scored.best(9)[:3]
    assert scored.best(1) == [("a", 1.0)]


def test_fewer_of_the_best_are_the_first_of_more_where_all_are_equal() -> None:
    scored = Scored("anna", False, [f"item {number}" for number in range(9, -1, -1)], np.zeros(10, np.float32))
    for most in range(1, 10):
        assert scored.best(most) == scored.best(10)[:most]


def test_nobody_is_like_seeds_that_are_not_known(desk: Desk) -> None:
    desk.service.open([POPULAR, FOR_STRANGERS])
    with pytest.raises(AudienceError, match="nobody can be alike to 'i0-0': its seeds are not clustered yet; ask aga"):
        desk.service.audience(POPULAR, 50)
    desk.cluster()
    with pytest.raises(AudienceError, match="nobody can be alike to 'for strangers': it has no known seed"):
        desk.service.audience(FOR_STRANGERS, 50)
    assert len(desk.service.audience(POPULAR, 50).members) == 50


def test_a_candidate_that_loses_its_last_known_seed_is_scored_no_more(desk: Desk, served: Served) -> None:
    desk.service.open(["only anna"])
    desk.send(event("a", item="i0-1"), event("b", item="only anna"))
    desk.consume()
    desk.cluster()
    assert list(desk.service.score([USER], None)[0].items) == ["only anna"]
    desk.service.forget("anna")
    desk.now += 1_000
    clusterer = Clusterer(desk.store, desk.service.models.all[0], lambda: desk.now)

    def gone() -> bool:
        clusterer.once()
        desk.service.refresh()
        return len(desk.service.score([USER], None)[0].items) == 0

    until(gone)
    clusterer.close()
    assert (desk.service.candidate("only anna").seeds, desk.service.health().scored) == (0, 0)


# Models


def test_another_model_answers_once_it_has_the_clusters_of_the_one_before(desk: Desk, served: Served) -> None:
    desk.service.open([POPULAR, "i0-1"])
    desk.cluster()
    desk.service.load(replace(served, name="second"))
    desk.service.refresh()
    assert desk.service.health().model == served.name
    desk.cluster(model=1)
    assert desk.service.health().model == "second"
    assert desk.service.health().waiting == 0
    assert len(desk.service.score([USER], None)[0].items) == 2


def test_another_model_without_candidates_answers_at_the_next_refresh(desk: Desk, served: Served) -> None:
    desk.service.load(replace(served, name="second"))
    assert desk.service.health().model == served.name
    desk.service.refresh()
    assert desk.service.health().model == "second"


def test_a_model_that_was_replaced_is_let_go_though_items_were_searched_by_it(desk: Desk, served: Served) -> None:
    assert desk.service.search_items(POPULAR)
    before = ref(desk.service.view)
    desk.service.load(replace(served, name="second"))
    desk.service.refresh()
    collect()
    assert before() is None


def test_a_model_without_a_look_alike_takes_over_too(desk: Desk, served: Served) -> None:
    desk.service.open([POPULAR])
    desk.cluster()
    desk.service.load(replace(served, name="second", alike=None))
    desk.service.refresh()
    assert desk.service.health().model == "second"


def test_a_run_without_a_look_alike_has_profiles_and_recall_and_no_scores(served: Served) -> None:
    service = Service(MemoryStore(), replace(served, alike=None, item_names={}), lambda: MADE)
    service.append([[event("a", item="i1-3")]])
    assert service.profiles(["anna"])[0].clicks == 1
    assert {reason.by for one in service.recall("anna", 20) for reason in one.reasons} == {"tag"}
    service.store.open_candidates([POPULAR], MADE)  # as a model did that had one
    service.refresh()
    for ask in (
        lambda: service.open(["another"]),
        lambda: service.score(["anna"], None),
        lambda: service.score(["anna"], ["never opened"]),
        lambda: service.audience("never opened", 50),
        lambda: service.audience(POPULAR, 50),
        lambda: service.opening(POPULAR),
    ):
        with pytest.raises(MissingStepError, match=r"this run has no look-alike; add \[models.ralm\] to its run file"):
            ask()
    assert service.health().waiting == 0
    assert [(one.item, one.seeds) for one in service.candidates()] == [(POPULAR, None)]


def test_candidates_may_be_opened_while_a_model_with_a_look_alike_is_about_to_take_over(served: Served) -> None:
    service = Service(MemoryStore(), replace(served, alike=None), lambda: MADE)
    service.load(replace(served, name="second"))
    service.open([POPULAR])
    assert service.is_open(POPULAR)


@pytest.mark.parametrize("fields", [("tags", "title"), ()])
def test_what_items_do_not_have_is_refused_and_nothing_is_said_of_any(served: Served, fields: tuple[str, ...]) -> None:
    service = Service(MemoryStore(), replace(served, item_fields=fields), lambda: MADE)
    there = "they have 'tags', 'title'" if fields else "the log of this run says nothing of items"
    with pytest.raises(UnknownFieldError, match=f"^items have no field 'tag'; {there}$"):
        service.put_items({POPULAR: {field: ["anew"] for field in fields}, "other": {"tag": ["jazz"]}})
    assert service.store.items(0)[1] == {}
    assert service.view.tags_of(POPULAR) == served.item_tags["tags"][POPULAR]


def test_an_item_may_have_the_fields_of_the_model_that_is_about_to_take_over(served: Served) -> None:
    service = Service(MemoryStore(), replace(served, item_fields=["tags"]), lambda: MADE)
    service.load(replace(served, name="second", item_fields=["tags", "mood"]))
    service.put_items({"a": {"mood": ["sad"]}, "b": {"tags": ["t0-0"]}})
    assert service.store.items(0)[1].keys() == {"a", "b"}


def test_a_run_without_tags_has_scores_and_recall_and_no_profiles(served: Served, stack: ExitStack) -> None:
    desk = Desk(replace(served, profiles={}), stack)
    desk.service.open([POPULAR])
    desk.cluster()
    for ask in (lambda: desk.service.profiles(["anna"]), lambda: desk.service.explain("anna", None)):
        with pytest.raises(
            MissingStepError, match="this run has no trained interest model; train one with `penchant train"
        ):
            ask()
    assert {reason.by for one in desk.service.recall("anna", 20) for reason in one.reasons} == {"look-alike"}
    assert len(desk.service.score(["anna"], None)[0].items) == 1
    desk.service.put_items({"put": {"tags": ["t0-0"]}})


class AwayStore(MemoryStore):
    """Cannot be reached."""

    def ping(self) -> None:
        raise StoreError("the store is away")


def test_health_asks_the_store(served: Served) -> None:
    with pytest.raises(StoreError, match="the store is away"):
        Service(AwayStore(), served, lambda: MADE).health()
