"""The offline path over a longer log than a run was trained on, with the run's own models: what live has to equal."""

from pathlib import Path

import numpy as np
import polars as pl
import torch

from penchant.audiences.best import known_seeds
from penchant.audiences.crowd import values_of
from penchant.features.cuts.rounds import now
from penchant.features.plan import Plan
from penchant.features.prepare import Prepared
from penchant.features.samples import ShardBuilder
from penchant.features.shards import Shard, batch_of
from penchant.logs.ingest import Log
from penchant.models.interests.promise import Interests
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness
from penchant.pipeline import Run
from penchant.profiles.build import Names, build_profiles
from penchant.schema import COUNT, ITEM


class Offline:
    """A run's models, and a log that they were not trained on."""

    def __init__(self, run: Run, log: Log, folder: Path) -> None:
        self.run, self.log, self.folder = run, log, folder

    def crowd(self) -> Crowd:
        """All users at the end of the log, by the look-alike's first phase."""
        lookalike = self.run.lookalikes
        shards = self._latest(self.run.plan("periods"), self.run.prepared("periods"), self.folder / "lookalike")
        model, fields = lookalike.models[lookalike.reference].users.model, list(lookalike.sizes.fields)
        vectors_NX = np.concatenate([_users(model, shard, fields) for shard in shards])
        values, width = values_of(shards, lookalike.sizes.fields, numbers=lookalike.sizes.numbers)
        return Crowd(pl.concat([shard.users for shard in shards]), vectors_NX, values, width)

    def likeness(self, crowd: Crowd, item: str) -> Likeness:
        """Of the crowd to the seeds of an item. AudienceError where nobody is known."""
        lookalike = self.run.lookalikes
        seeds_S, _ = now(self.log, crowd.users, item, most_seeds=lookalike.ground.config.rounds.most_seeds)
        known_S, _ = known_seeds(seeds_S, crowd, item)
        live = lookalike.choice.live
        assert live is not None
        return lookalike.scorer(live).liken(Candidate(lookalike.ground.items.id(item), known_S), crowd)

    def profiles(self) -> pl.DataFrame:
        """Of all users, as `build_profiles` writes them."""
        run, folder = self.run, self.folder / "profiles"
        shards = self._latest(run.plan("users"), run.prepared("users"), self.folder / "tags")
        names = {name: Names(vocabulary) for name, vocabulary in run.interests().shown.items()}
        model, average, wanted, label = (
            run.interests().model,
            run.interests().average,
            run.config.profiles,
            run.config.labels.field,
        )
        build_profiles(model, average, shards, names, folder, wanted, tags=label)
        return pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))])

    def _latest(self, plan: Plan, prepared: Prepared, folder: Path) -> list[Shard]:
        """Shards of all users with the run's own vocabularies and spans."""
        vocabularies = {source: prepared.vocabulary(source) for source in plan.sources}
        spans = {source: prepared.span(source) for source in plan.numbers}
        events = pl.concat([self.log.events(bucket)[ITEM].unique() for bucket in range(self.log.buckets)])
        counts = events.unique().sort().to_frame(ITEM).with_columns(pl.lit(1, pl.Int64).alias(COUNT))
        builder = ShardBuilder(self.log, plan, vocabularies, counts, spans=spans)
        for bucket in range(self.log.buckets):
            builder.build(bucket, folder)
        items, asked = builder.items, plan.targets[0]
        return [Shard.open(path, items, asked) for path in sorted((folder / "latest").glob("*.safetensors"))]


@torch.inference_mode()
def _users(model: Interests, shard: Shard, fields: list[str]) -> np.ndarray:
    vectors: np.ndarray = model.users(batch_of(shard, fields, slice(0, len(shard)))).numpy()
    return vectors
