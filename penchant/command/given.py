"""Arguments that several commands share, and what is looked at before a command begins."""

from pathlib import Path
from typing import Annotated

import typer


def _run_files(files: list[Path]) -> list[Path]:
    """Refuse files that are missing or no TOML. The command checks the values later, once it has loaded the models."""
    from penchant.config import read_toml

    for file in files:
        read_toml(file)
    return files


def _log(path: Path) -> Path:
    return _run_files([path])[0] if path.suffix == ".toml" else path


def _run_folder(folder: Path) -> Path:
    """Refuse what is no run folder."""
    from penchant.config import config_of_run

    config_of_run(folder)
    return folder


def _run_folders(folders: list[Path]) -> list[Path]:
    return [_run_folder(folder) for folder in folders]


RunFiles = Annotated[
    list[Path],
    typer.Argument(
        help="The run file (`penchant init` writes one), then any files that change some of its keys.",
        metavar="RUN.toml",
        callback=_run_files,
    ),
]
Folder = Annotated[Path, typer.Argument(help="The run folder, such as runs/demo.", metavar="RUN", callback=_run_folder)]
Folders = Annotated[
    list[Path],
    typer.Argument(
        help="Evaluated run folders. The first is what the others are compared with.",
        metavar="RUN",
        callback=_run_folders,
    ),
]
Out = Annotated[
    Path,
    typer.Option("--out", help="The folder to write to. A run that was stopped goes on in the same folder."),
]
EventLog = Annotated[
    Path,
    typer.Argument(
        help="A run folder, a run file, or a table of user, item, time.", metavar="LOG", exists=True, callback=_log
    ),
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only", help="One model of the run file, and those that it needs. If not given: all.", metavar="NAME"
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="An interest model that makes profiles. If not given: each for a profile, the first for a reason.",
        metavar="NAME",
    ),
]
User = Annotated[str, typer.Argument(help="The user's id, as in the log.", metavar="USER")]
