"""The audience of one item: who is in it, how well it should do, what its seeds share, and what it shares with others.

Nothing here knows a run: `AudienceSources` brings what a run keeps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from penchant.audiences.best import (
    Overlap,
    best,
    blocks,
    known_seeds,
    open_rows,
    overlap,
    refuse_few_seeds,
    refuse_nan,
    sampled_spread,
)
from penchant.audiences.expected import Expected, ExpectedPrecision
from penchant.audiences.spread import Spread
from penchant.audiences.why import Counts, SeedGroup, groups_of, with_pulled
from penchant.choices import MIN_AUDIENCE
from penchant.errors import AudienceError
from penchant.features.cuts.rounds import now
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside
from penchant.logs.ingest import Log
from penchant.models.lookalikes.promise import Candidate, Contestant, Crowd, Likeness
from penchant.models.lookalikes.seed_clusters import SeedLikeness
from penchant.schema import CLICKED, ITEM, USER

NEIGHBOURS = 5
"""How many other items' audiences an audience is compared with."""

LONGEST_NAME = 100


@dataclass(frozen=True)
class Described:
    """The values that seeds are described by. among: their numbers in the crowd; name: what people call each."""

    among: range
    name: Callable[[int], str]


@dataclass(frozen=True)
class AudienceSources:
    """What the audiences of a log are made from.

    items: the vocabulary of items; names: readable names of those items that have one; crowd: all users now;
    most_seeds: how many of the latest seeds of an item stand for all of them; contestant: gives a look-alike by name,
    with all users now as it knows them; expected: gives what to expect of a look-alike's audiences, None where that was
    not measured; winner, made: the look-alike that was chosen, and why, in a sentence.
    """

    log: Log
    items: Vocabulary
    names: Mapping[str, str]
    crowd: Crowd
    most_seeds: int
    described: Described
    contestant: Callable[[str], Contestant]
    expected: Callable[[str], ExpectedPrecision | None]
    winner: str
    made: str

    def seeds(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the item's seeds, -1 for those who are not in the crowd, and of all who have met it."""
        return now(self.log, self.crowd.users, item, most_seeds=self.most_seeds)

    def closed(self, reached: np.ndarray) -> np.ndarray:
        """Return the rows of users who cannot be members: those who are reached, or of whom nothing is known."""
        return np.union1d(reached, np.flatnonzero(self.crowd.values.lengths == 0))


@dataclass(frozen=True)
class Neighbour:
    """Another item that seeds clicked, how many of them did, and how its audience of the same size overlaps."""

    item: str
    name: str
    seeds: int
    overlap: Overlap


@dataclass(frozen=True)
class ItemAudience:
    """by: the look-alike that made it; chosen: why that one, in a sentence; silent: look-alikes that did better on
    validation candidates, but have a score for too few users of this item; spread: of the scores. members: rank, user,
    score, and where `by` knows clusters of seeds, cluster (the number of the one that gave most); reachable: users of
    whom something is known and who are not reached yet; left_out: seeds of whom nothing is known; expected: None where
    no audience was measured."""

    item: str
    name: str
    by: str
    chosen: str
    silent: tuple[str, ...]
    spread: Spread | None
    seeds: int
    left_out: int
    reachable: int
    members: pl.DataFrame
    expected: list[Expected] | None
    groups: list[SeedGroup]
    neighbours: list[Neighbour]


def make_audience(
    sources: AudienceSources, item: str, size: int, order: Sequence[str], *, minimum: int = MIN_AUDIENCE
) -> ItemAudience:
    """Return the `size` users most like those who clicked the item, of all who have no event with it yet, and why.

    order: names of look-alikes; the first that has a score for as many users makes the audience. Users of whom nothing
    is known are neither seeds nor members, because nobody can say whom they are like. Raises UnknownItemError; raises
    AudienceError where the item has fewer seeds than MIN_SEEDS or `minimum`, where fewer than `size` users are left, or
    where `size` is below `minimum` or no multiple of it.
    """
    crowd = sources.crowd
    seeds_S, reached = sources.seeds(item)
    seeds_S, left_out = known_seeds(seeds_S, crowd, item)
    refuse_few_seeds(len(seeds_S), item, minimum)
    open_N = open_rows(len(crowd), sources.closed(reached))
    candidate = Candidate(sources.items.id(item), seeds_S)
    name, maker, likeness, silent = _first_that_can(sources, order, candidate, open_N, size)
    place_B, score_B = best(map(likeness.scores, blocks(open_N)), size, minimum=minimum)
    row_B = open_N[place_B]
    cluster_B = likeness.strongest(row_B) if isinstance(likeness, SeedLikeness) else None
    expects = sources.expected(name)
    return ItemAudience(
        item=item,
        name=sources.names.get(item, item),
        by=name,
        chosen=sources.made if name == sources.winner else f"By default, a{sources.made[1:]}",
        silent=silent,
        spread=sampled_spread(likeness, seeds_S, open_N, maker.lookalike.top),
        seeds=len(seeds_S),
        left_out=left_out,
        reachable=len(open_N),
        members=_members(crowd, row_B, score_B, cluster_B),
        expected=expects.of(seeds=len(seeds_S), size=size, reachable=len(open_N)) if expects else None,
        groups=_groups(sources, seeds_S, likeness, cluster_B),
        neighbours=list(_neighbours(sources, maker, item, row_B)),
    )


def write_audience(audience: ItemAudience, folder: Path) -> Path:
    """Write the members to `folder`/ITEM.parquet, the item made fit for a file's name, and return that path. No
    half-written file is left."""
    name = quote(audience.item, safe="")
    if len(name) > LONGEST_NAME:
        name = name[:LONGEST_NAME] + sha256(audience.item.encode()).hexdigest()[:16]
    path = folder / f"{name}.parquet"
    with aside(path) as temporary:
        audience.members.write_parquet(temporary)
    return path


def _first_that_can(
    sources: AudienceSources, order: Sequence[str], candidate: Candidate, open_N: np.ndarray, size: int
) -> tuple[str, Contestant, Likeness, tuple[str, ...]]:
    """Return the look-alike that makes the audience, its scores, and the names of those before it that could not."""
    silent: list[str] = []
    for name in order:
        maker = sources.contestant(name)
        refuse_nan(maker.crowd)
        likeness = maker.lookalike.liken(candidate, maker.crowd)
        if len(order) == 1 or _scores_as_many(likeness, open_N, size):
            break
        silent.append(name)
    return name, maker, likeness, tuple(silent)


def _scores_as_many(likeness: Likeness, open_N: np.ndarray, size: int) -> bool:
    """Say whether at least `size` of these users have a score, or all of them if there are fewer."""
    wanted, found = min(size, len(open_N)), 0
    for rows in blocks(open_N):
        if found >= wanted:
            break
        found += int(np.isfinite(likeness.scores(rows)).sum())
    return found >= wanted


def _members(crowd: Crowd, row_B: np.ndarray, score_B: np.ndarray, cluster_B: np.ndarray | None) -> pl.DataFrame:
    found = pl.DataFrame(
        {"rank": np.arange(1, len(row_B) + 1), USER: crowd.users.gather(row_B), "score": score_B},
    )
    return found if cluster_B is None else found.with_columns(cluster=pl.Series(cluster_B.astype(np.int32)))


def _groups(
    sources: AudienceSources, seeds_S: np.ndarray, likeness: Likeness, cluster_B: np.ndarray | None
) -> list[SeedGroup]:
    """Return what seeds have in common, by cluster where the look-alike knows clusters."""
    own_S, cluster_S = seeds_S, np.zeros(len(seeds_S), np.int64)
    if isinstance(likeness, SeedLikeness):
        own_S, cluster_S = likeness.seed_S, likeness.cluster_S
    crowd, among = sources.crowd, sources.described.among

    def counts(place_S: np.ndarray) -> Counts:
        return _counts(crowd, own_S[place_S], among)

    def name(place: int) -> str:
        return sources.described.name(among.start + place)

    pulling_B = np.zeros(0, np.int64) if cluster_B is None else cluster_B
    size_J = np.bincount(cluster_S, minlength=int(pulling_B.max(initial=-1)) + 1)
    groups = groups_of(size_J, cluster_S, counts, _counts(crowd, None, among), name)
    return groups if cluster_B is None else with_pulled(groups, cluster_B)


def _counts(crowd: Crowd, rows: np.ndarray | None, among: range) -> Counts:
    """How many of the users, all if no rows are given, have each value of `among`."""
    values = crowd.values.values if rows is None else crowd.values.take(rows)[0]
    inside = values[(values >= among.start) & (values < among.stop)]
    users = len(crowd) if rows is None else len(rows)
    return Counts(np.bincount(inside - among.start, minlength=len(among)), users)


def _neighbours(sources: AudienceSources, maker: Contestant, item: str, row_B: np.ndarray) -> Iterator[Neighbour]:
    """Audiences of the same size by the same look-alike, for the items that most seeds clicked too, where it has
    a score for so many users."""
    crowd = maker.crowd
    for other, clicks in _clicked_too(sources.log, item):
        seeds_S, reached = sources.seeds(other)
        known_S = seeds_S[crowd.values.lengths[seeds_S] > 0]
        if not len(known_S):
            continue
        likeness = maker.lookalike.liken(Candidate(sources.items.id(other), known_S), crowd)
        open_N = open_rows(len(crowd), sources.closed(reached))
        try:
            place_B, _ = best(map(likeness.scores, blocks(open_N)), len(row_B), minimum=1)
        except AudienceError:  # fewer are left
            continue
        yield Neighbour(other, sources.names.get(other, other), clicks, overlap(row_B, open_N[place_B]))


def _clicked_too(log: Log, item: str) -> list[tuple[str, int]]:
    """Return the items that most users who clicked this one clicked too, and how many did."""
    parts = []
    for bucket in range(log.buckets):
        clicks = log.events(bucket).filter(CLICKED).select(USER, ITEM).unique()
        fans = clicks.filter(pl.col(ITEM) == item)
        parts.append(clicks.join(fans, on=USER, how="semi").group_by(ITEM).len())
    totals = pl.concat(parts).filter(pl.col(ITEM) != item).group_by(ITEM).agg(pl.col("len").sum())
    return totals.sort("len", ITEM, descending=[True, False]).head(NEIGHBOURS).rows()
