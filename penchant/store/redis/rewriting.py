"""The append-only file of a Redis, written anew after users were forgotten: until then it holds what they did."""

from typing import Any

import redis

from penchant.store.numbers import whole
from penchant.store.redis.client import RedisClient
from penchant.store.redis.scripts.forgetting import LOG_ANEW
from penchant.store.redis.scripts.words import PREFIX

EVERY_S = 3_600
"""It takes memory and disk, so it is not done more often."""

MOST_LOGGED = 10_000
"""Entries of the log. Where more wait, consumers come first."""

NUMBERS, TURN = f"{PREFIX}numbers", f"{PREFIX}rewriting"


class Rewriting:
    """Of all processes one begins, and sees it through; where it ends before, another begins again after EVERY_S."""

    def __init__(self, client: RedisClient, every_s: float) -> None:
        self._client, self._every_ms = client, int(every_s * 1000)
        self._raw: Any = client.raw
        self._log_anew = self._raw.register_script(LOG_ANEW)
        self._begun: tuple[str, int] | None = None

    def step(self) -> None:
        """Begin where it is due, or see whether what was begun has ended. Raises what the client raises."""
        forgotten, rewritten = map(whole, self._raw.hmget(NUMBERS, ["forgotten", "rewritten"]))
        if forgotten <= rewritten and self._begun is None:
            return
        info = self._raw.info("persistence")
        if info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]:
            return
        if self._begun is not None:
            self._end(info["aof_last_bgrewrite_status"] == "ok")
        elif not self._raw.exists(TURN) and self._log_anew(args=[MOST_LOGGED]):
            self._begin(forgotten)

    def _begin(self, forgotten: int) -> None:
        """Who is forgotten from now on may be in the new file."""
        if not self._raw.set(TURN, 1, nx=True, px=self._every_ms):
            return
        try:
            self._raw.bgrewriteaof()
        except redis.ResponseError:
            if not self._raw.info("persistence")["aof_rewrite_in_progress"]:  # somebody else began it just now
                raise
        else:
            self._begun = self._client.run, forgotten

    def _end(self, is_good: bool) -> None:
        assert self._begun is not None
        (run, forgotten), self._begun = self._begun, None
        if is_good and run == self._client.run:
            self._raw.hset(NUMBERS, "rewritten", forgotten)
