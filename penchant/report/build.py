"""From the facts of runs to the numbers of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

import penchant
from penchant.errors import ReportError
from penchant.profiles.profile import Weighed, WholeProfile
from penchant.report.compare import Paired, baseline_numbers, deciding, measured, shown_metrics, verdict
from penchant.report.facts import OWN, Evaluated, RunFacts
from penchant.report.groups import DEEP, Group, group_runs
from penchant.report.lookalikes.gathered import gather_lookalike
from penchant.report.numbers import (
    AttendedField,
    AttendedUser,
    AttendedValue,
    Curve,
    DataSet,
    GroupNumbers,
    Level,
    Numbers,
    Ran,
    RunCalibration,
    Statistics,
)
from penchant.report.published import published
from penchant.report.study import studies
from penchant.report.words import WHOSE
from penchant.schema import RESERVED
from penchant.training.blend import BLEND

FORMAT = 1
MOST_VALUES = 5
MOST_TAGS = 5


@dataclass(frozen=True)
class Examples:
    """Profiles of a few test users for the attention section; `reason`: why there are none."""

    profiles: Sequence[WholeProfile] = ()
    reason: str = ""


def gather(runs: Sequence[Evaluated]) -> Numbers:
    """All numbers but the attention of example users, which needs the model: see `attended` and `with_examples`.

    Runs on different data are kept apart. Raises ReportError where there is no run, or one was given twice.
    """
    if not runs:
        raise ReportError("a report needs at least one run folder; give some, such as runs/demo")
    data: dict[str, list[RunFacts]] = {}
    for profiles in (one for run in runs for one in run.profiles):
        data.setdefault(profiles.data, []).append(profiles)
    return Numbers(
        FORMAT,
        penchant.__version__,
        [_data_set(group_runs(same)) for same in data.values()],
        gather_lookalike([run.lookalike for run in runs if run.lookalike]),
        [str(run.folder) for run in runs if run.wanted and not run.lookalike],
        [table for run in runs for table in run.items],
    )


def with_examples(numbers: Numbers, examples: Mapping[str, Examples]) -> Numbers:
    """The same with the attention of example users, by the run folder they are from."""
    sets = []
    for one in numbers.data_sets:
        found = examples.get(one.attended_run or "", Examples())
        users = [_user(profile) for profile in found.profiles]
        reason = found.reason or ("" if users else one.missing["attention"])
        if users and not any(share > 0 for user in users for field in user.fields for share in field.attention):
            users, reason = (
                [],
                f"in {one.attended} the deep model has too small a share for its attention to be evidence",
            )
        missing = {name: why for name, why in one.missing.items() if name != "attention"}
        missing |= {"attention": reason} if reason else {}
        sets.append(replace(one, attention=users, missing=missing))
    return replace(numbers, data_sets=sets)


def _data_set(groups: list[Group]) -> DataSet:
    metrics = shown_metrics(groups)
    metric, reference, paired = deciding(metrics), groups[0].name, Paired(groups, metrics)
    baselines = baseline_numbers(paired, reference)
    numbers = _groups(paired, reference)
    found = studies(groups, metrics)
    attended = _attended(groups, metric)
    return DataSet(
        statistics=_statistics(groups[0].runs[0]),
        metrics=metrics,
        metric=metric,
        reference=reference,
        groups=numbers,
        baselines=baselines,
        verdict=list(verdict(paired, baselines, metric)),
        levels=_levels(groups),
        studies=found,
        attended=attended.name if attended else None,
        attended_run=str(attended.runs[0].folder) if attended else None,
        attended_model=attended.runs[0].model if attended else None,
        attention=[],
        protocol=_protocol(groups[0].runs[0]),
        missing=_missing(numbers, found, attended),
    )


def _groups(paired: Paired, reference: str) -> list[GroupNumbers]:
    others = paired.users(reference)
    found = []
    for name, group in paired.groups.items():
        row = published(group.settings)
        found.append(
            GroupNumbers(
                name=name,
                runs=[_ran(run) for run in group.runs],
                settings=dict(group.settings),
                scores=measured(group, paired.metrics),
                minus_reference=paired.minus(name, reference, others) if name != reference else {},
                paper={"row": row.row, "ml-20m": row.movielens, "wechat": row.industrial} if row else None,
                curves=[_curve(run) for run in group.runs],
                calibration=[_calibration(run) for run in group.runs if run.metrics.calibration],
                title=group.runs[0].metrics.model.title,
                chosen=group.runs[0].metrics.model.chosen,
            )
        )
    return found


def _levels(groups: Sequence[Group]) -> list[Level]:
    """Of the first blend, for training users left out of its fit; where there is none, the baselines' of test users."""
    metrics = [group.runs[0].metrics for group in groups]
    chosen = next((one.model.chosen for one in metrics if one.model.chosen), None)
    if chosen is None:
        scores = {name: said.get("ndcg@10") for name, said in metrics[0].scores.items() if name != OWN}
        return [Level(name, score.mean, "test users") for name, score in scores.items() if score]
    without = {f"{BLEND} without {path}": chosen.judged[BLEND] - lost for path, (lost, _) in chosen.without.items()}
    scored = {**chosen.judged, **without}
    return [Level(name, score, f"{chosen.users:,} {WHOSE}") for name, score in scored.items()]


def _ran(run: RunFacts) -> Ran:
    made = run.metrics.made
    return Ran(str(run.folder), run.seed, made.version, made.commit, made.at)


def _curve(run: RunFacts) -> Curve:
    lines = run.metrics.learning_curve
    return Curve(run.seed, [_finite(line.loss) for line in lines], [_finite(line.validation) for line in lines])


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _calibration(run: RunFacts) -> RunCalibration:
    said = run.metrics.calibration
    assert said
    clicks = said.clicks
    if clicks is None:
        return RunCalibration(run.seed, None, None, [], said.tags.bins)
    return RunCalibration(run.seed, clicks.of, clicks.error, clicks.bins, said.tags.bins)


def _attended(groups: Sequence[Group], metric: str) -> Group | None:
    """The best group whose model has learned attention."""
    there = [group for group in groups if {"model.heads", f"{DEEP}.heads"} & group.settings.keys()]
    return max(there, key=lambda group: float(np.mean(group.means(metric))), default=None)


def _statistics(run: RunFacts) -> Statistics:
    found, field = run.found, run.metrics.model.labels
    asked = run.prepared["targets"][field]
    vocabulary = {name: size - RESERVED for name, size in run.prepared["vocabulary"].items()}
    counts = {
        "events": found["events"],
        "clicks": found["clicked"],
        "users": found["users"],
        "items": found["items_in_table"],
        "rejected rows": sum(found["rejected"].values()),
        "rows left out by rule": sum(found["left_out"].values()),
    }
    clock = found["time_unit"] != "position"
    return Statistics(
        predicted=field,
        counts=counts,
        samples=dict(asked["samples"]),
        vocabulary=vocabulary,
        unclicked=str(asked["negatives"]),
        first=found["first"] if clock else None,
        last=found["last"] if clock else None,
    )


def _protocol(run: RunFacts) -> dict[str, object]:
    return {name: run.config[name] for name in ("features", "labels", "users", "evaluation")}


def _missing(groups: Sequence[GroupNumbers], found: Sequence[object], attended: Group | None) -> dict[str, str]:
    missing = {"attention": "no example user was looked at" if attended else "no model here learns attention"}
    old = [group.runs[0].folder for group in groups if not group.calibration]
    if old:
        missing["calibration"] = (
            f"{'; '.join(old)}: evaluated by a version that measured no calibration; run `penchant evaluate` again"
        )
    if not any(one.clicks for group in groups for one in group.calibration):
        missing["clicks"] = (
            "no model's scores are log-odds of a click: that needs the loss `separate` or one with `joint`, and no "
            "blend"
        )
    if not any(curve.loss for group in groups for curve in group.curves):
        closed = all("training.loss" not in group.settings for group in groups)
        missing["curves"] = (
            "these models are worked out in closed form, in one step, so they have no epochs"
            if closed
            else "the runs kept no learning curve"
        )
    if not found:
        missing["study"] = "no two configurations differ in one key only"
    return missing


def _user(profile: WholeProfile) -> AttendedUser:
    by_field: dict[str, list[Weighed]] = {name: [] for name in profile.fields}
    for value in profile.values:
        by_field[value.field].append(value)
    best = sorted([*profile.clicked, *profile.unseen], key=lambda one: one.rank)[:MOST_TAGS]
    fields = [_field(name, profile.fields[name], values) for name, values in by_field.items() if values]
    return AttendedUser(profile.user, len(profile.clicked), [one.tag for one in best], fields)


def _field(name: str, attention: Sequence[float], values: Sequence[Weighed]) -> AttendedField:
    rest = values[MOST_VALUES:]
    more = [sum(value.attention[head] for value in rest) for head in range(len(attention))]
    shown = [AttendedValue(value.value, list(value.attention)) for value in values[:MOST_VALUES]]
    return AttendedField(name, list(attention), shown, len(rest), more if rest else [])
