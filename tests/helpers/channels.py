"""A log of two kinds of items, news and videos, each with tags of its own, and a run file with a model for each."""

from pathlib import Path

import numpy as np
import polars as pl

from tests.helpers.planted import RUN_FILE, write_planted_log

HEAD = (
    RUN_FILE.split("[models.tags]")[0]
    .replace('{ tags = "tags" }', '{ news_tags = "news_tags", video_tags = "video_tags" }')
    .replace('{ name = "tags", limit = 8 }', '{ name = "news_tags", limit = 8 },\n  { name = "video_tags", limit = 8 }')
    .replace('of = "tags"', 'of = "news_tags"')
    .replace("[labels]\n", '[labels]\nfield = "news_tags"\n')
)
NEWS_AND_VIDEO = """
[models.news]
name = "utpm"
labels = "news_tags"
embedding = 8
user = 8

[models.news.training]
epochs = 8
rate = 0.01
batch = 16

[models.video]
name = "utpm"
labels = "video_tags"
embedding = 8
user = 8

[models.video.training]
epochs = 8
rate = 0.01
batch = 16
"""


def write_two_channels(folder: Path, models: str = NEWS_AND_VIDEO) -> Path:
    """The planted log, where every second item of a group is news and the others are videos, each with tags of its own;
    and a run file with some models. Users click news of their group, and videos of the next group."""
    folder.mkdir(parents=True)
    write_planted_log(folder, users=90)
    rng = np.random.default_rng(3)
    items = pl.read_parquet(folder / "items.parquet")["item"].to_list()
    news = [rng.choice([f"n{name[1]}-{tag}" for tag in range(4)], 2, replace=False).tolist() for name in items]
    video = [[f"v{name[1]}-{rng.integers(2)}"] for name in items]
    is_news = [int(name.split("-")[1]) % 2 == 0 for name in items]
    pl.DataFrame(
        {
            "item": items,
            "news_tags": [tags if there else [] for tags, there in zip(news, is_news, strict=True)],
            "video_tags": [[] if there else tags for tags, there in zip(video, is_news, strict=True)],
        }
    ).write_parquet(folder / "items.parquet")
    path = folder / "run.toml"
    path.write_text(HEAD + models, encoding="utf-8")
    return path
