"""What a ranker reads of a shard, worked by hand from tests/models/rankers/shards.py."""

from pathlib import Path

import pytest
import torch
from torch import tensor

from penchant.features.shards import Shard
from penchant.models.rankers.pairs import Pairs, PairsConfig
from penchant.models.rankers.promise import RankerSizes, labels_of, shown_of
from penchant.schema import CLICKED, ITEM, PAD, UNKNOWN
from tests.models.rankers.shards import ID_A, ID_B, ID_C, TAG_T, TAG_U, TAG_V, A, B, C, X, shard

SIZES = RankerSizes({"genre": 5}, {ITEM: 5, "tags": 5}, (CLICKED, "like"))
ALL = slice(0, 3)


@pytest.fixture
def asked(tmp_path: Path) -> Shard:
    return shard(tmp_path)


def test_candidates_are_the_items_of_the_window_and_what_they_had_by_then(asked: Shard) -> None:
    """Item a has tag v from time 25 on: the second user is asked later than that, the first earlier."""
    candidates = Pairs(PairsConfig(), SIZES).batch(asked, ALL).candidates
    assert candidates.ids.tolist() == [[ID_A, ID_B, PAD], [ID_C, UNKNOWN, ID_A], [PAD, PAD, PAD]]
    assert candidates.there.tolist() == [[True, True, False], [True, True, True], [False, False, False]]
    assert candidates.values["tags"][0].tolist() == [[TAG_T, TAG_U, PAD], [PAD] * 3, [PAD] * 3]
    assert candidates.values["tags"][1].tolist() == [[TAG_T, UNKNOWN, PAD], [TAG_U, PAD, PAD], [TAG_T, TAG_U, TAG_V]]


def test_the_past_is_the_latest_clicks_earliest_first(asked: Shard) -> None:
    """What was shown and not clicked is no past; what is asked about "now" is so when the last click happened."""
    batch = Pairs(PairsConfig(past=2), SIZES).batch(asked, ALL)
    assert batch.past.ids.tolist() == [[UNKNOWN, ID_C], [PAD, PAD], [ID_B, PAD]]
    assert batch.age_BO.tolist() == [[5.0, 4.0], [0.0, 0.0], [0.0, 0.0]]
    assert Pairs(PairsConfig(past=9), SIZES).batch(asked, ALL).past.ids[0].tolist() == [ID_A, UNKNOWN, ID_C]


def test_a_ranker_that_reads_no_past_is_given_none(asked: Shard) -> None:
    batch = Pairs(PairsConfig(past=0), SIZES).batch(asked, ALL)
    assert batch.past.ids.shape == batch.age_BO.shape == (3, 0)


def test_fields_of_the_user_come_along(asked: Shard) -> None:
    batch = Pairs(PairsConfig(), SIZES).batch(asked, tensor([1, 0]))
    assert batch.user.ids["genre"].tolist() == [[UNKNOWN, PAD], [2, 3]]
    assert batch.user.weights["genre"].tolist() == [[1.0, 0.0], [2.0, 1.0]]
    assert len(batch) == 2


def test_fewer_item_fields_are_read_where_fewer_are_asked_for(asked: Shard) -> None:
    model = Pairs(PairsConfig(), SIZES.only(None, ["tags"]))
    assert set(model.batch(asked, ALL).candidates.values) == {ITEM, "tags"}


def test_labels_stand_beside_their_candidates(asked: Shard) -> None:
    nan = torch.nan
    label_BKQ = labels_of(asked, ALL, (CLICKED, "like"))
    wanted = tensor([[[1, 1], [0, nan], [nan, nan]], [[0, nan], [1, nan], [0, 0]], [[nan, nan]] * 3])
    torch.testing.assert_close(label_BKQ, wanted, equal_nan=True)
    row_L, entry_L, label_LQ = shown_of(asked, (CLICKED, "like"))
    assert row_L.tolist() == [0, 0, 1, 1, 1]
    assert entry_L.tolist() == [A, B, C, X, A]
    torch.testing.assert_close(label_LQ, wanted[:2].flatten(0, 1)[[0, 1, 3, 4, 5]], equal_nan=True)
