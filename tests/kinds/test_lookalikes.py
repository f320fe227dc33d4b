"""The look-alike path of a run: what it measures, what it keeps, and that nothing is answered from another."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.audiences.expected import ExpectedPrecision
from penchant.choices import MIN_AUDIENCE
from penchant.command.drawn_audience import METRICS
from penchant.errors import CheckpointError, ConfigError, DataError, MissingStepError, PenchantError
from penchant.pipeline import Run
from penchant.progress import Progress
from penchant.report.lookalikes.facts import read_lookalike
from penchant.runfile import ALL
from penchant.training.checkpoint import load_tensors
from tests.helpers.lookalike_runs import (
    CLUSTERS,
    DAY_S,
    LOOKALIKE,
    POPULAR,
    changed,
    copied,
    events_of,
    liken,
    trained,
    write_run,
)

WEIGHTS = [f"{name}/weights.safetensors" for name in ("users", "users-concat", "ralm", "average")]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory)


def kept_in(path: Path) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Tensors to the last bit, and what they belong to; the order of these texts in a file may differ."""
    tensors, said = load_tensors(path)
    return {name: tensor.tolist() for name, tensor in tensors.items()}, said


def weights_of(run: Run) -> dict[str, Any]:
    return {name: kept_in(run.folder / "models" / name) for name in WEIGHTS}


def written_at(run: Run) -> dict[str, int]:
    return {name: os.stat(run.folder / "models" / name).st_mtime_ns for name in WEIGHTS}


def measured(metrics: dict[str, Any]) -> dict[str, Any]:
    """All but when it was, how fast, and the mean loss of an epoch, which is of the steps since it was gone on with."""
    curves = metrics["training"].items()
    scores = {name: [(line["epoch"], line["validation"]) for line in curve] for name, curve in curves}
    return {name: value for name, value in metrics.items() if name != "made"} | {"training": scores}


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(one)
    elif isinstance(value, int | float):
        yield value


def asking(run: Run, **sections: dict[str, Any]) -> Run:
    """The same folder, asked by somebody with another config."""
    return Run(run.folder, changed(run, **sections), run.base)


def test_ralm_is_measured_beside_every_competitor(run: Run) -> None:
    metrics = run.lookalikes.metrics
    assert list(metrics["scores"]) == ["ralm", *ALL]
    assert list(metrics["minus"]["ralm"]) == list(ALL)
    assert set(metrics["curves"]) == {"ralm", *ALL}
    for name, its in metrics["minus"]["ralm"].items():
        ralm, other = (metrics["scores"][one]["auc"]["mean"] for one in ("ralm", name))
        assert its["auc"]["mean"] == pytest.approx(ralm - other)
    assert metrics["scores"]["ralm"]["auc"]["mean"] > 0.9
    assert metrics["scores"]["popularity"]["auc within items"]["mean"] == 0.5
    best, half = metrics["minus"]["ralm"]["popularity"]["auc"].values()
    assert best > half > 0


def test_every_number_is_finite_and_intervals_are_not_negative(run: Run) -> None:
    metrics = json.loads(run.scores_of("ralm").read_text(encoding="utf-8"))
    numbers = list(numbers_in(metrics))
    assert len(numbers) > 1_000
    assert all(map(isfinite, numbers))
    scores = [its for by_metric in metrics["scores"].values() for its in by_metric.values()]
    scores += [its for by_metric in metrics["minus"]["ralm"].values() for its in by_metric.values()]
    assert all(set(its) in ({"mean"}, {"mean", "half"}) for its in scores)
    assert all(its.get("half", 0) >= 0 for its in scores)
    assert all("half" in its for by_metric in metrics["minus"]["ralm"].values() for its in by_metric.values())


def test_what_the_report_the_terminal_and_audiences_read_is_there(run: Run) -> None:
    metrics = run.lookalikes.metrics
    assert set(metrics) == {
        "made",
        "reference",
        "chosen",
        "counts",
        "bounds",
        "scores",
        "minus",
        "curves",
        "expected",
        "training",
    }
    assert set(metrics["made"]) == {"version", "commit", "at"}
    assert [name for name in METRICS if name not in metrics["scores"]["ralm"]] == []
    assert {"tags@10", "categories@10"} < set(metrics["scores"]["ralm"])
    assert ExpectedPrecision.read(metrics, "ralm")
    facts = read_lookalike(run.folder, run.config)
    assert facts
    assert facts.metrics.scores["lr"]["auc"].mean == metrics["scores"]["lr"]["auc"]["mean"]
    assert {name: len(lines) for name, lines in facts.metrics.training.items()} == {
        "lookalike": 2,
        "users": 6,
        "users, concatenated": 6,
    }


def test_who_is_asked_about_is_who_was_there_before_the_test_period(run: Run) -> None:
    events, counts = events_of(run), run.lookalikes.metrics["counts"]
    test_s = max(events["time"]) - 5 * DAY_S
    assert counts["crowd"] == events.filter(pl.col("time") < test_s)["user"].n_unique() == 126
    first = events.filter("clicked").group_by("user", "item").agg(pl.col("time").min())
    seeds = first.filter(pl.col("time") < test_s)["item"].value_counts()
    assert 0 < counts["clicked"] <= first.filter(pl.col("time") >= test_s).height
    assert counts["clicked"] < counts["labels"]
    assert run.lookalikes.metrics["bounds"]["head"] <= max(seeds["count"])


def test_what_happens_in_the_test_period_changes_no_weight(run: Run, tmp_path: Path) -> None:
    """Its events are dealt out to other users, and both phases end with the same weights to the last bit."""
    file = write_run(tmp_path / "log")
    events = events_of(run).sort("time")
    late = pl.col("time") > max(events["time"]) - 5 * DAY_S
    dealt = events.filter(late).with_columns(pl.col("item", "clicked").reverse())
    pl.concat([events.filter(~late), dealt]).write_parquet(file.parent / "events.parquet")
    other = Run.start(file, tmp_path / "run")
    other.prepare(only="ralm")
    other.train(only="ralm")
    for name in ("users", "ralm"):
        tensors, mine = (load_tensors(one.place_of(name) / "weights.safetensors")[0] for one in (other, run))
        assert {key: value.tolist() for key, value in tensors.items()} == {k: v.tolist() for k, v in mine.items()}
    values, mine = (one.lookalikes.crowd("latest", "ralm").values.values.tolist() for one in (other, run))
    assert values != mine, "what users are known by has changed"


def test_look_alike_needs_nothing_of_the_tag_path_but_the_log(run: Run) -> None:
    parts = sorted(path.name for path in run.folder.iterdir())
    assert parts == ["at-work", "config.json", "log", "models", "prepared", "scores"]
    assert [path.name for path in (run.folder / "prepared").iterdir()] == ["periods"]
    for name in ("users", "users-concat"):
        crowds = {path.stem for path in (run.place_of(name) / "crowd").iterdir()}
        assert crowds == {"learn", "test", "latest"}


def test_called_again_it_trains_nothing_and_measures_the_same(run: Run, tmp_path: Path) -> None:
    copy = copied(run, tmp_path / "run")
    before = written_at(copy)
    assert measured(liken(copy)) == measured(run.lookalikes.metrics)
    assert written_at(copy) == before
    assert measured(Run.open(copy.folder).lookalikes.metrics) == measured(run.lookalikes.metrics)


@pytest.mark.parametrize(
    "lost",
    [
        ("scores", "models/ralm/weights.safetensors"),
        ("prepared", "models/users/crowd"),
        ("models/users", "models/average"),
    ],
)
def test_what_is_lost_is_made_again_and_nothing_else(run: Run, tmp_path: Path, lost: tuple[str, ...]) -> None:
    copy = copied(run, tmp_path / "run")
    before = written_at(copy)
    for name in lost:
        path = copy.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert measured(liken(copy)) == measured(run.lookalikes.metrics)
    assert weights_of(copy) == weights_of(run)
    again = {name for name, at in written_at(copy).items() if at != before[name]}
    gone = {name for name in WEIGHTS for part in lost if part in (f"models/{name}", f"models/{name.split('/')[0]}")}
    assert again == gone
    assert copy.audience(POPULAR, MIN_AUDIENCE).members.equals(run.audience(POPULAR, MIN_AUDIENCE).members)


class KilledError(Exception):
    """In place of a signal."""


def kill_after(reports: int) -> Callable[[Progress], None]:
    """What is told of progress is also where a run can be stopped, in the middle of any step."""
    told = count(1)

    def report(_: Progress) -> None:
        if next(told) > reports:
            raise KilledError

    return report


def test_killed_many_times_it_ends_with_the_same_weights_and_metrics(run: Run, tmp_path: Path) -> None:
    kills, metrics = 0, None
    while metrics is None and kills < 50:
        try:
            metrics = liken(Run.start(run.config, tmp_path / "run", base=run.base), kill_after(23))
        except KilledError:
            kills += 1
    assert metrics
    assert kills >= 3
    killed = Run.open(tmp_path / "run")
    assert weights_of(killed) == weights_of(run)
    assert measured(metrics) == measured(run.lookalikes.metrics)
    left = {path.name for path in killed.folder.rglob("*") if path.suffix == ".part" or "checkpoint" in path.name}
    assert left == set()


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        (
            "model",
            "clusters",
            CLUSTERS - 1,
            r"(ralm|average)/weights.* another model config: clusters was 4, is 3; give ",
        ),
        ("training", "seed", 7, r"(ralm|average)/weights.* another training config: seed was 0, is 7"),
        ("rounds", "least_seeds", 6, r"(ralm|average)/weights.* another training config: rounds was .*5.* is .*6"),
        ("users_training", "seed", 7, r"users/weights.* another training config: seed was 0, is 7"),
        ("users", "user", 4, r"users/weights.* another model config: user was 8, is 4"),
    ],
)
def test_another_config_is_not_answered_with_these_weights(
    run: Run, tmp_path: Path, section: str, key: str, value: int, said: str
) -> None:
    """Neither by an audience nor by `liken`; the folder that the error names is the one in the way."""
    other = asking(copied(run, tmp_path / "run"), **{section: {key: value}})
    for crowd in other.folder.glob("models/*/crowd"):
        shutil.rmtree(crowd)
    for asked in (lambda: other.audience(POPULAR, MIN_AUDIENCE), lambda: liken(other)):
        with pytest.raises(CheckpointError, match=rf"{other.folder}/models/{said}"):
            asked()


def test_weights_in_the_way_once_removed_are_made_for_the_config(run: Run, tmp_path: Path) -> None:
    copy = copied(run, tmp_path / "run")
    for name in ("ralm", "average"):
        shutil.rmtree(copy.place_of(name))
    other = asking(copy, model={"clusters": 1})
    assert list(liken(other)["scores"]) == ["ralm", *ALL]
    assert other.audience(POPULAR, MIN_AUDIENCE).members["cluster"].unique().to_list() == [0]
    users = "users/weights.safetensors"
    assert written_at(other)[users] == written_at(run)[users]


def test_other_periods_are_not_answered_with_these_weights(run: Run, tmp_path: Path) -> None:
    """They are trained on other events, whatever lies prepared."""
    copy = copied(run, tmp_path / "run")
    with pytest.raises(PenchantError, match=f"{copy.folder}"):
        Run.start(changed(copy, periods={"learn": 4.0}), copy.folder, base=copy.base).audience(POPULAR, MIN_AUDIENCE)


def test_vectors_of_other_weights_are_not_taken_for_these(run: Run, tmp_path: Path) -> None:
    """The crowd that is kept says whose it is."""
    copy = copied(run, tmp_path / "run")
    path = copy.place_of("users") / "crowd" / "latest.safetensors"
    whole = kept_in(path)
    shutil.copy(copy.place_of("users-concat") / "crowd" / "test.safetensors", path)
    assert copy.lookalikes.crowd("latest", "ralm").vectors_NX.shape == (136, 8)
    assert kept_in(path) == whole


def test_metrics_of_another_config_are_not_given_for_this_one(run: Run, tmp_path: Path) -> None:
    """Or a report would show what was measured with four clusters as the work of three."""
    copy = copied(run, tmp_path / "run")
    with pytest.raises(PenchantError, match=f"{copy.folder}"):
        _ = Run.start(changed(copy, model={"clusters": 3}), copy.folder, base=copy.base).lookalikes.metrics


def test_a_run_that_is_opened_again_reads_its_log_as_it_was(tmp_path: Path) -> None:
    """Whatever the order of the tables' fields in the run file: a step must find log and weights."""
    file = write_run(tmp_path / "log")
    text = file.read_text(encoding="utf-8")
    sorted_fields = 'fields = { shelf = "shelf", tags = "tags", title = "title" }'
    assert sorted_fields in text
    file.write_text(
        text.replace(sorted_fields, 'fields = { title = "title", tags = "tags", shelf = "shelf" }'), "utf-8"
    )
    begun = Run.start(file, tmp_path / "run")
    begun.check()
    before = (begun.folder / "log" / "source.json").read_bytes()
    Run.open(begun.folder).check()
    assert (begun.folder / "log" / "source.json").read_bytes() == before


def test_a_damaged_file_of_weights_is_named(run: Run, tmp_path: Path) -> None:
    copy = copied(run, tmp_path / "run")
    path = copy.place_of("ralm") / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    for asked in (lambda: copy.audience(POPULAR, MIN_AUDIENCE), lambda: liken(copy)):
        with pytest.raises(CheckpointError, match=rf"{path} is damaged .*; remove it and train again"):
            asked()
    path.unlink()
    assert measured(liken(copy)) == measured(run.lookalikes.metrics)


def test_a_run_that_has_no_look_alike_yet_says_which_command_makes_it(tmp_path: Path) -> None:
    begun = Run.start(write_run(tmp_path / "log"), tmp_path / "run")
    evaluate = rf"'ralm' of {begun.folder} is not evaluated yet; run `penchant evaluate {begun.folder}` first"
    train = rf"'ralm' of {begun.folder} is not trained yet; run `penchant train {begun.folder}` first"
    with pytest.raises(MissingStepError, match=evaluate):
        begun.audience(POPULAR, MIN_AUDIENCE)
    begun.prepare(only="ralm")
    with pytest.raises(MissingStepError, match=evaluate):
        _ = begun.lookalikes.metrics
    with pytest.raises(MissingStepError, match=train):
        begun.lookalikes.scorer("ralm")


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        (
            'cut = "periods"',
            'cut = "periods"\nfields = ["colour"]',
            ConfigError,
            r"models\.users\.fields: 'colour' is not a field; there are tags, ",
        ),
        ('cut = "periods"', 'cut = "periods"\nfields = []', ConfigError, r"models\.users\.fields"),
        ('"shelf"', '"colour"', ConfigError, r"'colour'"),
        ('"shelf"', '"item"', ConfigError, r"'item'"),
        ('"shelf"', '"shelf"\nbeside = ["ralm"]', ConfigError, r"lookalike\.beside\.0' is 'ralm'"),
        ("least_seeds = 5", "least_seeds = 500", DataError, r"no item with at least least_seeds = 500 seeds"),
        ("learn = 5.0", "learn = 50.0", ConfigError, r"begins on .* but the log begins on 2023-11-14 22:13"),
        ("width = 8", "widthh = 8", ConfigError, r"unknown key 'models\.ralm\.widthh'; did you mean 'width'\?"),
    ],
)
def test_a_section_that_asks_for_what_is_not_there_is_refused(
    tmp_path: Path, old: str, new: str, error: type[PenchantError], said: str
) -> None:
    quick = LOOKALIKE.replace("epochs = 6", "epochs = 1")
    assert old in quick
    file = write_run(tmp_path / "log", section=quick.replace(old, new, 1))
    with pytest.raises(error, match=said):
        liken(Run.start(file, tmp_path / "run"))
