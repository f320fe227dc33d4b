"""One block of users through all days: its events, and the truth behind them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penchant.files import aside
from penchant.schema import CLICKED, ITEM, TIME, USER
from penchant.simulation.config import SimulationConfig
from penchant.simulation.people import Population
from penchant.simulation.showing import RULES, click_chance, decide, examination, interest, show
from penchant.simulation.world import World, generator

DAY_S = 86_400
FIRST_S = 1_704_067_200
"""Midnight UTC on 1 January 2024, when every simulated log begins."""
PACE_S = 20
"""From one position of the feed to the next."""
PARTS = ("truth/interests", "truth/clicks", "events")
"""The files of a shard in the order in which they are written: where the last is, all are."""


def shard_path(out: Path, part: str, shard: int) -> Path:
    return out / part / f"{shard:05}.parquet"


@dataclass
class Day:
    """Impressions of a day, in columns; `looked` are the places that were examined, the rest describe those."""

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    position: np.ndarray
    clicked: np.ndarray
    clicks: dict[str, np.ndarray]


def write_block(world: World, bias: dict[str, float], shard: int, out: Path) -> None:
    """Simulate one block of users and write its three files; depends on the config and `shard` alone."""
    config, rng = world.config, generator(world.config.seed, 2, shard)
    first = shard * config.users_per_shard
    people = Population.draw(min(config.users_per_shard, config.users - first), world.topics, config, rng)
    interests = [_interests(people, first, "first_day")]
    days = []
    for day in range(config.days):
        if day:
            people.next_day(rng)
        days.append(_live(world, people, bias, day, rng))
    interests.append(_interests(people, first, "last_day"))
    events, clicks = _shown_once(days, config, first)
    tables = {"truth/interests": _join(*interests), "truth/clicks": clicks, "events": events}
    for part in PARTS:
        write_table(tables[part], shard_path(out, part, shard))


def write_table(table: pa.Table, path: Path) -> None:
    with aside(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _live(world: World, people: Population, bias: dict[str, float], day: int, rng: np.random.Generator) -> Day:
    """Who comes, what they are shown, and what they click."""
    config = world.config
    visitors = np.flatnonzero(rng.random(len(people.visits_U)) < people.visits_U)
    item = show(world, people, visitors, day, rng).ravel()
    user = np.repeat(visitors, config.shown).astype(np.int32)
    position = np.tile(np.arange(1, config.shown + 1, dtype=np.int16), len(visitors))
    begins = rng.integers(0, DAY_S - PACE_S * config.shown, len(visitors)).repeat(config.shown)
    time = FIRST_S + day * DAY_S + begins + PACE_S * (position - 1)
    looked = np.flatnonzero(rng.random(len(item), np.float32) < examination(config)[position - 1])
    seen, by = item[looked], user[looked]
    interest_IN = interest(world.tags_AN[seen], people.tag_UJ[by], people.weights()[by])
    decision = decide(interest_IN, config.rule, config.sharpness, rng)
    bias_I = np.array([bias[rule] for rule in RULES])[decision.rule_I]
    chance = click_chance(bias_I + config.appeal * world.appeal_A[seen] + decision.adds_IN.sum(1))
    hit = np.flatnonzero(rng.random(len(seen)) < chance)
    clicked = np.zeros(len(item), bool)
    clicked[looked[hit]] = True
    cared = world.tags_AN[seen[hit], decision.cared_I[hit]]
    clicks = {"contributions": decision.adds_IN[hit], "cared": cared, "rule": decision.rule_I[hit]}
    return Day(user, item, time, position, clicked, clicks)


def _shown_once(days: list[Day], config: SimulationConfig, first: int) -> tuple[pa.Table, pa.Table]:
    """Return the events and clicks of all days. A place stays empty where the user would see an article for a second
    time."""
    user, item, time, position, clicked = (
        np.concatenate([getattr(day, name) for day in days]) for name in ("user", "item", "time", "position", "clicked")
    )
    new = np.zeros(len(user), bool)
    new[np.unique(user.astype(np.int64) * config.items + item, return_index=True)[1]] = True
    said = {name: np.concatenate([day.clicks[name] for day in days])[new[clicked]] for name in days[0].clicks}
    shown = {USER: user + np.int32(first), ITEM: item, TIME: time, "position": position, CLICKED: clicked}
    events = {name: column[new] for name, column in shown.items()}
    keys = {name: events[name][events[CLICKED]] for name in (USER, ITEM, TIME)}
    clicks = {
        **keys,
        "contributions": lists(said["contributions"]),
        "cared": said["cared"],
        "rule": pa.array(RULES).take(pa.array(said["rule"])),
    }
    return pa.table(events), pa.table(clicks)


def lists(table: np.ndarray | pa.Array, width: int = 0) -> pa.ListArray:
    """A column of lists from the rows of a table, or of a flat array cut every `width` values."""
    width = width or table.shape[1]
    flat = pa.array(table.ravel()) if isinstance(table, np.ndarray) else table
    return pa.ListArray.from_arrays(pa.array(np.arange(0, len(flat) + 1, width, dtype=np.int32)), flat)


def _interests(people: Population, first: int, column: str) -> pa.Table:
    count, width = people.tag_UJ.shape
    user = np.repeat(np.arange(first, first + count, dtype=np.int32), width)
    return pa.table({USER: user, "tag": people.tag_UJ.ravel(), column: people.weights().ravel()})


def _join(start: pa.Table, end: pa.Table) -> pa.Table:
    """USER, tag, first_day, last_day: 0 on a day when the user had no such interest."""
    both = start.join(end, keys=[USER, "tag"], join_type="full outer")
    both = both.sort_by([(USER, "ascending"), ("tag", "ascending")])
    filled = [both[name].fill_null(0.0).combine_chunks() for name in ("first_day", "last_day")]
    return pa.table({USER: both[USER], "tag": both["tag"], "first_day": filled[0], "last_day": filled[1]})
