"""The features of users at this moment: what items and users bring, and the same as for a whole log."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.fields import AGE, SAMPLE, Field, columns, pack
from penchant.features.live import ItemValues, LiveFeatures, UserValues, Worths, known
from penchant.features.numbers import Span, number_columns
from penchant.features.own import FACTS, own_columns, pack_own
from penchant.features.plan import FeaturesConfig
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.vocabulary import Vocabulary
from penchant.schema import ITEM, ONE_CLICK, PAD, RESERVED, UNKNOWN, USER, VALUE, WORTH


def vocabulary(*values: str) -> Vocabulary:
    """The first has id 2."""
    return Vocabulary(pl.Series(values, dtype=pl.String), pl.Series([1] * len(values)))


TAGS = vocabulary("jazz", "rock", "folk")
ITEMS = vocabulary("a", "b", "c")
GROUPS = vocabulary("young", "old")
SPAN = Span(20.0, 60.0, users=3)
TABLE = pl.DataFrame(
    {ITEM: ["a", "b", "c", "d"], "tags": [["jazz", "rock"], [], ["folk", "polka"], None]},
    schema={ITEM: pl.String, "tags": pl.List(pl.String)},
)
PEOPLE = pl.DataFrame(
    {
        USER: ["anna", "ben", "carl", "dora"],
        "group": [["young", "tall"], ["old"], [], None],
        "age": [["30"], ["n/a"], None, ["90"]],
    },
    schema={USER: pl.String, "group": pl.List(pl.String), "age": pl.List(pl.String)},
)
FIELDS = (
    Field(name="tags", limit=3),
    Field(name="lately", of="tags", limit=2, last=3, half_life=2.0, order="recent"),
    Field(name=ITEM, limit=4, last=5, order="recent"),
    Field(name="group", limit=2),
    Field(name="age", number=True),
)


def items() -> ItemValues:
    return ItemValues(TABLE, {"tags": TAGS, ITEM: ITEMS})


def people() -> UserValues:
    return UserValues.of_table(PEOPLE, {"group": GROUPS}, {"age": SPAN})


HALF_LIFE = 4.0


def live(fields: Sequence[Field] = FIELDS) -> LiveFeatures:
    features = FeaturesConfig(fields=list(fields), fade_half_life=HALF_LIFE)
    return LiveFeatures(features, "tags", items(), people())


def test_an_item_of_the_table_brings_its_values_and_itself() -> None:
    values = items()
    assert values.of("a") == {"tags": (2, 3), ITEM: (2,)}
    assert values.of("b") == {"tags": (), ITEM: (3,)}
    assert values.of("c") == {"tags": (4, UNKNOWN), ITEM: (4,)}
    assert values.of("d") == {"tags": (), ITEM: (UNKNOWN,)}
    assert values.of("a") == values.of("a")


def test_an_item_that_is_nowhere_brings_only_itself() -> None:
    assert items().of("new") == {ITEM: (UNKNOWN,)}


def test_without_a_vocabulary_of_items_an_unknown_item_brings_nothing() -> None:
    values = ItemValues(TABLE, {"tags": TAGS})
    assert values.of("new") == {}
    assert values.of("a") == {"tags": (2, 3)}
    values.put("new", {"tags": ["rock"]})
    assert values.of("new") == {"tags": (3,)}


def test_what_is_put_replaces_all_that_was_known() -> None:
    values = items()
    values.of("a")
    values.put("a", {"tags": ["polka", "folk"], "colour": ["red"]})
    assert values.of("a") == {"tags": (UNKNOWN, 4), ITEM: (2,)}
    values.put("a", {})
    assert values.of("a") == {"tags": (), ITEM: (2,)}


def test_an_item_that_is_put_need_not_be_in_the_table() -> None:
    values = items()
    values.put("new", {"tags": ["jazz"]})
    assert values.of("new") == {"tags": (2,), ITEM: (UNKNOWN,)}
    assert values.of("other") == {ITEM: (UNKNOWN,)}


def test_what_is_put_is_read_as_the_table_is() -> None:
    """Without spaces around it, empty texts and repeats."""
    values = items()
    values.put("new", {"tags": ["jazz", " jazz ", "", "jazz"]})
    assert values.of("new")["tags"] == (2,)


def test_nobody_has_no_features() -> None:
    batch = live().batch([], [])
    assert {len(ids) for ids in batch.ids.values()} == {0}


@pytest.mark.parametrize(
    ("user", "ids"), [("anna", (2, UNKNOWN)), ("ben", (3,)), ("carl", ()), ("dora", ()), ("x", ())]
)
def test_a_user_brings_what_the_table_says(user: str, ids: tuple[int, ...]) -> None:
    assert people().of(user, "group") == ids


def test_a_number_is_scaled_and_cut_off_or_missing() -> None:
    shares = [people().share(user, "age") for user in ("anna", "dora", "ben", "carl", "x")]
    assert shares[:2] == [0.25, 1.0]
    assert np.isnan(shares[2:]).all()


def test_a_number_is_one_value_that_is_weighed_and_padding_where_there_is_none() -> None:
    batch = live().batch(["dora", "ben", "anna"], [[], [], []])
    np.testing.assert_array_equal(batch.ids["age"], [[RESERVED], [PAD], [RESERVED]])
    np.testing.assert_array_equal(batch.weights["age"], [[1.0], [0.0], [0.25]])


def test_fields_are_the_answer_worked_by_hand() -> None:
    # By age, the latest first: b (nothing), a (jazz, rock), c (folk, polka), a (jazz, rock).
    batch = live().batch(["anna"], [[(10.0, "a"), (20.0, "c"), (30.0, "a"), (40.0, "b")]])
    assert batch.ids["tags"].tolist() == [[2, 3, 1]]
    assert batch.weights["tags"].tolist() == [[2.0, 2.0, 1.0]]
    assert batch.ids["lately"].tolist() == [[2, 3]]
    np.testing.assert_allclose(batch.weights["lately"], [[0.5**0.5, 0.5**0.5]])
    assert batch.ids[ITEM].tolist() == [[3, 2, 4]]
    assert batch.ids["group"].tolist() == [[UNKNOWN, 2]]


def test_known_is_who_has_a_value_that_is_no_number_and_not_unknown() -> None:
    features = live((FIELDS[0], FIELDS[2], FIELDS[4]))
    batch = features.batch(["anna", "dora", "x", "y"], [[], [(1.0, "c")], [(1.0, "d")], [(1.0, "nowhere")]])
    assert known(batch, ["age"]).tolist() == [False, True, False, False]
    assert known(batch, []).tolist() == [True, True, False, False]


def clicks_in_rows(
    clicked: Sequence[Sequence[tuple[float, str]]], source: str, worths: Worths | None = None
) -> pl.DataFrame:
    """A row per click and value, as `columns` and `own_columns` read them; with WORTH if worths are given."""
    own, rows = dict(TABLE.iter_rows()), list[tuple[int, float, int, int, int]]()
    for sample, clicks in enumerate(clicked):
        for time, item in clicks:
            age = sum(other > time for other, _ in clicks)
            ids = [ITEMS.id(item)] if source == ITEM else [TAGS.id(text) for text in own.get(item) or ()]
            rows += [(sample, time, age, value, (worths or {}).get((time, item), ONE_CLICK)) for value in ids]
    schema = {SAMPLE: pl.UInt32, "time": pl.Float64, AGE: pl.Int64, VALUE: pl.Int32, WORTH: pl.Int32}
    frame = pl.DataFrame(rows, schema, orient="row")
    return frame.drop(WORTH) if worths is None else frame


def in_batch(
    rule: Field,
    users: Sequence[str],
    clicked: Sequence[Sequence[tuple[float, str]]],
    worths: Worths | None,
) -> tuple[np.ndarray, ...]:
    """The same field by `columns` and `pack`, from the tables."""
    asked = pl.DataFrame({SAMPLE: range(len(users)), USER: users}, {SAMPLE: pl.UInt32, USER: pl.String})
    texts = asked.join(PEOPLE, on=USER, how="left", maintain_order="left")
    if rule.number:
        found = number_columns(texts.select(SAMPLE, pl.col("age").list.first().alias(VALUE)), SPAN)
        return pack(found, len(users), 1)
    if rule.source == "group":
        said = texts.select(SAMPLE, pl.col("group").alias(VALUE)).explode(VALUE, keep_nulls=False, empty_as_null=False)
        once = said.select(SAMPLE, pl.lit(0.0).alias("time"), pl.lit(0, pl.Int64).alias(AGE), VALUE)
        found = columns(once.with_columns(pl.Series(VALUE, GROUPS.ids(once[VALUE]))), rule)
    else:
        found = columns(clicks_in_rows(clicked, rule.source, worths), rule)
    return pack(found, len(users), rule.limit)


CLICK = st.tuples(st.integers(0, 9).map(float), st.sampled_from(["a", "b", "c", "d", "new"]))
CLICKS = st.sets(CLICK, max_size=12)
WORTHS = st.none() | st.dictionaries(CLICK, st.integers(1, 1_000_000))


@given(st.lists(st.tuples(st.sampled_from([*PEOPLE[USER], "x"]), CLICKS.map(sorted)), min_size=1, max_size=4), WORTHS)
def test_live_is_what_a_whole_log_gives(
    histories: list[tuple[str, list[tuple[float, str]]]], worths: Worths | None
) -> None:
    """But for padding on the right, which is as wide as the fullest user needs."""
    users, clicked = [user for user, _ in histories], [clicks for _, clicks in histories]
    batch = live().batch(users, clicked, [worths or {}] * len(users))
    for rule in FIELDS:
        for found, expected in zip(
            (batch.ids[rule.name], batch.weights[rule.name]), in_batch(rule, users, clicked, worths), strict=True
        ):
            width = found.shape[1]
            exact = rule.half_life is None
            np.testing.assert_allclose(found, expected[:, :width], rtol=0 if exact else 1e-6)
            assert not expected[:, width:].any()


@given(st.lists(CLICKS.map(sorted), min_size=1, max_size=4), WORTHS)
def test_facts_of_own_tags_are_what_a_whole_log_gives(
    clicked: list[list[tuple[float, str]]], worths: Worths | None
) -> None:
    found = live().batch(["x"] * len(clicked), clicked, [worths or {}] * len(clicked)).own
    expected = own_columns(clicks_in_rows(clicked, "tags", worths), HALF_LIFE)
    lengths = np.bincount(expected[SAMPLE].to_numpy(), minlength=len(clicked))
    packed = pack_own(Ragged(offsets_of(lengths), expected[VALUE].to_numpy()), expected.select(FACTS).to_numpy())
    assert found
    assert torch.equal(found.ids_BH, packed.ids_BH)
    torch.testing.assert_close(found.facts_BHF, packed.facts_BHF, rtol=1e-6, atol=0)
    for fact in ("counts", "clicks", "age"):
        assert torch.equal(found.fact(fact), packed.fact(fact))


def test_a_purchase_counts_in_own_tags_and_is_one_click() -> None:
    """The click on c at 20, of the tag folk, counts as five."""
    clicks = [(10.0, "a"), (20.0, "c"), (30.0, "a")]
    own = live().batch(["anna"], [clicks], [{(20.0, "c"): 5 * ONE_CLICK}]).own
    assert own
    assert own.ids_BH.tolist() == [[2, 3, 4]]
    assert own.fact("counts").tolist() == [[2, 2, 5]]
    assert own.fact("clicks").tolist() == [[2, 2, 1]]
    assert own.fact("age").tolist() == [[0, 0, 1]]
    torch.testing.assert_close(own.fact("faded")[0, 2], torch.tensor(5 * 0.5 ** (1 / 4)))


def test_facts_of_own_tags_are_the_answer_worked_by_hand() -> None:
    """jazz and rock at ages 1 and 3, folk at age 2; polka is unknown. Two clicks of one time are equally old."""
    own = live().batch(["anna"], [[(10.0, "a"), (20.0, "c"), (30.0, "a"), (40.0, "b")]]).own
    assert own
    assert own.ids_BH.tolist() == [[2, 3, 4]]
    assert own.fact("counts").tolist() == [[2, 2, 1]]
    assert own.fact("age").tolist() == [[1, 1, 2]]
    torch.testing.assert_close(own.fact("faded")[0, 0], torch.tensor(0.5 ** (1 / 4) + 0.5 ** (3 / 4)))
    torch.testing.assert_close(own.fact("faded*2")[0, 2], torch.tensor(0.5 ** (2 / 8)))
    level = live().batch(["anna"], [[(10.0, "a"), (10.0, "c")]]).own
    assert level
    assert level.fact("age").tolist() == [[0, 0, 0]]
