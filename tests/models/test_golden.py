"""Golden values, worked out apart in float64: G1 (UTPM Eq. 1-2), G2 (Eq. 3), G3 (losses), G4 (log-uniform sampler), G5
(RALM Eq. 2, 9-11) and G5b (Eq. 6-8)."""

import torch
from torch import Tensor, nn, tensor

from penchant.models.interests.ralm_users import Merge
from penchant.models.lookalikes.ralm import Ralm, RalmConfig, pooled
from penchant.models.parts.crosses import Cross, Nfm
from penchant.models.parts.layers import Attend, attend
from penchant.models.parts.mentions import mentions
from penchant.training.losses import LabelBatch, joint, log_uniform, log_uniform_probability, separate

TAGS_BHE = tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
QUERY_AT = tensor([[0.3, 0.7]])


def attend_unit() -> Attend:
    unit = Attend(width=2, query=2, heads=1)
    with torch.no_grad():
        unit.project.weight.copy_(tensor([[1.0, 0.5], [-0.5, 1.0]]).T)
        unit.bias.copy_(tensor([0.1, -0.2]))
    return unit


def within(mask_BH: Tensor) -> tuple[Tensor, Tensor]:
    """The three tags as a field: pooled_BAE, weights_BAH."""
    table = nn.Embedding.from_pretrained(torch.cat([torch.zeros(1, 2), TAGS_BHE[0]]))
    unit, given = attend_unit(), mentions([table], (tensor([[1, 2, 3]]) * mask_BH)[:, None])
    scores_AR = nn.functional.pad(unit.scores(given.rows_RE[1:], QUERY_AT), (1, 0))
    pooled_ABE, weights_ABH = attend(given, scores_AR, 0.0, mask_BH)
    return pooled_ABE.transpose(0, 1), weights_ABH.transpose(0, 1)


def close(found: Tensor, expected: list[float] | list[list[float]]) -> None:
    torch.testing.assert_close(found, tensor(expected), atol=1e-6, rtol=1e-5)


def test_g1_attention_within_a_field() -> None:
    pooled_BAE, weights_BAH = within(torch.ones(1, 3, dtype=torch.bool))
    close(weights_BAH[0, 0], [0.266421, 0.271803, 0.461775])
    close(pooled_BAE[0, 0], [0.728197, 0.733579])


def test_g1_with_the_third_tag_masked() -> None:
    _, weights_BAH = within(tensor([[True, True, False]]))
    close(weights_BAH[0, 0], [0.495000, 0.505000, 0.0])


def test_g1_is_the_same_where_heads_have_values_of_their_own() -> None:
    mask_BH = torch.ones(1, 3, dtype=torch.bool)
    pooled_ABE, weights_ABH = attend_unit()(TAGS_BHE[None], mask_BH, QUERY_AT)
    close(weights_ABH[0, 0], [0.266421, 0.271803, 0.461775])
    close(pooled_ABE[0, 0], [0.728197, 0.733579])


def test_g2_cross_layer() -> None:
    cross = Cross(width=3, cross_width=2)
    with torch.no_grad():
        cross.vectors.copy_(tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]))
    x_BD = tensor([[1.0, 2.0, 3.0]])
    close(cross(x_BD)[0], [1.0, 0.0, 3.0])
    close(nn.functional.normalize(x_BD)[0], [0.267261, 0.534522, 0.801784])


def test_g2_bi_interaction_of_nfm() -> None:
    layer = Nfm(width=3, cross_width=2)
    with torch.no_grad():
        layer.vectors.copy_(tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]))
    close(layer(tensor([[1.0, 2.0, 3.0]]))[0], [1.0, 3.0])


def test_cross_values_sum_to_the_closed_form_where_all_vectors_are_one() -> None:
    cross = Cross(width=5, cross_width=1)
    with torch.no_grad():
        cross.vectors.fill_(1.0)
    x_BD = torch.randn(4, 5)
    torch.testing.assert_close(cross(x_BD).sum(1), (x_BD.sum(1) ** 2 - (x_BD**2).sum(1)) / 2)


def g3() -> tuple[Tensor, nn.Embedding, LabelBatch]:
    """u = (.5, -.25); a clicked item with tags (1, 0) and (0, 1); an un-clicked one with tag (2, 1)."""
    tag = nn.Embedding.from_pretrained(tensor([[0.0, 0], [9, 9], [1, 0], [0, 1], [2, 1]]), freeze=False, padding_idx=0)
    labels = LabelBatch(tensor([[[2, 3], [4, 0], [0, 0]]]), tensor([[True, False, False]]))
    return tensor([[0.5, -0.25]]), tag, labels


def test_g3_joint_loss() -> None:
    close(joint(*g3()), 0.856405)  # type: ignore[arg-type]


def test_g3_separate_loss() -> None:
    close(separate(*g3()), 0.812296)  # type: ignore[arg-type]


def test_joint_is_separate_where_items_have_one_tag() -> None:
    user_BU, tag, _ = g3()
    labels = LabelBatch(tensor([[[2], [3], [4]]]), tensor([[True, False, True]]))
    torch.testing.assert_close(joint(user_BU, tag, labels), separate(user_BU, tag, labels))


def test_g4_log_uniform_probabilities() -> None:
    probabilities = log_uniform_probability(torch.arange(5), 5)
    close(probabilities, [0.386853, 0.226294, 0.160558, 0.124539, 0.101756])
    torch.testing.assert_close(probabilities.sum(), tensor(1.0))


def test_g4_draws_follow_the_probabilities() -> None:
    torch.manual_seed(0)
    drawn = torch.bincount(log_uniform(200_000, 5), minlength=5) / 200_000
    torch.testing.assert_close(drawn, log_uniform_probability(torch.arange(5), 5), atol=0.004, rtol=0)


SEED_BJG = tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
USER_BG = tensor([[0.5, -1.0]])


class Untransformed(Ralm):
    """Vectors are where they are: G5 has one that is negative, which no rectifier would leave."""

    def transform(self, vectors: Tensor) -> Tensor:
        return vectors


def g5() -> Ralm:
    model = Untransformed(RalmConfig(width=2, mode="paper"), 2)
    given = {
        "local.weight": tensor([[1.0, 0.5], [0.0, 1.0]]),
        "wide.project.weight": tensor([[0.5, -0.5], [1.0, 1.0]]),
        "wide.weigh.weight": tensor([[1.0, 0.5]]),
    }
    model.load_state_dict({**model.state_dict(), **given})
    return model


def test_g5_local_attention() -> None:
    weights_BJ = g5().local_weights(SEED_BJG, USER_BG, torch.ones(1, 3, dtype=torch.bool))
    close(weights_BJ, [[0.517105, 0.241447, 0.241447]])
    close(pooled(SEED_BJG, weights_BJ), [[0.758553, 0.482895]])


def test_g5_global_attention() -> None:
    weights_BJ = g5().global_weights(SEED_BJG, torch.ones(1, 3))
    close(weights_BJ, [[0.477581, 0.189521, 0.332897]])
    close(pooled(SEED_BJG, weights_BJ), [[0.810479, 0.522419]])


def test_g5_score_and_its_probability() -> None:
    score_B = g5().scores(USER_BG, SEED_BJG, torch.ones(1, 3))
    close(score_B, [-0.104755])
    close(g5().logits(score_B).sigmoid(), [0.473835])


def test_g5b_merge_of_fields() -> None:
    merge = Merge(width=2, units=2)
    merge.load_state_dict({"project.weight": tensor([[0.5, -0.5], [1.0, 0.0]]), "weigh.weight": tensor([[1.0, -1.0]])})
    merged_BE, weights_BM = merge(tensor([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]]), torch.ones(1, 3, dtype=torch.bool))
    close(weights_BM, [[0.442498, 0.278751, 0.278751]])
    close(merged_BE, [[0.721249, 0.836253]])
