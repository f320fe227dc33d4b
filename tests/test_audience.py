"""The audience of one item, made by a trained run: who is in it, what it says of itself, and when it is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from penchant.audience import NEIGHBOURS, some_item, write_audience
from penchant.errors import AudienceError, PenchantError, UnknownItemError
from penchant.features.shards import open_shards
from penchant.lookalike.audience import MIN_AUDIENCE
from penchant.lookalike.clusters import kmeans
from penchant.pipeline import Run
from tests.lookalike_runs import (
    BESIDE,
    CLUSTERS,
    FEW_SEEDS,
    HOSTILE,
    LONG,
    MIXED,
    NEWCOMER,
    ONE_SEED,
    PLAIN,
    POPULAR,
    copied,
    events_of,
    spoil,
    trained,
)

SIZE = MIN_AUDIENCE


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory)


def seeds_of(run: Run, item: str) -> set[str]:
    """Who clicked it, by the tables."""
    return set(events_of(run).filter(pl.col("item") == item, "clicked")["user"])


@pytest.mark.parametrize("item", [POPULAR, "i1-5", FEW_SEEDS])
def test_nobody_in_an_audience_has_met_the_item(run: Run, item: str) -> None:
    """An impression that was not clicked counts too; all others can be had, if so many are asked for."""
    events = events_of(run)
    met = set(events.filter(pl.col("item") == item)["user"])
    assert met - seeds_of(run, item) or item == FEW_SEEDS
    whole = run.audience(item, run.audience(item, SIZE).reachable).members
    assert not set(whole["user"]) & met
    assert set(whole["user"]) <= set(events["user"])
    assert whole["user"].n_unique() == len(whole) >= SIZE


def test_members_are_ranked_from_one_by_falling_score(run: Run) -> None:
    members = run.audience(POPULAR, SIZE).members
    assert members["rank"].to_list() == list(range(1, SIZE + 1))
    assert members["score"].is_sorted(descending=True)
    assert members["score"][0] > members["score"][-1]
    assert members["score"].is_between(-1, 1).all()
    assert members["cluster"].is_between(0, CLUSTERS - 1).all()
    own = members["user"].head(5).str.slice(1).cast(pl.Int32) % 3
    assert own.to_list() == [0] * 5, "the item is of the first group, which is every third user's"


def test_a_smaller_audience_is_the_beginning_of_a_larger_one(run: Run) -> None:
    assert run.audience(POPULAR, 80).members.head(SIZE).equals(run.audience(POPULAR, SIZE).members)


@pytest.mark.parametrize("item", [FEW_SEEDS, POPULAR])
def test_scores_are_those_of_a_plain_recomputation(run: Run, item: str) -> None:
    """Eq. 2 and 9-11 in so many lines, from vectors and weights as they lie on disk."""
    folder = run.folder / "lookalike"
    user_NX = load_file(folder / "crowd" / "latest-attention.safetensors")["vectors"].double()
    users = pl.concat([shard.users for shard in open_shards(folder / "prepared", "latest")]).to_list()
    weight = {name: value.double() for name, value in load_file(folder / "ralm" / "weights.safetensors").items()}
    is_seed = torch.tensor([user in seeds_of(run, item) for user in users])

    def transform(vectors: torch.Tensor) -> torch.Tensor:
        return torch.relu(vectors @ weight["shared.weight"].T + weight["shared.bias"])

    seed_SX = user_NX[is_seed]
    labels = np.arange(len(seed_SX))
    if len(seed_SX) > CLUSTERS:
        labels = kmeans(transform(seed_SX).float().numpy(), CLUSTERS, seed=0)
    centroids = torch.stack([seed_SX[torch.from_numpy(labels == one)].mean(0) for one in range(labels.max() + 1)])
    user_NG, seed_JG = transform(user_NX), transform(centroids)
    wide_J = torch.tanh(seed_JG @ weight["wide.project.weight"].T) @ weight["wide.weigh.weight"][0]
    global_G = torch.softmax(wide_J, 0) @ seed_JG
    local_NJ = torch.softmax(torch.tanh(user_NG @ weight["local.weight"].T @ seed_JG.T), 1)
    cosine = torch.nn.functional.cosine_similarity
    score_N = 0.3 * cosine(user_NG, global_G[None]) + 0.7 * cosine(user_NG, local_NJ @ seed_JG)

    members = run.audience(item, SIZE).members
    told = dict(zip(users, score_N.tolist(), strict=True))
    np.testing.assert_allclose(members["score"], [told[user] for user in members["user"]], atol=2e-5)
    out = {*events_of(run).filter(pl.col("item") == item)["user"], *members["user"]}
    left = [told[user] for user in users if user not in out and not user.startswith("stranger")]
    assert max(left) <= members["score"][-1] + 2e-5, "somebody better was left out"
    assert np.ptp(score_N.numpy()) > 0.1


def test_seeds_and_those_they_pulled_in_add_up(run: Run) -> None:
    for item in (POPULAR, FEW_SEEDS, PLAIN, "i2-7"):
        audience = run.audience(item, SIZE)
        assert audience.seeds == len(seeds_of(run, item))
        assert sum(group.seeds for group in audience.groups) == audience.seeds
        assert sum(group.pulled or 0 for group in audience.groups) == SIZE
        told = [(one.seeds, one.users) for group in audience.groups for one in group.common]
        assert all(0 < users < seeds <= 1 for seeds, users in told)
    assert {one.value[:2] for group in run.audience("i2-7", SIZE).groups for one in group.common} == {"t2"}


def test_neighbours_are_what_most_seeds_clicked_too_and_overlap_as_their_audiences_do(run: Run) -> None:
    audience, events = run.audience(POPULAR, SIZE), events_of(run)
    seeds = pl.Series(sorted(seeds_of(run, POPULAR)))
    others = events.filter(pl.col("user").is_in(seeds.implode()), "clicked", pl.col("item") != POPULAR)
    counts = others.unique(["user", "item"])["item"].value_counts().sort("count", "item", descending=[True, False])
    assert [(one.item, one.seeds) for one in audience.neighbours] == counts.head(NEIGHBOURS).rows()
    mine = set(audience.members["user"])
    for one in audience.neighbours:
        theirs = set(run.audience(one.item, SIZE).members["user"])
        assert one.overlap.share == pytest.approx(len(mine & theirs) / SIZE)
        assert one.overlap.jaccard == pytest.approx(len(mine & theirs) / len(mine | theirs))
        assert 0 <= one.overlap.jaccard <= one.overlap.share <= 1
        assert one.name == f"Title of {one.item}"


def test_expected_precision_never_rises_with_depth_and_is_worked_out_by_hand(run: Run) -> None:
    audience = run.audience(POPULAR, SIZE)
    assert audience.expected is not None
    assert [one.best for one in audience.expected] == [5, 12, 25, 50]
    precisions = [one.precision for one in audience.expected]
    assert precisions == sorted(precisions, reverse=True)
    assert precisions[-1] > audience.expected[-1].random > 0
    metrics = run.lookalikes.metrics
    assert audience.seeds >= metrics["bounds"]["head"]
    later = audience.seeds * metrics["expected"]["later_per_seed"]["head"]
    curve = np.array(metrics["curves"]["ralm"]["head"])
    within = np.interp(SIZE / audience.reachable, curve[:, 0], curve[:, 1])
    assert precisions[-1] == pytest.approx(later * within / SIZE)
    assert audience.expected[-1].random == pytest.approx(later / audience.reachable)


def test_one_seed_is_enough_and_is_not_described(run: Run) -> None:
    audience = run.audience(ONE_SEED, SIZE)
    assert (audience.seeds, len(audience.members)) == (1, SIZE)
    assert [(group.few, group.seeds, group.pulled, group.common) for group in audience.groups] == [(True, 1, SIZE, [])]
    assert audience.members["cluster"].unique().to_list() == [0]


def test_fewer_seeds_than_clusters_are_enough(run: Run) -> None:
    audience = run.audience(FEW_SEEDS, SIZE)
    assert audience.seeds == 3 < CLUSTERS
    assert (audience.members["cluster"] < 3).all()
    assert sum(len(group.common) for group in audience.groups) == 0


def test_a_seed_who_came_after_training_is_known_by_what_he_clicked(run: Run) -> None:
    """What he clicked has vectors, and the latest crowd holds everyone."""
    crowd = run.lookalikes.crowd("latest", run.lookalikes.merge)
    assert set(crowd.users) == set(events_of(run)["user"])
    assert NEWCOMER not in run.lookalikes.crowd("test", run.lookalikes.merge).users
    assert NEWCOMER in seeds_of(run, POPULAR)
    audience = run.audience(POPULAR, SIZE)
    assert (audience.seeds, audience.left_out) == (len(seeds_of(run, POPULAR)), 0)


def test_a_seed_of_whom_nothing_is_known_is_left_out_and_counted(run: Run) -> None:
    audience = run.audience(MIXED, SIZE)
    assert len(seeds_of(run, MIXED)) == 3
    assert (audience.seeds, audience.left_out) == (2, 1)
    assert sum(group.seeds for group in audience.groups) == 2


def test_an_audience_does_not_hang_on_the_seeds_of_another_item(run: Run) -> None:
    """Of those who clicked the item most clicked, too, another of whose seeds nothing is known: it has no audience."""
    audience = run.audience(BESIDE, SIZE)
    assert (audience.seeds, audience.left_out, len(audience.members)) == (1, 6, SIZE)


def test_nobody_of_whom_nothing_is_known_is_in_an_audience(run: Run) -> None:
    """Nothing can be said of whom he is like, as seeds like him are left out."""
    members = run.audience(HOSTILE[0], SIZE).members
    assert members.filter(pl.col("user").str.starts_with("stranger")).rows() == []


def test_seeds_who_have_nothing_in_common_are_not_called_few(run: Run) -> None:
    (group,) = run.audience(PLAIN, SIZE).groups
    assert (group.seeds, group.common, group.few) == (6, [], False)


def test_all_who_have_not_met_it_can_be_had_and_not_one_more(run: Run) -> None:
    most = run.audience(POPULAR, SIZE).reachable
    assert len(run.audience(POPULAR, most).members) == most
    with pytest.raises(AudienceError, match=f"audience of {most + 1} was asked for, but only {most} users are not"):
        run.audience(POPULAR, most + 1)


def test_an_id_may_be_a_number(run: Run) -> None:
    with pytest.raises(UnknownItemError, match="item '7' is not in the log; ids look like "):
        run.audience(7, SIZE)


@pytest.mark.parametrize(("size", "minimum"), [(0, 0), (-3, -5)])
def test_an_audience_of_nobody_is_refused_whatever_the_minimum(run: Run, size: int, minimum: int) -> None:
    with pytest.raises(AudienceError, match=f"audience of {size} "):
        run.audience(POPULAR, size, minimum=minimum)


def test_a_smaller_minimum_may_be_asked_for(run: Run) -> None:
    members = run.audience(POPULAR, 7, minimum=7).members
    assert members.equals(run.audience(POPULAR, SIZE).members.head(7))


def spoilt_vectors(run: Run, folder: Path) -> tuple[Run, str]:
    """A copy in which the vectors of two users are NaN, and the first of them."""
    copy = copied(run, folder)
    spoil(copy.folder / "lookalike" / "crowd" / "latest-attention.safetensors", "vectors", slice(3, 5))
    return copy, copy.lookalikes.crowd("latest", copy.lookalikes.merge).users[3]


def test_vectors_that_are_not_finite_are_refused_and_counted(run: Run, tmp_path: Path) -> None:
    spoilt, user = spoilt_vectors(run, tmp_path / "run")
    with pytest.raises(AudienceError, match=f"the vector of user '{user}' is not finite, .* 2 in all; "):
        spoilt.audience(POPULAR, SIZE)


def test_the_way_out_of_vectors_that_are_not_finite_is_told(run: Run, tmp_path: Path) -> None:
    """`penchant lookalike` alone keeps the weights and vectors that are there, so they have to be removed."""
    spoilt, _ = spoilt_vectors(run, tmp_path / "run")
    with pytest.raises(AudienceError, match=r"remove .*(crowd|lookalike)"):
        spoilt.audience(POPULAR, SIZE)


def test_a_transform_that_is_not_finite_is_refused(run: Run, tmp_path: Path) -> None:
    spoilt = copied(run, tmp_path / "run")
    spoil(spoilt.folder / "lookalike" / "ralm" / "weights.safetensors", "shared.weight")
    with pytest.raises(PenchantError, match=r"not finite.* train again"):
        spoilt.audience(POPULAR, SIZE)


@pytest.mark.parametrize("name", ["local.weight", "wide.project.weight", "wide.weigh.weight"])
def test_attention_that_is_not_finite_is_not_taken_for_a_lack_of_users(run: Run, tmp_path: Path, name: str) -> None:
    spoilt = copied(run, tmp_path / "run")
    spoil(spoilt.folder / "lookalike" / "ralm" / "weights.safetensors", name)
    with pytest.raises(PenchantError, match="not finite"):
        spoilt.audience(POPULAR, SIZE)


def test_what_is_written_is_the_members_and_the_same_each_time(run: Run, tmp_path: Path) -> None:
    audience = run.audience(POPULAR, SIZE)
    path = write_audience(audience, tmp_path / "one")
    again = write_audience(Run.open(run.folder).audience(POPULAR, SIZE), tmp_path / "two")
    assert (path.name, again.name) == ("i0-0.parquet", "i0-0.parquet")
    assert path.read_bytes() == again.read_bytes()
    written = pl.read_parquet(path)
    assert written.equals(audience.members)
    assert written.schema == {"rank": pl.Int64, "user": pl.String, "score": pl.Float32, "cluster": pl.Int32}


def test_any_item_becomes_one_file_in_the_folder(run: Run, tmp_path: Path) -> None:
    """Whatever the id looks like, and however long it is; and no two share a name."""
    wanted = [*HOSTILE, POPULAR]
    paths = [write_audience(run.audience(item, SIZE), tmp_path / "audiences") for item in wanted]
    assert sorted(paths) == sorted((tmp_path / "audiences").iterdir())
    assert len(set(paths)) == len(wanted)
    assert list(tmp_path.iterdir()) == [tmp_path / "audiences"]
    for path in paths:
        assert path.name.isprintable()
        assert len(path.name) <= 255
        assert len(pl.read_parquet(path)) == SIZE


def test_long_items_that_begin_alike_have_different_files(run: Run, tmp_path: Path) -> None:
    audience = run.audience(LONG, SIZE)
    other = write_audience(replace(audience, item=LONG + "y"), tmp_path)
    assert write_audience(audience, tmp_path) != other


def test_the_item_to_show_is_the_most_clicked_of_the_lowest_third(run: Run) -> None:
    item = some_item(run.lookalikes)
    vocabulary = pl.read_parquet(run.folder / "lookalike" / "prepared" / "vocabulary" / "item.parquet")
    counts = sorted(vocabulary["count"])
    assert vocabulary.filter(pl.col("value") == item)["count"].item() == counts[(len(counts) - 1) // 3]
    assert counts[0] < counts[(len(counts) - 1) // 3] < counts[-1]
    assert len(run.audience(item, SIZE).members) == SIZE
