"""All pages of the dashboard, put together."""

from penchant.dashboard.audiences import page as lookalike_page
from penchant.dashboard.quality import page as quality_page
from penchant.dashboard.shell.pages import Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.system import page as system_page
from penchant.dashboard.tags import page as tags_page
from penchant.dashboard.users import page as users_page


def site(sources: Sources) -> list[Route]:
    """Return the routes of all pages."""
    parts = (users_page, tags_page, lookalike_page, quality_page, system_page)
    return [route for part in parts for route in part.routes(sources)]
