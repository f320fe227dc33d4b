"""Audiences of one item by what a run keeps."""

import numpy as np

from penchant.audiences.crowd import value_at, values_within
from penchant.audiences.expected import ExpectedPrecision
from penchant.audiences.of_item import AudienceSources, Described, ItemAudience, make_audience
from penchant.choices import MIN_AUDIENCE, MIN_SEEDS
from penchant.errors import ConfigError
from penchant.kinds.lookalikes import Lookalikes
from penchant.models.lookalikes.promise import Contestant


def audience_of(
    run: Lookalikes, item: str, size: int, *, by: str | None = None, minimum: int = MIN_AUDIENCE
) -> ItemAudience:
    """Return an audience of the item; see `make_audience`.

    by: the scorer that makes it; where none is given, the one that won on validation candidates, or where that has a
    score for too few users of this item, the next that has. Raises ConfigError for a scorer that the run does not
    measure.
    """
    if by is not None and by not in run.names:
        raise ConfigError(
            f"by = {by!r} is no look-alike of {run.run.folder}, which measures {', '.join(run.names)}; add a section "
            f"[models.{by}] to the run file, and run it again"
        )
    order = run.choice.order if by is None else [by]
    return make_audience(_sources(run), item, size, order, minimum=minimum)


def some_item(run: Lookalikes) -> str:
    """Return an item of the long tail to show: of the items in the lowest third by clicks, the most clicked; where it
    has too few clicks for an audience, the least clicked item that has enough."""
    counts = run.ground.items.counts
    tail = int(np.searchsorted(-counts, -np.quantile(counts, 1 / 3)))
    enough = int((counts >= MIN_SEEDS).sum())
    return run.ground.items.values[min(tail, max(enough - 1, 0))]


def _sources(run: Lookalikes) -> AudienceSources:
    choice, metrics = run.choice, run.metrics

    def contestant(name: str) -> Contestant:
        return Contestant(run.scorer(name), run.crowd("latest", name))

    return AudienceSources(
        log=run.run.log,
        items=run.ground.items,
        names=run.run.item_names,
        crowd=run.crowd("latest", run.reference),
        most_seeds=run.run.config.lookalike.rounds.most_seeds,
        described=_described(run),
        contestant=contestant,
        expected=lambda name: ExpectedPrecision.read(metrics, name),
        winner=choice.name,
        made=choice.made,
    )


def _described(run: Lookalikes) -> Described:
    """Seeds are described by the first field of tags, or by the first field if there is none."""
    fields, numbers = run.sizes.fields, run.sizes.numbers
    lists = [rule for rule in run.ground.plan.features.fields if not rule.number]
    told = next((rule.name for rule in lists if rule.source == run.run.config.labels.field), lists[0].name)
    names = run.vocabularies[told]

    def name(value: int) -> str:
        return names.name(value_at(value, fields, numbers=numbers)[1])

    return Described(values_within(told, fields, numbers=numbers), name)
