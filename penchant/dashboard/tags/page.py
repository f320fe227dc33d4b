"""The page Tags: the map, and what there is to say of one tag."""

from typing import Any
from urllib.parse import quote

from penchant.dashboard.shell.pages import Answer, Asked, File, Moved, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.tags.tags import (
    Directions,
    DirectionsOfServed,
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

MOST_CLICKED, MOST_FOUND, MOST_SUGGESTED = 30, 50, 10

ROOT = "/dashboard/tags"


class TagsPage:
    """Its views. The map is packed once for each atlas."""

    def __init__(self, sources: Sources) -> None:
        self._sources, self._directions = sources, DirectionsOfServed()
        self._packed: tuple[str, bytes] = ("", b"")

    def page(self, asked: Asked) -> Answer:
        """All of it, or what is said beside the map: of the tag that is chosen, of those that contain what was searched
        for, or of those that are clicked most."""
        directions = self._directions.of(self._sources.service.view.served)
        if directions is None:
            return Page("tags", {"trained": False, "folder": self._sources.folder.name})
        sought = asked.text("q").strip()
        exact = _exactly(sought, directions, self._sources.atlas.now())
        if exact is not None:
            return Moved(f"{ROOT}?tag={quote(exact, safe='')}")
        return Page("tags_about" if asked.part else "tags", self._about(asked, sought, directions))

    def waiting(self, asked: Asked) -> Page:
        """Whether the map is there by now, for a page that waits for it."""
        return Page("tags_waiting", self._common(self._sources.atlas.now(), asked.text("tag")))

    def body(self, asked: Asked) -> Answer:
        """Map and all, for a page that has waited for it."""
        directions = self._directions.of(self._sources.service.view.served)
        return Page("tags_body", self._about(asked, "", directions)) if directions is not None else Moved(ROOT)

    def suggest(self, asked: Asked) -> Page:
        """What may be meant by what was typed so far."""
        atlas, sought = self._sources.atlas.now(), asked.text("q").strip()
        hits = found(sought, atlas, MOST_SUGGESTED) if atlas is not None and sought else []
        return Page("tags_suggest", {"sought": sought, "found": hits})

    def points(self, _asked: Asked) -> File:
        """Where each tag lies. MissingStepError while there is no map."""
        atlas = self._sources.atlas.now()
        if atlas is None:
            raise MissingStepError(f"the map of {self._sources.folder.name!r} is not there yet; ask again in a moment")
        version, content = self._packed
        if version != atlas.version:
            content = points(atlas)
            self._packed = (atlas.version, content)
        return File(content, "application/json")

    def _about(self, asked: Asked, sought: str, directions: Directions) -> dict[str, Any]:
        """Values of what is said beside the map, and of the rest of the page."""
        atlas, tag = self._sources.atlas.now(), asked.text("tag")
        chosen = details(tag, directions, atlas) if tag else None
        unknown = bool(tag) and chosen is None
        values = self._common(atlas, tag) | {
            "trained": True,
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
    """The tag that is meant by its whole name, in capitals or not."""
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
