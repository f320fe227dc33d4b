"""The page Tags: the map, and what is known of one tag."""

from typing import Any
from urllib.parse import quote

from penchant.dashboard.shell.pages import Answer, Asked, File, Moved, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.tags.tags import (
    course,
    details,
    found,
    mapped,
    most_clicked,
    points,
    similar,
)
from penchant.errors import MissingStepError
from penchant.profiles.atlas import Atlas
from penchant.profiles.directions import Directions

MOST_CLICKED, MOST_FOUND, MOST_SUGGESTED = 30, 50, 10

ROOT = "/dashboard/tags"


class TagsPage:
    """The views of the page. The map is packed once for each atlas."""

    def __init__(self, sources: Sources) -> None:
        self._sources, self._service = sources, sources.service
        self._packed: tuple[str, bytes] = ("", b"")

    def page(self, asked: Asked) -> Answer:
        """Show the page, or only the part beside the map: about the chosen tag, about tags that contain the text that
        was searched for, or about the tags that are clicked most."""
        if not self._service.model().tags:
            return Page("tags", {"trained": False, "folder": self._sources.folder.name})
        directions = self._service.directions()
        sought = asked.text("q").strip()
        exact = _exactly(sought, directions, self._sources.atlas.now())
        if exact is not None:
            return Moved(f"{ROOT}?tag={quote(exact, safe='')}")
        return Page("tags_about" if asked.part else "tags", self._about(asked, sought, directions))

    def waiting(self, asked: Asked) -> Page:
        """Say whether the map exists by now, for a page that waits for it."""
        return Page("tags_waiting", self._common(self._sources.atlas.now(), asked.text("tag")))

    def body(self, asked: Asked) -> Answer:
        """Show the map and the part beside it, for a page that has waited for it."""
        if not self._service.model().tags:
            return Moved(ROOT)
        return Page("tags_body", self._about(asked, "", self._service.directions()))

    def suggest(self, asked: Asked) -> Page:
        """Suggest tags that match what was typed so far."""
        atlas, sought = self._sources.atlas.now(), asked.text("q").strip()
        hits = found(sought, atlas, MOST_SUGGESTED) if atlas is not None and sought else []
        return Page("tags_suggest", {"sought": sought, "found": hits})

    def points(self, _asked: Asked) -> File:
        """Send where each tag lies. MissingStepError while there is no map."""
        atlas = self._sources.atlas.now()
        if atlas is None:
            raise MissingStepError(f"the map of {self._sources.folder.name!r} is not there yet; ask again in a moment")
        version, content = self._packed
        if version != atlas.version:
            content = points(atlas)
            self._packed = (atlas.version, content)
        return File(content, "application/json")

    def _about(self, asked: Asked, sought: str, directions: Directions) -> dict[str, Any]:
        """Return the values of the part beside the map, and of the rest of the page."""
        atlas, tag = self._sources.atlas.now(), asked.text("tag")
        chosen = details(tag, directions, atlas, names_users=asked.sees_people) if tag else None
        unknown = bool(tag) and chosen is None
        values = self._common(atlas, tag) | {
            "trained": True,
            "models": list(self._service.model().profiles),
            "part": asked.part,
            "sought": sought,
            "chosen": chosen,
            "chart": course(chosen.account.spans) if chosen and chosen.account and chosen.account.spans else None,
            "unknown": unknown,
            "found": [],
            "most_clicked": [],
        }
        if atlas is not None and unknown:
            values["found"] = similar(tag, atlas, MOST_FOUND)
        elif atlas is not None and sought:
            values["found"] = found(sought, atlas, MOST_FOUND)
        elif atlas is not None and not tag:
            values["most_clicked"] = most_clicked(atlas, MOST_CLICKED)
        return values

    def _common(self, atlas: Atlas | None, tag: str) -> dict[str, Any]:
        return {
            "tag": tag,
            "problem": self._sources.atlas.problem,
            "ready": atlas is not None,
            "mapped": mapped(atlas) if atlas is not None else 0,
            "all": len(atlas) if atlas is not None else 0,
            "version": atlas.version if atlas is not None else "",
        }


def _exactly(sought: str, directions: Directions, atlas: Atlas | None) -> str | None:
    """Return the tag whose whole name was typed, in capitals or not; None where there is none."""
    if not sought or sought in directions:
        return sought or None
    best = atlas.search(sought, 1) if atlas is not None else []
    return best[0] if best and best[0].casefold() == sought.casefold() else None


def routes(sources: Sources) -> list[Route]:
    page = TagsPage(sources)
    return [
        Route(ROOT, page.page),
        Route(f"{ROOT}/waiting", page.waiting),
        Route(f"{ROOT}/body", page.body),
        Route(f"{ROOT}/points", page.points),
        Route(f"{ROOT}/suggest", page.suggest),
    ]
