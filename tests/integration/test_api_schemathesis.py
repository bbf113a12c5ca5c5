"""Requests made up from the interface's description: none may bring a node down or surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from builders.home import OPERATOR
from builders.issuing import issuing_home, make_seal
from builders.served import ServedNode, served
from builders.story import STORY_TIME
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    schemathesis.checks.CHECKS.get_one("not_a_server_error"),
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@schemathesis.serializer("application/x-ndjson", "application/sd-jwt")
def _as_it_is(context: Any, value: Any) -> bytes:
    """Bodies of these types are made up as text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    """A node that also issues certificates, by the story's clock."""
    folder = tmp_path_factory.mktemp("schemathesis")
    seal = make_seal(folder / "seal", datetime.fromtimestamp(STORY_TIME / 1000, UTC))
    with served(issuing_home(folder / "home", seal)) as running:
        yield running


@pytest.fixture(scope="module")
def schema(node: ServedNode) -> Any:
    node.submit(*node.teller.seal(), *node.teller.case(), node.teller.imported("example"))
    return schemathesis.openapi.from_url(f"{node.url}/openapi.json")


def run(operation: Any, mode: GenerationMode, examples: int, check: Callable[[Any], None]) -> None:
    """Make up requests for one operation, those that fit its description or those that do not."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def made_up(case: Any) -> None:
        check(case)

    try:
        made_up()
    except Unsatisfiable:  # without parameters there is no request that does not fit
        assert mode is GenerationMode.NEGATIVE, operation.label


def operations(schema: Any) -> list[Any]:
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_whatever_is_asked_the_answer_is_one_of_those_described(
    node: ServedNode, schema: Any, mode: GenerationMode
) -> None:
    done: list[str] = []

    def check(case: Any) -> None:
        case.call_and_validate(base_url=node.url, checks=CHECKS, timeout=30)
        done.append(case.operation.label)

    for operation in operations(schema):
        run(operation, mode, 25, check)
    assert len(set(done)) >= 18
    assert node.get("/healthz").status_code == 200
    assert node.get("/readyz").status_code == 200


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_the_same_for_what_members_ask(node: ServedNode, schema: Any, mode: GenerationMode) -> None:
    """Each made-up request is signed, so that it gets past the door."""
    done: list[str] = []

    def check(case: Any) -> None:
        member = OPERATOR if case.path.endswith("/erasure") else "platform-a"

        def sign(prepared: Any) -> Any:
            body = prepared.body or b""
            body = body.encode() if isinstance(body, str) else body
            headers = node.authorization(member, prepared.method, prepared.path_url, body)
            prepared.headers["Authorization"] = headers["authorization"]
            return prepared

        case.headers = {k: v for k, v in (case.headers or {}).items() if k != "Authorization"}
        answer = case.call_and_validate(base_url=node.url, checks=CHECKS, timeout=30, auth=sign)
        too_long = len(answer.request.path_url) > 4096  # more than a token can name
        assert answer.status_code != 401 or too_long
        done.append(case.operation.label)

    guarded = [item for item in operations(schema) if item.definition.raw.get("security")]
    assert len(guarded) >= 7
    for operation in guarded:
        run(operation, mode, 25, check)
    assert done
    assert node.get("/readyz").status_code == 200
