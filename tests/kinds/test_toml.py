"""What is written as TOML is read as what it was."""

import datetime
import math
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penchant.kinds.toml import as_toml

# Python's texts may hold halves of characters, which no TOML file can.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.one_of(st.booleans(), st.integers(), st.floats(), st.dates(), st.datetimes(), TEXT)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12)


@given(st.dictionaries(TEXT, VALUES))
def test_every_table_is_read_as_it_was_written(table: dict[str, Any]) -> None:
    assert plain(tomllib.loads(as_toml(table))) == plain(table)
    assert plain(tomllib.loads(as_toml(table, "models", "a b"))) == plain({"models": {"a b": table}})


def plain(value: Any) -> Any:
    """nan equals itself."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def test_numbers_and_keys_that_other_formats_write_otherwise() -> None:
    table = {"a b": math.inf, "é": -math.inf, "ok-1": 1e-7, "day": datetime.date(2024, 5, 1), "": {"x": []}}
    text = as_toml(table)
    assert text == '"a b" = inf\n"é" = -inf\nok-1 = 1e-07\nday = 2024-05-01\n\n[""]\nx = []'
