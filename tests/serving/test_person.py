"""What pages say of one user: the same as profile, explanation and log, at their last click and at earlier ones."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.errors import UnknownTagError
from penchant.models.base import Sizes
from penchant.models.catalog import build_interests
from penchant.models.interests.blend import CLICKS, CROSSED, LEAST_SHARE, Blend, CopyPath, LinearPath
from penchant.models.interests.promise import Interests as Model
from penchant.models.interests.youtube import YouTubeConfig
from penchant.profiles.attention import MOST_VALUES
from penchant.profiles.changes import MOST_MOMENTS
from penchant.serving.person import AT_ONCE, EXAMPLES, RECALLED, PersonAsked
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Event
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import DAY_S, PLAIN, POPULAR, START_S
from tests.serving import worlds
from tests.serving.worlds import MADE

USER, STRANGER = "u001", "stranger 0"
PLAIN_USER = "plain 0"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def service(served: Served) -> Service:
    return Service(MemoryStore(), served, lambda: MADE)


def with_model(served: Served, model: Model) -> Service:
    """The same run, but for the model of tags, whose average user is that of the snapshot's clicks."""
    width = model.tags().shape[1]
    average = replace(served.interests().average, user_U=torch.zeros(width))
    tags = replace(served.interests(), model=model.eval(), average=average)
    return Service(MemoryStore(), replace(served, profiles={"tags": tags}), lambda: MADE)


def model_of(served: Served) -> Model:
    return served.interests().model


def blend(tags: int) -> Blend:
    """The log of own clicks as a blend, whose linear path says nothing."""
    copy = CopyPath(tags)
    copy.weight[CROSSED.index("log clicks")] = 1.0
    return Blend(LinearPath({CLICKS: tags}, tags, 2), copy, None, 0.0, Sizes({}, tags))


def click(service: Service, user: str, *items: str, at: float = MADE) -> None:
    events = [Event(user, item, at + number, True, f"{item} {number}") for number, item in enumerate(items)]
    assert not service.append([events])[0].refused


# What the service says of one user


@pytest.mark.parametrize("user", [USER, STRANGER, PLAIN_USER, "nobody"])
@pytest.mark.parametrize("tag", [None, "t0-0", "t1-1"])
def test_an_insight_is_profile_and_explanation_in_one(service: Service, user: str, tag: str | None) -> None:
    insight = service.view.profiler().insight(service.view.users.now([user]), tag)
    assert [insight.profile] == service.profiles([user])
    why = service.explain(user, tag)
    assert (insight.why.user, insight.why.preference.tag, insight.why.preference.clicks) == (
        user,
        why.preference.tag,
        why.preference.clicks,
    )
    assert insight.why.preference.preference == pytest.approx(why.preference.preference)
    assert insight.why.preference.lift == pytest.approx(why.preference.lift, abs=1e-6)
    assert (insight.why.without, insight.why.alone, insight.why.together) == (why.without, why.alone, why.together)
    assert insight.why.paths == why.paths
    assert insight.tags == len(model_of(service.view.served).tags()) - 2


def test_the_rank_of_a_tag_counts_those_that_are_preferred_more(service: Service) -> None:
    profile = service.profiles([USER])[0]
    ranked = sorted([*profile.clicked, *profile.unseen], key=lambda one: -one.preference)
    people = service.view.users.now([USER])
    for rank, one in enumerate(ranked, start=1):
        assert service.view.profiler().insight(people, one.tag).why.preference.rank == rank


def test_attention_is_all_of_each_head_over_fields_and_over_values(service: Service) -> None:
    insight = service.view.profiler().insight(service.view.users.now([USER]), None)
    assert list(insight.fields) == ["tags", "item", "group"]
    assert np.sum(list(insight.fields.values()), axis=0) == pytest.approx([1.0, 1.0])
    assert np.sum([one.attention for one in insight.values], axis=0) == pytest.approx([1.0, 1.0])


def test_what_is_known_of_a_user_may_be_their_own(service: Service) -> None:
    def known(user: str) -> bool:
        return service.view.profiler().insight(service.view.users.now([user]), None).known

    assert (known(USER), known("nobody")) == (True, False)
    click(service, "anna", "an item that nobody knows")
    assert not known("anna")
    click(service, "anna", POPULAR)
    assert known("anna")
    own, none = (replace(service.view.users.now([user]), clicks=[[]]) for user in (USER, "nobody"))
    assert service.view.profiler().insight(own, None).known
    assert not service.view.profiler().insight(none, None).known


def test_a_tag_that_no_profile_has_is_refused_by_name(service: Service) -> None:
    with pytest.raises(UnknownTagError, match="'polka' is not among the"):
        service.view.profiler().insight(service.view.users.now([USER]), "polka")
    assert not service.knows_tag("polka")
    assert service.knows_tag("t0-0")


def test_a_course_ends_with_the_profile_of_now_and_begins_with_that_of_fewer_clicks(service: Service) -> None:
    (clicks,) = service.view.users.now([USER]).clicks
    course = service.view.profiler().course(USER, [clicks[:3], clicks])
    click(service, "twin", *(item for _, item in clicks[:3]))
    for row, user in ((1, USER), (0, "twin")):
        profile = service.profiles([user])[0]
        now = {one.tag: one.preference for one in [*profile.clicked, *profile.unseen]}
        then = dict(zip(course.tags, course.preference_TV[row].tolist(), strict=True))
        if user == USER:
            assert then == pytest.approx(now, abs=1e-5)
        else:
            assert then.keys() == now.keys()


def test_an_item_has_the_tags_that_were_said_last(service: Service) -> None:
    assert service.view.tags_of(POPULAR) == service.view.served.item_tags["tags"][POPULAR]
    service.put_items({"said anew": {"tags": ["polka"]}, "of a title": {"title": ["a"]}})
    assert (service.view.tags_of("said anew"), service.view.tags_of("of a title")) == (["polka"], [])
    assert service.view.tags_of("nothing is known of it") == []


def test_an_item_is_open_once_it_was_opened(service: Service) -> None:
    assert not service.is_open(POPULAR)
    service.open([POPULAR])
    assert service.is_open(POPULAR)


def test_a_person_is_what_they_clicked_and_what_the_model_makes_of_it(service: Service) -> None:
    service.open([POPULAR])
    click(service, USER, POPULAR, "an item that nobody knows")
    found = service.person(USER)
    clicks = service.view.users.now([USER]).clicks[0]
    assert (found.standing, found.total, found.latest) == ("clicked", len(clicks), MADE + 1)
    unknown, popular = found.clicks[:2]
    assert (unknown.number, unknown.time, unknown.item.name, unknown.tags) == (
        found.total,
        MADE + 1,
        "an item that nobody knows",
        [],
    )
    assert (popular.item.item, popular.item.name, popular.item.open) == (POPULAR, "Title of i0-0", True)
    assert popular.tags == [(tag, True) for tag in service.view.tags_of(POPULAR)]
    assert [one.number for one in found.clicks] == list(range(found.total, 0, -1))
    assert found.explained
    profile = service.profiles([USER])[0]
    assert found.explained.insight.profile == profile


def test_suggested_items_are_those_of_recall_with_the_tags_that_brought_them(service: Service) -> None:
    found = service.person(USER).suggested
    recalled = service.recall(USER, RECALLED)
    assert [one.item.item for one in found] == [one.item for one in recalled]
    assert [one.tags for one in found] == [[reason.tag for reason in one.reasons if reason.tag] for one in recalled]
    assert not any(one.alike for one in found)


def test_who_was_never_seen_was_only_shown_items_or_was_forgotten_is_told_apart(service: Service) -> None:
    service.append([[Event("looker", POPULAR, MADE, False, "a")]])
    click(service, "leaver", POPULAR)
    service.forget("leaver")
    service.forget(USER)
    for user, standing in (("nobody", "never"), ("looker", "shown"), ("leaver", "never"), (USER, "never")):
        found = service.person(user)
        assert (found.standing, found.total, found.latest, found.clicks) == (standing, 0, None, [])
        assert found.explained
        assert not found.explained.insight.known
        assert found.explained.changes is None
        assert found.explained.insight.why.alone == []


def test_clicks_come_in_pages_latest_first(service: Service) -> None:
    click(service, "heavy", *(f"item {number}" for number in range(120)))
    first = service.person("heavy")
    assert [one.number for one in first.clicks] == list(range(120, 120 - AT_ONCE, -1))
    assert first.older == 120 - AT_ONCE
    last = service.person("heavy", PersonAsked(newer=110))
    assert ([one.number for one in last.clicks], last.older) == (list(range(10, 0, -1)), 0)
    beyond = service.person("heavy", PersonAsked(newer=1_000))
    assert (beyond.clicks, beyond.older, beyond.total) == ([], 0, 120)


def test_positions_are_no_times_but_live_clicks_have_one(served: Served) -> None:
    service = Service(MemoryStore(), replace(served, clocked=False), lambda: MADE)
    click(service, USER, POPULAR)
    found = service.person(USER)
    assert [one.time for one in found.clicks] == [MADE] + [None] * (found.total - 1)
    assert found.latest == MADE
    assert service.person("u002").latest is None
    assert found.explained
    assert found.explained.at[-1] == found.total


def test_a_run_without_tags_has_clicks_and_items_to_show_alone(served: Served) -> None:
    service = Service(MemoryStore(), replace(served, profiles={}), lambda: MADE)
    found = service.person(USER)
    assert found.explained is None
    assert found.total > 0
    assert not any(known for one in found.clicks for _, known in one.tags)
    assert any(one.tags for one in found.clicks)


def test_examples_are_users_with_many_clicks_and_nobody_who_was_forgotten(service: Service) -> None:
    before = service.examples()
    assert len(set(before)) == EXAMPLES
    service.forget(before[0])
    after = service.examples()
    assert before[0] not in after
    assert after[:2] == before[1:]


def test_the_first_reason_that_is_all_other_values_is_seen(service: Service) -> None:
    click(service, "anna", POPULAR, "an item that nobody knows")
    found, other = service.person("anna").explained, service.person("u050").explained
    assert found
    assert other
    assert (found.has_others, other.has_others) == (True, False)


# Attention


def test_attention_of_heads_is_told_by_field_with_what_it_holds(service: Service) -> None:
    found = service.person(USER).explained
    assert found
    told = found.attended
    assert (told.kind, told.heads, told.filled) == ("heads", 2, 3)
    assert [(one.field, one.holds) for one in told.fields] == [
        ("tags", "tags of all clicks"),
        ("item", "item of the latest 12 clicks"),
        ("group", "group of the user"),
    ]
    assert told.foremost.mean == max(one.mean for one in told.fields)
    assert told.total == len(found.insight.values)
    assert len(told.values) == min(MOST_VALUES, told.total)


def test_a_model_that_takes_averages_has_no_attention(served: Served) -> None:
    service = with_model(served, build_interests(YouTubeConfig(embedding=4, user=4), model_of(served).sizes))
    found = service.person(USER).explained
    assert found
    assert found.attended.kind == "even"
    assert found.insight.why.alone


def test_a_deep_model_without_a_share_has_no_attention(served: Served) -> None:
    bare = blend(model_of(served).sizes.tags)
    for share, kind in ((LEAST_SHARE, "none"), (0.5, "heads")):
        found = with_model(served, bare.with_deep(model_of(served), 1.0, share)).person(USER).explained
        assert found
        assert found.attended.kind == kind


# Order and paths


def test_tags_are_in_the_order_that_is_asked_for(service: Service) -> None:
    for by in ("lift", "preference"):
        found = service.person(USER, PersonAsked(by=by)).explained
        assert found
        assert found.by == by
        profile = found.insight.profile
        for tags in (profile.clicked, profile.unseen):
            measures = [one.measure(by) for one in tags]
            assert measures == sorted(measures, reverse=True)
        first = max([*profile.clicked, *profile.unseen], key=lambda one: one.measure(by))
        assert found.insight.why.preference.tag == first.tag


def test_what_was_clicked_most_is_counted_over_all_clicks(service: Service) -> None:
    (clicks,) = service.view.users.now([USER]).clicks
    counted = Counter(tag for _, item in clicks for tag in service.view.tags_of(item))
    often = dict(service.person(USER).often)
    assert often == {tag: counted[tag] for tag in often}
    assert min(often.values()) >= max((many for tag, many in counted.items() if tag not in often), default=0)


def test_the_paths_of_a_blend_are_told_with_what_they_rest_on(served: Served) -> None:
    models = blend(model_of(served).sizes.tags), model_of(served)
    found, other = (with_model(served, model).person(USER).explained for model in models)
    assert found
    assert other
    assert not other.reasons
    why = found.insight.why
    (_, clicks), *_ = told = [(path.path, words) for path, words in found.reasons]
    assert [path for path, _ in told] == ["own clicks on it", "all else known", "everybody"]
    assert clicks.startswith(f"clicked {why.preference.clicks} times, ")
    assert sum(path.effect for path, _ in found.reasons) == pytest.approx(why.preference.preference, abs=1e-5)


# Time


def test_moments_are_days_of_the_log_and_the_last_is_now(service: Service) -> None:
    found = service.person(USER).explained
    assert found
    assert found.changes
    clicks = service.view.users.now([USER]).clicks[0]
    at, changes = found.at, found.changes
    assert START_S <= at[0] < START_S + 3 * DAY_S
    assert at[-1] == clicks[-1][0]
    assert len(at) == len(changes.preference_TF) <= MOST_MOMENTS
    best = max([*found.insight.profile.clicked, *found.insight.profile.unseen], key=lambda one: one.preference)
    assert (changes.tags[0], changes.leaders[-1]) == (best.tag, best.tag)
    assert changes.preference_TF[-1, 0] == pytest.approx(best.preference)


def test_one_moment_is_no_course(service: Service) -> None:
    service.append([[Event("anna", item, MADE, True, item) for item in (POPULAR, "i1-1", PLAIN)]])
    found = service.person("anna").explained
    assert found
    assert found.changes is None


# Hostile text


@pytest.mark.parametrize(
    "text", ["<script>", "\ud7ff\u202e", "'; DROP TABLE", "x" * 1_000, "two\nlines", "%00", "\x00"]
)
def test_any_text_may_be_asked_for_as_a_user(service: Service, text: str) -> None:
    assert service.person(text).standing == "never"


def test_nothing_is_learned_while_looking(service: Service) -> None:
    model = model_of(service.view.served)
    before = [parameter.clone() for parameter in model.parameters()]
    service.person(USER)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
