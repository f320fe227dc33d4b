"""The page Quality."""

from penchant.dashboard.pages import Asked, Page, Route
from penchant.dashboard.sources import Sources


def routes(sources: Sources) -> list[Route]:
    return [Route("/dashboard/quality", lambda asked: Page("quality"))]
