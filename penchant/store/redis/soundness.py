"""Whether a Redis keeps what it acknowledges, and whether it still is the one that was asked before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from penchant.errors import StoreError
from penchant.store.numbers import is_later, next_epoch, whole
from penchant.store.redis.scripts.words import PREFIX, VERSION

LOADING = "it is still loading its data; try again in a moment"
REPLICA = "it is a replica, which cannot be written to; name the primary"

RENEW = """
local now = redis.call('HGET', KEYS[1], 'epoch') or '0'
if not string.match(now, '^%-?%d+$') or #now >= 20 then now = 0 end
if tonumber(now) == tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'epoch', ARGV[2]) end
"""
"""Several processes find out at the same time that the store was replaced; one of them begins the new epoch."""


@dataclass(frozen=True)
class Known:
    """The Redis that was asked last. run: the id of its process, new at each start; history: of what it replicates, new
    where a replica was promoted; epoch: of the store in it."""

    run: str
    history: str
    epoch: int


class AskedRedis:
    """A connection that a check asks past the client, which would wait for the check."""

    def __init__(self, connection: Any, place: str) -> None:
        self._connection, self.place = connection, place

    def ask(self, *command: Any) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response()

    def info(self) -> dict[str, str]:
        lines = (line.partition(":") for line in text(self.ask("INFO")).splitlines())
        return {name: value for name, _, value in lines if value}

    def setting(self, name: str) -> str | None:
        """Return a setting of the server, None where it does not tell any, as hosted servers do."""
        try:
            said = self.ask("CONFIG", "GET", name)
        except redis.ResponseError:
            return None
        pairs = said.items() if isinstance(said, Mapping) else zip(said[::2], said[1::2], strict=True)
        return {text(key): text(value) for key, value in pairs}.get(name)


def refuse_to_lose(asked: AskedRedis, info: Mapping[str, str]) -> None:
    """StoreError where what is written now could be lost."""
    place = asked.place
    if info.get("loading") == "1":  # and until then it says that it keeps no log
        raise StoreError(f"{place}: {LOADING}")
    if info.get("role") != "master":
        raise StoreError(f"{place}: {REPLICA}")
    if info.get("aof_enabled") != "1":
        raise StoreError(f"{place} would lose data when it stops (aof_enabled is 0); set `appendonly yes`")
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        raise StoreError(
            f"{place} would drop data when memory runs out (maxmemory-policy is {policy}); "
            f"set `maxmemory-policy noeviction`"
        )
    synced = asked.setting("appendfsync")
    if synced not in ("always", None):
        raise StoreError(
            f"{place} would lose the last seconds of data when it crashes (appendfsync is {synced}); "
            f"set `appendfsync always`"
        )


def agreed(asked: AskedRedis, info: Mapping[str, str], known: Known | None) -> Known:
    """The store in a Redis that is sound; known: the one before. StoreError where another version laid it out.

    It begins a new epoch where the store is empty, and where its epoch does not follow the one that is known though it
    is not the same Redis any more, or has followed another meanwhile: a replica that was promoted may lack the last
    changes.
    """
    _agree_on_version(asked)
    run, history, before = info.get("run_id", ""), info.get("master_replid", ""), known.epoch if known else 0
    found, was_promoted = _epoch(asked), info.get("second_repl_offset", "-1") != "-1"
    is_other = known is not None and (run, history) != (known.run, known.history) and was_promoted
    if not is_later(found, before) and (is_other or found == 0 or found != before):
        asked.ask("EVAL", RENEW, 1, f"{PREFIX}numbers", found, next_epoch(before))
        found = _epoch(asked)
    return Known(run, history, found)


def _agree_on_version(asked: AskedRedis) -> None:
    found = asked.ask("GET", f"{PREFIX}version")
    if found is None:
        asked.ask("SET", f"{PREFIX}version", VERSION, "NX")
        found = asked.ask("GET", f"{PREFIX}version")
    if text(found) != VERSION:
        raise StoreError(
            f"{asked.place} holds data of another Penchant (store version {text(found)}, this one knows {VERSION}); "
            f"run that one, or name another database"
        )


def _epoch(asked: AskedRedis) -> int:
    return whole(asked.ask("HGET", f"{PREFIX}numbers", "epoch"))


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
