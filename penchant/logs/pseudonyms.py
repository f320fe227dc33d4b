"""Pseudonyms: keyed hashes that stand for users' ids wherever Penchant writes, sends or shows one.

Who has the key finds the pseudonym of an id again; nobody finds the id of a pseudonym but by trying ids with the key.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import polars as pl

from penchant.errors import ConfigError, DataError, QuotingError
from penchant.logs.forgotten import Forgotten
from penchant.logs.formats.places import expand
from penchant.logs.users import distinct_of

KEY_FILE = "PENCHANT_PSEUDONYMS"
"""The environment variable that says where the key lies, where that is another place than the run file says."""

PREFIX = "user-"
NAME_BYTES, CHECK_BYTES = 16, 4
FORM = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * (NAME_BYTES + CHECK_BYTES)}}}")
"""Of a pseudonym: 128 bits of the id, then 32 that only the key makes of these."""

LEAST_KEY, MOST_KEY = 32, 4096
"""Bytes of a key file."""

MOST_KEPT = 400_000
"""Pseudonyms that are kept from batch to batch of a table, some 100 MB: many users are in more than one."""

_LEAST_LETTERS = 8
"""A key has so many different bytes at least: random ones do, and a letter held down does not."""


class Pseudonyms:
    """The pseudonyms of one key.

    fingerprint: tells keys apart, and says nothing else of them; a run keeps it, to refuse another key.
    """

    def __init__(self, key: bytes) -> None:
        """key: any bytes; see `read_key` for what a person may give."""
        of_key = blake2b(key, digest_size=32, person=b"penchant-key").digest()
        self.fingerprint = blake2b(key=of_key, digest_size=8, person=b"penchant-mark").hexdigest()
        self._name = blake2b(key=of_key, digest_size=NAME_BYTES, person=b"penchant-user")
        self._check = blake2b(key=of_key, digest_size=CHECK_BYTES, person=b"penchant-check")
        self._kept: dict[str, str] = {}
        self._event = blake2b(key=of_key, digest_size=NAME_BYTES, person=b"penchant-event")

    def of(self, user: str) -> str:
        """The pseudonym of an id. A pseudonym of this key stays as it is, so that both lead to the same user.

        >>> known = Pseudonyms(b"a key of a test, which is no secret")
        >>> known.of("anna")
        'user-911dbb0a9a8aa34bb945bb2f048903844161916f'
        >>> known.of(known.of("anna")) == known.of("anna")
        True
        """
        if (
            user.startswith(PREFIX)
            and FORM.fullmatch(user)
            and self._checked(bytes.fromhex(user[len(PREFIX) : -2 * CHECK_BYTES])) == user
        ):
            return user
        return self._checked(_digest(self._name, user))

    def of_all(self, users: pl.Series) -> pl.Series:
        """The pseudonyms of ids, each worked out once; null for null."""
        distinct, place = distinct_of(users)
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        known = [self._kept.get(user) or self._keep(user) for user in distinct.to_list()]
        return pl.Series(users.name, known, dtype=pl.String).gather(place)

    def _keep(self, user: str) -> str:
        return self._kept.setdefault(user, self.of(user))

    def of_event(self, name: str) -> str:
        """What stands for the id of an event that came with one: whoever sends events may have put the user's into it.

        >>> len(Pseudonyms(b"a key of a test, which is no secret").of_event("click-17 of anna"))
        32
        """
        return _digest(self._event, name).hex()

    def _checked(self, name: bytes) -> str:
        check = self._check.copy()
        check.update(name)
        return f"{PREFIX}{name.hex()}{check.hexdigest()}"


def _digest(keyed: "blake2b", text: str) -> bytes:
    hashed = keyed.copy()
    hashed.update(text.encode("utf-8", "surrogatepass"))
    return hashed.digest()


@dataclass(frozen=True)
class Admission:
    """Who enters a log, and under which name. forgotten: whose rows are left out, by the digest of the name in the log;
    pseudonyms: None where users keep the ids with which they come."""

    forgotten: Forgotten = field(default_factory=dict)
    pseudonyms: Pseudonyms | None = None

    @property
    def fingerprint(self) -> str | None:
        return self.pseudonyms.fingerprint if self.pseudonyms else None


EVERYBODY = Admission()
"""Nobody is left out, and all keep their ids."""


@contextmanager
def quoting_nobody(pseudonyms: Pseudonyms | None) -> Iterator[None]:
    """Take quotes from tables out of errors where users have pseudonyms: a line of a table may name one."""
    try:
        yield
    except QuotingError as error:
        if pseudonyms is None:
            raise
        raise DataError(error.unquoted) from None


def key_place(named: str, base: Path) -> Path:
    """Where the key lies. named: in the run file, relative to `base`; the environment comes before it."""
    return Path(os.environ.get(KEY_FILE) or expand(named, base))


def read_key(path: Path) -> Pseudonyms:
    """The pseudonyms of a key file. Raises ConfigError where it is missing, could be read by others, or is no key.
    White space around the key does not count."""
    mend = f"a new key, for a new run, is made by `penchant pseudonyms new-key {path}`"
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"others may read the key {path}; take that from them: chmod 600 {path}")
        with path.open("rb") as file:
            key = file.read(MOST_KEY + 1).strip()
    except FileNotFoundError:
        raise ConfigError(
            f"the key of the pseudonyms is not at {path}; put it there, or say in the environment variable {KEY_FILE} "
            f"where it is; {mend}"
        ) from None
    except OSError as error:
        raise ConfigError(f"the key of the pseudonyms, {path}, cannot be read ({error.strerror}); {mend}") from None
    if not LEAST_KEY <= len(key) <= MOST_KEY:
        raise ConfigError(f"{path} holds no key: a key has {LEAST_KEY} to {MOST_KEY:,} bytes; {mend}")
    if len(set(key)) < _LEAST_LETTERS:
        raise ConfigError(f"{path} holds a key that can be guessed: only {len(set(key))} different bytes; {mend}")
    return Pseudonyms(key)


def write_key(path: Path) -> None:
    """Write a new random key, which only its owner may read. ConfigError where there is a file already, and
    where none can be written."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(32)}\n")
    except FileExistsError:
        raise ConfigError(
            f"{path} exists; a key that is overwritten is lost, and with it the way from ids to pseudonyms; give "
            f"another name"
        ) from None
    except OSError as error:
        raise ConfigError(f"the key {path} cannot be written ({error.strerror}); give a folder that is there") from None
