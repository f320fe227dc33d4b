"""The page Look-alike: open candidates, one of them, and its audience."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from penchant.dashboard.audiences import export
from penchant.dashboard.audiences.candidates import Order, listed, moment
from penchant.dashboard.audiences.parts import OF_PEOPLE, PARTS, Parts
from penchant.dashboard.shell.pages import Answer, Asked, File, Moved, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.evaluation.choice import Choice
from penchant.serving.candidates.audience import MOST_AUDIENCE
from penchant.serving.roles.consumer import MOST_TEXT

ROOT = "/dashboard/lookalike"


def routes(sources: Sources) -> list[Route]:
    pages = LookalikePages(sources)
    return [
        Route(ROOT, pages.page),
        Route(f"{ROOT}/part", pages.part),
        Route(f"{ROOT}/items", pages.items, needs="admin"),
        Route(f"{ROOT}/open", pages.open, method="POST", needs="admin"),
        Route(f"{ROOT}/audience", pages.audience, needs="admin"),
    ]


def url(item: str, **more: str) -> str:
    """Return the address of the page of one candidate."""
    return f"{ROOT}?{urlencode({'item': item, **more})}"


class LookalikePages:
    """The pages under /dashboard/lookalike."""

    def __init__(self, sources: Sources, *, most: int = MOST_AUDIENCE) -> None:
        """most: members of an audience that is shown, or handed over as a file."""
        self._service, self._most = sources.service, most
        self._parts = Parts(sources, most)

    def page(self, asked: Asked) -> Answer:
        """Show one candidate, or all where none is asked for."""
        state = self._service.model()
        choice = state.lookalike
        if choice is None:
            return Page("lookalike_untrained", {"offline": state.offline})
        return self._one(asked) if asked.text("item") else self._list(asked, choice)

    def _list(self, asked: Asked, choice: Choice) -> Answer:
        order, query = Order.of(asked.text("sort")), asked.text("q")
        page = asked.number("page", 1, least=1, most=10**6)
        found = listed(self._service.candidates(asked.scope), query=query, order=order, page=page)
        values = {
            "listed": found,
            "query": query,
            "order": order,
            "now": self._service.clock(),
            "may_open": asked.may_open,
            "moment": partial(moment, clocked=self._service.log().clocked),
            "choice": choice,
            **self._found(asked.text("find") if asked.may_open else ""),
        }
        return Page("lookalike", values)

    def _found(self, text: str) -> Mapping[str, Any]:
        """Return the items that match a text, and which of them are open."""
        text = text.strip()
        matches = self._service.search_items(text)
        exact = any(one.item == text for one in matches)
        asked_for = [*(one.item for one in matches), text]
        return {
            "find": text,
            "matches": matches,
            "exact": exact,
            "too_long": len(text) > MOST_TEXT,
            "are_open": {item for item in asked_for if self._service.is_open(item)},
        }

    def items(self, asked: Asked) -> Answer:
        """Show items that may be opened, by name or id; those with most seeds first, which is not for all to see."""
        if not asked.part:
            return Moved(f"{ROOT}?{urlencode({'find': asked.text('find')})}")
        return Page("lookalike_items", self._found(asked.text("find")))

    def _one(self, asked: Asked) -> Answer:
        item = asked.text("item")
        if not self._service.is_open(item):
            return Page("candidate_closed", {"item": item, "may_open": asked.may_open}, 404)
        return Page("candidate", self._parts.values(item, asked))

    def part(self, asked: Asked) -> Answer:
        """Show a part that the page of a candidate asks for after its first paint."""
        item, name = asked.text("item"), asked.text("part")
        if not asked.part:
            return Moved(url(item, show="all"))
        if name not in PARTS:
            return _refused(404, f"{name!r} is no part of a candidate; ask for {', '.join(PARTS)}", asked)
        if name in OF_PEOPLE and not asked.sees_people:
            return _refused(403, f"{name!r} is worked out of single users; it needs a key with scope admin", asked)
        values = self._parts.values(item, asked, name)
        if name != "body" and values[name] is None:
            return _refused(409, f"the seeds of {item!r} are not clustered now; load the page again", asked)
        return Page(f"candidate_{name}", values)

    def open(self, asked: Asked) -> Answer:
        """Open an item to audience extension, then show it."""
        state = self._service.model()
        if state.lookalike is None:
            return Page("lookalike_untrained", {"offline": state.offline}, 409)
        item = asked.form.get("item", "")
        if not 0 < len(item) <= MOST_TEXT:
            return _refused(422, f"an id has 1 to {MOST_TEXT:,} characters, but this one has {len(item):,}", asked)
        self._service.open([item])
        return Moved(url(item))

    def audience(self, asked: Asked) -> Answer:
        """Send the members of an audience as a file."""
        item, kind = asked.text("item"), asked.text("as")
        size = asked.number("size", 0, least=0, most=10**9)
        if kind not in ("csv", "parquet"):
            return _refused(422, f"audiences come as csv or parquet, not as {kind!r}", asked)
        if size > self._most:
            return _refused(422, f"an audience of {size:,} is too large for a file; {self._most:,} is the most", asked)
        members = self._service.audience(item, size).members
        name = export.file_name(item, size, kind)
        if kind == "csv":
            return File(export.csv(members), export.CSV, name)
        return File(export.parquet(members), export.PARQUET, name)


def _refused(status: int, message: str, asked: Asked) -> Page:
    code = {403: "forbidden", 404: "not_found", 409: "conflict", 422: "invalid"}[status]
    return Page("problem", {"status": status, "code": code, "message": message, "part": asked.part}, status)
