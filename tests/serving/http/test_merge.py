"""Requests of one event loop are worked on together, and each gets its own answer."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from penchant.serving.http.calls.merge import Merger
from tests.helpers.processes import HANG_S


def merged(numbers: list[int], most: int) -> tuple[list[int], list[list[int]]]:
    """Answers to all numbers asked at once, and the lists that were worked on."""
    lists: list[list[int]] = []

    def double(items: list[int]) -> list[int]:
        lists.append(items)
        return [2 * item for item in items]

    async def ask() -> list[int]:
        merger = Merger(double, most, pool)
        return list(await asyncio.gather(*(merger.ask(number) for number in numbers)))

    with ThreadPoolExecutor(1) as pool:
        return asyncio.run(ask()), lists


def test_everybody_gets_their_own_answer() -> None:
    answers, _ = merged(list(range(100)), most=16)
    assert answers == [2 * number for number in range(100)]


def test_those_who_ask_in_one_round_are_worked_on_together_first_come_first_served() -> None:
    _, lists = merged(list(range(10)), most=4)
    assert lists == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_senders_take_turns_so_that_nobody_waits_for_all_that_another_has_asked() -> None:
    lists: list[list[str]] = []

    def work(items: list[str]) -> list[str]:
        lists.append(items)
        return items

    async def ask(pool: ThreadPoolExecutor) -> list[str]:
        merger = Merger(work, 3, pool)
        asked = [*(("many", f"many {number}") for number in range(5)), ("few", "few 0"), ("one", "one 0")]
        return list(await asyncio.gather(*(merger.ask(item, sender) for sender, item in asked)))

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(ask(pool)) == [*(f"many {number}" for number in range(5)), "few 0", "one 0"]
    assert lists == [["many 0", "few 0", "one 0"], ["many 1", "many 2", "many 3"], ["many 4"]]


def test_who_asks_meanwhile_is_in_the_next_list() -> None:
    gate, lists = threading.Event(), []

    def work(items: list[str]) -> list[str]:
        lists.append(items)
        assert gate.wait(HANG_S)
        return items

    async def ask(pool: ThreadPoolExecutor) -> None:
        merger = Merger(work, 16, pool)
        first = asyncio.create_task(merger.ask("first"))
        while not lists:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(merger.ask(name)) for name in ("second", "third")]
        await asyncio.sleep(0.01)
        gate.set()
        assert await first == "first"
        assert await asyncio.gather(*others) == ["second", "third"]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(ask(pool))
    assert lists == [["first"], ["second", "third"]]


def test_an_error_reaches_everybody_in_the_list_and_nobody_else() -> None:
    def work(items: list[int]) -> list[int]:
        if 1 in items:
            raise ValueError("one of these")
        return items

    async def ask(pool: ThreadPoolExecutor) -> None:
        merger = Merger(work, 2, pool)
        answers = await asyncio.gather(*(merger.ask(number) for number in range(4)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["one of these", "one of these", "2", "3"]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(ask(pool))


def test_who_has_gone_stops_nobody() -> None:
    async def ask(pool: ThreadPoolExecutor) -> None:
        merger: Merger[int, int] = Merger(lambda items: items, 16, pool)
        gone, there = asyncio.create_task(merger.ask(1)), asyncio.create_task(merger.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await there == 2
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await merger.ask(3) == 3

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(ask(pool))
