"""The atlas of a run folder: made where it is missing, by another process if a server must not wait for it."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest, sha256
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from time import time

from filelock import FileLock

from penchant.errors import PenchantError
from penchant.kinds.answers import ModelRun
from penchant.logs.forgotten import FORGOTTEN, read_forgotten
from penchant.operation.helping import FAULTS, told
from penchant.profiles.atlas import FOLDER, VERSION, Atlas, is_written, lock_of
from penchant.profiles.atlas_writing import Grounds, survey, write_atlas
from penchant.progress import Report, quiet
from penchant.runfolder import files_of
from penchant.schema import RESERVED

GIVE_WAY = 10
"""Niceness of the process that makes it: a tenth of a processor that somebody else wants."""

SETTLING_S = 600.0
"""How long it may take until no file names a user who was put on the list of forgotten users."""

log = logging.getLogger("penchant.atlases")


def open_atlas(folder: Path, *, clock: Callable[[], float] = time, report: Report = quiet) -> Atlas | None:
    """The atlas of a run, written to `folder`/dashboard where it is not there yet; None without a trained tag model.

    Raises what opening the run and loading its weights raise.
    """
    run = ModelRun.open(folder)
    if not run.config.profiled or not run.interests().is_trained:
        return None
    said = {VERSION: version_of(folder)}
    with FileLock(folder / "atlas.lock"):
        if not is_written(folder / FOLDER, said):
            _make(run, said, clock, report)
        return Atlas(folder / FOLDER)


def read_atlas(folder: Path) -> Atlas | None:
    """The atlas of a run if it is written and belongs to what is trained now."""
    return Atlas(folder / FOLDER) if is_written(folder / FOLDER, {VERSION: version_of(folder)}) else None


def version_of(folder: Path) -> str:
    """Changes whenever the weights of the tag model or the profiles do; the same for a copy of the run folder."""
    told = sha256()
    for path in files_of(folder, profiled=True):
        with path.open("rb") as file:
            told.update(str(path.relative_to(folder)).encode() + file_digest(file, "sha256").digest())
    return told.hexdigest()[:16]


def _make(run: ModelRun, said: dict[str, str], clock: Callable[[], float], report: Report) -> None:
    """A user who is forgotten while it is made is not in it: they are on the list before `erase` waits for the lock."""
    since, own = clock() - SETTLING_S, run.interests()
    profiles = own.profiles_folder
    grounds = Grounds(
        log=run.log,
        field=own.label,
        tags=own.tags.values,
        names=own.shown[own.label].values,
        vectors_VE=own.model.tags().detach().numpy()[RESERVED:],
        profiles=profiles if (profiles / "done.json").exists() else None,
    )
    surveyed = survey(grounds, seed=own.section.training.seed, report=report)
    with lock_of(run.folder / FOLDER):
        forgotten = read_forgotten(run.folder / FORGOTTEN) if (run.folder / FORGOTTEN).exists() else {}
        surveyed = surveyed.without({digest for digest, at in forgotten.items() if at >= since})
        write_atlas(surveyed, run.folder / FOLDER, said, made=clock())


class AtlasInBackground:
    """The atlas of a run folder, made by a process of its own where it is missing, and again when the run is trained
    anew. `step` has to be called again and again; until then there is what was written before.

    problem: why the latest could not be made, "" where it could or may yet be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.problem = folder, ""
        self._atlas: Atlas | None = None
        self._maker: _Maker | None = None
        self._seen = _signature(folder)
        self._settled: object = None
        self._read()
        if self._atlas is not None:
            self._settled = self._seen

    def now(self) -> Atlas | None:
        """The one that was made last; None while the first is being made, and where the run has no tag model."""
        return self._atlas

    @property
    def making(self) -> bool:
        """Whether one is being made now."""
        return self._maker is not None

    def step(self) -> bool:
        """Take over an atlas that is finished, and have one made where the run folder has changed for good: what could
        not be made waits for the next change."""
        if self._maker is not None:
            self._follow(self._maker)
            return False
        now = _signature(self.folder)
        steady, self._seen = now == self._seen, now
        if steady and now != self._settled:
            self.problem = ""
            if not self._read() and not self.problem and any(files_of(self.folder, profiled=True, decides=True)):
                self._maker = _Maker(self.folder)  # where it cannot be started, it is tried again
            self._settled = now
        return False

    def close(self) -> None:
        """End the process that makes one; nothing half made is taken for whole."""
        if self._maker is not None:
            self._maker.end()
            self._maker = None

    def _follow(self, maker: "_Maker") -> None:
        if maker.is_at_work():
            return
        self.problem, self._maker = maker.problem(), None
        if not self.problem:
            self._read()
        if self.problem:
            log.warning("the atlas of %s could not be made: %s", self.folder, self.problem)

    def _read(self) -> bool:
        """Whether a current one was there."""
        try:
            found = read_atlas(self.folder)
        except FAULTS as error:
            self.problem = _said(error)
            return False
        self._atlas = found or self._atlas
        return found is not None


class _Maker:
    """A process that makes one atlas, and leaves the processor to others."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._told, telling = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=_make_alone, args=(folder, telling), daemon=True)
        try:
            self._process.start()
        finally:
            telling.close()
        # From outside and at once: niceness belongs to threads, and libraries start theirs as they are imported.
        assert self._process.pid
        with suppress(ProcessLookupError):  # it was killed
            os.setpriority(os.PRIO_PROCESS, self._process.pid, GIVE_WAY)

    def is_at_work(self) -> bool:
        return self._process.is_alive()

    def problem(self) -> str:
        """Of one that has ended."""
        self._process.join()
        try:
            return str(self._told.recv())
        except EOFError:
            return (
                f"the process that made it ended with code {self._process.exitcode}; the log of the server says why, "
                f"unless it was killed, as it is where memory runs out"
            )

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _make_alone(folder: Path, telling: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        open_atlas(folder)
        problem = ""
    except FAULTS as error:
        problem = _said(error)
    telling.send(problem)


def _end_with_parent() -> None:
    """Nobody waits for an atlas whose server was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, PenchantError) else told(error)


def _signature(folder: Path) -> tuple[object, ...]:
    """Changes whenever a file does that decides the version; cheap."""
    return tuple(map(_state, files_of(folder, profiled=True)))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_ino, state.st_size
