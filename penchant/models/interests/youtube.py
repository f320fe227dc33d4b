"""YouTube DNN as the UTPM paper's baseline: the mean of each field, side by side, through fully connected layers.

Source: Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016, section 3; in the form of
UTPM, CIKM 2020, section 5 (row "YouTube"): two fully connected layers, the last linear. Both read in full. Their
example age and dense user features are left out, because the logs at hand have none.
"""

from typing import Literal

import torch
from torch import Tensor

from penchant.features.shards import Batch
from penchant.models.base import CatalogEntry, Sizes
from penchant.models.interests.promise import Attention, Interests, TowerConfig
from penchant.models.parts.layers import ByField, Tower, hide_values, table
from penchant.schema import PAD


class YouTubeConfig(TowerConfig):
    """Nothing but the widths."""

    name: Literal["youtube"] = "youtube"


class YouTubeDnn(Interests):
    """The average of a field's values stands for the field."""

    def __init__(self, config: YouTubeConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        scale = config.initial_scale
        self.value = ByField({name: table(rows, config.embedding, scale) for name, rows in sizes.fields.items()})
        self.tower = Tower(len(sizes.fields) * config.embedding, config.hidden or 2 * config.user, config.user)
        self.tag = table(sizes.tags, config.user, scale)

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        """Every value of a field weighs the same, and so does every field that has one."""
        batch = hide_values(batch, self.config.dropout) if self.training else batch
        masks = {name: (batch.ids[name] != PAD).float()[:, None] for name in self.value.names}
        values = {name: mask_BAH / mask_BAH.sum(2, keepdim=True).clamp(min=1) for name, mask_BAH in masks.items()}
        means = [torch.bmm(values[name], self.value[name](batch.ids[name]))[:, 0] for name in self.value.names]
        filled_BAM = torch.stack([mask_BAH.amax(2) for mask_BAH in masks.values()], 2)
        attention = Attention(values, filled_BAM / filled_BAM.sum(2, keepdim=True).clamp(min=1))
        return self.tower(torch.cat(means, 1)), attention


ENTRY = CatalogEntry("interests", YouTubeConfig, YouTubeDnn)
