"""Which scorer makes audiences: what it is asked, what decides, and that chance does not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from penchant.errors import MissingStepError
from penchant.evaluation.choice import FEWEST, PARTS, CandidateMean, Choice, Trial, trial_of, without
from penchant.evaluation.choice import choose as chosen_of
from penchant.evaluation.metrics import auc
from penchant.evaluation.protocols.lookalikes import score_pairs
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import Ragged
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike

USERS = 400


def choose(values: Mapping[str, np.ndarray], *, crossed: bool) -> Choice:
    """Beside RALM, where RALM and its average can be live."""
    return chosen_of(values, reference="ralm", live=("ralm", "average"), crossed=crossed)


def crowd() -> Crowd:
    """Each user's vector is one number, how much they are of the kind of even items."""
    own_N = np.random.default_rng(5).normal(size=USERS).astype(np.float32)
    nothing = Ragged(np.zeros(USERS + 1, np.int64), np.zeros(0, np.int32))
    return Crowd(pl.Series([f"u{number}" for number in range(USERS)]), own_N[:, None], nothing, 0)


def rounds_of(items: int, *, rounds: int = 2, seed: int = 0) -> list[Round]:
    """In each round two users click an item, and four stand against them: who clicks an even item has a larger number
    than others, mostly; who clicks an odd one a smaller."""
    rng, own_N = np.random.default_rng(seed), crowd().vectors_NX[:, 0]
    found = []
    for number in range(rounds):
        candidate_L = np.repeat(np.arange(items), 6)
        user_L = rng.integers(USERS, size=len(candidate_L)).astype(np.int32)
        sign_L = np.where(candidate_L % 2, -1, 1)
        liking_L = own_N[user_L] * sign_L + rng.normal(size=len(user_L))
        clicked_L = np.zeros(len(user_L), bool)
        for item in range(items):
            clicked_L[item * 6 + np.argsort(-liking_L[item * 6 : item * 6 + 6])[:2]] = True
        seeds = Ragged(np.arange(items + 1), rng.integers(USERS, size=items).astype(np.int32))
        names = pl.Series([f"i{item}" for item in range(items)])
        found.append(Round(float(number), np.arange(2, items + 2), names, seeds, candidate_L, user_L, clicked_L))
    return found


class Knowing(LookAlike, Likeness):
    """Knows what even and odd items are, but sees each user's number through so much noise."""

    def __init__(self, noise: float, *, seed: int = 0) -> None:
        self.noise_N = noise * np.random.default_rng([seed, 9]).normal(size=USERS)
        self.sign, self.own_N = 1, np.zeros(USERS)

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        self.sign, self.own_N = -1 if candidate.item % 2 else 1, crowd.vectors_NX[:, 0]
        return self

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        return (self.sign * self.own_N + self.noise_N)[rows_B].astype(np.float32)


def asked(trial: Trial | int, lookalike: LookAlike) -> np.ndarray:
    assert isinstance(trial, Trial)
    return trial.values([score_pairs(lookalike, crowd(), part.rounds) for part in trial.parts])


def items_of(trial: Trial | int) -> list[set[str]]:
    """Of each part, the items that are asked about."""
    assert isinstance(trial, Trial)
    return [
        {one.names[int(candidate)] for one in part.rounds for candidate in np.unique(one.candidate_L)}
        for part in trial.parts
    ]


def held(names: Sequence[int]) -> frozenset[str]:
    return frozenset(f"i{number}" for number in names)


def test_items_that_teach_nothing_decide_alone_where_they_are_enough() -> None:
    trial = trial_of(rounds_of(90), held(range(30)), seed=0, enough=30)
    assert isinstance(trial, Trial)
    assert (items_of(trial), trial.crossed) == ([set(held(range(30)))], False)
    assert [part.names for part in trial.parts] == [frozenset()]


def test_where_they_are_too_few_the_others_do_and_each_part_has_taught_nothing_of_itself() -> None:
    trial = trial_of(rounds_of(90), held(range(8)), seed=0)
    assert isinstance(trial, Trial)
    assert trial.crossed
    assert set.union(*items_of(trial)) == held(range(8, 90))
    assert [part.names for part in trial.parts] == items_of(trial)
    assert sum(map(len, items_of(trial))) == trial.items == 82
    assert len(trial.parts) == PARTS
    for part in trial.parts:
        taught = without(rounds_of(90), part.names)
        assert not {one.names[int(number)] for one in taught for number in one.candidate_L} & part.names


def test_without_changes_nothing_but_labels_and_drops_rounds_that_have_none() -> None:
    one, other = rounds_of(3)
    (kept,) = without([one, replace(other, **{name: getattr(other, name)[:6] for name in LABELS})], held([0]))
    assert kept.user_L.tolist() == one.user_L[6:].tolist()
    assert kept.clicked_L.tolist() == one.clicked_L[6:].tolist()
    assert (kept.names.to_list(), kept.seeds) == (one.names.to_list(), one.seeds)


LABELS = ("candidate_L", "user_L", "clicked_L")


def test_candidates_of_one_kind_of_label_or_without_seeds_are_not_asked_about() -> None:
    (one,) = rounds_of(60, rounds=1)
    clicked_L = one.clicked_L & (one.candidate_L != 3) | (one.candidate_L == 4)
    lengths = np.ones(60, np.int64)
    lengths[5] = 0
    seeds = Ragged(np.concatenate([[0], np.cumsum(lengths)]), one.seeds.values[:59])
    found: list[set[str]] = items_of(trial_of([replace(one, clicked_L=clicked_L, seeds=seeds)], frozenset(), seed=0))
    assert set(held(range(60))) - set[str]().union(*found) == held([3, 4, 5])


@pytest.mark.parametrize(("items", "few"), [(FEWEST - 1, True), (FEWEST, False)])
def test_of_too_few_candidates_their_number_comes_back(items: int, few: bool) -> None:
    trial = trial_of(rounds_of(items), frozenset(), seed=0)
    assert (trial == items) is few
    assert isinstance(trial, Trial) is not few


def test_all_items_are_asked_about_in_one_round_before_any_in_a_second() -> None:
    for most, slots in ((25, 25), (40, 40), (70, 70)):
        trial = trial_of(rounds_of(40), frozenset(), seed=1, most=most)
        assert isinstance(trial, Trial)
        assert sum(len(part.item_S) for part in trial.parts) == slots
        assert trial.items == min(40, most)
        for part in trial.parts:
            assert part.names >= {one.names[int(number)] for one in part.rounds for number in one.candidate_L}
            assert part.slot_L.max() + 1 == len(part.item_S)


def test_a_value_is_the_share_of_duels_that_an_item_wins_in_all_its_rounds() -> None:
    rounds, knows = rounds_of(30), Knowing(1.0)
    trial = trial_of(rounds, frozenset(), seed=0)
    names = sorted(f"i{number}" for number in range(30))
    values = dict(zip(names, asked(trial, knows).tolist(), strict=True))
    for number in (0, 7, 29):
        won = []
        for one in rounds:
            own_L = one.candidate_L == number
            scores_L = knows.liken(Candidate(number + 2, one.seeds.values[:1]), crowd()).scores(one.user_L[own_L])
            won.append(auc(scores_L, one.clicked_L[own_L]))
        assert values[f"i{number}"] == pytest.approx(np.mean(won))


def test_who_ranks_nobody_wins_half_of_the_duels_and_never_the_choice() -> None:
    trial = trial_of(rounds_of(200), frozenset(), seed=0)
    level, backwards = asked(trial, Popular()), 1 - asked(trial, Knowing(0.1))
    assert level.tolist() == [0.5] * 200
    assert choose({"ralm": backwards, "popularity": level}, crossed=False).name == "ralm"


def test_the_choice_is_the_same_from_seed_to_seed_where_one_is_better() -> None:
    """Whatever labels, candidates and noise are drawn, of 60 candidates with two clicks a round."""
    chosen = []
    for seed in range(20):
        trial = trial_of(rounds_of(60, seed=seed), frozenset(), seed=seed)
        noises: dict[str, float] = {"ralm": 3.0, "average": 1.2, "yahoo": 1.2, "lr": 0.2}
        values = {name: asked(trial, Knowing(noise, seed=seed)) for name, noise in noises.items()}
        chosen.append((choose(values, crossed=True).name, choose(values, crossed=True).live))
    assert set(chosen) == {("lr", "average")}


def test_between_equals_the_default_stays_almost_always() -> None:
    """Ahead by chance alone, one is by more than a standard error in a sixth of all cases; most are not."""
    rng = np.random.default_rng(0)
    names = [
        choose({"ralm": rng.normal(0.6, 0.2, 80), "lr": rng.normal(0.6, 0.2, 80)}, crossed=False).name
        for _ in range(400)
    ]
    assert 0.10 < names.count("lr") / len(names) < 0.22


def test_another_takes_its_place_only_where_it_is_ahead_by_more_than_a_standard_error() -> None:
    even = np.tile([-1.0, 1.0], 50)
    error = even.std(ddof=1) / 10
    for ahead, name in ((0.99 * error, "ralm"), (1.01 * error, "lr")):
        found = choose({"ralm": np.zeros(100), "lr": even + ahead}, crossed=False)
        assert found.name == name
        assert found.scores["lr"].error == pytest.approx(error)


def test_the_winner_has_to_be_ahead_of_the_best_live_one() -> None:
    spread = np.random.default_rng(0).normal(size=400) / 10
    values: dict[str, np.ndarray] = {
        "ralm": np.full(400, 0.5),
        "average": np.full(400, 0.6) + spread,
        "lr": np.full(400, 0.6) + spread[::-1],
    }
    found = choose(values, crossed=False)
    assert (found.name, found.live, found.behind) == ("average", "average", None)
    clear = choose({**values, "lr": np.full(400, 0.7)}, crossed=False)
    assert (clear.name, clear.live) == ("lr", "average")
    assert clear.behind == clear.ahead["average"]
    assert clear.behind.mean == pytest.approx(0.7 - values["average"].mean())
    assert clear.order == ["lr", "average", "ralm"]


def test_a_choice_is_read_as_it_was_written_and_an_earlier_file_says_what_to_do() -> None:
    scores: dict[str, CandidateMean] = {"ralm": CandidateMean(0.6, 0.01), "lr": CandidateMean(0.7, 0.02)}
    found = Choice("ralm", "lr", "ralm", 150, True, scores, {"ralm": CandidateMean(0.1, 0.02)})
    assert Choice.read({"chosen": asdict(found)}, "runs/one") == found
    with pytest.raises(
        MissingStepError, match=r"look-alikes of runs/one .* earlier .*; run `penchant evaluate runs/one`"
    ):
        Choice.read({"scores": {}}, "runs/one")


def test_the_words_name_the_winner_and_say_how_far_the_live_one_is_behind() -> None:
    scores: dict[str, CandidateMean] = {"ralm": CandidateMean(0.59, 0.01), "lr": CandidateMean(0.695, 0.02)}
    found = Choice("ralm", "lr", "ralm", 150, False, scores, {"ralm": CandidateMean(0.105, 0.02)})
    assert found.made == (
        "Audiences are made by logistic regression: on 150 validation candidates it has AUC within items "
        "0.695 ± 0.020; RALM has 0.590 ± 0.010."
    )
    assert found.served == (
        "Live scores and audiences are made by RALM, the best of those that can follow new clicks. On 150 validation "
        "candidates logistic regression is ahead of it by 0.105 ± 0.020 in AUC within items, clearly."
    )
    close = replace(found, ahead={"ralm": CandidateMean(0.015, 0.02)})
    assert close.served.endswith("ahead of it by 0.015 ± 0.020 in AUC within items, not clearly.")
    won = choose({"ralm": np.full(50, 0.7), "lr": np.full(50, 0.6)}, crossed=False)
    assert "nothing is ahead of it by more than a standard error; logistic regression comes next" in won.made
    assert won.served == "Live scores and audiences are made by RALM, which won on validation candidates."
    assert Choice.unmeasured(3, "ralm", ["ralm"]).served == "Live scores and audiences are made by RALM."
    assert (
        Choice.unmeasured(0, "ralm", ["ralm"]).made
        == "Audiences are made by RALM: no other scorer was measured beside it."
    )


def test_none_is_live_where_none_can_follow_new_clicks() -> None:
    found = chosen_of({"alike": np.full(50, 0.7), "lr": np.full(50, 0.6)}, reference="alike", live=[], crossed=False)
    assert (found.name, found.live, found.behind) == ("alike", None, None)
    assert "alike" in found.made
    for one in (found, Choice.unmeasured(3, "alike", [])):
        assert one.served.startswith("No scores are live: only RALM and its average follow new clicks")
        assert 'add a model with name = "ralm"' in one.served
        assert "alike makes audiences offline" in one.served
    assert Choice.read({"chosen": asdict(found)}, "runs/one") == found


def test_a_reference_that_is_not_live_stays_unless_another_is_ahead_and_the_best_live_one_is_served() -> None:
    values: dict[str, np.ndarray] = {"alike": np.full(50, 0.7), "ralm": np.full(50, 0.6), "average": np.full(50, 0.65)}
    found = chosen_of(values, reference="alike", live=["ralm", "average"], crossed=False)
    assert (found.name, found.live) == ("alike", "average")
    assert found.behind is not None
    assert found.behind.mean == pytest.approx(0.05)
    level = chosen_of({**values, "ralm": np.full(50, 0.7)}, reference="alike", live=["ralm", "average"], crossed=False)
    assert (level.name, level.live) == ("alike", "ralm")
    assert Choice.unmeasured(3, "alike", ["ralm"]).live == "ralm"
