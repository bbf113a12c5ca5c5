"""What a running node reads of bodies that nobody signed, that are too long, or that never end."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from builders.home import OPERATOR
from builders.served import ServedNode

from node.api import exchange as exchange_module

ERASURE = "/v1/dossiers/case:platform-a:0001/erasure"
DISCLOSURES = "/v1/dossiers/case:platform-a:0001/disclosures"
MOST = 64 << 10


class Asker:
    """A connection on which a request's body is never finished."""

    def __init__(self, node: ServedNode, head: str, *headers: str, body: bytes = b"") -> None:
        place = urlsplit(node.url)
        assert place.hostname
        assert place.port
        self.socket = socket.create_connection((place.hostname, place.port), timeout=30)
        lines = "\r\n".join([f"{head} HTTP/1.1", "Host: x", *headers, "", ""])
        self.socket.sendall(lines.encode() + body)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers, and document of the answer."""
        with self.socket.makefile("rb") as file:
            status = int(file.readline().split()[1])
            headers: dict[str, str] = {}
            while line := file.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            return status, headers, json.loads(file.read(int(headers["content-length"])))

    def close(self) -> None:
        self.socket.close()


@contextmanager
def asking(
    node: ServedNode, head: str, *headers: str, body: bytes = b"", times: int = 1
) -> Iterator[list[Asker]]:
    with ExitStack() as stack:
        askers = []
        for _ in range(times):
            askers.append(Asker(node, head, *headers, body=body))
            stack.callback(askers[-1].close)
        yield askers


def held(node: ServedNode) -> int:
    held: int = node.app.edge.buffered.held
    return held


def wait_for(node: ServedNode, done: Callable[[], bool]) -> None:
    """Ask the node, whose loop goes round with each request, until ``done``."""
    for _ in range(5000):
        if done():
            return
        assert httpx.get(f"{node.url}/healthz").status_code == 200
    raise AssertionError("that never came about")


def answered(askers: list[Asker], count: int) -> list[tuple[int, dict[str, str], Any]]:
    """The first ``count`` answers."""
    answers: list[tuple[int, dict[str, str], Any]] = []
    waiting = {asker.socket: asker for asker in askers}
    while len(answers) < count:
        ready, _, _ = select.select(list(waiting), [], [], 30)
        assert ready, "no answer came"
        answers += [waiting.pop(connection).answer() for connection in ready]
    return answers


def authorization(node: ServedNode, method: str, target: str, body: bytes = b"") -> str:
    value: str = node.authorization(OPERATOR, method, target, body)["authorization"]
    return f"Authorization: {value}"


@pytest.mark.parametrize("target", [f"POST {ERASURE}", f"GET {DISCLOSURES}?purpose=x"])
@pytest.mark.parametrize("token", ["", "Authorization: Bearer a.b.c", "another's"])
def test_who_has_no_token_is_refused_before_the_body_is_there(
    node: ServedNode, target: str, token: str
) -> None:
    if token == "another's":
        token = authorization(node, "POST", "/v1/another")
    headers = [f"Content-Length: {MOST}", *([token] if token else [])]
    body = b"x" * (MOST - 1)
    with asking(node, target, *headers, body=body, times=16) as askers:
        for asker in askers:
            status, told, problem = asker.answer()
            assert (status, problem["status"]) == (401, 401)
            assert told["www-authenticate"].startswith("Bearer ")
        assert held(node) == 0


def test_a_signed_body_is_read_and_bound(node: ServedNode) -> None:
    body = b"[]"
    token = authorization(node, "POST", ERASURE, body)
    for sent, status in ((b"{}", 401), (b"[]", 400)):
        with asking(node, f"POST {ERASURE}", token, "Content-Length: 2", body=sent) as (asker,):
            assert asker.answer()[0] == status


def test_a_get_is_answered_without_its_body(node: ServedNode) -> None:
    target = DISCLOSURES + "?purpose=x"
    token = authorization(node, "GET", target)
    with asking(node, f"GET {target}", token, f"Content-Length: {MOST}") as (asker,):
        assert asker.answer()[0] == 404
    with asking(node, "GET /v1/node", f"Content-Length: {MOST}") as (asker,):
        assert asker.answer()[0] == 200


@pytest.mark.parametrize("target", [f"POST {ERASURE}", f"GET {DISCLOSURES}", "GET /v1/node"])
def test_a_body_that_is_told_to_be_too_long_is_not_waited_for(
    node: ServedNode, target: str
) -> None:
    with asking(node, target, f"Content-Length: {MOST + 1}", times=4) as askers:
        for asker in askers:
            status, _, problem = asker.answer()
            assert (status, problem["place"]) == (413, "body")
    assert held(node) == 0


def test_a_signed_body_without_a_length_ends_at_the_limit(node: ServedNode) -> None:
    token = authorization(node, "POST", ERASURE)
    body = b"%x\r\n%s\r\n" % (MOST + 1, b"x" * (MOST + 1))
    chunked = "Transfer-Encoding: chunked"
    with asking(node, f"POST {ERASURE}", token, chunked, body=body) as (asker,):
        assert asker.answer()[0] == 413


def test_bundles_that_are_being_sent_take_the_places_of_those_being_checked(
    own_node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, service = own_node, own_node.app.state.service
    length = "Content-Length: 1000000"
    with asking(node, "POST /v1/verify", length, body=b"x" * 1000, times=4) as askers:
        turned_away = answered(askers, 2)
        assert [(status, told["retry-after"]) for status, told, _ in turned_away] == [
            (503, "5"),
            (503, "5"),
        ]
        wait_for(node, lambda: (service.checking, held(node)) == (2, 2000))
    wait_for(node, lambda: (service.checking, held(node)) == (0, 0))
    assert httpx.post(f"{node.url}/v1/verify", content=b"{}").status_code == 200
    monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)
    with asking(node, "POST /v1/verify", length) as (asker,):
        assert asker.answer()[0] == 408
    monkeypatch.undo()
    wait_for(node, lambda: (service.checking, held(node)) == (0, 0))
