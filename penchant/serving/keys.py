"""Who may do what, and how often: API keys, of which the store knows digests only."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from math import isfinite
from secrets import token_hex, token_urlsafe
from threading import Lock
from typing import get_args

from penchant.choices import Scope
from penchant.errors import AccessError
from penchant.store.base import Key, Store

KEPT_S = 2.0
"""So long a key that was dropped may still be taken."""

RESTED_S = 0.2
"""A key that is not known is looked up again, but not more often than this."""

BURST_S = 2.0
"""A key may do at once what it may do in so long."""

STRANGER_PER_S = 5.0
"""Requests a second without a key that counts, of one address; see `network_of`."""

MOST_STRANGERS = 10_000
"""Addresses that are remembered; the one longest ago is forgotten first."""

MOST_LABEL = 100


def network_of(address: str) -> str:
    """Whom an address belongs to, as far as it tells: an IPv4 address to itself, one of IPv6 to the /64 that its owner
    can choose any of; whatever is no address, to all of that kind.

    >>> network_of("10.0.0.7"), network_of("::ffff:10.0.0.7"), network_of("fd00:0:0:1::5"), network_of("me, not it")
    ('10.0.0.7', '10.0.0.7', 'fd00:0:0:1::', '')
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64)
    return str(found)


class NoKeyError(AccessError):
    """No key, or none that is known."""


class ScopeError(AccessError):
    """A key that may do other things."""


class TooOftenError(AccessError):
    """Too many requests; the next one may come after `after_s` seconds."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


def create_key(store: Store, scope: Scope, *, label: str, per_s: float, clock: Callable[[], float]) -> str:
    """Make a key that may do `per_s` requests a second: its text, pk_<name>_<secret>, of which no copy is kept.

    The secret has 256 random bits, so a plain SHA-256 of it cannot be searched, and needs neither salt nor slowness.
    Raises AccessError for what no key can have.
    """
    if scope not in get_args(Scope):
        raise AccessError(f"{scope!r} is no scope of a key; choose one of {', '.join(get_args(Scope))}")
    if not (isfinite(per_s) and per_s > 0):
        raise AccessError(f"a key cannot do {per_s!r} requests a second; give a number above 0")
    if len(label) > MOST_LABEL or not label.isprintable():
        raise AccessError(f"{label[:MOST_LABEL]!r} is no label; give up to {MOST_LABEL} printable characters")
    name, secret = token_hex(5), token_urlsafe(32)
    store.put_key(Key(name, _digest(secret), scope, label, clock(), float(per_s)))
    return f"pk_{name}_{secret}"


class Keys:
    """The keys of a store, as one process sees them: rates are counted by each process for itself.

    clock: seconds; it need not be that of the day. `look_up` asks the store, and blocks; all else is quick.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock, self._lock = store, clock, Lock()
        self._keys: dict[str, Key] = {}
        self._seen = float("-inf")
        self._buckets: dict[str, _Bucket] = {}
        self._strangers: OrderedDict[str, _Bucket] = OrderedDict()

    def look_up(self) -> None:
        """Ask the store which keys there are. Raises StoreError."""
        asked_at = self._clock()
        keys = {key.name: key for key in self._store.keys()}  # noqa: SIM118
        with self._lock:
            self._keys, self._seen = keys, asked_at
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if name in keys}

    def is_stale(self, sent: str | None) -> bool:
        """Whether to `look_up` before what was sent can be judged."""
        return self.is_old(_parts(sent)[0])

    def is_old(self, name: str) -> bool:
        """The same of a key by its name."""
        age_s = self._clock() - self._seen
        return not 0 <= age_s < (KEPT_S if name in self._keys else RESTED_S)

    def check(self, sent: str | None, address: str, need: Scope) -> Key:
        """The key of a request. sent: its header Authorization; address: of its sender.

        Raises NoKeyError, ScopeError or TooOftenError; none says more than the sender knows.
        """
        name, secret = _parts(sent)
        known = self._known(name, _digest(secret))
        if known is None:
            raise self._stranger(address, sent)
        return self._allowed(known, need)

    def again(self, key: Key, need: Scope) -> Key:
        """A key that was checked before, in another request of the same session.

        Raises NoKeyError where it was dropped since, ScopeError or TooOftenError.
        """
        known = self._known(key.name, key.digest)
        if known is None:
            raise NoKeyError(f"key {key.name} is revoked; use another key")
        return self._allowed(known, need)

    def _known(self, name: str, digest: str) -> Key | None:
        known = self._keys.get(name)
        fits = compare_digest(digest, _NOBODY if known is None else known.digest)
        return known if fits else None

    def _allowed(self, known: Key, need: Scope) -> Key:
        with self._lock:
            bucket = self._buckets.setdefault(known.name, _Bucket.full(known.per_s, self._clock()))
            wait_s = bucket.take(known.per_s, self._clock())
        if wait_s:
            raise TooOftenError(f"key {known.name} may do {known.per_s:g} requests a second; wait", after_s=wait_s)
        if known.scope not in ("admin", need):
            raise ScopeError(f"key {known.name} has scope {known.scope!r}, and this needs {need!r}; use another key")
        return known

    def _stranger(self, address: str, sent: str | None) -> AccessError:
        with self._lock:
            now = self._clock()
            network = network_of(address)
            bucket = self._strangers.setdefault(network, _Bucket.full(STRANGER_PER_S, now))
            self._strangers.move_to_end(network)
            if len(self._strangers) > MOST_STRANGERS:
                self._strangers.popitem(last=False)
            wait_s = bucket.take(STRANGER_PER_S, now)
        if wait_s:
            return TooOftenError("too many requests without a key that counts; wait", after_s=wait_s)
        if sent is None:
            return NoKeyError("this needs a key; send it as `Authorization: Bearer pk_…`")
        return NoKeyError("this key is not known; send one that was created here, as `Authorization: Bearer pk_…`")


@dataclass
class _Bucket:
    """left: requests that may come at once; at: when it was looked at last."""

    left: float
    at: float

    @classmethod
    def full(cls, per_s: float, now: float) -> "_Bucket":
        return cls(_most(per_s), now)

    def take(self, per_s: float, now: float) -> float:
        """Take one, or say after how many seconds there is one."""
        self.left, self.at = min(_most(per_s), self.left + max(0.0, now - self.at) * per_s), now
        if self.left >= 1.0:
            self.left -= 1.0
            return 0.0
        return (1.0 - self.left) / per_s


def _most(per_s: float) -> float:
    """One at least: a key may do one request in ten seconds."""
    return max(1.0, per_s * BURST_S)


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


_NOBODY = _digest(token_urlsafe(32))
"""Compared with where a name is not known, so that the time taken tells nothing."""


def _parts(sent: str | None) -> tuple[str, str]:
    """Name and secret of a header "Bearer pk_<name>_<secret>"; empty texts for anything else."""
    scheme, _, key = (sent or "").partition(" ")
    parts = key.strip().split("_", 2)
    if scheme.lower() != "bearer" or len(parts) < 3 or parts[0] != "pk":
        return "", ""
    return parts[1], parts[2]
