"""What graph models learn by: the loss worked by hand, and what is drawn against a click."""

from collections import Counter
from math import exp, log

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from penchant.errors import DataError
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.vocabulary import Vocabulary
from penchant.models.graphs.bpr import Bpr, BprConfig
from penchant.models.graphs.promise import GraphSizes
from penchant.schema import RESERVED
from penchant.training.objectives.graphs import Clicks, GraphObjective, GraphTraining, pairwise_loss


def clicks(lists: list[set[int]], items: int) -> Clicks:
    """Of users u0, u1 …; items are numbered from 0 here."""
    users = Vocabulary(pl.Series([f"u{user}" for user in range(len(lists))]), pl.Series([len(one) for one in lists]))
    values = [RESERVED + item for one in lists for item in sorted(one)]
    lengths = np.array([len(one) for one in lists])
    return Clicks(users, Ragged(offsets_of(lengths), np.array(values, np.int64)), RESERVED + items)


def test_the_loss_is_that_of_the_difference_plus_the_models_own() -> None:
    """u = 2, i = 3, j = 1 gives 6 - 2 = 4; u = 1, i = 1, j = 2 gives -1; the penalty is .1 / 2 · 20 / 2."""
    model = Bpr(BprConfig(width=1, penalty=0.1), GraphSizes(4, 5))
    with torch.no_grad():
        model.user.weight[:] = tensor([[0.0], [0.0], [2.0], [1.0]])
        model.item.weight[:] = tensor([[0.0], [0.0], [3.0], [1.0], [2.0]])
    loss = pairwise_loss(model, tensor([2, 3]), tensor([2, 3]), tensor([3, 4]))
    wanted = (log(1 + exp(-4)) + log(1 + exp(1))) / 2 + 0.1 / 2 * (4 + 1 + 9 + 1 + 1 + 4) / 2
    assert loss.item() == pytest.approx(wanted)


LISTS = st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=5), min_size=1, max_size=4)


@given(LISTS, st.integers(0, 2**31))
def test_what_is_drawn_was_never_clicked_by_the_user(lists: list[set[int]], seed: int) -> None:
    torch.manual_seed(seed)
    user_B = torch.arange(len(lists)).repeat(20) + RESERVED
    drawn_B = clicks(lists, items=6).draw(user_B)
    assert drawn_B.min() >= RESERVED
    assert drawn_B.max() < RESERVED + 6
    assert not any(item - RESERVED in lists[user - RESERVED] for user, item in zip(user_B, drawn_B, strict=True))


def test_every_item_that_was_not_clicked_is_drawn_as_often() -> None:
    torch.manual_seed(0)
    drawn_B = clicks([{0, 1, 2}, {1, 3}], items=6).draw(torch.full((9000,), RESERVED + 1))
    counts = Counter((drawn_B - RESERVED).tolist())
    assert set(counts) == {0, 2, 4, 5}
    assert all(abs(count - 2250) < 250 for count in counts.values())


def test_who_clicked_every_item_teaches_nothing() -> None:
    user_L, item_L = clicks([{0, 1}, {1}, {0, 1}], items=2).taught
    assert (user_L.tolist(), item_L.tolist()) == ([RESERVED + 1], [RESERVED + 1])


def test_an_epoch_is_a_pass_over_all_clicks() -> None:
    known = clicks([{0, 1, 2}, {1, 3}], items=6)
    objective = GraphObjective(known, GraphTraining(batch=2), lambda _: 0.0)
    steps = objective.steps(3)
    assert sorted(row for step in steps for row in step.rows.tolist()) == [0, 1, 2, 3, 4]
    assert [len(step) for step in steps] == [2, 2, 1]


def test_draws_are_those_of_the_seed() -> None:
    known = clicks([{0, 1, 2}, {1, 3}], items=60)
    objective = GraphObjective(known, GraphTraining(), lambda _: 0.0)
    torch.manual_seed(0)
    model, losses = Bpr(BprConfig(width=4), GraphSizes(4, 62)), []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        losses.append(objective.loss(model, objective.steps(0)[0]).item())
    assert losses[0] == losses[1] != losses[2]


def test_a_log_without_clicks_is_refused() -> None:
    with pytest.raises(DataError, match="nobody clicked an item that is known"):
        Clicks.read([], [], 10)
