"""Readiness tells the truth of this process; how others do, and whether the store has room, is measured."""

from functools import partial

import pytest

from penchant.errors import StoreError
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import POPULAR
from tests.serving.apps import Desk, ask, running
from tests.serving.worlds import MADE, served


def test_it_is_ready_while_candidates_and_events_wait_and_the_store_is_full(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Others have to see to that; this process answers."""
    desk = Desk(served(tmp_path_factory), store=FullStore(), service=partial(Service, most_backlog=0))
    desk.service.open([POPULAR, "never clicked"])
    desk.service.append([[Event("anna", POPULAR, MADE, True, "a")]])
    desk.service.writing.step()
    desk.service.refresh()
    with running(desk.app) as url:
        assert ask(url, "GET", "/readyz").said == {"ready": True}
        assert ask(url, "GET", "/healthz").said == {"alive": True}
        text = ask(url, "GET", "/metrics").content.decode()
    for line in ("penchant_candidates_waiting 2.0", "penchant_store_writable 0.0", "penchant_store_reachable 1.0"):
        assert line in text


class FullStore(MemoryStore):
    """Has no room."""

    def ping_writing(self) -> None:
        raise StoreError("it is full")


def test_what_cannot_be_read_and_old_clusters_are_measured(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory))
    desk.open([POPULAR, "never clicked"])
    desk.service.clock = lambda: MADE + 70
    desk.store.publish(desk.service.view.served.name, {POPULAR: b"garbage"}, "0")
    desk.service.refresh()
    with running(desk.app) as url:
        text = ask(url, "GET", "/metrics").content.decode()
    for line in (
        "penchant_candidates_waiting 0.0",
        "penchant_candidates_scored 2.0",
        "penchant_clusters_oldest_seconds 70.0",
        'penchant_store_unreadable{kind="cluster entry"} 1.0',
    ):
        assert line in text
