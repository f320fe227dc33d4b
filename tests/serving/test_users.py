"""Users as a process knows them: the snapshot with live clicks on top, and what other processes have said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from penchant.logs.forgotten import digest_of
from penchant.serving.served import Served
from penchant.serving.users import News, Users
from penchant.serving.versions import Models
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.serving import worlds
from tests.serving.worlds import MADE

STRANGER, UNKNOWN_THERE, USER = "nobody knows", "stranger 0", "u001"
"""UNKNOWN_THERE is in the snapshot, but has clicked nothing that training has seen."""

LIKED, OTHER = "i0-3", "i2-3"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def users(store: MemoryStore, served: Served) -> Users:
    return Users(store, News(store), served)


def click(store: MemoryStore, user: str, item: str, time: float = MADE, *, clicked: bool = True) -> None:
    store.append([Event(user, item, time, clicked, f"{time} {item} {clicked}")], at=MADE)


def vector(users: Users, user: str) -> np.ndarray:
    return users.vectors([user])[0][0]


def assert_fresh(users: Users, asked: Sequence[str]) -> None:
    """What is kept in the process gives the same as working everything out."""
    anew = Users(users.store, users.news, users.served)
    for found, expected in zip(users.vectors(asked), anew.vectors(asked), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_who_is_not_known_is_like_users_on_average(users: Users, served: Served) -> None:
    vectors_BX, known_B = users.vectors([STRANGER, UNKNOWN_THERE, USER])
    assert known_B.tolist() == [False, False, True]
    np.testing.assert_array_equal(vectors_BX[:2], [served.snapshot.prior] * 2)
    assert users.row(STRANGER) == -1 < users.row(UNKNOWN_THERE)
    assert served.snapshot.prior.any()


def test_who_did_nothing_lately_is_as_the_snapshot_says(users: Users, served: Served) -> None:
    row = served.snapshot.row(USER)
    np.testing.assert_array_equal(vector(users, USER), served.snapshot.vectors(np.array([row]))[0])
    people = users.now([USER, STRANGER])
    assert people.clicks == [served.snapshot.clicks(row), []]
    assert (people.events, people.row_B.tolist()) == ([0, 0], [row, -1])


def test_nobody_can_be_asked_for(users: Users, served: Served) -> None:
    for vectors_BX, known_B in (users.vectors([]), users.kept_vectors([])):
        assert vectors_BX.shape == (0, len(served.snapshot.prior))
        assert known_B.shape == (0,)


def test_live_clicks_join_those_of_the_snapshot_in_order_and_none_counts_twice(
    store: MemoryStore, users: Users, served: Served
) -> None:
    old = served.snapshot.clicks(served.snapshot.row(USER))
    (first, item), last = old[0], old[-1]
    click(store, USER, item, first)
    click(store, USER, LIKED, last[0] + 1)
    click(store, USER, OTHER, first - 1)
    click(store, USER, OTHER, last[0] + 2, clicked=False)
    people = users.now([USER])
    assert people.clicks == [[(first - 1, OTHER), *old, (last[0] + 1, LIKED)]]
    assert people.events == [4]


def test_a_showing_alone_changes_nothing(store: MemoryStore, users: Users, served: Served) -> None:
    before = vector(users, USER)
    click(store, USER, OTHER, clicked=False)
    click(store, STRANGER, OTHER, clicked=False)
    np.testing.assert_allclose(vector(users, USER), before, atol=1e-5)
    vectors_BX, known_B = users.vectors([STRANGER])
    assert known_B.tolist() == [False]
    np.testing.assert_array_equal(vectors_BX[0], served.snapshot.prior)


def test_a_vector_is_fresh_to_the_last_click(store: MemoryStore, users: Users) -> None:
    seen = [vector(users, USER)]
    for number in range(3):
        click(store, USER, OTHER, MADE + number)
        seen.append(vector(users, USER))
        assert not np.allclose(seen[-1], seen[-2], atol=1e-4)
        assert_fresh(users, [USER, STRANGER, "u002"])


def test_a_mixed_batch_gives_everybody_their_own(store: MemoryStore, users: Users) -> None:
    click(store, USER, OTHER)
    click(store, STRANGER, LIKED)
    vector(users, USER)
    asked = ["u002", STRANGER, UNKNOWN_THERE, USER, "u003", "absent"]
    vectors_BX, known_B = users.vectors(asked)
    assert known_B.tolist() == [True, True, False, True, True, False]
    for user, found in zip(asked, vectors_BX, strict=True):
        np.testing.assert_allclose(found, vector(users, user), atol=1e-6)


def test_more_users_than_the_model_reads_at_once(store: MemoryStore, users: Users) -> None:
    asked = [f"u{number:03}" for number in range(7)]
    for user in asked:
        click(store, user, OTHER)
    expected = users.vectors(asked)[0]
    users = Users(store, users.news, users.served, at_once=3)
    np.testing.assert_allclose(users.vectors(asked)[0], expected, atol=1e-6)
    np.testing.assert_allclose(users.kept_vectors(asked)[0], expected, atol=1e-6)
    np.testing.assert_allclose(users.kept_vectors(asked)[0], expected, atol=1e-6)


def test_what_is_said_of_an_item_changes_those_who_clicked_it(store: MemoryStore, users: Users) -> None:
    click(store, STRANGER, "said of later")
    assert users.vectors([STRANGER])[1].tolist() == [False]
    store.put_items({"said of later": {"tags": ["t0-0", "t0-1"]}})
    users.put_items(users.news.refresh())
    assert users.vectors([STRANGER])[1].tolist() == [True]
    assert_fresh(users, [STRANGER])


def test_what_was_said_before_the_start_counts(store: MemoryStore, served: Served) -> None:
    store.put_items({"said before": {"tags": ["t0-0"]}})
    click(store, STRANGER, "said before")
    assert Users(store, News(store), served).vectors([STRANGER])[1].tolist() == [True]


def test_few_vectors_are_kept_and_the_others_worked_out_again(store: MemoryStore, served: Served) -> None:
    users = Users(store, News(store), served, most_kept=2)
    asked = ["u002", USER, "u003", "u004"]
    for user in asked:
        click(store, user, OTHER)
    expected = [vector(users, user) for user in asked]
    assert list(users._kept) == asked[2:]
    np.testing.assert_allclose([vector(users, user) for user in asked], expected, atol=1e-6)


def test_kept_vectors_are_what_consumers_saw_last(store: MemoryStore, users: Users) -> None:
    click(store, USER, OTHER)
    first = vector(users, USER)
    np.testing.assert_allclose(users.kept_vectors([USER])[0][0], first, atol=1e-6)
    click(store, USER, OTHER, MADE + 1)
    np.testing.assert_allclose(users.kept_vectors([USER])[0][0], first, atol=1e-6)
    kept, known_B = users.keep([USER])
    assert not np.allclose(kept[0], first, atol=1e-4)
    np.testing.assert_array_equal(users.kept_vectors([USER])[0], kept)
    np.testing.assert_array_equal(kept[0], vector(users, USER))
    assert known_B.tolist() == [True]


def test_of_whom_nothing_is_known_an_empty_vector_is_kept(store: MemoryStore, users: Users, served: Served) -> None:
    click(store, STRANGER, "of no meaning")
    assert store.vectors(served.name, [STRANGER]) == [None]
    users.keep([STRANGER])
    assert store.vectors(served.name, [STRANGER]) == [b""]
    vectors_BX, known_B = users.kept_vectors([STRANGER, USER])
    assert known_B.tolist() == [False, True]
    assert not vectors_BX[0].any()


def test_who_was_forgotten_since_the_snapshot_is_not_in_it(store: MemoryStore, users: Users, served: Served) -> None:
    store.forget(USER, digest_of(USER), MADE)
    store.forget(STRANGER, digest_of(STRANGER), MADE)
    assert users.row(USER) >= 0
    users.news.refresh()
    assert users.row(USER) == -1
    assert users.now([USER]).clicks == [[]]
    assert users.vectors([USER])[1].tolist() == [False]
    assert users.forgotten_rows().tolist() == [served.snapshot.row(USER)]
    click(store, USER, LIKED, MADE + 5)
    assert users.now([USER]).clicks == [[(MADE + 5, LIKED)]]


def test_what_the_users_table_said_of_who_was_forgotten_is_read_no_more(store: MemoryStore, users: Users) -> None:
    click(store, USER, LIKED, MADE + 5)
    click(store, STRANGER, LIKED, MADE + 7)
    with_own_fields = vector(users, USER)
    store.forget(USER, digest_of(USER), MADE + 6)
    users.news.refresh()
    click(store, USER, LIKED, MADE + 7)
    assert users.now([USER, STRANGER]).own == ["", STRANGER]
    np.testing.assert_array_equal(vector(users, USER), vector(users, STRANGER))
    assert not np.array_equal(vector(users, USER), with_own_fields)


def test_who_was_forgotten_before_the_snapshot_and_came_back_is_in_it(store: MemoryStore, users: Users) -> None:
    store.forget(USER, digest_of(USER), MADE - 1)
    users.news.refresh()
    assert users.row(USER) >= 0
    assert len(users.forgotten_rows()) == 0
    assert users.vectors([USER])[1].tolist() == [True]


def test_news_are_told_once_and_kept() -> None:
    store = MemoryStore()
    store.put_items({"a": {"tags": ["x"]}})
    news = News(store)
    assert news.items == {"a": {"tags": ["x"]}}
    assert news.refresh() == {}
    store.put_items({"b": {"tags": ["y"]}, "a": {"tags": ["z"]}})
    store.forget("anna", "f" * 16, 5.0)
    assert news.refresh() == {"a": {"tags": ["z"]}, "b": {"tags": ["y"]}}
    assert news.items == {"a": {"tags": ["z"]}, "b": {"tags": ["y"]}}
    assert news.forgotten == {"f" * 16: 5.0}
    store.forget("anna", "f" * 16, 9.0)
    news.refresh()
    assert news.forgotten == {"f" * 16: 9.0}


def test_a_model_that_has_not_taken_over_gives_way_to_the_next(store: MemoryStore, served: Served) -> None:
    models = Models(store, served)
    assert [users.served for users in models.all] == [served]
    second, third = replace(served, name="second"), replace(served, name="third", alike=None)
    models.load(second)
    found = models.load(third)
    assert [users.served.name for users in models.all] == [served.name, "third"]
    assert found is models.all[1]
    assert [users.served for users in models.alike] == [served]


def test_every_model_hears_of_items(store: MemoryStore, served: Served) -> None:
    models = Models(store, served)
    models.load(replace(served, name="second"))
    click(store, STRANGER, "heard of")
    assert [users.vectors([STRANGER])[1].tolist() for users in models.all] == [[False], [False]]
    store.put_items({"heard of": {"tags": ["t1-1"]}})
    assert models.refresh() == {"heard of": {"tags": ["t1-1"]}}
    assert [users.vectors([STRANGER])[1].tolist() for users in models.all] == [[True], [True]]


def test_the_old_model_goes_once_the_new_one_is_followed_and_nobody_keeps_the_old_one(
    store: MemoryStore, served: Served
) -> None:
    models = Models(store, served)
    store.publish(served.name, {}, "0")
    models.load(replace(served, name="second"))
    models.refresh()
    assert len(models.all) == 2
    store.publish("second", {}, "0")
    models.refresh()
    assert len(models.all) == 2
    store.drop_models(["second"])
    models.refresh()
    assert [users.served.name for users in models.all] == ["second"]


def test_the_old_model_stays_while_nobody_follows_the_new_one(store: MemoryStore, served: Served) -> None:
    models = Models(store, served)
    models.load(replace(served, name="second"))
    models.refresh()
    assert len(models.all) == 2
    models.load(replace(served, name="third", alike=None))
    models.refresh()
    assert [users.served.name for users in models.all] == ["third"]
