"""The page Look-alike in a browser: candidates, one of them, its audience; what is said where something is missing."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import TimeoutError as Late

from penchant.choices import MIN_AUDIENCE, Scope
from penchant.dashboard.audiences.page import LookalikePages, routes
from penchant.dashboard.audiences.parts import PARTS
from penchant.dashboard.shell.pages import Answer, Asked, File, Moved, Page
from penchant.dashboard.shell.rendering import Renderer
from penchant.errors import AudienceError, MissingStepError, UnknownItemError
from penchant.evaluation.choice import Choice
from penchant.operation.served import open_served
from penchant.serving.roles.consumer import MOST_TEXT
from penchant.serving.served import Served
from tests.dashboard.browsers import PHONE, Visit, visiting
from tests.dashboard.sites import Site
from tests.helpers.lookalike_runs import (
    COLOURED,
    LINES,
    MARKUP,
    MIXED,
    ONE_SEED,
    PATH,
    POPULAR,
    SHOWN,
    copied,
    outdone,
)
from tests.serving import worlds
from tests.serving.apps import running
from tests.serving.clustered import clustered, send

SCRIPT = '<script>document.title = "taken"</script>"\'&amp;{{ 7 * 7 }}'
FORMULA = '=HYPERLINK("http://x.example","y")'
LONG = "x" * 1_000
HOSTILE = (SCRIPT, PATH, MARKUP, LINES, COLOURED, LONG, "مرحبا", "🙂")
CROWDED = "nearly everybody has clicked it"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served_anew(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worlds.trained(tmp_path_factory).folder


@pytest.fixture(scope="module")
def site(served: Served, folder: Path) -> Site:
    """Hostile users who are just like the seeds of POPULAR, hostile items, and an item with a hostile tag."""
    site = Site(served, folder)
    likes = [f"i0-{number}" for number in range(1, 12)]
    send(site.service, *((user, item, 60.0 + at) for user in (SCRIPT, FORMULA, LONG) for at, item in enumerate(likes)))
    send(site.service, *((f"u{number:03}", item, 50.0) for number in range(8) for item in HOSTILE))
    send(site.service, *((f"u{number:03}", CROWDED, 40.0) for number in range(100)))
    site.service.put_items({"i0-1": {"tags": [SCRIPT]}, "i0-2": {"tags": [SCRIPT]}, "i0-3": {"tags": [SCRIPT]}})
    clustered(site.service, [POPULAR, ONE_SEED, MIXED, SHOWN, CROWDED, "never heard of", *HOSTILE])
    return site


@pytest.fixture(scope="module")
def root(site: Site) -> Iterator[str]:
    with running(site.app) as found:
        yield found


@pytest.fixture(scope="module")
def pages(site: Site) -> LookalikePages:
    return LookalikePages(site.sources)


def asked(scope: Scope = "admin", *, htmx: bool = False, **query: str) -> Asked:
    """A name may end in _, where Python has the word itself."""
    query = {name.removesuffix("_"): said for name, said in query.items()}
    return Asked(query, {}, lambda _: [], scope, "", htmx)


def sent(**form: str) -> Asked:
    return replace(asked(), form=form)


def text(answer: Answer) -> str:
    """As a browser shows it, nearly: without tags."""
    assert isinstance(answer, Page)
    renderer = Renderer(lambda name: f"/static/{name}", {"run": "test", "live": True})
    return " ".join(re.sub(r"<[^>]*>", " ", renderer.page(answer, "admin", "")).split())


def settled(visit: Visit) -> None:
    """All parts are there, and nothing went wrong."""
    expect(visit.page.locator("[aria-busy=true]")).to_have_count(0)
    visit.page.wait_for_load_state("networkidle")
    visit.sound()
    assert not visit.overflows()


def complete(visit: Visit) -> None:
    """Settled, and everybody can use it."""
    settled(visit)
    assert not visit.violations()


@pytest.fixture(scope="module")
def beaten(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Of a run whose logistic regression is better than RALM, all of whose scores are the same."""
    run = copied(outdone(tmp_path_factory), tmp_path_factory.mktemp("beaten") / "run")
    site = Site(open_served(run.folder, clock=lambda: worlds.MADE), run.folder)
    clustered(site.service, [POPULAR])
    return site


# In a browser


@pytest.mark.parametrize("window", [None, PHONE])
def test_a_live_scorer_that_is_behind_and_scores_that_have_collapsed_are_said_in_words(
    beaten: Site, browser: Browser, window: dict[str, int] | None
) -> None:
    behind = "logistic regression is ahead of it by 0.451 ± 0.018 in AUC within items, clearly."
    with running(beaten.app) as url, visiting(browser, url, window=window) as visit:
        page = visit.go("/lookalike")
        expect(page.locator(".scored-by")).to_contain_text(behind)
        expect(page.locator(".scored-by code")).to_have_text("penchant audience RUN ITEM")
        complete(visit)
        page.get_by_role("link", name=f"Title of {POPULAR}").click()
        collapsed = "The scores have collapsed: those of seeds and of others are within 0.0025 of each other"
        expect(page.locator("#scores .problem")).to_contain_text(collapsed)
        expect(page.locator("#audience .scored-by")).to_contain_text(behind)
        complete(visit)


def test_where_the_live_scorer_won_it_is_named_and_nothing_has_collapsed(pages: LookalikePages) -> None:
    assert "made by RALM, which won on validation candidates." in text(pages.page(asked()))
    whole = text(pages.page(asked(item=POPULAR, show="all")))
    assert "made by RALM, which won" in whole
    assert "collapsed" not in whole


@pytest.mark.parametrize(("window", "dark"), [(None, False), (PHONE, True)])
def test_a_candidate_is_found_and_shows_its_seeds_clusters_scores_and_audience(
    root: str, browser: Browser, window: dict[str, int] | None, dark: bool
) -> None:
    with visiting(browser, root, window=window, dark=dark) as visit:
        page = visit.go("/lookalike?q=Title of i0")
        complete(visit)
        page.get_by_role("link", name=f"Title of {POPULAR}").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Title of {POPULAR}")
        expect(page.locator("#members tbody tr")).to_have_count(20)
        complete(visit)
        assert page.locator("canvas").count() == 3
        described = page.locator("#clusters tr[data-cluster]:not([data-cluster='0'])")
        assert page.locator("#clusters .map .centre").count() == described.count() > 0
        assert "expected to click" in page.locator("#audience").inner_text()


def test_an_item_is_opened_by_name_with_the_keyboard_alone_and_its_page_waits_for_clusters(
    served: Served, folder: Path, browser: Browser
) -> None:
    site = Site(served, folder)
    with running(site.app) as root, visiting(browser, root) as visit:
        page = visit.go("/lookalike")
        assert "No item is open yet" in page.content()
        complete(visit)
        page.get_by_label("Name or id of any item").focus()
        page.keyboard.type("title of i2-7")
        expect(page.get_by_role("button", name="Open Title of i2-7", exact=True)).to_be_visible()
        complete(visit)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/dashboard/lookalike?item=i2-7")
        expect(page.get_by_text("Its seeds are being clustered")).to_be_visible()
        complete(visit)
        clustered(site.service, [])
        expect(page.locator("#members tbody tr")).to_have_count(20)
        settled(visit)
        with pytest.raises(Late), page.expect_request("**", timeout=2_300):
            pass  # it asks no more


def test_an_audience_of_another_size_is_shown_under_its_own_address_and_downloaded(
    site: Site, root: str, browser: Browser
) -> None:
    with visiting(browser, root) as visit:
        page = visit.go(f"/lookalike?item={POPULAR}")
        expect(page.locator("#members tbody tr")).to_have_count(20)
        reachable = page.get_by_label("Size, from 50").get_attribute("max")
        assert reachable
        page.get_by_label("Size, from 50").fill(reachable)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/dashboard/lookalike?item={POPULAR}&size={reachable}#audience")
        expect(page.get_by_text(f"The first 20 of {reachable}.")).to_be_visible()
        settled(visit)
        with page.expect_download() as said:
            page.get_by_role("link", name="Download CSV").click()
        assert said.value.suggested_filename == f"audience-{POPULAR}-{reachable}.csv"
        read = pl.read_csv(said.value.path(), schema_overrides={"user": pl.String})
        members = site.service.audience(POPULAR, int(reachable)).members
        named = [f"'{user}" if user == FORMULA else user for user, _ in members]
        assert (read["rank"].to_list(), read["user"].to_list()) == (list(range(1, len(members) + 1)), named)
        assert f"'{FORMULA}" in named


def test_hostile_names_of_items_users_and_tags_stay_text(root: str, browser: Browser) -> None:
    with visiting(browser, root, window=PHONE) as visit:
        page = visit.go("/lookalike?sort=name&find=%3Cscript%3E")
        settled(visit)
        page.get_by_role("link", name=SCRIPT[:20]).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(SCRIPT)
        expect(page.locator("#clusters")).to_contain_text("small")
        settled(visit)
        visit.go(f"/lookalike?item={POPULAR}")
        expect(page.locator("#members")).to_contain_text(SCRIPT[:30])
        expect(page.locator("#members")).to_contain_text(FORMULA)
        expect(page.locator("#clusters")).to_contain_text(SCRIPT[:30])
        complete(visit)
        assert page.title().startswith("Title of")
        link = page.locator("#members").get_by_role("link", name=SCRIPT[:20]).get_attribute("href")
        assert link
        assert re.fullmatch(r"/dashboard/users\?user=[\w.%+-]+", link)


def test_a_key_that_reads_sees_no_names_and_opens_nothing(served: Served, folder: Path, browser: Browser) -> None:
    site = Site(served, folder, open_to_all=False)
    clustered(site.service, [POPULAR])
    key = site.key("read")["Authorization"].removeprefix("Bearer ")
    with running(site.app) as root, visiting(browser, root) as visit:
        page = visit.go("/lookalike")
        page.get_by_label("Key").fill(key)
        page.get_by_label("Key").press("Enter")
        page.wait_for_url("**/dashboard/lookalike")
        assert page.get_by_label("Name or id of any item").count() == 0
        assert "needs a key with scope admin" in page.inner_text("main")
        visit.go(f"/lookalike?item={POPULAR}")
        expect(page.locator("#audience")).to_contain_text("because an audience names people")
        complete(visit)
        assert page.locator("#members, a:has-text('Download')").count() == 0
        for path in (f"audience?item={POPULAR}&size=60&as=csv", f"part?part=members&item={POPULAR}"):
            answer = page.request.get(f"{root}/dashboard/lookalike/{path}", headers={"HX-Request": "true"})
            assert answer.status == 403
            assert "scope" in answer.text()


# Without one


def test_without_scripts_all_parts_are_there_at_once(pages: LookalikePages) -> None:
    answer = pages.page(asked(item=POPULAR, show="all", size="50"))
    said = text(answer)
    assert "This takes a moment" not in said
    assert "The first 20 of 50." in said
    assert isinstance(answer, Page)
    reads = pages.page(asked("read", item=POPULAR, show="all"))
    assert isinstance(reads, Page)
    assert [name for name in PARTS if reads.values[name]] == ["audience"]
    assert "need a key with scope" in text(reads)
    assert pages.part(asked(item="a b", part="seeds")) == Moved("/dashboard/lookalike?item=a+b&show=all")
    assert pages.items(asked(find="a b")) == Moved("/dashboard/lookalike?find=a+b")


def test_lists_are_looked_through_in_order_and_by_pages(pages: LookalikePages) -> None:
    rising = text(pages.page(asked(sort="seeds")))
    assert rising.index("never heard of") < rising.index(MIXED) < rising.index(f"Title of {POPULAR}")
    assert "no known seed" in rising
    none = text(pages.page(asked(q="no such name")))
    assert "No open candidate is called so" in none
    assert "“no such name”" in none


def test_an_id_that_is_newer_than_the_log_can_be_opened(pages: LookalikePages) -> None:
    answer = pages.items(asked(htmx=True, find="brand new"))
    assert "Open the id “brand new”" in text(answer)
    assert "is open" in text(pages.items(asked(htmx=True, find="never heard of")))
    assert "No id is as long" in text(pages.items(asked(htmx=True, find="x" * (MOST_TEXT + 1))))


def test_opening_leads_to_the_candidate(served: Served, folder: Path) -> None:
    site = Site(served, folder)
    pages = LookalikePages(site.sources)
    assert pages.open(sent(item="a&b/ü")) == Moved("/dashboard/lookalike?item=a%26b%2F%C3%BC")
    assert site.service.is_open("a&b/ü")
    said = text(pages.page(asked(item="a&b/ü")))
    assert "Neither the log nor any event since then names this item" in said
    assert "role cluster" not in said
    site.service.clock = lambda: worlds.MADE + 60
    assert "role cluster is running" in text(pages.page(asked(item="a&b/ü")))


@pytest.mark.parametrize(("item", "length"), [("", "0"), ("x" * (MOST_TEXT + 1), "1,001")])
def test_an_id_of_no_length_or_too_much_is_not_opened(
    pages: LookalikePages, site: Site, item: str, length: str
) -> None:
    answer = pages.open(sent(item=item))
    assert isinstance(answer, Page)
    assert answer.status == 422
    assert f"this one has {length}" in text(answer)
    assert not site.service.is_open(item)


def test_candidates_without_seeds_say_so(pages: LookalikePages) -> None:
    said = text(pages.page(asked(item="never heard of")))
    assert "Neither the log nor any event since then names this item" in said
    assert "Nobody has clicked this item yet" in said
    shown = text(pages.page(asked(item=SHOWN)))
    assert "Neither the log" not in shown
    assert "Nobody has clicked this item yet" in shown


def test_an_item_that_is_not_open_can_be_opened_by_who_may(pages: LookalikePages) -> None:
    answer = pages.page(asked(item="i1-1"))
    assert isinstance(answer, Page)
    assert answer.status == 404
    assert "“i1-1” is not open" in text(answer)
    assert "Open it" in text(answer)
    assert "Open it" not in text(pages.page(asked("read", item="i1-1")))
    with pytest.raises(UnknownItemError, match="'i1-1' is not open"):
        pages.part(asked(htmx=True, item="i1-1", part="seeds"))


def test_a_part_of_what_is_not_clustered_any_more_asks_to_load_the_page_again(pages: LookalikePages) -> None:
    answer = pages.part(asked(htmx=True, item="never heard of", part="clusters"))
    assert isinstance(answer, Page)
    assert answer.status == 409
    assert "load the page again" in text(answer)


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ("7", "An audience of 7 would single people out"),
        ("75", "a multiple of 50, such as 50 or 100"),
        ("99950", "only"),
        ("2000000", "only"),
        ("-3", "The first 20"),
    ],
)
def test_a_size_that_cannot_be_had_is_explained(pages: LookalikePages, size: str, why: str) -> None:
    said = text(pages.page(asked(item=POPULAR, size=size, show="all")))
    assert why in said
    assert ("Download" in said) == (size == "-3")
    part = pages.part(asked(htmx=True, item=POPULAR, part="members", size=size))
    assert ("Download" in text(part)) == (size == "-3")


def test_where_nearly_all_have_clicked_there_is_no_audience(pages: LookalikePages) -> None:
    said = text(pages.page(asked(item=CROWDED, show="all")))
    assert f"An audience has at least {MIN_AUDIENCE} members" in said
    assert "Download" not in said


def test_an_audience_that_became_too_large_meanwhile_is_explained(served: Served, folder: Path) -> None:
    site = Site(served, folder)
    clustered(site.service, [POPULAR])
    pages = LookalikePages(site.sources)
    reachable = site.service.audience(POPULAR, MIN_AUDIENCE).reachable
    asked_for = asked(item=POPULAR, size=str(MIN_AUDIENCE), show="all")
    assert f"The first 20 of {MIN_AUDIENCE}." in text(pages.page(asked_for))
    for user, _ in site.service.audience(POPULAR, MIN_AUDIENCE).members[MIN_AUDIENCE - reachable - 1 :]:
        site.service.forget(user)
    assert "Download" not in text(pages.page(asked_for))


def test_more_members_than_a_file_should_hold_are_refused(site: Site) -> None:
    pages = LookalikePages(site.sources, most=49)
    answer = pages.audience(asked(item=POPULAR, size="50", as_="csv"))
    assert "50 is too large for a file; 49 is the most" in text(answer)
    said = text(pages.page(asked(item=POPULAR, size="50", show="all")))
    assert "50 is too large for a browser" in said


def test_parquet_has_the_same_members_in_the_same_order(pages: LookalikePages, site: Site) -> None:
    answer = pages.audience(asked(item=POPULAR, size="50", as_="parquet"))
    assert isinstance(answer, File)
    read = pl.read_parquet(BytesIO(answer.content))
    assert read["user"].to_list() == [user for user, _ in site.service.audience(POPULAR, 50).members]


def test_what_cannot_be_answered_is_refused_by_name(pages: LookalikePages) -> None:
    answer = pages.audience(asked(item=POPULAR, size="60", as_="xlsx"))
    assert "not as 'xlsx'" in text(answer).replace("&#39;", "'")
    answer = pages.part(asked(htmx=True, item=POPULAR, part="weather"))
    assert "'weather' is no part" in text(answer).replace("&#39;", "'")
    with pytest.raises(AudienceError, match="audience of 7 would single people out"):
        pages.audience(asked(item=POPULAR, size="7", as_="csv"))
    with pytest.raises(UnknownItemError, match="'i1-1' is not open"):
        pages.audience(asked(item="i1-1", size="60", as_="csv"))


def test_opening_and_downloading_need_a_key_for_that(site: Site) -> None:
    needs = {(route.method, route.path): route.needs for route in routes(site.sources)}
    assert needs == {
        ("GET", "/dashboard/lookalike"): "read",
        ("GET", "/dashboard/lookalike/part"): "read",
        ("GET", "/dashboard/lookalike/items"): "admin",
        ("POST", "/dashboard/lookalike/open"): "admin",
        ("GET", "/dashboard/lookalike/audience"): "admin",
    }


def test_a_log_without_a_clock_and_a_run_without_measures_are_explained(
    served: Served, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "config.json", tmp_path)
    site = Site(replace(served, clocked=False), tmp_path)
    clustered(site.service, [POPULAR])
    pages = LookalikePages(site.sources)
    said = text(pages.page(asked(item=POPULAR, show="all")))
    assert re.search(r"The log has no clock, .* so the \d+ seeds of the log are not on it", said)
    assert "This run has measured no audience" in said
    send(site.service, ("u001", POPULAR, 60.0))
    assert "the line begins with the clicks that came in live" in text(pages.page(asked(item=POPULAR)))


def test_a_run_whose_look_alikes_cannot_be_live_says_who_makes_audiences(served: Served, folder: Path) -> None:
    offline = Choice.unmeasured(3, "alike", []).served
    site = Site(replace(served, alike=None, offline=offline), folder)
    pages = LookalikePages(site.sources)
    refused = pages.open(sent(item=POPULAR))
    assert isinstance(refused, Page)
    for said in (text(pages.page(asked())), text(refused)):
        assert "No look-alike of this run is live" in said
        assert "alike makes audiences offline: penchant audience RUN ITEM" in said
        assert "This run has no look-alike" not in said
    with pytest.raises(MissingStepError, match="No scores are live: only RALM"):
        pages.part(asked(htmx=True, item=POPULAR, part="seeds"))


def test_a_run_without_look_alike_says_how_to_get_it(served: Served, folder: Path) -> None:
    site = Site(replace(served, alike=None), folder)
    pages = LookalikePages(site.sources)
    assert "[models.ralm]" in text(pages.page(asked()))
    assert "[models.ralm]" in text(pages.page(asked(item=POPULAR)))
    answer = pages.open(sent(item=POPULAR))
    assert isinstance(answer, Page)
    assert (answer.template, answer.status) == ("lookalike_untrained", 409)
    with pytest.raises(MissingStepError, match=re.escape("add [models.ralm] to its run file")):
        pages.part(asked(htmx=True, item=POPULAR, part="seeds"))
