"""RALM's second phase: how alike a user is to clusters of seeds, seen at large and with the user's own eyes.

Source: Liu et al., "Real-time Attention Based Look-alike Model for Recommender System", KDD 2019, section 3.3, Eq. 2
and 9-11. The text was read as readers transcribe it. Eq. 10 fits no shapes as printed: `lin` is the form of Figure 4.
Where we deviate: mode "scaled" gives the logit a scale and a bias, because σ of a cosine cannot get near 0 or 1; a
centroid is the mean of universal vectors and goes through the transform, so that seeds train it as well as users do.
"""

from math import log
from typing import Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from penchant.models.base import CatalogEntry, Width
from penchant.models.lookalikes.promise import LookAlikeConfig
from penchant.models.parts.layers import masked_softmax

ALPHA, BETA = 0.3, 0.7
"""What the cosines with the global and the local vector count for (section 3.3; by both readers' notes)."""

SCALE, BIAS = 5.0, -2.5
"""Of mode "scaled", before training moves them: a score of one half is even odds, because transformed vectors are not
negative and neither are their cosines. From 0 it takes epochs to move the bias, and they bend the transform."""

DROPOUT = 0.2
"""Share of a transformed vector that is hidden while training, with `transform = "prelu"`."""


class RalmConfig(LookAlikeConfig):
    """How alike a user is to the seeds of an item.

    pool: what becomes of the clusters: "attention" weighs them, for all (global) and for each user (local); "average"
        takes the mean of all seeds, the paper's RALM-average. width: h, of transformed vectors; units: s, of the global
        attention, h if not given; clusters: k, the most of an item. mode: the loss sees "scaled" scores, times a
        learned scale plus a learned bias, or scores as they are, as in the "paper"; the order is the same. transform:
        "relu", or "prelu" with dropout. global_attention: "lin", the form of the paper's Figure 4; "printed", Eq. 10
        as it stands, its k×k weights averaged; or "self", where the clusters see each other first. detach: seeds do
        not train the transform; a cluster's vector is the mean of its transformed seeds.
    """

    name: Literal["ralm"] = "ralm"
    pool: Literal["attention", "average"] = "attention"
    width: Width = 128
    units: Width | None = None
    clusters: Width = 20
    mode: Literal["scaled", "paper"] = "scaled"
    transform: Literal["relu", "prelu"] = "relu"
    global_attention: Literal["lin", "printed", "self"] = "lin"
    detach: bool = False

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        if self.global_attention != "lin" and self.units not in (None, self.width):
            raise ValueError(
                f"units = {self.units} does not go with global_attention = {self.global_attention!r}, which needs as "
                f"many as the width, {self.width}; leave units out"
            )
        return self


class Ralm(nn.Module):
    """Clusters of seeds and users → scores.

    Promises: the order of clusters changes nothing; a cluster of size 0 is none; scores lie in [-1, 1], and are 0 where
    there is no cluster, or where one of the vectors compared is zero.
    """

    def __init__(self, config: RalmConfig, width: int) -> None:
        """width: X, of universal vectors. Initial weights come from torch's global generator.

        Local attention starts as the mean of the clusters, whatever the length of vectors; random weights of long ones
        would saturate its tanh.
        """
        super().__init__()
        self.config, attends = config, config.pool == "attention"
        self.shared = nn.Linear(width, config.width)
        self.bend = nn.ReLU() if config.transform == "relu" else nn.Sequential(nn.PReLU(), nn.Dropout(DROPOUT))
        self.local = nn.Linear(config.width, config.width, bias=False) if attends else None
        if self.local is not None:
            nn.init.zeros_(self.local.weight)
        self.wide = GlobalAttention(config) if attends else None
        if config.mode == "scaled":
            self.log_scale, self.bias = nn.Parameter(torch.tensor(log(SCALE))), nn.Parameter(torch.tensor(BIAS))

    def transform(self, vectors: Tensor) -> Tensor:
        """g: universal vectors [.., X] → [.., G], the same for users and seeds."""
        return self.bend(self.shared(vectors))

    def averaged(self, vectors: Tensor) -> Tensor:
        """What a centroid is the mean of: universal vectors, or transformed ones that training does not move."""
        return self.transform(vectors).detach() if self.config.detach else vectors

    def placed(self, averaged: Tensor) -> Tensor:
        """E_s: centroids, [.., X] or with `detach` [.., G], where users are, [.., G]."""
        return averaged if self.config.detach else self.transform(averaged)

    def local_weights(self, seed_BJG: Tensor, user_BG: Tensor, mask_BJ: Tensor) -> Tensor:
        """softmax(tanh(E_sᵀ W_l E_u)), [B, J] (Eq. 9); the model must attend."""
        assert self.local is not None
        fit_BJ = torch.bmm(seed_BJG, self.local(user_BG)[..., None])[..., 0]
        return masked_softmax(torch.tanh(fit_BJ), mask_BJ)

    def global_weights(self, seed_BJG: Tensor, sizes_BJ: Tensor) -> Tensor:
        """How much each cluster counts for all users, [B, J]: by attention (Eq. 10), or by its share of the seeds."""
        if self.wide is not None:
            return self.wide(seed_BJG, sizes_BJ > 0)
        return sizes_BJ / sizes_BJ.sum(1, keepdim=True).clamp(min=1)

    def scores(
        self, user_BX: Tensor, centroid_CJX: Tensor, sizes_CJ: Tensor, candidate_B: Tensor | None = None
    ) -> Tensor:
        """score_B (Eq. 2): α·cos(E_u, E_global) + β·cos(E_u, E_local); with "average", cos(E_u, mean).

        centroid_CJX: means of what `averaged` gives; sizes_CJ: seeds in each cluster, 0 where there is none.
        candidate_B: which of the C each user is asked about, the b-th one if not given.
        """
        user_BG, seed_CJG = self.transform(user_BX), self.placed(centroid_CJX)
        global_CG = pooled(seed_CJG, self.global_weights(seed_CJG, sizes_CJ))
        chosen = slice(None) if candidate_B is None else candidate_B
        with_global_B = cosine(user_BG, global_CG[chosen])
        if self.local is None:
            return with_global_B
        seed_BJG = seed_CJG[chosen]
        local_BG = pooled(seed_BJG, self.local_weights(seed_BJG, user_BG, sizes_CJ[chosen] > 0))
        return ALPHA * with_global_B + BETA * cosine(user_BG, local_BG)

    def logits(self, score_B: Tensor) -> Tensor:
        """What σ makes a probability of (Eq. 11): scale · score + bias, or with mode "paper" the score itself."""
        return self.log_scale.exp() * score_B + self.bias if self.config.mode == "scaled" else score_B


class GlobalAttention(nn.Module):
    """How much each cluster of seeds counts, whoever the user is (Eq. 10).

    lin: softmax(w_gᵀ tanh(W_g E_s)), Lin et al., ICLR 2017. printed: A = softmax(E_sᵀ tanh(W_g E_s)) by columns; E_s A
    is averaged over its columns, so the weights are the mean column of A. self: softmax(w_gᵀ E_s A).
    """

    def __init__(self, config: RalmConfig) -> None:
        super().__init__()
        units = config.units or config.width
        self.form = config.global_attention
        self.project = nn.Linear(config.width, units, bias=False)
        self.weigh = nn.Linear(units, 1, bias=False) if self.form != "printed" else None

    def forward(self, seed_BJG: Tensor, mask_BJ: Tensor) -> Tensor:
        """weights_BJ."""
        seen_BJS = torch.tanh(self.project(seed_BJG))
        if self.form == "lin":
            return self._weighed(seen_BJS, mask_BJ)
        seen_BJJ = masked_softmax(torch.bmm(seen_BJS, seed_BJG.mT), mask_BJ[:, None])
        if self.form == "self":
            return self._weighed(torch.bmm(seen_BJJ, seed_BJG), mask_BJ)
        return (seen_BJJ * mask_BJ[..., None]).sum(1) / mask_BJ.sum(1, keepdim=True).clamp(min=1)

    def _weighed(self, seen_BJS: Tensor, mask_BJ: Tensor) -> Tensor:
        assert self.weigh is not None
        return masked_softmax(self.weigh(seen_BJS)[..., 0], mask_BJ)


def pooled(seed_BJG: Tensor, weights_BJ: Tensor) -> Tensor:
    """E_s · a, [B, G]."""
    return torch.bmm(weights_BJ[:, None], seed_BJG)[:, 0]


def cosine(one_BG: Tensor, other_BG: Tensor) -> Tensor:
    """[B]; 0, and a gradient that is small, where a vector is zero."""
    lengths_B = torch.linalg.vector_norm(one_BG, dim=1) * torch.linalg.vector_norm(other_BG, dim=1)
    return torch.linalg.vecdot(one_BG, other_BG) / torch.where(lengths_B > 0, lengths_B, 1.0)


ENTRY = CatalogEntry("lookalikes", RalmConfig, Ralm)
