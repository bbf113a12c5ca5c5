"""A node may answer anything, for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import httpx
import pytest
from builders.fake_nodes import GENESIS, FakeNode, transport_of
from builders.web import serving

from node.client.monitor_fetch import Fetcher, FetchFailed
from node.client.signed_checkpoints import ProofUnavailable


def fetcher(*nodes: FakeNode) -> Fetcher:
    return Fetcher(5.0, transport=transport_of(nodes))


def test_checkpoint_clock_and_proof() -> None:
    node = FakeNode("court-a", 13)
    asking = fetcher(node)
    (seen,) = asking.observe([node.url])
    assert seen.note == node.checkpoint()
    assert seen.ahead_ms is not None
    assert abs(seen.ahead_ms) < 5_000
    proof = asking.prove(node.url, 10, 13)
    assert (proof.first_root, proof.second_root) == (node.root(10), node.root(13))
    assert asking.genesis(node.url) == GENESIS.document
    asking.close()


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_the_clock_is_that_of_the_answer(seconds: int) -> None:
    node = FakeNode("court-a")
    at = 1_790_000_000
    node.clock = lambda: at + seconds
    asking = Fetcher(5.0, now=lambda: at * 1000, transport=transport_of([node]))
    (seen,) = asking.observe([node.url])
    assert seen.ahead_ms == 1000 * seconds + 500


def test_what_is_no_proof() -> None:
    node = FakeNode("court-a", 13)
    asking = fetcher(node)
    for content in (b"<html>", b"[]", b"{}", b'{"proof":["00"]}', b"x" * 100_000):
        node.odd = lambda request, content=content: httpx.Response(200, content=content)  # type: ignore[misc]
        with pytest.raises(ProofUnavailable):
            asking.prove(node.url, 10, 13)
    node.odd = lambda request: httpx.Response(302, headers={"location": "http://elsewhere"})
    with pytest.raises(ProofUnavailable, match="302"):
        asking.prove(node.url, 10, 13)
    with pytest.raises(FetchFailed):
        asking.genesis("http://nowhere")


def test_an_answer_without_end_is_cut_off() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    node = FakeNode("court-a")
    node.odd = lambda request: httpx.Response(200, content=endless())
    (seen,) = fetcher(node).observe([node.url])
    assert seen.note is None
    assert "more than 65536 bytes" in seen.error


def test_a_node_that_hangs_keeps_no_other_waiting() -> None:
    node = FakeNode("court-a")

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {"date": formatdate(time.time(), usegmt=True)}, node.checkpoint()

    with socket.create_server(("127.0.0.1", 0)) as silent, serving(answer) as url:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        asking = Fetcher(0.5)
        first, second = asking.observe([hanging, url])
        asking.close()
    assert first.note is None
    assert first.error
    assert second.note == node.checkpoint()


def test_a_node_that_drips_is_given_up() -> None:
    """Each byte comes in time, the whole would take an hour."""
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 3600\r\n\r\n")
            while not ended.wait(0.1):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        asking = Fetcher(0.5)
        (seen,) = asking.observe([f"http://127.0.0.1:{listener.getsockname()[1]}"])
        asking.close()
        ended.set()
        thread.join()
    assert seen.note is None
    assert "took more than 0.5 s" in seen.error


def test_urls_that_are_none() -> None:
    (seen,) = Fetcher(1.0).observe(["http://127.0.0.1:99999"])
    assert seen.note is None


def test_what_a_node_says_of_outside_chains() -> None:
    node = FakeNode("court-a")
    node.conflicts = ["it holds another root at size 7"]
    (seen,) = fetcher(node).observe([node.url])
    assert seen.conflicts == ("court on c:1: it holds another root at size 7",)


@pytest.mark.parametrize(
    "content", [b"<html>", b"[]", b"{}", b'{"alarms":[1]}', b"[" * 100_000, b"x" * (2 << 20)]
)
def test_a_node_that_knows_of_none_or_answers_anything(content: bytes) -> None:
    node = FakeNode("court-a")

    def odd(request: httpx.Request) -> httpx.Response | None:
        is_anchors = request.url.path == "/v1/anchors"
        return httpx.Response(200, content=content) if is_anchors else None

    node.odd = odd
    (seen,) = fetcher(node).observe([node.url])
    assert (seen.note, seen.conflicts) == (node.checkpoint(), ())
