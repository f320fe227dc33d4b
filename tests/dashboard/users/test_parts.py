"""What the page of one user shows of their interests."""

import pytest

from penchant.choices import Order
from penchant.dashboard.users.parts import SIZES, interests_part
from penchant.serving.person import PersonAsked
from penchant.serving.service import Service
from penchant.store.memory import MemoryStore
from tests.serving.worlds import MADE, served

USER = "u001"


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(MemoryStore(), served(tmp_path_factory), lambda: MADE)


@pytest.mark.parametrize("by", ["lift", "preference"])
def test_tags_are_as_large_as_what_they_are_ordered_by(service: Service, by: Order) -> None:
    explained = service.person(USER, PersonAsked(by=by)).explained
    assert explained
    found, profile = interests_part(explained, clock=True), explained.insight.profile
    assert [one.tag for one in found.clicked] == [one.tag for one in profile.clicked]
    assert [one.tag for one in found.unseen] == [one.tag for one in profile.unseen]
    measure = {one.tag: one.measure(by) for one in [*profile.clicked, *profile.unseen]}
    sized = sorted([*found.clicked, *found.unseen], key=lambda one: measure[one.tag])
    assert (sized[0].size, sized[-1].size) == (1, SIZES)
    assert [one.size for one in sized] == sorted(one.size for one in sized)


@pytest.mark.parametrize(("clock", "kind"), [(True, "time"), (False, "value")])
def test_changes_are_drawn_over_time_or_over_clicks(service: Service, clock: bool, kind: str) -> None:
    explained = service.person(USER).explained
    assert explained
    assert explained.changes
    chart = interests_part(explained, clock=clock).chart
    assert chart
    assert chart.x.kind == kind
    assert [one.name for one in chart.series] == explained.changes.tags
    assert [at for at, _ in chart.series[0].points] == explained.at
    assert [value for _, value in chart.series[0].points] == explained.changes.preference_TF[:, 0].tolist()


def test_a_user_without_two_moments_has_no_chart(service: Service) -> None:
    explained = service.person("nobody").explained
    assert explained
    assert interests_part(explained, clock=True).chart is None
