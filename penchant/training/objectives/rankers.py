"""What rankers learn by: whether the items shown to training users were clicked, liked and so on, task by task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from penchant.features.shards import Shard
from penchant.models.base import Positive
from penchant.models.rankers.promise import Ranker, labels_of
from penchant.training.config import TablesConfig
from penchant.training.objective import Objective
from penchant.training.steps import Step, plan_epoch


class RankerTraining(TablesConfig):
    """How a ranker is trained. A sample is a window with all its items, a batch `batch` of them."""

    batch: Positive = 64


@dataclass(frozen=True)
class RankerObjective(Objective[Ranker, Step]):
    """shards: of training users; validate: a score of the model on validation users, higher is better."""

    shards: Sequence[Shard]
    config: RankerTraining
    validate: Callable[[Ranker], float]

    name, samples = "ranker", "windows"

    def steps(self, epoch: int) -> list[Step]:
        return plan_epoch([len(shard) for shard in self.shards], self.config.batch, self.config.seed, epoch)

    def loss(self, model: Ranker, step: Step) -> Tensor:
        shard, device = self.shards[step.shard], next(model.parameters()).device
        label_BKQ = labels_of(shard, step.rows, model.sizes.tasks).to(device)
        logit_BKQ, extra = model.read(model.batch(shard, step.rows).to(device))
        return cross_entropy(logit_BKQ, label_BKQ) + sum(extra.values())

    def judge(self, model: Ranker) -> float:
        return self.validate(model)


def cross_entropy(logit_BKQ: Tensor, label_BKQ: Tensor) -> Tensor:
    """L = Σ_q mean of -[y log σ(z) + (1 - y) log(1 - σ(z))] over the labels of task q that there are; NaN for one that
    is missing. A task without any adds nothing.

    >>> import torch
    >>> cross_entropy(torch.zeros(1, 2, 1), torch.tensor([[[1.0], [torch.nan]]]))
    tensor(0.6931)
    """
    known_BKQ = ~label_BKQ.isnan()
    wanted_BKQ = label_BKQ.nan_to_num().to(logit_BKQ)
    losses_BKQ = functional.binary_cross_entropy_with_logits(logit_BKQ, wanted_BKQ, reduction="none")
    return ((losses_BKQ * known_BKQ).sum((0, 1)) / known_BKQ.sum((0, 1)).clamp(min=1)).sum()
