"""The layers beside the linear part, against the formulas of their papers worked out apart in NumPy, loop by loop."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penchant.models.parts.crosses import Afm, AutoInt, Cross, Dcn, Nfm

B, D, C, T, M, A = 3, 6, 4, 5, 3, 2


def weights(layer: nn.Module) -> dict[str, np.ndarray]:
    return {name: weight.detach().double().numpy() for name, weight in layer.named_parameters()}


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def softmax(values: np.ndarray) -> np.ndarray:
    grown = np.exp(values - values.max())
    return grown / grown.sum()


@pytest.fixture
def given() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(B, D)


def close(found: Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_cf_is_every_weighted_pair(given: Tensor) -> None:
    layer = Cross(D, C)
    v = weights(layer)["vectors"]
    expected = [[v[i] @ v[j] * x[i] * x[j] for i, j in combinations(range(D), 2)] for x in given.double().numpy()]
    close(layer(given), np.array(expected))


def test_nfm_is_the_sum_over_pairs(given: Tensor) -> None:
    layer = Nfm(D, C)
    v = weights(layer)["vectors"]
    expected = [sum(v[i] * v[j] * x[i] * x[j] for i, j in combinations(range(D), 2)) for x in given.double().numpy()]
    close(layer(given), np.array(expected))


def test_afm_weighs_the_pairs(given: Tensor) -> None:
    layer = Afm(D, C, T)
    w = weights(layer)
    v, expected = w["vectors"], []
    for x in given.double().numpy():
        pairs = [v[i] * v[j] * x[i] * x[j] for i, j in combinations(range(D), 2)]
        scores = [w["query"] @ relu(w["project.weight"] @ pair + w["project.bias"]) for pair in pairs]
        expected.append(sum(share * pair for share, pair in zip(softmax(np.array(scores)), pairs, strict=True)))
    close(layer(given), np.array(expected))


def test_dcn_crosses_with_the_first_layer(given: Tensor) -> None:
    layer = Dcn(D, layers=3)
    nn.init.normal_(layer.biases)
    w, expected = weights(layer), []
    for first in given.double().numpy():
        x = first
        for number in range(3):
            x = np.outer(first, x) @ w["weights"][number] + w["biases"][number] + x
        expected.append(x)
    close(layer(given), np.array(expected))


def autoint(w: dict[str, np.ndarray], tokens_MD: np.ndarray, filled: list[int]) -> np.ndarray:
    """One user's M·D values; only `filled` fields are keys, the others' own values are zero."""
    width, mixed_MD = D // A, np.zeros((M, D))
    for head in range(A):
        part = slice(head * width, (head + 1) * width)
        for k in filled:
            ask = w["ask.weight"][part] @ tokens_MD[k]
            shares = softmax(np.array([ask @ (w["key.weight"][part] @ tokens_MD[m]) for m in filled]))
            mixed_MD[k, part] = sum(
                share * (w["value.weight"][part] @ tokens_MD[m]) for share, m in zip(shares, filled, strict=True)
            )
    given = np.isin(np.arange(M), filled)[:, None]
    return (relu(mixed_MD + tokens_MD @ w["rest.weight"].T) * given).reshape(-1)


def test_autoint_attends_among_fields() -> None:
    torch.manual_seed(1)
    layer, tokens_BMD = AutoInt(M, D, A), torch.randn(B, M, D)
    filled = [[0, 1, 2], [0, 2], []]
    filled_BM = torch.tensor([[number in there for number in range(M)] for there in filled])
    tokens_BMD = tokens_BMD * filled_BM[..., None]
    expected = [autoint(weights(layer), tokens_BMD[row].double().numpy(), there) for row, there in enumerate(filled)]
    close(layer(tokens_BMD, filled_BM), np.array(expected))
