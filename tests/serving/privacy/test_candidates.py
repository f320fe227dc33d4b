"""Who clicked an item cannot be found with a key that only reads; with a key for everything the same attack finds them,
as it found them with any key before."""

import re

import pytest

from penchant.choices import MIN_SEEDS
from penchant.serving.disclosure.omitted import Omitted
from penchant.serving.service import Service
from penchant.store.base import Event, Seeds
from tests.helpers.lookalike_runs import FEW_SEEDS, ONE_SEED, POPULAR
from tests.helpers.processes import until
from tests.serving.privacy.attacker import risen
from tests.serving.privacy.conftest import World
from tests.serving.worlds import MADE

ALL_NULL = {"seeds": None, "sizes": None, "drift": None, "clustered": None, "fresh": None, "few": True}


def test_the_only_seed_has_the_highest_score_with_an_admin_key_and_none_with_one_that_reads(world: World) -> None:
    (seed,) = world.house.seeds(ONE_SEED)
    users = world.house.users()
    scores = world.admin.scores(users, ONE_SEED)
    assert scores[seed] == pytest.approx(max(scores.values()), abs=1e-6), "others may have the same but for rounding"
    assert scores[seed] > 0.9999
    assert min(scores.values()) < 0.99
    assert world.read.likest(users, ONE_SEED) is None


@pytest.mark.parametrize(("item", "seeds"), [(ONE_SEED, 1), (FEW_SEEDS, 3), ("of nobody yet", 0)])
def test_nothing_is_told_of_a_candidate_of_few_seeds(world: World, item: str, seeds: int) -> None:
    assert world.admin.candidate(item)["seeds"] == seeds
    assert not world.admin.candidate(item)["few"]
    told = world.read.candidate(item)
    assert ALL_NULL.items() <= told.items()
    listed = world.read.ask("/v1/candidates").said["candidates"]
    assert {one["item"]: one for one in listed}[item] == told
    everything = world.read.ask("/v1/lookalike/score", "POST", {"users": ["u000", "u001"]}).said
    assert {one["item"] for user in everything["users"] for one in user["scores"]} == {POPULAR}


def test_one_click_changes_nothing_that_is_told_of_its_item(world: World) -> None:
    users, target = world.house.users(), "clicker"
    world.house.click("i0-3", target)
    before = world.read.candidate(POPULAR), world.read.scores(users, POPULAR)
    whole = world.admin.candidate(POPULAR), world.admin.scores(users, POPULAR)
    world.house.click(POPULAR, target)
    assert world.admin.candidate(POPULAR)["seeds"] == whole[0]["seeds"] + 1
    assert risen(whole[1], world.admin.scores(users, POPULAR))
    assert (world.read.candidate(POPULAR), world.read.scores(users, POPULAR)) == before


def test_new_seeds_are_told_together_and_of_the_ten_who_rise_most_few_are_among_them(world: World) -> None:
    """Chance finds one in eleven of them: ten of those hundred and ten who are no seeds."""
    users, strangers = world.house.users(), sorted(set(world.house.users()) - world.house.seeds(POPULAR))
    new = [user for user in strangers if re.fullmatch(r"u\d+", user)][: 2 * MIN_SEEDS : 2]
    before, told = world.read.scores(users, POPULAR), world.read.candidate(POPULAR)
    for user in new[:-1]:
        world.house.click(POPULAR, user)
        assert world.read.candidate(POPULAR) == told
    world.house.click(POPULAR, new[-1])
    assert world.read.candidate(POPULAR)["seeds"] == told["seeds"] + MIN_SEEDS
    still = [user for user in strangers if user not in new]
    changed = risen({user: before[user] for user in still}, world.read.scores(still, POPULAR))
    assert len(changed) > len(still) / 2, "the lot changes the scores of others, not of its own users alone"


def test_the_first_seeds_are_told_once_there_are_ten_and_then_as_a_key_for_everything_sees_them(world: World) -> None:
    item, fans = "of nobody yet", [f"u{number:03}" for number in range(MIN_SEEDS)]
    world.house.click(item, *fans[:-1])
    assert world.read.candidate(item)["few"]
    world.house.click(item, fans[-1])
    whole, told = world.admin.candidate(item), world.read.candidate(item)
    assert (told["seeds"], told["sizes"], told["few"]) == (MIN_SEEDS, whole["sizes"], False)
    assert world.read.scores(fans, item) == world.admin.scores(fans, item)


def test_the_latest_click_on_an_item_is_told_to_the_day(world: World) -> None:
    """Else one question for all profiles would find whose latest click was at that moment."""
    users = [f"u{number:03}" for number in range(MIN_SEEDS)]
    world.house.click("of nobody yet", *users)
    latest = world.read.ask(f"/v1/users/{users[0]}/profile").said["latest"]
    assert world.admin.candidate("of nobody yet")["fresh"] in (latest, MADE)
    assert world.read.candidate("of nobody yet")["fresh"] == MADE // 86_400 * 86_400


def test_another_process_tells_the_same(world: World) -> None:
    world.house.click(POPULAR, "somebody", "somebody else")
    other = Service(world.house.store, world.house.service.view.served, lambda: MADE)
    told, whole = other.candidate(POPULAR, "read"), other.candidate(POPULAR, "admin")
    assert told.seeds == world.read.candidate(POPULAR)["seeds"]
    assert (whole.seeds or 0) - (told.seeds or 0) == 2


def test_a_seed_who_is_forgotten_is_out_of_what_is_told_at_once_with_the_next_clustering(world: World) -> None:
    seed = sorted(world.house.seeds(POPULAR))[0]
    before = world.read.candidate(POPULAR)["seeds"]
    world.house.service.forget(seed)
    world.house.now += 2e9
    until(world.house.settled)
    assert world.read.candidate(POPULAR)["seeds"] == before - 1


def test_nothing_is_counted_by_item(world: World) -> None:
    world.house.click(POPULAR, "somebody")
    metrics = world.read.ask("/metrics").content.decode()
    assert POPULAR not in metrics
    assert ONE_SEED not in metrics


def test_what_few_clicked_is_recalled_to_those_who_did(world: World) -> None:
    """With a key for everything it is left out for one user alone."""
    service, users = world.house.service, [f"u{number:03}" for number in range(0, 40, 4)]
    service.put_items({"secret": {"tags": ["t0-0", "t1-0", "t2-0", "t3-0"]}})
    service.append([[Event(users[3], "secret", MADE - 5, True, "once")]])
    assert world.admin.without(users, "secret") - {users[3]} != set(users) - {users[3]}
    assert users[3] in world.admin.without(users, "secret")
    assert users[3] not in world.read.without(users, "secret")


def test_what_many_clicked_is_left_out_for_them(world: World) -> None:
    seed = sorted(world.house.seeds(POPULAR))[0]
    assert POPULAR not in world.read.recalled(seed)
    assert ONE_SEED not in world.read.recalled(seed), "nor is a candidate of one seed recalled as a look-alike"


@pytest.mark.parametrize("item", ["of nobody yet", ONE_SEED, FEW_SEEDS])
def test_what_is_looked_up_to_recall_items_does_not_depend_on_who_clicked_them(
    world: World, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look-up takes time, which can be measured from outside."""
    store, users = world.house.store, world.house.service.view.users
    looked_up, seeds = list[str](), store.seeds

    def noted(item: str, most: int) -> Seeds:
        looked_up.append(item)
        return seeds(item, most)

    monkeypatch.setattr(store, "seeds", noted)
    clicks = [(MADE, item), (MADE, "another")], [(MADE, "another")]
    assert [item in Omitted(store, users, of_one, "read") for of_one in clicks] == [False, False]
    assert looked_up == [item, item]
