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


SENTINELS = [99_999.0, -99_999.0, 9.99e9, -1e300, 1.7e308]


@given(
    st.lists(st.integers(15, 90), min_size=4, unique=True),
    st.sampled_from(SENTINELS),
    st.integers(1, 2_000),
    st.integers(1, 5),
)
def test_a_number_that_stands_for_none_does_not_squash_the_others(
    ages: list[int], sentinel: float, sentinels: int, each: int
) -> None:
    """However many users have it: one of a thousand, or most."""
    texts = pl.Series([*map(str, ages * each), *[repr(sentinel)] * sentinels])
    span = Span.of(texts)
    assert span is not None
    assert min(ages) <= span.low < span.high <= max(ages)
    first, third = span.scale(pl.Series(np.quantile([*ages, sentinel], (0.25, 0.75)).astype(str)))
    assert third - first > 1 / 11.01
    assert span.scale(texts)[-1] == (1 if sentinel > 0 else 0)
    assert span.users == len(texts)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 0.9])
def test_ages_are_told_apart_beside_any_share_of_sentinels(share: float) -> None:
    ages = [str(18 + number % 60) for number in range(1_000)]
    wrong = ["99999"] * round(1_000 * share / (1 - share))
    assert Span.of(pl.Series([*ages, *wrong])) == Span(18.0, 77.0, users=1_000 + len(wrong))


@given(st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=1, max_size=4))
def test_of_a_few_numbers_none_is_cut_off(numbers: list[float]) -> None:
    assert Span.of(pl.Series(map(str, numbers))) == Span(min(numbers), max(numbers), users=len(numbers))


def test_an_even_spread_is_kept_whole_and_a_long_tail_is_not() -> None:
    even = pl.Series([str(number) for number in range(1_000)])
    assert Span.of(even) == Span(0.0, 999.0, users=1_000)
    normal = np.random.default_rng(0).normal(50, 10, 10_000).round(2)
    assert Span.of(pl.Series(normal.astype(str))) == Span(normal.min(), normal.max(), users=10_000)
    incomes = [str(1.1**number) for number in range(200)]
    span = Span.of(pl.Series(incomes))
    assert span is not None
    assert span.high < 1.1**190


def test_the_largest_floats_are_scaled_to_numbers() -> None:
    shares = Span(-1.7e308, 1.7e308, users=2).scale(pl.Series(["-1.7e308", "0", "1.7e308", "1e999"]))
    assert shares.to_list() == [0.0, 0.5, 1.0, None]


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
