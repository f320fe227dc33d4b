"""Every metric counted a second time (recount.py), from the raw tables: the embedded example, a made-up log with a long
tail of tags that no vocabulary holds, equal times and equal counts, and one of who gave an item which tag when.
"""

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.evaluation.protocols.interests import Candidates, blocks, evaluate, scores_of
from penchant.evaluation.protocols.lookalikes import score_pairs
from penchant.evaluation.protocols.reach import score_everyone
from penchant.models.interests.counts import OwnCounts, Popularity
from penchant.models.interests.promise import Preferences
from penchant.models.lookalikes.promise import Candidate
from penchant.pipeline import Run
from penchant.runfile import EXAMPLES, RunConfig
from tests.evaluation import recount
from tests.evaluation.recount import Alike, Raw, Tags

AT = [1, 2, 3, 5, 10]
MODEL: dict[str, Any] = {"name": "utpm", "embedding": 4, "user": 8, "query": 4}
TRAINING: dict[str, Any] = {"epochs": 1, "batch": 64, "rate": 0.01}
DAYS, SHARE, LEAST = 4.0, 0.3, 5


def grouped(events: pl.DataFrame) -> dict[str, list[recount.Event]]:
    """Events of each user, in order, each once; a click outlives a showing at the same time."""
    rows = events.sort("user", "time", "item", "clicked", descending=[False, False, False, True])
    rows = rows.unique(["user", "time", "item"], keep="first", maintain_order=True)
    found: dict[str, list[recount.Event]] = {}
    for user, item, time, clicked in rows.select("user", "item", "time", "clicked").rows():
        found.setdefault(user, []).append((float(time), item, clicked))
    return found


def example() -> Raw:
    """Ratings from 3.5 up are clicks, down to 1.5 are not; a film has the five tags that it was given most often."""
    folder = EXAMPLES / "ml-latest-small"
    ratings = pl.read_parquet(folder / "ratings.parquet").filter((pl.col("rating") >= 3.5) | (pl.col("rating") <= 1.5))
    events = ratings.select(
        pl.col("userId").cast(pl.String).alias("user"),
        pl.col("movieId").cast(pl.String).alias("item"),
        pl.col("timestamp").alias("time"),
        (pl.col("rating") >= 3.5).alias("clicked"),
    )
    said: dict[str, list[tuple[float, str]]] = {}
    for item, tag in pl.read_parquet(folder / "tags.parquet").select("movieId", "tag").rows():
        if tag.strip():
            said.setdefault(str(item), []).append((-inf, tag.strip().lower()))
    return Raw(grouped(events), said, top=5)


def made_up(folder: Path) -> Raw:
    """90 users of three kinds; half of all tags are seldom clicked; three events share a time now and then."""
    rng = np.random.default_rng(5)
    tags = {f"i{number:02}": sorted({f"t{int(tag) % 150:03}" for tag in rng.zipf(1.4, 4)}) for number in range(75)}
    rows = []
    for user in range(90):
        for place in range(int(rng.integers(12, 40))):
            own = rng.random() < 0.8
            item = 3 * int(rng.integers(25)) + (user % 3 if own else int(rng.integers(3)))
            at = 1_700_000_000 + 3_600 * 6 * (place - place % 3) + (user if rng.random() < 0.5 else 0)
            rows.append((f"u{user:02}", f"i{item:02}", at, int(rng.random() < (0.8 if own else 0.3))))
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "clicked"], orient="row")
    frame.write_csv(folder / "events.csv")
    pl.DataFrame({"item": list(tags), "tags": list(tags.values())}).write_parquet(folder / "items.parquet")
    said = {item: [(-inf, tag) for tag in own] for item, own in tags.items()}
    return Raw(grouped(frame.with_columns(pl.col("clicked") == 1)), said)


def tagged(folder: Path) -> Raw:
    """Who gave an item which tag when: the log, and the table of tags too. An item has the five given most often."""
    rng = np.random.default_rng(6)
    rows = []
    for user in range(90):
        for place in range(int(rng.integers(12, 40))):
            number, at = int(rng.zipf(1.3)) % 200, 1_700_000_000 + 3_600 * 6 * place + int(rng.integers(3))
            tag = (number + int(rng.zipf(1.3)) + place // 10) % 200
            rows.append((f"u{user:02}", f"i{number:03}", at, f"t{tag:03}"))
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "tag"], orient="row")
    frame.write_parquet(folder / "tagged.parquet")
    said: dict[str, list[tuple[float, str]]] = {}
    for _, item, at, text in rows:
        said.setdefault(item, []).append((float(at), text))
    return Raw(grouped(frame.with_columns(clicked=True)), said, top=5)


def run_of(folder: Path, logs: dict[str, Any], **sections: Any) -> Run:
    tags = {"tags": {**MODEL, "training": TRAINING}}
    values = {"logs": logs, "evaluation": {"at": AT}, **sections, "models": {**tags, **sections.get("models", {})}}
    return Run.start(RunConfig.parse(values, origin="test"), folder / "run", base=folder)


TABLES = {
    "events": {"files": "events.csv", "user": "user", "item": "item", "time": "time", "clicked": "clicked"},
    "items": {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}},
}
TAGGED = {
    "events": {"files": "tagged.parquet", "user": "user", "item": "item", "time": "time"},
    "item_values": [{"field": "tags", "files": "tagged.parquet", "item": "item", "value": "tag", "top": 5}],
}
FIELDS = {"fields": [{"name": "tags"}, {"name": "item", "last": 10}], "min_count": {"tags": 12, "item": 8}}
ALIKE = {
    "periods": {"learn": 0.2, "test": SHARE, "validation_share": 0.3},
    "models": {
        "users": {
            "name": "ralm-users",
            "cut": "periods",
            "embedding": 4,
            "user": 4,
            "training": {"epochs": 1, "batch": 16},
        },
        "ralm": {"name": "ralm", "width": 4, "clusters": 2, "training": {"epochs": 1}},
    },
    "lookalike": {
        "rounds": {"least_seeds": LEAST, "negatives": "logged"},
        "beside": ["popularity", "lr"],
        "evaluation": {"audience_items": 1000, "resamples": 2},
    },
}


KINDS = ["example", "made up, by share", "made up, by days", "tagged, by share", "tagged, by days"]


@pytest.fixture(scope="module", params=KINDS)
def counted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Tags]:
    """An evaluated run, and what is asked of it."""
    folder = tmp_path_factory.mktemp("recount")
    asked: dict[str, Any] = {"min_count": 12, "validation_share": 0.2}
    users = {"validation_share": 0.2}
    if request.param == "example":
        logs = {"source": "movielens", "folder": "example:ml-latest-small"}
        run = run_of(folder, logs, features=FIELDS, users=users)
        tags = recount.tags_by_share(example(), share=0.2, **asked)
    else:
        what, how = request.param.split(", ")
        raw, tables = (made_up(folder), TABLES) if what == "made up" else (tagged(folder), TAGGED)
        labels = {"by": "days", "days": DAYS} if how == "by days" else {"share": SHARE}
        run = run_of(folder, {"tables": tables}, features=FIELDS, users=users, labels=labels)
        if how == "by days":
            tags = recount.tags_by_days(raw, days=DAYS, **asked)
        else:
            tags = recount.tags_by_share(raw, share=SHARE, **asked)
    run.prepare()
    run.train()
    run.evaluate()
    return run, tags


def scores_by_user(run: Run, model: Preferences) -> Iterator[tuple[str, dict[str, float]]]:
    """What a model says of every tag, user by user."""
    names = run.interests().tags.values
    for shard, rows in blocks(run.interests().shards("test"), len(run.interests().tags), 10**6):
        for user, score_V in zip(shard.users[rows], scores_of(model, shard, rows).numpy(), strict=True):
            yield user, dict(zip(names, score_V[2:].tolist(), strict=True))


def assert_equal(found: Mapping[str, Any], expected: Mapping[str, float]) -> None:
    """To twelve digits."""
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


def test_the_data_hold_what_makes_counting_hard(counted: tuple[Run, Tags]) -> None:
    _, tags = counted
    unknown = [len(one.truth - set(tags.clicks)) for one in tags.users.values()]
    assert max(unknown) > 1
    assert len(set(tags.clicks.values())) < len(tags.clicks)


def test_vocabulary_and_test_users_are_those_of_the_raw_log(counted: tuple[Run, Tags]) -> None:
    run, tags = counted
    assert run.interests().tags.values == tags.listed
    assert run.interests().tags.counts.tolist() == [tags.clicks[tag] for tag in tags.listed]
    assert {user for shard in run.interests().shards("test") for user in shard.users} == set(tags.users)


@pytest.mark.parametrize("candidates", ["all", "new"])
@pytest.mark.parametrize("name", ["model", "popularity", "own counts"])
def test_every_metric_of_every_user_is_the_recounted_one(
    counted: tuple[Run, Tags], name: str, candidates: Candidates
) -> None:
    run, tags = counted
    counts = run.interests().tags.counts
    made: dict[str, Preferences] = {"popularity": Popularity(counts), "own counts": OwnCounts(counts)}
    scorer = made.get(name) or run.interests().model
    said: dict[str, dict[str, Any]] = {
        "popularity": dict.fromkeys(tags.users, tags.clicks),
        "own counts": {
            user: {tag: (one.before[tag], count) for tag, count in tags.clicks.items()}
            for user, one in tags.users.items()
        },
        "model": dict(scores_by_user(run, run.interests().model)),
    }
    if candidates == "all":
        kept = (
            pl.read_parquet(run.scores_of("tags").with_suffix(".parquet"))
            .filter(pl.col("scorer") == name)
            .drop("scorer")
        )
    else:
        kept = evaluate(scorer, run.interests().shards("test"), AT, len(run.interests().tags), candidates).users
    found = {row["user"]: row for row in kept.rows(named=True)}
    listed: dict[int, set[str]] = {k: set() for k in AT}
    for user, one in tags.users.items():
        barred = set(one.before) if candidates == "new" else set()
        truth = one.truth - barred
        scores = {tag: score for tag, score in said[name][user].items() if tag not in barred}
        if truth:
            assert_equal(found.pop(user), recount.measured(scores, truth, len(truth), AT))
            # Of equal scores the more clicked tag is listed first.
            best = sorted((tag for tag in tags.listed if tag in scores), key=scores.__getitem__, reverse=True)
            for k in AT:
                listed[k] |= set(best[:k])
    assert not found
    if candidates == "all":
        covered = {f"coverage@{k}": len(listed[k]) / len(tags.clicks) for k in AT}
        assert_equal({metric: run.interests().metrics["scores"][name][metric]["mean"] for metric in covered}, covered)


@pytest.fixture(scope="module")
def likened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Alike]:
    folder = tmp_path_factory.mktemp("recount")
    raw = made_up(folder)
    run = run_of(folder, {"tables": TABLES}, features=FIELDS, **ALIKE)
    run.prepare(only="ralm")
    run.train(only="ralm")
    run.evaluate(only="ralm")
    asked = recount.alike_by_share(raw, learn=0.2, test=SHARE, least_seeds=LEAST, min_count=8, share=0.3)
    return run, asked


def test_rounds_are_those_of_the_raw_log(likened: tuple[Run, Alike]) -> None:
    run, asked = likened
    users = run.lookalikes.crowd("test", "ralm").users
    assert set(users) == asked.crowd
    (one,) = run.lookalikes.ground.rounds("test", users)
    rows = zip(one.candidate_L.tolist(), one.user_L.tolist(), one.clicked_L.tolist(), strict=True)
    found = {(users[user], one.names[candidate], clicked) for candidate, user, clicked in rows}
    assert len(found) == len(one.user_L) == len(asked.pairs)
    assert found == {(pair.user, pair.item, pair.clicked) for pair in asked.pairs}
    for candidate, name in enumerate(one.names):
        seeds = one.seeds.part(slice(candidate, candidate + 1)).values
        assert {users[int(row)] for row in seeds} == asked.seeds[name]
    assert (one.items_C > 1).tolist() == [name in asked.known for name in one.names]
    assert 0 < len(asked.known & set(one.names)) < len(one.names)


@pytest.mark.parametrize("name", ["ralm", "lr", "popularity"])
def test_every_metric_of_a_look_alike_is_the_recounted_one(likened: tuple[Run, Alike], name: Any) -> None:
    run, asked = likened
    alike = run.lookalikes
    scorer, crowd = alike.scorer(name), alike.crowd("test", name)
    rounds, (whole,) = alike.ground.rounds("test", crowd.users), alike.ground.rounds("test", crowd.users, whole=True)
    (one,) = rounds
    pairs = {}
    for candidate, user, score in zip(one.candidate_L, one.user_L, score_pairs(scorer, crowd, rounds), strict=True):
        pairs[crowd.users[int(user)], one.names[int(candidate)]] = float(score)
    found = {metric: said["mean"] for metric, said in alike.metrics["scores"][name].items()}
    assert_equal(found, recount.aucs(asked, pairs))
    assert found["scored"] == pytest.approx(np.mean([not np.isnan(score) for score in pairs.values()]), abs=1e-12)
    everyone = {}
    for number, item in enumerate(whole.names):
        seeds = whole.seeds.part(slice(number, number + 1)).values
        scores = score_everyone(scorer, Candidate(int(whole.items_C[number]), seeds), crowd)
        everyone[item] = dict(zip(crowd.users, scores.tolist(), strict=True))
    assert_equal(found, recount.reached(asked, everyone, [0.01, 0.05, 0.1, 0.2]))
    assert_equal(found, recount.precision_of_lists(asked, everyone, [10, 50]))
    assert alike.metrics["counts"]["audiences"] == len(asked.later)
