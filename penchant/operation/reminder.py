"""Erasure that outlasts the store: one that was restored from a backup, or swapped, forgets again whom the run folder
has on its list, and what erasures leave in its files is removed."""

import logging
from pathlib import Path

from penchant.logs.forgotten import FORGOTTEN, digest_of, read_forgotten
from penchant.store.base import Store

log = logging.getLogger("penchant.erasure")


class Reminder:
    """Tells a store of a run folder's list of forgotten users: at the start, and whenever the store was replaced."""

    def __init__(self, folder: Path, store: Store) -> None:
        """Raises ConfigError where the list cannot be read, and what the store raises."""
        self._list, self._store = folder / FORGOTTEN, store
        self._number, known = store.forgotten(0)
        self._remind(known)

    def step(self) -> bool:
        """Look again, and tidy the store's files."""
        number, known = self._store.forgotten(self._number)
        if number < self._number:  # all of it was told: this is not the store of before
            self._remind(known)
        self._number = number
        self._store.tidy()
        return False

    def _remind(self, known: dict[str, float]) -> None:
        """Have the store forget those of the list whom it does not know to be forgotten. Who has come back since, as
        somebody new, in the moments before that is noticed, is forgotten too."""
        listed = read_forgotten(self._list) if self._list.exists() else {}
        missing = {digest: at for digest, at in listed.items() if known.get(digest, float("-inf")) < at}
        if not missing:
            return
        # The users come first: were the list known before, nobody would look for them after a crash.
        found = [user for user in self._store.users() if digest_of(user) in missing]
        for user in found:
            self._store.forget(user, digest_of(user), missing[digest_of(user)])
        self._store.add_forgotten(missing)
        log.warning(
            "the store did not know of %d forgotten users; it has forgotten them again, %d of whom it held data",
            len(missing),
            len(found),
        )
