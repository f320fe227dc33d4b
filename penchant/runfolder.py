"""A run folder: the one table of what lies where in it, and what every model of the run shares."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
import torch
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from penchant.config import config_of_run
from penchant.errors import ConfigError, DataError, MissingStepError
from penchant.features.cuts.by_period import ByPeriod
from penchant.features.cuts.by_user import ByUser
from penchant.features.plan import Plan, lookalike_plan
from penchant.features.prepare import Prepared
from penchant.files import read_json
from penchant.kinds.sections import CUTS, CutName, GraphsSection, InterestsSection, RankersSection, Section, fields_read
from penchant.logs.forgotten import FORGOTTEN, is_listed, read_forgotten
from penchant.logs.ingest import Log
from penchant.logs.pseudonyms import FORM, Pseudonyms, key_place, read_key
from penchant.logs.reading import as_written
from penchant.runfile import RunConfig
from penchant.schema import ITEM

KEY = "pseudonyms"
"""Of config.json: the fingerprint of the key of the pseudonyms, where there are some."""

Names = Literal["no", "rows", "texts", "remade"]
"""Whether a file names users: in rows of theirs, which erasing a user drops at once; in texts, where it drops the rows,
or the whole page, that speak of the user; or in what the next step makes anew."""


@dataclass(frozen=True)
class Place:
    """Files of a run folder, as a pattern. names: whether they name users; decides: whether they decide what is served;
    chooses: whether they say which of it is live; profiled: whether they decide the atlas; compared: whether a
    comparison of runs reads them."""

    pattern: str
    names: Names = "no"
    decides: bool = False
    chooses: bool = False
    profiled: bool = False
    compared: bool = False


LAYOUT = (
    Place("at-work/*"),
    Place("config.json", compared=True),
    Place("forgotten.json"),
    Place("log/source.json"),
    Place("log/found.json", compared=True),
    Place("log/rejected.parquet", names="texts"),
    Place("log/items.parquet"),
    Place("log/events/*.json"),
    Place("log/events/*.parquet", names="rows"),
    Place("log/users.parquet", names="rows"),
    Place("prepared/*/plan.json", decides=True, compared=True),
    Place("prepared/*/manifest.json", compared=True),
    Place("prepared/*/numbers.json"),
    Place("prepared/*/vocabulary/*.parquet"),
    Place("prepared/*/items/names.parquet"),
    Place("prepared/*/latest/*.json"),
    Place("prepared/*/*/*.safetensors", names="remade"),
    Place("prepared/*/*/*.users.parquet", names="remade"),
    Place("prepared/*/baselines-*.json"),
    Place("prepared/*/baselines-*.parquet", names="rows"),
    Place("models/*/weights.safetensors", decides=True, profiled=True),
    Place("models/*/blend.safetensors", decides=True, profiled=True),
    Place("models/*/chosen.json"),
    Place("models/*/average.safetensors", decides=True),
    Place("models/*/best.safetensors"),
    Place("models/*/checkpoint.safetensors"),
    Place("models/*/metrics.jsonl"),
    Place("models/*/choosing-*/*"),
    Place("models/*/crowd/*.safetensors", names="remade"),
    Place("scores/*.json", chooses=True, compared=True),
    Place("scores/*.parquet", names="rows", compared=True),
    Place("profiles/*/weights.json", profiled=True),
    Place("profiles/*/done.json", profiled=True),
    Place("profiles/*/*.parquet", names="rows"),
    Place("audiences/*.parquet", names="rows"),
    Place("report.*", names="texts"),
    Place("serving.lock"),
    Place("serving/*", names="remade"),
    Place("atlas.lock"),
    Place("dashboard.lock"),
    Place("dashboard/*", names="remade"),
)
"""All that a run folder holds, in the order in which it comes to be."""


def files_of(folder: Path, **wanted: Any) -> Iterator[Path]:
    """The files of a run folder whose place is as wanted, such as decides=True; in the order of the table."""
    for place in LAYOUT:
        if all(getattr(place, name) == value for name, value in wanted.items()):
            yield from sorted(folder.glob(place.pattern))


@dataclass(frozen=True)
class RunFolder:
    """A run file's content, and the folder in which its steps keep what is finished. base: what paths of the run file
    are relative to."""

    folder: Path
    config: RunConfig
    base: Path

    def __post_init__(self) -> None:
        torch.set_num_threads(self.config.threads)
        # Threads of linear algebra that wait for each other on a busy machine take ten times as long as one.
        threadpool_limits(self.config.threads, user_api="blas")

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """A run that was begun earlier. MissingStepError where there is none, ConfigError where it is damaged."""
        return cls(Path(folder), *read_config(Path(folder)))

    @cached_property
    def log(self) -> Log:
        return Log.open(self.folder / "log")

    @cached_property
    def pseudonyms(self) -> Pseudonyms | None:
        """By which users are known; None where they keep their ids. ConfigError where the key cannot be read, or is
        another one than that with which the run was begun."""
        named = self.config.logs.pseudonyms
        place = None if named is None else key_place(named, self.base)
        found = None if place is None else read_key(place)
        self._refuse_another_key(place, found)
        return found

    def known_as(self, user: str | int) -> str:
        """The name under which the run knows a user: the id, or its pseudonym. Who has no key may ask by the pseudonym.
        ConfigError as for `pseudonyms`."""
        text, named = str(user), self.config.logs.pseudonyms
        if named is None or (FORM.fullmatch(text) and not key_place(named, self.base).exists()):
            return text
        return self.pseudonyms.of(text) if self.pseudonyms else text

    def _refuse_another_key(self, place: Path | None, found: Pseudonyms | None) -> None:
        if not (self.folder / "config.json").exists():
            return
        kept, now = key_of_run(self.folder), found and found.fingerprint
        if kept == now:
            return
        was = f"the key whose mark is {kept}" if kept else "users' ids as they came"
        said = f"{place} holds the key whose mark is {now}" if now else "the run file names no key now"
        raise ConfigError(
            f"{self.folder} was begun with {was}, and {said}; give the key of this run, or begin another run in "
            f"another folder (docs/data/pseudonyms.md says how a key is changed)"
        )

    @cached_property
    def item_names(self) -> dict[str, str]:
        """Items that have a readable name, and it."""
        return self.log.names(self.config.profiles.item_name)

    def gone(self, users: pl.Series) -> pl.Series:
        """Bool of each user: whether they were forgotten and the log has nothing of them. What was prepared before that
        names them still."""
        path = self.folder / FORGOTTEN
        if not path.exists():
            return pl.Series([False] * len(users), dtype=pl.Boolean)
        listed = is_listed(users, read_forgotten(path))
        there = self.log.has(users.filter(listed).unique())
        return listed & ~users.is_in(there.implode())

    def place_of(self, model: str) -> Path:
        """The folder of a model."""
        return self.folder / "models" / model

    def scores_of(self, model: str) -> Path:
        """Where the examination of a model is written, as JSON; values per user lie beside it as Parquet."""
        return self.folder / "scores" / f"{model}.json"

    def metrics_of(self, model: str) -> dict[str, Any]:
        """What the examination of a model found. MissingStepError where it was not examined yet."""
        path = self.scores_of(model)
        if not path.exists():
            raise MissingStepError(
                f"{model!r} of {self.folder} is not evaluated yet; run `penchant evaluate {self.folder}` first"
            )
        with as_written(path):
            return dict(read_json(path))

    def plan(self, cut: CutName) -> Plan:
        """What the shards of a cut hold: the fields and vocabularies of all models on it."""
        on_items = [one for one in self._items_asked if cut == "users"]
        wanted = [fields_read(one) for one in (*self._on(cut), *on_items)]
        named = {name for one in wanted for name in one or []}
        chosen = [rule for rule in self.config.features.fields if None in wanted or rule.name in named]
        features = self.config.features.model_copy(update={"fields": chosen})
        if cut == "periods":
            return lookalike_plan(features, ByPeriod(self.config.periods))
        own, names = self.config.labels, self.config.interests(cut)
        # The first target draws as it would alone, so that another model beside it changes nothing.
        predicted = sorted({self.config.labels_of(name): name for name in names}, key=lambda field: field != own.field)
        predicted = [*predicted, *([ITEM] if on_items and ITEM not in predicted else [])]
        targets = tuple(own.target.model_copy(update={"field": field}) for field in predicted)
        return Plan(features, ByUser(own, self.config.users), targets)

    @property
    def cuts(self) -> list[CutName]:
        """Those that some model of the run reads."""
        return [cut for cut in CUTS if self._on(cut) or (cut == "users" and self._items_asked)]

    @property
    def _items_asked(self) -> list[Section]:
        """The sections of models that ask about the items themselves, on the cut by user."""
        return [one for one in self.config.all_models.values() if isinstance(one, RankersSection | GraphsSection)]

    def _on(self, cut: CutName) -> list[InterestsSection]:
        models = self.config.all_models.values()
        return [one for one in models if isinstance(one, InterestsSection) and one.cut == cut]

    def prepared(self, cut: CutName) -> Prepared:
        """The shards of a cut. MissingStepError where they are not made yet."""
        folder = self.folder / "prepared" / cut
        if not (folder / "manifest.json").exists():
            raise MissingStepError(
                f"{self.folder} is not prepared yet; run `penchant prepare RUN.toml --out {self.folder}` first"
            )
        return Prepared(folder)


def key_of_run(folder: Path) -> str | None:
    """The fingerprint of the key of a run's pseudonyms; None where it has none. ConfigError where it is damaged."""
    path = config_of_run(folder)
    try:
        said = read_json(path)
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}; begin the run again") from None
    found = said.get(KEY) if isinstance(said, dict) else None
    return None if found is None else str(found)


def read_config(folder: Path) -> tuple[RunConfig, Path]:
    """The run file of a folder, and what its paths are relative to; errors as in `RunFolder.open`."""
    path = config_of_run(folder)
    try:
        said = read_json(path)
        return RunConfig.model_validate_json(json.dumps(said["config"])), Path(said["base"])
    except (ValueError, KeyError, TypeError, ConfigError, DataError) as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in _problems(error)) or error
        raise ConfigError(f"{path} is damaged, or of another version: {told}; begin the run again") from None


def _problems(error: Exception) -> list[Any]:
    """What is wrong with values of the run file, if that is the error."""
    return list(error.errors()) if isinstance(error, ValidationError) else []
