"""Losses beyond their golden values: softmax, full and sampled, and contrast."""

import numpy as np
import pytest
import torch
from torch import nn, tensor

from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.interests.youtube import YouTubeConfig, YouTubeDnn
from penchant.training.losses import LabelBatch, contrast, joint, sampled_softmax, separate, softmax
from penchant.training.objectives.interests import TrainingConfig, loss_of

VOCABULARY = 42


def given(vocabulary: int = VOCABULARY) -> tuple[torch.Tensor, nn.Embedding, LabelBatch]:
    torch.manual_seed(1)
    tag = nn.Embedding(vocabulary, 3, padding_idx=0)
    # Two users: tags 5 (twice) and 7 clicked, 9 not; tag 11 clicked.
    tags_BKN = tensor([[[5, 7], [5, 0], [9, 0]], [[11, 0], [0, 0], [0, 0]]])
    return torch.randn(2, 3), tag, LabelBatch(tags_BKN, tensor([[True, True, False], [True, False, False]]))


def test_softmax_is_the_mean_over_distinct_clicked_tags() -> None:
    user_BU, tag, labels = given()
    log_BV = torch.log_softmax(user_BU @ tag.weight[2:].T, 1)
    expected = -(log_BV[0, 5 - 2] + log_BV[0, 7 - 2] + log_BV[1, 11 - 2]) / 3
    torch.testing.assert_close(softmax(user_BU, tag, labels), expected)


def test_softmax_has_the_gradient_of_its_formula() -> None:
    user_BU, tag, labels = given()
    users, vectors = user_BU.requires_grad_(), tag.weight
    log_BV = torch.log_softmax(users @ vectors[2:].T, 1)
    expected = torch.autograd.grad(-(log_BV[0, 5 - 2] + log_BV[0, 7 - 2] + log_BV[1, 11 - 2]) / 3, (users, vectors))
    torch.testing.assert_close(torch.autograd.grad(softmax(users, tag, labels), (users, vectors)), expected)


def test_softmax_of_nothing_clicked_is_zero() -> None:
    user_BU, tag, labels = given()
    nothing = LabelBatch(labels.tags_BKN, torch.zeros_like(labels.clicked_BK))
    assert softmax(user_BU, tag, nothing) == 0
    assert sampled_softmax(user_BU, tag, nothing, 10) == 0
    contrast(user_BU.requires_grad_(), tag, nothing, 10).backward()
    assert not user_BU.grad.any()  # type: ignore[union-attr]


def test_sampled_softmax_with_many_draws_is_each_clicked_tag_against_all_not_clicked() -> None:
    user_BU, tag, labels = given()
    scores_BV = (user_BU @ tag.weight.T).detach()
    losses = []
    for user, own in [(0, [5, 7]), (1, [11])]:
        others = [number for number in range(2, VOCABULARY) if number not in own]
        losses += [torch.logsumexp(scores_BV[user, [one, *others]], 0) - scores_BV[user, one] for one in own]
    found = sampled_softmax(user_BU, tag, labels, 20_000)
    torch.testing.assert_close(found, torch.stack(losses).mean(), atol=1e-4, rtol=1e-4)


def test_sampled_softmax_equals_its_formula_in_numpy() -> None:
    user_BU, tag, labels = given()
    drawn = np.array([3, 5, 20, 3, 40])
    vectors, users = tag.weight.detach().numpy().astype(float), user_BU.numpy().astype(float)

    def corrected(user: int, number: int) -> float:
        rank = number - 2
        once = np.log((rank + 2) / (rank + 1)) / np.log(VOCABULARY - 2 + 1)
        return float(users[user] @ vectors[number] - np.log(1 - (1 - once) ** 5))

    losses = []
    for user, own in [(0, [5, 7]), (1, [11])]:
        others = sum(np.exp(corrected(user, number)) for number in {3, 5, 20, 40} - set(own))
        losses += [np.log1p(others / np.exp(corrected(user, one))) for one in own]
    found = float(sampled_softmax(user_BU, tag, labels, 5, draw=lambda *_: torch.from_numpy(drawn - 2)).detach())
    assert found == pytest.approx(np.mean(losses), rel=1e-5)


def test_sampled_softmax_moves_only_rows_of_the_batch() -> None:
    user_BU, tag, labels = given(1000)
    sampled_softmax(user_BU.requires_grad_(), tag, labels, 8).backward()
    assert tag.weight.grad is not None
    moved = tag.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert {5, 7, 11} <= set(moved)
    assert len(moved) <= 3 + 8


def test_a_drawn_tag_that_the_user_clicked_does_not_compete() -> None:
    """With a vocabulary of one's own tags alone there is no competitor left, so the loss is zero."""
    tag = nn.Embedding(4, 3, padding_idx=0)
    labels = LabelBatch(tensor([[[2, 3]]]), tensor([[True]]))
    assert float(sampled_softmax(torch.randn(1, 3), tag, labels, 50).detach()) == 0.0


def test_a_user_without_labels_does_not_dilute_the_mean() -> None:
    user_BU, tag, labels = given()
    more = LabelBatch(
        torch.cat([labels.tags_BKN, torch.zeros(1, 3, 2, dtype=torch.long)]),
        torch.cat([labels.clicked_BK, torch.zeros(1, 3, dtype=torch.bool)]),
    )
    users = torch.cat([user_BU, torch.randn(1, 3)])
    for loss in (separate, joint, softmax):
        torch.testing.assert_close(loss(users, tag, more), loss(user_BU, tag, labels))


DRAWN = [[3, 20, 20, 4], [7, 3, 11, 41], [5, 11, 2, 9]]
"""What each of the positives is set against, by user and rising id: user 0 has 5 and 7, user 1 has 11."""


def draw(count: int, size: int) -> torch.Tensor:
    assert (count, size) == (np.size(DRAWN), VOCABULARY - 2)
    return tensor(DRAWN).flatten() - 2


COMPETE = [[3, 20, 20, 4], [3, 11, 41], [5, 2, 9]]
"""What is left of them without what the user clicked."""


@pytest.mark.parametrize("correct", [False, True])
def test_contrast_equals_its_formula_in_numpy(correct: bool) -> None:
    user_BU, tag, labels = given()
    vectors, users = tag.weight.detach().numpy().astype(float), user_BU.numpy().astype(float)

    def score(user: int, number: int) -> float:
        rank = number - 2
        once = np.log((rank + 2) / (rank + 1)) / np.log(VOCABULARY - 2 + 1)
        return float(users[user] @ vectors[number] - correct * np.log(once))

    losses = [
        np.log1p(sum(np.exp(score(user, other) - score(user, own)) for other in others))
        for (user, own), others in zip([(0, 5), (0, 7), (1, 11)], COMPETE, strict=True)
    ]
    found = float(contrast(user_BU, tag, labels, 4, correct=correct, draw=draw).detach())
    assert found == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_contrast_has_the_gradient_of_its_formula(sparse: bool) -> None:
    user_BU, tag, labels = given()
    users, vectors = user_BU.requires_grad_(), tag.weight
    losses = [
        torch.logsumexp(users[user] @ vectors[[own, *others]].T, 0) - users[user] @ vectors[own]
        for (user, own), others in zip([(0, 5), (0, 7), (1, 11)], COMPETE, strict=True)
    ]
    expected = torch.autograd.grad(torch.stack(losses).mean(), (users, vectors))
    tag.sparse = sparse
    contrast(users, tag, labels, 4, draw=draw).backward()
    assert vectors.grad is not None
    assert vectors.grad.is_sparse == sparse
    torch.testing.assert_close((users.grad, vectors.grad.to_dense() if sparse else vectors.grad), expected)


def test_nothing_competes_in_contrast_that_the_user_clicked() -> None:
    tag = nn.Embedding(4, 3, padding_idx=0)
    labels = LabelBatch(tensor([[[2, 3]]]), tensor([[True]]))
    assert float(contrast(torch.randn(1, 3), tag, labels, 50).detach()) == 0.0


def test_unknown_tags_are_no_positives_of_contrast() -> None:
    user_BU, tag, labels = given()
    more = LabelBatch(torch.where(labels.tags_BKN == 0, 1, labels.tags_BKN), labels.clicked_BK)
    torch.manual_seed(0)
    expected = contrast(user_BU, tag, labels, 3)
    torch.manual_seed(0)
    assert torch.equal(contrast(user_BU, tag, more, 3), expected)


def test_the_run_file_decides_how_contrast_draws() -> None:
    _, _, labels = given()
    model = YouTubeDnn(YouTubeConfig(), Sizes({"tags": VOCABULARY}, VOCABULARY))
    batch = Batch({"tags": tensor([[3, 4], [5, 6]])}, {})

    def found(**keys: bool | int) -> float:
        torch.manual_seed(0)
        config = TrainingConfig.parse({"loss": "contrast", **keys}, origin="test")
        return float(loss_of(model, batch, labels, config).detach())

    def expected(negatives: int, *, correct: bool) -> float:
        torch.manual_seed(0)
        return float(contrast(model.users(batch), model.tag, labels, negatives, correct=correct).detach())

    assert found() == expected(10, correct=False)
    assert found(negatives_per_positive=3, correct_sampling=True) == expected(3, correct=True)
    assert len({found(), found(negatives_per_positive=3), found(correct_sampling=True)}) == 3
