"""Everything that decides a simulated world: the same config gives the same bytes."""

from typing import Annotated, Self

from pydantic import Field as Limits
from pydantic import model_validator

from penchant.choices import Rule
from penchant.config import Config

Count = Annotated[int, Limits(ge=1)]
Amount = Annotated[float, Limits(ge=0)]
Share = Annotated[float, Limits(ge=0, le=1)]


class SimulationConfig(Config):
    """A world and its log. The equations are in docs/simulation.md.

    users, tags, items: how many; days: length of the log; shown: S, impressions per visit; rule: how tags decide a
        click; seed: of everything random; users_per_shard: users of one file, and all that memory holds at once.
    topics: G, groups of tags; tag_skew, topic_skew: Zipf exponents of popularity within a topic and of the topics;
        bland: share of each topic's tags that nobody cares for.
    tags_per_item: N; off_topic: share of an article's tags from other topics; accounts: per topic; life_days: days that
        an article is shown.
    user_topics: topics of a user; interests, dislikes: tags with positive and with negative weight; weight, shape: mean
        and shape of the Gamma law of a weight.
    drift: the standard deviation of a log-weight around its mean; memory: its correlation from day to day; replaced:
        the chance per day that an interest gives way to another.
    visits: mean share of days on which a user comes; popular, targeted: shares of the feed that are drawn by appeal and
        by the user's topics, the rest is uniform; popularity_bias: exponent of appeal where it draws.
    examination: the chance to look at position k is k ** -examination; appeal: of an article, in the logit of a click;
        sharpness: how surely the rule "one" looks at the tag of greatest interest; click_rate: clicks per impression,
        to which both rules are brought by their bias.
    """

    users: Count = 1_000
    tags: Count = 1_000
    items: Count = 20_000
    days: Annotated[int, Limits(ge=2)] = 30
    shown: Annotated[int, Limits(ge=1, le=200)] = 12
    rule: Rule = "sum"
    seed: Annotated[int, Limits(ge=0)] = 0
    users_per_shard: Count = 5_000
    topics: Count = 20
    tag_skew: Amount = 1.0
    topic_skew: Amount = 0.5
    bland: Annotated[float, Limits(ge=0, lt=1)] = 0.3
    tags_per_item: Annotated[int, Limits(ge=2, le=20)] = 4
    off_topic: Share = 0.15
    accounts: Count = 10
    life_days: Count = 5
    user_topics: Count = 3
    interests: Count = 10
    dislikes: Annotated[int, Limits(ge=0)] = 2
    weight: Annotated[float, Limits(gt=0)] = 2.0
    shape: Annotated[float, Limits(gt=0)] = 4.0
    drift: Amount = 0.3
    memory: Share = 0.95
    replaced: Share = 0.01
    visits: Annotated[float, Limits(gt=0, lt=1)] = 0.4
    popular: Share = 0.3
    targeted: Share = 0.5
    popularity_bias: Amount = 1.0
    examination: Amount = 0.3
    appeal: Amount = 0.3
    sharpness: Amount = 1.5
    click_rate: Annotated[float, Limits(gt=0, lt=1)] = 0.12

    @model_validator(mode="after")
    def _fits(self) -> Self:
        smallest, cells = self.tags // self.topics, self.births * self.topics
        own, cared = self.interests + self.dislikes, smallest - int(smallest * self.bland)
        if smallest < self.tags_per_item or cared <= own:
            raise ValueError(
                f"{self.tags} tags in {self.topics} topics are {smallest} per topic, {cared} of them not bland; an "
                f"article has {self.tags_per_item}, and more than the {own} of a user are needed; give more tags"
            )
        if self.items < cells:
            raise ValueError(
                f"{self.items} items are too few: one per topic and day of birth are {cells}; give more items"
            )
        if self.user_topics > self.topics:
            raise ValueError(f"user_topics = {self.user_topics}, but there are {self.topics} topics")
        if self.popular + self.targeted > 1:
            raise ValueError(f"popular + targeted = {self.popular + self.targeted:g} is more than the whole feed")
        looked_at = sum(place**-self.examination for place in range(1, self.shown + 1)) / self.shown
        if self.click_rate >= 0.9 * looked_at:
            raise ValueError(
                f"click_rate = {self.click_rate:g} cannot be reached: {looked_at:.0%} of what is shown is looked at"
            )
        return self

    @property
    def births(self) -> int:
        """Days on which articles are born: those of the log, and the life before it."""
        return self.days + self.life_days - 1

    @property
    def shards(self) -> int:
        return -(-self.users // self.users_per_shard)
