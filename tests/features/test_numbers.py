"""A number per user: scaled by training users, alike in batch and live."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.features.fields import SAMPLE, Field, pack
from penchant.features.numbers import Span, number_columns, read_number
from penchant.schema import RESERVED, VALUE

TEXTS = [" 20 ", "1e1", "-5", "n/a", "", "nan", "inf", "40"]


def in_batch(texts: list[str | None], span: Span) -> tuple[np.ndarray, np.ndarray]:
    """ids and weights of one sample per text; a sample without a text has no row."""
    rows = [(sample, text) for sample, text in enumerate(texts) if text is not None]
    frame = pl.DataFrame(rows, schema={SAMPLE: pl.UInt32, VALUE: pl.String}, orient="row")
    return pack(number_columns(frame, span), len(texts), 1)


def test_what_is_no_finite_number_is_padding_and_what_is_beyond_is_cut_off() -> None:
    ids, weights = in_batch([*TEXTS, None], Span(0.0, 20.0, users=2))
    assert ids[:, 0].tolist() == [2, 2, 2, 0, 0, 0, 0, 2, 0]
    assert weights[:, 0].tolist() == [1, 0.5, 0, 0, 0, 0, 0, 1, 0]
    assert [str(array.dtype) for array in (ids, weights)] == ["int32", "float32"]


def test_a_span_is_what_training_users_have() -> None:
    assert Span.of(pl.Series(TEXTS)) == Span(-5.0, 40.0, users=4)
    assert Span.of(pl.Series(["n/a", None, "inf"])) is None
    assert Span.of(pl.Series([None, None])) is None


def test_a_span_of_one_number_scales_all_to_zero() -> None:
    assert Span(7.0, 7.0, users=3).scale(pl.Series(["7", "9", "x"])).to_list() == [0, 0, None]


def test_a_number_needs_a_table_of_three_rows_and_has_a_name() -> None:
    named = Span(18.0, 56.5, users=3).vocabulary
    assert (len(named), named.name(RESERVED), named.counts.tolist()) == (3, "18 to 56.5", [3])
    assert named.fingerprint != Span(18.0, 57.0, users=3).vocabulary.fingerprint


NUMBERS = st.none() | st.floats(-1e9, 1e9).map(str) | st.integers(-9, 99).map(str) | st.sampled_from(TEXTS)


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.floats(-100, 100), st.floats(0, 100))
def test_batch_and_live_agree(texts: list[str | None], low: float, width: float) -> None:
    span = Span(low, low + width, users=2)
    for text, ids, weights in zip(texts, *in_batch(texts, span), strict=True):
        found = [(int(value), float(weight)) for value, weight in zip(ids, weights, strict=True) if value]
        assert found == [(value, float(np.float32(weight))) for value, weight in read_number(text, span)]
        assert all(value == RESERVED and 0 <= weight <= 1 for value, weight in found)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"limit": 1}, "limit"),
        ({"last": 5}, "last"),
        ({"order": "recent"}, "order"),
        ({"last": 5, "half_life": 2.0}, "last, half_life"),
    ],
)
def test_a_number_has_no_options_of_lists(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"'age' is one number per user, which has no {name}; leave it out"):
        Field.parse({"name": "age", "number": True, **option}, origin="test")


def test_a_field_without_a_number_is_written_as_it_always_was() -> None:
    assert "number" not in Field(name="tags").model_dump_json()
    written = Field(name="age", number=True).model_dump_json()
    assert Field.model_validate_json(written).number
