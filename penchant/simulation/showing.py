"""What the feed shows on a day, and which of it is clicked, tag by tag."""

from dataclasses import dataclass

import numpy as np

from penchant.choices import Rule
from penchant.simulation.config import SimulationConfig
from penchant.simulation.people import Population
from penchant.simulation.world import World, generator

PILOT_USERS = 2_000
RULES: tuple[Rule, ...] = ("sum", "one")


@dataclass(frozen=True)
class Decision:
    """How I impressions were judged by the user: rule_I: index into RULES; cared_I: place of the tag that decides;
    adds_IN: what each tag adds to the logit."""

    rule_I: np.ndarray
    cared_I: np.ndarray
    adds_IN: np.ndarray


def show(world: World, people: Population, users: np.ndarray, day: int, rng: np.random.Generator) -> np.ndarray:
    """[visitors, S]: articles for each of the `users` who come; popular, fitting their topics, or any."""
    config = world.config
    shape = (len(users), config.shown)
    # The square prefers the young.
    age = (rng.random(shape, np.float32) ** 2 * config.life_days).astype(np.int64)
    birth = day + config.life_days - 1 - age
    source = rng.random(shape, np.float32)
    popular, targeted = source < config.popular, source >= 1 - config.targeted
    topic = people.draw_topics(users, config.shown, rng)
    first = birth * config.topics + np.where(targeted, topic, 0)
    start, stop = world.cell_C1[first], world.cell_C1[first + np.where(targeted, 1, config.topics)]
    lot = rng.random(shape)
    item = start + (lot * (stop - start)).astype(np.int64)
    low, high = world.mass_A1[start[popular]], world.mass_A1[stop[popular]]
    by_appeal = np.searchsorted(world.mass_A1, low + lot[popular] * (high - low), side="right") - 1
    item[popular] = np.clip(by_appeal, start[popular], stop[popular] - 1)
    return item.astype(np.int32)


def examination(config: SimulationConfig) -> np.ndarray:
    """[S]: the chance that a position is looked at; 1 for the first."""
    return np.arange(1, config.shown + 1) ** -config.examination


def interest(tags_IN: np.ndarray, tag_IJ: np.ndarray, weight_IJ: np.ndarray) -> np.ndarray:
    """[I, N]: the user's weight of each tag of each impression, 0 where there is none.

    >>> interest(np.array([[5, 3]]), np.array([[3, 8]]), np.array([[1.5, 2.0]]))
    array([[0. , 1.5]])
    """
    found_IN = np.zeros(tags_IN.shape, weight_IJ.dtype)
    # Column by column, because [I, N, J] at once is slower.
    for place in range(tag_IJ.shape[1]):
        found_IN += (tags_IN == tag_IJ[:, place, None]) * weight_IJ[:, place, None]
    return found_IN


def decide(interest_IN: np.ndarray, rule: Rule, sharpness: float, rng: np.random.Generator) -> Decision:
    """Which tags count. "sum": all, the greatest decides; "one": one tag, drawn by softmax(sharpness · interest)."""
    rows = np.arange(len(interest_IN))
    # The greatest of score plus Gumbel noise is a draw from the softmax.
    waiting_IN = rng.standard_exponential(interest_IN.shape, np.float32)
    noise_IN = -np.log(np.maximum(waiting_IN, np.finfo(np.float32).tiny))
    one = rng.random(len(rows)) < {"sum": 0.0, "mixed": 0.5, "one": 1.0}[rule]
    score_IN = np.where(one[:, None], sharpness * interest_IN + noise_IN, interest_IN)
    cared = score_IN.argmax(1)
    adds_IN = np.where(one[:, None], 0, interest_IN)
    adds_IN[rows, cared] = interest_IN[rows, cared]
    return Decision(one.astype(np.int8), cared, adds_IN)


def click_chance(logit: np.ndarray) -> np.ndarray:
    """σ(logit), of an article that is looked at."""
    return 1 / (1 + np.exp(-logit))


def calibrate(world: World) -> dict[str, float]:
    """The bias of each rule that brings the first day of up to PILOT_USERS users to `click_rate`."""
    config, rng = world.config, generator(world.config.seed, 1)
    people = Population.draw(min(config.users, PILOT_USERS), world.topics, config, rng)
    users = np.arange(len(people.visits_U))
    item = show(world, people, users, 0, rng).ravel()
    user, looks = np.repeat(users, config.shown), np.tile(examination(config), len(users))
    interest_IN = interest(world.tags_AN[item], people.tag_UJ[user], people.weights()[user])
    found: dict[str, float] = {}
    for rule in RULES:
        decision = decide(interest_IN, rule, config.sharpness, rng)
        logit = config.appeal * world.appeal_A[item] + decision.adds_IN.sum(1)
        found[rule] = _bias(logit, looks, config.click_rate)
    return found


def _bias(logit: np.ndarray, looks: np.ndarray, rate: float) -> float:
    """By bisection: clicks rise with the bias."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (looks * click_chance(logit + middle)).mean() < rate else (low, middle)
    return round(low, 6)
