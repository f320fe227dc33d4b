"""What pages and explanations show of users, by the scope of the key: those who may not see people see none."""

import re
from urllib.parse import quote

import pytest

from penchant.choices import Scope
from tests.dashboard.shell.test_access import logged_in
from tests.helpers.lookalike_runs import ONE_SEED, POPULAR
from tests.serving.apps import ask
from tests.serving.privacy.conftest import World

USER = "u004"
PAGES = (
    "/dashboard/users",
    "/dashboard/users?user=nobody+at+all",
    "/dashboard/tags?tag=t0-0",
    "/dashboard/lookalike",
    f"/dashboard/lookalike?item={POPULAR}&show=all",
    f"/dashboard/lookalike?item={quote(ONE_SEED)}&show=all",
    "/dashboard/system",
    "/dashboard/quality",
)
HIDDEN = (
    "/dashboard/users?tag=t0-0",
    *(f"/dashboard/lookalike/part?part={part}&item={POPULAR}" for part in ("seeds", "clusters", "scores", "members")),
    f"/dashboard/lookalike/audience?item={POPULAR}&size=50&as=csv",
)


def titles(text: str) -> set[str]:
    return set(re.findall(r"i\d-\d+", text))


def page(world: World, path: str, scope: Scope) -> tuple[int, str]:
    """Status and text, as a browser that has logged in gets them."""
    attacker = world.attacker(scope)
    session = logged_in(attacker.url, attacker.key["Authorization"].removeprefix("Bearer "))
    headers = {"HX-Request": "true"} if "/part" in path or "/items" in path else {}
    reply = ask(attacker.url, "GET", path, None, {**session, **headers})
    return reply.status, reply.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_names_a_user_to_a_key_that_reads(world: World, path: str) -> None:
    status, said = page(world, path, "read")
    assert status == 200
    assert not re.search(r"user=u\d", said)
    assert not set(world.house.users()) & set(re.findall(r"[\w-]+", said))


@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_worked_out_of_single_users_says_which_scope_shows_it(world: World, path: str) -> None:
    status, said = page(world, path, "read")
    assert status == 403
    assert "admin" in said
    assert page(world, path, "admin")[0] == 200


def test_the_number_of_seeds_of_a_rare_item_is_not_shown(world: World) -> None:
    said = page(world, f"/dashboard/lookalike?item={quote(ONE_SEED)}", "read")[1]
    assert "Too few seeds to tell of" in said
    assert "too few seeds to tell of" in page(world, "/dashboard/lookalike", "read")[1]
    found = f"/dashboard/lookalike/items?find={quote(ONE_SEED)}"
    assert "seed in the log" in page(world, found, "admin")[1]
    assert page(world, found, "read")[0] == 403
    listed = page(world, f"/dashboard/lookalike?find={quote(ONE_SEED)}", "read")[1]
    assert "in the log" not in listed, "nor does their order tell which items have most seeds"
    assert listed.count(ONE_SEED) == page(world, "/dashboard/lookalike", "read")[1].count(ONE_SEED)


def test_single_clicks_of_a_user_are_for_keys_that_see_people(world: World) -> None:
    whole, told = (page(world, f"/dashboard/users?user={USER}", scope)[1] for scope in ("admin", "read"))
    assert "What was clicked" in whole
    assert "What was clicked" not in told
    assert "one by one, needs a key with scope" in told
    shown = set(world.read.recalled(USER))
    assert titles(whole) - shown
    assert titles(told) <= shown, "only what would be shown next"


def test_when_the_latest_seed_of_all_came_is_for_keys_that_see_people(world: World) -> None:
    whole, told = (page(world, "/dashboard/system", scope)[1] for scope in ("admin", "read"))
    assert "Newest seed" in whole
    assert "Newest seed" not in told


def test_an_explanation_names_no_item_to_a_key_that_reads(world: World) -> None:
    whole, told = (attacker.ask(f"/v1/users/{USER}/explain").said for attacker in (world.admin, world.read))
    assert any(value.startswith("item: ") for one in whole["alone"] for value in one["values"])
    assert "item: " not in str(told)
    assert told["alone"]
    assert told["preference"] == whole["preference"]
    assert [one["effect"] for one in told["paths"]] == [one["effect"] for one in whole["paths"]]
