"""Logistic regression on pairs: what its formula says, worked by hand."""

from math import sqrt

import pytest
import torch
from torch import tensor

from penchant.features.shards import Batch
from penchant.models.rankers.pairs import Pairs, PairsConfig
from penchant.models.rankers.promise import Listed, RankBatch, RankerSizes
from penchant.schema import ITEM

SIZES = RankerSizes({"tags": 8}, {ITEM: 6}, ("click",))


def asked(ids: list[int], weights: list[float], item: int) -> RankBatch:
    nothing = Listed({ITEM: torch.zeros(1, 0, 1, dtype=torch.long)})
    return RankBatch(
        Batch({"tags": tensor([ids])}, {"tags": tensor([weights])}),
        nothing,
        torch.zeros(1, 0),
        Listed({ITEM: tensor([[[item]]])}),
    )


def row(model: Pairs, *rows: int) -> int:
    """Where the weight of a value, or of a pair, lies: `at` of each."""
    return sum(rows) % len(model.weight)


def at(model: Pairs, value: int, side: int) -> int:
    """The row of a value of the first field of a side: 1 the user's, 2 the past, 3 the candidate's."""
    return int(model.rows(tensor(value), side, 0))


def test_a_logit_is_the_sum_of_single_and_paired_weights() -> None:
    """Tags 3 and 4 with weights 4 and 3 have x = .8 and .6; item 5 has x = 1."""
    model = Pairs(PairsConfig(), SIZES)
    three, four, item = at(model, 3, 1), at(model, 4, 1), at(model, 5, 3)
    given = {(three,): 10.0, (four,): 100.0, (item,): 0.5, (three, item): 1.0, (four, item): -2.0}
    with torch.no_grad():
        model.bias.add_(0.25)
        for keys, weight in given.items():
            model.weight[row(model, *keys)] = weight
    wanted = 0.25 + 0.5 + 0.8 * (10.0 + 1.0) + 0.6 * (100.0 - 2.0)
    assert model.logits(asked([3, 4], [4.0, 3.0], 5)).item() == pytest.approx(wanted)
    assert model.logits(asked([3], [4.0], 2)).item() == pytest.approx(0.25 + 10.0)


def test_a_number_keeps_its_size_where_values_are_scaled() -> None:
    number = Pairs(PairsConfig(), RankerSizes({"tags": 8}, {ITEM: 6}, ("click",), numbers=("tags",)))
    value = Pairs(PairsConfig(), SIZES)
    for model in (number, value):
        with torch.no_grad():
            model.weight[at(model, 2, 1)] = 1.0
    assert number.logits(asked([2], [0.3], 5)).item() == pytest.approx(0.3)
    assert value.logits(asked([2], [0.3], 5)).item() == pytest.approx(1.0)


def test_values_of_the_past_are_paired_in_the_length_of_one() -> None:
    """Two clicks on item 4 and one on item 3: each mention has x = 1 / √3."""
    model = Pairs(PairsConfig(past=10), SIZES)
    pair = at(model, 4, 2), at(model, 5, 3)
    with torch.no_grad():
        model.weight[row(model, *pair)] = 1.0
    given = asked([0], [0.0], 5)
    past = RankBatch(given.user, Listed({ITEM: tensor([[[4], [3], [4]]])}), tensor([[9.0, 5.0, 1.0]]), given.candidates)
    assert model.logits(past).item() == pytest.approx(2 / sqrt(3))


def test_hashes_of_neighbouring_pairs_spread_over_the_table() -> None:
    """A million pairs of 1,000 x 1,000 values in 2^20 rows: as many rows are hit as by chance, 1 - 1/e of them."""
    model = Pairs(PairsConfig(bits=20), SIZES)
    user, item = model.rows(torch.arange(1000), 1, 0), model.rows(torch.arange(1000), 3, 1)
    rows = (user[:, None] + item) % 2**20
    chance = 1 - (1 - 2.0**-20) ** 1_000_000
    assert len(rows.unique()) / 2**20 == pytest.approx(chance, abs=0.002)


def test_sizes_of_some_fields_keep_what_belongs_to_them() -> None:
    whole = RankerSizes({"tags": 8, "age": 3}, {ITEM: 6, "tags": 8}, ("click",), numbers=("age",))
    assert whole.only(["tags"], None) == RankerSizes({"tags": 8}, {ITEM: 6, "tags": 8}, ("click",))
    assert whole.only(None, ["tags"]) == RankerSizes({"tags": 8, "age": 3}, {"tags": 8}, ("click",), ("age",))
