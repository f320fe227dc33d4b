"""The table of open candidates: found by a text, in an order, a page at a time."""

from penchant.dashboard.audiences.candidates import PER_PAGE, Order, listed
from penchant.serving.candidates.openings import CandidateState


def state(item: str, name: str = "", *, seeds: int | None = 1, opened: float = 0.0) -> CandidateState:
    return CandidateState(item, name or item, opened, seeds, [1] * (seeds or 0), None, None, None)


def test_candidates_are_listed_by_a_column_and_those_without_a_value_come_last() -> None:
    states = [state("c", seeds=2), state("a", seeds=None), state("b", seeds=2), state("d", seeds=5)]
    assert [one.item for one in listed(states).rows] == ["d", "b", "c", "a"]
    assert [one.item for one in listed(states, order=Order.of("seeds")).rows] == ["b", "c", "d", "a"]
    assert [one.item for one in listed(states, order=Order.of("name")).rows] == ["a", "b", "c", "d"]


def test_candidates_are_found_by_name_or_id_in_any_case() -> None:
    states = [state("77", "Die Straße"), state("x77y"), state("8", "Jazz")]
    assert [one.item for one in listed(states, query=" STRASSE ").rows] == ["77"]
    found = listed(states, query="77")
    assert ([one.item for one in found.rows], found.found, found.open) == (["77", "x77y"], 2, 3)


def test_a_page_beyond_the_last_is_the_last() -> None:
    states = [state(f"{number:03}") for number in range(PER_PAGE + 1)]
    found = listed(states, order=Order.of("name"), page=9)
    assert ([one.item for one in found.rows], found.page, found.pages) == ([f"{PER_PAGE:03}"], 2, 2)
    assert (listed([], page=3).page, listed([]).pages) == (1, 1)


def test_a_second_click_on_a_head_turns_the_order() -> None:
    assert str(Order.of("-seeds").next_by("seeds")) == "seeds"
    assert str(Order.of("-seeds").next_by("name")) == "name"
    assert str(Order.of("name").next_by("opened")) == "-opened"
