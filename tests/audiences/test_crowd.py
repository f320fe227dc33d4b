"""The known values of users, numbered so that no field's are another's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.audiences.crowd import value_at, values_of
from penchant.features.shards import Shard

FIELDS = {"tags": 5, "nothing": 2, "age": 3, "item": 4}  # known ids: 2 3 4, none, a number, 2 3
# As numbers:                                                         0 1 2                  3 4


def shard(tags: list[list[int]], items: list[list[int]]) -> Shard:
    count = len(tags)
    ids = {"tags": tags, "item": items, "age": [[2]] * count, "nothing": [[1]] * count}
    arrays = {f"{name}.ids": torch.tensor(rows, dtype=torch.int32) for name, rows in ids.items()}
    return Shard({**arrays, "history.offsets": torch.zeros(count + 1)}, Path("none.parquet"))


SHARDS = [shard([[4, 2, 0], [1, 0, 0]], [[3], [1]]), shard([[1, 3, 0]], [[2]])]


def test_each_user_has_all_their_known_values_over_all_shards() -> None:
    values, width = values_of(SHARDS, FIELDS, numbers=["age"])
    assert width == 5
    assert [sorted(values.part(slice(row, row + 1)).values.tolist()) for row in range(3)] == [[0, 2, 4], [], [1, 3]]


def test_a_user_of_whom_nothing_is_known_has_an_empty_list() -> None:
    values, _ = values_of(SHARDS, FIELDS, numbers=["age"])
    assert np.flatnonzero(values.lengths == 0).tolist() == [1]


def test_with_numbers_alone_nobody_has_values() -> None:
    values, width = values_of(SHARDS, {"age": 3}, numbers=["age"])
    assert (values.lengths.tolist(), values.values.tolist(), width) == ([0, 0, 0], [], 0)


@pytest.mark.parametrize(("number", "named"), [(0, ("tags", 2)), (2, ("tags", 4)), (3, ("item", 2)), (4, ("item", 3))])
def test_a_number_says_its_field_and_id(number: int, named: tuple[str, int]) -> None:
    assert value_at(number, FIELDS, numbers=["age"]) == named
