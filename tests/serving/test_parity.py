"""Live equals batch: events sent to a service lead to the same features, vectors, profiles and scores as the offline
path over the log that holds them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.logs.ingest import ingest
from penchant.pipeline import Run
from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.roles.consumer import MOST_TEXT, consume
from penchant.serving.service import Service
from penchant.store.base import Event, natural_id
from penchant.store.memory import MemoryStore
from tests.helpers import lookalike_runs
from tests.helpers.processes import until
from tests.serving.offline import Offline
from tests.serving.worlds import MADE, served, trained

NEW_ITEM, NEW_USERS = "never seen before", [f"new {number}" for number in range(8)]


def live_events(run: Run) -> list[Event]:
    """Clicks and impressions after the end of the log, in disorder: by old users and new ones, on old items and new."""
    rng = np.random.default_rng(0)
    old = lookalike_runs.events_of(run)
    users = [*old["user"].unique().sort().to_list()[:60], *NEW_USERS]
    items = [item for item in [*old["item"].unique().sort(), NEW_ITEM] if len(item) <= MOST_TEXT]
    last = float(old["time"].max())  # type: ignore[arg-type]
    found = []
    for _ in range(600):
        user, item = users[rng.integers(len(users))], items[rng.integers(len(items))]
        at, clicked = last + float(rng.integers(-86_400, 86_400)), bool(rng.random() < 0.7)
        found.append(Event(user, item, at, clicked, natural_id(item, at, clicked=clicked)))
    return [*found, *found[:50]]


@dataclass(frozen=True)
class Both:
    """The service after all live events, and the offline path over both logs."""

    service: Service
    offline: Offline


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    run, folder = trained(tmp_path_factory), tmp_path_factory.mktemp("parity")
    events = live_events(run)
    store = MemoryStore()
    service = Service(store, served(tmp_path_factory), lambda: MADE)
    items = sorted({event.item for event in events})
    service.open(items)
    clusterer = Clusterer(store, service.models.all[0], lambda: MADE, every_s=1e9)
    for start in range(0, len(events), 37):
        service.append([events[start : start + 37]])
        consume(store, service.models.alike, "one", 10, lambda: MADE)
        clusterer.once()
    while consume(store, service.models.alike, "one", 1_000, lambda: MADE):
        pass
    recluster(store, service)
    return Both(service, offline_of(run, events, folder))


def recluster(store: MemoryStore, service: Service) -> None:
    """All seeds of all candidates from scratch, as after the time between two."""
    again = Clusterer(store, service.models.all[0], lambda: MADE + 1e9, every_s=1.0)

    def complete() -> bool:
        again.once()
        service.refresh()
        live = service.view.live.values()
        return bool(live) and all(one.made >= MADE + 1e9 for one in live)

    until(complete)
    again.close()


def offline_of(run: Run, events: list[Event], folder: Path) -> Offline:
    """The run's tables with the live events as more rows."""
    for name in ("items", "users"):
        (folder / f"{name}.parquet").write_bytes((run.base / f"{name}.parquet").read_bytes())
    old = lookalike_runs.events_of(run)
    rows = [(event.user, event.item, event.time, event.clicked) for event in events]
    new = pl.DataFrame(rows, schema=["user", "item", "time", "clicked"], orient="row")
    pl.concat([old.cast({"time": pl.Float64}), new]).write_parquet(folder / "events.parquet")
    log = ingest(run.config.logs.resolve(folder), folder, folder / "log", max_rejected_share=0.0)
    return Offline(run, log, folder)


def test_vectors_are_the_same(both: Both) -> None:
    crowd = both.offline.crowd()
    vectors_BX, known_B = both.service.view.users.vectors(crowd.users.to_list())
    np.testing.assert_array_equal(known_B, crowd.values.lengths > 0)
    np.testing.assert_allclose(vectors_BX[known_B], crowd.vectors_NX[known_B], atol=1e-5)


def test_vectors_of_consumers_are_the_same(both: Both) -> None:
    crowd = both.offline.crowd()
    live = [user for user in crowd.users if user in set(both.service.store.users())]
    kept_BX, known_B = both.service.view.users.kept_vectors(live)
    row = dict(zip(crowd.users, range(len(crowd)), strict=True))
    expected = crowd.vectors_NX[[row[user] for user in live]]
    np.testing.assert_allclose(kept_BX[known_B], expected[known_B], atol=1e-5)
    assert known_B.sum() > 40


def test_profiles_are_the_same(both: Both) -> None:
    for row in both.offline.profiles().iter_rows(named=True):
        (profile,) = both.service.profiles([row["user"]])
        for kind in ("clicked", "unseen"):
            found = getattr(profile, kind)
            assert [one.tag for one in found] == row[f"{kind}.tags"], row["user"]
            np.testing.assert_allclose([one.preference for one in found], row[f"{kind}.preferences"], atol=1e-5)
            np.testing.assert_allclose([one.lift for one in found], row[f"{kind}.lifts"], atol=1e-5)
        assert [one.clicks for one in profile.clicked] == row["clicked.clicks"]


def test_scores_are_the_same(both: Both) -> None:
    crowd = both.offline.crowd()
    rows = np.flatnonzero(crowd.values.lengths > 0)
    compared = 0
    for item in both.service.view.live:
        if both.service.view.live[item].clusters is None:
            continue
        expected = both.offline.likeness(crowd, item).scores(rows)
        scored = both.service.score(crowd.users.gather(rows).to_list(), [item])
        np.testing.assert_allclose([one.score_C[0] for one in scored], expected, atol=1e-4, err_msg=item)
        compared += 1
    assert compared > 20
