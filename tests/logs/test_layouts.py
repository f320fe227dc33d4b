"""What `penchant init` makes of the tables of other programs: the right mapping, and a log with all of its events."""

import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.logs.ingest import ingest
from penchant.logs.propose import as_toml, find_tables, known_source, propose
from penchant.logs.sources import known_tables
from penchant.logs.tables import Tables
from tests.logs.layouts import LAYOUTS
from tests.logs.layouts.layout import Expected, Layout, uuid_of, world
from tests.logs.layouts.renamed import RENAMED, rename_all

DOCUMENT = Path(__file__).parents[2] / "docs" / "data" / "layouts.md"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_mapped_and_read(layout: Layout, tmp_path: Path) -> None:
    events = layout.write(tmp_path)
    tables = mapped(layout, tmp_path)
    found = ingest(tables, tmp_path, tmp_path / "log", max_rejected_share=0.05).found
    assert found["events"] == events


def mapped(layout: Layout, folder: Path) -> Tables:
    """The mapping that is proposed, once it is what it should be."""
    if layout.expected.source:
        assert known_source([folder]) == layout.expected.source
        return known_tables(layout.expected.source, folder)
    assert known_source([folder]) is None
    text = as_toml(propose(find_tables([folder]), folder))
    said = tomllib.loads(text)
    assert as_expected(said) == layout.expected_of(said)
    for needed in layout.needs:
        assert needed in text
    return Tables.parse(said["logs"]["tables"], origin="proposal")


def as_expected(said: dict[str, Any]) -> Expected:
    """What a run file says, as a layout has it."""
    tables, label = said["logs"]["tables"], said["labels"]["field"]
    events = tables["events"]
    fields = tables.get("items", {}).get("fields", {})
    sources = [(tables["items"]["item"], fields[label])] if label in fields else []
    sources += [(one["item"], one["value"]) for one in tables.get("item_values", []) if one["field"] == label]
    return Expected(
        **{role: events.get(role) for role in ("user", "item", "time", "clicked", "action")},
        clicks=frozenset(value for value, click in events.get("actions", {}).items() if click),
        items_key=sources[0][0] if sources else None,
        label=sources[0][1] if sources else None,
        files=str(events.get("files", "a query")),
    )


def test_most_roles_are_found_without_names(tmp_path: Path) -> None:
    """All columns are called col_1, col_2, …: what they hold is enough in all but a few."""
    wrong: dict[str, list[str]] = {"user": [], "item": [], "time": []}
    for layout in (one for one in LAYOUTS if one.name in RENAMED):
        folder = tmp_path / layout.name
        folder.mkdir()
        layout.write(folder)
        names = rename_all(folder)
        events = tomllib.loads(as_toml(propose(find_tables([folder]), folder)))["logs"]["tables"]["events"]
        for role, missed in wrong.items():
            wanted = getattr(layout.expected, role)
            if events.get(role) != names.get(wanted, wanted):
                missed.append(layout.name)
    # Matomo has the address of this page and of the one before: both are keys of the same table.
    assert wrong == {"user": [], "item": ["matomo"], "time": []}


def test_the_page_of_layouts_is_the_list() -> None:
    assert "\n".join(page()) in DOCUMENT.read_text(encoding="utf-8")


def page() -> list[str]:
    """The table of docs/data/layouts.md."""
    lines = ["| what | user, item, time | click | tags |", "|---|---|---|---|"]
    for layout in LAYOUTS:
        told = layout.expected
        if told.source:
            lines.append(f"| {layout.what} | known by its files: source `{told.source}` | | |")
            continue
        time = f"`{told.time}`" if told.time else "none: the order of the rows"
        clicked = f"`{told.clicked}`" if told.clicked else "every row"
        clicks = f"`{told.action}`: {', '.join(sorted(told.clicks))}" if told.action else clicked
        label = f"`{told.label}`" if told.label else "none: it asks for a table of items"
        lines.append(f"| {layout.what} | `{told.user}`, `{told.item}`, {time} | {clicks} | {label} |")
    return lines


def test_columns_of_types_that_are_not_read_are_named(tmp_path: Path) -> None:
    next(one for one in LAYOUTS if one.name == "ray").write(tmp_path)
    text = as_toml(propose(find_tables([tmp_path]), tmp_path))
    assert "embedding (ray.data.arrow_tensor): a type that is not read" in text


def test_columns_of_extension_types_that_are_read_are_named(tmp_path: Path) -> None:
    w = world()
    ids = pa.array([UUID(uuid_of(n)).bytes for n in w.events["user"]], pa.binary(16))
    written = pa.array(['{"a": 1}'] * w.events.height)
    table = pa.table(
        {
            "user": pa.ExtensionArray.from_storage(pa.uuid(), ids),
            "item": w.events["item"].to_arrow(),
            "time": w.events["s"].to_arrow(),
            "more": pa.ExtensionArray.from_storage(pa.json_(), written),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    text = as_toml(propose(find_tables([tmp_path]), tmp_path))
    assert 'user = "user"' in text
    assert "user (arrow.uuid), more (arrow.json): extension types" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clicks.xlsx", "clicks.xlsx is left out: save the sheet as CSV"),
        ("clicks.avro", "clicks.avro is left out: turn it into Parquet"),
        ("clicks.zip", "clicks.zip is left out: unpack it"),
        ("shop.duckdb", 'query = "select … from …" and database = "shop.duckdb"'),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04\0\0")
    columns = {
        "user_id": ["a", "a", "b"],
        "item_id": ["x", "y", "x"],
        "ts": [1_700_000_000, 1_700_000_001, 1_700_000_002],
    }
    pl.DataFrame(columns).write_csv(tmp_path / "log.csv")
    assert said in as_toml(propose(find_tables([tmp_path]), tmp_path))
