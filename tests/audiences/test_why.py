import numpy as np
import polars as pl
import pytest

from penchant.audiences.why import FEWEST, explain
from penchant.features.ragged import Ragged
from penchant.models.lookalikes.promise import Crowd
from tests.audiences.crowds import KIND_N, KINDS, crowd

ALL = range(40)


def seeds_of(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """So many seeds of each kind; a kind is a cluster."""
    seed_S = np.concatenate([np.flatnonzero(kind == KIND_N)[1 : size + 1] for kind, size in enumerate(sizes)])
    return seed_S, KIND_N[seed_S]


def test_a_cluster_is_described_by_what_its_seeds_have_more_often_than_others() -> None:
    groups = explain(crowd(), *seeds_of(20, 20, 20), np.array([2, 2, 0]), among=ALL, most=3)
    assert [group.clusters for group in groups] == [(2,), (0,), (1,)]
    assert [group.pulled for group in groups] == [2, 1, 0]
    for group in groups:
        assert group.traits[0].value == group.clusters[0]
        assert group.traits[0].seeds == 1.0
        assert group.traits[0].users == pytest.approx(1 / KINDS, abs=0.01)
        assert len(group.traits) <= 3
        assert all(trait.seeds > trait.users for trait in group.traits)


def test_traits_are_ranked_by_information_value_worked_out_by_hand() -> None:
    """Ten users, six of them seeds. Value 0: 6 of 6 seeds, 8 of 10 users; with 0.5 added to counts .929 and .773, so
    .156 · ln 3.82 = .209. Value 1: 4 and 4; .643 and .409, so .234 · ln 2.6 = .223. Value 2 is rarer among seeds."""
    lists = [[0, 1, 3], [0, 1], [0, 1], [0, 1, 2], [0, 2], [0, 2], [0, 2], [0, 2], [2], [2]]
    values = Ragged(np.cumsum([0, *map(len, lists)]), np.concatenate(lists))
    crowded = Crowd(pl.Series(range(10)), np.zeros((10, 1), np.float32), values, 4)
    (group,) = explain(crowded, np.arange(6), np.zeros(6, int), np.zeros(3, int), among=range(4), most=5)
    assert [trait.value for trait in group.traits] == [1, 0]
    assert [trait.seeds for trait in group.traits] == pytest.approx([4 / 6, 1])
    assert [trait.users for trait in group.traits] == pytest.approx([0.4, 0.8])


def test_only_chosen_values_are_looked_at() -> None:
    groups = explain(crowd(), *seeds_of(20, 20, 20), np.array([0]), among=range(10, 20), most=30)
    values = {trait.value for group in groups for trait in group.traits}
    assert values
    assert values <= set(range(10, 20))


def test_clusters_of_few_seeds_are_described_together_or_not_at_all() -> None:
    few = FEWEST - 1
    groups = explain(crowd(), *seeds_of(20, few, few), np.array([1, 2, 2, 0]), among=ALL, most=30)
    assert [(group.clusters, group.seeds, group.pulled) for group in groups] == [((1, 2), 2 * few, 3), ((0,), 20, 1)]
    assert groups[0].traits
    groups = explain(crowd(), *seeds_of(20, few), np.array([1]), among=ALL, most=30)
    assert (groups[0].clusters, groups[0].traits) == ((1,), ())


def test_what_one_seed_alone_has_is_no_trait() -> None:
    values = Ragged(np.array([0, 1, 1, 1, 1, 1, 1]), np.array([3]))
    crowded = Crowd(pl.Series(range(6)), np.zeros((6, 1), np.float32), values, 4)
    (group,) = explain(crowded, np.arange(5), np.zeros(5, int), np.zeros(2, int), among=range(4), most=5)
    assert (group.seeds, group.traits) == (5, ())
