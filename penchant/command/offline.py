"""The command line: each command is one call of the pipeline, and a drawing of what came back.

Commands import the pipeline inside their functions: importing PyTorch takes seconds, and nobody should wait that long
for a help page, or to be told that they mistyped a name.
"""

import os
import shlex
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import penchant
from penchant.choices import MIN_AUDIENCE, PUBLIC_SETS, Exportable, Form, Order, Rule
from penchant.command import live as cli_live
from penchant.command import pseudonyms as cli_pseudonyms
from penchant.command.given import Folder, Folders, Model, Only, Out, RunFiles, User
from penchant.command.grouped import ASK, DATA, START, STEP, Grouped
from penchant.command.shown import Styled, escaped, say, styled
from penchant.errors import ConfigError, PenchantError

app = typer.Typer(
    cls=Grouped,
    help="Turn click logs into interest: explainable tag profiles for every user, and look-alike audiences for any "
    "item.",
    epilog="`penchant COMMAND --help` tells more about a command.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


@app.command(rich_help_panel=START)
def demo(out: Out = Path("runs/demo")) -> None:
    """Run everything on the embedded example: about a minute.

    The example is MovieLens latest-small.
    """
    from penchant.command.drawn import bars
    from penchant.command.drawn_run import show_run
    from penchant.runfile import EXAMPLES

    with bars() as report:
        finished = penchant.run(EXAMPLES / "ml-latest-small.toml", out, report=report)
    show_run(finished)


@app.command(rich_help_panel=START)
def init(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Table files, or a folder of them at any depth: Parquet, CSV and its kin, JSON lines, Delta, Iceberg.",
            metavar="PATH",
            exists=True,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run file to write.")] = Path("run.toml"),
) -> None:
    """Look at your tables and write a run file for them.

    It goes by what the columns hold: what repeats, what is unique, what two tables share, what lies in order of time.
    The top of the file says what each column was taken for and why, what is left out, and what you should look at.
    """
    if out.exists():
        raise ConfigError(f"{out} exists; remove it, or give another --out")
    from penchant.files import aside
    from penchant.logs.propose import as_toml, find_tables, known_source, propose, source_toml

    source = known_source(paths)
    beside = out.parent.resolve()
    text = source_toml(source, paths[0], beside) if source else as_toml(propose(find_tables(paths), beside))
    with aside(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(text)
    say("Written to ", styled(out, bold=True), ". Look it over, then: ", _command(f"check {out}"))


@app.command(rich_help_panel=START)
def check(
    files: Annotated[
        list[Path],
        # A file that is missing or broken is told by the command itself, so that it can be JSON.
        typer.Argument(help="The run file, then any files that change some of its keys.", metavar="RUN.toml"),
    ],
    in_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead: counts, doubts, verdict.")
    ] = False,
) -> None:
    """Read the tables of a run file and report what is in them.

    Nothing is written. It ends with status 1 where something is so doubtful that a run would mean little.
    """
    from penchant.config import read_toml

    if not in_json:
        for file in files:
            read_toml(file)
    from penchant.command.drawn import bars
    from penchant.command.drawn_check import as_json, show_found, show_verdict

    found, doubts, refused = None, [], None
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = penchant.Run.start(penchant.load_config(*files), Path(folder), base=files[0].parent)
            with bars() as report:
                run.check(report)
        except PenchantError as error:
            refused = error
        if (Path(folder) / "log" / "found.json").exists():
            found, doubts = run.log.found, run.doubts()
    if in_json:
        say(escaped(as_json(found, doubts, refused)))
    elif found is not None:
        written = " ".join(str(file) for file in files)
        show_found(found)
        show_verdict(doubts, refused, f"penchant run {written} --out runs/{files[-1].stem}")
    if refused is not None and not in_json:
        raise refused
    if refused is not None or any(doubt.serious for doubt in doubts):
        raise typer.Exit(1)


@app.command(name="run", rich_help_panel=START)
def run_all(files: RunFiles, out: Out, only: Only = None) -> None:
    """Do everything: check, prepare, train, evaluate, profile.

    You may stop it at any moment: the same command goes on where it was.
    """
    from penchant.command.drawn import bars
    from penchant.command.drawn_run import show_doubts_of, show_run

    config, base = penchant.load_config(*files), files[0].parent
    started = penchant.Run.start(config, out, base=base)
    with bars() as report:
        started.check(report)
    show_doubts_of(started)
    with bars() as report:
        finished = penchant.run(config, out, base=base, only=only, report=report)
    show_run(finished, only)


@app.command(rich_help_panel=ASK)
def profile(
    folder: Folder,
    user: User,
    by: Annotated[
        Order | None, typer.Option(help="The order of the tags. If not given: profiles.order of the run file.")
    ] = None,
    model: Model = None,
) -> None:
    """Show the interests of one user.

    You see the user's tags with preference and lift, the latest clicks, and where the model's attention went.
    """
    from penchant.command.drawn_run import show_profiles

    show_profiles(penchant.Run.open(folder), user, by, model)


@app.command(rich_help_panel=ASK)
def explain(
    folder: Folder,
    user: User,
    tag: Annotated[
        str | None, typer.Argument(help="The tag. If not given: the first tag of the profile.", metavar="TAG")
    ] = None,
    model: Model = None,
) -> None:
    """Show why a user has a preference for a tag.

    You see what each part of the model adds to the preference, and what each value and each pair of values adds.
    """
    from penchant.command.drawn_profile import show_explanation

    opened = penchant.Run.open(folder)
    show_explanation(opened.explain(user, tag, model), opened.clicks(user, model))


@app.command(rich_help_panel=ASK)
def audience(
    folder: Folder,
    item: Annotated[str, typer.Argument(help="The item's id, as in the log.", metavar="ITEM")],
    size: Annotated[int, typer.Option(help="How many users.")] = 1_000,
    by: Annotated[
        str | None,
        typer.Option(help="The look-alike that makes it. If not given: the best on validation candidates."),
    ] = None,
    minimum: Annotated[
        int, typer.Option(help="Refuse smaller audiences, because they would single people out.", min=1)
    ] = MIN_AUDIENCE,
) -> None:
    """Find the users most like those who clicked an item.

    Users who have an event with the item are left out. The audience is written as Parquet, and the reasons for it are
    shown.
    """
    from penchant.atwork import at_work
    from penchant.audiences.of_item import write_audience
    from penchant.command.drawn_audience import show_audience

    opened = penchant.Run.open(folder)
    with at_work(folder, "writes an audience"):
        found = opened.audience(item, size, by=by, minimum=minimum)
        path = write_audience(found, folder / "audiences")
    show_audience(found, path)


@app.command(rich_help_panel=ASK)
def export(
    folder: Folder,
    what: Annotated[Exportable, typer.Argument(help="profiles, or audiences that were made.", metavar="WHAT")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="NAME.parquet, NAME/ (a folder of Parquet files), NAME.csv, NAME.csv.gz, NAME.duckdb, delta:FOLDER or "
            "redis://HOST:PORT/DATABASE.",
            metavar="TARGET",
        ),
    ],
    form: Annotated[
        Form | None,
        typer.Option(help="long: a row per user and tag; nested: a row per user. If not given: long. Not for Redis."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The model whose profiles are meant. If not given: the first.", metavar="NAME"),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is there.")] = False,
    ttl: Annotated[
        int | None, typer.Option(help="Seconds after which Redis forgets the export. If not given: never.", min=1)
    ] = None,
) -> None:
    """Write profiles or audiences to a file, a table or a Redis.

    Columns and keys are described in docs/exports.md. The password of a Redis is taken from the environment variable
    PENCHANT_REDIS_PASSWORD.
    """
    from penchant.operation.exports.target import PASSWORD, read_target, refuse_misfit, refuse_password, with_password

    refuse_misfit(read_target(to), form, ttl)
    refuse_password(to)
    from penchant.command.drawn import bars

    place = with_password(to, os.environ.get(PASSWORD))
    with bars() as report:
        told = penchant.Run.open(folder).export(
            what, place, form=form, model=model, replace=replace, ttl_s=ttl, report=report
        )
    say("Written to ", styled(to, bold=True), f": {told.written(what)}.")
    for sentence in told.left_out():
        say(sentence)


@app.command(name="report", rich_help_panel=ASK)
def report_page(
    folders: Folders,
    out: Annotated[Path, typer.Option("--out", help="The folder for report.html and report.json.")] = Path("report"),
) -> None:
    """Compare evaluated runs on one page.

    The page shows scores, learning curves, calibration, attention and hyper-parameters; report.json holds the numbers.
    """
    from penchant.command.drawn import bars
    from penchant.command.drawn_report import show_verdicts
    from penchant.pipeline import report_on

    with bars() as progress:
        numbers = report_on(folders, out, report=progress)
    show_verdicts(numbers)
    say("The page is ", styled(out / "report.html", bold=True), ", its numbers are beside it in report.json")


@app.command(rich_help_panel=STEP)
def prepare(files: RunFiles, out: Out) -> None:
    """Check the tables, then prepare vocabularies, features, labels."""
    from penchant.command.drawn import bars

    with bars() as report:
        started = penchant.Run.start(penchant.load_config(*files), out, base=files[0].parent)
        prepared = started.prepare(report)
    for one in prepared:
        for field, told in one.manifest["targets"].items():
            say(f"{one.folder.name}, {field}: {told['samples']}, un-clicked items {told['negatives']}")
        say(f"vocabulary: {one.manifest['vocabulary']}")
    say("Next: ", _command(f"train {out}"))


@app.command(rich_help_panel=STEP)
def train(folder: Folder, only: Only = None) -> None:
    """Train the models of a prepared run."""
    from penchant.command.drawn import bars

    with bars() as report:
        penchant.Run.open(folder).train(report, only=only)
    say("Next: ", _command(f"evaluate {folder}"))


@app.command(rich_help_panel=STEP)
def evaluate(folder: Folder, only: Only = None) -> None:
    """Measure trained models, each beside every baseline."""
    from penchant.command.drawn import bars
    from penchant.command.drawn_run import show_scores

    opened = penchant.Run.open(folder)
    with bars() as report:
        found = opened.evaluate(report, only=only)
    show_scores(opened, found)


@app.command(rich_help_panel=STEP)
def profiles(folder: Folder) -> None:
    """Write the profiles of all users."""
    from penchant.command.drawn import bars

    with bars() as report:
        written = penchant.Run.open(folder).build_profiles(report)
    for one in written:
        say("Profiles are in ", styled(one, bold=True))


@app.command(name="fetch", rich_help_panel=DATA)
def fetch_set(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(PUBLIC_SETS)}.", metavar="NAME")],
    to: Annotated[
        Path, typer.Option("--to", help="The folder for all data sets; each gets its own folder in it.")
    ] = Path("data"),
) -> None:
    """Download a public data set and check its SHA-256.

    You may stop it at any moment: the same command goes on where it was.
    """
    from penchant.command.drawn import bars
    from penchant.logs.public.fetch import fetch, is_whole, known_set

    data = known_set(name)
    there = is_whole(data, to)
    with bars() as report:
        folder = fetch(data, to, report=report)
    done = "there already" if there else "fetched and checked"
    say(f"{folder} is {done}; its terms of use are in README.txt.")
    say("Next: ", styled(_after_fetch(name, folder), fg="cyan"))


@app.command(rich_help_panel=DATA)
def simulate(
    out: Annotated[
        Path,
        typer.Argument(
            help="The folder to write to. A simulation that was stopped goes on in the same folder.", metavar="FOLDER"
        ),
    ],
    users: Annotated[int, typer.Option(help="How many users.")] = 1_000,
    tags: Annotated[int, typer.Option(help="How many tags.")] = 1_000,
    items: Annotated[int, typer.Option(help="How many articles.")] = 20_000,
    days: Annotated[int, typer.Option(help="How many days the log covers.")] = 30,
    rule: Annotated[
        Rule,
        typer.Option(
            help="Tags that decide a click. sum: all of the article; one: the user's favourite; mixed: either."
        ),
    ] = "sum",
    seed: Annotated[int, typer.Option(help="The seed of everything random.")] = 0,
) -> None:
    """Make up the log of a feed whose users' interests are known.

    The true interests are written beside the log (docs/simulation.md).
    """
    from penchant.simulation.config import SimulationConfig

    said = {"users": users, "tags": tags, "items": items, "days": days, "rule": rule, "seed": seed}
    config = SimulationConfig.parse(said, origin="simulate")
    from penchant.command.drawn import bars, show_feed
    from penchant.simulation.simulate import simulate as simulate_feed

    with bars() as report:
        feed = simulate_feed(config, out, processes=os.cpu_count() or 1, report=report)
    show_feed(feed)


cli_live.register(app)
cli_pseudonyms.register(app)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        say(penchant.__version__)
        raise typer.Exit


def _command(words: str) -> Styled:
    """A command to try next."""
    return styled(f"penchant {words}", fg="cyan")


def _after_fetch(name: str, folder: Path) -> str:
    """The command that uses a data set: its run file if it has one here, or else a new one."""
    recipe = Path("configs") / f"{name}.toml"
    if recipe.exists():
        return f"PENCHANT_DATA={shlex.quote(str(folder.parent.resolve()))} penchant run {recipe} --out runs/{name}"
    return f"penchant init {shlex.quote(str(folder))} --out {name}.toml"


def main() -> None:
    """The console script `penchant`."""
    try:
        app()
    except SystemExit as stopped:
        if stopped.code == INTERRUPTED:
            say("Stopped. The same command goes on where it was.", err=True)
        raise
    except (PenchantError, OSError) as error:
        _end(str(error))
    except BaseException as error:
        # Whatever the files hold that a command reads, it ends with one sentence; the trace is kept for who looks for
        # a fault of ours. Some libraries raise a BaseException where their own code fails.
        if isinstance(error, KeyboardInterrupt):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        _end(
            f"{said}. Either a file that the command reads is not what Penchant wrote, or this is a fault of Penchant; "
            f"the trace is in {_kept_trace()}"
        )


def _end(sentence: str) -> NoReturn:
    say(styled("error", fg="red"), ": ", sentence, err=True)
    raise SystemExit(1)


def _kept_trace() -> str:
    """The file that the trace was written to."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="replace", prefix="penchant-", suffix=".txt", delete=False
    ) as file:
        traceback.print_exc(file=file)
    return file.name
