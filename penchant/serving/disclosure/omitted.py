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

    How many did is looked up only for items that would come up, because a user may have clicked thousands.
    """

    def __init__(self, store: Store, users: Users, clicks: Clicks, scope: Scope) -> None:
        self._clicked, self._is_whole = {item for _, item in clicks}, scope == "admin"
        self._is_shared = cache(lambda item: len(seed_users(store, users, item, MIN_SEEDS)) >= MIN_SEEDS)

    def __len__(self) -> int:
        return len(self._clicked)

    def __contains__(self, item: object) -> bool:
        return item in self._clicked and (self._is_whole or self._is_shared(item))
