"""Who sees the dashboard: log-in by key, cookies, forms of other sites, names of other hosts."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from fastapi import Request
from playwright.sync_api import Browser

from penchant.dashboard.shell.access import inside, login_url
from penchant.serving.roles.consumer import MOST_TEXT
from tests.dashboard.browsers import PHONE, visiting
from tests.dashboard.sites import Site
from tests.serving.apps import Reply, ask, running
from tests.serving.worlds import served, trained

LOGIN = "/dashboard/login"
PAGES = ("users", "tags", "lookalike", "quality", "system")

ALIAS = "user-" + 40 * "5"
"""In the form of a pseudonym."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(served(tmp_path_factory), trained(tmp_path_factory).folder, open_to_all=False)


@pytest.fixture(scope="module")
def root(site: Site) -> Iterator[str]:
    with running(site.app) as found:
        yield found


@pytest.fixture(scope="module")
def open_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Nobody is asked for a key."""
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder)
    with running(site.app) as found:
        yield found


def secret(header: dict[str, str]) -> str:
    return header["Authorization"].removeprefix("Bearer ")


def posted(root: str, path: str, form: str, **headers: str) -> Reply:
    """A form as a browser sends it from a page of the same site, unless headers say otherwise."""
    own = {"Content-Type": "application/x-www-form-urlencoded", "Origin": root}
    return ask(root, "POST", path, form.encode(), {**own, **headers})


def logged_in(root: str, key: str) -> dict[str, str]:
    """The header of a session."""
    answer = posted(root, LOGIN, f"key={key}&next=/dashboard/system")
    assert answer.status == 303
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


def test_a_key_logs_in_and_is_not_in_the_cookie(site: Site, root: str, browser: Browser) -> None:
    key = secret(site.key("read"))
    with visiting(browser, root, window=PHONE) as visit:
        page = visit.go("/users?user=x%26y")
        assert "/dashboard/login?next=" in page.url
        assert not visit.violations()
        assert not visit.overflows()
        page.keyboard.type(key)  # the field has the focus
        page.keyboard.press("Enter")
        page.wait_for_url("**/dashboard/users?user=x%26y")
        (cookie,) = visit.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/dashboard")
        assert cookie["expires"] == -1  # it ends with the browser
        assert key not in cookie["value"]
        assert key.split("_", 2)[2] not in page.content()  # the secret part may hold an underscore itself
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        assert not visit.context.cookies()
        assert "/login" in visit.go("/users").url


SECURE = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.0/8"])
def test_behind_a_trusted_proxy_of_https_the_cookie_is_sent_over_https_only(site: Site, proxy: str) -> None:
    form = f"key={secret(site.key('read'))}"
    with running(site.app, proxies=[proxy]) as root:
        assert "Secure" not in posted(root, LOGIN, form).headers["set-cookie"]
        session = posted(root, LOGIN, form, **SECURE).headers["set-cookie"]
        assert "Secure" in session
        gone = posted(root, "/dashboard/logout", "", Cookie=session.split(";")[0], **SECURE).headers["set-cookie"]
        assert {"Max-Age=0", "Path=/dashboard", "Secure", "HttpOnly", "SameSite=lax"} <= set(gone.split("; "))


@pytest.mark.parametrize("said", ["HTTPS", "https, http", " https"])
def test_proxies_say_https_in_several_ways(site: Site, said: str) -> None:
    form = f"key={secret(site.key('read'))}"
    with running(site.app, proxies=["127.0.0.1"]) as root:
        assert "Secure" in posted(root, LOGIN, form, **{"X-Forwarded-Proto": said}).headers["set-cookie"]
        plain = posted(root, LOGIN, form, **{"X-Forwarded-Proto": f"http, {said}"})
        assert "Secure" not in plain.headers["set-cookie"]


def test_nobody_but_a_trusted_proxy_is_believed(site: Site, root: str) -> None:
    form = f"key={secret(site.key('read'))}"
    assert "Secure" not in posted(root, LOGIN, form, **SECURE).headers["set-cookie"]
    with running(site.app, proxies=["10.0.0.7", "127.0.0.2"]) as guarded:
        assert "Secure" not in posted(guarded, LOGIN, form, **SECURE).headers["set-cookie"]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_shown_without_a_key(root: str, page: str) -> None:
    answer = ask(root, "GET", f"/dashboard/{page}?x=1")
    assert (answer.status, answer.headers["location"]) == (303, f"{LOGIN}?next=%2Fdashboard%2F{page}%3Fx%3D1")
    part = ask(root, "GET", f"/dashboard/{page}", headers={"HX-Request": "true"})
    assert (part.status, part.headers["hx-redirect"]) == (401, LOGIN)


def test_no_form_is_taken_without_a_key(root: str) -> None:
    assert posted(root, "/dashboard/lookalike/open", "item=i1").headers["location"].startswith(LOGIN)


def test_a_made_up_cookie_opens_nothing(root: str) -> None:
    for value in ("x", "", "a" * 5_000, "\u00fc"):
        answer = ask(root, "GET", "/dashboard/users", headers={"Cookie": f"penchant_session={value}"})
        assert answer.headers["location"].startswith(LOGIN)


def test_wrong_keys_are_refused_and_slowed_down(root: str) -> None:
    answers = [posted(root, LOGIN, "key=pk_no_such") for _ in range(30)]
    assert answers[0].status == 401
    assert b"this key is not known" in answers[0].content
    assert answers[-1].status == 429
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_a_key_that_only_sends_events_sees_no_page(site: Site, root: str) -> None:
    answer = posted(root, LOGIN, f"key={secret(site.key('ingest'))}")
    assert answer.status == 403
    assert b"scope &#39;ingest&#39;" in answer.content


def test_a_revoked_key_is_out_at_once_though_its_session_goes_on(site: Site, root: str) -> None:
    key = secret(site.key("read"))
    session = logged_in(root, key)
    assert ask(root, "GET", "/dashboard/system", headers=session).status == 200
    site.store.drop_key(key.split("_")[1])
    site.key("read")  # lets time pass, so that keys are looked up again
    site._ahead_s += 10.0
    assert ask(root, "GET", "/dashboard/system", headers=session).status == 303


def test_a_session_may_do_as_much_as_its_key(site: Site, root: str) -> None:
    session = logged_in(root, secret(site.key("read", per_s=2.0)))
    answers = [ask(root, "GET", "/dashboard/system", headers=session).status for _ in range(8)]
    assert answers[0] == 200
    assert answers[-1] == 429


def test_reading_does_not_allow_to_open(site: Site, root: str) -> None:
    session = logged_in(root, secret(site.key("read")))
    answer = posted(root, "/dashboard/lookalike/open", "item=i1", **session)
    assert answer.status == 403
    assert b"needs &#39;admin&#39;" in answer.content
    assert "i1" not in site.store.candidates()


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", ""])
def test_forms_of_other_sites_are_refused(site: Site, root: str, origin: str) -> None:
    key = secret(site.key("admin"))
    session = logged_in(root, key)
    for path, form in ((LOGIN, f"key={key}"), ("/dashboard/logout", ""), ("/dashboard/lookalike/open", "item=i1")):
        answer = posted(root, path, form, Origin=origin, **session)
        assert answer.status == 403
        assert f"this form comes from &#39;{origin}&#39;".encode() in answer.content
        assert "set-cookie" not in answer.headers
    assert ask(root, "GET", "/dashboard/system", headers=session).status == 200


def test_without_keys_only_names_of_this_machine_are_answered(open_root: str) -> None:
    port = open_root.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(open_root, "GET", "/dashboard/system", headers={"Host": host}).status == 200
    for host in ("rebound.example", f"rebound.example:{port}", "[", "localhost.example"):
        answer = ask(open_root, "GET", "/dashboard/system", headers={"Host": host})
        assert answer.status == 403
        assert host.encode() in answer.content


def test_without_keys_there_is_nothing_to_log_in_to(open_root: str) -> None:
    for answer in (ask(open_root, "GET", LOGIN), posted(open_root, LOGIN, "key=x")):
        assert (answer.status, answer.headers["location"]) == (303, "/dashboard/users")


def test_a_log_in_never_leads_to_another_site(site: Site, root: str) -> None:
    key = secret(site.key("read"))
    for goes_to in (
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:x",
        "/docs",
    ):
        assert posted(root, LOGIN, f"key={key}&next={goes_to}").headers["location"] == "/dashboard/"
    for goes_to in ("/dashboard/../docs", "/dashboard/\n", "http:/dashboard/x", LOGIN):
        assert inside(goes_to) == "/dashboard/"
    assert inside("/dashboard/users?user=%2F%2F&why=a b") == "/dashboard/users?user=%2F%2F&why=a b"


def test_large_and_strange_forms_are_refused(root: str) -> None:
    assert posted(root, LOGIN, "key=" + "x" * 30_000).status == 413
    answer = ask(root, "POST", LOGIN, b"{}", {"Content-Type": "application/json", "Origin": root})
    assert answer.status == 415
    assert b"Content-Type has to be application/x-www-form-urlencoded" in answer.content


@pytest.mark.parametrize("page", ["users?user=", "users?tag=", "lookalike?item=", "quality?run=a&run=", "tags?q="])
def test_what_no_id_is_as_long_as_is_not_repeated_on_a_page(open_root: str, page: str) -> None:
    assert ask(open_root, "GET", f"/dashboard/{page}{'x' * MOST_TEXT}").status in (200, 404)
    refused = ask(open_root, "GET", f"/dashboard/{page}{'x' * (MOST_TEXT + 1)}")
    assert refused.status == 422
    assert b"xxxx" not in refused.content


def test_every_answer_allows_its_own_scripts_alone(open_root: str) -> None:
    for path in ("/dashboard/system", "/dashboard/no/such", "/dashboard/static/charts.js", "/dashboard/users?user=a"):
        policy = ask(open_root, "GET", path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
    page = ask(open_root, "GET", "/dashboard/system").content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", page)


def test_the_root_leads_to_the_first_page(open_root: str) -> None:
    for path in ("/", "/dashboard", "/dashboard/"):
        answer = ask(open_root, "GET", path)
        assert (answer.status, answer.headers["location"]) == (303, "/dashboard/users")


def test_pages_are_not_part_of_the_api(open_root: str) -> None:
    described = ask(open_root, "GET", "/v1/openapi.json").said["paths"]
    assert not [path for path in described if "dashboard" in path]


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("user=ann%40example.org&by=lift", "/dashboard/users?by=lift"),
        (f"user={ALIAS}&by=lift", f"/dashboard/users?user={ALIAS}&by=lift"),
        ("user=ann", "/dashboard/users"),
        (f"user={ALIAS}&user=ann", "/dashboard/users"),
    ],
)
def test_where_users_have_pseudonyms_the_way_to_the_log_in_holds_no_id(asked: str, goes_to: str) -> None:
    scope = {"type": "http", "path": "/dashboard/users", "query_string": asked.encode(), "headers": []}
    request = Request({**scope, "scheme": "http", "server": ("127.0.0.1", 8080)})
    assert unquote(login_url(request, pseudonymous=True)) == f"{LOGIN}?next={goes_to}"
    assert unquote(unquote(login_url(request, pseudonymous=False))) == unquote(f"{LOGIN}?next=/dashboard/users?{asked}")
