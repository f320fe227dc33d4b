"""The HTTP API as an ASGI app; it starts no thread and no server."""

from collections.abc import Callable

from fastapi import FastAPI
from starlette.middleware import Middleware

from penchant.serving.http.answers import answer_errors
from penchant.serving.http.body import Limits
from penchant.serving.http.candidates import CandidateRoutes
from penchant.serving.http.description import DescriptionRoutes
from penchant.serving.http.edge import Edge
from penchant.serving.http.events import EventRoutes
from penchant.serving.http.process import ProcessRoutes
from penchant.serving.http.routes import Routes
from penchant.serving.http.users import UserRoutes
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.service import Service
from penchant.version import __version__

__all__ = ["Limits", "make_app"]


def make_app(
    service: Service,
    keys: Keys | None,
    *,
    limits: Limits,
    measures: Measures,
    more: Callable[[Routes], object] | None = None,
) -> FastAPI:
    """keys: None where everybody may do everything, which is for the caller to allow; more: adds routes of a later
    stage."""
    app = FastAPI(
        title="Penchant",
        version=__version__,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Edge, clock=service.clock, measures=measures, linger_s=limits.linger_s)],
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    answer_errors(app, measures)
    routes = Routes(app, service, keys, limits, measures)
    for part in (EventRoutes, UserRoutes, CandidateRoutes, ProcessRoutes, DescriptionRoutes):
        part(routes)
    if more is not None:
        more(routes)
    return app
