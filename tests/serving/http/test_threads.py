"""One key cannot take all threads, and what many ask at the same time is done once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

import pytest

from penchant.errors import StoreError
from penchant.profiles.explain import Explanation
from penchant.serving.http.app import Limits
from penchant.serving.http.calls.threads import Once, Threads
from penchant.serving.service import Service
from tests.helpers.processes import HANG_S, until
from tests.serving.apps import Desk, ask, running
from tests.serving.worlds import served

SLOW = "u000"


class SlowService(Service):
    """Explains nothing of one user before `gate` is open. waiting: how many calls wait for that."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.gate, self.waiting, self._lock = Event(), 0, Lock()

    def explain(self, user: str, *given: Any, **named: Any) -> Explanation:
        if user == SLOW:
            with self._lock:
                self.waiting += 1
            assert self.gate.wait(HANG_S)
        return super().explain(user, *given, **named)


def test_slow_calls_of_one_key_leave_threads_to_others(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = Limits(threads=3, calls=2)
    desk = Desk(served(tmp_path_factory), open_to_all=False, limits=limits, service=SlowService)
    one, other, service = desk.key("read"), desk.key("read"), desk.service
    assert isinstance(service, SlowService)
    with running(desk.app) as url, ThreadPoolExecutor(10) as pool:
        slow = [pool.submit(ask, url, "GET", f"/v1/users/{SLOW}/explain", None, one) for _ in range(10)]
        try:
            until(lambda: service.waiting == limits.calls)
            assert ask(url, "GET", "/v1/users/u001/explain", headers=other).status == 200
            assert ask(url, "GET", "/readyz").status == 200
            assert ask(url, "GET", "/metrics", headers=one).status == 200
            assert service.waiting == limits.calls
        finally:
            service.gate.set()
        assert {one.result(HANG_S).status for one in slow} == {200}


def test_senders_are_forgotten_when_nothing_of_theirs_is_left() -> None:
    async def run() -> tuple[list[int], str, str]:
        threads = Threads(2, 1)
        before = str({**threads._asking, **threads._own})
        done = await asyncio.gather(*(threads.run(f"key {n % 3}", lambda n=n: n) for n in range(9)))  # type: ignore[misc]
        return list(done), before, str({**threads._asking, **threads._own})

    done, before, after = asyncio.run(run())
    assert (done, after) == (list(range(9)), before)


def test_what_is_asked_meanwhile_is_done_once_and_then_anew() -> None:
    begun, gate = list[int](), Event()

    def work() -> int:
        begun.append(len(begun))
        assert gate.wait(HANG_S)
        return begun[-1]

    async def run() -> tuple[set[int], int]:
        once = Once(work)
        asked = [asyncio.create_task(once.ask()) for _ in range(50)]
        while not begun:
            await asyncio.sleep(0.001)
        gate.set()
        return set(await asyncio.gather(*asked)), await once.ask()

    assert asyncio.run(run()) == ({0}, 1)


def test_everybody_is_told_of_a_failure_and_who_leaves_takes_nobody_along() -> None:
    gate = Event()

    def fail() -> None:
        assert gate.wait(HANG_S)
        raise StoreError("away")

    async def run() -> list[BaseException | None]:
        once = Once(fail)
        asked = [asyncio.create_task(once.ask()) for _ in range(3)]
        await asyncio.sleep(0.01)
        asked[0].cancel()
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in asyncio.run(run())] == [asyncio.CancelledError, StoreError, StoreError]
