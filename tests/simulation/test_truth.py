"""The feed follows its stated law: checked on what it writes, with chances worked out here in plain Python."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.choices import Rule
from penchant.files import read_json
from penchant.simulation.blocks import DAY_S, FIRST_S
from penchant.simulation.config import SimulationConfig
from penchant.simulation.simulate import simulate
from tests.simulation.worlds import small


def still(**changes: Any) -> SimulationConfig:
    """A world in which nobody changes, so that the interests of the last day held on every day."""
    return small(users=600, users_per_shard=600, drift=0.0, replaced=0.0, **changes)


def chance(rule: Rule, weights: list[float], sharpness: float, rest: float) -> float:
    """Of a click on an article that is looked at, by the stated rule; `rest`: bias and appeal."""
    if rule == "sum":
        return 1 / (1 + math.exp(-rest - sum(weights)))
    looks = [math.exp(sharpness * weight) for weight in weights]
    clicks = [1 / (1 + math.exp(-rest - weight)) for weight in weights]
    return sum(look * click for look, click in zip(looks, clicks, strict=True)) / sum(looks)


def expected(feed: Path, config: SimulationConfig) -> list[tuple[float, float, int, float]]:
    """Per impression: chance of a click, 0 or 1, position, the sum of the user's weights."""
    bias = read_json(feed / "truth" / "world.json")["bias"]
    tags = dict(pl.read_parquet(feed / "items.parquet").select("item", "tags").iter_rows())
    appeal = dict(pl.read_parquet(feed / "truth" / "items.parquet").iter_rows())
    weight: dict[int, dict[str, float]] = defaultdict(dict)
    for user, tag, _, last in pl.read_parquet(feed / "truth" / "interests" / "*.parquet").iter_rows():
        weight[user][f"t{tag}"] = last
    rules: list[Rule] = ["sum", "one"] if config.rule == "mixed" else [config.rule]
    rows = []
    for user, item, _, position, clicked in pl.read_parquet(feed / "events" / "*.parquet").iter_rows():
        weights = [weight[user].get(tag, 0.0) for tag in tags[item]]
        chances = [chance(rule, weights, config.sharpness, bias[rule] + config.appeal * appeal[item]) for rule in rules]
        looks = position**-config.examination
        rows.append((looks * sum(chances) / len(rules), float(clicked), position, sum(weights)))
    return rows


@pytest.mark.parametrize("rule", ["sum", "one", "mixed"])
def test_clicks_are_as_frequent_as_the_rule_says(tmp_path: Path, rule: Rule) -> None:
    config = still(rule=rule)
    rows = expected(simulate(config, tmp_path).folder, config)
    groups: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for wanted, clicked, position, interest in rows:
        groups["position", position].append((wanted, clicked))
        groups["interest", min(6, max(-3, round(interest)))].append((wanted, clicked))
    assert len(groups) > 15
    for name, pairs in groups.items():
        surprise = sum(clicked - wanted for wanted, clicked in pairs)
        spread = math.sqrt(sum(wanted * (1 - wanted) for wanted, _ in pairs))
        assert abs(surprise) < 4 * spread + 1, name
    assert sum(clicked for _, clicked, _, _ in rows) / len(rows) == pytest.approx(config.click_rate, abs=0.01)


def test_the_rules_differ_where_an_article_has_two_interests() -> None:
    assert chance("sum", [2.0, 2.0], 1.5, -2.0) == pytest.approx(0.8808, abs=1e-4)
    assert chance("one", [2.0, 2.0], 1.5, -2.0) == pytest.approx(0.5)


def test_positions_are_clicked_less_the_lower_they_are(tmp_path: Path) -> None:
    simulate(small(examination=1.0, click_rate=0.1), tmp_path)
    rate = pl.read_parquet(tmp_path / "events" / "*.parquet").group_by("position").agg(pl.col("clicked").mean())
    found = dict(rate.iter_rows())
    assert found[1] / found[4] == pytest.approx(4, rel=0.25)
    assert found[2] / found[8] == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize(("bias", "low", "high"), [(0.0, 0.8, 1.25), (1.5, 3.0, 100.0)])
def test_articles_of_appeal_are_shown_more_with_popularity_bias_only(
    tmp_path: Path, bias: float, low: float, high: float
) -> None:
    simulate(small(popularity_bias=bias, popular=1.0, targeted=0.0), tmp_path)
    shown = pl.read_parquet(tmp_path / "events" / "*.parquet").group_by("item").len()
    items = pl.read_parquet(tmp_path / "truth" / "items.parquet").join(shown, on="item", how="left").fill_null(0)
    born = pl.read_parquet(tmp_path / "items.parquet").filter(pl.col("born").is_between(0, 3)).select("item")
    items = items.join(born, on="item")
    more, less = (
        float(items.filter(chosen)["len"].sum()) for chosen in (pl.col("appeal") > 0.5, pl.col("appeal") < -0.5)
    )
    assert low < more / less < high


def test_articles_are_shown_from_birth_to_the_end_of_their_life(tmp_path: Path) -> None:
    config = small()
    simulate(config, tmp_path)
    born = pl.read_parquet(tmp_path / "items.parquet").select("item", "born")
    age = (
        pl.read_parquet(tmp_path / "events" / "*.parquet")
        .join(born, on="item")
        .select(((pl.col("time") - FIRST_S) // DAY_S) - pl.col("born"))["time"]
    )
    assert (age.min(), age.max()) == (0, config.life_days - 1)


def test_nothing_is_shown_twice_to_a_user(tmp_path: Path) -> None:
    simulate(small(), tmp_path)
    assert not pl.read_parquet(tmp_path / "events" / "*.parquet").select("user", "item").is_duplicated().any()


def test_articles_are_of_one_topic_but_for_strays_and_have_distinct_tags(tmp_path: Path) -> None:
    simulate(small(off_topic=0.2), tmp_path)
    items = pl.read_parquet(tmp_path / "items.parquet")
    assert (items["tags"].list.n_unique() == 4).all()
    tags = items.select("category", "account", pl.col("tags")).explode("tags")
    own = tags["tags"].str.slice(1).cast(pl.Int64) // 30 == tags["category"].str.slice(1).cast(pl.Int64)
    # A stray comes from its own topic by chance one time in four; repeats shift this a little.
    assert own.mean() == pytest.approx(0.85, abs=0.04)
    assert items.group_by("account").agg(pl.col("category").n_unique())["category"].max() == 1


def test_the_truth_of_a_click_names_the_tag_that_decided(tmp_path: Path) -> None:
    config = still(rule="mixed")
    simulate(config, tmp_path)
    clicks = pl.read_parquet(tmp_path / "truth" / "clicks" / "*.parquet")
    events = pl.read_parquet(tmp_path / "events" / "*.parquet").filter("clicked")
    assert clicks.select("user", "item", "time").equals(events.select("user", "item", "time"))
    interests = pl.read_parquet(tmp_path / "truth" / "interests" / "*.parquet")
    weight = {(user, f"t{tag}"): last for user, tag, _, last in interests.iter_rows()}
    tags = dict(pl.read_parquet(tmp_path / "items.parquet").select("item", "tags").iter_rows())
    for user, item, _, adds, cared, rule in clicks.iter_rows():
        weights = [weight.get((user, tag), 0.0) for tag in tags[item]]
        place = tags[item].index(f"t{cared}")
        if rule == "sum":
            assert adds == weights
            assert weights[place] == max(weights)
        else:
            assert adds == [value if number == place else 0.0 for number, value in enumerate(weights)]
    assert set(clicks["rule"]) == {"sum", "one"}


def test_interests_drift_and_give_way_at_the_stated_pace(tmp_path: Path) -> None:
    pace = {"drift": 0.5, "memory": 0.9, "replaced": 0.02}
    # Many equal tags, so that few come back.
    simulate(small(users=2_000, users_per_shard=2_000, tags=2_000, tag_skew=0.0, days=21, **pace), tmp_path)
    interests = pl.read_parquet(tmp_path / "truth" / "interests" / "00000.parquet")
    had = interests.filter(pl.col("first_day") != 0)
    kept = had.filter(pl.col("last_day") != 0)
    assert len(had) == 2_000 * 12
    assert len(kept) / len(had) == pytest.approx(0.98**20, abs=0.01)
    same_sign = kept.filter(pl.col("first_day").sign() == pl.col("last_day").sign())
    step = (same_sign["last_day"] / same_sign["first_day"]).log()
    # Both ends have the variance d²; their correlation is memory ** 20.
    assert step.to_numpy().std() == pytest.approx(0.5 * math.sqrt(2 * (1 - 0.9**20)), rel=0.1)
    assert step.to_numpy().mean() == pytest.approx(0, abs=0.02)


def test_nobody_cares_for_bland_tags_though_articles_have_them(tmp_path: Path) -> None:
    simulate(small(bland=0.4, replaced=0.1), tmp_path)
    bland = pl.read_parquet(tmp_path / "truth" / "tags.parquet").filter("bland")["tag"]
    assert bland.to_frame().group_by(pl.col("tag") // 30).len()["len"].to_list() == [12] * 4
    assert not pl.read_parquet(tmp_path / "truth" / "interests" / "*.parquet")["tag"].is_in(bland.implode()).any()
    tags = pl.read_parquet(tmp_path / "items.parquet")["tags"].explode().str.slice(1).cast(pl.Int32)
    assert 0.2 < tags.is_in(bland.implode()).to_numpy().mean() < 0.6


def test_without_drift_interests_stay(tmp_path: Path) -> None:
    simulate(still(), tmp_path)
    interests = pl.read_parquet(tmp_path / "truth" / "interests" / "*.parquet")
    assert (interests["first_day"] == interests["last_day"]).all()
    assert (interests.filter(pl.col("last_day") < 0).group_by("user").len()["len"] == 2).all()


def test_users_are_shown_their_own_topics_where_the_feed_aims(tmp_path: Path) -> None:
    shares = []
    for targeted in (0.0, 1.0):
        out = tmp_path / str(targeted)
        simulate(small(targeted=targeted, popular=0.0), out)
        topics = pl.read_parquet(out / "truth" / "interests" / "*.parquet").select("user", category=pl.col("tag") // 30)
        own = topics.unique().select("user", pl.format("c{}", "category").alias("category"), own=True)
        shown = pl.read_parquet(out / "events" / "*.parquet").join(pl.read_parquet(out / "items.parquet"), on="item")
        found = shown.join(own, on=["user", "category"], how="left")["own"].fill_null(False)
        shares.append(float(found.to_numpy().mean()))
    assert shares[0] < 0.65
    assert shares[1] > 0.9
