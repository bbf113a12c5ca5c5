"""node.api.edge: who is let in, what is counted, and that every failure becomes a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from node.api import edge as edge_module
from node.api.edge import Edge, LastResort
from node.api.metrics import Metrics
from node.api.problems import Problem, problem_of

App = Callable[[Any, Any, Any], Awaitable[None]]


class Service:
    """As much of a service as the edge asks for."""

    def __init__(self) -> None:
        config = SimpleNamespace(api=SimpleNamespace(max_body_bytes=100, max_wait_seconds=5))
        self.node = SimpleNamespace(config=config)
        self.metrics = Metrics()
        self.chain_id = "seal-test"
        self.hub = None

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
