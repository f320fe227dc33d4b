"""A tiny log with planted interests, for tests that need a whole run: each user clicks within one group of tags."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.runfile import RunConfig

GROUPS, TAGS_PER_GROUP, ITEMS_PER_GROUP = 3, 4, 12


def write_planted_log(folder: Path, *, users: int = 60, events: int = 20, seed: int = 0) -> None:
    """events.parquet (user, item, time, clicked), items.parquet (item, tags) and users.parquet (user, group)."""
    rng = np.random.default_rng(seed)
    names = [f"u{number:03}" for number in range(users)]
    group_of = np.arange(users) % GROUPS
    rows: dict[str, list[Any]] = {"user": [], "item": [], "time": [], "clicked": []}
    for name, group in zip(names, group_of, strict=True):
        for event in range(events):
            shown = rng.integers(GROUPS) if event % 4 == 3 else group
            rows["user"].append(name)
            rows["item"].append(f"i{shown}-{rng.integers(ITEMS_PER_GROUP)}")
            rows["time"].append(1_700_000_000 + 60 * event + int(rng.integers(50)))
            rows["clicked"].append(bool(shown == group))
    items = {
        f"i{group}-{number}": [f"t{group}-{tag}" for tag in rng.choice(TAGS_PER_GROUP, size=2, replace=False)]
        for group in range(GROUPS)
        for number in range(ITEMS_PER_GROUP)
    }
    pl.DataFrame(rows).write_parquet(folder / "events.parquet")
    pl.DataFrame({"item": list(items), "tags": list(items.values())}).write_parquet(folder / "items.parquet")
    pl.DataFrame({"user": names, "group": [f"g{group}" for group in group_of]}).write_parquet(folder / "users.parquet")


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
fields = { tags = "tags" }

[logs.tables.users]
files = "users.parquet"
user = "user"
fields = { group = "group" }

[features]
fields = [
  { name = "tags", limit = 8 },
  { name = "recent", of = "tags", last = 3, half_life = 1.0 },
  { name = "item", limit = 10, last = 10, order = "recent" },
  { name = "group", limit = 1 },
]

[labels]
items = 6

[models.tags]
name = "utpm"
embedding = 8
user = 8
query = 4
dropout = 0.2

[models.tags.training]
batch = 8
epochs = 6
rate = 0.01
checkpoint_s = 0.0
"""


def write_planted_run(folder: Path) -> Path:
    """The log and its run file."""
    write_planted_log(folder)
    path = folder / "run.toml"
    path.write_text(RUN_FILE, encoding="utf-8")
    return path


def changed(
    config: RunConfig,
    *,
    model: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    **sections: dict[str, Any],
) -> RunConfig:
    """The config with some keys changed of the model "tags", of its training, and of some sections."""
    values = config.model_dump(exclude_none=True)
    tags = values["models"]["tags"]
    values["models"]["tags"] = {**tags, **(model or {}), "training": {**tags["training"], **(training or {})}}
    for name, keys in sections.items():
        values[name] = {**values[name], **keys}
    return RunConfig.parse(values, origin="test")
