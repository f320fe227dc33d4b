"""Keys open what they are for, as often as they may; nothing that is kept or said gives a secret away."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from penchant.choices import Scope
from penchant.errors import AccessError
from penchant.serving.keys import (
    BURST_S,
    KEPT_S,
    MOST_STRANGERS,
    RESTED_S,
    STRANGER_PER_S,
    Keys,
    NoKeyError,
    ScopeError,
    TooOftenError,
    create_key,
)
from penchant.store.base import Key
from penchant.store.memory import MemoryStore

MANY = 1e9


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """Keys of a store, whose clock the test moves."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.clock = store, Clock()
        self.keys = Keys(store, self.clock)

    def key(self, scope: Scope = "read", per_s: float = MANY) -> str:
        return create_key(self.store, scope, label="a test", per_s=per_s, clock=self.clock)

    def ask(self, key: str | None, need: Scope = "read", address: str = "10.0.0.1") -> str:
        """The name of the key that is let in; as a server does, it looks keys up where that is due."""
        sent = None if key is None else f"Bearer {key}"
        if self.keys.is_stale(sent):
            self.keys.look_up()
        return self.keys.check(sent, address, need).name

    def checked(self, per_s: float = MANY) -> Key:
        """A new key that was let in once."""
        name = self.ask(self.key(per_s=per_s))
        return next(key for key in self.store.keys() if key.name == name)  # noqa: SIM118


@pytest.fixture
def door() -> Door:
    return Door(MemoryStore())


def test_what_is_stored_of_a_key_does_not_open_anything(door: Door) -> None:
    key = door.key()
    (stored,) = door.store.keys()
    secret = key.split("_", 2)[2]
    assert len(secret) == 43
    assert secret not in repr(stored)
    with pytest.raises(NoKeyError):
        door.ask(f"pk_{stored.name}_{stored.digest}")


def test_no_two_keys_are_alike(door: Door) -> None:
    assert len({door.key() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("scope", "opens"),
    [("read", {"read"}), ("ingest", {"ingest"}), ("admin", {"read", "ingest", "admin"})],
)
def test_a_key_opens_what_its_scope_says(door: Door, scope: Scope, opens: set[Scope]) -> None:
    key = door.key(scope)
    for need in ("read", "ingest", "admin"):
        if need in opens:
            assert door.ask(key, need) == key.split("_")[1]
        else:
            with pytest.raises(
                ScopeError, match=f"key {key.split('_')[1]} has scope '{scope}', and this needs '{need}'"
            ):
                door.ask(key, need)


def test_what_is_no_key_opens_nothing(door: Door) -> None:
    name, secret = door.key().split("_", 2)[1:]
    for number, sent in enumerate(
        ["", "pk", "pk_", "pk__", f"pk_{name}", f"pk_{name}_", f"pk_{name}_{secret}x", f"pk_{name}_{secret[:-1]}",
         f"pk_nobody_{secret}", f"PK_{name}_{secret}", f"pk_{name}_é", "pk_\ud800_\ud800"]
    ):  # fmt: skip
        with pytest.raises(NoKeyError, match="this key is not known"):
            door.ask(sent, address=f"10.0.0.{number}")
    with pytest.raises(NoKeyError, match="this needs a key; send it as `Authorization: Bearer"):
        door.ask(None)
    with pytest.raises(NoKeyError):
        door.keys.check(f"Basic pk_{name}_{secret}", "10.0.0.9", "read")


def test_no_refusal_repeats_what_was_sent(door: Door) -> None:
    key = door.key("ingest", per_s=0.1)
    for sent, need, kind in (
        (key, "read", ScopeError),
        (key, "ingest", TooOftenError),
        (f"{key}x", "read", NoKeyError),
    ):
        with pytest.raises(kind) as refused:
            door.ask(sent, need)  # type: ignore[arg-type]
        assert key.split("_", 2)[2] not in str(refused.value)


def test_a_key_that_was_dropped_is_refused_soon(door: Door) -> None:
    key = door.key()
    name = door.ask(key)
    assert door.store.drop_key(name)
    assert door.ask(key) == name
    door.clock.now += KEPT_S
    with pytest.raises(NoKeyError):
        door.ask(key)


def test_a_key_is_taken_as_soon_as_it_is_made(door: Door) -> None:
    door.ask(door.key())
    door.clock.now += RESTED_S
    assert door.ask(door.key())


def test_unknown_keys_do_not_have_the_store_asked_each_time(door: Door) -> None:
    door.keys.look_up()
    assert not door.keys.is_stale("Bearer pk_nobody_x")
    assert not door.keys.is_stale(None)


def test_a_clock_that_goes_back_keeps_no_key_alive(door: Door) -> None:
    door.ask(door.key())
    door.clock.now -= 1_000
    assert door.keys.is_stale("Bearer x")


def test_a_key_may_do_so_much_at_once_and_then_so_much_a_second(door: Door) -> None:
    key = door.key(per_s=3.0)
    for _ in range(int(3 * BURST_S)):
        door.ask(key)
    with pytest.raises(TooOftenError, match="may do 3 requests a second; wait") as refused:
        door.ask(key)
    assert refused.value.after_s == pytest.approx(1 / 3)
    door.clock.now += 1.0
    for _ in range(3):
        door.ask(key)
    with pytest.raises(TooOftenError):
        door.ask(key)


def test_a_slow_key_may_do_one_request_at_least(door: Door) -> None:
    key = door.key(per_s=0.1)
    door.ask(key)
    with pytest.raises(TooOftenError) as refused:
        door.ask(key)
    assert refused.value.after_s == pytest.approx(10.0)


def test_what_one_key_does_takes_nothing_from_another(door: Door) -> None:
    one, other = door.key(per_s=0.1), door.key(per_s=0.1)
    door.ask(one)
    assert door.ask(other)


def test_who_tries_keys_is_slowed_down_by_address(door: Door) -> None:
    key = door.key()
    for _ in range(int(STRANGER_PER_S * BURST_S)):
        with pytest.raises(NoKeyError):
            door.ask("pk_guess_x")
    with pytest.raises(TooOftenError, match="too many requests without a key that counts"):
        door.ask("pk_guess_x")
    with pytest.raises(NoKeyError):
        door.ask("pk_guess_x", address="10.0.0.2")
    assert door.ask(key, address="10.0.0.1"), "a key that counts is not slowed down"


def test_addresses_are_not_remembered_without_end(door: Door) -> None:
    for number in range(MOST_STRANGERS + 10):
        with pytest.raises(NoKeyError):
            door.ask("pk_guess_x", address=str(IPv4Address(number)))
    assert len(door.keys._strangers) == MOST_STRANGERS


@pytest.mark.parametrize(
    ("scope", "label", "per_s", "reason"),
    [
        ("root", "x", 1.0, "'root' is no scope of a key; choose one of ingest, read, admin"),
        ("read", "x", 0.0, "a key cannot do 0.0 requests a second"),
        ("read", "x", float("nan"), "a key cannot do nan requests a second"),
        ("read", "x", float("inf"), "a key cannot do inf requests a second"),
        ("read", "a\nb", 1.0, r"'a\\nb' is no label"),
        ("read", "\x1b[31mred", 1.0, r"'\\x1b\[31mred' is no label"),
        ("read", "a\0", 1.0, r"'a\\x00' is no label"),
        ("read", "a\u202eb", 1.0, r"'a\\u202eb' is no label"),
        ("read", "x" * 101, 1.0, "give up to 100 printable characters"),
    ],
)
def test_a_key_that_cannot_be_is_not_made(scope: Scope, label: str, per_s: float, reason: str) -> None:
    store = MemoryStore()
    with pytest.raises(AccessError, match=reason):
        create_key(store, scope, label=label, per_s=per_s, clock=Clock())
    assert not store.keys()


def test_a_key_that_was_checked_may_go_on_by_itself(door: Door) -> None:
    checked = door.checked()
    assert door.keys.again(checked, "read") == checked
    with pytest.raises(ScopeError, match=rf"key {checked.name} has scope 'read', and this needs 'admin'"):
        door.keys.again(checked, "admin")


def test_a_key_that_was_dropped_does_not_go_on(door: Door) -> None:
    checked = door.checked()
    door.store.drop_key(checked.name)
    door.clock.now += KEPT_S
    assert door.keys.is_old(checked.name)
    door.keys.look_up()
    with pytest.raises(NoKeyError, match=rf"key {checked.name} is revoked"):
        door.keys.again(checked, "read")


def test_a_key_that_was_made_anew_under_the_same_name_does_not_go_on(door: Door) -> None:
    checked = door.checked()
    door.store.put_key(replace(checked, digest="0" * 64))
    door.keys.look_up()
    with pytest.raises(NoKeyError, match=checked.name):
        door.keys.again(checked, "read")


def test_going_on_counts_as_a_request(door: Door) -> None:
    checked = door.checked(per_s=1.0)
    door.keys.again(checked, "read")
    with pytest.raises(TooOftenError, match="may do 1 requests a second"):
        door.keys.again(checked, "read")
