"""The straightforward UTPM: what an able engineer would write from the paper in an afternoon, to be compared with.

The same equations and weights as `penchant.models.interests.utpm` with the cross layer and the joint loss. Lists per
user, collated and padded in Python; dense tables; the cross layer as the upper triangle of the outer product; Adam with
its defaults. Parameters have the names of ours, so that both can begin with the same weights.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from penchant.features.shards import Shard
from penchant.models.base import Sizes
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.parts.layers import ByField
from penchant.schema import PAD

Sample = tuple[list[list[int]], list[list[int]], list[float]]
"""Values of each field; tags of each shown item; whether it was clicked."""
Padded = tuple[list[Tensor], Tensor, Tensor]
"""ids_BH of each field; tags_BKN; clicked_BK."""


class Users(Dataset[Sample]):
    """Samples as lists."""

    def __init__(self, shard: Shard, fields: Sequence[str]) -> None:
        ids = [_lists(shard.arrays[f"{name}.ids"]) for name in fields]
        tags_nKN, clicked_nK = shard.labels(slice(None))
        tags = [_lists(tags_KN) for tags_KN in tags_nKN]
        items = [[item for item in user if item] for user in tags]
        clicked = clicked_nK.float().tolist()
        self.samples: list[Sample] = [
            ([field[row] for field in ids], items[row], clicked[row][: len(items[row])]) for row in range(len(shard))
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def _lists(ids: Tensor) -> list[list[int]]:
    return [[one for one in row if one != PAD] for row in ids.tolist()]


def collate(samples: list[Sample]) -> Padded:
    """A batch, padded to its longest lists."""
    fields, items, clicked = zip(*samples, strict=True)
    ids = [_pad(lists) for lists in zip(*fields, strict=True)]
    most_items = max(len(user) for user in items)
    most_tags = max(len(item) for user in items for item in user)
    tags_BKN = torch.zeros(len(samples), most_items, most_tags, dtype=torch.long)
    for row, user in enumerate(items):
        tags_BKN[row, : len(user)] = torch.tensor([item + [PAD] * (most_tags - len(item)) for item in user])
    return ids, tags_BKN, pad_sequence([torch.tensor(user) for user in clicked], batch_first=True)


def _pad(lists: Sequence[list[int]]) -> Tensor:
    return pad_sequence([torch.tensor(one, dtype=torch.long) for one in lists], batch_first=True, padding_value=PAD)


def batches(users: Users, order: list[int], batch: int) -> Iterator[Padded]:
    """Samples in the given order, a batch at a time."""
    return iter(DataLoader(users, batch_size=batch, sampler=order, collate_fn=collate, num_workers=0))


class Attend(nn.Module):
    """Eq. 1 and 2, for values [B, H, A, E]: a head may see values of its own."""

    def __init__(self, width: int, query: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, heads * query, bias=False)
        self.bias = nn.Parameter(torch.zeros(query))

    def forward(self, keys_BHAT: Tensor, values_BHAE: Tensor, mask_BH: Tensor, query_AT: Tensor) -> Tensor:
        scores_BHA = (torch.relu(keys_BHAT + self.bias) * query_AT).sum(-1)
        scores_BHA = scores_BHA.masked_fill(~mask_BH[..., None], -1e9)
        weights_BHA = torch.softmax(scores_BHA, 1) * mask_BH[..., None]
        return (weights_BHA[..., None] * values_BHAE).sum(1)


class PlainUtpm(nn.Module):
    """Attention within fields and across them, the cross layer, two fully connected layers."""

    def __init__(self, config: UtpmConfig, sizes: Sizes) -> None:
        super().__init__()
        self.heads = config.heads
        embedding, shape = config.embedding, (config.embedding, config.query, config.heads)
        self.value = ByField({name: nn.Embedding(rows, embedding, PAD) for name, rows in sizes.fields.items()})
        self.within = ByField({name: Attend(*shape) for name in sizes.fields})
        self.across = Attend(*shape)
        self.query = nn.Parameter(torch.empty(1, config.heads, config.query))
        width = config.heads * embedding
        self.cross = nn.ParameterDict({"vectors": nn.Parameter(torch.empty(width, config.cross_width))})
        pairs, hidden = width * (width - 1) // 2, config.hidden or 2 * config.user
        self.tower = nn.ModuleDict({"hidden": nn.Linear(width + pairs, hidden), "out": nn.Linear(hidden, config.user)})
        self.tag = nn.Embedding(sizes.tags, config.user, PAD)

    def forward(self, ids: list[Tensor]) -> Tensor:
        """user_BU."""
        query_AT, fields, filled = self.query[0], [], []
        for table, unit, ids_BH in zip(self.value, self.within, ids, strict=True):
            mask_BH, values_BHE = ids_BH != PAD, table(ids_BH)
            keys_BHAT = unit.get_submodule("project")(values_BHE).unflatten(-1, (self.heads, -1))
            fields.append(unit(keys_BHAT, values_BHE[:, :, None], mask_BH, query_AT))
            filled.append(mask_BH.any(1))
        fields_BMAE, filled_BM = torch.stack(fields, 1), torch.stack(filled, 1)
        weight_ATE = self.across.project.weight.unflatten(0, (self.heads, -1))
        keys_BMAT = torch.einsum("bmae,ate->bmat", fields_BMAE, weight_ATE)
        x_BD = self.across(keys_BMAT, fields_BMAE, filled_BM, query_AT).flatten(1)
        z = torch.cat([functional.normalize(x_BD), self.crossed(x_BD)], 1)
        return self.tower["out"](torch.relu(self.tower["hidden"](z)))

    def crossed(self, x_BD: Tensor) -> Tensor:
        """Eq. 3: the strict upper triangle of (V Vᵀ) ⊙ (x xᵀ)."""
        rows, columns = torch.triu_indices(x_BD.shape[1], x_BD.shape[1], offset=1)
        vectors_DC = self.cross["vectors"]
        products_BDD = x_BD[:, :, None] * x_BD[:, None, :] * (vectors_DC @ vectors_DC.T)
        return products_BDD[:, rows, columns]


def plain_loss(model: PlainUtpm, batch: Padded) -> Tensor:
    """The joint loss, Eq. 4: a user's mean over shown items, then the mean over users."""
    ids, tags_BKN, clicked_BK = batch
    mask_BK = (tags_BKN != PAD).any(2)
    scores_BK = (model.tag(tags_BKN) * model(ids)[:, None, None]).sum((2, 3))
    losses_BK = functional.binary_cross_entropy_with_logits(scores_BK, clicked_BK, reduction="none") * mask_BK
    return (losses_BK.sum(1) / mask_BK.sum(1).clamp(min=1)).mean()
