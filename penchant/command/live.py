"""The commands of a running Penchant: serve, dashboard, replay, forget, and the keys.

As in `offline.py`, commands import what they do inside their functions, so that help pages need not wait for PyTorch.
"""

import ipaddress
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from penchant.choices import Role, Scope
from penchant.command.given import EventLog, Folder, User
from penchant.command.grouped import ASK, LIVE
from penchant.command.shown import say, styled
from penchant.errors import ConfigError

if TYPE_CHECKING:
    from penchant.operation.server import Server
    from penchant.store.base import Store

STORE = "PENCHANT_STORE"
KEY = "PENCHANT_KEY"

Served = Annotated[Path, typer.Argument(help="The run folder that is served, such as runs/demo.", metavar="RUN")]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        help=f"sqlite:PATH or redis://HOST:PORT/NUMBER. If not given: the environment variable {STORE}, else "
        f"RUN.live.sqlite. Put a URL that holds a password into {STORE}.",
        metavar="URL",
    ),
]
key_app = typer.Typer(help="Manage API keys: who may send events, read, or administer.", no_args_is_help=True)


def serve_run(
    folder: Folder,
    *,
    store: StoreUrl = None,
    role: Annotated[
        list[Role] | None,
        typer.Option("--role", help="What this process does; may be given several times. If not given: everything."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="The address to listen on. Port 0 takes a free one.", metavar="HOST:PORT")
    ] = "127.0.0.1:8080",
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Ask for no key. Allowed only where HOST is this machine.")
    ] = False,
    recluster: Annotated[
        float, typer.Option(help="Seconds after which all seeds of a candidate are clustered again.", min=1)
    ] = 300.0,
    lease: Annotated[
        float,
        typer.Option(
            help="Seconds after which others take over the work of a process that died; the same for all processes.",
            min=1,
        ),
    ] = 30.0,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            help="The address or network of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; may be "
            "given several times. If not given: nobody's are.",
            metavar="ADDRESS",
        ),
    ] = None,
    log: Annotated[
        Literal["info", "warning"],
        typer.Option(help="info: log every request; warning: log only what failed or was slow."),
    ] = "warning",
) -> None:
    """Serve a trained run: events in, fresh profiles and scores out.

    See docs/serving.md.
    """
    host, port = _address(listen)
    proxies = [_proxy(one) for one in trusted_proxy or ()]
    url = _url(folder, store)
    _settle_process(log)
    from penchant.command.drawn import bars
    from penchant.operation.server import ServerConfig, start

    config = ServerConfig(
        folder,
        url,
        role or tuple(Role),
        host,
        port,
        no_keys,
        recluster,
        lease,
        trusted_proxies=proxies,
    )
    with bars() as report:
        server = start(config, report)
    _say_who_scores(server)
    if not server.run(_listening):
        raise typer.Exit(1)


def dashboard(
    folder: Folder,
    listen: Annotated[
        str,
        typer.Option(help="The address of this machine to listen on. Port 0 takes a free one.", metavar="HOST:PORT"),
    ] = "127.0.0.1:8080",
) -> None:
    """Look at a trained run in a browser, without live data.

    Pages show profiles, tags, audiences and quality (docs/dashboard.md).
    """
    host, port = _address(listen)
    _settle_process("warning")
    from penchant.command.drawn import bars
    from penchant.operation.server import ServerConfig, start

    roles = (Role.HTTP, Role.CLUSTER)
    config = ServerConfig(folder, "memory:", roles, host, port, open_to_all=True, live=False)
    with bars() as report:
        server = start(config, report)
    _say_who_scores(server)
    if not server.run(_shown):
        raise typer.Exit(1)


def replay(
    log: EventLog,
    speed: Annotated[
        str, typer.Option(help="How many times as fast as it happened, such as 100x; max: as fast as possible.")
    ] = "max",
    to: Annotated[str, typer.Option("--to", help="The address of the server.", metavar="URL")] = (
        "http://127.0.0.1:8080"
    ),
) -> None:
    """Send the events of a log to a running server.

    Put the server's key into the environment variable PENCHANT_KEY.
    """
    times = _speed(speed)
    from penchant.client import Client
    from penchant.command.drawn import bars
    from penchant.operation.replay import replay as replay_log

    with bars() as report, Client(to, os.environ.get(KEY)) as client:
        totals = replay_log(log, client, times, report=report)
    say(", ".join(f"{count:,} {name}" for name, count in totals.items()))


def forget(folder: Folder, user: User, store: StoreUrl = None) -> None:
    """Erase a user from a run and from its live data.

    The store and the run folder lose the user at once; clusters and prepared data lose them when they are next made.
    """
    from penchant.logs.forgotten import digest_of
    from penchant.operation.erasure import erase_from_run
    from penchant.runfolder import RunFolder

    opened = _open(folder, store)
    try:
        known = RunFolder.open(folder).known_as(user)
        files = erase_from_run(folder, known, time.time())
        erased = opened.forget(known, digest_of(known), time.time())  # files may have waited for others
        opened.tidy()
    finally:
        opened.close()
    say(
        f"Removed: {erased.events:,} live events, {erased.log:,} of them not consumed yet; from the seeds of "
        f"{erased.items:,} items; rows of {', '.join(f'{name}: {rows:,}' for name, rows in files.items())}."
    )
    say("Clusters lose the user when they are made next, prepared data at the next `penchant prepare`.")


@key_app.command("create")
def create(
    folder: Served,
    scope: Annotated[
        Scope, typer.Option(help="What the key allows. ingest: send events; read: ask; admin: everything.")
    ],
    label: Annotated[str, typer.Option(help="A name for people, such as that of the program.")] = "",
    per_s: Annotated[
        float, typer.Option("--per-second", help="How many requests a second the key allows.", min=0.1)
    ] = 5_000.0,
    store: StoreUrl = None,
) -> None:
    """Make a key and print it.

    The key is shown once: only its hash is kept.
    """
    from penchant.serving.keys import create_key

    opened = _open(folder, store)
    key = create_key(opened, scope, label=label, per_s=per_s, clock=time.time)
    opened.close()
    say(key)


@key_app.command("list")
def listed(folder: Served, store: StoreUrl = None) -> None:
    """List the names, scopes and labels of all keys."""
    opened = _open(folder, store)
    for key in opened.keys():  # noqa: SIM118
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(key.created))
        say(f"{key.name}  {key.scope:<6}  {made}  {key.per_s:g}/s  {key.label}")
    opened.close()


@key_app.command("revoke")
def revoke(
    folder: Served,
    name: Annotated[
        str, typer.Argument(help="The name of the key. `penchant key list` shows all names.", metavar="NAME")
    ],
    store: StoreUrl = None,
) -> None:
    """Make a key worthless.

    Servers refuse it within seconds.
    """
    opened = _open(folder, store)
    there = opened.drop_key(name)
    opened.close()
    if not there:
        raise ConfigError(f"there is no key {name!r}; see `penchant key list {folder}`")
    say(f"{name} is revoked")


def register(app: typer.Typer) -> None:
    """Add these commands to those of the offline path."""
    app.command(rich_help_panel=ASK)(dashboard)
    app.command("serve", rich_help_panel=LIVE)(serve_run)
    app.command(rich_help_panel=LIVE)(replay)
    app.add_typer(key_app, name="key", rich_help_panel=LIVE)
    app.command(rich_help_panel=LIVE)(forget)


def _url(folder: Path, store: str | None) -> str:
    from penchant.store.opened import default_store, refuse_secrets

    if store is not None:
        refuse_secrets(store)
    return store or os.environ.get(STORE) or default_store(folder)


def _open(folder: Path, store: str | None) -> "Store":
    from penchant.store.opened import open_store

    return open_store(_url(folder, store))


def _address(text: str) -> tuple[str, int]:
    """HOST and PORT. An IPv6 host is written in brackets: [::1]:8080."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"--listen is {text!r}; write HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _proxy(text: str) -> str:
    """An address or a network, as uvicorn compares it.

    >>> _proxy("10.0.0.7"), _proxy("10.0.0.0/8")
    ('10.0.0.7', '10.0.0.0/8')
    """
    try:
        return str(ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text))
    except ValueError as error:
        raise ConfigError(
            f"--trusted-proxy is {text!r}: {error}; write an address such as 10.0.0.7, or a network such as 10.0.0.0/8"
        ) from None


def _speed(text: str) -> float:
    """How many times as fast a log is sent: "100x", "2.5", or "max" for as fast as the server takes it.

    >>> _speed("100x"), _speed("max")
    (100.0, inf)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)x?", text)
    if text == "max":
        return float("inf")
    if found is None or float(found[1]) == 0:
        raise ConfigError(f"speed {text!r} is not understood; write 100x, 2.5x or max")
    return float(found[1])


def _settle_process(level: str) -> None:
    """Settle what a server keeps of memory and what it logs. Call this before its libraries are imported: some begin
    threads, and each would take a heap of its own."""
    from penchant.operation.allocator import keep_little

    keep_little()
    from penchant.serving.http.requests_log import start_logging

    start_logging(level)


def _say_who_scores(server: "Server") -> None:
    """Which look-alike is live, and how far it is behind the best one, or that none of the run can be."""
    served = server.models.all[0].served
    if served.has_lookalike:
        choice = served.lookalike.choice
        behind = " Audiences by that one are made offline: penchant audience RUN ITEM." if choice.behind else ""
        say(choice.served + behind, err=True)
    elif served.offline:
        say(served.offline, err=True)


def _listening(where: str) -> None:
    say("Serving: ", styled(where, bold=True), ". Ctrl-C ends it.", err=True)
    if where.startswith("http"):
        say("Dashboard: ", styled(f"{where}/dashboard", bold=True), err=True)


def _shown(where: str) -> None:
    say("Open ", styled(where, bold=True), " in a browser. Ctrl-C ends it.", err=True)
