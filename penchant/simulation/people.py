"""A block of users: their topics, the tags they care for, and how that changes from day to day."""

from dataclasses import dataclass

import numpy as np

from penchant.simulation.config import SimulationConfig
from penchant.simulation.world import Topics, draw_distinct


@dataclass
class Population:
    """visits_U: the chance to come on a day; topic_UT, reach_UT: topics and their cumulative shares; tag_UJ: interests,
    then dislikes; mean_UJ: their weights without drift, negative for dislikes; wander_UJ: the drift, in log-weight."""

    config: SimulationConfig
    topics: Topics
    visits_U: np.ndarray
    topic_UT: np.ndarray
    reach_UT: np.ndarray
    tag_UJ: np.ndarray
    mean_UJ: np.ndarray
    wander_UJ: np.ndarray

    @classmethod
    def draw(cls, count: int, topics: Topics, config: SimulationConfig, rng: np.random.Generator) -> "Population":
        """Return `count` users on the first day. Their weights have drifted for so long before it that every day has
        the same spread."""
        topic_UT = draw_distinct(lambda rows: topics.draw((len(rows), config.user_topics), rng), count)
        reach_UT = np.cumsum(rng.dirichlet(np.ones(config.user_topics), count), axis=1)
        width = config.interests + config.dislikes

        def tags(rows: np.ndarray) -> np.ndarray:
            return topics.draw_cared(_topics(topic_UT[rows], reach_UT[rows], width, rng), rng)

        return cls(
            config,
            topics,
            rng.beta(4 * config.visits, 4 * (1 - config.visits), count),
            topic_UT,
            reach_UT,
            draw_distinct(tags, count),
            _weights(count, config, rng),
            rng.standard_normal((count, width), np.float32) * np.float32(config.drift),
        )

    def weights(self) -> np.ndarray:
        """[U, J], w = m · exp(x): today's weight of each tag in tag_UJ."""
        return self.mean_UJ * np.exp(self.wander_UJ)

    def draw_topics(self, users: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
        """`each` topics for every one of the users, by their own shares."""
        return _topics(self.topic_UT[users], self.reach_UT[users], each, rng)

    def next_day(self, rng: np.random.Generator) -> None:
        """Move to the next day: weights drift (Ornstein-Uhlenbeck in steps of a day), and other tags of the same topics
        replace some tags."""
        noise_UJ = rng.standard_normal(self.wander_UJ.shape, np.float32)
        memory = self.config.memory
        self.wander_UJ = np.float32(memory) * self.wander_UJ + noise_UJ * np.float32(
            self.config.drift * (1 - memory**2) ** 0.5
        )
        replaced_UJ = rng.random(self.tag_UJ.shape, np.float32) < self.config.replaced
        self.tag_UJ = self._draw_others(replaced_UJ, rng)
        self.mean_UJ = np.where(replaced_UJ, _weights(len(self.tag_UJ), self.config, rng), self.mean_UJ)

    def _draw_others(self, replaced_UJ: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """tag_UJ with other tags at some places, drawn until a user's tags are distinct."""
        tag_UJ, open_UJ = self.tag_UJ.copy(), replaced_UJ.copy()
        users = np.flatnonzero(open_UJ.any(1))
        while len(users):
            drawn = self.topics.draw_cared(self.draw_topics(users, tag_UJ.shape[1], rng), rng)
            tags = tag_UJ[users] = np.where(open_UJ[users], drawn, tag_UJ[users])
            twice = (tags[:, :, None] == tags[:, None, :]).sum(2) > 1
            open_UJ[users] = replaced_UJ[users] & (twice | (open_UJ[users] & (drawn == self.tag_UJ[users])))
            users = users[open_UJ[users].any(1)]
        return tag_UJ


def _topics(topic_UT: np.ndarray, reach_UT: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
    """[U, each]: topics of each user by their shares."""
    lot = rng.random((len(topic_UT), each), np.float32)
    place = np.zeros(lot.shape, np.int64)
    for column in range(topic_UT.shape[1] - 1):
        place += lot >= reach_UT[:, column, None]
    return np.take_along_axis(topic_UT, place, 1)


def _weights(count: int, config: SimulationConfig, rng: np.random.Generator) -> np.ndarray:
    """[count, J]: Gamma, negative for dislikes."""
    width = config.interests + config.dislikes
    weight = rng.standard_gamma(config.shape, (count, width)) * (config.weight / config.shape)
    weight[:, config.interests :] *= -1
    return weight.astype(np.float32)
