"""Who sees the dashboard: log-in by key, cookies, forms of other sites, names of other hosts."""

import pytest
from playwright.sync_api import Browser

from tests.dashboard.browsers import visiting
from tests.dashboard.sites import Site
from tests.serving.apps import running
from tests.serving.worlds import served, trained


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(served(tmp_path_factory), trained(tmp_path_factory).folder, open_to_all=False)


def test_a_key_logs_in_and_is_not_in_the_cookie(site: Site, browser: Browser) -> None:
    key = site.key("read")["Authorization"].removeprefix("Bearer ")
    with running(site.app) as root, visiting(browser, root) as visit:
        page = visit.go("/users?user=x%26y")
        assert "/dashboard/login?next=" in page.url
        assert not visit.violations()
        page.get_by_label("Key").fill(key)
        page.get_by_label("Key").press("Enter")
        page.wait_for_url("**/dashboard/users?user=x%26y")
        (cookie,) = visit.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["secure"]) == (
            True,
            "Lax",
            "/dashboard",
            False,
        )
        assert key.split("_", 2)[2] not in cookie["value"]
        assert "key pk" not in page.content()
        visit.sound()
