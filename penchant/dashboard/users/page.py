"""The page Users: find one, browse by interest, look at one."""

from typing import get_args
from urllib.parse import quote

import numpy as np

from penchant.choices import Order
from penchant.dashboard.shell.pages import Answer, Asked, Moved, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.users.person import examples, person, sizes
from penchant.logs.ingest import Log
from penchant.profiles.atlas import Atlas

URL = "/dashboard/users"

MOST_HELD = 60
"""Tags to begin with."""

MOST_FOUND = 12
"""Tags that are suggested."""

ORDERS: tuple[Order, ...] = get_args(Order)

MOST_PASSED = 10_000_000
"""Clicks that may be passed over."""


def routes(sources: Sources) -> list[Route]:
    pages = Users(sources)
    return [Route(URL, pages.answer), Route(f"{URL}/suggest", pages.suggest)]


class Users:
    """One address: a user where one is asked for, who is interested where a tag is, else where to begin."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._position = Log.open(sources.folder / "log").position

    def answer(self, asked: Asked) -> Answer:
        if user := asked.text("user"):
            return self._user(asked, user)
        if tag := asked.text("tag"):
            return self._interested(tag)
        return self._begin()

    def suggest(self, asked: Asked) -> Answer:
        """Tags that fit what is being typed."""
        atlas, text = self._sources.atlas.now(), asked.text("tag")
        return Page("users_suggest", {"tags": atlas.search(text, MOST_FOUND) if atlas and text else []})

    def _user(self, asked: Asked, user: str) -> Page:
        service, tag = self._sources.service, asked.text("why")
        known = service.view.knows_tag(tag)
        newer = asked.number("older", 0, least=0, most=MOST_PASSED)
        by = next((order for order in ORDERS if order == asked.text("by")), None)
        found = person(service, user, tag=tag if known else None, newer=newer, position=self._position, by=by)
        values = {
            "person": found,
            "here": f"{URL}?user={quote(user, safe='')}" + (f"&by={by}" if by else ""),
            "orders": _orders(user, tag if known else ""),
            "unknown_tag": tag if not known else "",
            "position": self._position,
            "example": next(iter(examples(service.view)), "") if found.standing == "never" else "",
        }
        return Page("user", self._common(user=user) | values)

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

    def _begin(self) -> Page:
        atlas = self._sources.atlas.now()
        view = self._sources.service.view
        values = {"held": _held(atlas) if atlas else [], "examples": examples(view), "total": len(view.served.snapshot)}
        return Page("users", self._common() | values)

    def _common(self, *, user: str = "", tag: str = "") -> dict[str, object]:
        """What all of them show: the forms as they were filled, and how the atlas stands."""
        atlas = self._sources.atlas.now()
        return {
            "asked_user": user,
            "asked_tag": tag,
            "ready": atlas is not None,
            "profiled": atlas is not None and atlas.profiled,
            "problem": self._sources.atlas.problem,
            "trained": self._sources.service.view.served.tags is not None,
            "folder": str(self._sources.folder),
        }


def _orders(user: str, tag: str) -> dict[Order, str]:
    """Where the same is in each order."""
    said = f"{URL}?user={quote(user, safe='')}" + (f"&why={quote(tag, safe='')}" if tag else "")
    return {order: f"{said}&by={order}#interests" for order in ORDERS}


def _held(atlas: Atlas) -> list[tuple[str, int, int]]:
    """The tags that most users have among their foremost, or that were clicked most: with how many, and how large."""
    count_V = atlas.users_V if atlas.profiled else atlas.clicks_V
    numbers = [number for number in np.argsort(-count_V, kind="stable")[:MOST_HELD].tolist() if count_V[number] > 0]
    counts = [int(count_V[number]) for number in numbers]
    return [(atlas.tags[number], *both) for number, *both in zip(numbers, counts, sizes(counts), strict=True)]
