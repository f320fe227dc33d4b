"""Sums over mentioned rows, and their gradients, against the plain look-up of every mention."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn, tensor

from penchant.models.parts.crosses import Cross
from penchant.models.parts.mentions import match, mentions, pool
from penchant.schema import PAD, UNKNOWN

# Two fields of three users: repeats within and between users, UNKNOWN, gaps, an empty field, an empty user.
IDS_BMH = tensor([[[5, 3, 5], [UNKNOWN, 2, PAD]], [[3, PAD, 7], [PAD, PAD, PAD]], [[PAD] * 3, [PAD] * 3]])


def tables(sparse: bool = False) -> list[nn.Embedding]:
    torch.manual_seed(0)
    return [nn.Embedding(rows, 4, padding_idx=PAD, sparse=sparse, dtype=torch.float64) for rows in (9, 4)]


def plain(given: list[nn.Embedding], weights_GBMH: Tensor) -> Tensor:
    """[G, B, M, E], a vector per mention, weighed and added up."""
    values_BMHE = torch.stack([table(IDS_BMH[:, unit]) for unit, table in enumerate(given)], 1)
    return (weights_GBMH[..., None] * values_BMHE).sum(3)


def masked_weights() -> Tensor:
    weights_GBMH = torch.rand(2, *IDS_BMH.shape, dtype=torch.float64)
    return (weights_GBMH * (IDS_BMH != PAD)).requires_grad_()


def test_rows_are_distinct_and_every_place_finds_its_own() -> None:
    given = tables()
    found = mentions(given, IDS_BMH)
    assert found.counts == [3, 2]
    assert not found.rows_RE[0].any()
    values_BMHE = torch.stack([table(IDS_BMH[:, unit]) for unit, table in enumerate(given)], 1)
    torch.testing.assert_close(found.rows_RE[found.places], values_BMHE)


@pytest.mark.parametrize("sparse", [False, True])
def test_pooled_rows_and_all_gradients_are_those_of_the_plain_sum(sparse: bool) -> None:
    ours, theirs, weights_GBMH = tables(sparse), tables(), masked_weights()
    found = pool(mentions(ours, IDS_BMH), weights_GBMH.flatten(1, 2)).view(2, 3, 2, 4)
    expected = plain(theirs, weights_GBMH)
    torch.testing.assert_close(found, expected)
    slope = torch.randn_like(found)
    (found_slope,) = torch.autograd.grad(found, weights_GBMH, slope, retain_graph=True)
    (expected_slope,) = torch.autograd.grad(expected, weights_GBMH, slope, retain_graph=True)
    torch.testing.assert_close(found_slope, expected_slope)
    found.backward(slope)
    expected.backward(slope)
    for own, other in zip(ours, theirs, strict=True):
        assert own.weight.grad is not None
        assert other.weight.grad is not None
        torch.testing.assert_close(own.weight.grad.to_dense() if sparse else own.weight.grad, other.weight.grad)


def test_a_plain_sum_needs_no_weights() -> None:
    ours, theirs = tables(), tables()
    found = pool(mentions(ours[:1], IDS_BMH[:, :1]))
    expected = theirs[0](IDS_BMH[:, 0]).sum(1)
    torch.testing.assert_close(found[0], expected)
    slope = torch.randn_like(expected)
    found[0].backward(slope)
    expected.backward(slope)
    torch.testing.assert_close(ours[0].weight.grad, theirs[0].weight.grad)


def test_a_sparse_gradient_has_each_row_once_and_never_that_of_padding() -> None:
    given = tables(sparse=True)
    pool(mentions(given, IDS_BMH)).sum().backward()
    assert [table.weight.grad.coalesce().indices()[0].tolist() for table in given] == [[3, 5, 7], [1, 2]]  # type: ignore[union-attr]
    assert [table.weight.grad._nnz() for table in given] == [3, 2]  # type: ignore[union-attr]


def test_products_and_their_gradients_are_those_of_the_plain_look_up() -> None:
    ours, theirs = tables()[:1], tables()[:1]
    users = torch.randn(3, 4, dtype=torch.float64)
    one, other = users.clone().requires_grad_(), users.clone().requires_grad_()
    found = match(mentions(ours, IDS_BMH[:, :1]), one)
    expected = (theirs[0](IDS_BMH[:, 0]) * other[:, None]).sum(2)
    torch.testing.assert_close(found, expected)
    slope = torch.randn_like(expected)
    found.backward(slope)
    expected.backward(slope)
    torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(ours[0].weight.grad, theirs[0].weight.grad)


def test_a_batch_of_nothing_but_padding_gives_zeros() -> None:
    given = tables()
    weights = torch.rand(2, 6, 3, dtype=torch.float64, requires_grad=True)
    pooled = pool(mentions(given, torch.zeros_like(IDS_BMH)), weights)
    assert not pooled.any()
    pooled.sum().backward()
    assert all(table.weight.grad is not None and not table.weight.grad.any() for table in given)


def _of_rows(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The call as a function of both tables' weights and one more tensor."""

    def of(first: Tensor, second: Tensor, other: Tensor) -> Tensor:
        given = tables()
        for table, weight in zip(given, (first, second), strict=True):
            del table.weight
            table.weight = weight
        return call(mentions(given, IDS_BMH), other)

    return of


@pytest.mark.parametrize(("call", "shape"), [(pool, (2, 6, 3)), (match, (6, 4))], ids=["pool", "match"])
def test_gradients_equal_finite_differences(call: Callable[..., Tensor], shape: tuple[int, ...]) -> None:
    other = torch.randn(shape, dtype=torch.float64)
    if call is pool:
        other = other * (IDS_BMH != PAD).flatten(0, 1)
    weights = [table.weight.detach() for table in tables()]

    def real(first: Tensor, second: Tensor, given: Tensor) -> Tensor:
        masked = given * (IDS_BMH != PAD).flatten(0, 1) if call is pool else given
        # Row PAD is zero and stays so: it is no input.
        rows = (torch.cat([torch.zeros_like(table[:1]), table[1:]]) for table in (first, second))
        return _of_rows(call)(*rows, masked)

    assert torch.autograd.gradcheck(real, [weight.requires_grad_() for weight in weights] + [other.requires_grad_()])


@pytest.mark.parametrize("users", [1, 3])
def test_gradients_of_the_cross_layer_equal_finite_differences(users: int) -> None:
    layer = Cross(5, 2, entries=25 * 2).double()  # two users at a time
    x_BD = torch.randn(users, 5, dtype=torch.float64, requires_grad=True)
    weights = layer.vectors.detach().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, vectors: torch.func.functional_call(layer, {"vectors": vectors}, x), (x_BD, weights)
    )
