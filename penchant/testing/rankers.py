"""What every ranker promises (models/rankers/promise.py), as tests that a ranker of yours passes too."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from safetensors.torch import load, save
from torch import Tensor, nn, tensor

from penchant.features.shards import Batch
from penchant.models.rankers.promise import Listed, RankBatch, Ranker, RankerSizes
from penchant.schema import ITEM, PAD, UNKNOWN
from penchant.training.objectives.rankers import cross_entropy

TASKS = ("click", "like")
SIZES = RankerSizes({"tags": 8, "age": 3}, {ITEM: 10, "tags": 8, "category": 5}, TASKS, numbers=("age",))


def items(ids: Sequence[Sequence[int]], tags: Sequence[Sequence[Sequence[int]]]) -> Listed:
    """Items whose category follows from their id."""
    ids_BK = tensor(ids).view(len(ids), -1).long()
    category_BK = torch.where(ids_BK == PAD, PAD, 2 + ids_BK % 3)
    tags_BKN = tensor(tags).view(*ids_BK.shape, -1) if ids_BK.shape[1] else torch.zeros(len(ids), 0, 1)
    return Listed({ITEM: ids_BK[..., None], "tags": tags_BKN.long(), "category": category_BK[..., None]})


def user(tags: list[list[int]], weights: list[list[float]]) -> Batch:
    """Users of one age with some tags."""
    ages_B1 = torch.full((len(tags), 1), 0.5)
    return Batch(
        {"tags": tensor(tags), "age": torch.full((len(tags), 1), 2)}, {"tags": tensor(weights), "age": ages_B1}
    )


PLAIN = RankBatch(
    user([[7, 3]], [[2.0, 1.0]]),
    items([[4, 5]], [[[2, 3], [5, PAD]]]),
    tensor([[90.0, 20.0]]),
    items([[6, 4, 8]], [[[2], [4], [7]]]),
)
PADDED = RankBatch(
    user([[7, 3, PAD]], [[2.0, 1.0, 0.0]]),
    items([[4, 5, PAD]], [[[2, 3, PAD], [5, PAD, PAD], [PAD, PAD, PAD]]]),
    tensor([[90.0, 20.0, 0.0]]),
    items([[6, 4, 8, PAD, PAD]], [[[2, PAD], [4, PAD], [7, PAD], [PAD, PAD], [PAD, PAD]]]),
)


class RankersContract:
    """Subclass it in a test file, under a name that begins with Test, and say how a ranker is made."""

    learns: bool = True
    """Whether training moves it."""

    def make(self, sizes: RankerSizes) -> Ranker:
        """A fresh ranker; initial weights come from torch's global generator."""
        raise NotImplementedError

    def fresh(self) -> Ranker:
        """A ranker of seed 0, ready to score."""
        torch.manual_seed(0)
        return self.make(SIZES).eval()

    def stirred(self) -> Ranker:
        """One whose weights are no longer what they began with."""
        model, generator = self.fresh(), torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape, generator=generator))
        return model

    def test_a_logit_per_candidate_and_task(self) -> None:
        model = self.stirred()
        assert model.logits(PLAIN).shape == (1, 3, len(TASKS))
        assert model.logits(PADDED).isfinite().all()

    def test_padding_changes_nothing(self) -> None:
        model = self.stirred()
        torch.testing.assert_close(model.logits(PADDED)[:, :3], model.logits(PLAIN))

    def test_what_a_candidate_gets_does_not_depend_on_which_others_are_asked(self) -> None:
        model = self.stirred()
        whole_KQ = model.logits(PLAIN)[0]
        for place, (item, tag) in enumerate([(6, 2), (4, 4), (8, 7)]):
            alone = replace(PLAIN, candidates=items([[item]], [[[tag]]]))
            torch.testing.assert_close(model.logits(alone)[0, 0], whole_KQ[place])
        turned = replace(PLAIN, candidates=items([[8, 6]], [[[7], [2]]]))
        torch.testing.assert_close(model.logits(turned)[0], whole_KQ[[2, 0]])

    def test_other_users_of_the_batch_change_nothing(self) -> None:
        model = self.stirred()
        pair = RankBatch(
            user([[7, 3], [4, PAD]], [[2.0, 1.0], [1.0, 0.0]]),
            items([[4, 5], [9, PAD]], [[[2, 3], [5, PAD]], [[6, PAD], [PAD, PAD]]]),
            tensor([[90.0, 20.0], [5.0, 0.0]]),
            items([[6, 4, 8], [5, PAD, PAD]], [[[2], [4], [7]], [[6], [PAD], [PAD]]]),
        )
        torch.testing.assert_close(model.logits(pair)[:1], model.logits(PLAIN))

    def test_an_empty_history_and_unknown_ids_give_finite_logits_and_slopes(self) -> None:
        model = self.stirred()
        nothing = RankBatch(user([[PAD]], [[0.0]]), items([[]], [[]]), torch.zeros(1, 0), items([[6]], [[[PAD]]]))
        unknown = RankBatch(
            user([[UNKNOWN]], [[1.0]]),
            items([[UNKNOWN]], [[[UNKNOWN]]]),
            tensor([[3.0]]),
            items([[UNKNOWN]], [[[UNKNOWN]]]),
        )
        for given in (nothing, unknown):
            logit_BKQ = model.logits(given)
            assert logit_BKQ.isfinite().all()
            if logit_BKQ.requires_grad:
                logit_BKQ.sum().backward()
            assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())

    def test_the_same_seed_gives_the_same_logits(self) -> None:
        assert torch.equal(self.fresh().logits(PLAIN), self.fresh().logits(PLAIN))

    def test_weights_save_and_load(self) -> None:
        model = self.stirred()
        other = self.fresh()
        other.load_state_dict(load(save(model.state_dict())))
        assert torch.equal(other.logits(PLAIN), model.logits(PLAIN))

    def test_a_batch_lies_whole_on_its_device(self) -> None:
        model = self.stirred()
        assert torch.equal(model.logits(PLAIN.to(torch.device("cpu"))), model.logits(PLAIN))

    def test_a_missing_label_moves_nothing(self) -> None:
        """What task "like" says of the second candidate is unknown: the slopes are those of a batch without it."""
        if not self.learns:
            return
        label_KQ = [[1.0, 0.0], [0.0, torch.nan], [1.0, torch.nan]]
        model = self.stirred()
        whole = slopes(model, cross_entropy(model.logits(PLAIN), tensor([label_KQ])))
        click, like = model.logits(PLAIN)[..., :1], model.logits(PLAIN)[..., 1:]
        apart = cross_entropy(click, tensor([label_KQ])[..., :1]) + cross_entropy(like[:, :1], tensor([[[0.0]]]))
        for one, other in zip(whole, slopes(model, apart), strict=True):
            torch.testing.assert_close(one, other)
        nothing = cross_entropy(model.logits(PLAIN), torch.full((1, 3, 2), torch.nan))
        assert not any(slope.any() for slope in slopes(model, nothing))

    def test_planted_preferences_are_learned(self) -> None:
        """Who has tag t clicks candidates with tag t + 3 and likes none of them; every t is learned, for both tasks."""
        if not self.learns:
            return
        model = self.fresh().train()
        tags = tensor([2, 3, 4])
        shown = items([[6, 7, 8]] * 3, [[[5], [6], [7]]] * 3)
        age_BO = torch.full((3, 1), 10.0)
        given = RankBatch(
            user([[2], [3], [4]], [[1.0]] * 3), items([[2], [3], [4]], [[[2]], [[3]], [[4]]]), age_BO, shown
        )
        clicked_BK = tags[:, None] + 3 == shown.values["tags"][..., 0]
        label_BKQ = torch.stack([clicked_BK, ~clicked_BK], 2).float()
        learn(model, given, label_BKQ, steps=60)
        assert torch.equal(model.eval().logits(given) > 0, label_BKQ > 0)


def learn(model: Ranker, given: RankBatch, label_BKQ: Tensor, steps: int) -> None:
    """Move a ranker by the cross entropy of its tasks."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        logit_BKQ, extra = model.read(given)
        (cross_entropy(logit_BKQ, label_BKQ) + sum(extra.values())).backward()
        optimizer.step()


def slopes(model: nn.Module, loss: Tensor) -> list[Tensor]:
    """The gradient of each weight."""
    return list(torch.autograd.grad(loss, list(model.parameters())))
