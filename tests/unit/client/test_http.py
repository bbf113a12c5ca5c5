"""node.client.http, against a transport that plays the node."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from builders.home import signing_key

from node.client.errors import NodeBusy, NodeProblem, NodeUnreachable, RecordRefused
from node.client.http import NodeClient
from node.core.request_token import decode_request_token

Handler = Callable[[httpx.Request], httpx.Response]
KEY, NOW = signing_key("platform"), 1_790_000_000_000


def client(handler: Handler, *, signs: bool = False, patience: float = 5.0) -> NodeClient:
    signed = {"key": KEY, "member": "platform-a", "chain_id": "seal-test", "operator": "bureau"}
    signer = signed if signs else {}
    return NodeClient(
        "http://node.test/",
        transport=httpx.MockTransport(handler),
        patience=patience,
        now=lambda: NOW,
        **signer,  # type: ignore[arg-type]
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("node.client.connection.time.sleep", pauses.append)
    return pauses


def test_a_submission_is_sent_as_it_is_and_its_receipt_returned() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        assert request.url.raw_path == b"/v1/submissions?wait=none&timeout=5"
        assert request.headers["content-type"] == "application/sd-jwt"
        assert request.content == b"a.b.c~d~"
        assert "authorization" not in request.headers
        return httpx.Response(201, json={"status": "recorded"})

    assert client(handler).submit(b"a.b.c~d~", wait="none", timeout=5) == {"status": "recorded"}


def test_the_same_bytes_are_sent_again_until_somebody_answers(no_pauses: list[float]) -> None:
    seen: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        if len(seen) == 1:
            raise httpx.ConnectError("refused")
        if len(seen) == 2:
            raise httpx.ReadTimeout("silence")
        if len(seen) == 3:
            return httpx.Response(503, json={"type": "x:busy", "retry_after": 2})
        return httpx.Response(202, json={"status": "pending"})

    assert client(handler).submit(b"same")["status"] == "pending"
    assert seen == [b"same"] * 4
    assert no_pauses[-1] == 2


def test_patience_ends() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    def busy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"detail": "full", "retry_after": 60})

    with pytest.raises(NodeUnreachable, match="nobody there"):
        client(silent, patience=0.0).submit(b"x")
    with pytest.raises(NodeBusy) as caught:
        client(busy, patience=1.0).submit(b"x")
    assert caught.value.retry_after == 60


@pytest.mark.parametrize(("status", "kind"), [(409, RecordRefused), (422, RecordRefused)])
def test_a_refusal_is_final_and_carries_the_problem(
    status: int, kind: type[NodeProblem], no_pauses: list[float]
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        problem = {
            "type": "urn:evidence-ledger:problem:refused",
            "detail": "not so",
            "name": "seal_not_active",
            "code": 25,
        }
        return httpx.Response(status, json=problem)

    with pytest.raises(kind) as caught:
        client(handler).submit(b"x")
    assert caught.value.problem["name"] == "seal_not_active"
    assert str(caught.value) == f"{status} refused: not so"
    assert no_pauses == []


def test_what_only_members_may_ask_is_signed_for_exactly_that_request() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        token = decode_request_token(request.headers["authorization"].removeprefix("Bearer "))
        token.verify_binding(
            audience="seal-test:bureau",
            method="GET",
            target="/v1/dossiers/case:platform-a:1/disclosures?purpose=%E5%AE%A1%E7%90%86",
            body=b"",
            now=NOW,
        )
        assert (token.iss, token.kid) == ("platform-a", KEY.kid)
        return httpx.Response(200, json={"disclosures": []})

    assert client(handler, signs=True).disclosures("case:platform-a:1", purpose="审理") == {
        "disclosures": []
    }


def test_an_erasure_is_signed_with_its_body() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        token = decode_request_token(request.headers["authorization"].removeprefix("Bearer "))
        token.verify_binding(
            audience="seal-test:bureau",
            method="POST",
            target="/v1/dossiers/case:a:1/erasure",
            body=request.content,
            now=NOW,
        )
        assert json.loads(request.content) == {"digests": ["a", "b"], "reason": "over"}
        return httpx.Response(200, json={"erased": ["a", "b"]})

    assert client(handler, signs=True).erase("case:a:1", "over", digests=["b", "a"])["erased"]


def test_a_key_without_what_it_signs_for_is_refused() -> None:
    whole = {"member": "platform-a", "chain_id": "seal-test", "operator": "bureau"}
    for name in whole:
        part = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(ValueError, match=name):
            NodeClient("http://node.test", key=KEY, **part)
    with pytest.raises(ValueError, match="only members"):
        client(lambda request: httpx.Response(200)).disclosures("case:a:1")


def test_an_answer_that_is_no_json_object_is_no_answer() -> None:
    for content in (b"<html>", b"[]", b"7"):
        with pytest.raises(NodeUnreachable):
            client(lambda request, content=content: httpx.Response(200, content=content)).node()  # type: ignore[misc]


def test_an_error_without_a_problem_document_is_told_all_the_same() -> None:
    with pytest.raises(NodeProblem) as caught:
        client(lambda request: httpx.Response(502, content=b"<html>bad gateway")).node()
    assert caught.value.status == 502
    assert caught.value.type == "about:blank"


def test_many_are_sent_in_batches_and_only_what_was_refused_for_want_of_room_again() -> None:
    batches: list[list[str]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        lines = [json.loads(line) for line in request.content.splitlines()]
        batches.append(lines)
        answers = []
        for line in lines:
            busy = line == "s7" and sum(line in batch for batch in batches) == 1
            status = 503 if busy else 201
            answers.append(json.dumps({"status_code": status, "echo": line, "retry_after": 1}))
        return httpx.Response(200, text="\n".join(answers) + "\n")

    sent = [f"s{number}".encode() for number in range(600)]
    answers = list(client(handler).submit_many(sent))
    assert [answer["echo"].encode() for answer in answers] == sent
    assert {answer["status_code"] for answer in answers} == {201}
    assert max(map(len, batches)) <= 256
    assert ["s7"] in batches


def test_a_batch_whose_answer_is_cut_off_is_not_taken_for_answered() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text='{"status_code":201}\n')

    with pytest.raises(NodeUnreachable, match="cut off"):
        list(client(handler).submit_many([b"a", b"b"]))


def test_waiting_ends_with_the_commit_or_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = ["pending", "pending", "recorded"]

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": statuses.pop(0)})

    assert client(handler).wait("ab", timeout=10)["status"] == "recorded"
    statuses[:] = ["pending"]
    assert client(handler).wait("ab", timeout=0)["status"] == "pending"


def test_readiness_is_told_whatever_the_status() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"ready": False, "reasons": ["the disk is full"]})

    assert client(handler).status() == {"ready": False, "reasons": ["the disk is full"]}


def test_a_bundle_goes_alone_or_with_its_trust_file() -> None:
    bodies: list[object] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"accepted": True})

    told = client(handler)
    told.verify(b'{"format":"x"}\n')
    told.verify(b'{"format":"x"}\n', b'{"chain_id":"c"}\n')
    assert bodies == [
        {"format": "x"},
        {"bundle": {"format": "x"}, "trust": {"chain_id": "c"}},
    ]


def parts_of(records: int, most: int, asked: list[str]) -> Handler:
    """A node with a dossier of so many records that gives at most so many at once."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/dossiers/case:a:1"
        asked.append(request.url.query.decode())
        start = int(request.url.params.get("first", "1")) - 1
        entries = [{"code": f"CZ-{number}"} for number in range(1, records + 1)]
        grown = records + len(asked) - 1  # another record comes with every request
        shown = entries[start : start + most]
        return httpx.Response(200, json={"records": grown, "entries": shown})

    return handler


@pytest.mark.parametrize(
    ("records", "requests"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3)]
)
def test_a_dossier_is_read_whole_however_many_records_it_has(records: int, requests: int) -> None:
    asked: list[str] = []
    found = client(parts_of(records, 1000, asked)).dossier("case:a:1")
    assert [entry["code"] for entry in found["entries"]] == [
        f"CZ-{number}" for number in range(1, records + 1)
    ]
    assert found["records"] == records
    assert asked == ["", *(f"first={at * 1000 + 1}" for at in range(1, requests))]


def test_a_node_that_gives_fewer_records_than_it_names_is_not_believed() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"records": 3, "entries": []})

    with pytest.raises(NodeUnreachable, match="of 3 records 0 were answered"):
        client(handler).dossier("case:a:1")


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda c: c.transaction("a/b"), b"/v1/transactions/a%2Fb"),
        (lambda c: c.lookup("CZ1 2"), b"/v1/lookup?q=CZ1%202"),
        (lambda c: c.seal_status("ES-1", 5), b"/v1/seals/ES-1/status?at=5"),
        (lambda c: c.state("member/a"), b"/v1/state/member/a"),
        (lambda c: c.block(), b"/v1/blocks/latest"),
        (lambda c: c.document("ab"), b"/v1/documents/ab"),
        (lambda c: c.statistics(), b"/v1/statistics"),
    ],
)
def test_paths(call: Callable[[NodeClient], object], path: bytes) -> None:
    seen: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.replace(b"+", b"%20"))
        return httpx.Response(200, json={})

    call(client(handler))
    assert seen == [path]
