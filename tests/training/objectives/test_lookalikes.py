"""Look-alike training: planted look-alikes are found, where seeds have two interests by attention."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.errors import CheckpointError, DataError
from penchant.evaluation.metrics import auc
from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.progress import Progress, Report, quiet
from penchant.training.checkpoint import Identity, load_tensors
from penchant.training.loop import read_metrics, train
from penchant.training.objectives.lookalikes import Centroids, Lessons, LookalikeObjective, LookalikeTraining
from tests.training.objectives.alike import lessons_of, two_groups

IDENTITY = Identity('{"model": 1}', '{"item": "a"}', '{"seed": 0}')
QUICK = LookalikeTraining(epochs=3, batch=32, rate=0.02)


def held_labels(lessons: Lessons) -> np.ndarray:
    """held_L of the only round."""
    one = lessons.rounds[0]
    return one.names.is_in(list(lessons.held)).to_numpy()[one.candidate_L]


def two_interests() -> Lessons:
    """Users anywhere on a sphere; an item is liked around two places on it that have nothing to do with each other."""
    rng = np.random.default_rng(0)
    vectors_NX, places = rng.normal(size=(500, 3)), rng.normal(size=(50, 2, 3))
    vectors_NX /= np.linalg.norm(vectors_NX, axis=1, keepdims=True)
    places /= np.linalg.norm(places, axis=2, keepdims=True)
    near_NI = (np.einsum("nx,ipx->nip", vectors_NX, places) > np.cos(0.5)).any(2)
    return lessons_of(vectors_NX, near_NI, rng, seeds=24)


def trained(
    folder: Path,
    lessons: Lessons,
    config: RalmConfig,
    training: LookalikeTraining = QUICK,
    report: Report = quiet,
) -> Ralm:
    torch.manual_seed(0)
    model = Ralm(config, lessons.crowd.vectors_NX.shape[1])
    objective = LookalikeObjective(lessons, training, auc, report)
    train(model, objective, training, folder, identity=IDENTITY, report=report)
    return model


def best_auc(folder: Path) -> float:
    return max(line["validation"] for line in read_metrics(folder))


def weights(folder: Path) -> dict[str, bytes]:
    """Every weight to the last bit."""
    tensors, _ = load_tensors(folder / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


CONFIG = RalmConfig(width=8, clusters=4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "paper"},
        {"detach": True},
        {"pool": "average"},
        {"transform": "prelu"},
        {"global_attention": "printed"},
        {"global_attention": "self"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())) or "as it comes",
)
def test_planted_groups_are_told_apart(tmp_path: Path, changes: dict[str, str]) -> None:
    trained(tmp_path, two_groups(), CONFIG.model_copy(update=changes))
    assert best_auc(tmp_path) > 0.97


def test_seeds_of_two_interests_are_seen_by_attention_and_blurred_by_the_average(tmp_path: Path) -> None:
    training = LookalikeTraining(epochs=8, batch=64, rate=0.02)
    found = {}
    for pool in ("attention", "average"):
        config = RalmConfig(width=8, clusters=8).model_copy(update={"pool": pool})
        trained(tmp_path / pool, two_interests(), config, training)
        found[pool] = best_auc(tmp_path / pool)
    assert 0.88 < found["attention"] < 0.97
    assert 0.02 < found["attention"] - found["average"] < 0.15


def test_what_is_trained_is_loaded_and_another_run_is_refused(tmp_path: Path) -> None:
    model = trained(tmp_path, two_groups(), CONFIG)
    torch.manual_seed(5)
    again = Ralm(CONFIG, 6)
    objective = LookalikeObjective(two_groups(), QUICK, auc)
    train(again, objective, QUICK, tmp_path, identity=IDENTITY)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(CheckpointError, match="another training config: seed was 0, is 1"):
        train(again, objective, QUICK, tmp_path, identity=replace(IDENTITY, training='{"seed": 1}'))


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    """With a rate that breaks the model the later epochs are worse."""
    lessons = two_interests()
    trained(tmp_path / "all", lessons, CONFIG, LookalikeTraining(epochs=6, batch=64, rate=0.5))
    curve = [line["validation"] for line in read_metrics(tmp_path / "all")]
    best = int(np.argmax(curve))
    assert best < len(curve) - 1
    trained(tmp_path / "up to it", lessons, CONFIG, LookalikeTraining(epochs=best + 1, batch=64, rate=0.5))
    assert weights(tmp_path / "all") == weights(tmp_path / "up to it")


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    for seed in (0, 1):
        trained(tmp_path / str(seed), two_groups(), CONFIG, QUICK.model_copy(update={"seed": seed}))
    assert weights(tmp_path / "0") != weights(tmp_path / "1")


def test_seeds_are_clustered_before_every_epoch_and_stay_so_within_it(tmp_path: Path) -> None:
    told: list[str] = []
    trained(tmp_path, two_groups(), CONFIG, report=lambda progress: told.append(progress.step))
    turns = [step for step, before in zip(told, ["", *told], strict=False) if step != before]
    assert turns == ["cluster", "look-alike"] * QUICK.epochs + ["cluster"]
    assert told.count("cluster") == QUICK.epochs + 1


def test_every_weight_is_trained(tmp_path: Path) -> None:
    model = trained(tmp_path, two_groups(), CONFIG)
    torch.manual_seed(0)
    for name, value in Ralm(CONFIG, 6).named_parameters():
        assert not torch.equal(value, model.get_parameter(name)), name


def test_decay_shrinks_matrices_and_spares_biases_and_the_scale(tmp_path: Path) -> None:
    training = LookalikeTraining(epochs=1, batch=32, rate=0.01)
    free = trained(tmp_path / "free", two_groups(), CONFIG, training)
    held = trained(tmp_path / "held", two_groups(), CONFIG, training.model_copy(update={"weight_decay": 10.0}))
    assert held.shared.weight.norm() < 0.5 * free.shared.weight.norm()
    for name in ("bias", "log_scale"):
        assert held.get_parameter(name).abs() > 0.8 * free.get_parameter(name).abs()


def changed_labels(lessons: Lessons, clicked_L: np.ndarray) -> Lessons:
    return replace(lessons, rounds=[replace(lessons.rounds[0], clicked_L=clicked_L)])


def test_held_candidates_train_nothing(tmp_path: Path) -> None:
    lessons, training = two_groups(), QUICK.model_copy(update={"epochs": 1})
    one = lessons.rounds[0]
    trained(tmp_path / "true", lessons, CONFIG, training)
    other = changed_labels(lessons, one.clicked_L ^ held_labels(lessons))
    trained(tmp_path / "turned", other, CONFIG, training)
    assert weights(tmp_path / "true") == weights(tmp_path / "turned")
    assert best_auc(tmp_path / "true") == pytest.approx(1 - best_auc(tmp_path / "turned"))


def test_candidates_without_seeds_are_left_out(tmp_path: Path) -> None:
    lessons = two_groups()
    one = lessons.rounds[0]
    mute = replace(
        one,
        items_C=np.append(one.items_C, 99),
        seeds=Ragged(np.append(one.seeds.offsets, one.seeds.offsets[-1]), one.seeds.values),
        candidate_L=np.append(one.candidate_L, [12, 12]),
        user_L=np.append(one.user_L, [0, 1]),
        clicked_L=np.append(one.clicked_L, [True, False]),
    )
    trained(tmp_path / "bare", lessons, CONFIG)
    trained(tmp_path / "more", replace(lessons, rounds=[mute]), CONFIG)
    assert weights(tmp_path / "bare") == weights(tmp_path / "more")


def test_only_the_latest_seeds_are_clustered(tmp_path: Path) -> None:
    lessons = two_groups()
    one = lessons.rounds[0]
    latest = [
        one.seeds.values[start:stop][-3:] for start, stop in zip(one.seeds.offsets, one.seeds.offsets[1:], strict=False)
    ]
    short = replace(one, seeds=Ragged(offsets_of(np.full(len(latest), 3)), np.concatenate(latest)))
    trained(tmp_path / "short", replace(lessons, rounds=[short]), CONFIG)
    trained(tmp_path / "cut", lessons, CONFIG, QUICK.model_copy(update={"most_seeds_clustered": 3}))
    assert weights(tmp_path / "short") == weights(tmp_path / "cut")


def test_each_round_has_seeds_of_its_own(tmp_path: Path) -> None:
    """One round of all candidates is the same as two that part them."""
    lessons = two_groups()
    one = lessons.rounds[0]
    halves = [
        replace(one, candidate_L=one.candidate_L[part_L], user_L=one.user_L[part_L], clicked_L=one.clicked_L[part_L])
        for part_L in (one.candidate_L < 5, one.candidate_L >= 5)
    ]
    trained(tmp_path / "one", lessons, CONFIG)
    trained(tmp_path / "two", replace(lessons, rounds=halves), CONFIG)
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def test_the_curve_tells_loss_and_auc_of_each_epoch(tmp_path: Path) -> None:
    seen: list[Progress] = []
    trained(tmp_path, two_groups(), CONFIG, report=seen.append)
    curve = read_metrics(tmp_path)
    assert [line["epoch"] for line in curve] == [0, 1, 2]
    assert all({"loss", "validation", "samples_per_s"} <= set(line) for line in curve)
    assert curve[-1]["loss"] < curve[0]["loss"]
    last = [progress for progress in seen if progress.step == "look-alike"][-1]
    assert last.done == last.total


def test_labels_that_are_all_alike_are_refused(tmp_path: Path) -> None:
    lessons = two_groups()
    one = lessons.rounds[0]
    held_L = held_labels(lessons)
    for name, clicked_L in (("training", one.clicked_L & held_L), ("validation", one.clicked_L | held_L)):
        count = int((held_L if name == "validation" else ~held_L).sum())
        clicked = count if name == "validation" else 0
        with pytest.raises(
            DataError, match=rf"of {count} {name} labels of candidates with seeds, {clicked} are clicked"
        ):
            trained(tmp_path, changed_labels(lessons, clicked_L), CONFIG)
    with pytest.raises(DataError, match="of 0 training labels"):
        trained(tmp_path, replace(lessons, rounds=[]), CONFIG)


def test_centroids_of_some_slots_are_filled_up_with_none() -> None:
    centroids = Centroids(torch.arange(8.0).view(4, 2), torch.tensor([5, 6, 7, 8]), torch.tensor([0, 1, 3, 4]))
    centroid_CJX, sizes_CJ = centroids.of(torch.tensor([1, 0]))
    assert sizes_CJ.tolist() == [[6, 7], [5, 0]]
    assert centroid_CJX[0].tolist() == [[2, 3], [4, 5]]
    assert centroid_CJX[1, 0].tolist() == [0, 1]
