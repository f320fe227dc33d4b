"""A number per user that never changes: which bucket, which fold, on any machine and in any version."""

from hashlib import blake2b

import numpy as np
import polars as pl


def user_hash(users: pl.Series) -> pl.Series:
    """64 well-mixed bits for each user id (text); the same on every machine."""
    digests = b"".join(map(_digest, users.to_list()))
    return pl.Series("hash", np.frombuffer(digests, dtype="<u8"))


def hash_of(user: str) -> int:
    """The same of one user."""
    return int.from_bytes(_digest(user), "little")


def _digest(user: str) -> bytes:
    return blake2b(user.encode(), digest_size=8).digest()


def bucket_of(users: pl.Series, buckets: int) -> pl.Series:
    """The bucket, 0 to buckets - 1, of each row's user; the hash is worked out once per distinct user."""
    distinct, place = distinct_of(users)
    return (user_hash(distinct) % buckets).cast(pl.Int32).gather(place).rename("bucket")


def distinct_of(users: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The different ids, and for each row the place of its id among them, null for null.

    >>> [one.to_list() for one in distinct_of(pl.Series(["b", None, "a", "b"]))]
    [['b', 'a'], [0, None, 1, 0]]
    """
    # A join of Polars finds the places too, and takes three times as long.
    found = users.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    return pl.Series(found.dictionary, dtype=pl.String), pl.Series(found.indices)


def uniform(users: pl.Series, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers in [0, 1) for each user, which differ from seed to seed; they decide folds and draws."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(blake2b(user.encode(), digest_size=16, key=key).digest() for user in users)
    first, second = np.frombuffer(digests, dtype="<u8").reshape(-1, 2).T / 2.0**64
    return first, second
