"""No name that a table may bear breaks anything: of a column, and of the field made of it."""

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import penchant
from penchant import schema
from penchant.features.prepare import prepare
from penchant.logs import check
from penchant.logs.forgotten import digest_of
from penchant.logs.formats import part
from penchant.logs.ingest import Log, ingest
from penchant.logs.names import OF_SHARDS, RESERVED_NAMES, fit_name
from penchant.logs.propose import as_toml, find_tables, propose
from penchant.logs.pseudonyms import Admission
from penchant.logs.rows import parting
from penchant.logs.tables import Tables
from penchant.models.interests.utpm import Utpm
from penchant.runfile import RunConfig
from penchant.runfolder import RunFolder

MODULES = (schema, check, part, parting)
OURS = {str(value) for module in MODULES for value in vars(module).values() if isinstance(value, str)}
WORDS = sorted(
    {*dir(nn.ModuleDict), *dir(Utpm), *dir(dict), *dir(pl.DataFrame), *RESERVED_NAMES, *OF_SHARDS}
    | {text for text in OURS if len(text) < 40}
    | {"row", "neutral", "forgotten", "weight", "slot", "age", "asked", "place", "a.b", "*", "^.*$", "a/b", "con", "名"}
)
USERS, ITEMS = [f"u{number}" for number in range(12)], [f"i{number}" for number in range(6)]


def write_tables(folder: Path, names: list[str], fields: list[str]) -> dict[str, Any]:
    """Events whose own columns have such names as well; fields of items and users, each with values of its own. The
    tables as a run file maps them, and the features, as sections of it."""
    user, item, time = (name for name in [*names, "user?", "item?", "time?"][:3])
    rows = [(one, ITEMS[(n + k) % 6], 1_700_000_000 + 60 * n) for k, one in enumerate(USERS) for n in range(8)]
    columns = dict(zip((user, item, time), zip(*rows, strict=True), strict=True))
    pl.DataFrame(columns).write_parquet(folder / "e.parquet")
    half = len(names) // 2
    of_items = {name: [f"{place} {n % 2}" for n in range(6)] for place, name in enumerate(names[:half])}
    of_users = {name: [f"{place} {n % 2}" for n in range(12)] for place, name in enumerate(names[half:], start=half)}
    pl.DataFrame({"id ": ITEMS, **of_items, "tags ": ["a", "b"] * 3}).write_parquet(folder / "i.parquet")
    pl.DataFrame({"id ": USERS, **of_users}).write_parquet(folder / "u.parquet")
    items = {**dict(zip(fields[:half], names[:half], strict=True)), "predicted": "tags "}
    return {
        "tables": {
            "events": {"files": "e.parquet", "user": user, "item": item, "time": time},
            "items": {"files": "i.parquet", "item": "id ", "fields": items},
            "users": {
                "files": "u.parquet",
                "user": "id ",
                "fields": dict(zip(fields[half:], names[half:], strict=True)),
            },
        },
        "features": [
            {"name": fit_name(name, OF_SHARDS | {"predicted"}), "of": name, "limit": 2}
            for name in [*items, *fields[half:]]
        ],
    }


def fitted(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        found.append(fit_name(name, RESERVED_NAMES | {"predicted", *found}))
    return found


def open_log(folder: Path, tables: dict[str, Any], name: str, forgotten: dict[str, float]) -> Log:
    parsed = Tables.parse(tables, origin="test")
    return ingest(parsed, folder, folder / name, max_rejected_share=0.0, admission=Admission(forgotten))


@settings(max_examples=10)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=60), min_size=3, max_size=8, unique=True))
def test_columns_and_fields_of_any_name_are_read_and_prepared(names: list[str]) -> None:
    names = [name for name in names if name not in ("id ", "tags ")]
    fields = fitted(names)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        said = write_tables(folder, names, fields)
        log = open_log(folder, said["tables"], "log", {})
        assert log.found["events"] == 96
        half = len(names) // 2
        for place, name in enumerate(fields):
            table = log.items() if place < half else log.users()
            assert table[name].to_list()[:2] == [[f"{place} 0"], [f"{place} 1"]]
        config = RunConfig.parse(
            {
                "logs": {"tables": said["tables"]},
                "features": {"fields": said["features"]},
                "labels": {"field": "predicted", "items": 2},
            },
            origin="test",
        )
        prepared = prepare(log, RunFolder(folder, config, folder).plan("users"), folder / "prepared")
        for place, name in enumerate(fields):
            assert sorted(prepared.vocabulary(name).values) == [f"{place} 0", f"{place} 1"]
        forgotten = open_log(folder, said["tables"], "without", {digest_of("u3"): 2e9})
        assert forgotten.found["users"] == 11
        assert "u3" not in forgotten.users()["user"].to_list()


NASTY = ["type", "values", "keys", "items", "half", "double", "train", "float", "update", "compile", "forward", "pop"]
NASTY += ["weight", "sizes", "tag", "query", "parts", "names", "value_", "children", "to", "a.b", "label", "count"]
NASTY += ["recent", "history", "*", "^.*$", "time", "row", "line\nbreak\x7f", "größe", "タグ", "x" * 99]


def test_init_proposes_names_that_run(tmp_path: Path) -> None:
    """Columns of items and users, one for each name; and profiles of the run that comes of it."""
    half = len(NASTY) // 2
    rows = [(one, ITEMS[(n + k) % 6], 1_700_000_000 + 60 * n) for k, one in enumerate(USERS) for n in range(8)]
    schema_of = ["user_id", "item_id", "timestamp"]
    pl.DataFrame(rows, schema=schema_of, orient="row").write_parquet(tmp_path / "clicks.parquet")
    of_items = {name: [f"{name} {n % 2}" for n in range(6)] for name in NASTY[:half]}
    keywords = [["a"], ["b"], ["a", "c"]] * 2
    pl.DataFrame({"item_id": ITEMS, "keywords": keywords, **of_items}).write_parquet(tmp_path / "things.parquet")
    of_users = {name: [f"{name} {n % 2}" for n in range(12)] for name in NASTY[half:]}
    pl.DataFrame({"user_id": USERS, **of_users}).write_parquet(tmp_path / "people.parquet")
    text = as_toml(propose(find_tables([tmp_path]), tmp_path))
    values = tomllib.loads(text)
    values["features"]["min_count"] = {}
    # A model with attention, so that a profile names the values of every field.
    values["models"] = {"tags": {"name": "utpm", "training": {"epochs": 1}}}
    config = RunConfig.parse(values, origin="proposal")
    assert config.logs.tables
    sources = {**config.logs.tables.items.fields, **config.logs.tables.users.fields}  # type: ignore[union-attr]
    assert set(NASTY) <= set(sources.values())
    run = penchant.run(config, tmp_path / "run", base=tmp_path)
    profile = run.profile("u3")
    shown = {one.value for one in profile.values if one.field in ("type", "train", "label_2")}
    assert shown == {"type 0", "type 1", "train 0", "train 1", "label 1"}
    assert run.explain("u3").alone
