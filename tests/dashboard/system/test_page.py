"""The page System in a browser: its numbers and charts move while events arrive, and it says what is wrong."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from penchant.store.base import Poison
from penchant.store.sqlite.store import SqliteStore
from tests.dashboard.browsers import PHONE, Visit, visiting
from tests.dashboard.sites import Site
from tests.serving.apps import ask, running
from tests.serving.worlds import MADE, served, trained

SCRIPT = '<script>alert("x")</script>'
EVENTS = [{"user": "anna", "item": f"i0-{number}", "time": MADE - 60.0} for number in range(40)]
NOT_SENSE = {"user": "anna", "item": "i0-0", "time": -1.0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder)
    site.open(["i0-0"])
    return site


@pytest.fixture(scope="module")
def root(site: Site) -> Iterator[str]:
    with running(site.app) as found:
        yield found


def tile(page: Page, name: str) -> str:
    """What a tile says."""
    return page.locator(".tile", has_text=name).locator("dd").inner_text()


def sound(visit: Visit) -> None:
    visit.sound()
    assert not visit.violations()
    assert not visit.overflows()


def test_numbers_and_charts_move_when_events_arrive(site: Site, root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/system")
        status = page.get_by_role("status")
        assert "All is well" in status.inner_text()
        assert tile(page, "Events waiting").startswith("0")
        page.evaluate("window.notReloaded = document.querySelector('[role=status]')")
        page.wait_for_selector("#system-events canvas")
        assert page.evaluate("drawn.size") == 6
        ask(root, "POST", "/v1/events", EVENTS)
        ask(root, "POST", "/v1/events", [*EVENTS, NOT_SENSE])
        ask(root, "GET", "/v1/users/anna/profile")
        expect(page.locator(".tile", has_text="Events waiting")).to_contain_text("40")
        expect(status).to_contain_text("events are refused")
        assert page.evaluate("notReloaded.isConnected"), "or it would be read out again and again"
        expect(page.locator("#system-lag")).to_have_attribute("data-chart", re.compile(r",40\]"))
        lag = page.evaluate("JSON.parse(document.querySelector('#system-lag').dataset.chart).series[0].points")
        assert lag[0][1] == 0
        assert lag[-1][1] == 40
        expect(page.locator(".speeds tr", has_text="profiles")).to_contain_text("ms")
        cells = page.locator(".speeds tr", has_text="profiles").locator("td").all_inner_texts()
        assert cells[0] != "0"
        assert "ms" in cells[1]
        sound(visit)


def test_on_a_phone_in_the_dark_it_says_the_same(site: Site, root: str, browser: Browser) -> None:
    site.store.settle([], [Poison("anna", SCRIPT, MADE), Poison("", "half\na \u202e line" * 100, MADE)])
    site.service.refresh()
    with visiting(browser, root, window=PHONE, dark=True) as visit:
        page = visit.go("/system")
        expect(page.locator("#system-details")).to_contain_text(SCRIPT)
        assert "anna" not in page.content()
        expect(page.get_by_role("status")).to_contain_text("events could not be processed")
        assert site.service.view.served.name in page.inner_text("#system-details")
        page.wait_for_selector("#system-events canvas")
        sound(visit)


def test_the_numbers_of_a_chart_are_reached_by_keyboard(root: str, browser: Browser) -> None:
    with visiting(browser, root) as visit:
        page = visit.go("/system")
        page.wait_for_selector("#system-memory canvas")
        page.locator("figure", has_text="Memory of this process").locator("summary").focus()
        page.keyboard.press("Enter")
        row = page.locator("figure", has_text="Memory of this process").locator("tbody tr").last
        assert float(row.locator("td").first.inner_text().replace(",", "")) > 50, "MB"
        assert row.locator("th").inner_text().count(":") == 2, "with its seconds"
        assert not visit.violations()


def test_a_store_that_is_away_is_told(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("away") / "live.sqlite")
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder, store=store)
    site.open(["i0-0"])
    with running(site.app) as root, visiting(browser, root) as visit:
        page = visit.go("/system")
        store.close()
        expect(page.get_by_role("status")).to_contain_text("the store does not answer")
        expect(page.locator(".tile", has_text="Events waiting").locator("dd")).to_contain_text("not known")
        expect(page.locator("#system-details")).to_contain_text("before it went away")
        assert "Candidates open\n1" in page.inner_text("#system-details")
        assert page.reload() is not None
        sound(visit)


def test_a_server_that_is_gone_is_told(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> None:
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder, live=False)
    with visiting(browser, "") as visit:
        with running(site.app) as visit.root:
            page = visit.go("/system")
            assert "start penchant serve RUN" in page.inner_text(".lead")
            assert page.locator(".tile", has_text="Events").count() == 0
            page.wait_for_selector("#system-memory canvas")
            assert page.locator("#system-events").count() == 0
            sound(visit)
            assert not page.locator("#lost").is_visible()
        page.wait_for_selector("#lost", state="visible")
        assert "has lost its server" in page.inner_text("#lost")
