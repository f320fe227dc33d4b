"""What every interest model promises (models/base.py), tested once for all of them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn, tensor

from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.catalog import TrainedConfig, build_model
from penchant.models.interests.promise import Interests
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.interests.utpm import Utpm, UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig
from penchant.schema import PAD, UNKNOWN
from penchant.training.losses import LabelBatch, softmax

SIZES = Sizes({"tags": 12, "genres": 6}, tags=12, tag_fields=("tags",))
CONFIGS = {
    "youtube": YouTubeConfig(),
    "ralm-users": RalmUsersConfig(),
    "ralm-users-concat": RalmUsersConfig(merge="concat", width=5),
    "af-1head": UtpmConfig(heads=1, cross="none"),
    "af-1head-unshared": UtpmConfig(heads=1, cross="none", shared_query=False),
    "af-2head": UtpmConfig(cross="none"),
    "af-2head+cf": UtpmConfig(),
    "af-2head+afm": UtpmConfig(cross="afm"),
    "af-2head+nfm": UtpmConfig(cross="nfm"),
    "af-2head+dcn": UtpmConfig(cross="dcn"),
    "af-2head+autoint": UtpmConfig(cross="autoint"),
    "af-2head+cf-bfloat16": UtpmConfig(precision="bfloat16"),
    "af-4head+cf-tanh": UtpmConfig(heads=4, activation="tanh"),
    "af-3head+cf-unshared": UtpmConfig(heads=3, shared_query=False),
    "af-2head+cf+weights": UtpmConfig(weights=True),
}


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def make(request: pytest.FixtureRequest) -> Callable[[], Interests]:
    def build() -> Interests:
        torch.manual_seed(0)
        return build_model(request.param, SIZES).eval()

    return build


def batch(tags: list[list[int]], genres: list[list[int]], weights: list[list[float]] | None = None) -> Batch:
    ids = {"tags": tensor(tags), "genres": tensor(genres)}
    given = tensor(weights) if weights else (ids["tags"] != PAD).float()
    return Batch(ids, {"tags": given, "genres": (ids["genres"] != PAD).float()})


NAMES_OF_PYTHON = sorted(
    {*dir(nn.ModuleDict), *dir(nn.Module), *dir(Utpm), *dir(dict), *dir(Batch), "a.b", "", "0", "ß ✓"}
)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_fields_may_be_called_anything(config: TrainedConfig) -> None:
    """As many fields as there are names: what they are called changes neither vectors nor attention."""
    vectors = []
    for names in (NAMES_OF_PYTHON, [f"f{number}" for number in range(len(NAMES_OF_PYTHON))]):
        torch.manual_seed(0)
        model = build_model(config, Sizes(dict.fromkeys(names, 5), tags=9)).eval()
        ids = {name: tensor([[number % 5, 2]]) for number, name in enumerate(names)}
        user_BU, attention = model.read(Batch(ids, {name: ids_BH.float() for name, ids_BH in ids.items()}))
        assert list(attention.values) == names
        vectors.append(user_BU)
        model.load_state_dict(model.state_dict())
    assert torch.equal(*vectors)


def test_padding_changes_nothing(make: Callable[[], Interests]) -> None:
    model = make()
    bare = model.users(batch([[7, 3]], [[2]], [[2.0, 1.0]]))
    padded = model.users(batch([[7, 3, PAD, PAD]], [[2, PAD]], [[2.0, 1.0, 0.0, 0.0]]))
    torch.testing.assert_close(bare, padded)


def test_the_order_of_values_changes_nothing(make: Callable[[], Interests]) -> None:
    model = make()
    one = model.users(batch([[7, 3, 5]], [[2, 4]], [[2.0, 1.0, 4.0]]))
    other = model.users(batch([[5, 7, 3]], [[4, 2]], [[4.0, 2.0, 1.0]]))
    torch.testing.assert_close(one, other)


def test_other_users_of_the_batch_change_nothing(make: Callable[[], Interests]) -> None:
    model = make()
    alone = model.users(batch([[7, 3]], [[2]]))
    torch.testing.assert_close(model.users(batch([[7, 3], [4, PAD]], [[2], [5]]))[:1], alone)


def test_empty_history_and_unknown_ids_are_finite(make: Callable[[], Interests]) -> None:
    model = make()
    for tags, genres in [([[PAD]], [[PAD]]), ([[UNKNOWN]], [[UNKNOWN]]), ([[PAD]], [[3]])]:
        given = batch(tags, genres)
        assert model.users(given).isfinite().all()
        for parameter in model.parameters():
            parameter.grad = None
        model.users(given).sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_values_matter(make: Callable[[], Interests]) -> None:
    model = make()
    assert not torch.allclose(model.users(batch([[7, 3]], [[2]])), model.users(batch([[7, 4]], [[2]])))


def test_same_seed_same_vectors(make: Callable[[], Interests]) -> None:
    given = batch([[7, 3]], [[2]])
    assert torch.equal(make().users(given), make().users(given))


def test_attention_sums_to_one_and_is_zero_on_padding(make: Callable[[], Interests]) -> None:
    attention = make().read(batch([[7, 3, PAD]], [[PAD, PAD, PAD]]))[1]
    torch.testing.assert_close(attention.values["tags"].sum(2), torch.ones_like(attention.values["tags"].sum(2)))
    assert not attention.values["tags"][:, :, 2].any()
    assert not attention.values["genres"].any()
    torch.testing.assert_close(attention.fields[0, :, 0], torch.ones(attention.fields.shape[1]))


def test_pad_and_unknown_are_no_tags(make: Callable[[], Interests]) -> None:
    model = make()
    given = batch([[7, 3]], [[2]])
    preferences = model.preferences(given, model.users(given))
    assert preferences.shape == (1, SIZES.tags)
    assert preferences[0, :2].tolist() == [-torch.inf] * 2
    assert preferences[0, 2:].isfinite().all()


def test_preference_is_the_inner_product(make: Callable[[], Interests]) -> None:
    model, given = make(), batch([[7, 3]], [[2]])
    user_BU = model.users(given)
    torch.testing.assert_close(model.preferences(given, user_BU)[0, 5], user_BU[0] @ model.tag.weight[5])
    torch.testing.assert_close(model.preference(given, 5), model.preferences(given, user_BU)[:, 5])


def test_the_row_of_padding_stays_zero(make: Callable[[], Interests]) -> None:
    model = make()
    _learn(model, lambda: batch([[7, 3, PAD]], [[PAD, 2, 4]]), tensor([[[2, 3, PAD]]]), steps=3)
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    assert len(tables) == 3
    assert not any(table.weight[PAD].any() for table in tables)


def test_planted_interests_are_learned(make: Callable[[], Interests]) -> None:
    """Who clicked tag t in the past clicks tag t + 4 next; every t is learned."""
    model = make()
    past = [[tag] for tag in range(2, 6)]
    given = batch(past, [[2]] * 4)
    _learn(model, lambda: given, tensor([[[tag + 4]] for tag in range(2, 6)]), steps=50)
    assert model.eval().preferences(given, model.users(given)).argmax(1).tolist() == [6, 7, 8, 9]


def test_unshared_queries_that_are_equal_are_a_shared_one() -> None:
    torch.manual_seed(0)
    shared = build_model(UtpmConfig(heads=1, cross="none"), SIZES)
    unshared = build_model(UtpmConfig(heads=1, cross="none", shared_query=False), SIZES)
    weights = shared.state_dict()
    unshared.load_state_dict({**weights, "query": weights["query"].expand(3, -1, -1)})
    given = batch([[7, 3]], [[2]])
    torch.testing.assert_close(shared.users(given), unshared.users(given))


def test_products_in_bfloat16_are_near_those_in_float32() -> None:
    torch.manual_seed(0)
    exact, quick = Utpm(UtpmConfig(), SIZES), Utpm(UtpmConfig(precision="bfloat16"), SIZES)
    quick.load_state_dict(exact.state_dict())
    given = batch([[7, 3], [4, 5]], [[2], [4]])
    wanted, found = exact.users(given), quick.users(given)
    assert found.dtype == torch.float32
    assert not torch.equal(found, wanted)
    torch.testing.assert_close(found, wanted, atol=0.01, rtol=0.02)
    wanted.square().sum().backward()
    found.square().sum().backward()
    wanted_slope, found_slope = exact.tower.hidden.weight.grad, quick.tower.hidden.weight.grad
    assert wanted_slope is not None
    assert found_slope is not None
    assert found_slope.dtype == torch.float32
    assert 0 < (found_slope - wanted_slope).norm() < 0.02 * wanted_slope.norm()


def test_weights_of_zero_gain_change_nothing() -> None:
    model = Utpm(UtpmConfig(weights=True), SIZES)
    often, once = batch([[7, 3]], [[2]], [[9.0, 1.0]]), batch([[7, 3]], [[2]], [[1.0, 1.0]])
    torch.testing.assert_close(model.users(often), model.users(once))
    with torch.no_grad():
        assert model.echo is not None
        model.echo.fill_(1.0)
    assert not torch.allclose(model.users(often), model.users(once))


def _learn(model: Interests, given: Callable[[], Batch], tags_BKN: Tensor, steps: int) -> None:
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    labels = LabelBatch(tags_BKN, torch.ones(tags_BKN.shape[:2], dtype=torch.bool))
    for _ in range(steps):
        optimizer.zero_grad()
        softmax(model.users(given()), model.tag, labels).backward()
        optimizer.step()
