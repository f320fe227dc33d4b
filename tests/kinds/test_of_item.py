"""The audience of one item, made by a trained run: who is in it, what it says of itself, and when it is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from penchant.audiences.expected import ExpectedPrecision
from penchant.audiences.of_item import NEIGHBOURS, write_audience
from penchant.choices import MIN_AUDIENCE
from penchant.errors import AudienceError, ConfigError, PenchantError, UnknownItemError
from penchant.features.shards import open_shards
from penchant.kinds.of_item import some_item
from penchant.models.lookalikes.promise import Candidate
from penchant.models.parts.clusters import kmeans
from penchant.pipeline import Run
from penchant.runfile import ALL
from tests.helpers.lookalike_runs import (
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
    choose,
    copied,
    events_of,
    outdone,
    spoil,
    trained,
)

SIZE = MIN_AUDIENCE
FEW = 5
"""Yahoo has a score for few users of this log."""


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
    whole = run.audience(item, run.audience(item, SIZE, minimum=1).reachable, minimum=1).members
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
    assert (
        run.audience(POPULAR, 80, minimum=1).members.head(SIZE).equals(run.audience(POPULAR, SIZE, minimum=1).members)
    )


@pytest.mark.parametrize("item", [FEW_SEEDS, POPULAR])
def test_scores_are_those_of_a_plain_recomputation(run: Run, item: str) -> None:
    """Eq. 2 and 9-11 in so many lines, from vectors and weights as they lie on disk."""
    user_NX = load_file(run.place_of("users") / "crowd" / "latest.safetensors")["vectors"].double()
    users = pl.concat(
        [shard.users for shard in open_shards(run.prepared("periods").folder, "latest", "item")]
    ).to_list()
    weight = {name: value.double() for name, value in load_file(run.place_of("ralm") / "weights.safetensors").items()}
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

    members = run.audience(item, SIZE, minimum=1).members
    told = dict(zip(users, score_N.tolist(), strict=True))
    np.testing.assert_allclose(members["score"], [told[user] for user in members["user"]], atol=2e-5)
    out = {*events_of(run).filter(pl.col("item") == item)["user"], *members["user"]}
    left = [told[user] for user in users if user not in out and not user.startswith("stranger")]
    assert max(left) <= members["score"][-1] + 2e-5, "somebody better was left out"
    assert np.ptp(score_N.numpy()) > 0.1


def test_seeds_and_those_they_pulled_in_add_up(run: Run) -> None:
    for item in (POPULAR, FEW_SEEDS, PLAIN, "i2-7"):
        audience = run.audience(item, SIZE, minimum=1)
        assert audience.seeds == len(seeds_of(run, item))
        assert sum(group.seeds for group in audience.groups) == audience.seeds
        assert sum(group.pulled or 0 for group in audience.groups) == SIZE
        told = [(one.seeds, one.users) for group in audience.groups for one in group.traits]
        assert all(0 < users < seeds <= 1 for seeds, users in told)
    assert {one.name[:2] for group in run.audience("i2-7", SIZE, minimum=1).groups for one in group.traits} == {"t2"}


def test_neighbours_are_what_most_seeds_clicked_too_and_overlap_as_their_audiences_do(run: Run) -> None:
    audience, events = run.audience(POPULAR, SIZE, minimum=1), events_of(run)
    seeds = pl.Series(sorted(seeds_of(run, POPULAR)))
    others = events.filter(pl.col("user").is_in(seeds.implode()), "clicked", pl.col("item") != POPULAR)
    counts = others.unique(["user", "item"])["item"].value_counts().sort("count", "item", descending=[True, False])
    assert [(one.item, one.seeds) for one in audience.neighbours] == counts.head(NEIGHBOURS).rows()
    mine = set(audience.members["user"])
    for one in audience.neighbours:
        theirs = set(run.audience(one.item, SIZE, minimum=1).members["user"])
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
    audience = run.audience(ONE_SEED, SIZE, minimum=1)
    assert (audience.seeds, len(audience.members)) == (1, SIZE)
    assert [(group.few, group.seeds, group.pulled, group.traits) for group in audience.groups] == [(True, 1, SIZE, ())]
    assert audience.members["cluster"].unique().to_list() == [0]


def test_fewer_seeds_than_clusters_are_enough(run: Run) -> None:
    audience = run.audience(FEW_SEEDS, SIZE, minimum=1)
    assert audience.seeds == 3 < CLUSTERS
    assert (audience.members["cluster"] < 3).all()
    assert sum(len(group.traits) for group in audience.groups) == 0


def test_a_seed_who_came_after_training_is_known_by_what_they_clicked(run: Run) -> None:
    """What the user clicked has vectors, and the latest crowd holds everyone."""
    crowd = run.lookalikes.crowd("latest", "ralm")
    assert set(crowd.users) == set(events_of(run)["user"])
    assert NEWCOMER not in run.lookalikes.crowd("test", "ralm").users
    assert NEWCOMER in seeds_of(run, POPULAR)
    audience = run.audience(POPULAR, SIZE)
    assert (audience.seeds, audience.left_out) == (len(seeds_of(run, POPULAR)), 0)


def test_a_seed_of_whom_nothing_is_known_is_left_out_and_counted(run: Run) -> None:
    audience = run.audience(MIXED, SIZE, minimum=1)
    assert len(seeds_of(run, MIXED)) == 3
    assert (audience.seeds, audience.left_out) == (2, 1)
    assert sum(group.seeds for group in audience.groups) == 2


def test_an_audience_does_not_hang_on_the_seeds_of_another_item(run: Run) -> None:
    """Of those who clicked the item most clicked, too, another of whose seeds nothing is known: it has no audience."""
    audience = run.audience(BESIDE, SIZE, minimum=1)
    assert (audience.seeds, audience.left_out, len(audience.members)) == (1, 6, SIZE)


def test_nobody_of_whom_nothing_is_known_is_in_an_audience(run: Run) -> None:
    """Nothing can be said of whom the user is like, because seeds like them are left out."""
    members = run.audience(HOSTILE[0], SIZE, minimum=1).members
    assert members.filter(pl.col("user").str.starts_with("stranger")).rows() == []


def test_seeds_who_have_nothing_in_common_are_not_called_few(run: Run) -> None:
    (group,) = run.audience(PLAIN, SIZE, minimum=1).groups
    assert (group.seeds, group.traits, group.few) == (6, (), False)


def test_all_who_have_not_met_it_can_be_had_and_not_one_more(run: Run) -> None:
    most = run.audience(POPULAR, SIZE, minimum=1).reachable
    assert len(run.audience(POPULAR, most, minimum=1).members) == most
    with pytest.raises(AudienceError, match=f"audience of {most + 1} was asked for, but only {most} users are not"):
        run.audience(POPULAR, most + 1, minimum=1)


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
    spoil(copy.place_of("users") / "crowd" / "latest.safetensors", "vectors", slice(3, 5))
    return copy, copy.lookalikes.crowd("latest", "ralm").users[3]


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
    spoil(spoilt.folder / "models" / "ralm" / "weights.safetensors", "shared.weight")
    with pytest.raises(PenchantError, match=r"not finite.* train again"):
        spoilt.audience(POPULAR, SIZE)


@pytest.mark.parametrize("name", ["local.weight", "wide.project.weight", "wide.weigh.weight"])
def test_attention_that_is_not_finite_is_not_taken_for_a_lack_of_users(run: Run, tmp_path: Path, name: str) -> None:
    spoilt = copied(run, tmp_path / "run")
    spoil(spoilt.folder / "models" / "ralm" / "weights.safetensors", name)
    with pytest.raises(PenchantError, match="not finite"):
        spoilt.audience(POPULAR, SIZE)


@pytest.fixture(scope="session")
def beaten(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Logistic regression is better than RALM, all of whose scores are the same."""
    return outdone(tmp_path_factory)


def test_what_won_on_validation_candidates_makes_audiences(run: Run, beaten: Run) -> None:
    for one, name in ((run, "ralm"), (beaten, "lr")):
        audience = one.audience(POPULAR, SIZE)
        assert (one.lookalikes.choice.name, audience.by, audience.silent) == (name, name, ())
        assert audience.chosen == one.lookalikes.choice.made
        assert audience.members.equals(one.audience(POPULAR, SIZE, by=audience.by).members)
    assert beaten.lookalikes.choice.scores["lr"].mean > beaten.lookalikes.choice.scores["ralm"].mean + 0.1


@pytest.mark.parametrize("name", ["ralm", *ALL])
def test_any_scorer_of_the_run_makes_an_audience_by_its_own_scores(run: Run, name: str) -> None:
    """Its members are the best of all who are open, with the scores that it gives them."""
    lookalike = run.lookalikes
    crowd = lookalike.crowd("latest", name)
    events = events_of(run).filter(pl.col("item") == POPULAR)
    row_S = np.array([crowd.users.index_of(user) for user in sorted(seeds_of(run, POPULAR))])
    likeness = lookalike.scorer(name).liken(Candidate(lookalike.ground.items.id(POPULAR), row_S), crowd)
    score_N = likeness.scores(np.arange(len(crowd)))
    open_N = (crowd.values.lengths > 0) & ~crowd.users.is_in(events["user"].implode()).to_numpy()
    members = run.audience(POPULAR, FEW, by=name, minimum=FEW).members
    score_B = np.sort(score_N[open_N & ~np.isnan(score_N)])[::-1][:FEW]
    np.testing.assert_allclose(members["score"], score_B, atol=1e-5)
    told = dict(zip(crowd.users, score_N, strict=True))
    np.testing.assert_allclose(members["score"], [told[user] for user in members["user"]], atol=1e-5)


def test_what_to_expect_is_read_of_the_scorer_that_makes_the_audience(run: Run) -> None:
    metrics = run.lookalikes.metrics
    for name in run.lookalikes.names:
        audience = run.audience(POPULAR, FEW, by=name, minimum=FEW)
        expects = ExpectedPrecision.read(metrics, name)
        assert expects
        assert audience.expected == expects.of(seeds=audience.seeds, size=FEW, reachable=audience.reachable)
    precisions = {run.audience(POPULAR, SIZE, by=name).expected[-1].precision for name in ("ralm", "popularity")}  # type: ignore[index]
    assert len(precisions) == 2


def test_who_knows_no_clusters_says_what_all_seeds_have_in_common_and_names_no_cluster(beaten: Run) -> None:
    audience = beaten.audience(POPULAR, SIZE)
    (group,) = audience.groups
    assert (group.seeds, group.pulled, group.few) == (audience.seeds, None, False)
    assert {one.name[:2] for one in group.traits} == {"t0", "lo"}
    assert audience.members.columns == ["rank", "user", "score"]
    (alone,) = beaten.audience(ONE_SEED, SIZE, minimum=1).groups
    assert (alone.seeds, alone.pulled, alone.few, alone.traits) == (1, None, True, ())


@pytest.mark.parametrize("name", ["ralm", "average", "lr", "popularity"])
def test_scores_that_tell_nobody_apart_are_said_to_have_collapsed(run: Run, beaten: Run, name: str) -> None:
    """Popularity scores all users of an item the same."""
    for one in (run, beaten):
        spread = one.audience(POPULAR, SIZE, by=name).spread
        assert spread is not None
        assert spread.collapsed is (name == "popularity" or (one is beaten and name != "lr"))


def test_of_all_candidates_that_were_measured_it_is_counted_whose_scores_have_collapsed(beaten: Run) -> None:
    shares = {name: its["collapsed"]["mean"] for name, its in beaten.lookalikes.metrics["scores"].items()}
    assert shares == {"ralm": 1.0, "average": 1.0, "youtube": 0.0, "lr": 0.0, "popularity": 1.0}


def test_where_the_winner_can_say_nothing_of_an_item_the_next_that_can_makes_its_audience(
    beaten: Run, tmp_path: Path
) -> None:
    """An inner product knows no item that is younger than its vectors."""
    copy = copied(beaten, tmp_path / "run")
    choose(copy, name="youtube")
    assert copy.audience(POPULAR, SIZE).by == "youtube"
    audience = copy.audience(ONE_SEED, SIZE, minimum=1)
    assert (audience.by, audience.silent) == ("lr", ("youtube",))
    assert audience.members.equals(beaten.audience(ONE_SEED, SIZE, by="lr", minimum=1).members)
    with pytest.raises(AudienceError, match=r"only 0 users are not reached yet and have a score, \d+ have none"):
        copy.audience(ONE_SEED, SIZE, by="youtube", minimum=1)


def test_a_scorer_that_the_run_does_not_measure_is_refused_by_name(beaten: Run) -> None:
    said = r"by = 'yahoo' is no look-alike of .*, which measures ralm, average, youtube, lr, popularity; add a section"
    with pytest.raises(ConfigError, match=said):
        beaten.audience(POPULAR, SIZE, by="yahoo", minimum=1)


def test_who_scores_but_some_of_the_users_says_of_how_many_the_others_are(run: Run) -> None:
    """Yahoo scores those who share a bucket with a seed."""
    most = run.audience("i1-5", 1, by="yahoo", minimum=1).reachable
    with pytest.raises(AudienceError, match=r"only \d+ users are .* have a score, .* none; .* ask another scorer"):
        run.audience("i1-5", most, by="yahoo", minimum=1)


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
    paths = [write_audience(run.audience(item, SIZE, minimum=1), tmp_path / "audiences") for item in wanted]
    assert sorted(paths) == sorted((tmp_path / "audiences").iterdir())
    assert len(set(paths)) == len(wanted)
    assert list(tmp_path.iterdir()) == [tmp_path / "audiences"]
    for path in paths:
        assert path.name.isprintable()
        assert len(path.name) <= 255
        assert len(pl.read_parquet(path)) == SIZE


def test_long_items_that_begin_alike_have_different_files(run: Run, tmp_path: Path) -> None:
    audience = run.audience(LONG, SIZE, minimum=1)
    other = write_audience(replace(audience, item=LONG + "y"), tmp_path)
    assert write_audience(audience, tmp_path) != other


def test_the_item_to_show_is_the_most_clicked_of_the_lowest_third(run: Run) -> None:
    item = some_item(run.lookalikes)
    vocabulary = pl.read_parquet(run.folder / "prepared" / "periods" / "vocabulary" / "item.parquet")
    counts = sorted(vocabulary["count"])
    assert vocabulary.filter(pl.col("value") == item)["count"].item() == counts[(len(counts) - 1) // 3]
    assert counts[0] < counts[(len(counts) - 1) // 3] < counts[-1]
    assert len(run.audience(item, SIZE, minimum=1).members) == SIZE
