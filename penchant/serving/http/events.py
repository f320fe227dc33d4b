"""POST /v1/events, PUT /v1/items/{item}."""

from typing import Any

from fastapi import Request, Response

from penchant.serving.http.answers import Json, line_of, problem, sender_of
from penchant.serving.http.body import ARROW, JSON, LINES
from penchant.serving.http.routes import Routes
from penchant.serving.http.shapes import Events, EventsAnswer, ItemFields, PathId, RefusedAnswer
from penchant.serving.incoming import Incoming, read_json, read_lines
from penchant.serving.incoming_arrow import read_arrow
from penchant.serving.roles.intake import Appended

READERS = {JSON: read_json, LINES: read_lines, ARROW: read_arrow}

INLINE = 1 << 15
"""Bytes that are read faster than a thread is woken."""

MOST_COMMITTED = 16
"""Requests whose events are made durable by one commit."""

MOST_TOLD = 100
"""Refused events that are told one by one."""


class EventRoutes:
    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._append = routes.merger(routes.service.append, MOST_COMMITTED)
        bodies, errors = dict.fromkeys(READERS, Events), {422: RefusedAnswer}
        routes.add("POST", "/v1/events", self.append, needs="ingest", answer=EventsAnswer, body=bodies, errors=errors)
        routes.add("PUT", "/v1/items/{item}", self.put_item, needs="ingest", body={JSON: ItemFields})

    async def append(self, request: Request) -> Response:
        """Make events durable. A list is answered as a whole; each event is accepted, repeated, forgotten or refused
        alone."""
        routes, service = self.routes, self.routes.service
        async with routes.bodies.of(request, READERS) as (kind, content):
            read, now = READERS[kind], service.clock()
            incoming = read(content, now) if len(content) < INLINE else await routes.work(request, read, content, now)
            appended = Appended(0, 0, 0, {})
            if incoming.events:
                appended = await self._append.ask(incoming.events, sender_of(request))
        routes.measures.appended(appended, len(incoming.refused))
        told = _told(incoming, appended)
        if told["refused_count"] and not appended.accepted + appended.repeated + appended.forgotten:
            first = told["refused"][0]["reason"]
            return Json(problem(line_of(request), 422, "all_refused", f"no event can be taken: {first}", **told), 422)
        return Json(told)

    async def put_item(self, request: Request, item: PathId) -> Response:
        """Say what an item is about, by fields that the items of the run have. What was said of it before is
        replaced."""
        asked = await self.routes.body(request, ItemFields, most=self.routes.limits.item)
        await self.routes.work(request, self.routes.service.put_items, {item: asked.fields})
        return Response(status_code=204)


def _told(incoming: Incoming, appended: Appended) -> dict[str, Any]:
    """The answer: refusals by their place in the body."""
    refused = incoming.refused | {incoming.places[place]: why for place, why in appended.refused.items()}
    return {
        "accepted": appended.accepted,
        "repeated": appended.repeated,
        "forgotten": appended.forgotten,
        "refused": [{"index": index, "reason": refused[index]} for index in sorted(refused)[:MOST_TOLD]],
        "refused_count": len(refused),
    }
