"""A running Penchant: the store, the models of a run folder, and the roles that this process plays."""

import gc
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event

from penchant.atwork import is_at_work
from penchant.choices import Role
from penchant.dashboard.shell.readings import PERIOD_S
from penchant.dashboard.shell.sources import Sources
from penchant.errors import ConfigError, PenchantError, StoreError
from penchant.operation.allocator import give_back
from penchant.operation.erasure import erase_from_run
from penchant.operation.helping import FAULTS, Helping, is_scarce, told
from penchant.operation.pages import add_dashboard, open_most_clicked, open_sources
from penchant.operation.reminder import Reminder
from penchant.operation.served import open_served, signature_of, version_of
from penchant.progress import Report, quiet
from penchant.serving.http.app import Limits, make_app
from penchant.serving.http.run import HttpServer
from penchant.serving.http.wire.connections import Connections, room
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.roles.loops import Loop
from penchant.serving.roles.roles import Clustering, consuming
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.serving.versions import Models
from penchant.store.base import LEASE_S, Store
from penchant.store.opened import open_store

IDLE_S = 0.05
REFRESH_S = 0.1
TRY_WRITING_S = 2.0
WATCH_S = 5.0
ATLAS_S = 1.0
REMIND_S = 1.0
GIVE_BACK_S = 10.0

LOOKED_AT = 1_000
"""Users of a store by whom is seen whether it knows them by pseudonyms of the same key."""

SWITCH_S = 0.0005
"""So long may a thread in the background hold the interpreter while a request waits for it."""

GIVE_WAY = 10
"""Processes that answer nobody leave the processor to those that do."""

log = logging.getLogger("penchant.server")


@dataclass(frozen=True)
class ServerConfig:
    """store: its URL; roles: what this process does; open_to_all: no keys, which needs a host that is loopback;
    recluster_s: how often all seeds of a candidate are clustered again; lease_s: see `Store`; live: whether events come
    in, rather than a run that is only looked at; trusted_proxies: see `HttpServer`."""

    folder: Path
    store: str
    roles: Collection[Role] = tuple(Role)
    host: str = "127.0.0.1"
    port: int = 8080
    open_to_all: bool = False
    recluster_s: float = 300.0
    lease_s: float = LEASE_S
    live: bool = True
    trusted_proxies: Sequence[str] = ()


def start(config: ServerConfig, report: Report = quiet) -> "Server":
    """Open the store and the models; what is missing is made. ConfigError where nobody would be asked for a key though
    others than this machine could come in."""
    if config.open_to_all and not _is_loopback(config.host):
        raise ConfigError(
            f"without keys only this machine may be served, but host is {config.host!r}; leave out --no-keys, or "
            f"listen on 127.0.0.1"
        )
    store = open_store(config.store, lease_s=config.lease_s)
    try:
        served = open_served(config.folder, report=report)
        _refuse_other_names(store, served)
        server = Server(config, store, served)
        if server.service and not config.live:
            open_most_clicked(server.service)
        return server
    except PenchantError:
        store.close()
        raise


def _refuse_other_names(store: Store, served: Served) -> None:
    """Raise ConfigError where users have pseudonyms and the store knows them by others, or by ids as they came."""
    if any(served.known_as(user) != user for user in islice(store.users(), LOOKED_AT)):
        raise ConfigError(
            "the store holds users who have no pseudonym by the key of this run; begin with a new store (--store), and "
            "delete this one if nobody may learn who they are"
        )


class Server:
    """One process that is ready to run."""

    def __init__(self, config: ServerConfig, store: Store, served: Served) -> None:
        self.config, self.store = config, store
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        erase = partial(erase_from_run, config.folder)
        self.service = Service(store, served, time.time, erase) if Role.HTTP in config.roles else None
        self.models = self.service.models if self.service else Models(store, served)
        self.reminder = Reminder(config.folder, store)
        self.ending, self.failed = Event(), False
        self.sources: Sources | None = None
        self.http = self._http(self.service) if self.service else None
        self.watch = Watch(config.folder, served.name, self.service.load if self.service else self.models.load)

    def run(self, listening: Callable[[str], None]) -> bool:
        """Play the roles until a signal comes; False where a part of the process has failed. listening: is told the
        address, or where there is no HTTP, what has begun."""
        _spare_the_collector()
        if Role.HTTP in self.config.roles:
            sys.setswitchinterval(SWITCH_S)
        else:
            os.nice(GIVE_WAY)
        clustering = Clustering(
            self.store,
            self.models,
            self.name,
            clock=time.time,
            monotonic=time.monotonic,
            every_s=self.config.recluster_s,
            failed=self._fail,
        )
        loops = [self._loop("refresh", self._refresh, REFRESH_S)]
        loops.append(self._helping("watch", self.watch.step, WATCH_S))
        loops.append(self._helping("erasure", self.reminder.step, REMIND_S))
        loops.append(self._helping("memory", give_back, GIVE_BACK_S))
        if self.service:
            loops.append(self._helping("writing", self.service.writing.step, TRY_WRITING_S))
        if self.sources:
            loops.append(self._helping("readings", self.sources.readings.step, PERIOD_S))
            loops.append(self._helping("atlas", self.sources.atlas.step, ATLAS_S))
        if Role.CONSUMER in self.config.roles:
            loops.append(self._loop("consumer", consuming(self.store, self.models, self.name, time.time), IDLE_S))
        if Role.CLUSTER in self.config.roles:
            loops.append(self._loop("cluster", clustering.step, 1.0))
        if self.http:
            self.http.run(listening)
        else:
            self._wait(listening)
        clustering.end()
        for loop in loops:  # all at once: each may wait for a store that does not answer
            loop.end()
        for loop in loops:
            loop.stop()
        clustering.stop()
        if self.sources:
            self.sources.atlas.close()
        self.store.close()
        return not self.failed

    def _loop(self, name: str, step: Callable[[], bool], idle_s: float) -> Loop:
        return Loop(name, step, idle_s=idle_s, failed=self._fail).start()

    def _helping(self, name: str, step: Callable[[], bool], idle_s: float) -> Loop:
        """One whose faults do not end the process that answers."""
        return self._loop(name, Helping(name, step), idle_s)

    def _refresh(self) -> bool:
        if self.service:
            self.service.refresh()
        else:
            self.models.refresh()
        return False

    def _http(self, service: Service) -> HttpServer:
        keys = None if self.config.open_to_all else Keys(self.store, time.monotonic)
        measures = Measures()
        self.sources = open_sources(self.config.folder, service, measures, live=self.config.live)
        add = partial(add_dashboard, sources=self.sources, keys=keys)
        most, proxies = room(), self.config.trusted_proxies
        app = make_app(service, keys, limits=Limits.within(most), measures=measures, more=add)
        connections = Connections(measures, most)
        return HttpServer(app, host=self.config.host, port=self.config.port, connections=connections, proxies=proxies)

    def _wait(self, listening: Callable[[str], None]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.ending.set())
        listening(" and ".join(self.config.roles))
        self.ending.wait()

    def _fail(self) -> None:
        self.failed = True
        self.ending.set()
        if self.http:
            self.http.stop()


class Watch:
    """Notices that a run folder was trained anew, or swapped, and has the new model loaded once it is whole."""

    def __init__(self, folder: Path, name: str, load: Callable[[Served], object]) -> None:
        self.folder, self._load = folder, load
        self._loaded, self._seen = name, signature_of(folder)
        self._settled: tuple[object, ...] | None = None  # it may have changed since the model `name` was read

    def step(self) -> bool:
        """A change is looked at once it lasts for two steps and nobody is at work on the folder; one that cannot be
        loaded waits for the next change, unless only memory or the like ran out."""
        now = signature_of(self.folder)
        steady, self._seen = now == self._seen, now
        if not steady or now == self._settled or is_at_work(self.folder):
            return False
        try:
            if version_of(self.folder) != self._loaded:
                served = open_served(self.folder)
                self._load(served)
                self._loaded = served.name
                log.info("another model was found: %s", served.name)
        except StoreError:
            raise
        except FAULTS as error:
            if is_scarce(error):  # the same may be loaded later
                raise
            said = error if isinstance(error, PenchantError | OSError) else told(error)
            log.warning("%s has changed but cannot be loaded, so the model before stays: %s", self.folder, said)
        self._settled = now
        return False


def _spare_the_collector() -> None:
    """What is loaded stays, so Python need not look through it for garbage: that would stop answers for a tenth of a
    second again and again. What comes later is little, and is looked through often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
