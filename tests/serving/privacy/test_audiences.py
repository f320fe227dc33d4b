"""Two audiences of one item do not tell who met it in between."""

import pytest

from penchant.choices import MIN_AUDIENCE, MIN_SEEDS
from penchant.serving.disclosure.rankings import PERIOD_S
from penchant.serving.roles.consumer import consume
from penchant.store.base import Event
from tests.helpers.lookalike_runs import FEW_SEEDS, ONE_SEED, POPULAR
from tests.serving.privacy.conftest import World


def show(world: World, item: str, *users: str) -> None:
    service = world.house.service
    events = [Event(user, item, world.house.now - 1, False, f"shown {item}") for user in users]
    assert not service.append([events])[0].refused
    consume(service.store, service.models.alike, "one", 1_000, service.clock)


@pytest.mark.parametrize("size", [51, 75, 49, 1])
def test_two_sizes_differ_by_fifty_users_or_more(world: World, size: int) -> None:
    answer = world.admin.ask(f"/v1/candidates/{POPULAR}/audience?size={size}")
    assert (answer.status, answer.code) == (422, "invalid")


@pytest.mark.parametrize("item", [ONE_SEED, FEW_SEEDS])
def test_an_item_of_few_seeds_has_no_audience(world: World, item: str) -> None:
    answer = world.admin.ask(f"/v1/candidates/{item.replace(' ', '%20')}/audience?size=50")
    assert (answer.status, answer.code) == (409, "no_audience")
    assert "at least 10" in answer.said["error"]["message"]


def test_neither_a_showing_nor_a_click_takes_one_user_out_of_an_audience(world: World) -> None:
    before = world.admin.audience(POPULAR)
    show(world, POPULAR, before[3])
    world.house.click(POPULAR, before[5])
    assert world.admin.audience(POPULAR) == before
    world.house.now += PERIOD_S
    assert world.admin.audience(POPULAR) == before, "two users are fewer than ten"


def test_after_an_hour_and_ten_changes_all_are_ranked_anew(world: World) -> None:
    before = world.admin.audience(POPULAR)
    met = before[:MIN_SEEDS]
    show(world, POPULAR, *met)
    assert world.admin.audience(POPULAR) == before
    world.house.now += PERIOD_S
    after = world.admin.audience(POPULAR)
    assert not set(met) & set(after)
    assert len(set(after)) == MIN_AUDIENCE


def test_opening_an_item_again_does_not_rank_anew(world: World) -> None:
    before = world.admin.audience(POPULAR)
    show(world, POPULAR, before[3])
    assert world.admin.ask(f"/v1/candidates/{POPULAR}", "DELETE").status == 204
    assert world.admin.ask(f"/v1/candidates/{POPULAR}", "PUT").status == 204
    world.house.click("i0-3", "somebody")
    world.house.settled()
    answer = world.admin.ask(f"/v1/candidates/{POPULAR}/audience?size=50")
    assert answer.status == 409 or [one["user"] for one in answer.said["members"]] == before


def test_a_user_who_is_forgotten_is_out_of_audiences_at_once(world: World) -> None:
    before = world.admin.audience(POPULAR)
    world.house.service.forget(before[0])
    after = world.admin.audience(POPULAR)
    assert after[:-1] == before[1:]
    assert after[-1] not in before
