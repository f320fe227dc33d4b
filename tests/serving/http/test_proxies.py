"""Who tries keys is slowed down by address: by the one that a connection comes from, or that a trusted proxy names."""

import pytest

from tests.helpers.processes import until
from tests.serving.apps import Desk, ask, running
from tests.serving.worlds import served

TRIES = 30


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(served(tmp_path_factory), open_to_all=False)


def tried(url: str, addresses: list[str]) -> set[int]:
    """How tries with a wrong key are answered, from addresses as `X-Forwarded-For` says them."""
    wrong = {"Authorization": "Bearer pk_no_such"}
    return {ask(url, "GET", "/v1/model", headers={**wrong, "X-Forwarded-For": one}).status for one in addresses}


def test_an_address_that_the_caller_makes_up_does_not_count(desk: Desk) -> None:
    with running(desk.app) as url:
        until(lambda: 429 in tried(url, [f"10.0.0.{number}" for number in range(TRIES)]))


def test_behind_a_trusted_proxy_each_address_counts_for_itself(desk: Desk) -> None:
    with running(desk.app, proxies=["127.0.0.1"]) as url:
        until(lambda: 429 in tried(url, ["10.0.0.1"] * TRIES))
        assert tried(url, ["10.0.0.2"]) == {401}


@pytest.mark.parametrize(
    "made_up",
    [
        "10.9.9.{0}, 10.0.0.1",
        "127.0.0.1, 10.9.9.{0}, 10.0.0.1, 127.0.0.1",
        "me {0}",
        "fd00::{0:x}",
        "fd00::{0:x}:1",
        "",
    ],
)
def test_what_a_caller_adds_to_the_address_that_the_proxy_sees_gives_no_more_tries(desk: Desk, made_up: str) -> None:
    with running(desk.app, proxies=["127.0.0.1"]) as url:
        until(lambda: 429 in tried(url, [made_up.format(number) for number in range(TRIES)]))
