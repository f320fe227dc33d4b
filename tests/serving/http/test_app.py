"""The API as others see it: what each route answers, who may ask it, how errors look, and what is logged."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import StringIO
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest

from penchant.choices import Order, Scope
from penchant.errors import FolderError
from penchant.profiles.profile import LiveProfile
from penchant.serving.candidates.audience import LiveAudience
from penchant.serving.http.app import Limits
from penchant.serving.http.candidates import MOST_WAITING
from penchant.serving.http.requests_log import SLOW_MS, RequestLine, log, start_logging
from penchant.serving.served import Served
from penchant.serving.service import Service
from penchant.store.base import Store
from tests.helpers.lookalike_runs import POPULAR
from tests.helpers.processes import HANG_S, until
from tests.serving.apps import FANS, Desk, Reply, ask, running
from tests.serving.worlds import MADE, served

ROUTES: list[tuple[str, str, Any, Scope | None]] = [
    ("POST", "/v1/events", [], "ingest"),
    ("PUT", "/v1/items/new", {"fields": {"tags": ["t0-0"]}}, "ingest"),
    ("GET", "/v1/users/u000/profile", None, "read"),
    ("GET", "/v1/users/u000/explain", None, "read"),
    ("GET", "/v1/users/u000/recall", None, "read"),
    ("GET", "/v1/candidates", None, "read"),
    ("GET", f"/v1/candidates/{POPULAR}", None, "read"),
    ("POST", "/v1/lookalike/score", {"users": ["u000"]}, "read"),
    ("GET", "/metrics", None, "read"),
    ("GET", "/v1/model", None, "read"),
    ("PUT", "/v1/candidates/other", None, "admin"),
    ("PUT", "/v1/candidates", {"items": ["more"]}, "admin"),
    ("DELETE", "/v1/candidates/other", None, "admin"),
    ("DELETE", "/v1/candidates", {"items": ["more"]}, "admin"),
    ("GET", f"/v1/candidates/{POPULAR}/audience?size=50", None, "admin"),
    ("DELETE", "/v1/users/somebody", None, "admin"),
    ("GET", "/healthz", None, None),
    ("GET", "/readyz", None, None),
    ("GET", "/v1/openapi.json", None, None),
    ("GET", "/docs", None, None),
]

EVENT = {"user": "anna", "item": "i0-0", "time": MADE - 60.0}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(served(tmp_path_factory))
    desk.open([POPULAR, "i1-1"])
    return desk


@pytest.fixture(scope="module")
def url(desk: Desk) -> Iterator[str]:
    with running(desk.app) as url:
        yield url


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(served(tmp_path_factory), open_to_all=False)
    desk.open([POPULAR])
    return desk


@pytest.fixture(scope="module")
def door(locked: Desk) -> Iterator[str]:
    with running(locked.app) as url:
        yield url


# What is answered


def test_a_profile_is_that_of_the_service(desk: Desk, url: str) -> None:
    (found,) = desk.service.profiles(["u003"])
    said = ask(url, "GET", "/v1/users/u003/profile?most=2").said
    assert (said["user"], said["cold"], said["clicks"], said["latest"]) == ("u003", False, found.clicks, found.latest)
    assert [one["tag"] for one in said["unseen"]] == [one.tag for one in found.unseen[:2]]
    assert said["clicked"][0] == pytest.approx(vars(found.clicked[0]))


def test_a_profile_is_fresh_to_the_last_event_sent(url: str) -> None:
    assert ask(url, "GET", "/v1/users/fresh/profile").said["cold"]
    assert ask(url, "POST", "/v1/events", {**EVENT, "user": "fresh"}).said["accepted"] == 1
    said = ask(url, "GET", "/v1/users/fresh/profile").said
    assert (said["cold"], said["clicks"], said["latest"]) == (False, 1, EVENT["time"])


def test_a_profile_is_by_lift_or_by_preference_as_one_asks(url: str) -> None:
    usual, lift, preference = (
        ask(url, "GET", f"/v1/users/u003/profile?most=99{by}").said for by in ("", "&by=lift", "&by=preference")
    )
    assert usual == lift
    for said, measure in ((lift, "lift"), (preference, "preference")):
        for kind in ("clicked", "unseen"):
            measures = [one[measure] for one in said[kind]]
            assert measures == sorted(measures, reverse=True)
    assert preference["unseen"] != lift["unseen"]
    wrong = ask(url, "GET", "/v1/users/u003/profile?by=popularity")
    assert (wrong.status, wrong.code) == (422, "invalid")


def test_an_explanation_is_of_the_tag_asked_for_or_the_first(url: str) -> None:
    profile = ask(url, "GET", "/v1/users/u003/profile").said
    first = max(profile["clicked"] + profile["unseen"], key=lambda one: one["lift"])["tag"]
    assert ask(url, "GET", "/v1/users/u003/explain").said["preference"]["tag"] == first
    said = ask(url, "GET", "/v1/users/u003/explain?tag=t1-0").said
    assert said["preference"]["tag"] == "t1-0"
    assert {"without", "paths", "alone", "together"} <= said.keys()
    assert {"values", "effect", "holders", "common"} == said["alone"][0].keys()
    unknown = ask(url, "GET", "/v1/users/u003/explain?tag=t%2F%20x")
    assert (unknown.status, unknown.code) == (404, "unknown_tag")


def test_a_stranger_has_the_explanation_of_an_average_user(url: str) -> None:
    said = ask(url, "GET", "/v1/users/stranger/explain").said
    assert said["preference"]["preference"] == pytest.approx(said["without"])
    assert (said["alone"], said["together"]) == ([], [])


def test_recall_names_items_with_their_reasons(desk: Desk, url: str) -> None:
    said = ask(url, "GET", "/v1/users/u003/recall?most=5").said
    assert [one["item"] for one in said["items"]] == [one.item for one in desk.service.recall("u003", 5)]
    assert said["items"][0]["reasons"][0].keys() == {"by", "score", "tag"}


def test_scores_are_those_of_the_service_best_first(desk: Desk, url: str) -> None:
    users = ["u003", "nobody"]
    answer = ask(url, "POST", "/v1/lookalike/score", {"users": users, "top": 1})
    for said, scored in zip(answer.said["users"], desk.service.score(users, None), strict=True):
        ((item, score),) = scored.best(1)
        assert said == {
            "user": scored.user,
            "cold": scored.cold,
            "scores": [{"item": item, "score": pytest.approx(score, abs=1e-5)}],
        }
    one = ask(url, "POST", "/v1/lookalike/score", {"users": ["u003"], "items": [POPULAR]}).said["users"][0]
    assert [found["item"] for found in one["scores"]] == [POPULAR]


def test_candidates_are_opened_told_and_closed(url: str) -> None:
    assert ask(url, "PUT", "/v1/candidates", {"items": ["one", 2]}).status == 204
    assert ask(url, "PUT", "/v1/candidates/three").status == 204
    told = {one["item"] for one in ask(url, "GET", "/v1/candidates").said["candidates"]}
    assert {"one", "2", "three", POPULAR} <= told
    assert ask(url, "GET", "/v1/candidates/2").said["opened"] == MADE
    assert ask(url, "DELETE", "/v1/candidates", {"items": ["one", 2]}).status == 204
    assert ask(url, "DELETE", "/v1/candidates/three").status == 204
    for method in ("GET", "DELETE"):
        gone = ask(url, method, "/v1/candidates/three")
        assert (gone.status, gone.code) == (404, "unknown_item")
        assert "'three' is not open" in gone.said["error"]["message"]


def test_the_model_says_which_look_alike_is_live_and_how_it_did(desk: Desk, url: str) -> None:
    said, alike = ask(url, "GET", "/v1/model").said, desk.service.view.served.alike
    assert alike is not None
    assert (said["model"], said["tags"]) == (desk.service.health().model, True)
    assert said["profiles"] == {"tags": "tags"}
    told = said["lookalike"]
    assert (told["name"], told["live"], told["behind"], told["told"]) == ("ralm", "ralm", None, alike.choice.served)
    assert told["scores"]["lr"] == {"mean": alike.choice.scores["lr"].mean, "half": alike.choice.scores["lr"].half}
    assert set(told["ahead"]) == set(told["scores"]) - {"ralm"}


def test_a_candidate_is_told_with_its_clusters(url: str) -> None:
    said = ask(url, "GET", f"/v1/candidates/{POPULAR}").said
    assert (said["seeds"], sum(said["sizes"]), said["name"]) == (len(FANS), len(FANS), f"Title of {POPULAR}")
    assert said["drift"] == {"moved": 0.0, "added": 0.0}


def test_an_audience_names_those_who_are_most_alike(url: str) -> None:
    said = ask(url, "GET", f"/v1/candidates/{POPULAR}/audience?size=50").said
    scores = [one["score"] for one in said["members"]]
    assert len({one["user"] for one in said["members"]}) == 50
    assert scores == sorted(scores, reverse=True)
    few = ask(url, "GET", f"/v1/candidates/{POPULAR}/audience?size=3")
    assert (few.status, few.code) == (422, "invalid")
    many = ask(url, "GET", f"/v1/candidates/{POPULAR}/audience?size=999950")
    assert (many.status, many.code) == (409, "no_audience")


def test_a_user_is_removed_and_it_is_told_what_was(url: str) -> None:
    ask(url, "POST", "/v1/events", [{**EVENT, "user": "leaver", "id": number} for number in range(3)])
    assert ask(url, "DELETE", "/v1/users/leaver").said == {"events": 3, "log": 3, "items": 0, "files": {}}
    assert ask(url, "GET", "/v1/users/leaver/profile").said["cold"]


def test_an_item_that_was_put_is_recalled_by_its_tags(url: str) -> None:
    assert ask(url, "PUT", "/v1/items/brand%2Fnew", {"fields": {"tags": ["t1-0"]}}).status == 204
    said = ask(url, "GET", "/v1/users/u003/recall?most=100").said
    assert any(one["item"] == "brand/new" for one in said["items"])


def test_a_field_that_items_do_not_have_is_named_with_those_that_they_have(desk: Desk, url: str) -> None:
    tags = desk.service.view.tags_of(POPULAR)
    answer = ask(url, "PUT", f"/v1/items/{POPULAR}", {"fields": {"tag": ["jazz"]}})
    fields = ", ".join(map(repr, desk.service.view.served.item_fields))
    assert (answer.status, answer.code) == (422, "unknown_field")
    assert answer.said["error"]["message"] == f"items have no field 'tag'; they have {fields}"
    assert desk.service.view.tags_of(POPULAR) == tags


def test_a_run_without_a_look_alike_says_so_when_a_candidate_is_to_be_opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(Desk(replace(served(tmp_path_factory), alike=None)).app) as url:
        for path, body in (("/v1/candidates", {"items": ["a"]}), ("/v1/candidates/a", None)):
            answer = ask(url, "PUT", path, body)
            assert (answer.status, answer.code) == (409, "not_trained")
            assert "this run has no look-alike" in answer.said["error"]["message"]


@pytest.mark.parametrize(
    ("sent", "user"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("..", ".."),
        ("%2e%2E", ".."),
        (".", "."),
        ("%20", " "),
        ("a+b", "a+b"),
        ("%C3%A9%F0%9F%8E%AC", "é🎬"),
        ("x%3Fy%23z%00", "x?y#z\0"),
        ("profile", "profile"),
        ("x" * 1_000, "x" * 1_000),
        ("%2F" * 1_000, "/" * 1_000),
    ],
)
def test_ids_in_paths_hold_any_character(url: str, sent: str, user: str) -> None:
    said = ask(url, "GET", f"/v1/users/{sent}/profile")
    assert (said.status, said.said["user"]) == (200, user)


def test_an_item_named_like_a_route_is_an_item(url: str) -> None:
    assert ask(url, "PUT", "/v1/candidates/x%2Faudience").status == 204
    assert ask(url, "GET", "/v1/candidates/x%2Faudience").said["item"] == "x/audience"
    assert ask(url, "DELETE", "/v1/candidates/x%2Faudience").status == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "not_found"),
        ("GET", "/v1/users//profile", None, 404, "not_found"),
        ("GET", "/v1/users/a/b/profile", None, 404, "not_found"),
        ("GET", "/v1/users/x/profile/", None, 404, "not_found"),
        ("POST", "/healthz", None, 405, "method_not_allowed"),
        ("GET", "/v1/users/%ff/profile", None, 422, "invalid"),
        ("GET", f"/v1/users/{'x' * 1_001}/profile", None, 422, "invalid"),
        ("GET", "/v1/users/x/profile?most=0", None, 422, "invalid"),
        ("GET", "/v1/users/x/profile?most=NaN", None, 422, "invalid"),
        ("GET", "/v1/users/x/recall?most=1001", None, 422, "invalid"),
        ("PUT", "/v1/candidates", {"items": []}, 422, "invalid"),
        ("PUT", "/v1/candidates", {"items": [1.5]}, 422, "invalid"),
        ("PUT", "/v1/candidates", {"items": [True]}, 422, "invalid"),
        ("PUT", "/v1/candidates", {"items": ["x" * 1_001]}, 422, "invalid"),
        ("PUT", "/v1/candidates", {"items": ["x"], "more": 1}, 422, "invalid"),
        ("PUT", "/v1/candidates", b"{", 400, "unreadable_body"),
        ("PUT", "/v1/items/x", {"fields": {"tags": "t0-0"}}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": {"tags": [1]}}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": {"tags": [""]}}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": {"tags": None}}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": {}}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": ["tags"]}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"tags": ["t0-0"]}, 422, "invalid"),
        ("PUT", "/v1/items/x", {"fields": {"tag": ["t0-0"]}}, 422, "unknown_field"),
        ("PUT", "/v1/items/x", {"fields": {"tags": ["t0-0"], "item": ["x"]}}, 422, "unknown_field"),
        ("POST", "/v1/lookalike/score", {"users": []}, 422, "invalid"),
        ("POST", "/v1/lookalike/score", {"users": ["x"] * 1_001}, 422, "invalid"),
        ("POST", "/v1/lookalike/score", {"users": ["x"], "top": 0}, 422, "invalid"),
        ("POST", "/v1/lookalike/score", {"users": ["x"], "items": ["closed"]}, 404, "unknown_item"),
        ("DELETE", "/v1/candidates", {"items": [POPULAR, "closed"]}, 404, "unknown_item"),
    ],
)
def test_errors_all_look_alike(url: str, method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = ask(url, method, path, body, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (status, code)


class OfBusyFolder(Service):
    """A service whose run folder another process is at work on."""

    def __init__(self, store: Store, served: Served, clock: Callable[[], float]) -> None:
        super().__init__(store, served, clock, self._refuse)

    def _refuse(self, _user: str, _at: float) -> dict[str, int]:
        raise FolderError("process 7 is at work on it")


def test_a_run_folder_that_is_busy_is_to_be_asked_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(Desk(served(tmp_path_factory), service=OfBusyFolder).app) as url:
        answer = ask(url, "DELETE", "/v1/users/anna")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "run_folder", "1")
    assert answer.said["error"]["message"] == "process 7 is at work on it"


def test_a_candidate_that_another_cannot_be_closed_with_stays_open(url: str) -> None:
    assert ask(url, "GET", f"/v1/candidates/{POPULAR}").status == 200


def test_more_scores_than_can_be_had_at_once_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), limits=Limits(scored=6, told=4))
    desk.open([POPULAR, "i1-1"])
    with running(desk.app) as url:
        for users, top, status in ((2, 2, 200), (3, 1, 200), (4, 1, 422), (2, None, 200), (3, None, 422)):
            asked = {"users": FANS[:users], "top": top}
            assert ask(url, "POST", "/v1/lookalike/score", asked).status == status
        message = ask(url, "POST", "/v1/lookalike/score", {"users": FANS[:3]}).said["error"]["message"]
    assert message == "3 users and 2 candidates are 6 scores to tell out of 6; 4 out of 6 can be had at once"


# Who may ask


@pytest.mark.parametrize(("method", "path", "body", "need"), ROUTES)
def test_every_route_asks_for_its_scope(
    locked: Desk, door: str, method: str, path: str, body: Any, need: Scope | None
) -> None:
    anybody = ask(door, method, path, body)
    assert anybody.status == (401 if need else 200)
    if need is None:
        return
    assert (anybody.code, anybody.headers["www-authenticate"]) == ("unauthorized", "Bearer")
    scopes: list[Scope] = ["ingest", "read", "admin"]
    for scope in scopes:
        answer = ask(door, method, path, body, locked.key(scope))
        if scope in (need, "admin"):
            assert answer.status in (200, 204, 404), answer.content
        else:
            assert (answer.status, answer.code) == (403, "forbidden")


def test_a_body_without_a_key_is_not_read(door: str) -> None:
    answer = ask(door, "POST", "/v1/events", b"\xff{", {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_a_key_that_asks_too_often_is_told_when_to_come_back(locked: Desk, door: str) -> None:
    key = locked.key("read", per_s=0.5)
    assert ask(door, "GET", "/v1/candidates", headers=key).status == 200
    answer = ask(door, "GET", "/v1/candidates", headers=key)
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 2


def test_who_guesses_keys_is_slowed_down(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), open_to_all=False)
    with running(desk.app) as url:
        codes = [ask(url, "GET", "/v1/candidates").status for _ in range(30)]
        assert codes[:10] == [401] * 10
        assert 429 in codes
        assert ask(url, "GET", "/healthz").status == 200


# What surrounds every answer


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/v1/users/x/profile?most=0", "/docs", "/metrics"])
def test_every_answer_is_guarded_by_headers_and_opens_nothing_to_other_sites(url: str, path: str) -> None:
    headers = ask(url, "GET", path, headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in headers)
    assert "server" not in headers


@pytest.mark.parametrize("sent", ["abc-1.2_3:4", "x" * 64])
def test_a_sane_request_id_is_kept(url: str, sent: str) -> None:
    assert ask(url, "GET", "/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", '{"', "é"])
def test_another_request_id_is_replaced(url: str, sent: str) -> None:
    found = ask(url, "GET", "/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert found != sent
    assert len(found) == 32


def lines(caplog: pytest.LogCaptureFixture, most: int) -> list[dict[str, Any]]:
    """A line is written after its answer, so the last one may take a moment."""
    until(lambda: len(_lines(caplog)) >= most)
    return _lines(caplog)


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "penchant.requests"]


def test_the_log_names_route_and_key_and_neither_people_nor_secrets(
    locked: Desk, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = locked.key("admin")
    with caplog.at_level(logging.INFO, "penchant.requests"):
        ask(door, "GET", "/v1/users/secretive/profile?most=3", headers={**key, "X-Request-ID": "here"})
        ask(door, "POST", "/v1/events", [{**EVENT, "user": "secretive"}], key)
        ask(door, "POST", "/v1/events", [{"user": "secretive"}], key)
        ask(door, "GET", "/v1/candidates/secretive", headers=key)
        ask(door, "GET", "/v1/secretive", headers={"Authorization": key["Authorization"] + "x"})
    said = lines(caplog, 5)
    assert [(line["method"], line["route"], line["status"]) for line in said] == [
        ("GET", "/v1/users/{user}/profile", 200),
        ("POST", "/v1/events", 200),
        ("POST", "/v1/events", 422),
        ("GET", "/v1/candidates/{item}", 404),
        ("GET", "", 404),
    ]
    name, secret = key["Authorization"].split("_", 2)[1:]
    assert (said[0]["key"], said[0]["request_id"]) == (name, "here")
    assert said[0]["bytes"] > 0
    assert said[0]["ms"] > 0
    assert "secretive" not in caplog.text
    assert secret not in caplog.text


class _Broken(Service):
    def profiles(
        self,
        users: Sequence[str],
        by: Order | None = None,  # noqa: ARG002
        *,
        model: str | None = None,  # noqa: ARG002
    ) -> list[LiveProfile]:
        raise LookupError(f"{users} have a secret")


def test_a_failure_here_is_logged_with_its_place_and_told_without(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(served(tmp_path_factory), service=_Broken)
    with running(desk.app) as url, caplog.at_level(logging.WARNING):
        answer = ask(url, "GET", "/v1/users/anna/profile")
    assert (answer.status, answer.code) == (500, "internal")
    (line,) = lines(caplog, 1)
    assert (line["status"], line["error"][0]) == (500, "LookupError")
    assert any("test_app.py" in place and place.endswith(" profiles") for place in line["error"])
    assert b"secret" not in answer.content
    assert "secret" not in caplog.text
    assert "anna" not in caplog.text


class _Slow(Service):
    """Audiences take until they are let go."""

    def audience(self, item: str, size: int) -> LiveAudience:
        assert LET_GO.wait(HANG_S)
        return super().audience(item, size)


LET_GO = Event()


def test_audiences_are_worked_on_one_by_one_and_few_may_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), service=_Slow)
    desk.open([POPULAR])
    path, answers = f"/v1/candidates/{POPULAR}/audience?size=50", SimpleQueue[Reply]()
    with running(desk.app) as url:
        threads = [Thread(target=lambda: answers.put(ask(url, "GET", path))) for _ in range(MOST_WAITING + 3)]
        for thread in threads:
            thread.start()
        refused = [answers.get(timeout=HANG_S) for _ in range(2)]
        assert ask(url, "GET", "/v1/users/u000/profile").status == 200, "others are answered meanwhile"
        LET_GO.set()
        for thread in threads:
            thread.join()
    assert [(one.status, one.code, one.headers["retry-after"]) for one in refused] == [(429, "busy", "1")] * 2
    assert [answers.get().status for _ in range(MOST_WAITING + 1)] == [200] * (MOST_WAITING + 1)


def test_a_request_line_is_written_as_the_level_says() -> None:
    slow, quick, failed = (RequestLine(1.0, name, "GET") for name in ("slow", "quick", "failed"))
    slow.status, slow.ms, quick.status, failed.status = 200, SLOW_MS + 1, 200, 503
    logger = logging.getLogger("penchant")
    before = logger.handlers, logger.level, logger.propagate
    try:
        for level, written in (
            ("info", ["slow", "quick", "failed"]),
            ("warning", ["slow", "failed"]),
            ("error", ["failed"]),
        ):
            stream = StringIO()
            start_logging(level, stream)
            for line in (slow, quick, failed):
                log(line)
            assert [json.loads(text)["request_id"] for text in stream.getvalue().splitlines()] == written
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


def test_other_lines_are_json_too_and_tell_of_an_error_where_it_was_but_not_what_it_says() -> None:
    logger, stream = logging.getLogger("penchant"), StringIO()
    before = logger.handlers, logger.level, logger.propagate
    try:
        start_logging("warning", stream)
        try:
            raise ValueError("anna's secret")
        except ValueError:
            logging.getLogger("penchant.loops").exception("consumer has failed")
        said = json.loads(stream.getvalue())
        assert (said["level"], said["part"], said["said"]) == ("error", "penchant.loops", "consumer has failed")
        assert said["error"][0] == "ValueError"
        assert "secret" not in stream.getvalue()
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


def test_measures_tell_requests_events_and_candidates(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory))
    desk.open([POPULAR])
    with running(desk.app) as url:
        for _ in range(2):
            ask(url, "POST", "/v1/events", [EVENT, {}])
        desk.service.refresh()
        said = ask(url, "GET", "/metrics")
    text = said.content.decode()
    assert said.headers["content-type"].startswith("text/plain")
    for line in (
        'penchant_request_seconds_count{route="/v1/events",status="200"} 2.0',
        'penchant_events_total{fate="accepted"} 1.0',
        'penchant_events_total{fate="repeated"} 1.0',
        'penchant_events_total{fate="refused"} 2.0',
        "penchant_backlog_events 1.0",
        "penchant_candidates_open 1.0",
        "penchant_candidates_scored 1.0",
        f'penchant_model_info{{version="{desk.service.view.served.name}"}} 1.0',
        "penchant_store_reachable 1.0",
        "penchant_poison 0.0",
    ):
        assert line in text
    assert "process_resident_memory_bytes" in text


def test_the_description_names_every_route_and_its_page_needs_nothing_from_elsewhere(url: str) -> None:
    said = ask(url, "GET", "/v1/openapi.json").said
    told = {(method.upper(), path) for path, methods in said["paths"].items() for method in methods}
    assert len(told) == len(ROUTES) - 2, "all but the description itself and its page"
    page = ask(url, "GET", "/docs").content.decode()
    assert all(f"{method} {path}" in page for method, path in told)
    assert "http:" not in page
    assert "https:" not in page
    assert "<script" not in page


def test_a_connection_stays_open_from_one_request_to_the_next(url: str) -> None:
    first: Reply = ask(url, "GET", "/healthz")
    assert "connection" not in first.headers
