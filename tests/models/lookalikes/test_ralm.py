"""RALM beyond its golden values: what must hold of its scores, and what phase 1 makes of numbers."""

from typing import Literal

import pytest
import torch
from torch import Tensor, tensor

from penchant.errors import ConfigError
from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.catalog import build_interests
from penchant.models.interests.ralm_users import RalmUsers, RalmUsersConfig
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig
from penchant.models.lookalikes.ralm import ALPHA, BETA, DROPOUT, Ralm, RalmConfig
from penchant.schema import PAD, RESERVED, UNKNOWN

USERS, CLUSTERS, WIDTH = 7, 5, 6
CONFIGS = {
    "lin": RalmConfig(width=4),
    "printed": RalmConfig(width=4, global_attention="printed"),
    "self": RalmConfig(width=4, global_attention="self"),
    "paper": RalmConfig(width=4, mode="paper"),
    "prelu": RalmConfig(width=4, transform="prelu"),
    "detach": RalmConfig(width=4, detach=True),
    "units": RalmConfig(width=4, units=3),
    "average": RalmConfig(width=4, pool="average"),
}


def model_of(config: RalmConfig) -> Ralm:
    """With local attention that has learned something."""
    torch.manual_seed(0)
    model = Ralm(config, WIDTH).eval()
    if model.local is not None:
        torch.nn.init.normal_(model.local.weight)
    return model


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def model(request: pytest.FixtureRequest) -> Ralm:
    return model_of(request.param)


def given(model: Ralm, users: int = USERS) -> tuple[Tensor, Tensor, Tensor]:
    """user_BX, centroid_BJX (or _BJG) and sizes_BJ."""
    torch.manual_seed(1)
    centroid_BJX = model.averaged(torch.randn(users, CLUSTERS, WIDTH))
    return torch.randn(users, WIDTH), centroid_BJX, torch.randint(1, 9, (users, CLUSTERS))


def test_the_order_of_clusters_changes_nothing(model: Ralm) -> None:
    user_BX, centroid_BJX, sizes_BJ = given(model)
    order = torch.randperm(CLUSTERS)
    other = model.scores(user_BX, centroid_BJX[:, order], sizes_BJ[:, order])
    torch.testing.assert_close(model.scores(user_BX, centroid_BJX, sizes_BJ), other)


def test_a_cluster_of_size_zero_is_none(model: Ralm) -> None:
    user_BX, centroid_BJX, sizes_BJ = given(model)
    expected = model.scores(user_BX, centroid_BJX[:, 2:], sizes_BJ[:, 2:])
    torch.testing.assert_close(model.scores(user_BX, centroid_BJX, sizes_BJ * (torch.arange(CLUSTERS) > 1)), expected)


def test_one_cluster_is_all_there_is_to_compare_with(model: Ralm) -> None:
    user_BX, centroid_BJX, sizes_BJ = given(model)
    centroid_BJX, sizes_BJ = centroid_BJX[:, :1], sizes_BJ[:, :1]
    seed_BG, user_BG = model.placed(centroid_BJX)[:, 0], model.transform(user_BX)
    cosine_B = torch.nn.functional.cosine_similarity(seed_BG, user_BG)
    torch.testing.assert_close(model.scores(user_BX, centroid_BJX, sizes_BJ), (ALPHA + BETA) * cosine_B)


def test_scores_lie_between_minus_one_and_one(model: Ralm) -> None:
    user_BX, centroid_BJX, sizes_BJ = given(model, 2_000)
    assert model.scores(user_BX, centroid_BJX, sizes_BJ).abs().max() <= 1 + 1e-6


def test_who_is_like_nobody_scores_zero_with_gradients_that_are_finite(model: Ralm) -> None:
    """No clusters at all, and vectors that the transform turns to zero."""
    user_BX, centroid_BJX, sizes_BJ = given(model)
    assert not model.scores(user_BX, centroid_BJX, torch.zeros_like(sizes_BJ)).any()
    with torch.no_grad():
        model.shared.weight.zero_()
        model.shared.bias.zero_()
    score_B = model.scores(user_BX, centroid_BJX, sizes_BJ)
    assert not score_B.any()
    score_B.sum().backward()
    slopes = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert slopes
    assert all(slope.abs().max() < 1e3 for slope in slopes)


def test_many_users_may_ask_about_one_candidate(model: Ralm) -> None:
    user_BX, centroid_BJX, sizes_BJ = given(model)
    candidate_B = tensor([3, 3, 0, 6, 3, 1, 0])
    expected = model.scores(user_BX, centroid_BJX[candidate_B], sizes_BJ[candidate_B])
    torch.testing.assert_close(model.scores(user_BX, centroid_BJX, sizes_BJ, candidate_B), expected)


def test_without_local_weights_the_local_vector_is_the_mean_as_it_is_at_first() -> None:
    torch.manual_seed(0)
    model = Ralm(RalmConfig(width=4), WIDTH)
    user_BX, centroid_BJX, sizes_BJ = given(model)
    weights_BJ = model.local_weights(model.placed(centroid_BJX), model.transform(user_BX), sizes_BJ > 0)
    torch.testing.assert_close(weights_BJ, torch.full((USERS, CLUSTERS), 1 / CLUSTERS))


@pytest.mark.parametrize("form", ["lin", "self"])
def test_without_global_weights_the_global_vector_is_the_mean(form: Literal["lin", "self"]) -> None:
    model = model_of(RalmConfig(width=4, global_attention=form))
    assert model.wide is not None
    assert model.wide.weigh is not None
    torch.nn.init.zeros_(model.wide.weigh.weight)
    _, centroid_BJX, sizes_BJ = given(model)
    weights_BJ = model.global_weights(model.placed(centroid_BJX), sizes_BJ)
    torch.testing.assert_close(weights_BJ, torch.full((USERS, CLUSTERS), 1 / CLUSTERS))


def test_printed_global_attention_is_the_mean_of_the_columns_of_its_product() -> None:
    """Eq. 10 with a column per cluster: E_s softmax(E_sᵀ tanh(W_g E_s)), averaged over its columns."""
    model = model_of(RalmConfig(width=4, global_attention="printed"))
    assert model.wide is not None
    seed_JG = model.placed(given(model)[1])[0]
    columns_GJ = seed_JG.T
    scores_JJ = columns_GJ.T @ torch.tanh(model.wide.project.weight @ columns_GJ)
    expected_G = (columns_GJ @ torch.softmax(scores_JJ, 0)).mean(1)
    weights_J = model.global_weights(seed_JG[None], torch.ones(1, CLUSTERS))[0]
    torch.testing.assert_close(columns_GJ @ weights_J, expected_G)


def test_the_average_is_that_of_all_seeds() -> None:
    """With `detach` a centroid is the mean of transformed seeds, so clusters lose nothing."""
    model = model_of(RalmConfig(width=4, pool="average", detach=True))
    seeds_SX, user_BX = torch.randn(9, WIDTH), torch.randn(1, WIDTH)
    placed_SG = model.transform(seeds_SX)
    parts = placed_SG.split([6, 2, 1])
    centroid_BJG = torch.stack([part.mean(0) for part in parts])[None]
    expected = torch.nn.functional.cosine_similarity(model.transform(user_BX), placed_SG.mean(0)[None])
    torch.testing.assert_close(model.scores(user_BX, centroid_BJG, tensor([[6, 2, 1]])), expected)


def test_detached_seeds_train_nothing_but_the_attention() -> None:
    for detach in (False, True):
        model = model_of(RalmConfig(width=4, detach=detach))
        _, centroid_BJX, sizes_BJ = given(model)
        assert not model.averaged(centroid_BJX[..., :1].expand(-1, -1, WIDTH)).requires_grad
        weights_BJ = model.global_weights(model.placed(centroid_BJX), sizes_BJ)
        (weights_BJ * torch.arange(CLUSTERS)).sum().backward()
        assert (model.shared.weight.grad is None) == detach


def test_scaled_logits_keep_the_order_of_scores() -> None:
    scaled, paper = model_of(RalmConfig(width=4)), model_of(RalmConfig(width=4, mode="paper"))
    score_B = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(scaled.logits(score_B), 5 * score_B - 2.5)
    assert paper.logits(score_B) is score_B
    assert {name for name, _ in scaled.named_parameters()} - {name for name, _ in paper.named_parameters()} == {
        "log_scale",
        "bias",
    }


def test_prelu_hides_a_share_of_vectors_in_training_only() -> None:
    model = model_of(RalmConfig(width=2_000, transform="prelu"))
    vectors_BX = torch.randn(3, WIDTH)
    assert (model.transform(vectors_BX) != 0).all()
    hidden = (model.train().transform(vectors_BX) == 0).float().mean()
    torch.testing.assert_close(hidden, tensor(DROPOUT), atol=0.03, rtol=0)


def test_units_that_fit_no_shape_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"units = 3 does not go with global_attention = 'printed'.*width, 4"):
        RalmConfig.parse({"width": 4, "units": 3, "global_attention": "printed"}, origin="run.toml")


NUMBERS = Sizes({"age": 3, "tags": 12, "income": 3}, tags=12, tag_fields=("tags",), numbers=("age", "income"))


def people(age: list[float | None], tags: list[list[int]], income: list[float | None]) -> Batch:
    """None is a number that is missing."""
    ids, weights = {"tags": tensor(tags)}, {"tags": (tensor(tags) != PAD).float()}
    for name, numbers in (("age", age), ("income", income)):
        ids[name] = tensor([[PAD if number is None else RESERVED] for number in numbers])
        weights[name] = tensor([[number or 0.0] for number in numbers])
    return Batch(ids, weights)


@pytest.fixture(params=["attention", "concat"])
def users(request: pytest.FixtureRequest) -> RalmUsers:
    torch.manual_seed(0)
    return RalmUsers(RalmUsersConfig(merge=request.param), NUMBERS).eval()


def test_numbers_matter_and_a_missing_one_is_no_zero(users: RalmUsers) -> None:
    found = users.users(people([0.2, 0.3, 0.0, None], [[7, 3]] * 4, [0.5] * 4))
    assert len({tuple(row) for row in found.tolist()}) == 4


def test_what_weights_say_of_a_missing_number_changes_nothing(users: RalmUsers) -> None:
    bare = people([None, None], [[7], [7]], [0.5, 0.5])
    for number in (PAD, UNKNOWN):
        ids = {**bare.ids, "age": tensor([[number], [PAD]])}
        said = Batch(ids, {**bare.weights, "age": tensor([[0.9], [0.0]])})
        torch.testing.assert_close(*users.users(said))


def test_numbers_share_the_attention_of_their_vector(users: RalmUsers) -> None:
    attention = users.read(people([0.2, None, None], [[7, 3], [7, 3], [PAD, PAD]], [0.5, 0.5, None]))[1]
    assert list(attention.values) == list(NUMBERS.fields)
    both_M, one_M, none_M = attention.fields[:, 0]
    assert both_M[0] == both_M[2] > 0
    assert one_M[0] == 0 < one_M[2]
    torch.testing.assert_close(attention.fields.sum(2)[:, 0], tensor([1.0, 1.0, 0.0]))
    assert attention.values["age"].flatten().tolist() == [1, 0, 0]
    assert not none_M.any()


def test_a_field_without_values_has_no_say_in_the_merge() -> None:
    torch.manual_seed(0)
    model = RalmUsers(RalmUsersConfig(), Sizes({"tags": 12, "genres": 6}, 12)).eval()
    given = Batch({"tags": tensor([[7]]), "genres": tensor([[PAD]])}, {})
    before = model.users(given)
    torch.nn.init.constant_(model.widen["genres"].bias, 9.0)
    assert torch.equal(model.users(given), before)


@pytest.mark.parametrize("config", [UtpmConfig(), YouTubeConfig()])
def test_models_that_read_no_numbers_refuse_them(config: UtpmConfig | YouTubeConfig) -> None:
    with pytest.raises(ConfigError, match=rf"'{config.name}' reads no numbers, as age, income are.*\['tags'\]"):
        build_interests(config, NUMBERS)
