"""The commands of a running Penchant: serve, replay, forget, and the keys."""

import os
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from penchant.client import Client
from penchant.command.drawn import aside, bars, console
from penchant.errors import ConfigError
from penchant.logs.forgotten import digest_of
from penchant.operation.erasure import erase_from_run
from penchant.operation.replay import replay as replay_log
from penchant.operation.replay import speed_of
from penchant.operation.server import Role, Server, ServerConfig, default_store, refuse_secrets, start
from penchant.serving.http.requests_log import start_logging
from penchant.serving.keys import create_key
from penchant.store.base import Scope, Store
from penchant.store.opened import open_store

STORE = "PENCHANT_STORE"
KEY = "PENCHANT_KEY"

Folder = Annotated[Path, typer.Argument(help="The run folder, such as runs/demo.", metavar="RUN")]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        help=f"sqlite:PATH or redis://HOST:PORT/NUMBER; RUN.live.sqlite if not given. A URL with a password belongs "
        f"into the environment variable {STORE}.",
    ),
]
key_app = typer.Typer(help="API keys: who may send events, read, or administer.", no_args_is_help=True)


def serve_run(
    folder: Folder,
    store: StoreUrl = None,
    role: Annotated[
        list[Role] | None, typer.Option("--role", help="What this process does; again for several. All if not given.")
    ] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 for a free one.")] = "127.0.0.1:8080",
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Ask nobody for a key; only where the host is this machine.")
    ] = False,
    recluster: Annotated[
        float, typer.Option(help="Seconds after which all seeds of a candidate are clustered again.", min=1)
    ] = 300.0,
    log: Annotated[
        Literal["info", "warning"], typer.Option(help="info: a line for every request; warning: for what went wrong.")
    ] = "warning",
) -> None:
    """Serve a trained run: events in, fresh profiles and look-alike scores out (docs/serving.md)."""
    start_logging(log)
    host, port = _address(listen)
    config = ServerConfig(folder, _url(folder, store), role or tuple(Role), host, port, no_keys, recluster)
    with bars() as report:
        server = start(config, report)
    _say_who_scores(server)
    if not server.run(_listening):
        raise typer.Exit(1)


def dashboard(
    folder: Folder,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT to listen on, of this machine; port 0 for a free one.")
    ] = "127.0.0.1:8080",
) -> None:
    """Look at a trained run in a browser, without live data: profiles, tags, audiences, quality (docs/dashboard.md)."""
    start_logging("warning")
    host, port = _address(listen)
    roles = (Role.HTTP, Role.CLUSTER)
    config = ServerConfig(folder, "memory:", roles, host, port, open_to_all=True, live=False)
    with bars() as report:
        server = start(config, report)
    _say_who_scores(server)
    if not server.run(_shown):
        raise typer.Exit(1)


def replay(
    log: Annotated[
        Path, typer.Argument(help="A run folder, a run file, or a table of user, item, time.", metavar="LOG")
    ],
    speed: Annotated[str, typer.Option(help="How many times as fast as it happened: 100x, or max.")] = "max",
    to: Annotated[str, typer.Option("--to", help="The server.")] = "http://127.0.0.1:8080",
) -> None:
    """Play a log of events into a running server. The key is taken from the environment variable PENCHANT_KEY."""
    with bars() as report, Client(to, os.environ.get(KEY)) as client:
        totals = replay_log(log, client, speed_of(speed), report=report)
    console.print(", ".join(f"{count:,} {name}" for name, count in totals.items()))


def forget(
    folder: Folder,
    user: Annotated[str, typer.Argument(help="The user's id, as in the log.", metavar="USER")],
    store: StoreUrl = None,
) -> None:
    """Erase a user: from store and run folder at once, from clusters and prepared data when these are made next."""
    now = time.time()
    opened = _open(folder, store)
    try:
        files = erase_from_run(folder, user, now)
        erased = opened.forget(user, digest_of(user), now)
    finally:
        opened.close()
    console.print(
        f"Removed: {erased.events:,} live events, {erased.log:,} of them not consumed yet; from the seeds of "
        f"{erased.items:,} items; rows of {', '.join(f'{name}: {rows:,}' for name, rows in files.items())}."
    )
    console.print("Clusters lose the user when they are made next, prepared data at the next `penchant prepare`.")


@key_app.command("create")
def create(
    folder: Folder,
    scope: Annotated[Scope, typer.Option(help="ingest (send events), read, or admin (everything).")],
    label: Annotated[str, typer.Option(help="What people call it.")] = "",
    per_s: Annotated[
        float, typer.Option("--per-second", help="Requests a second that are let through.", min=0.1)
    ] = 5_000.0,
    store: StoreUrl = None,
) -> None:
    """Make a key and print it. It is shown once: only its hash is kept."""
    opened = _open(folder, store)
    key = create_key(opened, scope, label=label, per_s=per_s, clock=time.time)
    opened.close()
    console.print(key, markup=False, highlight=False, soft_wrap=True)


@key_app.command("list")
def listed(folder: Folder, store: StoreUrl = None) -> None:
    """Names, scopes and labels of all keys."""
    opened = _open(folder, store)
    for key in opened.keys():  # noqa: SIM118
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(key.created))
        console.print(f"{key.name}  {key.scope:<6}  {made}  {key.per_s:g}/s  {escape(key.label)}", highlight=False)
    opened.close()


@key_app.command("revoke")
def revoke(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The key's name, see `penchant key list`.", metavar="NAME")],
    store: StoreUrl = None,
) -> None:
    """Make a key worthless, within seconds."""
    opened = _open(folder, store)
    there = opened.drop_key(name)
    opened.close()
    if not there:
        raise ConfigError(f"there is no key {name!r}; see `penchant key list {folder}`")
    console.print(f"{name} is revoked", highlight=False)


def register(app: typer.Typer) -> None:
    """Add these commands to those of the offline path."""
    app.command("serve")(serve_run)
    app.command()(dashboard)
    app.command()(replay)
    app.command()(forget)
    app.add_typer(key_app, name="key")


def _url(folder: Path, store: str | None) -> str:
    if store is not None:
        refuse_secrets(store)
    return store or os.environ.get(STORE) or default_store(folder)


def _open(folder: Path, store: str | None) -> Store:
    return open_store(_url(folder, store))


def _address(text: str) -> tuple[str, int]:
    """Of IPv6, the address stands in brackets: [::1]:8080."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"--listen is {text!r}; write HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _say_who_scores(server: Server) -> None:
    """Which look-alike is live, and how far it is behind the best one."""
    alike = server.models.all[0].served.alike
    if alike is not None:
        behind = " Audiences by that one are made offline: penchant audience RUN ITEM." if alike.choice.behind else ""
        aside.print(alike.choice.served + behind, highlight=False)


def _listening(where: str) -> None:
    aside.print(f"Serving: [bold]{escape(where)}[/bold]. Ctrl-C ends it.", highlight=False)
    if where.startswith("http"):
        aside.print(f"Dashboard: [bold]{escape(where)}/dashboard[/bold]", highlight=False)


def _shown(where: str) -> None:
    aside.print(f"Open [bold]{escape(where)}[/bold] in a browser. Ctrl-C ends it.", highlight=False)
