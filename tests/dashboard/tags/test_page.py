"""The page Tags in a browser: the map, one tag beside it, and what there is to see where something is missing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import cos, sin
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from penchant.dashboard.shell.pages import Asked
from penchant.dashboard.tags.page import TagsPage
from penchant.errors import MissingStepError
from penchant.operation.pages import add_dashboard
from penchant.profiles.atlas import Atlas
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys
from penchant.serving.served import Served
from tests.dashboard.browsers import PHONE, Visit, visiting
from tests.dashboard.sites import Site
from tests.dashboard.tagged import Background, atlas, serving
from tests.helpers.processes import until as until_so
from tests.serving import worlds
from tests.serving.apps import running

SCRIPT = '<script>document.title = "taken"</script>'
LINES, LONG, ARABIC, RICH, QUOTES = "two\nlines", "x" * 1_000, "مرحبا بالعالم", "{a|b} {c}", "\"'&=#?/%+ &amp;"
HOSTILE = (SCRIPT, LINES, LONG, ARABIC, RICH, QUOTES)
TAGS = ["jazz", "swing", "polka", *HOSTILE, *(f"filler {number}" for number in range(11))]
CROWD = [f"one of a crowd {number}" for number in range(600)]
VECTORS = {
    tag: [cos(number / 200), sin(number / 200)] for number, tag in enumerate([*TAGS, *CROWD, "rare", "only learned"])
}
CLICKS = {tag: (1_000 - number, 500) for number, tag in enumerate([*TAGS, *CROWD, "rare"])}
PLACES = {tag: (-0.9 + (number % 5) * 0.45, 0.9 - (number // 5) * 0.4) for number, tag in enumerate(TAGS)}
PLACES |= {tag: (0.5 + (number % 30) * 0.01, -0.8 + (number // 30) * 0.01) for number, tag in enumerate(CROWD)}
FANS = {"jazz": {"ann": 1.5, "<b>bob</b>&": 0.25}, SCRIPT: {"eve": 2.0}}


class TagSite(Site):
    """A dashboard over an atlas that a test decides on."""

    def __init__(self, served: Served, folder: Path, background: Background) -> None:
        self._background = background
        super().__init__(served, folder)

    def more(self, keys: Keys | None) -> Callable[[Routes], object]:
        super().more(keys)
        self.sources = replace(self.sources, atlas=self._background)
        return partial(add_dashboard, sources=self.sources, keys=keys)


@dataclass(frozen=True)
class World:
    """A run, its atlas, and browsers on a server of them."""

    served: Served
    folder: Path
    atlas: Atlas
    browser: Browser
    root: str

    def visit(self, *, phone: bool = False, dark: bool = False) -> AbstractContextManager[Visit]:
        return visiting(self.browser, self.root, window=PHONE if phone else None, dark=dark)

    @contextmanager
    def visit_of(self, background: Background, served: Served | None = None) -> Iterator[Visit]:
        """A server of its own over another atlas, or another run."""
        site = TagSite(served or self.served, self.folder, background)
        with running(site.app) as root, visiting(self.browser, root) as visit:
            yield visit


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    run, plain = worlds.trained(tmp_path_factory), worlds.served(tmp_path_factory)
    served, folder = serving(plain, VECTORS), tmp_path_factory.mktemp("atlas")
    counted = atlas(
        folder, clicks=CLICKS, all_clicks=(40_000, 30_000), places=PLACES, fans=FANS, users={"jazz": 2, SCRIPT: 1}
    )
    with ExitStack() as stack:
        root = stack.enter_context(running(TagSite(served, run.folder, Background(counted)).app))
        yield World(served, run.folder, counted, browser, root)


def opened(visit: Visit, path: str) -> Page:
    """A page whose map is drawn."""
    page = visit.go(path)
    until(page, "map !== null")
    return page


def point(page: Page, tag: str) -> tuple[float, float]:
    """Where a tag lies, in pixels of the window."""
    box = page.locator("#tag-map").bounding_box()
    assert box is not None
    across, down = page.evaluate("tag => map.pixel(map.places[map.numbers.get(tag)])", tag)
    return box["x"] + across, box["y"] + down


def title(page: Page, text: str) -> None:
    """Wait until something is said beside the map."""
    expect(page.locator("#about-title")).to_have_text(text)


def marked(page: Page) -> tuple[str | None, list[str]]:
    """The chosen tag and the nearest ones, as the map shows them."""
    chosen, near = page.evaluate("[map.texts[map.chosen] ?? null, map.near.map(number => map.texts[number])]")
    return chosen, near


def until(page: Page, said: str) -> None:
    """Wait until something is so. The pages' policy forbids Playwright to wait for it within the page."""
    until_so(lambda: page.evaluate(said), what=lambda: said)


def zoom(page: Page) -> float:
    """How much closer than the whole map it is seen."""
    found: float = page.evaluate("map.zoom")
    return found


def test_a_click_on_the_map_tells_of_a_tag_and_leaves_the_map_as_it_is(world: World) -> None:
    with world.visit() as visit:
        page = opened(visit, "/tags")
        title(page, "Most clicked tags")
        assert not visit.violations()
        page.evaluate("window.before = map.plot")
        page.mouse.move(*point(page, "jazz"))
        assert page.locator("#tag-tip").inner_text() == "jazz\n1,500 clicks\nin the ten foremost of 2 users"
        page.mouse.click(*point(page, "jazz"))
        title(page, "jazz")
        assert page.url.endswith("/dashboard/tags?tag=jazz")
        assert page.title().startswith("jazz – Tags – ")
        assert page.evaluate("window.before === map.plot")
        chosen, near = marked(page)
        assert chosen == "jazz"
        assert near[:2] == ["swing", "polka"]
        assert len(near) == 12
        assert "Place by clicks 1 of 621" in page.locator("dl.facts").inner_text().replace("\n", " ")
        link = page.get_by_role("link", name="<b>bob</b>&")
        assert link.get_attribute("href") == "/dashboard/users?user=%3Cb%3Ebob%3C/b%3E%26"
        page.get_by_text("Numbers").click()
        assert "2.5" in page.get_by_role("region", name="Interest over time in numbers").inner_text()
        assert not visit.violations()
        visit.sound()
        page.go_back()
        title(page, "Most clicked tags")


def test_a_link_shows_what_was_chosen_at_phone_width_and_in_the_dark(world: World) -> None:
    with world.visit(phone=True, dark=True) as visit:
        page = opened(visit, "/tags?tag=swing")
        title(page, "swing")
        assert marked(page)[0] == "swing"
        assert not visit.overflows()
        assert not visit.violations()
        page.emulate_media(color_scheme="light")
        until(page, "map.plot.getOption().series[0].itemStyle.color === '#0072b2'")


def test_hostile_names_stay_text(world: World) -> None:
    with world.visit(phone=True) as visit:
        page = opened(visit, f"/tags?tag={quote(SCRIPT, safe='')}")
        assert page.locator("#about-title").text_content() == SCRIPT
        assert page.title().startswith(f"{SCRIPT} – Tags")
        for tag in (*HOSTILE[1:], SCRIPT):
            page.evaluate("tag => map.choose(map.numbers.get(tag))", tag)
            expect(page.locator("#about")).to_have_attribute("data-tag", tag)
            shown = tag if len(tag) <= 160 else tag[:159] + "…"
            assert page.locator("#about-title").text_content() == shown
            assert marked(page)[0] == tag
            assert not visit.overflows()
            page.evaluate("tag => map.showTip(map.numbers.get(tag))", tag)
            assert page.locator("#tag-tip").inner_text().startswith(" ".join(tag[:79].split()))
            assert page.evaluate("decodeURIComponent(location.search.slice(5))") == tag
        visit.sound()


def test_a_tag_is_found_and_the_map_moved_by_keyboard_alone(world: World) -> None:
    with world.visit() as visit:
        page = opened(visit, "/tags")
        page.get_by_label("Find a tag").focus()
        page.keyboard.type("pol")
        expect(page.locator("#suggestions a")).to_have_text(["polka"])
        assert not visit.violations()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        title(page, "polka")
        expect(page.locator("#about-title")).to_be_focused()
        assert page.locator("#suggestions a").count() == 0
        page.get_by_role("button", name="Closer").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        across, down = page.evaluate("map.pixel(map.places[map.chosen])")
        assert zoom(page) == pytest.approx(1.6**2)
        assert 0 <= across <= page.evaluate("map.width")
        assert 0 <= down <= page.evaluate("map.height")
        page.locator("#tag-map").focus()
        page.keyboard.press("-")
        assert zoom(page) == pytest.approx(1.6)
        before = page.evaluate("map.middle[0]")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("map.middle[0]") > before
        page.keyboard.press("0")
        assert zoom(page) == 1
        visit.sound()


def names(page: Page) -> tuple[set[str], int]:
    """Those that the map shows, and how many pairs of them overlap."""
    boxes: list[tuple[str, float, float, float]] = page.evaluate(
        """() => map.labels([]).map(one => {
            const [across, down] = map.pixel(one.value);
            const width = ruler.measureText(one.name).width;
            const half = one.symbolSize / 2;
            return [one.name, one.label.position === "right" ? across + half : across - half - width, width, down];
        })"""
    )
    pairs = [(one, other) for number, one in enumerate(boxes) for other in boxes[:number]]
    overlap = [
        (one, other)
        for one, other in pairs
        if one[1] < other[1] + other[2] and other[1] < one[1] + one[2] and abs(one[3] - other[3]) < 12
    ]
    return {name for name, *_ in boxes}, len(overlap)


def test_names_never_lie_on_one_another_and_more_show_from_closer(world: World) -> None:
    with world.visit() as visit:
        page = opened(visit, "/tags")
        far, overlapping = names(page)
        assert "jazz" in far
        assert not overlapping
        page.mouse.move(*point(page, CROWD[-1]))
        for _ in range(4):
            page.mouse.wheel(0, -1_200)
        until(page, "map.zoom > 20")
        near, overlapping = names(page)
        assert not overlapping
        assert CROWD[-1] in near
        assert len(near & {*CROWD}) > 2 * len(far & {*CROWD})
        page.mouse.move(*point(page, CROWD[-1]))
        assert page.locator("#tag-tip").inner_text().startswith(CROWD[-1])
        for _ in range(5):
            page.mouse.wheel(0, 1_200)
        until(page, "map.zoom === 1")
        visit.sound()


def test_one_finger_scrolls_the_page_and_two_come_closer(world: World) -> None:
    context = world.browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{world.root}/dashboard/tags", wait_until="networkidle")
    until(page, "map !== null")
    session = context.new_cdp_session(page)

    def touch(kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": across, "y": down, "id": number} for number, (across, down) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (195, 640))
    for step in range(1, 11):
        touch("touchMove", (195, 640 - 20 * step))
    touch("touchEnd")
    until(page, "scrollY > 100")
    assert zoom(page) == 1
    touch("touchStart", (175, 400), (215, 400))
    for step in range(1, 6):
        touch("touchMove", (175 - 10 * step, 400), (215 + 10 * step, 400))
    touch("touchEnd")
    until(page, "map.zoom > 2")
    assert page.url.endswith("/tags")
    page.get_by_role("button", name="Whole map").tap()
    assert zoom(page) == 1
    page.touchscreen.tap(*(part + 8 for part in point(page, "jazz")))
    title(page, "jazz")
    context.close()


@pytest.mark.parametrize("tags", [1, 2, 13])
def test_a_map_of_few_tags_is_drawn_with_all_their_names(world: World, tmp_path: Path, tags: int) -> None:
    """Of so few tags none is among the most clicked six per cent, which have points of their own size."""
    places = dict(list(PLACES.items())[:tags])
    few = atlas(tmp_path / "few", clicks=CLICKS, all_clicks=(40_000, 30_000), places=places)
    with world.visit_of(Background(few)) as visit:
        page = opened(visit, "/tags")
        expect(page.locator("#tag-map-problem")).to_be_hidden()
        drawn = page.evaluate("map.plot.getOption().series.find(one => one.id == 'labels').data.length")
        assert 0 < drawn <= tags
        visit.sound()


def test_a_search_finds_or_says_what_to_do(world: World) -> None:
    with world.visit() as visit:
        page = opened(visit, "/tags?q=JAZZ")
        assert page.url.endswith("/tags?tag=jazz")
        page = opened(visit, "/tags?q=filler")
        title(page, "Tags with “filler”")
        assert page.locator("#about th a").count() == 11
        page = opened(visit, "/tags?q=zebra")
        assert "No tag contains this" in page.locator("#about").inner_text()
        page = opened(visit, "/tags?tag=swingg")
        title(page, "There is no tag “swingg”")
        assert page.locator("#about th a").text_content() == "swing"
        assert not visit.violations()
        page = opened(visit, "/tags?tag=rare")
        assert "Not on the map" in page.locator("#about").inner_text()
        assert marked(page)[0] is None
        page = opened(visit, "/tags?tag=only+learned")
        assert "The map and the counts belong to an earlier model" in page.locator("#about").inner_text()
        assert page.locator("#about th a").count() == 12


def test_a_page_that_waits_for_the_map_gets_it(world: World) -> None:
    background = Background(None)
    with world.visit_of(background) as visit:
        page = visit.go("/tags?tag=jazz")
        assert page.get_by_role("heading", name="The map is being made").is_visible()
        assert page.locator("#about th a").count() == 12
        assert not visit.violations()
        background.atlas = world.atlas
        page.locator("#tag-map canvas").wait_for()
        title(page, "jazz")
        until(page, "map.chosen !== null")
        assert page.locator("dl.facts").is_visible()
        visit.sound()


def test_a_map_that_cannot_be_made_says_why_and_so_do_profiles_and_times(world: World, tmp_path: Path) -> None:
    background = Background(None, "the disk <i>is</i> full")
    with world.visit_of(background) as visit:
        page = visit.go("/tags")
        assert "It could not be made: the disk <i>is</i> full" in page.locator("#tags").inner_text()
        assert not visit.violations()
        background.atlas = atlas(tmp_path / "bare", clicks=CLICKS, all_clicks=(9,), places=PLACES, clock=False)
        text = opened(visit, "/tags?tag=jazz").locator("#about").inner_text()
        assert "The log of this run has no clock" in text
        assert "Nobody has a profile yet" in text


def test_a_run_without_a_tag_model_says_what_to_do(world: World) -> None:
    with world.visit_of(Background(None), replace(world.served, profiles={})) as visit:
        page = visit.go("/tags")
        assert "penchant train" in page.locator(".empty").inner_text()
        assert not visit.violations()
        assert visit.go("/tags/body").url.endswith("/dashboard/tags")


def test_points_are_refused_while_there_are_none(world: World) -> None:
    sources = TagSite(world.served, world.folder, Background(None)).sources
    asked = Asked({}, {}, lambda _: [], "read", "", part=False)
    with pytest.raises(MissingStepError, match=f"the map of '{world.folder.name}' is not there yet"):
        TagsPage(sources).points(asked)
