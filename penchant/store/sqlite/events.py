"""What happens to events inside a transaction of the SQLite store: remembered, logged, taken, counted, erased."""

from collections.abc import Iterator, Sequence
from itertools import compress
from sqlite3 import Connection

from penchant.errors import StoreError
from penchant.logs.forgotten import digest_of
from penchant.store.base import (
    Entry,
    Erased,
    Event,
    Fate,
    Poison,
    StoreBounds,
)
from penchant.store.entries import as_bytes, pack, speaks_of, unpack
from penchant.store.numbers import Count, whole

FORGOTTEN_UNTIL = "SELECT CAST(coalesce(max(value), 0) AS REAL) FROM numbers WHERE name = 'forgotten until'"
NEW, REPEATED, FORGOTTEN = Fate.NEW, Fate.REPEATED, Fate.FORGOTTEN

INSERT = "INSERT OR IGNORE INTO history (user, item, time, clicked, id) VALUES (?, ?, ?, ?, ?)"


def change(connection: Connection, name: str, by: int = 1) -> int:
    """Add to a number that the store keeps, and return it."""
    found = connection.execute("UPDATE numbers SET value = value + ? WHERE name = ? RETURNING value", (by, name))
    row = found.fetchone()
    if row is None:
        raise StoreError(f"the store has lost its number of {name!r}; restore a backup")
    return whole(row[0])


def number(connection: Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
    return whole(row[0]) if row else 0


def count(connection: Connection, name: str) -> Count:
    """A number that tells changes."""
    question = "SELECT max(value * (name = 'epoch')), max(value * (name = ?)) FROM numbers WHERE name IN ('epoch', ?)"
    return Count(*map(whole, connection.execute(question, (name, name)).fetchone()))


# Appending


def append(connection: Connection, events: Sequence[Event], at: float, most: int) -> list[Fate]:
    """most: events of one user that are kept."""
    execute = connection.cursor().execute
    gone = _of_forgotten(connection, events)
    new = [(not gone or event not in gone) and execute(INSERT, event).rowcount == 1 for event in events]
    kept = list(compress(events, new))
    if kept:
        log(connection, kept, at)
    for user in {event.user for event in kept if _is_sampled(event.id, most)}:
        _bound_history(connection, user, most)
    fates = [NEW if is_new else REPEATED for is_new in new]
    return [FORGOTTEN if event in gone else fate for event, fate in zip(events, fates, strict=True)] if gone else fates


def _of_forgotten(connection: Connection, events: Sequence[Event]) -> set[Event]:
    """Events of users who were forgotten later; most events are later than all that was forgotten."""
    latest = connection.execute(FORGOTTEN_UNTIL).fetchone()[0]
    early = [event for event in events if event.time <= latest]
    question = "SELECT CAST(until AS REAL) FROM forgotten WHERE digest = ?"
    until = {
        user: row[0]
        for user in {event.user for event in early}
        if (row := connection.execute(question, (digest_of(user),)).fetchone())
    }
    return {event for event in early if event.user in until and event.time <= until[event.user]}


def add_forgotten(connection: Connection, digest: str, at: float, until: float) -> None:
    """Remember a user as forgotten, and up to when events of theirs are dropped."""
    connection.execute(
        "INSERT INTO forgotten (digest, at, change, until) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "at = max(at, excluded.at), change = excluded.change, until = max(until, excluded.until)",
        (digest, at, change(connection, "forgotten"), until),
    )
    connection.execute("UPDATE numbers SET value = max(value, ?) WHERE name = 'forgotten until'", (until,))


def log(connection: Connection, events: Sequence[Event], at: float) -> None:
    connection.execute("INSERT INTO log (at, events, content) VALUES (?, ?, ?)", (at, len(events), pack(events)))
    change(connection, "backlog", len(events))


def _is_sampled(text: str, most: int) -> bool:
    """Say whether it is time to count a history, or the seeds of an item. Counting takes time in proportion to them, so
    it is done about once for every 0.5 % of the bound; reading leaves out what is over the bound meanwhile."""
    return hash(text) % max(1, most // 200) == 0


def _bound_history(connection: Connection, user: str, most: int) -> None:
    over = connection.execute("SELECT count(*) FROM history WHERE user = ?", (user,)).fetchone()[0] - most
    if over > 0:
        oldest = "SELECT id FROM history WHERE user = ? ORDER BY time, item, id LIMIT ?"
        connection.execute(f"DELETE FROM history WHERE user = ? AND id IN ({oldest})", (user, user, over))  # noqa: S608


# Taking

OWN = """SELECT number, CAST(events AS INTEGER) FROM taken JOIN log USING (number)
    WHERE consumer = ? ORDER BY number LIMIT ?"""

FREE = """SELECT number, CAST(events AS INTEGER)
    FROM log LEFT JOIN taken USING (number) LEFT JOIN consumers USING (consumer)
    WHERE seen IS NULL OR seen > ? OR seen <= ? ORDER BY number LIMIT ?"""


def pick(connection: Connection, consumer: str, most: int, now: float, lease_s: float) -> list[int]:
    """Return the numbers of entries, with about `most` events, that this consumer has taken or may take."""
    found: dict[int, None] = {}
    events = 0
    for question, values in (OWN, (consumer,)), (FREE, (now, now - lease_s)):
        for entry, count in connection.execute(question, (*values, max(1, most))):
            if events >= most:
                break
            events += count if entry not in found else 0
            found[entry] = None
    return list(found)


def take(connection: Connection, numbers: Sequence[int], consumer: str, now: float) -> list[Entry]:
    connection.executemany("REPLACE INTO taken VALUES (?, ?)", [(entry, consumer) for entry in numbers])
    connection.execute("REPLACE INTO consumers VALUES (?, ?)", (consumer, now))
    connection.execute("DELETE FROM consumers WHERE consumer NOT IN (SELECT consumer FROM taken)")
    return [
        unpack(
            str(entry),
            as_bytes(connection.execute("SELECT content FROM log WHERE number = ?", (entry,)).fetchone()[0]),
        )
        for entry in numbers
    ]


# Settling


def settle(connection: Connection, entries: Sequence[Entry], poison: Sequence[Poison], bounds: StoreBounds) -> None:
    left = [entry for entry in entries if remove(connection, int(entry.number))]
    if not left and entries:
        return
    _touch(connection, [event for entry in left for event in entry.events], bounds)
    for said in poison:
        connection.execute(
            "INSERT INTO poison (content, reason, at) VALUES (?, ?, ?)", (said.content, said.reason, said.at)
        )
    if poison:
        change(connection, "aside", len(poison))
        connection.execute("DELETE FROM poison WHERE number <= (SELECT max(number) FROM poison) - ?", (bounds.aside,))


def remove(connection: Connection, entry: int) -> bool:
    """Take an entry out of the log; False if it is not there."""
    row = connection.execute("DELETE FROM log WHERE number = ? RETURNING CAST(events AS INTEGER)", (entry,)).fetchone()
    if row:
        connection.execute("DELETE FROM taken WHERE number = ?", (entry,))
        change(connection, "backlog", -row[0])
    return row is not None


def _touch(connection: Connection, events: Sequence[Event], bounds: StoreBounds) -> None:
    touched = sorted({(event.item, event.user) for event in events})
    connection.executemany("INSERT OR IGNORE INTO touches (item, user) VALUES (?, ?)", touched)
    clicks: dict[tuple[str, str], float] = {}
    for event in events:
        if event.clicked:
            place = event.item, event.user
            clicks[place] = max(clicks.get(place, event.time), event.time)
    new = [place for place in sorted(clicks) if _click(connection, *place, clicks[place])]
    _join(connection, new, bounds.joined)
    for item in {item for item, user in new if _is_sampled(user, bounds.seeds)}:
        _bound_seeds(connection, item, bounds.seeds)


def _click(connection: Connection, item: str, user: str, time: float) -> bool:
    """Record a click, and return whether it made the user a new seed of the item."""
    question = "SELECT CAST(time AS REAL) FROM touches WHERE item = ? AND user = ?"
    before = connection.execute(question, (item, user)).fetchone()[0]
    if before is None or time > before:
        connection.execute("UPDATE touches SET time = ? WHERE item = ? AND user = ?", (time, item, user))
    return before is None


def _join(connection: Connection, new: Sequence[tuple[str, str]], most: int) -> None:
    """new: item and user, see `Join`; most: joins that are kept."""
    question = "SELECT 1 FROM candidates WHERE item = ?"
    is_open = {item: connection.execute(question, (item,)).fetchone() is not None for item, _ in new}
    joins = [(item, user) for item, user in new if is_open[item]]
    if not joins:
        return
    connection.executemany("INSERT INTO joins (item, user) VALUES (?, ?)", joins)
    dropped, last = number(connection, "joins dropped"), last_join(connection)
    if last - dropped > most + most // 100:
        connection.execute("DELETE FROM joins WHERE number <= ?", (last - most,))
        change(connection, "joins dropped", last - most - dropped)


def last_join(connection: Connection) -> int:
    """The number of the latest, whether it is still there or not."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'joins'").fetchone()
    return whole(row[0]) if row else 0


def _bound_seeds(connection: Connection, item: str, most: int) -> None:
    question = "SELECT count(*) FROM touches WHERE item = ? AND time IS NOT NULL"
    over = connection.execute(question, (item,)).fetchone()[0] - most
    if over > 0:
        oldest = "SELECT user FROM touches WHERE item = ? AND time IS NOT NULL ORDER BY time, user LIMIT ?"
        connection.execute(
            f"UPDATE touches SET time = NULL WHERE item = ? AND user IN ({oldest})",  # noqa: S608
            (item, item, over),
        )


# Erasing


def latest(connection: Connection, user: str) -> float:
    """The time of a user's latest event, -inf where there is none."""
    found = connection.execute("SELECT CAST(max(time) AS REAL) FROM history WHERE user = ?", (user,)).fetchone()[0]
    return float("-inf") if found is None else float(found)


def waiting(connection: Connection, user: str) -> set[str]:
    """Items that a user will have touched when the log is consumed."""
    return {event.item for _, entry in _entries_of(connection, user) for event in entry.events if event.user == user}


def is_full(connection: Connection, user: str, most: int) -> bool:
    """Whether a user's history holds as many events as are kept. Who has fewer has touched no item but those of the
    history and of the log, so that nobody need look through all items."""
    question = "SELECT 1 FROM history WHERE user = ? LIMIT 1 OFFSET ?"
    return connection.execute(question, (user, max(0, most - 1))).fetchone() is not None


def touched(connection: Connection, user: str) -> set[str]:
    """Items that a user has touched. To be read after the log: an event that leaves it meanwhile is found here."""
    question = "SELECT 1 FROM touches WHERE item = ? AND user = ?"
    return {item for item in _all_touched(connection) if connection.execute(question, (item, user)).fetchone()}


def _all_touched(connection: Connection) -> Iterator[str]:
    """All items that anybody has touched, each found from the one before."""
    item = ""
    while row := connection.execute("SELECT min(item) FROM touches WHERE item > ?", (item,)).fetchone():
        if row[0] is None or row[0] == item:  # it is no UTF-8, and so greater than what is read of it
            return
        item = row[0]
        yield item


def _entries_of(connection: Connection, user: str) -> list[tuple[float, Entry]]:
    """Entries of the log that speak of a user, and when they were appended."""
    rows = connection.execute("SELECT at, number, content FROM log")
    return [
        (at, unpack(str(entry), as_bytes(content)))
        for at, entry, content in rows
        if speaks_of(as_bytes(content).decode("utf-8", "replace"), user)
    ]


def erase(connection: Connection, user: str, touched: set[str], most_joined: int) -> Erased:
    """touched: items of the user beside those of the history."""
    items = touched | {item for (item,) in connection.execute("SELECT item FROM history WHERE user = ?", (user,))}
    events = connection.execute("DELETE FROM history WHERE user = ?", (user,)).rowcount
    connection.execute("DELETE FROM vectors WHERE user = ?", (user,))
    erased = 0
    for at, entry in _entries_of(connection, user):
        erased += _erase_in_log(connection, user, at, entry)
    pairs = [(item, user) for item in items]
    clicked = "SELECT 1 FROM touches WHERE item = ? AND user = ? AND time IS NOT NULL"
    left = [(item, "") for item, _ in pairs if connection.execute(clicked, (item, user)).fetchone()]
    touches = connection.executemany("DELETE FROM touches WHERE item = ? AND user = ?", pairs).rowcount
    connection.execute("DELETE FROM joins WHERE user = ?", (user,))
    _join(connection, left, most_joined)
    for entry, content, reason in connection.execute("SELECT number, content, reason FROM poison").fetchall():
        if speaks_of(f"{content}\n{reason}", user):
            connection.execute("DELETE FROM poison WHERE number = ?", (entry,))
    return Erased(events, erased, max(0, touches))


def _erase_in_log(connection: Connection, user: str, at: float, entry: Entry) -> int:
    """Remove a user's events from an entry and return how many there were. The other events are logged again under a
    new number, so that a consumer who has taken the old entry settles nothing."""
    kept = [event for event in entry.events if event.user != user]
    if entry.problem is None and len(kept) == len(entry.events):
        return 0
    remove(connection, int(entry.number))
    if kept:
        log(connection, kept, at)
    return max(1, len(entry.events) - len(kept))
