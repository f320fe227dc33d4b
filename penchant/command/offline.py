"""The command line: each command is one call of the pipeline, and a drawing of what came back."""

import os
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

import penchant
from penchant.atwork import at_work
from penchant.audiences.best import MIN_AUDIENCE
from penchant.audiences.of_item import write_audience
from penchant.command import drawn as terminal
from penchant.command import live as cli_live
from penchant.command.drawn import (
    bars,
    console,
    show_found,
    show_next,
    show_verdicts,
)
from penchant.command.drawn_audience import show_audience, show_lookalikes
from penchant.command.drawn_metrics import show_metrics
from penchant.command.drawn_models import show_graph, show_ranker
from penchant.command.drawn_profile import show_explanation, show_profile
from penchant.errors import AudienceError, ConfigError, PenchantError
from penchant.files import aside
from penchant.kinds.graphs import GraphModel
from penchant.kinds.lookalikes import LookalikeModel
from penchant.kinds.of_item import some_item
from penchant.kinds.rankers import RankerModel
from penchant.logs.propose import as_toml, find_tables, known_source, propose, source_toml
from penchant.logs.public.fetch import DATA_SETS, fetch, is_whole, known_set
from penchant.pipeline import Run, report_on, run
from penchant.profiles.build import Order
from penchant.runfile import EXAMPLES, load_config
from penchant.simulation.config import Rule, SimulationConfig
from penchant.simulation.simulate import simulate as simulate_feed

app = typer.Typer(
    help="Click logs into interest: explainable tag profiles for every user, look-alike audiences for any item.\n\n"
    "Begin with **penchant demo**, then **penchant init** on your own tables, **penchant check**, **penchant run**. "
    "The steps of a run alone: **prepare** RUN.toml --out RUN, **train** RUN, **evaluate** RUN, **profiles** RUN.\n\nLive: **serve** RUN, **replay** LOG, **key**, **forget** (docs/serving.md).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""The exit status after Ctrl-C."""

RunFiles = Annotated[
    list[Path],
    typer.Argument(help="The run file, see penchant init; then files that change some keys.", metavar="RUN.toml..."),
]
Folder = Annotated[Path, typer.Argument(help="The run folder, such as runs/demo.", metavar="RUN")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write to; the same again goes on where it stopped.")]
Only = Annotated[
    str | None, typer.Option("--only", help="One model of the run file, with those that it needs.", metavar="NAME")
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="The interest model that is asked; profiles.model of the run file if not given."),
]
User = Annotated[str, typer.Argument(help="The user's id, as in the log.", metavar="USER")]


@app.command()
def init(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Table files, or a folder of them: Parquet, CSV, JSON lines.", metavar="PATH..."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run file to write.")] = Path("run.toml"),
) -> None:
    """Look at your tables and write a run file for them; says what it could not guess."""
    if out.exists():
        raise ConfigError(f"{out} exists; remove it, or give another --out")
    source = known_source(paths)
    beside = out.parent.resolve()
    text = source_toml(source, paths[0], beside) if source else as_toml(propose(find_tables(paths), beside))
    with aside(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Written to [bold]{out}[/bold]. Look it over, then: [cyan]penchant check {out}[/cyan]")


@app.command()
def check(files: RunFiles) -> None:
    """Read the tables and report what is in them, before anything long starts."""
    with tempfile.TemporaryDirectory() as folder:
        with bars() as report:
            log = Run.start(load_config(*files), Path(folder), base=files[0].parent).check(report)
        show_found(log.found)
    written = " ".join(str(file) for file in files)
    console.print(f"Good to go: [cyan]penchant run {written} --out runs/{files[-1].stem}[/cyan]")


@app.command(name="run")
def run_all(files: RunFiles, out: Out, only: Only = None) -> None:
    """Everything: check, prepare, train, evaluate, profile. Stopped at any moment, the same command goes on."""
    with bars() as report:
        finished = run(load_config(*files), out, base=files[0].parent, only=only, report=report)
    _show_run(finished, only)


@app.command()
def demo(out: Out = Path("runs/demo")) -> None:
    """The whole path on the embedded example, MovieLens latest-small: about a minute."""
    with bars() as report:
        finished = run(EXAMPLES / "ml-latest-small.toml", out, report=report)
    _show_run(finished)


@app.command(name="fetch")
def fetch_set(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(DATA_SETS)}.", metavar="NAME")],
    to: Annotated[Path, typer.Option("--to", help="Where data sets are kept, each in its folder.")] = Path("data"),
) -> None:
    """Download a public data set, checked against its SHA-256. Stopped at any moment, the same command goes on."""
    data = known_set(name)
    there = is_whole(data, to)
    with bars() as report:
        folder = fetch(data, to, report=report)
    done = "there already" if there else "fetched and checked"
    told = f"{folder} is {done}; its terms of use are in README.txt."
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Next: [cyan]{escape(_after_fetch(name, folder))}[/cyan]", highlight=False, soft_wrap=True)


@app.command()
def prepare(files: RunFiles, out: Out) -> None:
    """Only check the tables and prepare vocabularies, features and labels."""
    with bars() as report:
        prepared = Run.start(load_config(*files), out, base=files[0].parent).prepare(report)
    for one in prepared:
        for field, told in one.manifest["targets"].items():
            console.print(f"{one.folder.name}, {field}: {told['samples']}, un-clicked items {told['negatives']}")
        console.print(f"vocabulary: {one.manifest['vocabulary']}")
    console.print(f"Next: [cyan]penchant train {out}[/cyan]")


@app.command()
def train(folder: Folder, only: Only = None) -> None:
    """Only train the models of a prepared run."""
    with bars() as report:
        Run.open(folder).train(report, only=only)
    console.print(f"Next: [cyan]penchant evaluate {folder}[/cyan]")


@app.command()
def evaluate(folder: Folder, only: Only = None) -> None:
    """Only evaluate trained models, each beside every baseline."""
    opened = Run.open(folder)
    with bars() as report:
        found = opened.evaluate(report, only=only)
    _show_scores(opened, found)


@app.command()
def profiles(folder: Folder) -> None:
    """Only write the profiles of all users."""
    with bars() as report:
        written = Run.open(folder).build_profiles(report)
    for one in written:
        console.print(f"Profiles are in [bold]{one}[/bold]")


@app.command()
def profile(
    folder: Folder,
    user: User,
    by: Annotated[
        Order | None, typer.Option(help="What tags are ordered by; profiles.order of the run file if not given.")
    ] = None,
    model: Model = None,
) -> None:
    """One user: tags with their preference and their lift, the latest clicks, where the attention went."""
    opened = Run.open(folder)
    for name in [model] if model else opened.config.profiled:
        if len(opened.config.profiled) > 1:
            console.print(f"[bold]{escape(name)}[/bold], which predicts {escape(opened.interests(name).label)}")
        show_profile(opened.profile(user, name), opened.clicks(user, name), by or opened.config.profiles.order)


@app.command()
def explain(
    folder: Folder,
    user: User,
    tag: Annotated[str | None, typer.Argument(help="The tag; the user's best if not given.", metavar="TAG")] = None,
    model: Model = None,
) -> None:
    """Why a user has a preference for a tag: what each path of the model, each value, and each pair of them adds."""
    opened = Run.open(folder)
    show_explanation(opened.explain(user, tag, model), opened.clicks(user, model))


@app.command()
def audience(
    folder: Folder,
    item: Annotated[str, typer.Argument(help="The item's id, as in the log.", metavar="ITEM")],
    size: Annotated[int, typer.Option(help="How many users.")] = 1_000,
    by: Annotated[
        str | None,
        typer.Option(help="The scorer that makes it; the one that won on validation candidates if not given."),
    ] = None,
    minimum: Annotated[
        int, typer.Option(help="Smaller audiences are refused, because they would single people out.", min=1)
    ] = MIN_AUDIENCE,
) -> None:
    """The users most like those who clicked an item, of all who have not met it yet; written as Parquet, and why."""
    opened = Run.open(folder)
    with at_work(folder, "writes an audience"):
        found = opened.audience(item, size, by=by, minimum=minimum)
        path = write_audience(found, folder / "audiences")
    show_audience(found, path)


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="The folder to write to; the same again goes on where it stopped.")],
    users: Annotated[int, typer.Option(help="How many users.")] = 1_000,
    tags: Annotated[int, typer.Option(help="How many tags.")] = 1_000,
    items: Annotated[int, typer.Option(help="How many articles.")] = 20_000,
    days: Annotated[int, typer.Option(help="Length of the log.")] = 30,
    rule: Annotated[Rule, typer.Option(help="What decides a click: all tags of the article, or one.")] = "sum",
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Write the log of a feed whose users' interests are known; their truth lies beside it (docs/simulation.md)."""
    said = {"users": users, "tags": tags, "items": items, "days": days, "rule": rule, "seed": seed}
    config = SimulationConfig.parse(said, origin="simulate")
    with bars() as report:
        feed = simulate_feed(config, out, processes=os.cpu_count() or 1, report=report)
    terminal.show_feed(feed)


@app.command(name="report")
def report_page(
    folders: Annotated[
        list[Path], typer.Argument(help="Evaluated run folders; the first is the reference.", metavar="RUN...")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder for report.html and report.json.")] = Path("report"),
) -> None:
    """Compare runs on one page: scores, curves, calibration, attention, hyper-parameters; and the same as JSON."""
    with bars() as progress:
        numbers = report_on(folders, out, report=progress)
    show_verdicts(numbers)
    console.print(
        f"The page is [bold]{escape(str(out / 'report.html'))}[/bold], its numbers are beside it in report.json"
    )


cli_live.register(app)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        console.print(penchant.__version__)
        raise typer.Exit


def _after_fetch(name: str, folder: Path) -> str:
    """The command that uses a data set: its run file if it has one here, or else a new one."""
    recipe = Path("configs") / f"{name}.toml"
    if recipe.exists():
        return f"PENCHANT_DATA={shlex.quote(str(folder.parent.resolve()))} penchant run {recipe} --out runs/{name}"
    return f"penchant init {shlex.quote(str(folder))} --out {name}.toml"


def _show_run(finished: Run, only: str | None = None) -> None:
    """What came of it: scores of each model, one user by each that makes profiles, an audience."""
    names = finished.chosen(only)
    _show_scores(finished, {name: finished.metrics_of(name) for name in names if finished.scores_of(name).exists()})
    user, item = None, None
    for name in finished.config.profiled:
        if name in names:
            asked = finished.interests(name)
            user = user or asked.some_user()
            show_profile(asked.profile(user), finished.clicks(user, name), finished.config.profiles.order, most=6)
    if finished.config.reference in names:
        item = _show_some_audience(finished)
    show_next(finished.folder, user, item)


def _show_scores(run: Run, found: dict[str, dict[str, Any]]) -> None:
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


def _show_some_audience(finished: Run) -> str | None:
    """The item whose audience was shown; None where too few users are left for any."""
    item = some_item(finished.lookalikes)
    try:
        show_audience(finished.audience(item, MIN_AUDIENCE))
    except AudienceError as error:
        console.print(f"[dim]No audience is shown: {escape(str(error))}[/dim]", highlight=False)
        return None
    return item


def main() -> None:
    """The console script `penchant`."""
    try:
        app()
    except SystemExit as stopped:
        if stopped.code == INTERRUPTED:
            terminal.aside.print("Stopped. The same command goes on where it was.")
        raise
    except PenchantError as error:
        terminal.aside.print(f"[red]error[/red]: {escape(str(error))}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
    except OSError as error:
        terminal.aside.print(f"[red]error[/red]: {escape(str(error))}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
