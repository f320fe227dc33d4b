"""The audience of one item: who, how well it should do, whom it shares with other items, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from penchant.evaluation.expected import Expected, ExpectedPrecision
from penchant.features.crowd import value_at, values_within
from penchant.features.rounds import now
from penchant.files import aside
from penchant.logs.ingest import Log
from penchant.lookalike.audience import MIN_AUDIENCE, Audience, Overlap, best, draw, known_seeds, overlap, refuse_nan
from penchant.lookalike.likeness import SeedLikeness
from penchant.lookalike.why import FEWEST, explain
from penchant.lookalikes import LookalikeRun
from penchant.models.base import Candidate, Crowd, LookAlike
from penchant.schema import CLICKED, ITEM, USER

NEIGHBOURS = 5
"""With the audiences of how many other items an audience is compared."""

MOST_TRAITS = 5
LONGEST_NAME = 100


@dataclass(frozen=True)
class Common:
    """A value that seeds of a cluster have in common: the share of them, and of all users, who have it."""

    value: str
    seeds: float
    users: float


@dataclass(frozen=True)
class SeedGroup:
    """Seeds of one cluster, or of all too small to be described (`few`): how many, how many of the audience they pulled
    in, and what they have in common, the most telling first."""

    few: bool
    seeds: int
    pulled: int
    common: list[Common]


@dataclass(frozen=True)
class Neighbour:
    """Another item that seeds clicked, how many of them did, and how its audience of the same size overlaps."""

    item: str
    name: str
    seeds: int
    overlap: Overlap


@dataclass(frozen=True)
class ItemAudience:
    """members: rank, user, score, cluster (the number of the cluster that gave most); reachable: users of whom
    something is known and who are not reached yet; left_out: seeds of whom nothing is known; expected: None where the
    run measured no audience."""

    item: str
    name: str
    seeds: int
    left_out: int
    reachable: int
    members: pl.DataFrame
    expected: list[Expected] | None
    groups: list[SeedGroup]
    neighbours: list[Neighbour]


def audience_of(run: LookalikeRun, item: str, size: int, *, minimum: int = MIN_AUDIENCE) -> ItemAudience:
    """The `size` users most like those who clicked the item, of all who have no event with it yet, and why.

    Users of whom nothing is known are neither seeds nor members: nothing can be said of whom they are like.

    Raises UnknownItemError, or AudienceError where nobody is to be alike to, where fewer than `size` users are left, or
    where `size` is below `minimum`.
    """
    crowd = run.crowd("latest", run.merge)
    refuse_nan(crowd)
    seeds_S, reached = now(run.log, crowd.users, item, most_seeds=run.config.rounds.most_seeds)
    seeds_S, left_out = known_seeds(seeds_S, crowd, item)
    scorer = run.scorer()
    likeness = scorer.liken(Candidate(run.items.id(item), seeds_S), crowd)
    closed = _closed(crowd, reached)
    audience = draw(likeness, size, closed, minimum=minimum)
    reachable, expects = len(crowd) - len(closed), ExpectedPrecision.read(run.metrics, "ralm")
    return ItemAudience(
        item=item,
        name=run.names.get(item, item),
        seeds=len(seeds_S),
        left_out=left_out,
        reachable=reachable,
        members=_members(audience, crowd),
        expected=expects.of(seeds=len(seeds_S), size=size, reachable=reachable) if expects else None,
        groups=_groups(run, crowd, audience, likeness),
        neighbours=list(_neighbours(run, crowd, scorer, item, audience)),
    )


def some_item(run: LookalikeRun) -> str:
    """An item of the long tail to show: of the items in the lowest third by clicks, the most clicked."""
    counts = run.items.counts
    return run.items.values[int(np.searchsorted(-counts, -np.quantile(counts, 1 / 3)))]


def write_audience(audience: ItemAudience, folder: Path) -> Path:
    """The members as Parquet, whole or not there: `folder`/ITEM.parquet, the item made fit for a file's name."""
    name = quote(audience.item, safe="")
    if len(name) > LONGEST_NAME:
        name = name[:LONGEST_NAME] + sha256(audience.item.encode()).hexdigest()[:16]
    path = folder / f"{name}.parquet"
    with aside(path) as temporary:
        audience.members.write_parquet(temporary)
    return path


def _closed(crowd: Crowd, reached: np.ndarray) -> np.ndarray:
    """Rows of those who cannot be members: who are reached, and of whom nothing is known."""
    return np.union1d(reached, np.flatnonzero(crowd.values.lengths == 0))


def _members(audience: Audience, crowd: Crowd) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "rank": np.arange(1, len(audience.row_B) + 1),
            USER: crowd.users.gather(audience.row_B),
            "score": audience.score_B,
            "cluster": audience.strongest.astype(np.int32),
        }
    )


def _groups(run: LookalikeRun, crowd: Crowd, audience: Audience, likeness: SeedLikeness) -> list[SeedGroup]:
    """What clusters have in common is told by the first field of tags, or by the first field if there is none."""
    fields, numbers = run.sizes.fields, run.sizes.numbers
    label = run.run.labels.field
    lists = [rule for rule in run.plan.features.fields if not rule.number]
    told = next((rule.name for rule in lists if rule.source == label), lists[0].name)
    among = values_within(told, fields, numbers=numbers)
    found = explain(crowd, likeness.seed_S, likeness.cluster_S, audience.strongest, among=among, most=MOST_TRAITS)
    names = run.vocabularies[told]
    groups = []
    for group in found:
        common = [
            Common(names.name(value_at(trait.value, fields, numbers=numbers)[1]), trait.seeds, trait.users)
            for trait in group.traits
        ]
        few = len(group.clusters) > 1 or group.seeds < FEWEST
        groups.append(SeedGroup(few, group.seeds, group.pulled, common))
    return groups


def _neighbours(
    run: LookalikeRun, crowd: Crowd, scorer: LookAlike, item: str, audience: Audience
) -> Iterator[Neighbour]:
    """Audiences of the same size, for the items that most seeds clicked too, where so many users are left."""
    most_seeds, size = run.config.rounds.most_seeds, len(audience.row_B)
    for other, clicks in _clicked_too(run.log, item):
        seeds_S, reached = now(run.log, crowd.users, other, most_seeds=most_seeds)
        known_S = seeds_S[crowd.values.lengths[seeds_S] > 0]
        closed = _closed(crowd, reached)
        if len(known_S) and len(crowd) - len(closed) >= size:
            likeness = scorer.liken(Candidate(run.items.id(other), known_S), crowd)
            row_B, _ = best(likeness, len(crowd), size, closed, minimum=1)
            yield Neighbour(other, run.names.get(other, other), clicks, overlap(audience.row_B, row_B))


def _clicked_too(log: Log, item: str) -> list[tuple[str, int]]:
    """The items that most of those who clicked one clicked too, and how many did."""
    parts = []
    for bucket in range(log.buckets):
        clicks = log.events(bucket).filter(CLICKED).select(USER, ITEM).unique()
        fans = clicks.filter(pl.col(ITEM) == item)
        parts.append(clicks.join(fans, on=USER, how="semi").group_by(ITEM).len())
    totals = pl.concat(parts).filter(pl.col(ITEM) != item).group_by(ITEM).agg(pl.col("len").sum())
    return totals.sort("len", ITEM, descending=[True, False]).head(NEIGHBOURS).rows()
