from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.audiences.seeds import SeedSet, add

CLICKS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), max_size=40)


def after(clicks: list[tuple[int, int]], limit: int, seeds: SeedSet | None = None) -> SeedSet:
    table = np.array(clicks, np.int64).reshape(-1, 2)
    return add(seeds or SeedSet.none(), table[:, 0], table[:, 1].astype(float), limit=limit)


def told(seeds: SeedSet) -> list[tuple[int, float]]:
    return list(zip(seeds.user_S.tolist(), seeds.time_S.tolist(), strict=True))


@given(CLICKS, st.integers(1, 10))
def test_seeds_are_the_users_who_clicked_last(clicks: list[tuple[int, int]], limit: int) -> None:
    latest: dict[int, int] = {}
    for user, time in clicks:
        latest[user] = max(time, latest.get(user, time))
    order = sorted(latest.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    assert told(after(clicks, limit)) == sorted(order)


@given(CLICKS, st.integers(1, 10), st.randoms(use_true_random=False), st.integers(1, 5))
def test_late_repeated_and_reordered_clicks_lead_to_the_same_seeds(
    clicks: list[tuple[int, int]], limit: int, random: Random, batch: int
) -> None:
    arriving = clicks + random.sample(clicks, len(clicks) // 2)
    random.shuffle(arriving)
    seeds = SeedSet.none()
    for start in range(0, len(arriving), batch):
        seeds = after(arriving[start : start + batch], limit, seeds)
    assert told(seeds) == told(after(clicks, limit))


def test_of_users_who_clicked_at_the_same_time_those_with_the_lower_ids_stay() -> None:
    assert told(after([(5, 1), (2, 1), (9, 1), (7, 0)], limit=2)) == [(2, 1.0), (5, 1.0)]


def test_a_user_who_was_pushed_out_comes_back_with_a_later_click() -> None:
    pushed = after([(1, 10), (2, 20), (3, 30)], limit=2)
    assert told(pushed) == [(2, 20.0), (3, 30.0)]
    assert told(after([(1, 25)], 2, pushed)) == [(1, 25.0), (3, 30.0)]
    assert told(after([(1, 15)], 2, pushed)) == told(pushed)


def test_adding_leaves_the_seeds_that_were_there_as_they_were() -> None:
    seeds = after([(1, 10), (2, 20)], limit=5)
    after([(1, 30), (4, 40)], 5, seeds)
    assert told(seeds) == [(1, 10.0), (2, 20.0)]
