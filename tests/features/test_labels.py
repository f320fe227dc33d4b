"""Labels of a window: at most K items with N tags, both kinds kept, and the truth they are judged by."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.cuts.target import Target
from penchant.features.items import NO_ITEM, first_known
from penchant.features.labels import Labels, invent_unclicked, make_labels, sample_unclicked
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.seen import Seen
from penchant.features.vocabulary import Vocabulary
from penchant.schema import PAD, UNKNOWN

# Items 0 … 4 and their tags; item 3 has an unknown tag only, item 4 none.
TAGS = Ragged(np.array([0, 2, 3, 5, 6, 6]), np.array([7, 8, 9, 7, UNKNOWN, UNKNOWN], dtype=np.int32))


def shown(*rows: tuple[int, int, bool]) -> pl.DataFrame:
    schema: dict[str, Any] = {"sample": pl.UInt32, "entry": pl.Int64, "clicked": pl.Boolean}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def labels_of(frame: pl.DataFrame, samples: int, seed: int = 0, **config: Any) -> Labels:
    return make_labels(frame, samples, TAGS, Target(**config), np.random.default_rng(seed))


def items_of(labels: Labels, sample: int) -> list[tuple[list[int], bool]]:
    """Tags and kind of each item of a sample, in order of the tags."""
    rows = zip(labels.entry[sample], labels.tasks["clicked"][sample], strict=True)
    return sorted((tags_of(int(entry)), bool(clicked)) for entry, clicked in rows if entry != NO_ITEM)


def tags_of(entry: int) -> list[int]:
    """The known tags of an item."""
    return [int(tag) for tag in first_known(TAGS, np.array([entry]), 9)[0] if tag != PAD]


def test_items_of_a_window_keep_their_tags_and_whether_they_were_clicked() -> None:
    labels = labels_of(shown((0, 0, True), (0, 1, False), (1, 2, True)), 3, items=4, tags=2)
    assert (labels.entry.shape, labels.tasks["clicked"].shape) == ((3, 4), (3, 4))
    assert [items_of(labels, sample) for sample in range(3)] == [[([7, 8], True), ([9], False)], [([7], True)], []]


def test_an_item_without_known_tags_takes_no_place() -> None:
    labels = labels_of(shown((0, 3, True), (0, 4, False), (0, 1, True)), 1, items=1)
    assert items_of(labels, 0) == [([9], True)]


def test_only_the_first_tags_of_an_item_are_kept() -> None:
    assert first_known(TAGS, np.array([0, 2, NO_ITEM]), 1).tolist() == [[7], [7], [PAD]]


def test_the_truth_holds_every_clicked_tag_once_and_its_size_counts_each_unknown_one() -> None:
    frame = shown((0, 0, True), (0, 2, True), (0, 3, True), (0, 1, False), (2, 3, True), (2, 3, True))
    labels = labels_of(frame, 3, items=1)
    assert [labels.truth.part(slice(row, row + 1)).values.tolist() for row in range(3)] == [[7, 8], [], []]
    assert labels.truth_size.tolist() == [4, 0, 1]


TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=4, unique=True)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.booleans()), max_size=20)


@given(st.lists(TEXTS, min_size=5, max_size=5), st.sets(st.sampled_from("abcdefgh")), ROWS, ROWS)
def test_the_truth_is_the_set_of_clicked_texts_whatever_the_vocabulary(
    texts: list[list[str]], known: set[str], window: list[tuple[int, int, bool]], past: list[tuple[int, int, bool]]
) -> None:
    vocabulary = Vocabulary(pl.Series(sorted(known), dtype=pl.String), pl.Series([1] * len(known), dtype=pl.Int64))
    items = pl.DataFrame({"item": [*"vwxyz"], "tags": pl.Series(texts, dtype=pl.List(pl.String))})
    tags = Seen.of(items, "tags", vocabulary.told_apart).always
    values, owner = tags.take(shown(*past)["entry"].to_numpy())
    before = pl.DataFrame({"sample": shown(*past)["sample"].gather(owner), "tag": values})
    labels = make_labels(shown(*window), 3, tags, Target(), np.random.default_rng(0), before=before)
    for sample in range(3):
        clicked = {text for row, item, is_click in window if row == sample and is_click for text in texts[item]}
        seen = {text for row, item, _ in past if row == sample for text in texts[item]}
        assert labels.truth_size[sample] == len(clicked)
        assert labels.truth_new[sample] == len(clicked - seen)
        truth = labels.truth.part(slice(sample, sample + 1)).values
        assert {vocabulary.name(int(number)) for number in truth} == clicked & known


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=40),
    st.integers(1, 5),
    st.integers(0, 9),
)
def test_at_most_k_items_are_drawn_and_both_kinds_are_kept(
    rows: list[tuple[int, int, bool]], most: int, seed: int
) -> None:
    rows = list({(sample, entry): (sample, entry, clicked) for sample, entry, clicked in rows}.values())
    labels = labels_of(shown(*rows), 4, seed, items=most)
    for sample in range(4):
        known = [(entry, clicked) for owner, entry, clicked in rows if owner == sample and entry < 3]
        drawn = items_of(labels, sample)
        assert len(drawn) == min(most, len(known))
        for kind in {clicked for _, clicked in known} if most >= 2 else set():
            assert kind in {clicked for _, clicked in drawn}
        assert all(item in [(TAGS_OF[entry], clicked) for entry, clicked in known] for item in drawn)


TAGS_OF = {0: [7, 8], 1: [9], 2: [7]}


@pytest.mark.parametrize("rare", [True, False])
def test_the_only_item_of_its_kind_among_many_is_always_drawn(rare: bool) -> None:
    tags = Ragged(np.arange(31), np.arange(30, dtype=np.int32) + 2)
    frame = shown(*((0, entry, (entry == 17) == rare) for entry in range(30)))
    for seed in range(20):
        labels = make_labels(frame, 1, tags, Target(items=2, tags=1), np.random.default_rng(seed))
        assert (17, rare) in zip(labels.entry[0].tolist(), labels.tasks["clicked"][0].tolist(), strict=True)


def test_the_same_generator_draws_the_same_items() -> None:
    frame = shown(*((0, entry, entry % 2 == 0) for entry in (0, 1, 2)))
    first, second = (labels_of(frame, 1, seed=5, items=2) for _ in range(2))
    np.testing.assert_array_equal(first.entry, second.entry)


clicks_of_users = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=30, unique=True)


@given(clicks_of_users, st.lists(st.integers(0, 5), min_size=5, max_size=5), st.integers(1, 4), st.integers(0, 9))
def test_a_sampled_negative_is_never_an_item_that_the_user_clicked(
    rows: list[tuple[int, int]], popularity: list[int], per_click: int, seed: int
) -> None:
    clicks = shown(*((sample, entry, True) for sample, entry in rows)).drop("clicked")
    drawn = sample_unclicked(clicks, clicks, np.array(popularity), per_click, np.random.default_rng(seed))
    assert not set(drawn.select("sample", "entry").rows()) & set(rows)
    assert not drawn["clicked"].any()
    assert drawn.select("sample", "entry").is_unique().all()
    assert all(popularity[entry] > 0 for entry in drawn["entry"])
    for sample in range(3):
        wanted = per_click * sum(owner == sample for owner, _ in rows)
        assert (drawn["sample"] == sample).sum() <= wanted


def test_negatives_follow_popularity() -> None:
    clicks = pl.DataFrame({"sample": range(3000), "entry": [0] * 3000}, schema={"sample": pl.UInt32, "entry": pl.Int64})
    drawn = sample_unclicked(clicks, clicks, np.array([0, 3, 1, 0]), 1, np.random.default_rng(0))
    assert len(drawn) == 3000
    assert int((drawn["entry"] == 1).sum()) == pytest.approx(0.75 * 3000, rel=0.04)


def test_invented_items_have_as_many_tags_as_the_click_drawn_uniformly() -> None:
    clicks = pl.DataFrame({"sample": range(3000), "entry": [1] * 3000}, schema={"sample": pl.UInt32, "entry": pl.Int64})
    tags = Ragged(np.array([0, 1, 3]), np.array([2, 2, 3], np.int32))
    drawn, longer = invent_unclicked(clicks, tags, 6, 2, np.random.default_rng(0))
    assert len(drawn) == 6000
    assert not drawn["clicked"].any()
    assert drawn["sample"].value_counts()["count"].unique().to_list() == [2]
    values, owner = longer.take(drawn["entry"].to_numpy())
    assert (np.bincount(owner) == 2).all()
    np.testing.assert_allclose(
        np.bincount(values, minlength=6) / len(values), [0, 0, 0.25, 0.25, 0.25, 0.25], atol=0.02
    )
    assert longer.take(np.array([0, 1]))[0].tolist() == [2, 2, 3]


def test_without_clicks_by_training_users_there_are_no_negatives() -> None:
    clicks = shown((0, 0, True)).drop("clicked")
    assert sample_unclicked(clicks, clicks, np.zeros(5), 1, np.random.default_rng(0)).is_empty()


def test_offsets_start_each_list_after_the_one_before() -> None:
    assert offsets_of(np.array([2, 0, 1])).tolist() == [0, 2, 2, 3]
