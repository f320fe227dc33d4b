"""The page System: numbers of the running process, which the browser renews."""

import orjson

from penchant.dashboard.shell.pages import Asked, File, Handler, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.system.state import System

PATH = "/dashboard/system"


def routes(sources: Sources) -> list[Route]:
    """Return the routes of the whole page, of its numbers and its charts, which open pages ask for again and again, and
    of the first drawing of the charts."""
    system = System(sources, sources.readings)

    def whole(_asked: Asked) -> Page:
        return Page("system", {"state": system.now(), "charts": system.charts()})

    def now(_asked: Asked) -> Page:
        return Page("system_renewed", {"state": system.now()})

    def figures(_asked: Asked) -> Page:
        return Page("system_figures", {"charts": system.charts()})

    def charts(_asked: Asked) -> File:
        return File(orjson.dumps(system.charts()), "application/json")

    handlers: dict[str, Handler] = {
        PATH: whole,
        f"{PATH}/now": now,
        f"{PATH}/figures": figures,
        f"{PATH}/charts": charts,
    }
    return [Route(path, handler) for path, handler in handlers.items()]
