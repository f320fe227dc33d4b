"""What interest models learn by: the clicks on the tags shown to training users, under one of several losses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from penchant.features.shards import Batch, Shard, batch_of
from penchant.models.base import Positive
from penchant.models.interests.promise import Interests
from penchant.training.config import TablesConfig
from penchant.training.losses import LabelBatch, Loss, contrast, joint, sampled_softmax, separate, softmax
from penchant.training.objective import Objective
from penchant.training.steps import Step, plan_epoch

Validate = Callable[[Interests], float]


class TrainingConfig(TablesConfig):
    """How an interest model is trained.

    Softmax over more tags than large_table_rows is sampled, against sampled_tags per batch. Loss "contrast" sets each
    click against negatives_per_positive draws of its own, log-uniform by rank of frequency; correct_sampling takes the
    log of its probability off each score, which the paper does not.
    """

    loss: Loss = "softmax"
    sampled_tags: Positive = 2_000
    negatives_per_positive: Positive = 10
    correct_sampling: bool = False


@dataclass(frozen=True)
class InterestsObjective(Objective[Interests, Step]):
    """shards: of training users; validate: a score of the model on validation users, higher is better."""

    shards: Sequence[Shard]
    config: TrainingConfig
    validate: Validate

    name, samples = "train", "samples"

    def steps(self, epoch: int) -> list[Step]:
        return plan_epoch([len(shard) for shard in self.shards], self.config.batch, self.config.seed, epoch)

    def loss(self, model: Interests, step: Step) -> Tensor:
        shard, device = self.shards[step.shard], model.tag.weight.device
        batch = batch_of(shard, list(model.sizes.fields), step.rows).to(device)
        return loss_of(model, batch, labels_of(shard, step.rows).to(device), self.config)

    def judge(self, model: Interests) -> float:
        return self.validate(model)


def loss_of(model: Interests, batch: Batch, labels: LabelBatch, config: TrainingConfig) -> Tensor:
    """The loss of one batch, by the name in the config."""
    user_BU = model.users(batch)
    total = user_BU.new_zeros(())
    if config.loss == "separate":
        total = total + separate(user_BU, model.tag, labels)
    if "joint" in config.loss:
        total = total + joint(user_BU, model.tag, labels)
    if config.loss == "contrast":
        drawn, correct = config.negatives_per_positive, config.correct_sampling
        total = total + contrast(user_BU, model.tag, labels, drawn, correct=correct)
    if "softmax" in config.loss:
        if model.tag.num_embeddings > config.large_table_rows:
            total = total + sampled_softmax(user_BU, model.tag, labels, config.sampled_tags)
        else:
            total = total + softmax(user_BU, model.tag, labels)
    return total


def labels_of(shard: Shard, rows: Tensor) -> LabelBatch:
    """Label items of some samples, cut to the most that one of them has."""
    tags_BKN, clicked_BK = shard.labels(rows)
    used = max(1, int((tags_BKN[..., 0] != 0).sum(1).max()))
    return LabelBatch(tags_BKN[:, :used].long(), clicked_BK[:, :used])
