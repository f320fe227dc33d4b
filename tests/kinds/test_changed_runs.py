"""A run folder is gone on with after its run file or its log has changed: what still holds stays, the rest is anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.errors import ConfigError, StaleVocabularyError
from penchant.files import remove
from penchant.models.base import Sizes
from penchant.models.catalog import register_baseline
from penchant.models.interests.counts import OwnCounts, Popularity
from penchant.models.interests.promise import Preferences
from penchant.pipeline import Run, run
from penchant.schema import RESERVED
from tests.helpers.planted import RUN_FILE, write_planted_run

QUICK = RUN_FILE.replace("epochs = 6", "epochs = 1").replace("query = 4\n", 'query = 4\nfields = ["tags", "recent"]\n')


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write_planted_run(tmp_path)
    (tmp_path / "run.toml").write_text(QUICK, encoding="utf-8")
    return tmp_path


def again(base: Path, text: str, out: str = "run") -> Run:
    (base / "run.toml").write_text(text, encoding="utf-8")
    return run(base / "run.toml", base / out)


def scores(done: Run) -> dict[str, Any]:
    return {name: its["ndcg@10"]["mean"] for name, its in done.metrics_of("tags")["scores"].items()}


def with_other_tags(base: Path) -> None:
    """The items get the tags of one another."""
    items = pl.read_parquet(base / "items.parquet")
    tags = items["tags"].gather(np.random.default_rng(1).permutation(len(items)))
    items.with_columns(tags).write_parquet(base / "items.parquet")


@pytest.mark.parametrize(
    "added",
    [
        '[models.order]\nname = "pairs"\nfields = ["tags"]\nitem_fields = ["tags"]\n',
        '[models.factors]\nname = "bpr"\nwidth = 4\ntraining = { epochs = 1 }\n',
        '[models.groups]\nname = "utpm"\nlabels = "kind"\ntraining = { epochs = 1 }\n',
        '[models.more]\nname = "youtube"\ntraining = { epochs = 1 }\n',
        '[models.ralm]\nname = "ralm"\n\n[lookalike.rounds]\nleast_seeds = 5\n\n[periods]\nvalidation_share = 0.3\n',
    ],
)
def test_a_model_that_is_added_leaves_the_trained_ones_as_they_are(base: Path, added: str) -> None:
    pl.read_parquet(base / "items.parquet").with_columns(kind=pl.concat_list(pl.col("item").str.head(2))).write_parquet(
        base / "items.parquet"
    )
    text = QUICK.replace('{ tags = "tags" }', '{ tags = "tags", kind = "kind" }')
    weights = again(base, text).place_of("tags") / "weights.safetensors"
    written, profile = weights.stat().st_mtime_ns, Run.open(base / "run").profile("u000")
    done = again(base, text + added)
    assert weights.stat().st_mtime_ns == written
    assert done.profile("u000") == profile
    other = done.config.reference or next(name for name in done.config.models if name != "tags")
    assert done.metrics_of(other)["scores" if other != "order" else "tasks"]


def test_what_was_measured_of_an_earlier_log_is_measured_again(base: Path) -> None:
    before = scores(again(base, QUICK))
    with_other_tags(base)
    with pytest.raises(StaleVocabularyError, match="was trained with vocabularies"):
        again(base, QUICK)
    remove(base / "run" / "models" / "tags")
    after = scores(again(base, QUICK))
    assert after == scores(again(base, QUICK, "fresh")) != before


def test_a_run_file_that_asks_for_other_users_is_examined_on_them(base: Path) -> None:
    again(base, QUICK)
    remove(base / "run" / "models" / "tags")
    other = QUICK.replace("[labels]", "[users]\nfold = 1\n\n[labels]")
    assert scores(again(base, other)) == scores(again(base, other, "fresh"))


def test_what_is_shown_and_how_models_are_examined_may_change_after_training(base: Path) -> None:
    more = '[models.more]\nname = "youtube"\ntraining = { epochs = 1 }\n'
    done = again(base, QUICK + more)
    written = {path: path.stat().st_mtime_ns for path in done.folder.glob("models/*/weights.safetensors")}
    assert len(done.profile("u000").unseen) > 1
    done = again(base, QUICK + more + '[profiles]\nmodel = "more"\nunseen = 1\n\n[evaluation]\nat = [2]\n')
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert done.config.profiled[0] == "more"
    assert "prec@2" in done.metrics_of("tags")["scores"]["popularity"]
    kept = pl.read_parquet(done.folder / "profiles" / "more" / "*.parquet").filter(user="u000")
    assert kept["unseen.tags"].list.len().to_list() == [1]


def test_a_baseline_of_another_package_is_measured_by_its_code_of_now(base: Path) -> None:
    fits: list[Callable[[np.ndarray], Preferences]] = [Popularity]

    def fit(shards: Any, counts: np.ndarray, sizes: Sizes) -> Preferences:
        return fits[-1](counts[RESERVED:])

    register_baseline("changing", fit)
    done = again(base, QUICK + '[evaluation]\nbeside = ["changing"]\n')
    first = scores(done)
    fits.append(OwnCounts)
    done.evaluate()
    now = scores(done)
    assert first.pop("changing") == first["popularity"]
    assert now.pop("changing") == now["own counts"]
    assert first == now


def test_a_model_that_is_none_is_told_before_the_log_is_read(base: Path) -> None:
    with pytest.raises(ConfigError, match="no model of the run file is called 'nope'; there are tags"):
        run(base / "run.toml", base / "run", only="nope")
    assert not (base / "run" / "log").exists()
    assert json.loads((base / "run" / "config.json").read_text(encoding="utf-8"))
