"""What came of a run, drawn: scores of each model, one user by each that makes profiles, an audience."""

from typing import Any

import typer
from rich.markup import escape

from penchant.choices import MIN_AUDIENCE, Order
from penchant.command.drawn import console, show_next
from penchant.command.drawn_audience import show_audience, show_lookalikes
from penchant.command.drawn_check import show_doubts
from penchant.command.drawn_metrics import show_metrics
from penchant.command.drawn_models import show_graph, show_ranker
from penchant.command.drawn_profile import show_profile
from penchant.errors import AudienceError
from penchant.kinds.graphs import GraphModel
from penchant.kinds.lookalikes import LookalikeModel
from penchant.kinds.of_item import some_item
from penchant.kinds.rankers import RankerModel
from penchant.pipeline import Run

FEW_TAGS = 6


def show_run(finished: Run, only: str | None = None) -> None:
    """How well each model does, one user by each that makes profiles, and one audience if the run has look-alikes.
    only: the one model that was asked for, with those that it needs."""
    names = finished.chosen(only)
    show_scores(finished, {name: finished.metrics_of(name) for name in names if finished.scores_of(name).exists()})
    profiled = [name for name in finished.config.profiled if name in names]
    user = finished.interests(profiled[0]).some_user() if profiled else None
    for name in profiled:
        _show_profile(finished, str(user), name, finished.config.profiles.order, most=FEW_TAGS)
    item = _show_some_audience(finished) if finished.config.reference in names else None
    show_next(finished.folder, user, item)


def show_doubts_of(run: Run) -> None:
    """What is doubtful in the log of a run that goes on all the same."""
    doubts = run.doubts()
    show_doubts(doubts)
    if any(doubt.serious for doubt in doubts):
        console.print(
            "The run goes on, but its numbers will mean little until the serious doubts are settled.", style="yellow"
        )


def show_scores(run: Run, found: dict[str, dict[str, Any]]) -> None:
    """The scores of each model beside baselines; look-alikes in one table."""
    for name, metrics in found.items():
        match run.models[name]:
            case LookalikeModel():
                show_lookalikes(metrics, run.lookalikes.choice)
            case RankerModel():
                show_ranker(metrics)
            case GraphModel():
                show_graph(metrics)
            case _:
                show_metrics(metrics)


def show_profiles(run: Run, user: str, by: Order | None, model: str | None) -> None:
    """One user by an interest model, by each that makes profiles if none is named."""
    for name in run.config.profiled if model is None else [model]:
        _show_profile(run, user, name, by or run.config.profiles.order)


def _show_profile(run: Run, user: str, name: str, by: Order, **options: Any) -> None:
    if len(run.config.profiled) > 1:
        console.print(f"[bold]{escape(name)}[/bold], which predicts {escape(run.interests(name).label)}")
    show_profile(run.profile(user, name), run.clicks(user, name), by, **options)


def _show_some_audience(finished: Run) -> str | None:
    """The item whose audience was shown; None where too few users are left for any."""
    item = some_item(finished.lookalikes)
    try:
        show_audience(finished.audience(item, MIN_AUDIENCE))
    except AudienceError as error:
        typer.secho(f"No audience is shown: {error}", dim=True)
        return None
    return item
