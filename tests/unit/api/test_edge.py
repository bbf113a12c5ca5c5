"""node.api.edge: who is let in, what is counted, and that every failure becomes a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from node.api import edge as edge_module
from node.api.edge import MAX_BODY_BYTES, Edge, LastResort
from node.api.metrics import Metrics
from node.api.problems import Problem, problem_of

App = Callable[[Any, Any, Any], Awaitable[None]]


class Service:
    """As much of a service as the edge asks for."""

    def __init__(self, max_body_bytes: int = 100) -> None:
        api = SimpleNamespace(max_body_bytes=max_body_bytes, max_wait_seconds=5)
        config = SimpleNamespace(api=api)
        self.node = SimpleNamespace(config=config)
        self.documents = SimpleNamespace(max_bytes=200)
        self.metrics = Metrics()
        self.chain_id = "seal-test"
        self.hub = SimpleNamespace(stopping=False)

    def told(self, error: Exception) -> Problem:
        return problem_of(error)

    def counted(self) -> dict[tuple[str, str], float]:
        return {
            (sample.labels["route"], sample.labels["status"]): sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "evidence_http_requests_total"
        }


def scope(path: str = "/x", method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "path": path, "method": method, "headers": [], "query_string": b""}


def ask(app: App, at: dict[str, Any], *body: bytes) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    left = list(body) or [b""]

    async def receive() -> dict[str, Any]:
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(at, receive, send))  # type: ignore[arg-type]
    return sent


async def fine(at: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    at["route"] = SimpleNamespace(path="/{x}")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def breaks(at: Any, receive: Any, send: Any) -> None:
    raise ValueError("南霁云")


async def breaks_off(at: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("南霁云")


def test_an_ordinary_request_goes_through_and_is_counted_by_its_route() -> None:
    service = Service()
    sent = ask(Edge(fine, service), scope())  # type: ignore[arg-type]
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"ok")
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    assert service.counted() == {("/{x}", "200"): 1}


@pytest.mark.parametrize("wrap", [Edge, LastResort])
def test_a_failure_becomes_a_problem_without_its_text(wrap: Callable[[App, Any], App]) -> None:
    sent = ask(wrap(breaks, Service()), scope())
    assert sent[0]["status"] == 500
    problem = json.loads(sent[1]["body"])
    assert problem["type"].endswith(":internal")
    assert "南霁云" not in sent[1]["body"].decode()


@pytest.mark.parametrize("wrap", [Edge, LastResort])
def test_an_answer_that_has_begun_is_broken_off(wrap: Callable[[App, Any], App]) -> None:
    with pytest.raises(ValueError, match="南霁云"):
        ask(wrap(breaks_off, Service()), scope())


def test_a_body_beyond_the_limit_is_refused_whoever_reads_it() -> None:
    service = Service()
    sent = ask(Edge(fine, service), scope(), b"x" * 60, b"x" * 60)  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
    assert service.counted() == {("unknown", "413"): 1}


def test_beyond_so_many_requests_under_way_the_rest_are_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_module, "MAX_REQUESTS", 0)
    sent = ask(Edge(fine, Service()), scope())  # type: ignore[arg-type]
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]


@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/submissions/batch"])
def test_the_busy_routes_take_posts_only(path: str) -> None:
    sent = ask(Edge(breaks, Service()), scope(path))  # type: ignore[arg-type]
    assert sent[0]["status"] == 405
    assert (b"allow", b"POST") in sent[0]["headers"]


def test_what_is_no_request_is_passed_on() -> None:
    seen: list[str] = []

    async def app(at: Any, receive: Any, send: Any) -> None:
        seen.append(at["type"])

    ask(Edge(app, Service()), {"type": "lifespan"})  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_most_bodies_are_short_and_a_bundle_to_check_may_be_long() -> None:
    edge = Edge(fine, Service(1 << 20))  # type: ignore[arg-type]
    body = b"x" * (MAX_BODY_BYTES + 1)
    assert ask(edge, scope(), body[:-1])[0]["status"] == 200
    assert ask(edge, scope(), body)[0]["status"] == 413
    assert ask(edge, scope("/v1/verify", "POST"), body)[0]["status"] == 200
    assert edge.buffered.held == 0


def test_a_body_that_says_it_is_too_long_reaches_nobody() -> None:
    at = scope()
    at["headers"] = [(b"content-length", b"101")]
    sent = ask(Edge(breaks, Service()), at)  # type: ignore[arg-type]
    assert sent[0]["status"] == 413


class Client:
    """Sends one part of a body at a time, as the test tells it; the last never comes."""

    def __init__(self, edge: Edge, path: str) -> None:
        self._parts: asyncio.Queue[bytes] = asyncio.Queue()
        self.asked = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self.task = asyncio.create_task(edge(scope(path, "POST"), self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._parts.empty():
            self.asked.set()
        return {"type": "http.request", "body": await self._parts.get(), "more_body": True}

    async def _send(self, message: Any) -> None:
        self.sent.append(dict(message))

    async def give(self, part: bytes) -> None:
        """Send a part; returns when the next is asked for, or the answer is there."""
        self.asked.clear()
        self._parts.put_nowait(part)
        waiting = asyncio.create_task(self.asked.wait())
        await asyncio.wait((waiting, self.task), return_when="FIRST_COMPLETED")
        waiting.cancel()

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def reads(at: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass


@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/submissions/batch", "/v1/verify"])
def test_unfinished_bodies_are_counted_together_and_too_many_are_turned_away(path: str) -> None:
    async def scenario() -> None:
        edge = Edge(reads, Service(1 << 20))  # type: ignore[arg-type]
        edge.buffered.most = 8 * 1000
        clients = [Client(edge, path) for _ in range(8)]
        for number, client in enumerate(clients):
            await client.give(b"x" * 600)
            await client.give(b"x" * 400)
            assert edge.buffered.held == 1000 * (number + 1)
        more = Client(edge, path)
        await more.give(b"x")
        await more.task
        last = more.sent[-1] if "batch" not in path else more.sent[1]
        problem = json.loads(last["body"])
        assert problem["type"].endswith(":busy")
        assert problem["retry_after"] == 2
        if "batch" not in path:
            assert more.sent[0]["status"] == 503
            assert (b"retry-after", b"2") in more.sent[0]["headers"]
        assert not any(client.task.done() for client in clients)
        await clients.pop().leave()
        assert edge.buffered.held == 7000
        await asyncio.gather(*(client.leave() for client in clients))
        assert edge.buffered.held == 0

    asyncio.run(scenario())


def test_the_answers_of_a_batch_are_counted_until_they_are_sent() -> None:
    async def scenario() -> None:
        edge = Edge(reads, Service())  # type: ignore[arg-type]
        client = Client(edge, "/v1/submissions/batch")
        reading, let = asyncio.Event(), asyncio.Event()
        at_first = client._send

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                reading.set()
                await let.wait()
            await at_first(message)

        client.task.cancel()
        task = asyncio.create_task(
            edge(scope("/v1/submissions/batch", "POST"), client._receive, send)
        )
        client._parts.put_nowait(b"no submission\n" * 10)
        await reading.wait()
        assert edge.buffered.held >= 10 * 600
        let.set()
        await client.asked.wait()
        while not client.sent[1:]:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert edge.buffered.held == 0
        assert client.sent[1]["body"].count(b"malformed") >= 10
        task.cancel()
        await asyncio.gather(task, client.task, return_exceptions=True)

    asyncio.run(scenario())
