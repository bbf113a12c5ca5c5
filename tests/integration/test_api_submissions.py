"""POST /v1/submissions on a running node: every answer that it can give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.home import MemberKey, make_home
from builders.served import ServedNode, served
from builders.signing import signed_jwt
from builders.story import Told

from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.signatures import P256_ORDER
from node.core.transaction import transaction_id


def post(node: ServedNode, body: bytes, query: str = "", **headers: str) -> httpx.Response:
    return httpx.post(
        f"{node.url}/v1/submissions{query}",
        content=body,
        headers={"content-type": "application/sd-jwt", **headers},
        timeout=60,
    )


def assert_problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:evidence-ledger:problem:{name}"
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["detail_zh"]
    return problem


def high_s(told: Told) -> Told:
    """The same record with the other of the two signatures that hold."""
    head, _, text = told.jwt.rpartition(b".")
    signature = decode_base64url(text, place="signature")
    other = P256_ORDER - int.from_bytes(signature[32:], "big")
    high = signature[:32] + other.to_bytes(32, "big")
    return Told(head + b"." + encode_base64url(high).encode(), told.disclosures)


def test_a_record_gets_its_receipt_and_ever_the_same_one(node: ServedNode) -> None:
    told = node.teller.initiated("receipt")
    first = post(node, told.encode())
    assert first.status_code == 201
    receipt = first.json()
    assert first.headers["location"] == f"/v1/transactions/{told.id}"
    assert receipt["status"] == "recorded"
    assert receipt["id"] == told.id
    assert receipt["chain_id"] == node.home.chain_id
    assert receipt["code"].endswith("-1")
    assert receipt["time"] <= receipt["proven_time"]
    for body in (told.encode(), told.jwt):
        again = post(node, body)
        assert (again.status_code, again.json()) == (201, receipt)


def test_a_high_s_is_turned_low_and_said(node: ServedNode) -> None:
    told = node.teller.initiated("lowered")
    answer = post(node, high_s(told).encode())
    assert answer.status_code == 201
    receipt = answer.json()
    assert receipt["lowered"] is True
    assert receipt["id"] == told.id == transaction_id(told.jwt).hex()
    assert "lowered" not in post(node, told.encode()).json()


def test_wait_none_is_answered_from_the_disk(node: ServedNode) -> None:
    told = node.teller.initiated("hasty")
    answer = post(node, told.encode(), "?wait=none")
    assert answer.status_code in (201, 202)
    assert answer.headers["location"] == f"/v1/transactions/{told.id}"
    with node.client() as client:
        assert client.wait(told.id)["status"] == "recorded"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "transaction"),
        (b"x", "transaction"),
        (b"a.b.c", "header"),
        (b"\xff\xfe\x00", "transaction"),
        (b"a.b.c~", "header"),
        (b"a.b.c~x", "submission"),
        (b"." * 17_000, "transaction"),
        ("南霁云".encode(), "transaction"),
    ],
)
def test_what_is_no_record_is_malformed_at_its_place(
    node: ServedNode, body: bytes, place: str
) -> None:
    problem = assert_problem(post(node, body), 400, "malformed")
    assert problem["place"].startswith(place)
    assert problem["rule"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"iat": None}, "payload.iat"),
        ({"cid": "another-chain"}, "payload.cid"),
        ({"exp": 1}, "payload.exp"),
        ({"extra": 1}, "payload.extra"),
        ({"jti": "x y"}, "payload.jti"),
    ],
)
def test_what_is_no_transaction_of_this_chain_is_malformed(
    node: ServedNode, changes: dict[str, Any], place: str
) -> None:
    told = node.teller.tell("platform-a", "signing.voided", "case:platform-a:x", {}, **changes)
    if None in changes.values():
        payload = {name: value for name, value in payload_of(told).items() if name not in changes}
        told = Told(signed_jwt(node.home.keys["platform-a"], canonical_json(payload)), ())
    problem = assert_problem(post(node, told.encode()), 400, "malformed")
    assert problem["place"] == place


def payload_of(told: Told) -> dict[str, Any]:
    import json

    value: dict[str, Any] = json.loads(decode_base64url(told.jwt.split(b".")[1], place="payload"))
    return value


def test_a_signature_that_does_not_hold_is_told_as_such(node: ServedNode) -> None:
    told, other = node.teller.initiated("sig-a"), node.teller.initiated("sig-b")
    forged = told.jwt.rpartition(b".")[0] + b"." + other.jwt.rpartition(b".")[2]
    problem = assert_problem(post(node, forged), 400, "invalid-signature")
    assert problem["place"] == "signature"


def test_a_key_of_nobody_is_refused(node: ServedNode) -> None:
    payload = canonical_json(payload_of(node.teller.initiated("nobody")))
    stranger = signed_jwt(MemberKey("stranger"), payload)
    problem = assert_problem(post(node, stranger), 400, "invalid-signature")
    assert problem["place"] == "header.kid"


def test_a_disclosure_of_nothing_is_malformed(node: ServedNode) -> None:
    told, other = node.teller.initiated("disc-a"), node.teller.initiated("disc-b")
    strange = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:x", {"reason_code": "x"}, {"reason": "y"}
    )
    problem = assert_problem(
        post(node, Told(told.jwt, strange.disclosures).encode()), 400, "malformed"
    )
    assert problem["place"].startswith("disclosures[0]")
    assert other.disclosures


def test_a_private_field_in_clear_never_gets_on_the_chain(node: ServedNode) -> None:
    told = node.teller.tell(
        "platform-a",
        "signing.voided",
        "case:platform-a:clear",
        {"reason_code": "x", "reason": "南霁云病重"},
    )
    answer = post(node, told.encode())
    problem = assert_problem(answer, 422, "refused")
    assert problem["name"] == "private_in_clear"
    assert problem["place"] == "payload.data.reason"
    assert "height" not in problem
    assert "南霁云" not in answer.text
    assert node.get(f"/v1/transactions/{told.id}").status_code == 404


def test_a_rule_s_refusal_has_code_name_and_height_and_is_remembered(node: ServedNode) -> None:
    told = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:nowhere", {"reason_code": "x"}
    )
    problem = assert_problem(post(node, told.encode()), 422, "refused")
    assert problem["name"] == "dossier_unknown"
    assert problem["height"] > 0
    again = assert_problem(post(node, told.encode()), 422, "refused")
    assert {k: again[k] for k in ("code", "name", "height", "id")} == {
        k: problem[k] for k in ("code", "name", "height", "id")
    }


def test_the_same_event_id_with_other_bytes_is_a_conflict(node: ServedNode) -> None:
    first = node.teller.initiated("conflict")
    jti = payload_of(first)["jti"]
    other = node.teller.tell(
        "platform-a",
        "record.imported",
        "record:platform-a:conflict",
        {
            "aliases": [],
            "document_hashes": [],
            "happened_at": 1,
            "record_hash": "0" * 64,
            "source_system": "x",
        },
        jti=jti,
    )
    assert post(node, first.encode()).status_code == 201
    problem = assert_problem(post(node, other.encode()), 409, "conflict")
    assert problem["name"] == "conflict"
    assert_problem(post(node, other.encode()), 409, "conflict")


def test_limits_of_size_type_and_wishes(node: ServedNode) -> None:
    assert_problem(post(node, b"x" * (2 << 20)), 413, "too-large")
    told = node.teller.initiated("typed")
    wrong = post(node, told.encode(), **{"content-type": "application/json"})
    assert_problem(wrong, 415, "unsupported-media-type")
    assert_problem(post(node, told.encode(), "?wait=maybe"), 400, "malformed")
    text = post(node, told.encode(), **{"content-type": "text/plain; charset=us-ascii"})
    assert text.status_code == 201
    bare = httpx.Request("POST", f"{node.url}/v1/submissions", content=told.encode())
    with httpx.Client() as client:
        assert client.send(bare).status_code == 201


def test_a_body_in_chunks_is_one_submission(node: ServedNode) -> None:
    told = node.teller.initiated("chunked").encode()
    pieces = [told[start : start + 100] for start in range(0, len(told), 100)]
    answer = httpx.post(
        f"{node.url}/v1/submissions", content=iter(pieces), headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 201


def test_sixty_four_at_once_all_get_their_own_receipt(node: ServedNode) -> None:
    told = [node.teller.initiated(f"parallel-{number}") for number in range(64)]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda item: post(node, item.encode()), told))
    assert [answer.status_code for answer in answers] == [201] * 64
    assert [answer.json()["id"] for answer in answers] == [item.id for item in told]
    assert len({answer.json()["index"] for answer in answers}) == 64


def test_the_same_one_sixty_four_times_at_once_is_recorded_once(node: ServedNode) -> None:
    told = node.teller.initiated("crowd")
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: post(node, told.encode()), range(64)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1


@pytest.fixture
def held(own_node: ServedNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedNode]:
    """A node whose blocks are not written until the test lets them."""
    gate = threading.Event()
    persist = own_node.node.application.persist

    def wait_then_persist(*args: Any, **kwargs: Any) -> None:
        gate.wait(30)
        persist(*args, **kwargs)

    monkeypatch.setattr(own_node.node.application, "persist", wait_then_persist)
    own_node.gate = gate  # type: ignore[attr-defined]
    yield own_node
    gate.set()


def test_when_the_wait_runs_out_it_is_pending_and_found_later(held: ServedNode) -> None:
    told = held.teller.initiated("late")
    answer = post(held, told.encode(), "?timeout=0.2")
    assert answer.status_code == 202
    pending = answer.json()
    assert (pending["status"], pending["id"]) == ("pending", told.id)
    asked = held.get(answer.headers["location"])
    assert (asked.status_code, asked.json()["status"]) == (200, "pending")
    held.gate.set()  # type: ignore[attr-defined]
    with held.client() as client:
        assert client.wait(told.id)["status"] == "recorded"
    assert post(held, told.encode()).status_code == 201


def test_a_full_node_says_when_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path / "home", settings={"submission": {"max_items": 1}})
    with served(home) as node:
        gate = threading.Event()
        persist = node.node.application.persist
        monkeypatch.setattr(
            node.node.application,
            "persist",
            lambda *args, **kwargs: (gate.wait(30), persist(*args, **kwargs)),
        )
        try:
            first = node.teller.initiated("first")
            assert post(node, first.encode(), "?wait=none").status_code == 202
            answer = post(node, node.teller.initiated("second").encode())
            problem = assert_problem(answer, 503, "busy")
            assert answer.headers["retry-after"] == str(problem["retry_after"])
        finally:
            gate.set()


def test_a_stopping_node_answers_each_request_whole(own_node: ServedNode) -> None:
    told = [own_node.teller.initiated(f"stop-{number}") for number in range(300)]
    answers: list[httpx.Response] = []
    began = threading.Event()

    def submit(item: Told) -> None:
        answers.append(post(own_node, item.encode()))
        began.set()

    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(submit, item) for item in told]
        began.wait(30)
        own_node.hub.stopping = True
        for one in sent:
            one.result()
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 503}
    assert 503 in statuses
    for answer in answers:
        if answer.status_code == 503:
            assert_problem(answer, 503, "stopped")
            assert "retry-after" in answer.headers


def test_a_node_that_makes_no_blocks_takes_nothing_and_stays_readable(
    own_node: ServedNode,
) -> None:
    own_node.submit(own_node.teller.initiated("before"))
    own_node.node.stores.blocks.close()
    answer = post(own_node, own_node.teller.initiated("after").encode(), "?timeout=1")
    assert answer.status_code in (202, 503)
    assert own_node.node.failed.wait(30)
    assert_problem(post(own_node, own_node.teller.initiated("more").encode()), 503, "stopped")
    ready = own_node.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"]
    assert own_node.get("/healthz").status_code == 200
    assert own_node.get("/v1/node").status_code == 200
