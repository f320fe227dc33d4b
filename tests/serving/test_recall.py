"""Items for one user: turns over their tags, lists merged by rank, and every reason kept."""

import pytest

from penchant.profiles.profile import TagPreference
from penchant.serving.recall import MOST_TAGS, PER_TAG, SMOOTH, Reason, Recalled, TagIndex, by_tags, merge

TAGS = {"a": ["jazz"], "b": ["jazz", "rock"], "c": ["rock"], "d": ["jazz", "jazz"], "e": ["folk"]}
RECENT = {"b": 9, "a": 2, "d": 2, "c": 1}


def prefers(**tags: float) -> list[TagPreference]:
    return [TagPreference(tag, preference, 0, 0.0) for tag, preference in tags.items()]


def items(found: list[Recalled]) -> list[str]:
    return [one.item for one in found]


@pytest.fixture
def index() -> TagIndex:
    return TagIndex(TAGS, RECENT)


def test_items_of_a_tag_are_those_clicked_most_lately_first(index: TagIndex) -> None:
    assert index.of("jazz") == ["b", "a", "d"]
    assert (index.of("rock"), index.of("folk"), index.of("polka")) == (["b", "c"], ["e"], [])


def test_items_that_are_put_come_before_the_others_and_stand_once(index: TagIndex) -> None:
    index.put("new", ["jazz", "polka", "jazz"])
    assert (index.of("jazz"), index.of("polka")) == (["new", "b", "a", "d"], [])
    index.put("a", ["jazz"])
    assert index.of("jazz") == ["a", "new", "b", "d"]


def test_an_item_leaves_the_tags_that_it_has_no_more(index: TagIndex) -> None:
    index.put("a", ["rock"])
    assert (index.of("jazz"), index.of("rock")) == (["b", "d"], ["a", "b", "c"])


def test_a_tag_has_so_many_items_at_most() -> None:
    index = TagIndex({f"{number:05}": ["jazz"] for number in range(PER_TAG + 50)}, {})
    assert index.of("jazz") == [f"{number:05}" for number in range(PER_TAG)]
    index.put("new", ["jazz"])
    assert index.of("jazz") == ["new", *(f"{number:05}" for number in range(PER_TAG - 1))]


def test_tags_take_turns_the_best_one_first(index: TagIndex) -> None:
    found = by_tags(prefers(folk=0.1, rock=0.5, jazz=0.3), index, (), 9)
    assert items(found) == ["b", "a", "e", "c", "d"]
    told = [(one.reasons[0].tag, one.reasons[0].score) for one in found]
    assert told == [("rock", 0.5), ("jazz", 0.3), ("folk", 0.1), ("rock", 0.5), ("jazz", 0.3)]
    assert {one.reasons[0].by for one in found} == {"tag"}


def test_what_is_left_out_makes_room_for_the_next(index: TagIndex) -> None:
    assert items(by_tags(prefers(rock=0.5, jazz=0.3), index, {"b", "d"}, 9)) == ["c", "a"]
    assert by_tags(prefers(folk=1.0), index, {"e"}, 9) == []


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_no_more_are_found_than_were_asked_for(index: TagIndex, most: int) -> None:
    assert items(by_tags(prefers(rock=0.5, jazz=0.3, folk=0.1), index, (), most)) == ["b", "a", "e"][:most]


def test_only_the_best_tags_bring_items() -> None:
    index = TagIndex({f"item {number}": [f"tag {number}"] for number in range(30)}, {})
    preferences = [TagPreference(f"tag {number}", float(number), 0, -float(number)) for number in range(30)]
    found = by_tags(preferences, index, (), 99)
    assert items(found) == [f"item {number}" for number in range(29, 29 - MOST_TAGS, -1)]


def one(item: str, by: str = "tag", score: float = 1.0) -> Recalled:
    return Recalled(item, [Reason(by, score)])


def test_an_item_of_two_lists_is_better_than_one_of_either() -> None:
    assert items(merge([[one("a"), one("b")], [one("c"), one("b")]], 9)) == ["b", "a", "c"]
    assert 2 / (SMOOTH + 2) > 1 / (SMOOTH + 1)


def test_ranks_add_up_as_worked_by_hand() -> None:
    """1/61 + 1/64 for a, 1/62 + 1/62 for b, 1/63 + 1/61 for c, 1/63 for d."""
    first = [one("a"), one("b"), one("c")]
    second = [one("c"), one("b"), one("d"), one("a")]
    worth = {"a": 1 / 61 + 1 / 64, "b": 1 / 62 + 1 / 62, "c": 1 / 63 + 1 / 61, "d": 1 / 63}
    assert items(merge([first, second], 9)) == sorted(worth, key=lambda item: -worth[item]) == ["c", "b", "a", "d"]


def test_all_reasons_are_kept_that_of_the_best_rank_first() -> None:
    tags = [one("a", "tag", 0.9), one("b", "tag", 0.8)]
    alike = [one("b", "look-alike", 0.1), one("a", "look-alike", 0.05)]
    found = {found.item: found.reasons for found in merge([tags, alike], 9)}
    assert found["a"] == [Reason("tag", 0.9), Reason("look-alike", 0.05)]
    assert found["b"] == [Reason("look-alike", 0.1), Reason("tag", 0.8)]


def test_merging_keeps_so_many_at_most_and_nothing_of_nothing() -> None:
    assert items(merge([[one("a"), one("b"), one("c")]], 2)) == ["a", "b"]
    assert merge([], 5) == merge([[], []], 5) == []
