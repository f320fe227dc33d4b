"""A run with its models by name, and what it answers about one user or one item."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from penchant.audiences.of_item import ItemAudience
from penchant.choices import MIN_AUDIENCE
from penchant.errors import ConfigError, PenchantError, UnknownModelError
from penchant.kinds.graphs import GraphModel
from penchant.kinds.interests import InterestModel
from penchant.kinds.kind import RunModel
from penchant.kinds.lookalikes import Ground, LookalikeModel, Lookalikes
from penchant.kinds.of_item import audience_of
from penchant.kinds.rankers import RankerModel
from penchant.kinds.sections import GraphsSection, InterestsSection, LookalikesSection, RankersSection
from penchant.logs.users import bucket_of
from penchant.profiles.explain import Explanation, refuse_tag_of_others
from penchant.profiles.profile import WholeProfile
from penchant.report.build import Examples
from penchant.runfolder import RunFolder
from penchant.schema import CLICKED, ITEM, TIME, USER


class ModelRun(RunFolder):
    """A run folder, and the models that its run file names or asks for."""

    @cached_property
    def models(self) -> dict[str, RunModel[Any]]:
        """By name, each after those that it needs; the look-alike that others stand beside comes last."""
        found: dict[str, RunModel[Any]] = {}
        for name, section in self.config.all_models.items():
            match section:
                case InterestsSection():
                    found[name] = InterestModel(self, name, section)
                case RankersSection():
                    found[name] = RankerModel(self, name, section)
                case GraphsSection():
                    found[name] = GraphModel(self, name, section)
        return found if self.config.reference is None else {**found, **self._lookalikes(found, self.config.reference)}

    def _lookalikes(self, models: Mapping[str, RunModel[Any]], reference: str) -> dict[str, RunModel[Any]]:
        users = {name: model for name, model in models.items() if isinstance(model, InterestModel)}
        ground = Ground(self, {name: model for name, model in users.items() if model.section.cut == "periods"})
        sections = {**self.config.models, **self.config.all_models}
        found = {
            name: LookalikeModel(self, name, section, ground)
            for name, section in sections.items()
            if isinstance(section, LookalikesSection)
        }
        own = found.pop(reference)
        Lookalikes(ground, {reference: own, **found}, reference)
        return {**found, reference: own}

    def interests(self, name: str | None = None) -> InterestModel:
        """An interest model that makes profiles, by name; the one whose profiles come first if none is given.
        ConfigError where there is none, UnknownModelError where none has this name."""
        names = self.config.profiled
        if not names:
            raise ConfigError(
                f"the run file of {self.folder} has no interest model on the cut by user; add one, if only "
                f'[models.tags] with name = "blend", and run it again'
            )
        named = names[0] if name is None else name
        if named not in names:
            raise UnknownModelError(named, names)
        model = self.models[named]
        assert isinstance(model, InterestModel)
        return model

    @cached_property
    def lookalikes(self) -> Lookalikes:
        """All look-alikes of the run. ConfigError where its run file has none."""
        reference = self.config.reference
        if reference is None:
            raise ConfigError(
                f"the run file of {self.folder} has no look-alike; add one, if only [models.ralm] with "
                f'name = "ralm", and run it again'
            )
        model = self.models[reference]
        assert isinstance(model, LookalikeModel)
        return model.beside

    def profile(self, user: str | int, model: str | None = None) -> WholeProfile:
        """One user's profile by a model, the one whose profiles come first if none is given."""
        return self.interests(model).profile(self.known_as(user))

    def explain(self, user: str | int, tag: str | None = None, model: str | None = None) -> Explanation:
        """Why the user has a preference for a tag, the one that stands first if none is given. UnknownTagError, which
        names the models whose tag it is, if it is one of another vocabulary."""
        asked = self.interests(model)
        if tag is not None and not asked.knows(tag):
            refuse_tag_of_others(tag, asked.name, {name: self.interests(name).knows for name in self.config.profiled})
        return asked.explain(self.known_as(user), tag)

    def clicks(self, user: str | int, model: str | None = None) -> pl.DataFrame:
        """What the user clicked, latest first: TIME, ITEM (its readable name if the run has one), tags."""
        label, known = self.interests(model).label, self.known_as(user)
        events = self.log.events(int(bucket_of(pl.Series([known]), self.log.buckets)[0]))
        mine = events.filter((pl.col(USER) == known) & pl.col(CLICKED))
        clicks = mine.join(self.log.items(), on=ITEM, how="left")
        title = self.config.profiles.item_name
        named = pl.coalesce(pl.col(title).list.first(), ITEM) if title else pl.col(ITEM)
        return clicks.select(TIME, named.alias(ITEM), pl.col(label).alias("tags")).reverse()

    def audience(
        self, item: str | int, size: int, *, by: str | None = None, minimum: int = MIN_AUDIENCE
    ) -> ItemAudience:
        """The `size` users most like those who clicked an item, and why. by: the look-alike, the one that won on
        validation candidates if not given; see `audience_of` for errors."""
        return audience_of(self.lookalikes, str(item), size, by=by, minimum=minimum)

    def examples(self, model: str | None = None) -> Examples:
        """Profiles of three test users with few, a middling number of, and many tags, or why there are none."""
        try:
            asked = self.interests(model)
            shards = asked.shards("test")
            order = np.argsort(np.concatenate([shard.history.lengths for shard in shards]), kind="stable")
            users = pl.concat([shard.users for shard in shards])
            order = order[~self.gone(users).to_numpy()[order]]
            places = dict.fromkeys(round(share * (len(order) - 1)) for share in (0.1, 0.5, 0.9))
            return Examples([asked.profile(users[int(order[place])]) for place in places])
        except PenchantError as error:
            return Examples(reason=str(error))
