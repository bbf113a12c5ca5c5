"""POST /v1/submissions/batch on a running node: NDJSON in, NDJSON out, both streamed."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from builders.served import ServedNode
from builders.story import Told

from node.api.batch import MAX_LINE_BYTES


def line(told: Told) -> bytes:
    return json.dumps(told.encode().decode()).encode() + b"\n"


def post(node: ServedNode, body: Any, query: str = "") -> list[dict[str, Any]]:
    answer = httpx.post(
        f"{node.url}/v1/submissions/batch{query}",
        content=body,
        headers={"content-type": "application/x-ndjson"},
        timeout=60,
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(text) for text in answer.text.splitlines()]


def test_each_line_gets_the_answer_of_a_single_submission_in_order(node: ServedNode) -> None:
    told = [node.teller.initiated(f"batch-{number}") for number in range(600)]
    answers = post(node, b"".join(map(line, told)))
    assert [answer["line"] for answer in answers] == list(range(1, 601))
    assert {answer["status_code"] for answer in answers} == {201}
    assert [answer["id"] for answer in answers] == [item.id for item in told]
    with node.client() as client:
        single = client.submit(told[7].encode())
    assert {"line": 8, "status_code": 201, **single} == answers[7]


def test_records_that_rest_on_each_other_may_stand_in_one_batch(node: ServedNode) -> None:
    told = [*node.teller.seal("batch"), *node.teller.case("batch-case", seal="ES-batch")]
    assert {item["status_code"] for item in post(node, b"".join(map(line, told)))} == {201}


def test_one_bad_line_spoils_only_itself(node: ServedNode) -> None:
    good = [node.teller.initiated(f"among-{number}") for number in range(3)]
    refused = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:none", {"reason_code": "x"}
    )
    body = b"".join(
        [
            line(good[0]),
            b"no JSON\n",
            json.dumps({"submission": good[1].encode().decode()}).encode() + b"\n",
            b'"a.b.c"\n',
            b'"' + b"x" * (MAX_LINE_BYTES + 10) + b'"\n',
            line(refused),
            b"\n",
            line(good[0]),
            line(good[2]).rstrip(b"\n"),
        ]
    )
    answers = post(node, body)
    assert [answer["status_code"] for answer in answers] == [
        *(201, 400, 201, 400, 413, 422, 201, 201)
    ]
    assert [answer["line"] for answer in answers] == list(range(1, 9))
    assert answers[4]["place"] == "line 5"
    assert answers[5]["name"] == "dossier_unknown"
    assert answers[6]["id"] == answers[0]["id"]


def test_an_empty_batch_has_no_answers(node: ServedNode) -> None:
    assert post(node, b"") == []
    assert post(node, b"\n\n  \n") == []


def test_wait_none_leaves_them_pending_or_better(node: ServedNode) -> None:
    told = [node.teller.initiated(f"hasty-{number}") for number in range(20)]
    answers = post(node, b"".join(map(line, told)), "?wait=none")
    assert {answer["status_code"] for answer in answers} <= {201, 202}
    with node.client() as client:
        assert all(client.wait(item.id)["status"] == "recorded" for item in told)


def test_a_wrong_wish_is_refused_before_anything_is_taken(node: ServedNode) -> None:
    answer = httpx.post(f"{node.url}/v1/submissions/batch?wait=maybe", content=b"")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_answers_come_while_the_request_is_still_being_sent(node: ServedNode) -> None:
    """Each next line is sent only when the answer to the one before it has come."""
    told = [node.teller.initiated(f"dialogue-{number}") for number in range(5)]
    where = urlsplit(node.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/submissions/batch HTTP/1.1\r\nHost: node\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        stream = connection.makefile("rb")
        for number, item in enumerate(told, 1):
            body = line(item)
            connection.sendall(b"%x\r\n%b\r\n" % (len(body), body))
            while not (text := stream.readline()).startswith(b'{"line"'):
                assert text, "the answer ended early"
            assert json.loads(text)["line"] == number
        connection.sendall(b"0\r\n\r\n")
        assert b"0\r\n" in stream.read(7)


def test_a_request_that_breaks_off_keeps_what_it_brought(node: ServedNode) -> None:
    told = node.teller.initiated("broken-off")
    where = urlsplit(node.url)
    body = line(told)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/submissions/batch HTTP/1.1\r\nHost: node\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(body), body)
        )
        stream = connection.makefile("rb")
        while not stream.readline().startswith(b'{"line"'):
            pass
    with node.client() as client:
        assert client.transaction(told.id)["status"] == "recorded"


def test_the_client_sends_many_and_reads_their_answers(node: ServedNode) -> None:
    told = [node.teller.initiated(f"many-{number}") for number in range(700)]
    with node.client() as client:
        answers = list(client.submit_many(item.encode() for item in told))
    assert [answer["id"] for answer in answers] == [item.id for item in told]
    assert {answer["status_code"] for answer in answers} == {201}


def send_until_nobody_reads(connection: socket.socket, whole: memoryview) -> int:
    """How much could be sent before nothing more was taken for a second."""
    sent = 0
    try:
        while sent < len(whole):
            sent += connection.send(whole[sent : sent + 65_536])
    except TimeoutError:
        pass
    return sent


def test_a_client_that_sends_without_end_is_read_no_faster_than_it_is_answered(
    own_node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing is committed, a bounded number of lines is taken in, then none."""
    gate = threading.Event()
    persist = own_node.node.application.persist

    def held(*args: Any, **kwargs: Any) -> None:
        gate.wait(60)
        persist(*args, **kwargs)

    monkeypatch.setattr(own_node.node.application, "persist", held)
    told = [line(own_node.teller.initiated(f"flood-{number}")) for number in range(200)]
    most = 20_000
    where = urlsplit(own_node.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            b"POST /v1/submissions/batch?timeout=60 HTTP/1.1\r\nHost: node\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % sum(map(len, told * 100))
        )
        whole = memoryview(b"".join(told * 100))
        connection.settimeout(1.0)
        sent = send_until_nobody_reads(connection, whole)
        assert sent < len(whole)
        assert own_node.node.submission.pending <= 256 * 10
        gate.set()
        connection.settimeout(120)
        sending = threading.Thread(target=connection.sendall, args=(whole[sent:],))
        sending.start()
        answers = [
            json.loads(text) for text in connection.makefile("rb") if text.startswith(b'{"line"')
        ]
        sending.join()
    assert [answer["line"] for answer in answers] == list(range(1, most + 1))
    assert {answer["status_code"] for answer in answers} == {201}
