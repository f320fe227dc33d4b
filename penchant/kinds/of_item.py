"""The audience of one item: who, how well it should do, whom it shares with other items, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from penchant.audiences.best import BLOCK, Overlap, best, known_seeds, open_rows, overlap, refuse_nan, sampled_spread
from penchant.audiences.crowd import value_at, values_within
from penchant.audiences.expected import Expected, ExpectedPrecision
from penchant.audiences.spread import Spread
from penchant.audiences.why import FEWEST, explain
from penchant.choices import MIN_AUDIENCE, Scorer
from penchant.errors import AudienceError, ConfigError
from penchant.evaluation.protocols.lookalikes import Contestant
from penchant.features.cuts.rounds import now
from penchant.files import aside
from penchant.kinds.lookalikes import LookalikeRun
from penchant.logs.ingest import Log
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness
from penchant.models.lookalikes.seed_clusters import SeedLikeness
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
    """Seeds of one cluster, of all too small to be described (`few`), or where the scorer knows no clusters all seeds:
    how many, how many of the audience they pulled in (None without clusters: then all seeds did), and what they have in
    common, the most telling first."""

    few: bool
    seeds: int
    pulled: int | None
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
    """by: the scorer that made it; chosen: why that one, in a sentence; silent: better ones by their validation that
    have a score for too few users of this item; spread: of the scores. members: rank, user, score, and where `by` knows
    clusters of seeds, cluster (the number of the one that gave most); reachable: users of whom something is known and
    who are not reached yet; left_out: seeds of whom nothing is known; expected: None where the run measured no
    audience."""

    item: str
    name: str
    by: Scorer
    chosen: str
    silent: tuple[Scorer, ...]
    spread: Spread | None
    seeds: int
    left_out: int
    reachable: int
    members: pl.DataFrame
    expected: list[Expected] | None
    groups: list[SeedGroup]
    neighbours: list[Neighbour]


def audience_of(
    run: LookalikeRun, item: str, size: int, *, by: Scorer | None = None, minimum: int = MIN_AUDIENCE
) -> ItemAudience:
    """The `size` users most like those who clicked the item, of all who have no event with it yet, and why.

    by: the scorer that makes it; where none is given, the one that won on validation candidates, or where that has a
    score for too few users of this item, the next that has. Users of whom nothing is known are neither seeds nor
    members: nothing can be said of whom they are like.

    Raises UnknownItemError, ConfigError for a scorer that the run does not measure, or AudienceError where nobody is to
    be alike to, where fewer than `size` users are left, or where `size` is below `minimum`.
    """
    choice, metrics = run.choice, run.metrics
    if by is not None and by not in run.scorers:
        raise ConfigError(
            f"by = {by!r} is no scorer of {run.folder.parent}, which measures {', '.join(run.scorers)}; add it to "
            f"lookalike.competitors of the run file, and run it again"
        )
    crowd = run.crowd("latest", run.merge)
    seeds_S, reached = now(run.log, crowd.users, item, most_seeds=run.config.rounds.most_seeds)
    seeds_S, left_out = known_seeds(seeds_S, crowd, item)
    closed, candidate = _closed(crowd, reached), Candidate(run.items.id(item), seeds_S)
    open_N, silent = open_rows(len(crowd), closed), list[Scorer]()
    for name in [by] if by else choice.order:
        maker = _maker(run, name)
        likeness = maker.lookalike.liken(candidate, maker.crowd)
        if by or _scores_as_many(likeness, open_N, size):
            break
        silent.append(name)
    row_B, score_B = best(likeness, len(crowd), size, closed, minimum=minimum)
    cluster_B = likeness.strongest(row_B) if isinstance(likeness, SeedLikeness) else None
    expects = ExpectedPrecision.read(metrics, name)
    return ItemAudience(
        item=item,
        name=run.names.get(item, item),
        by=name,
        chosen=choice.made if name == choice.name else f"By default, a{choice.made[1:]}",
        silent=tuple(silent),
        spread=sampled_spread(likeness, seeds_S, open_N, maker.lookalike.top),
        seeds=len(seeds_S),
        left_out=left_out,
        reachable=len(open_N),
        members=_members(crowd, row_B, score_B, cluster_B),
        expected=expects.of(seeds=len(seeds_S), size=size, reachable=len(open_N)) if expects else None,
        groups=_groups(run, crowd, seeds_S, likeness, cluster_B),
        neighbours=list(_neighbours(run, maker, item, row_B)),
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


def _maker(run: LookalikeRun, name: Scorer) -> Contestant:
    """A scorer, and all users now as it knows them; an AudienceError where a vector is not finite."""
    crowd = run.crowd("latest", run.merge_of(name))
    refuse_nan(crowd)
    return Contestant(run.scorer(name), crowd)


def _scores_as_many(likeness: Likeness, open_N: np.ndarray, size: int) -> bool:
    """Whether so many of these users have a score, or all of them, where they are fewer."""
    wanted, found = min(size, len(open_N)), 0
    for start in range(0, len(open_N), BLOCK):
        if found >= wanted:
            break
        found += int(np.isfinite(likeness.scores(open_N[start : start + BLOCK])).sum())
    return found >= wanted


def _closed(crowd: Crowd, reached: np.ndarray) -> np.ndarray:
    """Rows of those who cannot be members: who are reached, and of whom nothing is known."""
    return np.union1d(reached, np.flatnonzero(crowd.values.lengths == 0))


def _members(crowd: Crowd, row_B: np.ndarray, score_B: np.ndarray, cluster_B: np.ndarray | None) -> pl.DataFrame:
    found = pl.DataFrame(
        {"rank": np.arange(1, len(row_B) + 1), USER: crowd.users.gather(row_B), "score": score_B},
    )
    return found if cluster_B is None else found.with_columns(cluster=pl.Series(cluster_B.astype(np.int32)))


def _groups(
    run: LookalikeRun, crowd: Crowd, seeds_S: np.ndarray, likeness: Likeness, cluster_B: np.ndarray | None
) -> list[SeedGroup]:
    """What seeds have in common, by cluster where the scorer knows clusters: told by the first field of tags, or by the
    first field if there is none."""
    fields, numbers = run.sizes.fields, run.sizes.numbers
    label = run.run.labels.field
    lists = [rule for rule in run.plan.features.fields if not rule.number]
    told = next((rule.name for rule in lists if rule.source == label), lists[0].name)
    among = values_within(told, fields, numbers=numbers)
    own_S, cluster_S = seeds_S, np.zeros(len(seeds_S), np.int64)
    if isinstance(likeness, SeedLikeness):
        own_S, cluster_S = likeness.seed_S, likeness.cluster_S
    pulling_B = np.zeros(0, np.int64) if cluster_B is None else cluster_B
    found = explain(crowd, own_S, cluster_S, pulling_B, among=among, most=MOST_TRAITS)
    names = run.vocabularies[told]
    groups = []
    for group in found:
        common = [
            Common(names.name(value_at(trait.value, fields, numbers=numbers)[1]), trait.seeds, trait.users)
            for trait in group.traits
        ]
        few = len(group.clusters) > 1 or group.seeds < FEWEST
        groups.append(SeedGroup(few, group.seeds, None if cluster_B is None else group.pulled, common))
    return groups


def _neighbours(run: LookalikeRun, maker: Contestant, item: str, row_B: np.ndarray) -> Iterator[Neighbour]:
    """Audiences of the same size by the same scorer, for the items that most seeds clicked too, where so many users are
    left of whom it can say something."""
    crowd, most_seeds, size = maker.crowd, run.config.rounds.most_seeds, len(row_B)
    for other, clicks in _clicked_too(run.log, item):
        seeds_S, reached = now(run.log, crowd.users, other, most_seeds=most_seeds)
        known_S = seeds_S[crowd.values.lengths[seeds_S] > 0]
        if not len(known_S):
            continue
        likeness = maker.lookalike.liken(Candidate(run.items.id(other), known_S), crowd)
        try:
            other_B, _ = best(likeness, len(crowd), size, _closed(crowd, reached), minimum=1)
        except AudienceError:  # fewer are left
            continue
        yield Neighbour(other, run.names.get(other, other), clicks, overlap(row_B, other_B))


def _clicked_too(log: Log, item: str) -> list[tuple[str, int]]:
    """The items that most of those who clicked one clicked too, and how many did."""
    parts = []
    for bucket in range(log.buckets):
        clicks = log.events(bucket).filter(CLICKED).select(USER, ITEM).unique()
        fans = clicks.filter(pl.col(ITEM) == item)
        parts.append(clicks.join(fans, on=USER, how="semi").group_by(ITEM).len())
    totals = pl.concat(parts).filter(pl.col(ITEM) != item).group_by(ITEM).agg(pl.col("len").sum())
    return totals.sort("len", ITEM, descending=[True, False]).head(NEIGHBOURS).rows()
