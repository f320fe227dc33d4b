"""The commands of pseudonyms: a new key, the pseudonyms of ids, and a list of forgotten users for another key.

As in `offline.py`, commands import what they do inside their functions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

import penchant
from penchant.command.given import Folder
from penchant.command.grouped import LIVE
from penchant.errors import ConfigError

pseudonyms_app = typer.Typer(help="Have users known by keyed hashes instead of their ids.", no_args_is_help=True)


@pseudonyms_app.command("new-key")
def new_key(
    file: Annotated[Path, typer.Argument(help="The file to write. Nobody but you may read it.", metavar="FILE")],
) -> None:
    """Make a key.

    Keep it apart from the run folder, and keep a copy: without it no id leads to its pseudonym any more.
    """
    from penchant.logs.pseudonyms import read_key, write_key

    write_key(file)
    typer.echo(f"Written to {typer.style(file, bold=True)}, key {read_key(file).fingerprint}.")
    typer.echo(f'In the run file: [logs] pseudonyms = "{file}"')


@pseudonyms_app.command("of")
def pseudonyms_of(folder: Folder) -> None:
    """Print the pseudonyms of ids that come in on stdin, one a line.

    The lines that go out are in the order of those that come in.
    """
    from penchant.runfolder import RunFolder

    known = RunFolder.open(folder).pseudonyms
    if known is None:
        raise ConfigError(f"users of {folder} have no pseudonyms: its run file says nothing of them under [logs]")
    for user in _ids():
        typer.echo(known.of(user))


@pseudonyms_app.command("carry")
def carry(
    folder: Folder,
    to: Annotated[Path, typer.Option("--to", help="The file of the new key.", metavar="FILE")],
    out: Annotated[Path, typer.Option("--out", help="The list to write.", metavar="LIST.json")],
) -> None:
    """Write a run's list of forgotten users for another key.

    Ids of all users, also of those who were forgotten, come in on stdin, one a line. The new list is for `forgotten`
    under [logs] of the new run file.
    """
    from penchant.files import write_json
    from penchant.logs.forgotten import carried
    from penchant.logs.pseudonyms import read_key

    if out.exists():
        raise ConfigError(f"{out} exists; remove it, or give another --out")
    run, new = penchant.Run.open(folder), read_key(to)
    listed = run.forgotten()
    found = carried(listed, ((run.known_as(user), new.of(user)) for user in _ids()))
    write_json(out, found)
    typer.echo(f"Written to {typer.style(out, bold=True)}: {len(found):,} of {len(listed):,} forgotten users.")
    if len(found) < len(listed):
        typer.echo("Of the others no id came in. They stay out only as long as your tables do not name them.")


def _ids() -> Iterator[str]:
    """Lines of stdin. ConfigError where one is no UTF-8: in another encoding it would be another id."""
    for number, line in enumerate(typer.get_binary_stream("stdin"), 1):
        try:
            user = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ConfigError(f"line {number:,} of stdin is no UTF-8; write the ids in UTF-8") from None
        yield user


def register(app: typer.Typer) -> None:
    """Add these commands to the others."""
    app.add_typer(pseudonyms_app, name="pseudonyms", rich_help_panel=LIVE)
