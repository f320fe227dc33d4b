"""The models that one process works with: the one that serves, and while another takes over, that one too."""

from threading import Lock

from penchant.serving.served import Served
from penchant.serving.users import Fields, News, Users
from penchant.store.base import Store


class Models:
    """Users as each model sees them, and what was said of items and of who was forgotten."""

    def __init__(self, store: Store, served: Served) -> None:
        self.store, self.news = store, News(store)
        self.all: tuple[Users, ...] = (Users(store, self.news, served),)
        self._lock = Lock()

    @property
    def alike(self) -> list[Users]:
        """Those that have a look-alike: consumers keep vectors for them."""
        return [users for users in self.all if users.served.has_lookalike]

    def refresh(self) -> dict[str, Fields | None]:
        """Take over what others have said: items that are new, None for those that nothing is said of any more."""
        items = self.news.refresh()
        for users in self.all:
            users.put_items(items)
        self._retire()
        return items

    def load(self, served: Served) -> Users:
        """Another model, to take over; one that had not taken over yet is given up. ConfigError where its users are
        known by other pseudonyms: it would know nobody of the store."""
        with self._lock:
            self.all[0].served.refuse_others(served)
            found = Users(self.store, self.news, served)
            self.all = (self.all[0], found)
        return found

    def _retire(self) -> None:
        """Give up the model that served, once its clusters are gone: then nobody uses it any more."""
        with self._lock:
            if len(self.all) == 1:
                return
            old, new = (users.served for users in self.all)
            followed = not new.has_lookalike or self.store.cursor(new.name) is not None
            if followed and self.store.cursor(old.name) is None:
                self.all = self.all[1:]
