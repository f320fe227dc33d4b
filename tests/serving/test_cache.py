"""The cache of what takes long to work out."""

from functools import partial

from penchant.serving.cache import Cache


def test_what_is_kept_is_worked_out_once_and_the_least_wanted_goes_first() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return -number

    cache: Cache[int] = Cache(2)
    assert [cache.of(number, partial(make, number)) for number in (1, 2, 1, 3, 1, 2)] == [-1, -2, -1, -3, -1, -2]
    assert made == [1, 2, 3, 2]
    assert (cache.get(1), cache.get(3)) == (-1, None)
