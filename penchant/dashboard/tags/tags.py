"""What there is to say of tags: which are nearest to one by the model, and what the atlas has counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import orjson
import torch

from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.profiles.atlas import Atlas, Interested
from penchant.ranking import best
from penchant.schema import RESERVED
from penchant.serving.served import Served, TagModel

MOST_NEAR, MOST_USERS = 12, 20

FINENESS = 100_000
"""Places on the map are sent as whole numbers within plus and minus this: shorter, and finer than any screen."""


@dataclass(frozen=True)
class Counted:
    """A tag, its clicks, and how many users have it among their foremost, None where nobody has a profile."""

    tag: str
    clicks: int
    users: int | None


@dataclass(frozen=True)
class Near:
    """likeness: cosine of the vectors, 1 where they point the same way; clicks: None where the atlas has none."""

    tag: str
    likeness: float
    clicks: int | None


@dataclass(frozen=True)
class Span:
    """From begin to end, UTC seconds: clicks on the tag, and all clicks."""

    begin: float
    end: float
    clicks: int
    all_clicks: int

    @property
    def share(self) -> float | None:
        """Of all clicks; None where there are none."""
        return self.clicks / self.all_clicks if self.all_clicks else None


@dataclass(frozen=True)
class Account:
    """What the atlas has of a tag. rank: by clicks, 1 is the most clicked, of so many tags; mapped: whether it is on
    the map; spans: empty where the log has no common clock; interested: who prefers it most, best first."""

    counted: Counted
    rank: int
    tags: int
    mapped: bool
    spans: Sequence[Span]
    interested: Sequence[Interested]


@dataclass(frozen=True)
class Details:
    """A tag. account: None where the atlas does not know it, or is not there; learned: whether the model that serves
    has a vector of it; near: best first."""

    tag: str
    account: Account | None
    learned: bool
    near: Sequence[Near]


class Directions:
    """Which tags of one model point the same way. Of tags that are called alike, the first counts."""

    def __init__(self, tags: TagModel) -> None:
        self.tags = tags.names[tags.label].values
        vectors_VU = tags.model.tags().detach().cpu().numpy()[RESERVED:].astype(np.float32)
        length_V = np.linalg.norm(vectors_VU, axis=1, keepdims=True)
        self._direction_VU = vectors_VU / np.where(length_V > 0, length_V, np.float32(1))
        self._number = {tag: number for number, tag in reversed(list(enumerate(self.tags)))}

    def __contains__(self, tag: str) -> bool:
        return tag in self._number

    def learned(self, tag: str) -> bool:
        """Whether there is a vector that is not zero."""
        return tag in self and bool(self._direction_VU[self._number[tag]].any())

    def nearest(self, tag: str, most: int) -> list[tuple[str, float]]:
        """Other tags with the cosine, the nearest first, of equally near ones the more clicked; nothing is near what
        has no vector."""
        if not self.learned(tag):
            return []
        number = self._number[tag]
        likeness_V = self._direction_VU @ self._direction_VU[number]
        likeness_V[number] = -np.inf
        top = best(torch.from_numpy(likeness_V[None]), min(most, len(likeness_V) - 1))
        return [
            (self.tags[place], score) for place, score in zip(top.ids[0].tolist(), top.scores[0].tolist(), strict=True)
        ]


class DirectionsOfServed:
    """Those of the model that serves, worked out once for each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: tuple[str, Directions] | None = None

    def of(self, served: Served) -> Directions | None:
        """None where the run has no tag model."""
        if served.tags is None:
            return None
        with self._lock:
            if self._kept is None or self._kept[0] != served.name:
                self._kept = (served.name, Directions(served.tags))
            return self._kept[1]


def details(tag: str, directions: Directions, atlas: Atlas | None) -> Details | None:
    """None for a tag that neither the model nor the atlas knows; these may be of two models for a moment."""
    account = _account(tag, atlas) if atlas is not None else None
    if account is None and tag not in directions:
        return None
    near = [Near(one, likeness, _clicks(one, atlas)) for one, likeness in directions.nearest(tag, MOST_NEAR)]
    return Details(tag, account, directions.learned(tag), near)


def most_clicked(atlas: Atlas, most: int) -> list[Counted]:
    """Of all tags, the most clicked first."""
    best = np.argsort(-atlas.clicks_V, kind="stable")[:most]
    return [_counted(number, atlas) for number in best.tolist()]


def found(text: str, atlas: Atlas, most: int) -> list[Counted]:
    """Tags that begin with a text or contain it."""
    numbers = [atlas.number(tag) for tag in atlas.search(text, most)]
    return [_counted(number, atlas) for number in numbers if number is not None]


def similar(text: str, atlas: Atlas, most: int) -> list[Counted]:
    """Tags that contain a text, or as much of its beginning as any tag contains."""
    while len(text) > 1:
        if hits := found(text, atlas, most):
            return hits
        text = text[: len(text) * 3 // 4]
    return []


def mapped(atlas: Atlas) -> int:
    """How many tags are on the map."""
    return int(np.isfinite(atlas.place_VC[:, 0]).sum())


def points(atlas: Atlas) -> bytes:
    """The map as JSON: columns of equal length, the most clicked tag first. x, y: see FINENESS; users: null where
    nobody has a profile."""
    on_map = np.flatnonzero(np.isfinite(atlas.place_VC).all(1))
    order = on_map[np.argsort(-atlas.clicks_V[on_map], kind="stable")]
    place_VC = np.rint(atlas.place_VC[order] * FINENESS).astype(np.int32)
    return orjson.dumps(
        {
            "fineness": FINENESS,
            "texts": [atlas.tags[number] for number in order.tolist()],
            "x": place_VC[:, 0].tolist(),
            "y": place_VC[:, 1].tolist(),
            "clicks": atlas.clicks_V[order].tolist(),
            "users": atlas.users_V[order].tolist() if atlas.profiled else None,
        }
    )


def course(spans: Sequence[Span]) -> Chart:
    """How interest in a tag moves: its share of all clicks, from span to span."""
    shares = [None if span.share is None else 100 * span.share for span in spans]
    begins = [span.begin for span in spans]
    line = Series(
        "share", list(zip([*begins, *(span.end for span in spans[-1:])], [*shares, *shares[-1:]], strict=True))
    )
    title = "Clicks on what carries this tag, as a share of all clicks"
    return Chart(
        "course",
        "line",
        title,
        Axis("time", "time"),
        Axis("share of all clicks (%)", from_zero=True),
        [line],
        step=True,
    )


def _account(tag: str, atlas: Atlas) -> Account | None:
    number = atlas.number(tag)
    if number is None:
        return None
    return Account(
        counted=_counted(number, atlas),
        rank=1 + int((atlas.clicks_V > atlas.clicks_V[number]).sum()),
        tags=len(atlas.tags),
        mapped=bool(np.isfinite(atlas.place_VC[number]).all()),
        spans=_spans(tag, atlas),
        interested=atlas.interested(tag)[:MOST_USERS],
    )


def _spans(tag: str, atlas: Atlas) -> list[Span]:
    edges, counts = atlas.edges.tolist(), zip(atlas.movement(tag).tolist(), atlas.all_clicks_T.tolist(), strict=True)
    return [Span(begin, end, *both) for begin, end, both in zip(edges[:-1], edges[1:], counts, strict=True)]


def _counted(number: int, atlas: Atlas) -> Counted:
    users = int(atlas.users_V[number]) if atlas.profiled else None
    return Counted(atlas.tags[number], int(atlas.clicks_V[number]), users)


def _clicks(tag: str, atlas: Atlas | None) -> int | None:
    number = atlas.number(tag) if atlas is not None else None
    return int(atlas.clicks_V[number]) if atlas is not None and number is not None else None
