"""A small log with planted interests on a clock, items at every edge of look-alike, and one run trained on it."""

import shutil
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.files import read_json, write_json
from penchant.pipeline import Run
from penchant.progress import Report, quiet
from penchant.runfile import RunConfig
from penchant.training.checkpoint import load_tensors, save_tensors
from tests.helpers.planted import write_planted_log
from tests.helpers.shared import made_once

USERS, CLUSTERS = 120, 4
START_S, DAY_S = 1_700_000_000, 86_400

POPULAR, ONE_SEED, FEW_SEEDS = "i0-0", "one seed", "few seeds"
SHOWN, TABLE_ONLY = "shown and never clicked", "only in the table"
MIXED, FOR_STRANGERS, BESIDE, ASIDE = "mixed", "for strangers", "beside", "aside"
NEWCOMER = "newcomer"
PLAIN, LONG_TAG = "plain", "an item of a long tag"
PATH, MARKUP, LONG, LINES, COLOURED = (
    "../../etc/passwd",
    "[bold]x[/bold]",
    "x" * 5_000,
    "two\nlines",
    "\x1b[31mred\x1b[0m",
)
HOSTILE = (PATH, MARKUP, LONG, LINES, COLOURED)

FANS = {
    ONE_SEED: ["u000"],
    FEW_SEEDS: ["u000", "u001", "u005"],
    POPULAR: [NEWCOMER],
    MIXED: ["u001", "u004", "stranger 0"],
    FOR_STRANGERS: ["stranger 1", "stranger 2"],
    BESIDE: ["u005", *(f"stranger {number}" for number in range(3, 9))],
    ASIDE: [f"stranger {number}" for number in range(3, 9)],
    **{name: [f"u{number:03}" for number in range(6)] for name in HOSTILE},
}
"""Who clicks them on the last day. A stranger clicks nothing that training has seen, the newcomer an item of old."""

RUN_FILE = """
[logs.tables.events]
files = "events.parquet"
user = "user"
item = "item"
time = "time"
clicked = "clicked"

[logs.tables.items]
files = "items.parquet"
item = "item"
fields = { shelf = "shelf", tags = "tags", title = "title" }

[logs.tables.users]
files = "users.parquet"
user = "user"
fields = { age = "age", group = "group" }

[features]
fields = [
  { name = "tags", limit = 8 },
  { name = "item", limit = 12, last = 12, order = "recent" },
  { name = "group", limit = 1 },
  { name = "age", number = true },
]

[models.tags]
name = "utpm"
embedding = 4
user = 4
query = 4

[models.tags.training]
epochs = 1

[profiles]
item_name = "title"
"""

LOOKALIKE = f"""
[periods]
by = "days"
learn = 5.0
test = 5.0
every_hours = 60.0
window = 3.0
validation_share = 0.2

[models.users]
name = "ralm-users"
cut = "periods"
embedding = 8
user = 8
dropout = 0.2

[models.users.training]
batch = 16
epochs = 6
rate = 0.01
checkpoint_s = 0.0

[models.ralm]
name = "ralm"
width = 8
clusters = {CLUSTERS}

[models.ralm.training]
batch = 64
epochs = 2
rate = 0.01

[lookalike]
category = "shelf"

[lookalike.rounds]
least_seeds = 5
active_hours = 72.0

[lookalike.evaluation]
audience_items = 12
resamples = 20
"""


def write_run(folder: Path, *, section: str = LOOKALIKE) -> Path:
    """The log and its run file."""
    folder.mkdir(exist_ok=True)
    write_planted_log(folder, users=USERS)
    _on_a_clock_of_days(folder)
    last_day = START_S + 19 * DAY_S
    rows = [(user, item, last_day, True) for item, fans in FANS.items() for user in fans]
    rows += [(f"u{number:03}", SHOWN, last_day, False) for number in range(3)]
    # These click early, so that they are known, but nothing that has a tag.
    rows += [(f"plain {number}", PLAIN, START_S + 3 * DAY_S, True) for number in range(6)]
    rows += [(f"u{number:03}", LONG_TAG, START_S + 2 * DAY_S, True) for number in range(0, 30, 3)]
    events = pl.read_parquet(folder / "events.parquet")
    pl.concat([events, pl.DataFrame(rows, events.schema, orient="row")]).write_parquet(folder / "events.parquet")
    _name_items(folder)
    path = folder / "run.toml"
    path.write_text(RUN_FILE + section, encoding="utf-8")
    return path


def _on_a_clock_of_days(folder: Path) -> None:
    """Every user has an event a day; users have an age."""
    path = folder / "events.parquet"
    day = (pl.col("time") - START_S) * (DAY_S // 60) + START_S
    pl.read_parquet(path).with_columns(day.alias("time")).write_parquet(path)
    path = folder / "users.parquet"
    pl.read_parquet(path).with_columns(age=20 + pl.int_range(pl.len()) % 40).write_parquet(path)


def _name_items(folder: Path) -> None:
    """Items have a shelf, and but for the hostile ones a title."""
    path = folder / "items.parquet"
    items = pl.read_parquet(path).with_columns(
        shelf=pl.col("item").str.slice(0, 2), title=pl.format("Title of {}", "item")
    )
    more = [(TABLE_ONLY, ["t0-0"], "i0", None), (LONG_TAG, ["long " * 1_000], "i0", None)]
    pl.concat([items, pl.DataFrame(more, items.schema, orient="row")]).write_parquet(path)


def _make(folder: Path) -> None:
    run = Run.start(write_run(folder), folder / "run")
    liken(run)
    for name in run.lookalikes.names:
        run.lookalikes.crowd("latest", name)


def liken(run: Run, report: Report = quiet) -> dict[str, Any]:
    """Train and examine the look-alikes of a run, and nothing else; the scores."""
    run.prepare(report, only="ralm")
    run.train(report, only="ralm")
    return run.evaluate(report, only="ralm")["ralm"]


def trained(temporary: pytest.TempPathFactory) -> Run:
    """The run, with look-alike trained and measured and nothing else; once per session, so leave it as it is."""
    return _opened(made_once(temporary, "look-alike", _make) / "run")


def outdone(temporary: pytest.TempPathFactory) -> Run:
    """A run like the one above whose users' vectors are one number each, so that logistic regression does better."""
    return _opened(made_once(temporary, "outdone", _make_outdone) / "run")


def _make_outdone(folder: Path) -> None:
    section = LOOKALIKE.replace('category = "shelf"', 'beside = ["average", "youtube", "lr", "popularity"]')
    section = section.replace("user = 8", "user = 1").replace("epochs = 6", "epochs = 1")
    run = Run.start(write_run(folder, section=section), folder / "run")
    liken(run)
    run.lookalikes.crowd("latest", "ralm")


@cache
def _opened(folder: Path) -> Run:
    return Run.open(folder)


def choose(run: Run, **said: Any) -> None:
    """Have the metrics say otherwise which scorer was chosen."""
    path = run.scores_of("ralm")
    metrics = read_json(path)
    write_json(path, {**metrics, "chosen": {**metrics["chosen"], **said}})


def copied(run: Run, folder: Path) -> Run:
    """The same run in a folder that may be spoilt; times of files are kept."""
    shutil.copytree(run.folder, folder)
    return Run.open(folder)


def changed(
    run: Run,
    *,
    users: dict[str, Any] | None = None,
    users_training: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    periods: dict[str, Any] | None = None,
    **sections: dict[str, Any],
) -> RunConfig:
    """The run's config with some keys changed: of the model of its users, of the look-alike, of how both are trained,
    of the periods, and of sections of [lookalike]."""
    values = run.config.model_dump(exclude_none=True)
    models = values["models"]
    for name, keys, trained in (("users", users, users_training), ("ralm", model, training)):
        models[name] |= {**(keys or {}), "training": {**models[name]["training"], **(trained or {})}}
    values["periods"] |= periods or {}
    for name, keys in sections.items():
        values["lookalike"][name] |= keys
    return RunConfig.parse(values, origin="test")


def spoil(path: Path, name: str, rows: Any = ...) -> None:
    """Put NaN into some rows of a tensor of a file, and leave its header as it is."""
    tensors, said = load_tensors(path)
    tensors[name][rows] = nan
    save_tensors(path, tensors, said)


def events_of(run: Run) -> pl.DataFrame:
    """The log as it was written: user, item, time, clicked."""
    return pl.read_parquet(run.base / "events.parquet")
