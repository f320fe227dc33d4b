"""Items that are left out of what is recalled for a user, because they clicked them."""

from collections.abc import Sized
from functools import cache

from penchant.choices import MIN_SEEDS, Scope
from penchant.serving.candidates.seeds import seed_users
from penchant.serving.users import Clicks, Users
from penchant.store.base import Store


class Omitted(Sized):
    """Items that one user clicked. For a key that only reads, an item that fewer than MIN_SEEDS users clicked is not
    among them: if it were missing for one user alone, that would say who clicked it.

    How many did is looked up for each item that comes up, whether the user clicked it or not: if it were looked up for
    clicked ones alone, the time that an answer takes would tell them. A user may have clicked thousands, so it is not
    looked up for items that do not come up.
    """

    def __init__(self, store: Store, users: Users, clicks: Clicks, scope: Scope) -> None:
        self._store, self._users = store, users
        self._clicked, self._is_whole = {item for _, item in clicks}, scope == "admin"
        self._is_shared = cache(self._clicked_by_many)
        self._forgotten = 0 if self._is_whole else len(users.forgotten_rows())

    def __len__(self) -> int:
        return len(self._clicked)

    def __contains__(self, item: object) -> bool:
        return (self._is_whole or self._is_shared(item)) and item in self._clicked

    def _clicked_by_many(self, item: str) -> bool:
        of_log = len(self._users.served.snapshot.seeds(item)[0])
        if of_log - self._forgotten >= MIN_SEEDS:
            return True
        if of_log + len(self._store.seeds(item, MIN_SEEDS).users) < MIN_SEEDS:
            return False
        return len(seed_users(self._store, self._users, item, MIN_SEEDS)) >= MIN_SEEDS
