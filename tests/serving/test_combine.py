import signal
import threading
from collections.abc import Callable
from threading import Event, Thread
from time import sleep

import pytest

from penchant.serving.combine import Combiner


class Doubler:
    """Work that notes its lists; the first waits until the gate is open. 13 is refused."""

    def __init__(self) -> None:
        self.lists: list[list[int]] = []
        self.begun, self.gate, self.alone = Event(), Event(), threading.Lock()

    def __call__(self, items: list[int]) -> list[int]:
        assert self.alone.acquire(blocking=False)
        self.lists.append(items)
        self.begun.set()
        assert self.gate.wait(10)
        self.alone.release()
        if 13 in items:
            raise ValueError("13 of all things")
        return [2 * item for item in items]


def until(fact: Callable[[], bool]) -> None:
    for _ in range(5000):
        if fact():
            return
        sleep(0.001)
    raise AssertionError("it never came true")


def ask_in_turn(combiner: Combiner[int, int], doubler: Doubler, items: range | list[int]) -> dict[int, object]:
    """Results or errors of threads that came one after another, all of them before the first was done."""
    found: dict[int, object] = {}

    def ask(item: int) -> None:
        try:
            found[item] = combiner.ask(item)
        except ValueError as problem:
            found[item] = problem

    threads = [Thread(target=ask, args=(item,)) for item in items]
    for before, thread in enumerate(threads):
        thread.start()
        assert doubler.begun.wait(10)
        until(lambda before=before: len(combiner._waiting) == before)  # type: ignore[misc]
    doubler.gate.set()
    for thread in threads:
        thread.join(10)
    return found


def test_those_who_wait_are_served_together_in_the_order_in_which_they_came() -> None:
    doubler = Doubler()
    found = ask_in_turn(Combiner(doubler, most=4), doubler, range(10))
    assert doubler.lists == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert found == {item: 2 * item for item in range(10)}


def test_an_error_reaches_everybody_in_the_list_and_nobody_else() -> None:
    doubler = Doubler()
    combiner = Combiner(doubler, most=3)
    found = ask_in_turn(combiner, doubler, [1, 12, 13, 14, 15])
    assert found[1], found[15] == (2, 30)
    assert {type(found[item]) for item in (12, 13, 14)} == {ValueError}
    assert found[12] is found[13] is found[14]
    with pytest.raises(ValueError, match="13 of all things"):
        combiner.ask(13)
    assert combiner.ask(4) == 8


def test_too_few_results_are_an_error() -> None:
    combiner: Combiner[int, int] = Combiner(lambda items: items[1:], most=3)
    with pytest.raises(AssertionError, match="0 results for 1 items"):
        combiner.ask(1)


def test_a_result_may_be_nothing() -> None:
    combiner: Combiner[int, None] = Combiner(lambda items: [None for _ in items], most=3)
    assert repr(combiner.ask(1)) == "None"


def test_everybody_gets_his_own_result_whatever_the_timing() -> None:
    doubler, wrong = Doubler(), list[int]()
    doubler.gate.set()
    combiner = Combiner(doubler, most=5)

    def ask(start: int) -> None:
        wrong.extend(item for item in range(start, start + 1000) if combiner.ask(item) != 2 * item)

    threads = [Thread(target=ask, args=(1000 * number + 100,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert sum(map(len, doubler.lists)) == 12_000
    assert max(map(len, doubler.lists)) <= 5


def test_who_is_interrupted_while_waiting_holds_up_nobody() -> None:
    doubler, found = Doubler(), []
    combiner = Combiner(doubler, most=3)

    def ask(item: int) -> None:
        found.append(combiner.ask(item))

    def interrupt() -> None:
        until(lambda: len(combiner._waiting) == 1)
        last.start()
        until(lambda: len(combiner._waiting) == 2)
        while len(combiner._waiting) == 2:  # a signal just before the thread falls asleep does not wake it
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            sleep(0.3)
        doubler.gate.set()

    first, last, other = Thread(target=ask, args=(1,)), Thread(target=ask, args=(3,)), Thread(target=interrupt)
    first.start()
    assert doubler.begun.wait(10)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        combiner.ask(2)
    for thread in (other, first, last):
        thread.join(10)
    assert sorted(found) == [2, 6]
    assert doubler.lists == [[1], [3]]
