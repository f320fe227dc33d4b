"""The HTTP API as an ASGI app; it starts no thread and no server."""

from collections.abc import Callable

from fastapi import FastAPI
from starlette.middleware import Middleware

from penchant import __version__
from penchant.serving.http_answers import answer_errors
from penchant.serving.http_body import Limits
from penchant.serving.http_candidates import CandidateRoutes
from penchant.serving.http_description import DescriptionRoutes
from penchant.serving.http_edge import Edge
from penchant.serving.http_events import EventRoutes
from penchant.serving.http_process import ProcessRoutes
from penchant.serving.http_routes import Routes
from penchant.serving.http_users import UserRoutes
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.service import Service

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
        middleware=[Middleware(Edge, clock=service.clock, measures=measures)],
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    answer_errors(app, measures)
    routes = Routes(app, service, keys, limits, measures)
    for part in (EventRoutes, UserRoutes, CandidateRoutes, ProcessRoutes, DescriptionRoutes):
        part(routes)
    if more is not None:
        more(routes)
    return app
