"""The page itself: numbers and drawings into one HTML file that asks nothing of the network and runs no script."""

import base64
import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from penchant.errors import ReportError
from penchant.files import aside
from penchant.report.drawing.canvas import Plot, marker_of
from penchant.report.drawing.interests import (
    click_calibration,
    forest,
    learning_curves,
    study_plot,
    tag_calibration,
)
from penchant.report.drawing.lookalikes import draw_lookalike
from penchant.report.drawing.svg import SERIES
from penchant.report.groups import common_settings, half_over_seeds
from penchant.report.lookalikes import words as lookalike_words
from penchant.report.numbers import (
    AttendedUser,
    BaselineNumbers,
    DataSet,
    GroupNumbers,
    LookalikeGroup,
    Measured,
    Numbers,
    ScorerNumbers,
)
from penchant.report.published import ON, RALM_MERGE, RALM_SOURCE, SOURCE
from penchant.report.words import WHOSE, difference, named, nice, signed

SHADES = 10
"""How many steps of grey-to-full the attention cells have, as classes of the style sheet."""


@dataclass(frozen=True)
class Drawn:
    """The plots of one data set."""

    forest: list[Plot]
    curves: list[Plot]
    clicks: list[Plot]
    tags: list[Plot]
    studies: list[Plot]


def write_report(numbers: Numbers, out: Path) -> Path:
    """Write report.html and report.json into `out`; the page's path. Raises ReportError where `out` is a file."""
    if out.is_file():
        raise ReportError(f"{out} is a file; give --out a folder, such as report")
    page = render(numbers)
    with aside(out / "report.json") as temporary:
        text = json.dumps(asdict(numbers), indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    with aside(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return out / "report.html"


def render(numbers: Numbers) -> str:
    """The page. Every text from a run is escaped; the only style that the page allows itself is its own."""
    folder = files("penchant.report") / "templates"
    style = folder.joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            numbers=numbers,
            parts=[(one, draw(one, f"d{number}")) for number, one in enumerate(numbers.data_sets)],
            names=named(numbers.data_sets),
            looks=[(one, draw_lookalike(one, f"l{number}")) for number, one in enumerate(numbers.lookalike)],
            style=Markup(style),  # noqa: S704 - a file of the package
            digest=digest,
        )
    )


@cache
def _environment() -> Environment:
    """Templates by name, and all that they may call."""
    folder = files("penchant.report") / "templates"
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )
    environment.filters |= {
        "nice": nice,
        "score": score,
        "day": day,
        "count": count,
        "shade": shade,
        "printed": printed,
        "svg": lambda plot: Markup(plot.svg),  # noqa: S704 - drawn here, its texts escaped by matplotlib
    }
    environment.globals |= {
        "paper_on": ON,
        "source": SOURCE,
        "most_attention": most_attention,
        "swatch": swatch,
        "calibration_errors": calibration_errors,
        "differing": differing,
        "difference": difference,
        "signed": signed,
        "best_scores": best_scores,
        "whose": WHOSE,
        "ralm_source": RALM_SOURCE,
        "ralm_merge": RALM_MERGE,
        "words": lookalike_words,
    }
    return environment


def draw(data: DataSet, name: str) -> Drawn:
    """All plots; `name` makes their ids unique on the page."""
    few = [metric for metric in ("prec@1", data.metric) if metric in data.metrics]
    rows = len(data.groups) + len(data.baselines)
    calibrated = any(group.calibration for group in data.groups)
    return Drawn(
        [
            forest(data.groups, data.baselines, data.reference, metric, f"{name}-forest-{number}")
            for number, metric in enumerate(dict.fromkeys(few))
            if rows > 1
        ],
        learning_curves(data.groups, data.levels, f"{name}-curves") if "curves" not in data.missing else [],
        click_calibration(data.groups, f"{name}-clicks"),
        [tag_calibration(data.groups, f"{name}-tags")] if calibrated else [],
        [study_plot(study, f"{name}-study-{number}") for number, study in enumerate(data.studies)],
    )


def score(measured: Measured | None) -> str:
    """A mean and half its interval: four digits where the interval is that narrow."""
    if measured is None:
        return "–"
    if measured.half is None:
        return f"{measured.mean:.3f}"
    digits = 4 if 0 < measured.half < 0.001 else 3
    return f"{measured.mean:.{digits}f} ± {measured.half:.{digits}f}"


def day(time_s: float) -> str:
    """The date, UTC."""
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC).strftime("%Y-%m-%d")


def count(number: float) -> str:
    """With thin spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\u202f")


def printed(number: float) -> str:
    """As the paper prints it: .7485."""
    return f"{number:.4f}".removeprefix("0")


def shade(share: float, most: float) -> int:
    """The step of a share of attention beside the largest one, 0 to SHADES."""
    return round(share / most * SHADES) if most > 0 else 0


def most_attention(user: AttendedUser) -> tuple[float, float]:
    """The largest share of a field, and of a value."""
    values = [share for field in user.fields for value in field.values for share in value.attention]
    return max(share for field in user.fields for share in field.attention), max(values)


def swatch(number: int) -> Markup:
    """The mark of a group in legends, as in the plots."""
    return Markup('<span class="swatch s{}" aria-hidden="true">{}</span>').format(
        number % len(SERIES), _GLYPHS[marker_of(number)]
    )


_GLYPHS = "●■▲◆▼▶✚★"
"""canvas.MARKERS as text."""


def calibration_errors(group: GroupNumbers) -> Measured | None:
    """The expected calibration error of a group, over its seeds; None where it has none."""
    errors = [one.error for one in group.calibration if one.error is not None]
    if not errors:
        return None
    half = half_over_seeds(errors) if len(errors) > 1 else None
    return Measured(sum(errors) / len(errors), half, "seeds" if half is not None else "users")


def differing(groups: Sequence[GroupNumbers | LookalikeGroup]) -> tuple[dict[str, Any], list[str]]:
    """The value that most groups have of each setting, and the settings in which they differ."""
    kinds: list[Mapping[str, Any]] = [group.settings for group in groups]
    usual = common_settings(kinds)
    return usual, [key for key in usual if any(its.get(key) != usual[key] for its in kinds if key in its)]


def best_scores(rows: Sequence[GroupNumbers | BaselineNumbers | ScorerNumbers]) -> dict[str, float]:
    """The highest mean of each metric among the rows of a table, those that lack it left aside."""
    metrics = dict.fromkeys(metric for row in rows for metric in row.scores)
    return {name: max(row.scores[name].mean for row in rows if name in row.scores) for name in metrics}
