"""The dashboard over a store in memory, in a server of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from penchant.operation.pages import add_dashboard, open_sources
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Store
from tests.serving.apps import Desk


class Site(Desk):
    """An app with the dashboard of a run. folder: of the run; others as in `Desk`."""

    def __init__(
        self,
        served: Served,
        folder: Path,
        *,
        open_to_all: bool = True,
        store: Store | None = None,
        service: Callable[..., Service] = Service,
        live: bool = True,
    ) -> None:
        self._folder, self._live = folder, live
        super().__init__(served, open_to_all=open_to_all, store=store, service=service)

    def more(self, keys: Keys | None) -> Callable[[Routes], object]:
        self.sources = open_sources(self._folder, self.service, self.measures, live=self._live)
        return partial(add_dashboard, sources=self.sources, keys=keys)
