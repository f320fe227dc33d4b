"""A queue of who is due when: what a plain sort says, and in time that does not grow with who waits."""

from hypothesis import given
from hypothesis import strategies as st

from penchant.serving.candidates.due import SPARE, DueQueue

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcdef"), st.integers(0, 9)),
        st.tuples(st.just("drop"), st.sampled_from("abcdef"), st.just(0)),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 9)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 3))
def test_it_takes_what_a_sort_of_all_would(steps: list[tuple[str, str, int]], most: int) -> None:
    queue, plain = DueQueue(), dict[str, tuple[int, int]]()
    for order, (step, item, at) in enumerate(steps):
        if step == "put":
            queue.put(item, at)
            plain[item] = at, order
        elif step == "drop":
            queue.drop(item)
            plain.pop(item, None)
        else:
            due = sorted((place, item) for item, place in plain.items() if place[0] <= at)
            expected = [item for _, item in due[:most]]
            assert queue.take(at, most) == expected
            for taken in expected:
                del plain[taken]
        assert len(queue) == len(plain)


def test_places_that_were_given_up_do_not_pile_up() -> None:
    queue = DueQueue()
    for time in range(10_000):
        queue.put(str(time % 10), time)
    assert len(queue._heap) <= 2 * 10 + SPARE + 1
