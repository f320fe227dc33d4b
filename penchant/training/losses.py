"""What a model is trained to do with the tags of clicked and un-clicked items.

`separate` and `joint` are the UTPM paper's own (CIKM 2020, Eq. 4 and the text before it); they contrast what was shown
and clicked with what was shown and not. `softmax` contrasts the clicked tags with all others, so that the whole
vocabulary can be ranked by preference; sampled where it is large (YouTube DNN, RecSys 2016, section 3.2). `contrast` is
that of RALM (KDD 2019, Eq. 3-5): a few draws against each click.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.models.parts.mentions import match, mentions, pool
from penchant.schema import PAD, RESERVED

Loss = Literal["separate", "joint", "softmax", "joint+softmax", "contrast"]


@dataclass(frozen=True)
class LabelBatch:
    """tags_BKN: ids, PAD where an item has fewer tags or a user fewer items; clicked_BK: bool."""

    tags_BKN: Tensor
    clicked_BK: Tensor

    def to(self, device: torch.device) -> "LabelBatch":
        """The same labels on a device."""
        return LabelBatch(self.tags_BKN.to(device), self.clicked_BK.to(device))


def separate(user_BU: Tensor, tag: nn.Embedding, labels: LabelBatch) -> Tensor:
    """Each tag of an item is an example of its own.

    L = -1/Σ_k n_k Σ_k Σ_i [ŷ_k log σ(u·t_ki) + (1 - ŷ_k) log(1 - σ(u·t_ki))], the mean over users with labels.
    """
    valid_BKN = labels.tags_BKN != PAD
    scores_BKN = _scores(user_BU, tag, labels)
    clicked_BKN = labels.clicked_BK[..., None].expand_as(scores_BKN).to(scores_BKN)
    losses_BKN = functional.binary_cross_entropy_with_logits(scores_BKN, clicked_BKN, reduction="none")
    return _mean_by_user((losses_BKN * valid_BKN).flatten(1), valid_BKN.flatten(1))


def joint(user_BU: Tensor, tag: nn.Embedding, labels: LabelBatch) -> Tensor:
    """The tags of an item decide together (Eq. 4, tags summed as printed).

    y_k = σ(Σ_i u·t_ki); L = -1/K Σ_k [ŷ_k log y_k + (1 - ŷ_k) log(1 - y_k)], the mean over users with labels.
    """
    valid_BK = (labels.tags_BKN != PAD).any(2)
    items_BKU = pool(mentions([tag], labels.tags_BKN[:, :, None]))[0].unflatten(0, valid_BK.shape)
    scores_BK = (items_BKU * user_BU[:, None]).sum(2)
    clicked_BK = labels.clicked_BK.to(scores_BK)
    losses_BK = functional.binary_cross_entropy_with_logits(scores_BK, clicked_BK, reduction="none")
    return _mean_by_user(losses_BK * valid_BK, valid_BK)


def softmax(user_BU: Tensor, tag: nn.Embedding, labels: LabelBatch) -> Tensor:
    """L = -Σ_τ log softmax(u·T)_τ over the distinct tags τ of a user's clicked items, the mean over all such tags.

    Every known tag of the vocabulary is a competitor: exact, and dear where the vocabulary is large.
    """
    tags_BP, first_BP = _clicked_tags(labels)
    own_BP = torch.bmm(tag(tags_BP), user_BU[..., None])[..., 0]
    losses_BP = _LogSumExp.apply(user_BU, tag.weight[RESERVED:])[:, None] - own_BP
    return losses_BP[first_BP].sum() / first_BP.sum().clamp(min=1)


class _LogSumExp(torch.autograd.Function):
    """log Σ_v exp(u · t_v) of every user, [B].

    Its gradient needs the exponentials as they are: what each row is divided by goes into the users' vectors, so that
    nothing of size [B, V] is made on the way back.
    """

    @staticmethod
    def forward(ctx: Any, user_BU: Tensor, tag_VU: Tensor) -> Tensor:
        scores_BV = user_BU @ tag_VU.T
        highest_B = scores_BV.amax(1)
        powers_BV = scores_BV.sub_(highest_B[:, None]).exp_()
        total_B = powers_BV.sum(1)
        ctx.save_for_backward(user_BU, tag_VU, powers_BV, total_B)
        return highest_B + total_B.log()

    @staticmethod
    def backward(ctx: Any, slope_B: Tensor) -> tuple[Tensor, Tensor]:
        user_BU, tag_VU, powers_BV, total_B = ctx.saved_tensors
        share_B1 = (slope_B / total_B)[:, None]
        return (powers_BV @ tag_VU) * share_B1, powers_BV.T @ (user_BU * share_B1)


def log_uniform(count: int, size: int) -> Tensor:
    """`count` ranks, 0 … size - 1, with P(k) = (log(k+2) - log(k+1)) / log(size+1), the log-uniform sampler."""
    drawn = torch.exp(torch.rand(count, dtype=torch.float64, device="cpu") * log(size + 1)).long() - 1
    return drawn.clamp(0, size - 1)


Draw = Callable[[int, int], Tensor]
"""So many ranks of so many, as `log_uniform` draws them."""


def sampled_softmax(
    user_BU: Tensor, tag: nn.Embedding, labels: LabelBatch, samples: int, *, draw: Draw = log_uniform
) -> Tensor:
    """`softmax` against tags drawn for the whole batch: `samples` log-uniform draws, each tag counted once.

    Every score is corrected by -log P(drawn); a drawn tag that the user clicked does not compete. With ever more draws
    this becomes the softmax of each clicked tag against all that were not. Needs ids in order of falling frequency, as
    Vocabulary gives them. Source: the correction of YouTube DNN, RecSys 2016, section 3.2, with the probability of
    being drawn at all in place of the expected draws, because repeats are dropped.
    """
    tags_BP, first_BP = _clicked_tags(labels)
    drawn_S = draw(samples, tag.num_embeddings - RESERVED).to(tags_BP.device).unique() + RESERVED
    own_BP = match(mentions([tag], tags_BP[:, None]), user_BU) - _log_drawn(tags_BP, samples, tag.num_embeddings)
    others_BS = user_BU @ tag(drawn_S).T - _log_drawn(drawn_S, samples, tag.num_embeddings)
    others_BS = others_BS.masked_fill(_drawn_own(drawn_S, tags_BP), -torch.inf)
    losses_BP = functional.softplus(torch.logsumexp(others_BS, 1)[:, None] - own_BP)
    return losses_BP[first_BP].sum() / first_BP.sum().clamp(min=1)


def contrast(
    user_BU: Tensor,
    tag: nn.Embedding,
    labels: LabelBatch,
    negatives: int,
    *,
    correct: bool = False,
    draw: Draw = log_uniform,
) -> Tensor:
    """L = -Σ_τ log softmax(u·t over τ and its own draws)_τ over the distinct tags τ of a user's clicked items, the
    mean over all such tags.

    negatives: log-uniform draws against each τ, repeats and all; one that the user clicked does not compete. correct:
    take log P(draw) off every score, so that frequent tags are not held down for being drawn often; the paper prints no
    such thing. Needs ids in order of falling frequency. Source: RALM, KDD 2019, Eq. 3-5.
    """
    tags_BP, first_BP = _clicked_tags(labels)
    user_L, own_L = first_BP.nonzero()[:, 0], tags_BP[first_BP]
    if not len(own_L):
        return user_BU.sum() * 0.0
    size = tag.num_embeddings - RESERVED
    drawn_LS = draw(len(own_L) * negatives, size).to(own_L.device).view(-1, negatives) + RESERVED
    ids_LS = torch.cat([own_L[:, None], drawn_LS], 1)
    scores_LS = match(mentions([tag], ids_LS[:, None]), user_BU.index_select(0, user_L))
    if correct:
        scores_LS = scores_LS - log_uniform_probability(ids_LS - RESERVED, size).log()
    others_LS = scores_LS[:, 1:].masked_fill(_pairs_among(user_L, own_L, drawn_LS, tag.num_embeddings), -torch.inf)
    return functional.softplus(torch.logsumexp(others_LS, 1) - scores_LS[:, 0]).mean()


def log_uniform_probability(ranks: Tensor, size: int) -> Tensor:
    """P(k) of `log_uniform`.

    >>> [round(share, 6) for share in log_uniform_probability(torch.arange(5), 5).tolist()]
    [0.386853, 0.226294, 0.160558, 0.124539, 0.101756]
    """
    ranks = ranks.double()
    return ((torch.log(ranks + 2) - torch.log(ranks + 1)) / log(size + 1)).float()


def _scores(user_BU: Tensor, tag: nn.Embedding, labels: LabelBatch) -> Tensor:
    """u·t of every label tag, [B, K, N]; zero where there is none, because row PAD is zero."""
    return match(mentions([tag], labels.tags_BKN.flatten(1)[:, None]), user_BU).view(labels.tags_BKN.shape)


def _mean_by_user(losses: Tensor, valid: Tensor) -> Tensor:
    count_B = valid.sum(1)
    return (losses.sum(1) / count_B.clamp(min=1)).sum() / (count_B > 0).sum().clamp(min=1)


def _clicked_tags(labels: LabelBatch) -> tuple[Tensor, Tensor]:
    """The tags of clicked items by rising id, [B, P], and the first mention of each known one, [B, P] bool."""
    tags_BP = torch.where(labels.clicked_BK[..., None], labels.tags_BKN, PAD).flatten(1).sort(1).values
    return tags_BP, functional.pad(tags_BP[:, 1:] != tags_BP[:, :-1], (1, 0), value=True) & (tags_BP >= RESERVED)


def _log_drawn(tags: Tensor, samples: int, vocabulary: int) -> Tensor:
    """log of the probability to be among the drawn; any number for PAD, which is masked."""
    size = vocabulary - RESERVED
    once = log_uniform_probability((tags - RESERVED).clamp(min=0), size).double()
    return torch.log(-torch.expm1(samples * torch.log1p(-once))).float()


def _drawn_own(drawn_S: Tensor, tags_BP: Tensor) -> Tensor:
    """[B, S]: whether a drawn tag is one of the user's own. `tags_BP` is sorted."""
    spread_BS = drawn_S.expand(len(tags_BP), -1).contiguous()
    place_BS = torch.searchsorted(tags_BP, spread_BS).clamp(max=tags_BP.shape[1] - 1)
    return tags_BP.gather(1, place_BS) == spread_BS


def _pairs_among(user_L: Tensor, own_L: Tensor, drawn_LS: Tensor, vocabulary: int) -> Tensor:
    """[L, S]: whether a draw against user l is one of that user's own tags. The pairs of user and own tag must rise."""
    pairs_L, asked_LS = user_L * vocabulary + own_L, user_L[:, None] * vocabulary + drawn_LS
    return pairs_L[torch.searchsorted(pairs_L, asked_LS).clamp(max=len(pairs_L) - 1)] == asked_LS
