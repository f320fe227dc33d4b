"""One browser for all tests of the dashboard; it ends with them, because Playwright holds an event loop."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.dashboard.browsers import launched


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found
