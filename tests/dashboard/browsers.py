"""A real browser on the dashboard: Chromium, headless, driven by Playwright; it asks nothing of the network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.helpers.processes import HANG_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT_MS = 1000 * HANG_S
expect.set_options(timeout=WAIT_MS)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium() -> str:
    """Where it is."""
    found = os.environ.get("PENCHANT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no Chromium is installed, which these tests need: apt-get install chromium (make test does it)"
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser with an empty jar of cookies; faults: what pages wrote to the console, or could not load."""

    context: BrowserContext
    page: Page
    root: str
    faults: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Load a page, wait until its scripts have run, and see that nothing went wrong. path: after /dashboard."""
        self.page.goto(f"{self.root}/dashboard{path}", wait_until="networkidle")
        self.sound()
        return self.page

    def heard(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.faults.append(said.text)

    def failed(self, request: Request) -> None:
        """What the next page has cut short is no fault."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")

    def sound(self) -> None:
        """Nothing was written to the console, nothing failed to load."""
        assert not self.faults, self.faults

    def violations(self) -> list[str]:
        """What axe-core objects to on the page as it is, by rule and place."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:5]]}"
            for one in found["violations"]
        ]

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return wide


@contextmanager
def visiting(
    browser: Browser,
    root: str,
    *,
    window: dict[str, int] | None = None,
    dark: bool = False,
    zone: str = "Europe/Berlin",
) -> Iterator[Visit]:
    """root: the address of a server, such as http://127.0.0.1:8080; window: DESKTOP if not given; zone: of time."""
    context = browser.new_context(
        viewport=window or DESKTOP,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id=zone,
    )
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    visit = Visit(context, page, root)
    page.on("console", visit.heard)
    page.on("pageerror", lambda error: visit.faults.append(str(error)))
    page.on("requestfailed", visit.failed)
    try:
        yield visit
    finally:
        context.close()
