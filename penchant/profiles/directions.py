"""Which tags of one model point the same way."""

from collections.abc import Sequence

import numpy as np
import torch

from penchant.models.parts.ranking import best


class Directions:
    """The directions of all tags. Where two tags have the same text, the first one counts."""

    def __init__(self, tags: Sequence[str], vectors_VU: np.ndarray) -> None:
        self.tags = tags
        vectors_VU = vectors_VU.astype(np.float32)
        length_V = np.linalg.norm(vectors_VU, axis=1, keepdims=True)
        self._direction_VU = vectors_VU / np.where(length_V > 0, length_V, np.float32(1))
        self._number = {tag: number for number, tag in reversed(list(enumerate(self.tags)))}

    def __contains__(self, tag: str) -> bool:
        return tag in self._number

    def learned(self, tag: str) -> bool:
        """Whether the model has a vector for a tag that is not zero."""
        return tag in self and bool(self._direction_VU[self._number[tag]].any())

    def nearest(self, tag: str, most: int) -> list[tuple[str, float]]:
        """Return the other tags with the cosine to this one, the nearest first. Of equally near tags the more clicked
        one comes first; a tag without a vector has no near tags."""
        if not self.learned(tag):
            return []
        number = self._number[tag]
        likeness_V = self._direction_VU @ self._direction_VU[number]
        likeness_V[number] = -np.inf
        top = best(torch.from_numpy(likeness_V[None]), min(most, len(likeness_V) - 1))
        return [
            (self.tags[place], score) for place, score in zip(top.ids[0].tolist(), top.scores[0].tolist(), strict=True)
        ]
