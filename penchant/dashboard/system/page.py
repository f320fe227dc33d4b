"""The page System: numbers of the running process, which renew themselves."""

import orjson

from penchant.dashboard.shell.pages import Asked, File, Page, Route, View
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.system.state import System

PATH = "/dashboard/system"


def routes(sources: Sources) -> list[Route]:
    """The page; its numbers and its charts, for who has it open; the drawn charts, for who opened it before any."""
    system = System(sources, sources.readings)

    def whole(_asked: Asked) -> Page:
        return Page("system", {"state": system.now(), "charts": system.charts()})

    def now(_asked: Asked) -> Page:
        return Page("system_renewed", {"state": system.now()})

    def figures(_asked: Asked) -> Page:
        return Page("system_figures", {"charts": system.charts()})

    def charts(_asked: Asked) -> File:
        return File(orjson.dumps(system.charts()), "application/json")

    views: dict[str, View] = {PATH: whole, f"{PATH}/now": now, f"{PATH}/figures": figures, f"{PATH}/charts": charts}
    return [Route(path, view) for path, view in views.items()]
