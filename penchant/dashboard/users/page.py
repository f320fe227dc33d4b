"""The page Users: find a user by id or by interest, and look at one."""

from typing import get_args
from urllib.parse import quote, urlencode

import numpy as np

from penchant.choices import Order
from penchant.dashboard.shell.pages import Answer, Asked, Moved, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.users.parts import interests_part, sizes
from penchant.profiles.atlas import Atlas
from penchant.serving.person import PersonAsked

URL = "/dashboard/users"

MOST_HELD = 60
"""Tags to begin with."""

MOST_FOUND = 12
"""Tags that are suggested."""

ORDERS: tuple[Order, ...] = get_args(Order)

MOST_SKIPPED = 10_000_000
"""Clicks that may be skipped."""


def routes(sources: Sources) -> list[Route]:
    pages = UsersPage(sources)
    return [Route(URL, pages.answer), Route(f"{URL}/suggest", pages.suggest)]


class UsersPage:
    """One address for three questions: one user, who is interested in a tag, and where to begin."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def answer(self, asked: Asked) -> Answer:
        if user := asked.text("user"):
            known = self._sources.service.known_as(user)
            # The address of a page, which browsers and links keep, holds a pseudonym where there are some.
            return (
                self._user(asked, user)
                if user == known
                else Moved(f"{URL}?{urlencode({**asked.query, 'user': known})}")
            )
        if tag := asked.text("tag"):
            return self._interested(tag) if asked.sees_people else self._refused(asked)
        return self._begin(asked)

    def suggest(self, asked: Asked) -> Answer:
        """Suggest tags that fit what is being typed."""
        atlas, text = self._sources.atlas.now(), asked.text("tag")
        return Page("users_suggest", {"tags": atlas.search(text, MOST_FOUND) if atlas and text else []})

    def _user(self, asked: Asked, user: str) -> Page:
        service, tag, models = self._sources.service, asked.text("why"), self._sources.service.model().profiles
        model = asked.text("model") or None
        if model is not None:
            service.refuse_unknown(model)
        known, clock = service.knows_tag(tag, model), service.log().clocked
        newer = asked.number("older", 0, least=0, most=MOST_SKIPPED)
        by = next((order for order in ORDERS if order == asked.text("by")), None)
        person_asked = PersonAsked(tag if known else None, by, newer, model)
        found = service.person(user, person_asked, scope=asked.scope)
        here = f"{URL}?user={quote(user, safe='')}"
        named = f"&model={quote(model, safe='')}" if model else ""
        values = {
            "person": found,
            "interests": interests_part(found.explained, clock=clock) if found.explained else None,
            "here": here + named + (f"&by={by}" if by else ""),
            "orders": _orders(here + named, tag if known else ""),
            "models": {name: f"{here}&model={quote(name, safe='')}#interests" for name in models},
            "has_pages": model in (None, next(iter(models), None)),
            "unknown_tag": tag if not known else "",
            "clock": clock,
            "example": next(iter(service.examples()), "") if found.standing == "never" and asked.sees_people else "",
            "sees_people": asked.sees_people,
        }
        return Page("user", self._common(user=user) | values)

    def _refused(self, asked: Asked) -> Page:
        message = "who is interested in a tag is a list of users, which needs a key with scope admin"
        return Page("problem", {"status": 403, "code": "forbidden", "message": message, "part": asked.part}, 403)

    def _interested(self, tag: str) -> Answer:
        atlas = self._sources.atlas.now()
        number = atlas.number(tag) if atlas else None
        if atlas is None or number is None:
            near = atlas.search(tag, MOST_FOUND) if atlas else []
            if near and near[0].casefold() == tag.casefold():
                return Moved(f"{URL}?tag={quote(near[0], safe='')}")
            return Page("users_interested", self._common(tag=tag) | {"known": False, "near": near, "people": []})
        values = {"known": True, "people": atlas.interested(tag), "users": int(atlas.users_V[number])}
        return Page("users_interested", self._common(tag=tag) | values)

    def _begin(self, asked: Asked) -> Page:
        atlas = self._sources.atlas.now()
        service = self._sources.service
        values = {
            "held": _held(atlas) if atlas else [],
            "examples": service.examples() if asked.sees_people else [],
            "total": service.log().users,
            "sees_people": asked.sees_people,
        }
        return Page("users", self._common() | values)

    def _common(self, *, user: str = "", tag: str = "") -> dict[str, object]:
        """Values for all three: the forms as they were filled in, and how the atlas stands."""
        atlas = self._sources.atlas.now()
        return {
            "asked_user": user,
            "asked_tag": tag,
            "ready": atlas is not None,
            "profiled": atlas is not None and atlas.profiled,
            "problem": self._sources.atlas.problem,
            "trained": self._sources.service.model().tags,
            "models": list(self._sources.service.model().profiles),
            "folder": str(self._sources.folder),
        }


def _orders(here: str, tag: str) -> dict[Order, str]:
    """The address of the same page in each order."""
    said = here + (f"&why={quote(tag, safe='')}" if tag else "")
    return {order: f"{said}&by={order}#interests" for order in ORDERS}


def _held(atlas: Atlas) -> list[tuple[str, int, int]]:
    """The tags that most users have among their foremost, or without profiles those that were clicked most: each with
    its number and the size in which it is written."""
    count_V = atlas.users_V if atlas.profiled else atlas.clicks_V
    numbers = [number for number in np.argsort(-count_V, kind="stable")[:MOST_HELD].tolist() if count_V[number] > 0]
    counts = [int(count_V[number]) for number in numbers]
    return [(atlas.tags[number], *both) for number, *both in zip(numbers, counts, sizes(counts), strict=True)]
