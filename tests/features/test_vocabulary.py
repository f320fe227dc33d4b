from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.vocabulary import Vocabulary
from penchant.schema import RESERVED, UNKNOWN


def vocabulary(counts: dict[str, int], min_count: int = 1) -> Vocabulary:
    counted = pl.DataFrame({"value": list(counts), "count": list(counts.values())}, schema={"value": str, "count": int})
    return Vocabulary.count(counted, min_count=min_count)


def test_the_most_frequent_comes_first_and_ties_go_by_name() -> None:
    made = vocabulary({"rock": 3, "jazz": 9, "folk": 3})
    assert made.values == ["jazz", "folk", "rock"]
    assert made.counts.tolist() == [9, 3, 3]


def test_a_value_in_several_rows_is_added_up() -> None:
    counted = pl.DataFrame({"value": ["rock", "jazz", "rock"], "count": [2, 3, 2]})
    assert Vocabulary.count(counted, min_count=4).values == ["rock"]


def test_what_is_clicked_less_than_min_count_is_unknown() -> None:
    made = vocabulary({"rock": 5, "jazz": 4}, min_count=5)
    assert made.ids(pl.Series(["rock", "jazz", "never seen"])).tolist() == [RESERVED, UNKNOWN, UNKNOWN]


def test_ids_start_after_pad_and_unknown() -> None:
    made = vocabulary({"rock": 5, "jazz": 4})
    assert len(made) == 4
    assert [made.id("rock"), made.id("jazz"), made.id("folk")] == [2, 3, UNKNOWN]
    assert [made.name(2), made.name(3), made.name(UNKNOWN)] == ["rock", "jazz", "(other)"]


def test_an_empty_vocabulary_knows_only_the_reserved_ids() -> None:
    made = vocabulary({})
    assert len(made) == RESERVED
    assert made.ids(pl.Series(["rock"])).tolist() == [UNKNOWN]


def test_a_saved_vocabulary_is_the_same(tmp_path: Path) -> None:
    made = vocabulary({"ジャズ": 5, "007": 4, "поп": 4})
    made.save(tmp_path / "tags.parquet")
    again = Vocabulary.load(tmp_path / "tags.parquet")
    assert (again.values, again.counts.tolist(), again.fingerprint) == (made.values, [5, 4, 4], made.fingerprint)


@pytest.mark.parametrize(
    "other", [{"jazz": 5, "rock": 4}, {"rock": 5}, {"rock": 5, "jazz": 4, "folk": 3}, {"rock\njazz": 5}]
)
def test_the_fingerprint_changes_with_the_meaning_of_an_id(other: dict[str, int]) -> None:
    assert vocabulary(other).fingerprint != vocabulary({"rock": 5, "jazz": 4}).fingerprint


def test_the_fingerprint_does_not_change_with_the_counts() -> None:
    assert vocabulary({"rock": 7, "jazz": 6}).fingerprint == vocabulary({"rock": 5, "jazz": 4}).fingerprint


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_one_by_one_and_in_columns_the_ids_are_the_same(counts: dict[str, int], min_count: int) -> None:
    made = vocabulary(counts, min_count)
    asked = [*counts, "never seen"]
    assert made.ids(pl.Series(asked)).tolist() == [made.id(value) for value in asked]
    assert made.values == sorted((v for v in counts if counts[v] >= min_count), key=lambda v: (-counts[v], v))
