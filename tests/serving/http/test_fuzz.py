"""Whatever is sent, the API answers as its description says, and never fails."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.helpers.lookalike_runs import POPULAR
from tests.serving.apps import Desk
from tests.serving.worlds import served

EXAMPLES = 30

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By method and path, as the description has them."""
    desk = Desk(served(tmp_path_factory))
    desk.open([POPULAR])
    found = schemathesis.openapi.from_asgi("/v1/openapi.json", desk.app)
    every: list[Any] = [operation.ok() for operation in found.get_all_operations()]  # type: ignore[union-attr]
    return {operation.label: operation for operation in every}


WITH_INPUT = [
    "POST /v1/events",
    "PUT /v1/items/{item}",
    "GET /v1/users/{user}/profile",
    "GET /v1/users/{user}/explain",
    "GET /v1/users/{user}/recall",
    "DELETE /v1/users/{user}",
    "PUT /v1/candidates",
    "DELETE /v1/candidates",
    "GET /v1/candidates/{item}",
    "PUT /v1/candidates/{item}",
    "DELETE /v1/candidates/{item}",
    "GET /v1/candidates/{item}/audience",
    "POST /v1/lookalike/score",
]
WITHOUT = ["GET /v1/candidates", "GET /healthz", "GET /metrics", "GET /v1/model"]
MAY_BE_503 = ["GET /readyz"]

CASES = [
    *((label, GenerationMode.POSITIVE, CHECKS) for label in [*WITH_INPUT, *WITHOUT]),
    *((label, GenerationMode.NEGATIVE, CHECKS) for label in WITH_INPUT),
    *((label, GenerationMode.POSITIVE, CHECKS[1:]) for label in MAY_BE_503),
]


def test_every_operation_is_fuzzed(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted([*WITH_INPUT, *WITHOUT, *MAY_BE_503])


@pytest.mark.parametrize(("label", "mode", "checks"), CASES, ids=lambda case: getattr(case, "value", None))
def test_it_keeps_to_its_description(
    operations: dict[str, Any], label: str, mode: GenerationMode, checks: list[Any]
) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(operations[label].as_strategy(generation_mode=mode))
    def keeps(case: Any) -> None:
        case.call_and_validate(checks=checks)

    keeps()
