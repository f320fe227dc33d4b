"""Sessions: a token for a key, until it ends."""

from dataclasses import replace

from penchant.dashboard.shell.sessions import LASTS_S, MOST_OF_KEY, MOST_SESSIONS, Sessions
from penchant.store.base import Key

KEY = Key("name", "digest", "read", "", 0.0, 1.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_lasts_its_time_and_no_longer() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.begin(KEY)
    clock.now = LASTS_S - 1
    assert sessions.key(token) == KEY
    clock.now = LASTS_S
    assert sessions.key(token) is None


def test_tokens_are_of_their_own_and_long() -> None:
    sessions = Sessions(Clock())
    tokens = {sessions.begin(KEY) for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43


def test_who_logs_out_is_out_and_others_are_not() -> None:
    sessions = Sessions(Clock())
    one, other = sessions.begin(KEY), sessions.begin(KEY)
    sessions.end(one)
    sessions.end("no such token")
    assert (sessions.key(one), sessions.key(other)) == (None, KEY)


def test_only_hashes_of_tokens_are_kept() -> None:
    sessions = Sessions(Clock())
    token = sessions.begin(KEY)
    assert token not in str(vars(sessions))


def test_the_oldest_session_of_a_key_goes_first() -> None:
    sessions = Sessions(Clock())
    first, second = sessions.begin(KEY), sessions.begin(KEY)
    for _ in range(MOST_OF_KEY - 1):
        sessions.begin(KEY)
    assert (sessions.key(first), sessions.key(second)) == (None, KEY)


def test_who_logs_in_again_and_again_ends_no_session_of_another_key() -> None:
    sessions, other = Sessions(Clock()), replace(KEY, name="other")
    token = sessions.begin(other)
    for number in range(MOST_SESSIONS // MOST_OF_KEY + 1):
        many = replace(KEY, name=f"many {number}")
        for _ in range(MOST_OF_KEY):
            sessions.begin(many)
    assert sessions.key(token) == other


def test_sessions_that_ended_leave_nothing_behind() -> None:
    sessions = Sessions(Clock())
    empty = str(vars(sessions))
    for token in [sessions.begin(KEY) for _ in range(3)]:
        sessions.end(token)
    assert str(vars(sessions)) == empty
