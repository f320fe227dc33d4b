"""The page System."""

from penchant.dashboard.pages import Asked, Page, Route
from penchant.dashboard.sources import Sources


def routes(sources: Sources) -> list[Route]:
    return [Route("/dashboard/system", lambda asked: Page("system"))]
