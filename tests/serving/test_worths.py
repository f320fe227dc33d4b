"""A run whose actions count differently: what is served says the same as the run folder, and clicks are whole."""

import numpy as np
import polars as pl
import pytest

from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.serving.service import Service
from penchant.serving.users import News, Users
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers import planted

ACTIONS = """action = "what"
actions = { buy = 7.5, click = true, view = false }
"""
MADE = 1_800_000_000.0
USER = "u000"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every third click is a purchase; the default model, whose parts all count."""
    folder = tmp_path_factory.mktemp("worths")
    planted.write_planted_log(folder, users=40, events=12)
    path = folder / "events.parquet"
    bought = pl.col("clicked") & (pl.int_range(pl.len()) % 3 == 0)
    what = pl.when(bought).then(pl.lit("buy")).when("clicked").then(pl.lit("click")).otherwise(pl.lit("view"))
    pl.read_parquet(path).with_columns(what=what).drop("clicked").write_parquet(path)
    text = planted.RUN_FILE.replace('clicked = "clicked"\n', ACTIONS)
    (folder / "run.toml").write_text(text[: text.index("[models.tags]")] + '[models.tags]\nname = "blend"\n')
    run = Run.start(folder / "run.toml", folder / "run")
    run.prepare()
    run.train()
    return run


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def events(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.base / "events.parquet")


def test_profiles_are_those_of_the_run_and_show_whole_clicks(
    run: Run, events: pl.DataFrame, store: MemoryStore
) -> None:
    service = Service(store, open_served(run.folder, clock=lambda: MADE), lambda: MADE)
    items = dict(pl.read_parquet(run.base / "items.parquet").iter_rows())
    rows = pl.concat(pl.read_parquet(folder / "*.parquet") for folder in run.build_profiles())
    assert len(rows) == 40
    for row in rows.iter_rows(named=True):
        (profile,) = service.profiles([row["user"]])
        whole = {one.tag: one for one in run.profile(row["user"]).clicked}
        clicked = events.filter((pl.col("user") == row["user"]) & (pl.col("what") != "view"))["item"]
        assert [one.tag for one in profile.clicked] == row["clicked.tags"]
        np.testing.assert_allclose([one.lift for one in profile.clicked], row["clicked.lifts"], atol=1e-5)
        for one, clicks in zip(profile.clicked, row["clicked.clicks"], strict=True):
            assert one.clicks == clicks == whole[one.tag].clicks == sum(one.tag in items[item] for item in clicked)
            assert isinstance(one.clicks, int)
            assert one.preference == pytest.approx(whole[one.tag].preference, abs=1e-5)
        assert profile.clicks == len(clicked)


def test_a_live_click_counts_once_and_what_the_log_says_of_it_stands(
    run: Run, events: pl.DataFrame, store: MemoryStore
) -> None:
    users = Users(store, News(store), open_served(run.folder, clock=lambda: MADE))
    bought = events.filter((pl.col("user") == USER) & (pl.col("what") == "buy")).select("time", "item").rows()
    assert users.now([USER]).worths == [dict.fromkeys(bought, 7500)]
    (time, item), later = bought[0], MADE - 1
    store.append([Event(USER, item, at, True, str(at)) for at in (time, later)], at=MADE)
    people = users.now([USER, "a stranger"])
    assert people.worths == [dict.fromkeys(bought, 7500), {}]
    assert people.clicks[0].count((time, item)) == people.clicks[0].count((later, item)) == 1


def test_a_page_of_one_user_shows_whole_clicks_and_the_course_ends_where_the_profile_stands(
    run: Run, store: MemoryStore
) -> None:
    service = Service(store, open_served(run.folder, clock=lambda: MADE), lambda: MADE)
    person = service.person(USER)
    assert person.explained
    insight, changes = person.explained.insight, person.explained.changes
    whole = {one.tag: one for one in run.profile(USER).clicked}
    assert insight.why.preference.clicks == whole[insight.why.preference.tag].clicks
    words = [text for _, text in person.explained.reasons]
    assert any(text.startswith(f"clicked {insight.why.preference.clicks:,} times") for text in words)
    assert changes
    now = {one.tag: one.preference for one in (*run.profile(USER).clicked, *run.profile(USER).unseen)}
    assert changes.preference_TF[-1].tolist() == pytest.approx([now[tag] for tag in changes.tags], abs=1e-5)
