"""Whatever a step makes, it makes where the model is: a device that is merely the default must not be used.

The default here is one on which nothing can be computed, so a tensor made without saying where would fail the step.
PyTorch sets the default aside inside `backward`: there only a real device would tell.
"""

from pathlib import Path

import pytest
import torch
from torch import tensor

from penchant.errors import ConfigError
from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.catalog import build_interests
from penchant.models.interests.promise import TowerConfig
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig
from penchant.pipeline import Run
from penchant.runfile import load_config
from penchant.training.losses import LabelBatch, Loss
from penchant.training.objectives.interests import TrainingConfig, loss_of
from tests.helpers.planted import write_planted_run

IDS = {"tags": tensor([[7, 3, 1], [4, 0, 0]]), "genres": tensor([[2, 3], [0, 0]])}
BATCH = Batch(IDS, {name: (ids_BH != 0).float() for name, ids_BH in IDS.items()})
LABELS = LabelBatch(tensor([[[3, 5], [4, 0]], [[7, 0], [0, 0]]]), tensor([[True, False], [True, False]]))
SIZES = Sizes({"tags": 12, "genres": 6}, 12, ("tags",))


@pytest.mark.parametrize("loss", ["separate", "joint", "softmax", "joint+softmax", "contrast"])
@pytest.mark.parametrize("large", [4, 50_000])
@pytest.mark.parametrize(
    "config",
    [
        UtpmConfig(weights=True, dropout=0.2),
        UtpmConfig(cross="afm", shared_query=False),
        UtpmConfig(cross="autoint"),
        YouTubeConfig(),
        RalmUsersConfig(),
        RalmUsersConfig(merge="concat"),
    ],
    ids=["cf", "afm", "autoint", "youtube", "ralm-users", "ralm-users, concatenated"],
)
def test_a_step_stays_where_the_model_is(config: TowerConfig, large: int, loss: Loss) -> None:
    model = build_interests(config, SIZES)
    training = TrainingConfig(loss=loss, rate=0.1, weight_decay=0.1, large_table_rows=large, sampled_tags=5)
    optimizers = training.optimizers(model)
    before = model.tag.weight.detach().clone()
    with torch.device("meta"):
        loss_of(model, BATCH, LABELS, training).backward()
        for optimizer in optimizers:
            optimizer.step()
    assert (model.tag.weight != before).any()


def test_batches_and_labels_go_where_they_are_sent() -> None:
    batch, labels = BATCH.to(torch.device("meta")), LABELS.to(torch.device("meta"))
    sent = [*batch.ids.values(), *batch.weights.values(), labels.tags_BKN, labels.clicked_BK]
    assert {part.device.type for part in sent} == {"meta"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    config = load_config(write_planted_run(tmp_path)).model_copy(update={"device": "cuda"})
    with pytest.raises(ConfigError, match=r"device is 'cuda', but PyTorch .* sees no such device"):
        Run.start(config, tmp_path / "run", base=tmp_path).train()
