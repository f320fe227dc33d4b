"""Every number of the report, and nothing else: these classes are the JSON beside the page (docs/report.md)."""

from dataclasses import dataclass
from typing import Any

from penchant.evaluation.calibration import Bin
from penchant.training.blend import Chosen


@dataclass(frozen=True)
class Measured:
    """A mean and half its 95 % interval, which is over "seeds", over test "users", or over "candidates"."""

    mean: float
    half: float | None
    over: str


@dataclass(frozen=True)
class Difference:
    """Something minus something else: half the 95 % interval over users, paired, and over seeds where there are any.

    sign: 1 or -1 where every interval that is there excludes zero, else 0.
    """

    mean: float
    half: float
    half_seeds: float | None

    @property
    def sign(self) -> int:
        widest = max(self.half, self.half_seeds or 0.0)
        return 0 if abs(self.mean) <= widest else 1 if self.mean > 0 else -1


@dataclass(frozen=True)
class Curve:
    """One run's training: loss and validation score (NDCG@10 of validation users) per epoch; None for no number."""

    seed: int
    loss: list[float | None]
    validation: list[float | None]


@dataclass(frozen=True)
class Level:
    """A score that stands beside learning curves: NDCG@10 of a baseline, a blend, or a blend without one of its paths.
    of: whose."""

    name: str
    score: float
    of: str


@dataclass(frozen=True)
class RunCalibration:
    """One run's calibration. clicks_of: "item", "tag", or None where its scores are no log-odds."""

    seed: int
    clicks_of: str | None
    error: float | None
    clicks: list[Bin]
    tags: list[Bin]


@dataclass(frozen=True)
class Ran:
    """Where a run lies and what made it. seed: of look-alike audiences a word, "0", or "0/1" where parts differ."""

    folder: str
    seed: int | str
    version: str
    commit: str
    at: str


@dataclass(frozen=True)
class GroupNumbers:
    """A configuration. paper: the row of the UTPM paper it is, and that row's Prec@K on ML-20M and the WeChat log;
    title: what its first run serves; chosen: how that was, for a blend."""

    name: str
    runs: list[Ran]
    settings: dict[str, Any]
    scores: dict[str, Measured]
    minus_reference: dict[str, Difference]
    paper: dict[str, Any] | None
    curves: list[Curve]
    calibration: list[RunCalibration]
    title: str
    chosen: Chosen | None


@dataclass(frozen=True)
class BaselineNumbers:
    """A ranking without a model, on the same test users."""

    name: str
    scores: dict[str, Measured]
    minus_reference: dict[str, Difference]


@dataclass(frozen=True)
class Statistics:
    """What the data holds. first, last: UTC seconds, or None where times are positions."""

    predicted: str
    counts: dict[str, int]
    samples: dict[str, int]
    vocabulary: dict[str, int]
    unclicked: str
    first: float | None
    last: float | None


@dataclass(frozen=True)
class Point:
    """A group in a hyper-parameter study."""

    value: Any
    group: str
    scores: dict[str, Measured]


@dataclass(frozen=True)
class Study:
    """Groups that differ in one key only. best: the value that the UTPM paper found best, if it looked."""

    key: str
    label: str
    best: Any
    points: list[Point]


@dataclass(frozen=True)
class AttendedValue:
    """A value and the share of all attention that each head gives it."""

    value: str
    attention: list[float]


@dataclass(frozen=True)
class AttendedField:
    """A field with its share per head, its foremost values, and how many more there are with what share."""

    field: str
    attention: list[float]
    values: list[AttendedValue]
    more: int
    more_attention: list[float]


@dataclass(frozen=True)
class AttendedUser:
    """One test user: how many tags they clicked, the best tags of their profile, where the attention went."""

    user: str
    tags: int
    best: list[str]
    fields: list[AttendedField]


@dataclass(frozen=True)
class DataSet:
    """All that was measured on one set of prepared data. metrics: those of the tables; metric: the one that decides;
    reference: the group given first; verdict: sentences; levels: what stands beside the learning curves. attended,
    attended_run, attended_model: the group, run and model whose attention is shown; protocol: sections of its run
    file. missing: why a section is left out, by section.
    """

    statistics: Statistics
    metrics: list[str]
    metric: str
    reference: str
    groups: list[GroupNumbers]
    baselines: list[BaselineNumbers]
    verdict: list[str]
    levels: list[Level]
    studies: list[Study]
    attended: str | None
    attended_run: str | None
    attended_model: str | None
    attention: list[AttendedUser]
    protocol: dict[str, Any]
    missing: dict[str, str]


@dataclass(frozen=True)
class ScorerNumbers:
    """One way to find an audience. own_minus: the reference of its group minus it, over users and over seeds; paper:
    its numbers in the RALM paper, by metric, beside RALM alone; reached: by class of candidates, the share of later
    clickers among a share of all users, a pair each, averaged over seeds."""

    name: str
    scores: dict[str, Measured]
    own_minus: dict[str, Difference]
    paper: dict[str, float] | None
    reached: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class TrainingCurve:
    """One run's training of one model: "users", "users, concatenated" or "lookalike"; None for no number."""

    model: str
    seed: str
    loss: list[float | None]
    validation: list[float | None]


@dataclass(frozen=True)
class LookalikeGroup:
    """A configuration. reference: the scorer that the others are measured beside; merge_minus: the attention merge
    minus concatenation, both ranked by inner product; chosen: by scorer, in how many runs it makes audiences."""

    name: str
    reference: str
    runs: list[Ran]
    settings: dict[str, Any]
    scorers: list[ScorerNumbers]
    merge_minus: dict[str, Measured]
    training: list[TrainingCurve]
    chosen: dict[str, int]

    @property
    def beside_paper(self) -> bool:
        """Whether it has a row of the RALM paper."""
        return any(one.paper for one in self.scorers)

    @property
    def metrics(self) -> list[str]:
        """Those that any scorer has."""
        return list(dict.fromkeys(metric for one in self.scorers for metric in one.scores))


@dataclass(frozen=True)
class LookalikeSet:
    """Look-alike audiences on one set of prepared data. log: what its folder is called; bounds: seeds from which a
    candidate counts as "middle" and as "head"; later_per_seed: later clickers by seeds, by class of candidates;
    metric: the one that decides; reference: the group given first, which the verdict is about; order: its scorers from
    the lowest to the highest; protocol: sections of its run file; missing: why a section is left out, by section.
    """

    log: str
    counts: dict[str, int]
    bounds: dict[str, int]
    later_per_seed: dict[str, float]
    metric: str
    reference: str
    groups: list[LookalikeGroup]
    verdict: list[str]
    order: list[str]
    studies: list[Study]
    protocol: dict[str, Any]
    missing: dict[str, str]


@dataclass(frozen=True)
class ItemTable:
    """A task of a ranker, or a graph model, beside other orders of items. asked: what of whom; metrics: those of the
    table; scores: by "model" and by the name of each other; minus: the model's less each other's; verdict: a sentence.
    """

    run: Ran
    title: str
    asked: str
    metrics: list[str]
    scores: dict[str, dict[str, Measured]]
    minus: dict[str, dict[str, Difference]]
    verdict: str


@dataclass(frozen=True)
class Numbers:
    """The whole report. format: the version of this shape; lookalike_unmeasured: folders of runs that want look-alike
    audiences and have none measured."""

    format: int
    version: str
    data_sets: list[DataSet]
    lookalike: list[LookalikeSet]
    lookalike_unmeasured: list[str]
    items: list[ItemTable]
