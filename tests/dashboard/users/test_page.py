"""The page Users in a browser: finding users, their profiles and why, and what is said where something is missing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from pathlib import Path
from re import findall
from urllib.parse import parse_qs, quote, urlsplit

import polars as pl
import pytest
from playwright.sync_api import Browser, expect

from penchant.dashboard.shell.pages import Asked, Moved, Page
from penchant.dashboard.shell.rendering import Renderer
from penchant.dashboard.shell.static_files import Assets
from penchant.dashboard.shell.words import short
from penchant.dashboard.users.page import UsersPage
from penchant.features.vocabulary import Vocabulary
from penchant.files import remove
from penchant.operation.pages import add_dashboard
from penchant.profiles.atlas import Atlas
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.dashboard.browsers import PHONE, Visit, visiting
from tests.dashboard.sites import Site
from tests.dashboard.tagged import Background, atlas
from tests.helpers.lookalike_runs import POPULAR
from tests.serving import worlds
from tests.serving.apps import running
from tests.serving.worlds import MADE

USER, CLICKS = "u001", 26
SCRIPT = '<script>document.title = "taken"</script>'
QUOTES = "\"'&=#?/%+ &amp; {{ 7 * 7 }}"
LINES, LONG, ARABIC = "two\nlines", "x" * 1_000, "مرحبا بالعالم"
HOSTILE = (SCRIPT, QUOTES, LINES, LONG, ARABIC)
TAGS = ["t0-0", "t1-1", "T2-2", *HOSTILE]
FANS: Mapping[str, Mapping[str, float]] = {
    "t1-1": {USER: 1.5, "u004": 0.5, "u007": -0.25},
    SCRIPT: dict.fromkeys(HOSTILE, 1.0),
}
USERS = {"t0-0": 9, "t1-1": 3, SCRIPT: len(HOSTILE)}


class UserSite(Site):
    """A dashboard over an atlas that a test decides on."""

    def __init__(self, served: Served, folder: Path, background: Background) -> None:
        self._background = background
        super().__init__(served, folder)

    def more(self, keys: Keys | None) -> Callable[[Routes], object]:
        super().more(keys)
        self.sources = replace(self.sources, atlas=self._background)
        return partial(add_dashboard, sources=self.sources, keys=keys)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    clicks = {tag: [9 - number, number] for number, tag in enumerate(TAGS)}
    folder = tmp_path_factory.mktemp("users") / "atlas"
    return atlas(folder, clicks=clicks, all_clicks=[90, 90], places={}, fans=FANS, users=USERS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worlds.trained(tmp_path_factory).folder


@pytest.fixture(scope="module")
def site(served: Served, folder: Path, known: Atlas) -> UserSite:
    """Hostile users have clicked hostile items; heavy clicked a hundred and twenty."""
    site = UserSite(served, folder, Background(known))
    site.open([POPULAR])
    tagged = {"an item with such tags": {"tags": list(HOSTILE)}}
    site.service.put_items(tagged)
    items = [*HOSTILE, *tagged, POPULAR, "i1-1"]
    events = [Event(user, item, MADE + at, True, f"{at}") for user in HOSTILE for at, item in enumerate(items)]
    events += [Event("heavy", f"item {at}", MADE + at, True, f"{at}") for at in range(120)]
    assert not site.service.append([events])[0].refused
    return site


@pytest.fixture(scope="module")
def root(site: UserSite) -> Iterator[str]:
    with running(site.app) as found:
        yield found


def sound(visit: Visit) -> None:
    visit.sound()
    assert not visit.violations()
    assert not visit.overflows()


# In a browser


@pytest.mark.parametrize(("window", "dark"), [(None, False), (None, True), (PHONE, False)])
def test_a_user_has_interests_reasons_a_course_attention_and_clicks(
    root: str, browser: Browser, window: dict[str, int] | None, dark: bool
) -> None:
    with visiting(browser, root, window=window, dark=dark) as visit:
        page = visit.go(f"/users?user={USER}")
        assert page.get_by_role("heading", level=1).inner_text() == f"User {USER}"
        titles = page.get_by_role("heading", level=2).all_inner_texts()
        assert [title.split()[0] for title in titles] == ["Interests", "Why", "How", "What", "What", "What"]
        assert page.locator("#over-time canvas").count() == 1
        assert page.locator("#interests .tags a[aria-current]").count() == 1
        assert page.locator("table.heads").count() == 2
        assert page.locator("ul.clicked li").count() == CLICKS
        assert page.locator("ol.next li").count() == 10
        sound(visit)


def test_somebody_is_found_by_what_they_are_interested_in_with_the_keyboard_alone(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/users")
        sound(visit)
        page.get_by_label("Interest (a tag)").focus()
        page.keyboard.type("t1")
        page.wait_for_selector("#tags-found option", state="attached")
        assert page.locator("#tags-found option").evaluate_all("all => all.map(one => one.value)") == ["t1-1"]
        page.keyboard.type("-1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/dashboard/users?tag=t1-1")
        assert page.locator("ol.people a.id").all_inner_texts() == [USER, "u004", "u007"]
        sound(visit)
        page.get_by_role("button", name="Who is interested").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "why?"
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/dashboard/users?user={USER}&why=t1-1#why")
        assert page.locator("#why h2").inner_text() == "Why t1-1?"
        assert "number" in page.locator("#why p").first.inner_text()


def test_somebody_is_found_by_id_and_each_of_their_tags_says_why(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/users")
        page.get_by_label("User id").fill(USER)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/dashboard/users?user={USER}")
        chosen = page.locator("#interests .tags a").nth(2)
        tag = chosen.inner_text()
        chosen.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/dashboard/users?user={USER}&why={quote(tag)}#why")
        said = page.locator("#why").inner_text()
        assert f"Why {tag}?" in said
        assert page.locator("#interests .tags a[aria-current]").inner_text() == tag
        url = page.url
        with visiting(browser, root) as other:
            other.page.goto(url)
            assert other.page.locator("#why").inner_text() == said


@pytest.mark.parametrize("user", [SCRIPT, LONG])
def test_hostile_names_stay_text_and_their_links_lead_to_them(root: str, browser: Browser, user: str) -> None:
    with visiting(browser, root, window=PHONE) as visit:
        page = visit.go(f"/users?tag={quote(SCRIPT, safe='')}")
        assert not visit.overflows()
        page.locator("ol.people a.id").nth(HOSTILE.index(user)).click()
        page.wait_for_load_state("networkidle")
        assert page.get_by_label("User id").input_value() == user
        assert page.locator("h1").inner_text() == f"User {short(user, 80)}"
        assert page.title().startswith("User ")
        assert page.locator("main script").count() == 0
        sound(visit)


def test_older_clicks_are_a_page_further_and_an_open_candidate_is_a_link(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/users?user=heavy")
        page.get_by_role("link", name="Older clicks").click()
        page.wait_for_url("**/dashboard/users?user=heavy&older=50#clicks")
        assert page.locator("ul.clicked li").first.inner_text().split("\n")[1] == "item 69"
        page.get_by_role("link", name="Older clicks").click()
        page.wait_for_url("**older=100#clicks")
        expect(page.get_by_role("link", name="Older clicks")).to_have_count(0)
        page.get_by_role("link", name="Latest clicks").click()
        page.wait_for_url("**/dashboard/users?user=heavy#clicks")
        page = visit.go(f"/users?user={quote(ARABIC)}")
        href = page.get_by_role("link", name="Title of i0-0").first.get_attribute("href")
        assert href == f"/dashboard/lookalike?item={POPULAR}"
        visit.sound()


# What is said where something is missing


@dataclass
class Desk:
    """Pages as text, without a browser."""

    site: UserSite
    renderer: Renderer

    def page(self, **query: str) -> str:
        answer = UsersPage(self.site.sources).answer(asked(**query))
        assert isinstance(answer, Page)
        return " ".join(self.renderer.page(answer, "admin", "").split())


def asked(**query: str) -> Asked:
    return Asked(query, {}, lambda name: [query[name]] if name in query else [], "admin", "", False)


@pytest.fixture
def desk(site: UserSite) -> Desk:
    return Desk(site, Renderer(Assets().url, {"run": "run", "live": True}))


def without_tags(desk: Desk, served: Served) -> Desk:
    service = Service(MemoryStore(), replace(served, profiles={}), lambda: MADE)
    return on(desk, Background(None), service)


def on(desk: Desk, background: Background, service: Service | None = None) -> Desk:
    """The same pages over another atlas and service."""
    found = UserSite.__new__(UserSite)
    found.sources = replace(desk.site.sources, atlas=background, service=service or desk.site.service)
    return Desk(found, desk.renderer)


def test_links_lead_to_whatever_somebody_is_called(desk: Desk) -> None:
    said = desk.page(tag=SCRIPT)
    assert SCRIPT not in said
    found = [parse_qs(urlsplit(unescape(url)).query) for url in findall('href="([^"]*)"', said) if "user=" in url]
    assert [one["user"] for one in found] == [[user] for user in HOSTILE for _ in ("the page", "why")]
    assert [one["why"] for one in found[1::2]] == [[SCRIPT]] * len(HOSTILE)
    for user in HOSTILE:
        said = desk.page(user=user)
        assert SCRIPT not in said
        assert "Clicks 1 to 8 of 8" in said
        why = [parse_qs(urlsplit(unescape(url)).query) for url in findall('href="([^"]*)"', said) if "why=" in url]
        assert {one["user"][0] for one in why} == {user}


def test_the_order_of_tags_is_a_plain_link_that_reasons_and_older_clicks_keep(desk: Desk) -> None:
    said = desk.page(user=USER)
    assert "Sorted by <strong>lift</strong>" in said
    urls = [unescape(url) for url in findall('href="([^"]*)"', said)]
    (other,) = [url for url in urls if url.endswith("&by=preference#interests")]
    query = {key: values[0] for key, values in parse_qs(urlsplit(other).query).items()}
    assert query == {"user": USER, "by": "preference"}
    there = desk.page(**query)
    assert "<strong>preference</strong>" in there
    why = [unescape(url) for url in findall('href="([^"]*)"', there) if "why=" in url]
    assert why
    assert all("by=preference" in url or "&by=lift#interests" in url for url in why)
    assert desk.page(user=USER, by="anything else") == said


def test_hostile_tags_stay_text_in_profile_reasons_and_clicks(desk: Desk, served: Served) -> None:
    known = served.interests().names[served.interests().label]
    called = Vocabulary(pl.Series([*HOSTILE, *known.values[len(HOSTILE) :]]), pl.Series(known.counts))
    model = replace(served.interests(), names={**served.interests().names, served.interests().label: called})
    service = Service(
        MemoryStore(),
        replace(
            served,
            profiles={"tags": model},
            item_tags={"tags": {item: list(HOSTILE) for item in served.item_tags["tags"]}},
        ),
        lambda: MADE,
    )
    said = on(desk, Background(None), service).page(user=USER, why=SCRIPT)
    assert SCRIPT not in said
    assert "Why <bdi>&lt;script&gt;" in said
    urls = [urlsplit(unescape(url)) for url in findall('href="([^"]*)"', said)]
    why = {one for url in urls for one in parse_qs(url.query).get("why", [])}
    tags = {one for url in urls if url.path == "/dashboard/tags" for one in parse_qs(url.query).get("tag", [])}
    assert why >= set(HOSTILE)
    assert tags >= set(HOSTILE)


def test_to_begin_with_there_are_users_and_the_tags_that_most_hold(desk: Desk) -> None:
    said = desk.page()
    assert "What most users are interested in" in said
    assert said.index("tag=t0-0") < said.index("tag=%3Cscript") < said.index("tag=t1-1")
    assert "tag=T2-2" not in said
    assert said.count('href="/dashboard/users?user=') == 3


def test_a_key_that_reads_is_given_no_list_of_users(desk: Desk) -> None:
    pages = UsersPage(desk.site.sources)
    refused = pages.answer(replace(asked(tag="t1-1"), scope="read"))
    assert isinstance(refused, Page)
    assert (refused.template, refused.status) == ("problem", 403)
    begin, never = (pages.answer(replace(asked(**query), scope="read")) for query in ({}, {"user": "never heard of"}))
    for page in (begin, never):
        assert isinstance(page, Page)
        said = desk.renderer.page(page, "read", "")
        assert "Who is interested</button>" not in said
        assert not findall("users[?]user=(?!never)", said)
        assert "users?tag=" not in said


def test_while_the_atlas_is_made_the_page_says_so_and_users_are_found(desk: Desk) -> None:
    making = on(desk, Background(None))
    assert "The index of tags is being made" in making.page()
    assert "The index of tags is being made" in making.page(tag="t0-0")
    assert f"User <bdi>{USER}</bdi>" in making.page(user=USER)
    assert "no disk &lt;left&gt;" in on(desk, Background(None, "no disk <left>")).page()


def test_without_profiles_tags_are_counted_by_clicks(desk: Desk, tmp_path: Path) -> None:
    bare = atlas(tmp_path / "bare", clicks={"t0-0": [1], "t1-1": [5]}, all_clicks=[6], places={})
    told = on(desk, Background(bare))
    said = told.page()
    assert "What was clicked most" in said
    assert said.index("tag=t1-1") < said.index("tag=t0-0")
    assert "Nobody has a profile yet" in told.page(tag="t0-0")
    assert f"penchant profiles {desk.site.sources.folder}" in said


def test_a_tag_that_nobody_holds_or_nobody_knows_leads_on(desk: Desk) -> None:
    assert "Nobody has this tag in their profile" in desk.page(tag="T2-2")
    said = desk.page(tag="t1")
    assert "No tag is called so" in said
    assert "tag=t1-1" in said
    assert "begin with the tags that most users hold" in desk.page(tag="no such thing")
    answer = UsersPage(desk.site.sources).answer(asked(tag="t2-2"))
    assert answer == Moved("/dashboard/users?tag=T2-2")


def test_an_atlas_that_was_taken_away_is_about_nobody(desk: Desk, tmp_path: Path) -> None:
    one = atlas(tmp_path / "gone", clicks={"a": [1]}, all_clicks=[1], places={}, fans={"a": {"x": 1.0}}, users={"a": 1})
    remove(tmp_path / "gone")
    assert "Nobody has this tag" in on(desk, Background(one)).page(tag="a")


def test_a_user_of_whom_nothing_is_known_is_told_apart_from_others(desk: Desk) -> None:
    said = desk.page(user="nobody")
    assert "Nothing is known of this user, so these are the interests of users on average" in said
    assert "Capitals matter, and an id has to be written exactly as in the log, such as <a href=" in said
    assert "What was clicked" not in said
    assert "How it changed" not in said
    desk.site.service.append([[Event("looker", POPULAR, MADE, False, "a")]])
    assert "was shown items, but has not clicked any yet" in desk.page(user="looker")
    desk.site.service.append([[Event("odd", "nobody knows it", MADE, True, "a")]])
    assert "Nothing this user clicked is known to the model" in desk.page(user="odd")


def test_a_tag_that_the_model_does_not_know_is_said_and_the_best_one_explained(desk: Desk) -> None:
    said = desk.page(user=USER, why="<polka>")
    assert "No tag of this model is called “<bdi>&lt;polka&gt;</bdi>”" in said
    assert "No tag of this model" not in desk.page(user=USER)


def test_without_a_tag_model_clicks_are_shown_and_what_to_do_is_said(desk: Desk, served: Served) -> None:
    bare = without_tags(desk, served)
    said = bare.page(user=USER)
    assert f"penchant train {desk.site.sources.folder}" in said
    assert "What was clicked" in said
    assert "Interests" not in said
    assert "No tag model" in bare.page()
    assert "No tag model" in bare.page(tag="t0-0")


def test_a_log_without_a_clock_numbers_its_clicks(desk: Desk, served: Served, folder: Path, known: Atlas) -> None:
    pages = UsersPage(UserSite(replace(served, clocked=False), folder, Background(known)).sources)
    answer = pages.answer(asked(user=USER))
    assert isinstance(answer, Page)
    said = " ".join(desk.renderer.page(answer, "admin", "").split())
    assert "the log has no clock, so clicks are numbered" in said
    assert f'<span class="when">{CLICKS}</span>' in said
    assert "after so many clicks" in said


@pytest.mark.parametrize("older", ["-1", "x", "9" * 30, "1e3", "٣"])
def test_a_number_of_clicks_that_is_none_is_nought(desk: Desk, older: str) -> None:
    assert f"Clicks 1 to {CLICKS} of {CLICKS}" in desk.page(user=USER, older=older)


def test_clicks_beyond_the_first_are_none(desk: Desk) -> None:
    assert "There are no clicks before these" in desk.page(user=USER, older="500")


def test_suggestions_are_tags_that_contain_what_is_typed(desk: Desk) -> None:
    def suggested(text: str) -> str:
        answer = UsersPage(desk.site.sources).suggest(asked(tag=text))
        assert isinstance(answer, Page)
        return desk.renderer.page(answer, "admin", "").strip()

    assert suggested("t2") == '<option value="T2-2"></option>'
    assert suggested("<SCR") == f'<option value="{SCRIPT}"></option>'.replace(
        SCRIPT, "&lt;script&gt;document.title = &#34;taken&#34;&lt;/script&gt;"
    )
    assert suggested("") == ""
