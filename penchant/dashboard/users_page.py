"""The page Users."""

from penchant.dashboard.pages import Asked, Page, Route
from penchant.dashboard.sources import Sources


def routes(sources: Sources) -> list[Route]:
    return [Route("/dashboard/users", lambda asked: Page("users"))]
