"""How a service follows its store: what others publish, what cannot be read, and another store in its place."""

from collections.abc import Callable

import numpy as np
import pytest

from penchant.errors import StoreError
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.models.parts.clusters import cluster
from penchant.serving.candidates.cluster_bytes import to_bytes
from penchant.serving.candidates.clusters import grown
from penchant.serving.roles.health import WritingWatch
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import POPULAR
from tests.serving import worlds
from tests.serving.worlds import MADE

USER = "u001"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One of its own: what is put of items stays in the model."""
    return worlds.served_anew(tmp_path_factory)


class PausedStore(MemoryStore):
    """Does something when clusters are about to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.before = list[Callable[[], object]]()

    def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
        while self.before:
            self.before.pop()()
        return super().clusters(model, after)


def entry(service: Service) -> bytes:
    """Of one candidate, as somebody else publishes it."""
    alike = service.view.served.lookalike
    vectors_BX, _ = service.view.users.vectors([USER])
    averaged_NX = averaged(alike.ralm, vectors_BX)
    found = cluster(averaged_NX, placed(alike.ralm, averaged_NX), alike.ralm.config.clusters, alike.seed)
    return to_bytes(grown(found, 1, MADE, MADE))


def test_what_is_opened_and_clustered_while_clusters_are_read_is_not_missed(served: Served) -> None:
    store = PausedStore()
    service = Service(store, served, lambda: MADE)
    content = entry(service)

    def another_opens() -> None:
        store.open_candidates([POPULAR], MADE)
        store.publish(served.name, {POPULAR: content}, "0")

    store.before.append(another_opens)
    service.refresh()
    assert list(service.score([USER], None)[0].items) == [POPULAR]


def test_clusters_that_cannot_be_read_leave_the_answer_as_it_was(served: Served) -> None:
    store = MemoryStore()
    service = Service(store, served, lambda: MADE)
    service.open([POPULAR, "i0-1"])
    store.publish(served.name, {POPULAR: entry(service)}, "0")
    service.refresh()
    before = service.score([USER], None)[0]
    store.publish(served.name, {POPULAR: b"garbage", "i0-1": b"garbage"}, "0")
    service.refresh()
    after = service.score([USER], None)[0]
    assert list(after.items) == list(before.items) == [POPULAR]
    np.testing.assert_array_equal(after.score_C, before.score_C)
    assert (service.health().waiting, service.health().unreadable) == (1, {"cluster entry": 2})
    store.publish(served.name, {"i0-1": entry(service)}, "0")
    service.refresh()
    assert service.health().waiting == 0


def test_another_store_in_its_place_is_taken_over_whole(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Its numbers of changes begin again: all that was known of the one before is dropped, but for the forgotten."""
    store = MemoryStore()
    service = Service(store, served, lambda: MADE)
    service.open([POPULAR, "i0-1"])
    content = entry(service)
    store.publish(served.name, dict.fromkeys([POPULAR, "i0-1"], content), "0")
    service.put_items({POPULAR: {"tags": ["t1-0"]}, "put": {"tags": ["t0-0"]}})
    service.forget("u001")
    store.__init__()  # type: ignore[misc]
    store.open_candidates(["i0-1"], MADE + 1)
    store.publish(served.name, {"i0-1": content}, "0")
    store.put_items({"another": {"tags": ["t0-0"]}})
    service.refresh()
    assert list(service.score([USER], None)[0].items) == ["i0-1"]
    assert [one.item for one in service.candidates()] == ["i0-1"]
    assert service.view.tags_of(POPULAR) == served.item_tags["tags"][POPULAR]
    assert (list(service.view.tags_of("put")), list(service.view.tags_of("another"))) == ([], ["t0-0"])
    assert service.view.users.row("u001") == -1
    assert "1 candidates that were open are closed by that; open them again" in caplog.messages


def test_whether_the_store_can_be_written_to_is_told_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    class FullStore(MemoryStore):
        full = True

        def ping_writing(self) -> None:
            if self.full:
                raise StoreError("it is full")

    store = FullStore()
    watch = WritingWatch(store)
    assert watch.writable
    assert [watch.step(), watch.step(), watch.writable] == [False, False, False]
    store.full = False
    watch.step()
    watch.step()
    assert watch.writable
    assert caplog.messages == ["the store cannot be written to: it is full", "the store can be written to again"]


def test_vectors_that_cannot_be_read_are_worked_out_anew_and_kept(served: Served) -> None:
    store = MemoryStore()
    users = Service(store, served, lambda: MADE).view.users
    store.append([Event(USER, POPULAR, MADE, True, "a")], MADE)
    expected_BX, _ = users.vectors([USER])
    (sound,) = [expected_BX[0].tobytes()]
    for wrong in (b"\x00", sound[4:], sound * 2, np.full_like(expected_BX, np.nan).tobytes(), b"\x00\x00\x80\x7e" * 8):
        store.put_vectors(served.name, {USER: (1, wrong)})
        vectors_BX, known_B = users.kept_vectors([USER])
        np.testing.assert_array_equal(vectors_BX, expected_BX)
        assert (known_B.tolist(), store.vectors(served.name, [USER])) == ([True], [sound])
    assert store.unreadable.counts == {"vector": 5}


def test_clicks_that_no_model_can_read_make_a_stranger(served: Served) -> None:
    """Times that Penchant never writes, of somebody else's rows."""
    store = MemoryStore()
    service = Service(store, served, lambda: MADE)
    store.append([Event("far", POPULAR, at, True, f"{at}") for at in (-9e10, 9e10)], MADE)
    vectors_BX, _ = service.view.users.kept_vectors(["far"])
    assert np.isfinite(vectors_BX).all()
    assert len(service.score(["far"], None)) == 1
