"""What a server does at each start, done once in the process that tests fork theirs from: compiled code is loaded."""

import torch

from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.serving.candidates.scorer import Scorer

torch.set_num_threads(1)
Scorer(Ralm(RalmConfig(width=4, clusters=4), 8))
