"""Scripts and style: addresses that change with the content, compressed, kept by browsers."""

import gzip
import re
from collections.abc import Iterator
from hashlib import sha256

import pytest

from penchant.dashboard.shell.static_files import FOLDERS
from tests.dashboard.sites import Site
from tests.serving.apps import ask, running
from tests.serving.worlds import served, trained


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Site(served(tmp_path_factory), trained(tmp_path_factory).folder).app) as found:
        yield found


def test_what_a_page_links_to_is_kept_for_ever(root: str) -> None:
    page = ask(root, "GET", "/dashboard/system").content.decode()
    urls = re.findall(r'(?:src|href)="(/dashboard/static/[^"]+)"', page)
    assert len(urls) >= 4
    for url in urls:
        answer = ask(root, "GET", url)
        name, _, version = url.rpartition("/")[2].partition("?v=")
        assert sha256(answer.content).hexdigest().startswith(version)
        assert "immutable" in answer.headers["cache-control"], name
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_another_version_is_not_kept(root: str) -> None:
    assert ask(root, "GET", "/dashboard/static/charts.js?v=0").headers["cache-control"] == "no-store"


def test_who_can_unpack_gets_it_packed(root: str) -> None:
    plain = ask(root, "GET", "/dashboard/static/echarts.common.min.js")
    packed = ask(root, "GET", "/dashboard/static/echarts.common.min.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < 260_000


@pytest.mark.parametrize(
    "name", ["none.js", "..%2Fhttp.py", "%2e%2e/http.py", "vendor%2Fhtmx.min.js", "README.md", "htmx.LICENSE.txt"]
)
def test_nothing_else_of_the_machine_is_served(root: str, name: str) -> None:
    assert ask(root, "GET", f"/dashboard/static/{name}").status == 404


def test_vendored_libraries_are_those_that_the_list_names() -> None:
    (vendor,) = [folder / "vendor" for folder in FOLDERS if (folder / "vendor").exists()]
    listed = (vendor / "README.md").read_text(encoding="utf-8")
    for path in vendor.glob("*.js"):
        assert f"`{path.name}`" in listed
        assert sha256(path.read_bytes()).hexdigest() in listed, path.name


def test_our_scripts_run_nothing_that_is_text() -> None:
    scripts = [path for folder in FOLDERS for path in folder.glob("*.js")]
    assert scripts
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://", text
        )
