"""One run whose columns, fields, values, users and items have names that are something else to Python, PyTorch, SQL, a
shell, HTML, a spreadsheet or a file system: a model of every kind is trained on it, examined, served and shown."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest

from penchant import pipeline
from penchant.client import Client
from penchant.kinds.toml import as_toml
from penchant.logs.names import OF_SHARDS, RESERVED_NAMES, fit_name
from penchant.operation.served import open_served
from penchant.pipeline import Run, report_on
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.memory import MemoryStore
from tests.dashboard.sites import Site
from tests.report.tags import Tags
from tests.serving.apps import ask, running
from tests.serving.worlds import MADE

CODE = ["None", "class", "lambda", "print", "__class__", "__init__", "self", "0", "-1", "1e9", "nan_"]
TORCH = ["type", "values", "keys", "items", "half", "double", "train", "float", "update", "compile", "forward", "pop"]
TORCH += ["training", "parameters", "state_dict", "to", "weight", "names", "parts", "tag"]
SQL = ["select", "table", "order", "rowid", "Robert'); DROP TABLE users;--"]
MARKS = [
    "a.b",
    "a b",
    " ",
    "*",
    "^.*$",
    "{{ 7 * 7 }}",
    "%s",
    "$HOME",
    "../../etc/passwd",
    "con",
    "a\\b",
    "[bold]x[/bold]",
]
MARKS += ["<script>alert(1)</script>", "\"'>&amp;", "=1+1", "line\nbreak", "\x7f", "\ufeffbom"]
LETTERS = ["名前", "größe", "е\u0301", "\u202eabc", "🎬👩‍👩‍👧", "i\u0307", "x" * 300]
OURS = ["user", "item", "time", "clicked", "count", "value", "label", "truth", "history", "window", "entry", "lift"]
NAMES = [*CODE, *TORCH, *SQL, *MARKS, *LETTERS, *OURS]

USERS = [f"{name}{number or ''}" for number in range(2) for name in NAMES]
ITEMS = NAMES[::2]
COLUMNS = [*NAMES[::3], "type", "items"]
HALF = len(COLUMNS) // 2

MODELS: dict[str, Any] = {
    "type": {"name": "utpm", "embedding": 2, "user": 2, "query": 2, "cross_width": 2},
    "keys": {"name": "fm", "width": 2},
    "train": {"name": "pairs", "bits": 8},
    "class": {"name": "ralm-users", "cut": "periods", "embedding": 2, "user": 2},
    "select": {"name": "ralm", "users": "class", "width": 2, "clusters": 2},
    "lambda": {"name": "blend", "labels": "None", "rank": 2, "deep": {"name": "youtube", "embedding": 2, "user": 2}},
}


def write(folder: Path) -> dict[str, Any]:
    """The tables, and the run file that reads all of them. Its items and users have fields of COLUMNS."""
    folder.mkdir()
    rows = [
        (
            user,
            ITEMS[(7 * place + place // 9 + step * (place % 5 + 1)) % len(ITEMS)],
            MADE - 9e5 + 3_600 * step + place,
            step % 2 == 0,
        )
        for place, user in enumerate(USERS)
        for step in range(12)
    ]
    pl.DataFrame(rows, ["user", "item", "time", "clicked"], orient="row").write_parquet(folder / "e.parquet")
    of_items = {
        name: [NAMES[(3 * place + 5 * n) % len(NAMES)] for n in range(len(ITEMS))]
        for place, name in enumerate(COLUMNS[:HALF])
    }
    of_users = {
        name: [NAMES[(3 * place + 5 * n) % len(NAMES)] for n in range(len(USERS))]
        for place, name in enumerate(COLUMNS[HALF:])
    }
    tags = [[NAMES[n % 23], NAMES[n % 31]] for n in range(len(ITEMS))]
    pl.DataFrame({"id?": ITEMS, "tags?": tags, **of_items}).write_parquet(folder / "i.parquet")
    pl.DataFrame({"id?": USERS, "age?": [str(20 + n % 50) for n in range(len(USERS))], **of_users}).write_parquet(
        folder / "u.parquet"
    )
    fields = list[str]()
    for name in COLUMNS:
        fields.append(fit_name(name, RESERVED_NAMES | OF_SHARDS | {"tags", "age", *fields}))
    return {
        "logs": {
            "tables": {
                # Users and items are called "None" here, so that it stands for no one.
                "events": {
                    "none": [],
                    "files": "e.parquet",
                    "user": "user",
                    "item": "item",
                    "time": "time",
                    "clicked": "clicked",
                },
                "items": {
                    "none": [],
                    "files": "i.parquet",
                    "item": "id?",
                    "fields": {"tags": "tags?", **dict(zip(fields[:HALF], COLUMNS[:HALF], strict=True))},
                },
                "users": {
                    "none": [],
                    "files": "u.parquet",
                    "user": "id?",
                    "fields": {"age": "age?", **dict(zip(fields[HALF:], COLUMNS[HALF:], strict=True))},
                },
            }
        },
        "features": {
            "fields": [
                {"name": "age", "number": True},
                {"name": "tags", "limit": 3},
                *({"name": one, "limit": 2} for one in fields),
            ]
        },
        "labels": {"items": 3},
        "models": {name: {**one, "training": {"epochs": 1}} for name, one in MODELS.items()},
        "periods": {"validation_share": 0.3},
        "lookalike": {"beside": ["popularity"], "rounds": {"least_seeds": 3}, "evaluation": {"resamples": 5}},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("nasty") / "名 x"
    values = write(folder)
    (folder / "run.toml").write_text(as_toml(values), encoding="utf-8")
    done = pipeline.run(folder / "run.toml", folder / "run")
    report_on([done.folder], done.folder)
    return done


@pytest.fixture(scope="module")
def served(run: Run) -> Served:
    return open_served(run.folder, clock=lambda: MADE)


@pytest.fixture(scope="module")
def site(run: Run, served: Served) -> Iterator[tuple[Site, str]]:
    site = Site(served, run.folder)
    with running(site.app) as url:
        yield site, url


def test_every_field_is_read_and_every_model_examined(run: Run) -> None:
    prepared = run.prepared("users")
    fields = [field.name for field in run.config.features.fields if not field.number]
    assert len(fields) == len(COLUMNS) + 1
    for name in fields:
        values = prepared.vocabulary(name).values
        assert set(values) <= set(NAMES)
        assert len(values) > 10
    assert {path.stem for path in (run.folder / "scores").glob("*.json")} == {*MODELS} - {"class"}


@pytest.mark.parametrize("user", USERS[:: len(USERS) // 6])
def test_offline_answers_name_users_values_and_fields_as_they_are(run: Run, user: str) -> None:
    fields = {field.name for field in run.config.features.fields}
    for model in ("type", "lambda"):
        profile = run.profile(user, model=model)
        assert {one.field for one in profile.values} <= fields
        assert {one.value for one in profile.values if one.field != "age"} <= {*NAMES, "(other)"}
        assert run.explain(user, model=model).preference.tag in NAMES


@pytest.mark.parametrize("model", ["type", "lambda"])
def test_live_reads_fields_as_the_batch_did(run: Run, served: Served, model: str) -> None:
    users = USERS[::9]
    for user, live in zip(
        users, Service(MemoryStore(), served, lambda: MADE).profiles(users, model=model), strict=True
    ):
        offline = run.profile(user, model=model)
        expected = {one.tag: one.preference for one in (*offline.clicked, *offline.unseen)}
        found = {one.tag: one.preference for one in (*live.clicked, *live.unseen)}
        assert found == pytest.approx({tag: expected[tag] for tag in found}, rel=1e-5, abs=1e-5)


def test_the_server_takes_and_names_them(site: tuple[Site, str]) -> None:
    desk, url = site
    events = [{"user": user, "item": ITEMS[n % len(ITEMS)], "time": MADE - 60 + n % 50} for n, user in enumerate(USERS)]
    with Client(url, "") as client:
        assert client.send(events)["refused"] == []
        client.open(ITEMS[:3])
        for user in USERS[::40]:
            assert client.profile(user)["user"] == user
            assert client.explain(user)["preference"]["tag"] in NAMES
            assert {one["item"] for one in client.recall(user)} <= set(ITEMS)
        client.put_item("<new>", {name: ["<b>"] for name in desk.service.view.served.item_fields})
    assert desk.service.view.tags_of("<new>") == ["<b>"]


def test_pages_show_them_as_text(site: tuple[Site, str], run: Run) -> None:
    _, url = site
    pages = [f"users?user={quote(user, safe='')}" for user in USERS[:: len(USERS) // 8]]
    pages += [f"tags?tag={quote(tag, safe='')}" for tag in NAMES[:8]] + [
        "tags",
        "users",
        "quality",
        "system",
        "lookalike",
    ]
    for path in pages:
        answer = ask(url, "GET", f"/dashboard/{path}")
        assert answer.status == 200, path
        sound(answer.content.decode(), path)
    sound((run.folder / "report.html").read_text(encoding="utf-8"), "report")


def sound(page: str, path: str) -> None:
    """A page whose elements all end, without an element that a name made."""
    tags = Tags(re.sub(r"<(input|meta|link|img|br|hr)\b[^>]*>", "", page))
    assert (tags.wrong, tags.open) == ([], []), path
    assert "<script>alert" not in page, path
