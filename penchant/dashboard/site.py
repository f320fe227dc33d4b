"""All pages of the dashboard, put together."""

from penchant.dashboard import lookalike_page, quality_page, system_page, tags_page, users_page
from penchant.dashboard.pages import Route
from penchant.dashboard.sources import Sources


def site(sources: Sources) -> list[Route]:
    parts = (users_page, tags_page, lookalike_page, quality_page, system_page)
    return [route for part in parts for route in part.routes(sources)]
