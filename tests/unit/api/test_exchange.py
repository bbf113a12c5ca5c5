"""node.api.exchange: bodies that are too long, too slow or cut off, and headers of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.api import exchange as exchange_module
from node.api.exchange import Exchange, read_body, send_problem
from node.api.problems import Problem, malformed


def source(*messages: dict[str, Any] | None) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Gives messages in turn; None stands for one that never comes."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        message = left.pop(0)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return receive


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_put_together() -> None:
    receive = source(part(b"ab", more=True), part(b"", more=True), part(b"c", more=False))
    assert asyncio.run(read_body(receive, 3)) == b"abc"


def test_a_body_that_is_too_long_is_refused_before_it_is_all_there() -> None:
    receive = source(part(b"abcd", more=True), None)
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(receive, 3))
    assert caught.value.status == 413


@pytest.mark.parametrize("messages", [(None,), (part(b"a", more=True), None)])
def test_a_body_that_does_not_come_is_given_up(
    messages: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(source(*messages), 10))
    assert caught.value.status == 408
    assert caught.value.headers["Connection"] == "close"


def test_a_cancelled_request_is_cancelled_and_not_late() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(read_body(source(None), 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_a_client_that_goes_away_is_a_problem_and_no_crash() -> None:
    receive = source(part(b"a", more=True), {"type": "http.disconnect"})
    with pytest.raises(Problem):
        asyncio.run(read_body(receive, 10))


def test_once_the_body_is_there_waiting_for_the_end_has_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        exchange = Exchange(source(part(b"a", more=False), None), nowhere, 10)
        await exchange.receive()
        monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.receive(), 0.01)

    asyncio.run(scenario())


async def nowhere(message: Any) -> None:
    pass


def test_every_answer_has_the_headers_that_it_does_not_set_itself() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def scenario() -> None:
        exchange = Exchange(source(), send, 10)
        headers = [(b"Cache-Control", b"public")]
        await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        assert exchange.status == 200

    asyncio.run(scenario())
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert sorted(names) == sorted(set(names))
    assert (b"Cache-Control", b"public") in sent[0]["headers"]
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    assert b"content-security-policy" in names


def test_a_problem_is_sent_with_its_type_and_headers() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    problem = malformed("a", "b")
    problem.headers["Retry-After"] = "3"
    asyncio.run(send_problem(send, problem))
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 400
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"retry-after"] == b"3"
    assert int(headers[b"content-length"]) == len(sent[1]["body"])
