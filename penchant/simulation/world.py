"""What all users share: tags in topics, and the articles, as compact arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from penchant.simulation.config import SimulationConfig

TAG = "t"
"""A tag is called by this and its number."""


@dataclass(frozen=True)
class Topics:
    """G groups of tags. first_G1: topic g has the tags first_G1[g] … first_G1[g + 1] - 1, most popular first; share_G:
    how popular each topic is, adds up to 1; mass_R: cumulative popularity of the ranks within a topic; bland_V: tags
    that nobody cares for."""

    first_G1: np.ndarray
    share_G: np.ndarray
    mass_R: np.ndarray
    bland_V: np.ndarray

    @classmethod
    def of(cls, config: SimulationConfig, rng: np.random.Generator) -> "Topics":
        first_G1 = np.arange(config.topics + 1) * config.tags // config.topics
        share_G = np.arange(1, config.topics + 1) ** -config.topic_skew
        ranks = np.arange(1, np.diff(first_G1).max() + 1)
        # The same number in each topic, so that there are always others.
        sizes = np.repeat(np.diff(first_G1), np.diff(first_G1))
        topic_V = np.repeat(np.arange(config.topics), np.diff(first_G1))
        order = np.lexsort([rng.random(config.tags), topic_V])
        bland_V = np.zeros(config.tags, bool)
        bland_V[order] = np.arange(config.tags) - first_G1[topic_V] < np.floor(sizes * config.bland)
        return cls(first_G1, share_G / share_G.sum(), np.cumsum(ranks**-config.tag_skew), bland_V)

    def draw(self, count: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Topics, by their share."""
        return np.searchsorted(np.cumsum(self.share_G)[:-1], rng.random(count), side="right").astype(np.int32)

    def draw_tags(self, topics: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A tag of each of the topics, by popularity."""
        first = self.first_G1[topics]
        reach = self.mass_R[self.first_G1[topics + 1] - first - 1]
        return (first + np.searchsorted(self.mass_R, rng.random(topics.shape) * reach, side="right")).astype(np.int32)

    def draw_cared(self, topics: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same among tags that one may care for."""
        tags = self.draw_tags(topics, rng)
        while (bland := self.bland_V[tags]).any():
            tags[bland] = self.draw_tags(topics[bland], rng)
        return tags


@dataclass(frozen=True)
class World:
    """Articles, ordered by day of birth, then topic.

    tags_AN, topic_A, account_A; appeal_A: standard normal; cell_C1: where the articles of each (birth, topic) start;
    mass_A1: cumulative exposure by appeal.
    """

    config: SimulationConfig
    topics: Topics
    tags_AN: np.ndarray
    topic_A: np.ndarray
    account_A: np.ndarray
    appeal_A: np.ndarray
    cell_C1: np.ndarray
    mass_A1: np.ndarray

    @classmethod
    def of(cls, config: SimulationConfig) -> "World":
        rng = generator(config.seed, 0)
        topics = Topics.of(config, rng)
        cells = config.births * config.topics
        share_C = np.tile(topics.share_G, config.births) / config.births
        # One article at least in each cell, so that a day has something to show of every topic.
        count_C = 1 + rng.multinomial(config.items - cells, share_C)
        topic_A = np.repeat(np.tile(np.arange(config.topics, dtype=np.int32), config.births), count_C)
        appeal_A = rng.standard_normal(config.items, np.float32)
        exposure_A = np.exp(config.popularity_bias * appeal_A.astype(np.float64))
        return cls(
            config,
            topics,
            _tags(topic_A, topics, config, rng),
            topic_A,
            topic_A * config.accounts + rng.integers(config.accounts, size=config.items, dtype=np.int32),
            appeal_A,
            np.concatenate([[0], np.cumsum(count_C)]),
            np.concatenate([[0.0], np.cumsum(exposure_A)]),
        )

    def births(self) -> np.ndarray:
        """[A]: the day of birth, 0 for the first of the log."""
        per_day = np.diff(self.cell_C1[:: self.config.topics])
        return np.repeat(np.arange(self.config.births, dtype=np.int32) - self.config.life_days + 1, per_day)


def generator(*parts: int) -> np.random.Generator:
    """Return a random generator that depends on these numbers alone: the seed, the purpose, the shard."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(parts)))


def draw_distinct(draw: Callable[[np.ndarray], np.ndarray], rows: int) -> np.ndarray:
    """A table of `rows` rows whose entries differ within each row.

    draw: given numbers of rows, draws those rows anew. What is drawn twice in a row is drawn again, so an entry follows
    the law of `draw` among those that are not taken.
    """
    table = draw(np.arange(rows))
    unfinished = np.arange(rows)
    while len(unfinished):
        repeated = _repeated(table[unfinished])
        again = repeated.any(1)
        unfinished, repeated = unfinished[again], repeated[again]
        table[unfinished] = np.where(repeated, draw(unfinished), table[unfinished])
    return table


def _repeated(table: np.ndarray) -> np.ndarray:
    """Say which entries repeat an earlier entry of their row."""
    repeated = np.zeros(table.shape, bool)
    for column in range(1, table.shape[1]):
        repeated[:, column] = (table[:, :column] == table[:, column : column + 1]).any(1)
    return repeated


def _tags(topic_A: np.ndarray, topics: Topics, config: SimulationConfig, rng: np.random.Generator) -> np.ndarray:
    def draw(rows: np.ndarray) -> np.ndarray:
        shape = (len(rows), config.tags_per_item)
        stray = rng.random(shape, np.float32) < config.off_topic
        topic = np.where(stray, topics.draw(shape, rng), topic_A[rows, None])
        return topics.draw_tags(topic, rng)

    return draw_distinct(draw, len(topic_A))
