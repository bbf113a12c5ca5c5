"""POST /v1/verify on a running node."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from builders.served import ServedNode

CASE = "case:platform-a:0001"


@pytest.fixture(scope="module")
def bundle(node: ServedNode) -> bytes:
    node.submit(*node.teller.seal(), *node.teller.case())
    with node.client("court-a") as client:
        return client.bundle(CASE)


def verify(node: ServedNode, body: bytes) -> Any:
    answer = httpx.post(f"{node.url}/v1/verify", content=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_bundle_file_is_checked_as_it_is(node: ServedNode, bundle: bytes) -> None:
    told = verify(node, bundle)
    assert told["accepted"] is True
    assert told["trust"] == "node"
    assert "offline" in told["notice"]
    assert "离线" in told["notice_zh"]
    assert [step["number"] for step in told["steps"]] == list(range(1, len(told["steps"]) + 1))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_trust_file_may_be_given(node: ServedNode, bundle: bytes, as_text: bool) -> None:
    trust = node.get("/v1/trust").content
    parts = {"bundle": bundle.decode(), "trust": trust.decode()}
    if not as_text:
        parts = {name: json.loads(text) for name, text in parts.items()}
    told = verify(node, json.dumps(parts).encode())
    assert (told["accepted"], told["trust"]) == (True, "given")
    assert told["trust_fingerprint"] == node.get("/v1/node").json()["trust_fingerprint"]


def test_another_chain_s_trust_file_makes_it_fail(node: ServedNode, bundle: bytes) -> None:
    trust = json.loads(node.get("/v1/trust").content)
    trust["genesis_hash"] = "0" * 64
    told = verify(node, json.dumps({"bundle": json.loads(bundle), "trust": trust}).encode())
    assert told["accepted"] is False
    failed = [step["id"] for step in told["steps"] if step["status"] == "failed"]
    assert failed == ["chain.identity"]


def test_an_altered_bundle_fails_at_what_was_altered(node: ServedNode, bundle: bytes) -> None:
    changed = json.loads(bundle)
    changed["entries"][1]["index"] += 1
    told = verify(node, json.dumps(changed).encode())
    assert told["accepted"] is False
    assert "entries.inclusion" in [
        step["id"] for step in told["steps"] if step["status"] == "failed"
    ]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"{}", b"[]", b'{"bundle":{}}', b'{"format":"evidence-bundle/1"}']
)
def test_what_is_no_bundle_fails_its_first_step(node: ServedNode, body: bytes) -> None:
    told = verify(node, body)
    assert told["accepted"] is False
    assert told["steps"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"bundle":{},"trust":{}}', "trust"),
        (b'{"bundle":{},"trust":"nonsense"}', "trust"),
        (b'{"bundle":{},"trust":[]}', "body.trust"),
        (b'{"bundle":5}', "body.bundle"),
    ],
)
def test_what_is_no_trust_file_is_malformed(node: ServedNode, body: bytes, place: str) -> None:
    answer = httpx.post(f"{node.url}/v1/verify", content=body)
    assert answer.status_code == 400
    assert answer.json()["place"].startswith(place)


def test_a_body_beyond_the_limit_is_too_large(node: ServedNode) -> None:
    most = node.node.config.api.max_body_bytes
    answer = httpx.post(f"{node.url}/v1/verify", content=b"x" * (most + 1), timeout=60)
    assert answer.status_code == 413


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b'""'])
def test_what_would_take_many_times_its_memory_is_refused_undecoded(
    node: ServedNode, item: bytes
) -> None:
    body = b'{"bundle":{"entries":[' + b",".join([item] * 100_000) + b"]}}"
    answer = httpx.post(f"{node.url}/v1/verify", content=body)
    assert answer.status_code == 400
    assert answer.json()["place"] == "body"
    assert "values" in answer.json()["detail"]
    few = b'{"bundle":{"entries":[' + b",".join([item] * 4_000) + b"]}}"
    assert httpx.post(f"{node.url}/v1/verify", content=few).status_code == 200
