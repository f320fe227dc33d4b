"""What seeds have in common, against counts worked by hand."""

import numpy as np
import pytest

from penchant.audiences.why import FEWEST, MOST_TRAITS, Counts, SeedGroup, groups_of, numbers_of, traits_of, with_pulled
from tests.audiences.crowds import KIND_N, KINDS, crowd

ALL = 40


def having(rows: np.ndarray) -> Counts:
    """What these users of the crowd have."""
    return Counts(np.bincount(crowd().values.take(rows)[0], minlength=ALL), len(rows))


def groups(*sizes: int) -> list[SeedGroup]:
    """So many seeds of each kind; a kind is a cluster."""
    seed_S = np.concatenate([np.flatnonzero(kind == KIND_N)[1 : size + 1] for kind, size in enumerate(sizes)])
    everyone = having(np.arange(len(crowd())))
    return groups_of(np.array(sizes), KIND_N[seed_S], lambda places: having(seed_S[places]), everyone, str)


def all_have_jazz(place_S: np.ndarray) -> Counts:
    return Counts(np.array([len(place_S)]), len(place_S))


JAZZ = Counts(np.array([1]), 100)


def test_a_cluster_is_described_by_what_its_seeds_have_more_often_than_others() -> None:
    found = groups(22, 21, 20)
    assert [(one.number, one.clusters, one.seeds, one.few) for one in found] == [
        (1, (0,), 22, False),
        (2, (1,), 21, False),
        (3, (2,), 20, False),
    ]
    for group in found:
        assert group.traits[0].name == str(group.clusters[0])
        assert group.traits[0].seeds == 1.0
        assert group.traits[0].users == pytest.approx(1 / KINDS, abs=0.01)
        assert len(group.traits) <= MOST_TRAITS
        assert all(trait.seeds > trait.users for trait in group.traits)


def test_traits_are_ranked_by_information_value_worked_out_by_hand() -> None:
    """Ten users, six of them seeds. Value 0: 6 of 6 seeds, 8 of 10 users; with 0.5 added to counts .929 and .773, so
    .156 · ln 3.82 = .209. Value 1: 4 and 4; .643 and .409, so .234 · ln 2.6 = .223. Value 2 is rarer among seeds."""
    found = traits_of(Counts(np.array([6, 4, 3]), 6), Counts(np.array([8, 4, 7]), 10), str)
    assert [trait.name for trait in found] == ["1", "0"]
    assert [trait.seeds for trait in found] == pytest.approx([4 / 6, 1])
    assert [trait.users for trait in found] == pytest.approx([0.4, 0.8])


def test_clusters_of_few_seeds_are_described_together_or_not_at_all() -> None:
    few = FEWEST - 1
    large, small = groups(20, few, few)
    assert (large.clusters, large.seeds) == ((0,), 20)
    assert (small.number, small.clusters, small.seeds, small.few) == (0, (1, 2), 2 * few, True)
    assert small.traits
    _, alone = groups(20, few)
    assert (alone.clusters, alone.traits) == ((1,), ())


def test_a_cluster_is_called_by_its_size_and_small_ones_come_last() -> None:
    size_J, cluster_S = np.array([4, 9, 6, 3]), np.repeat([0, 1, 2, 3], [4, 9, 6, 3])
    assert numbers_of(size_J, cluster_S).tolist() == [0, 1, 2, 0]
    found = groups_of(size_J, cluster_S, all_have_jazz, JAZZ, ["jazz"].__getitem__)
    assert [(one.number, one.clusters, one.seeds) for one in found] == [(1, (1,), 9), (2, (2,), 6), (0, (0, 3), 7)]
    assert [trait.name for trait in found[-1].traits] == ["jazz"]  # seven together


def test_a_cluster_of_which_few_were_looked_at_is_not_described() -> None:
    (only,) = groups_of(np.array([4, 1_000]), np.array([0, 0, 1, 1]), all_have_jazz, JAZZ, ["jazz"].__getitem__)
    assert (only.number, only.clusters, only.seeds, only.sampled) == (0, (0, 1), 1_004, 4)
    assert only.sampled < FEWEST
    assert not only.traits


def test_what_one_seed_or_a_small_share_of_them_has_is_no_trait() -> None:
    names = ["news", "jazz", "opera", "rare", "few"]
    own = Counts(np.array([20, 15, 5, 1, 2]), 30)
    found = traits_of(own, Counts(np.array([99, 1, 1, 0, 0]), 100), names.__getitem__)
    assert [(one.name, one.seeds, one.users) for one in found] == [("jazz", 0.5, 0.01), ("opera", 5 / 30, 0.01)]
    assert traits_of(Counts(np.array([1]), 5), Counts(np.array([1]), 6), str) == ()


def test_groups_that_pulled_most_of_an_audience_come_first() -> None:
    found = with_pulled(groups(20, 4, 4), np.array([1, 2, 2, 0]))
    assert [(one.clusters, one.pulled) for one in found] == [((1, 2), 3), ((0,), 1)]
