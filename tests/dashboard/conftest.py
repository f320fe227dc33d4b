"""One browser for all tests of the dashboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.dashboard.browsers import launched


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found
