"""Lists in one text, in each way that programs write them; any other text stays as it is."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.logs.rows.lists import LONGEST, as_lists, is_list, parse_list

WRITTEN = {
    '["a", "b"]': ["a", "b"],
    "['a', 'b']": ["a", "b"],
    "('a',)": ["a"],
    "{'b', 'a', 'c'}": ["b", "a", "c"],
    '{a,"b c",NULL}': ["a", "b c"],
    " [1, 2] ": ["1", "2"],
    "[1.0, 2.5, NaN]": ["1", "2.5"],
    "[1. 2.5]": ["1", "2.5"],
    "[ 1  2\n 3]": ["1", "2", "3"],
    "['a' 'b c']": ["a", "b c"],
    "[true, null]": ["true"],
    "[True, None]": ["true"],
    '[{"id": 1, "name": "a"}, {"id": 2}]': ["a", "2"],
    "[12345678901234567890123]": ["12345678901234567890123"],
    "[Action, Comedy]": ["Action", "Comedy"],
    "[Action,Adventure]": ["Action", "Adventure"],
    "['a', nan]": ["a"],
    "[nan, 'nan']": ["nan"],
    "array(['a', 'b'], dtype=object)": ["a", "b"],
    "array(['a',\n       'b'], dtype='<U1')": ["a", "b"],
    "np.array([1, 2])": ["1", "2"],
    "array([], dtype=object)": [],
    "set()": [],
    "frozenset({'a'})": ["a"],
    '"[\\"a\\", \\"b\\"]"': ["a", "b"],
    "\"['a', 'b']\"": ["a", "b"],
    "['a'\n 'b']": ["a", "b"],
    "[[1, 2], [3]]": ["1", "2", "3"],
    "[]": [],
    "{}": [],
}
PLAIN = [
    "a",
    "",
    "[sic] a",
    "(2020)",
    "Toy Story (1995)",
    '["a"',
    "{'a': 1}",
    "[a, b] c",
    "[REC]",
    '"[REC]"',
    "set(a)",
    "a|b",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_list_is_parted(text: str) -> None:
    assert parse_list(text) == WRITTEN[text]


@pytest.mark.parametrize("text", [*PLAIN, f"[{'1,' * LONGEST}1]"])
def test_any_other_text_is_one_value(text: str) -> None:
    assert parse_list(text) == [text]
    assert not is_list(text)


def test_a_column_keeps_its_order_its_nulls_and_its_repeats() -> None:
    titles = ["title"] * 2 * len(WRITTEN)  # because most texts in square brackets make [REC] a list
    texts = pl.Series("^a$", ["x", *WRITTEN, *PLAIN, *titles, "x", *WRITTEN])
    expected = [["x"], *WRITTEN.values(), *([one] for one in [*PLAIN, *titles]), ["x"], *WRITTEN.values()]
    assert as_lists(texts).to_list() == expected
    assert not as_lists(pl.Series(["[1]", None]))[1].drop_nulls().len()


WORDS = st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=6), min_size=1, max_size=4)


@given(WORDS)
def test_what_json_and_python_write_is_read_back(words: list[str]) -> None:
    assert parse_list(json.dumps(words)) == words
    assert parse_list(json.dumps(words, ensure_ascii=False)) == words
    assert parse_list(str(words)) == words
    assert parse_list(str(tuple(words))) == words


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=200))
def test_what_numpy_prints_is_read_back(numbers: list[int]) -> None:
    assert parse_list(str(np.array(numbers))) == [str(one) for one in numbers]


def test_a_set_has_the_same_order_in_every_process() -> None:
    asks = "from penchant.logs.rows.lists import parse_list; print(parse_list(\"{'e', 'd', 'c', 'b', 'a'}\"))"
    said = {
        subprocess.run(
            [sys.executable, "-c", asks], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_one_word_in_square_brackets_is_a_list_where_most_texts_are() -> None:
    assert as_lists(pl.Series(["[Action,Drama]", "[Action]", "[ Sci-Fi ]", "", None])).to_list() == [
        ["Action", "Drama"],
        ["Action"],
        ["Sci-Fi"],
        [""],
        [None],
    ]
    titles = ["Alien", "[REC]", "Heat", "[REC]²"]
    assert as_lists(pl.Series(titles)).to_list() == [[title] for title in titles]


@pytest.mark.parametrize("text", ["[" * 9_000 + "]" * 9_000, '{"name":' * 2_000 + "1" + "}" * 2_000])
def test_a_text_of_any_depth_stays_or_is_read(text: str) -> None:
    assert as_lists(pl.Series([text])).to_list() in ([[text]], [[]], [["1"]])
