"""Candidates with the clusters of their own seeds, as a running clusterer gives them."""

from collections.abc import Sequence

from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.roles.consumer import consume
from penchant.serving.service import Service
from penchant.store.base import Event
from tests.helpers.processes import until
from tests.serving.worlds import MADE


def clustered(service: Service, items: Sequence[str]) -> None:
    """Open items, and wait for the clusters of all that are open."""
    service.open(items)
    clusterer = Clusterer(service.store, service.models.all[0], lambda: MADE, every_s=1e9)

    def complete() -> bool:
        clusterer.once()
        service.refresh()
        return service.view.live.keys() >= {one.item for one in service.candidates()}

    until(complete)
    clusterer.close()


def send(service: Service, *clicks: tuple[str, str, float]) -> None:
    """user, item, seconds before MADE: clicks, appended and consumed."""
    events = [Event(user, item, MADE - ago_s, True, f"{item} {ago_s}") for user, item, ago_s in clicks]
    assert [one.refused for one in service.append([events])] == [{}]
    consume(service.store, service.models.alike, "one", 1_000, lambda: MADE)
