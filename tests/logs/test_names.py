"""What a field may be called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.logs.names import LONGEST, RESERVED_NAMES, fit_name, problem_of
from penchant.logs.tables import Tables

EVENTS = {"files": "e.csv", "user": "u", "item": "i"}


def test_a_name_that_cannot_be_is_refused_with_one_that_can() -> None:
    for name, better in {
        "a.b": "a_b",
        "a/b": "a_b",
        "": "field",
        "item": "item_2",
        "Count": "Count_2",
        "a" * 51: "a" * 45,
        "e\u0301": "e_",
    }.items():
        said = rf"a field cannot be called {re.escape(repr(name))}, .*; call it '{better}'"
        with pytest.raises(ConfigError, match=said):
            Tables.parse({"events": EVENTS, "items": {"files": "i.csv", "item": "i", "fields": {name: "x"}}}, origin="")


def test_names_that_differ_in_capitals_only_are_one() -> None:
    items = {"files": "i.csv", "item": "i", "fields": {"Genre": "x", "genre": "y"}}
    with pytest.raises(ConfigError, match="cannot be called 'genre', a name that is taken; call it 'genre_2'"):
        Tables.parse({"events": EVENTS, "items": items}, origin="")


@given(st.text(max_size=80), st.sets(st.text(alphabet="ab_2", max_size=4)))
def test_what_is_proposed_can_be(text: str, taken: set[str]) -> None:
    name = fit_name(text, RESERVED_NAMES | taken)
    assert problem_of(name, RESERVED_NAMES | taken) is None
    assert len(name.encode()) < 4 * LONGEST + 1


@given(st.from_regex(r"\A[\w-]{1,45}\Z"))
def test_a_name_that_can_be_is_left_as_it_is(name: str) -> None:
    if problem_of(name) is None:
        assert fit_name(name) == name
