"""Events in the log, and texts that speak of a user."""

import pytest

from penchant.store.base import Event
from penchant.store.entries import pack, speaks_of, unpack

WRONG = "no list of user, item, time, clicked, id: "
GARBAGE = {
    b"": "no JSON: ",
    b"\xff\xfe": "no JSON: ",
    b'[["ann","1"': "no JSON: ",
    b"7": "no list of events",
    b'[["ann","1",1.0,true]]': WRONG + '["ann","1",1.0,true]',
    b'[["ann","1","1.0",true,"x"]]': WRONG + '["ann","1","1.0",true,"x"]',
    b'[["ann",1,1.0,true,"x"]]': WRONG + '["ann",1,1.0,true,"x"]',
    b'[["ann","1",1.0,1,"x"]]': WRONG + '["ann","1",1.0,1,"x"]',
    b'[["ann","1",1.0,true,"x"],7]': WRONG + "7",
}


@pytest.mark.parametrize(("content", "problem"), GARBAGE.items(), ids=repr)
def test_what_is_wrong_with_an_entry_is_said(content: bytes, problem: str) -> None:
    entry = unpack("7", content)
    assert entry.problem is not None
    assert entry.problem.startswith(problem)
    assert entry.events == ()
    assert entry.content == content.decode("utf-8", "replace")


def test_events_are_read_as_they_were_written() -> None:
    events = (Event("ann", "1", 0.1 + 0.2, True, "x"), Event("bob\n", '"', 1e300, False, ""))
    assert unpack("7", pack(events)).events == events


@pytest.mark.parametrize("user", ["ann", 'a"b', "a.b", "é", "a\nb"])
def test_a_text_speaks_of_a_user_as_a_whole_word(user: str) -> None:
    assert speaks_of(pack([Event(user, "1", 1.0, True, "x")]).decode(), user)
    assert speaks_of(f"{user},1,2", user)
    for other in f"{user}x", f"x{user}":
        assert not speaks_of(pack([Event(other, "1", 1.0, True, "x")]).decode(), user)
