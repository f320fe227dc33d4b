"""Draws how well a run does: the model beside the baselines, and what that means for a decision."""

from collections.abc import Iterator
from typing import Any

from rich.markup import escape

from penchant.command.drawn import cell_of, console, difference_of, new_table
from penchant.report.words import told
from penchant.training.blend import BLEND, Chosen


def show_metrics(metrics: dict[str, Any]) -> None:
    """Draw the model beside every baseline with 95 % intervals, then the paired differences; as many metrics as fit."""
    model = metrics["model"]["title"]
    precisions = [name for name in metrics["scores"]["model"] if name.startswith("prec@")]
    last = precisions[-1].removeprefix("prec@")
    wanted = [f"ndcg@{last}", precisions[0], precisions[-1], precisions[len(precisions) // 2], f"recall@{last}"]
    fitting = [*dict.fromkeys([*wanted, f"coverage@{last}", *precisions])][: max(2, (console.width - 30) // 17)]
    names = [name for name in [*precisions, *wanted, f"coverage@{last}"] if name in fitting]
    names = list(dict.fromkeys(names))
    users = metrics["samples"]["test"]
    negatives = metrics["made"]["negatives"]
    title = f"{users:,} test users, mean ± half the 95 % interval; un-clicked items: {negatives}"
    table = new_table(title, right=range(1, len(names) + 1))
    for column in ["", *names]:
        table.add_column(column.capitalize().replace("Ndcg", "NDCG"))
    for scorer, scores in metrics["scores"].items():
        style = "bold" if scorer == "model" else ""
        cells = [cell_of(scores[name]) for name in names]
        table.add_row(escape(model) if scorer == "model" else scorer, *cells, style=style)
    for scorer, differences in metrics["model_minus"].items():
        cells = [difference_of(differences[name]) if name in differences else "" for name in names]
        table.add_row(f"minus {scorer}", *cells, style="dim")
    console.print(table)
    for line in verdict(metrics, f"ndcg@{last}"):
        console.print(line, highlight=False)


def verdict(metrics: dict[str, Any], metric: str) -> Iterator[str]:
    """Lines of markup: what is served, how it compares with the best baseline, on which evidence it was chosen."""
    said = metrics["model"]["chosen"]
    chosen = said and Chosen.from_json(said)
    served = metrics["model"]["title"] if chosen is None or chosen.served == BLEND else chosen.served
    yield f"[bold]Served: {escape(served)}[/bold]{_what(chosen)}."
    yield from _beside_the_best(metrics, metric)
    if chosen is not None:
        yield from map(escape, told(chosen))
    if "ridge" not in metrics["model_minus"]:
        yield "Ridge regression was left out: there are too many tags for its closed form."
    curve = [line["validation"] for line in metrics["learning_curve"]]
    if len(curve) > 1 and curve[-1] == max(curve):
        yield "The validation score was still rising at the last epoch: give training more epochs, or a smaller batch."


def _what(chosen: Chosen | None) -> str:
    """The end of a sentence: what a blend is made of, or why a baseline is served."""
    if chosen is None:
        return ""
    if chosen.served != BLEND:
        return ", a baseline: it did better than the blend on training users who were left out of the fit"
    parts = ["how popular tags are"]
    parts += ["users' own clicks"] if chosen.mix.copied else []
    parts += ["ridge regression"] if chosen.mix.blocks else []
    parts += ["a deep model"] if chosen.gain else []
    return f", made of {' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)}"


def _beside_the_best(metrics: dict[str, Any], metric: str) -> Iterator[str]:
    """How the model compares with the best baseline, and how many baselines it is clearly better than."""
    minus = {scorer: said[metric] for scorer, said in metrics["model_minus"].items()}
    best = max(minus, key=lambda scorer: float(metrics["scores"][scorer][metric]["mean"]))
    below = [scorer for scorer, said in minus.items() if said["mean"] > said["half"]]
    score = f"{metric.upper()} {metrics['scores']['model'][metric]['mean']:.3f}"
    difference = difference_of(minus[best])
    if len(below) == len(minus):
        better = "[bold green]clearly better than every baseline[/bold green]"
        yield f"{score}: {better}, the best of them, “{best}”, by {difference}."
        return
    most, the_best = "", "the best baseline"
    if below:
        most, the_best = f"clearly better than {len(below)} of {len(minus)} baselines, ", "the best"
    if minus[best]["mean"] < -minus[best]["half"]:
        yield f"{score}: {most}[bold red]worse than {the_best}[/bold red], “{best}”: {difference}."
    elif best in below:
        yield f"{score}: {most}the best, “{best}”, by {difference}; level with the others."
    else:
        yield (
            f"{score}: {most}[bold]level with {the_best}[/bold], “{best}”: {difference}. Level means that the interval "
            f"holds zero, so these {metrics['samples']['test']:,} test users do not tell the two apart."
        )
