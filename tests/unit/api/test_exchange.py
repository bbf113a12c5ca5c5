"""node.api.exchange: bodies that are too long, too slow or cut off, and headers of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pytest

from node.api import exchange as exchange_module
from node.api.buffered import Buffered, Share
from node.api.exchange import Exchange, need_short, read_body, send_problem
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


def free() -> Share:
    return Share(Buffered())


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_put_together() -> None:
    receive = source(part(b"ab", more=True), part(b"", more=True), part(b"c", more=False))
    assert asyncio.run(read_body(receive, 3, free())) == b"abc"


def test_a_body_that_is_too_long_is_refused_before_it_is_all_there() -> None:
    receive = source(part(b"abcd", more=True), None)
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(receive, 3, free()))
    assert caught.value.status == 413


@pytest.mark.parametrize("messages", [(None,), (part(b"a", more=True), None)])
def test_a_body_that_does_not_come_is_given_up(
    messages: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(source(*messages), 10, free()))
    assert caught.value.status == 408
    assert caught.value.headers["Connection"] == "close"


def test_a_cancelled_request_is_cancelled_and_not_late() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(read_body(source(None), 10, free()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_a_client_that_goes_away_is_a_problem_and_no_crash() -> None:
    receive = source(part(b"a", more=True), {"type": "http.disconnect"})
    with pytest.raises(Problem):
        asyncio.run(read_body(receive, 10, free()))


@pytest.mark.parametrize("status", [0, 200])
def test_who_leaves_before_the_answer_begins_is_a_problem_and_later_is_told_as_it_is(
    status: int,
) -> None:
    exchange = Exchange(source({"type": "http.disconnect"}), nowhere, 10, free())
    exchange.status = status
    if status:
        assert asyncio.run(exchange.receive()) == {"type": "http.disconnect"}
        return
    with pytest.raises(Problem) as caught:
        asyncio.run(exchange.receive())
    assert caught.value.status == 408


def test_once_the_body_is_there_waiting_for_the_end_has_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        exchange = Exchange(source(part(b"a", more=False), None), nowhere, 10, free())
        await exchange.receive()
        monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.receive(), 0.01)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "ends"), [(b"a", Problem), (bytes(1 << 20), TimeoutError)], ids=["idle", "under way"]
)
def test_an_upload_has_longer_only_while_it_comes(
    sent: bytes, ends: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte has earned sixteen seconds, one byte none: it holds no place for minutes."""
    monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.0)

    async def scenario() -> None:
        parts = source(part(sent, more=True), None)
        exchange = Exchange(parts, nowhere, 1 << 21, free(), 300.0)
        await exchange.receive()
        with pytest.raises(ends):
            await asyncio.wait_for(exchange.receive(), 0.2)

    asyncio.run(scenario())


def test_a_body_that_trickles_has_no_longer_than_one_that_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        clock = loop.time()
        monkeypatch.setattr(loop, "time", lambda: clock)
        asked = 0

        async def receive() -> dict[str, Any]:
            nonlocal clock, asked
            asked += 1
            clock += 20
            return part(b"a", more=True)

        exchange = Exchange(receive, nowhere, 10, free())
        await exchange.receive()
        await exchange.receive()
        with pytest.raises(Problem) as caught:
            await exchange.receive()
        assert (caught.value.status, asked) == (408, 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("length", "refused"),
    [(b"10", False), (b"0010", False), (b"11", True), (b"9" * 5000, True), (b"x", False)],
)
def test_a_length_that_is_told_is_believed_before_the_body_comes(
    length: bytes, refused: bool
) -> None:
    scope = {"headers": [(b"host", b"x"), (b"content-length", length)]}
    told = pytest.raises(Problem, match="too-large") if refused else nullcontext()
    with told:
        need_short(scope, 10)


def test_what_is_read_is_counted_and_no_more_is_held_than_may_be() -> None:
    buffered = Buffered(5)
    share = Share(buffered)
    receive = source(part(b"abc", more=True), part(b"def", more=True))
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(receive, 10, share))
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"] == "2"
    assert (share.size, buffered.held) == (3, 3)


async def nowhere(message: Any) -> None:
    pass


def test_every_answer_has_the_headers_that_it_does_not_set_itself() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def scenario() -> None:
        exchange = Exchange(source(), send, 10, free())
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
