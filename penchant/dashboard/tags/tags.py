"""What pages say of tags: which tags are nearest by the model, and what the atlas has counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.profiles.atlas import Atlas, Interested
from penchant.profiles.directions import Directions

MOST_NEAR, MOST_USERS = 12, 20

FINENESS = 100_000
"""Places on the map are sent as whole numbers from minus to plus this, which is short, and finer than any screen."""


@dataclass(frozen=True)
class CountedTag:
    """A tag with its clicks. users: how many users have it among their ten foremost tags, None where nobody has a
    profile."""

    tag: str
    clicks: int
    users: int | None


@dataclass(frozen=True)
class Near:
    """A tag that is near another. likeness: the cosine of the two vectors, 1 where they point the same way; clicks:
    None where the atlas does not know it."""

    tag: str
    likeness: float
    clicks: int | None


@dataclass(frozen=True)
class ClickSpan:
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
    """What the atlas has counted of a tag. rank: its place by clicks, 1 for the most clicked; tags: how many there are;
    mapped: whether it is on the map; spans: empty where the log has no common clock; interested: the users who prefer
    it most, best first; None for who may not see them."""

    counted: CountedTag
    rank: int
    tags: int
    mapped: bool
    spans: Sequence[ClickSpan]
    interested: Sequence[Interested] | None


@dataclass(frozen=True)
class Details:
    """What is known of a tag. account: None where the atlas does not know it, or does not exist yet; learned: whether
    the model has a vector for it; near: the nearest tags, best first."""

    tag: str
    account: Account | None
    learned: bool
    near: Sequence[Near]


def details(tag: str, directions: Directions, atlas: Atlas | None, *, names_users: bool) -> Details | None:
    """Return what is known of a tag, None where neither the model nor the atlas knows it. For a moment after a new
    model takes over, the two may be of different models. names_users: whether to say who is interested."""
    account = _account(tag, atlas, names_users) if atlas is not None else None
    if account is None and tag not in directions:
        return None
    near = [Near(one, likeness, _clicks(one, atlas)) for one, likeness in directions.nearest(tag, MOST_NEAR)]
    return Details(tag, account, directions.learned(tag), near)


def most_clicked(atlas: Atlas, most: int) -> list[CountedTag]:
    """Return the most clicked tags."""
    best = np.argsort(-atlas.clicks_V, kind="stable")[:most]
    return [_counted(number, atlas) for number in best.tolist()]


def found(text: str, atlas: Atlas, most: int) -> list[CountedTag]:
    """Return tags that begin with a text or contain it."""
    numbers = [atlas.number(tag) for tag in atlas.search(text, most)]
    return [_counted(number, atlas) for number in numbers if number is not None]


def similar(text: str, atlas: Atlas, most: int) -> list[CountedTag]:
    """Return tags that contain a text; where none does, tags that contain as much of its beginning as any tag does."""
    while len(text) > 1:
        if hits := found(text, atlas, most):
            return hits
        text = text[: len(text) * 3 // 4]
    return []


def mapped(atlas: Atlas) -> int:
    """Return how many tags are on the map."""
    return int(np.isfinite(atlas.place_VC[:, 0]).sum())


def points(atlas: Atlas) -> bytes:
    """Pack the map as JSON: columns of equal length, the most clicked tag first. x, y: see FINENESS; users: null where
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


def course(spans: Sequence[ClickSpan]) -> Chart:
    """Draw the share of all clicks that a tag has, from span to span."""
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


def _account(tag: str, atlas: Atlas, names_users: bool) -> Account | None:
    number = atlas.number(tag)
    if number is None:
        return None
    return Account(
        counted=_counted(number, atlas),
        rank=1 + int((atlas.clicks_V > atlas.clicks_V[number]).sum()),
        tags=len(atlas.tags),
        mapped=bool(np.isfinite(atlas.place_VC[number]).all()),
        spans=_spans(tag, atlas),
        interested=atlas.interested(tag)[:MOST_USERS] if names_users else None,
    )


def _spans(tag: str, atlas: Atlas) -> list[ClickSpan]:
    edges, counts = atlas.edges.tolist(), zip(atlas.movement(tag).tolist(), atlas.all_clicks_T.tolist(), strict=True)
    return [ClickSpan(begin, end, *both) for begin, end, both in zip(edges[:-1], edges[1:], counts, strict=True)]


def _counted(number: int, atlas: Atlas) -> CountedTag:
    users = int(atlas.users_V[number]) if atlas.profiled else None
    return CountedTag(atlas.tags[number], int(atlas.clicks_V[number]), users)


def _clicks(tag: str, atlas: Atlas | None) -> int | None:
    number = atlas.number(tag) if atlas is not None else None
    return int(atlas.clicks_V[number]) if atlas is not None and number is not None else None
