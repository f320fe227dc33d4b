"""What rankers and graph models are worth, drawn: the model beside the popularity of items."""

from typing import Any

from rich.markup import escape

from penchant.command.drawn import cell_of, console, difference_of, new_table
from penchant.evaluation.protocols.rankers import LOWER_IS_BETTER


def show_ranker(metrics: dict[str, Any]) -> None:
    """A table per task: AUC, GAUC and log loss with 95 % intervals, and the paired differences."""
    for task, told in metrics["tasks"].items():
        counts = told["counts"]
        heading = (
            f"{task}: {counts['impressions']:,} items shown to {counts['users']:,} test users, of which "
            f"{counts['positives']:,} yes"
        )
        _show(metrics["model"]["title"], heading, told["scores"], told["minus"]["model"])


def show_graph(metrics: dict[str, Any]) -> None:
    """Recall and NDCG with 95 % intervals, and the paired differences."""
    heading = f"{metrics['samples']['test']:,} test users, items that they had not clicked before"
    _show(metrics["model"]["title"], heading, metrics["scores"], metrics["model_minus"])


def _show(
    title: str,
    heading: str,
    scores: dict[str, dict[str, dict[str, float]]],
    minus: dict[str, dict[str, dict[str, float]]],
) -> None:
    names = [name for name in scores["model"] if not name.startswith("coverage")]
    table = new_table(heading, right=range(1, len(names) + 1))
    for column in ["", *names]:
        lower = " (lower is better)" if column in LOWER_IS_BETTER else ""
        table.add_column(column.replace("ndcg", "NDCG").replace("gauc", "GAUC").replace("auc", "AUC") + lower)
    for scorer, its in scores.items():
        cells = [cell_of(its[name]) for name in names]
        table.add_row(escape(title) if scorer == "model" else scorer, *cells, style="bold" if scorer == "model" else "")
    for scorer, its in minus.items():
        table.add_row(f"minus {scorer}", *(difference_of(its[name]) for name in names), style="dim")
    console.print(table)
