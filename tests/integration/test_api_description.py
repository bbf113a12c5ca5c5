"""The interface's description: whole, true, and with examples that work on a fresh node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest
from builders.home import OPERATOR
from builders.issuing import code_of, issuing_home, make_seal, order, post_order
from builders.served import ServedNode, served
from builders.story import STORY_TIME, digest_of

from chaincode_adapters.receipts import encode_item
from node.api.app import NodeApp
from node.api.examples import CODE, DIGEST, RECEIPT, SUBMISSION, TRANSACTION
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import AnchorReceipt

ISSUED: list[str] = []
"""The numbers of certificates that the examples speak of: nobody can know them before."""
METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    """A node that also issues certificates, by the story's clock."""
    folder = tmp_path_factory.mktemp("described")
    seal = make_seal(folder / "seal", datetime.fromtimestamp(STORY_TIME / 1000, UTC))
    with served(issuing_home(folder / "home", seal)) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _told(node: ServedNode) -> None:
    """What the examples speak of."""
    imported = node.teller.imported("example")
    assert imported.encode().decode() == SUBMISSION, "make node/api/examples.py anew"
    assert imported.id == TRANSACTION
    assert digest_of("old", "example") == DIGEST
    change = {"kind": "member.suspend", "member": "platform-b"}
    proposal = {"change": change, "closes_at": node.teller.time + 86_400_000}
    point = AnchorPoint("seal-test", 0, 1, bytes(32), bytes(32), bytes(32))
    item = encode_item(AnchorReceipt("example", point, {}))
    batch = node.node.stores.local.batch()
    assert node.node.receipts.add(batch, item, "example:1", 1, OPERATOR).hex() == RECEIPT
    node.node.stores.local.write(batch, sync=False)
    proposed = node.teller.tell(
        "court-a", "governance.proposed", "consortium:court-a:example", proposal
    )
    node.submit(*node.teller.seal(), *node.teller.case(), imported, proposed)
    assert code_of(node, "record:platform-a:example") == CODE
    answer = post_order(node, order(codes=[CODE]), "platform-a")
    ISSUED[:] = [item["certificate_no"] for item in answer.json()["certificates"]]


@pytest.fixture(scope="module")
def document(node: ServedNode) -> dict[str, Any]:
    content: dict[str, Any] = node.get("/openapi.json").json()
    return content


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_every_operation_has_tags_texts_in_both_languages_and_its_errors(
    document: dict[str, Any],
) -> None:
    known = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert set(operation["tags"]) <= known, where
        assert operation["tags"], where
        assert operation["description"].strip(), where
        summary = operation["summary"]
        assert any("\u4e00" <= c <= "\u9fff" for c in summary), where
        assert any(c.isascii() and c.isalpha() for c in summary), where
        assert "422" not in operation["responses"] or path == "/v1/submissions", where
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert "application/problem+json" in answer["content"], where
        if operation.get("security"):
            assert "401" in operation["responses"], where
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], where


def test_names_of_operations_are_unique(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_route_is_described_and_nothing_else(
    node: ServedNode, document: dict[str, Any]
) -> None:
    assert isinstance(node.app, NodeApp)
    described = {path for _, path, _ in operations(document)}
    assert {"/v1/submissions", "/v1/submissions/batch"} < described
    assert len(described) >= 29


def test_all_references_lead_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    import re

    for name in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert name in schemas
    assert "HTTPValidationError" not in text
    assert not re.search(r"https?://(?!json-schema)", text)


def example_of(parameter: dict[str, Any], path: str) -> str | None:
    if parameter["name"] == "number" and path.startswith("/v1/certificates/"):
        return ISSUED[0]
    schema = parameter["schema"]
    found = [*schema.get("examples", ()), *(schema["example"] for _ in [0] if "example" in schema)]
    if found:
        return str(found[0])
    if parameter["name"] == "id":
        return TRANSACTION
    if parameter["name"] == "sha256":
        return DIGEST
    return None


def request_of(
    node: ServedNode, method: str, path: str, operation: dict[str, Any], media_type: str = ""
) -> httpx.Request:
    """The request that an operation's examples make."""
    query = []
    for parameter in operation.get("parameters", ()):
        example = example_of(parameter, path)
        if parameter["in"] == "path":
            assert example is not None, f"{path}: {parameter['name']} has no example"
            path = path.replace("{" + parameter["name"] + "}", example)
        elif example is not None:
            query.append(f"{parameter['name']}={example}")
    target = path + ("?" + "&".join(query) if query else "")
    body, headers = b"", {}
    if media_type:
        example = operation["requestBody"]["content"][media_type]["example"]
        body = example.encode() if isinstance(example, str) else json.dumps(example).encode()
        headers["content-type"] = media_type
    if operation.get("security"):
        member = OPERATOR if "erasure" in path else "platform-a"
        headers |= node.authorization(member, method.upper(), target, body)
    return httpx.Request(method.upper(), node.url + target, content=body, headers=headers)


def test_every_example_works_and_its_answer_has_the_form_that_is_described(
    node: ServedNode, document: dict[str, Any]
) -> None:
    done = 0
    with httpx.Client(timeout=30) as client:
        for method, path, operation in operations(document):
            bodies = operation.get("requestBody", {}).get("content", {"": {}})
            for media_type in bodies:
                answer = client.send(request_of(node, method, path, operation, media_type))
                assert answer.status_code in (200, 201), f"{method} {path}: {answer.text}"
                assert_described(document, operation, answer)
                done += 1
    assert done >= 30


def assert_described(
    document: dict[str, Any], operation: dict[str, Any], answer: httpx.Response
) -> None:
    content = operation["responses"][str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content
    if media_type == "application/json":
        schema = {**content[media_type]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize(
    ("target", "member", "path"),
    [
        ("/v1/dossiers/case:platform-a:0001", "court-a", "/v1/dossiers/{sub}"),
        ("/v1/dossiers/case:platform-a:absent", "", "/v1/dossiers/{sub}"),
        ("/v1/blocks/0", "", "/v1/blocks/{height}"),
        ("/v1/lookup?q=x", "", "/v1/lookup"),
        ("/v1/seals/ES-0001/status?at=1", "", "/v1/seals/{es_id}/status"),
        (
            "/v1/dossiers/case:platform-a:0001/disclosures",
            "court-a",
            "/v1/dossiers/{sub}/disclosures",
        ),
        ("/v1/state/member/nobody", "", "/v1/state/{key}"),
        ("/v1/log/proofs/inclusion", "", "/v1/log/proofs/inclusion"),
    ],
)
def test_other_answers_have_their_described_form_too(
    node: ServedNode, document: dict[str, Any], target: str, member: str, path: str
) -> None:
    answer = node.get(target, member)
    operation = document["paths"][path]["get"]
    assert str(answer.status_code) in operation["responses"]
    assert_described(document, operation, answer)
    if answer.status_code >= 400:
        schema = document["components"]["schemas"]["Problem"]
        jsonschema.Draft202012Validator(schema).validate(answer.json())
