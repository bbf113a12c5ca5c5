"""Reading bodies and sending answers in plain ASGI, for the routes that FastAPI is too slow for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson

from node.api.buffered import Share
from node.api.problems import Problem

__all__ = [
    "BODY_SECONDS",
    "HEADERS",
    "PLAIN_HEADERS",
    "PROBLEM_JSON",
    "SLOWEST_BYTES",
    "Exchange",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "body_chunks",
    "content_type",
    "need_short",
    "read_body",
    "send_bytes",
    "send_problem",
    "too_large",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
_LATE = "nothing of the body arrived in time"
_LENGTH_DIGITS = 15

BODY_SECONDS = 30.0
"""Longest time in which nothing more of a submission or batch may arrive, and in which the whole of
any other body has to."""
SLOWEST_BYTES = 64 << 10
"""Bytes a second that a body comes in which may take longer than that."""
PROBLEM_JSON = b"application/problem+json"

HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""What every answer says that does not say otherwise itself."""
PLAIN_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
"""What an answer that no browser would render says at least: each header costs its time."""


class Exchange:
    """One request and its answer on their way through an application that knows no limits.

    ``most`` bytes of a body are taken, and counted in ``share``; it has ``seconds`` to arrive, or
    `BODY_SECONDS`. Of more than those it gets as many as go with what has come, a second for each
    `SLOWEST_BYTES`: who sends nothing holds no place for long. ``status`` is 0 until the answer
    begins.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        most: int,
        share: Share,
        seconds: float | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._most = most
        self._share = share
        self._seconds = seconds
        self._body_done = False
        self._received = 0
        self._began: float | None = None
        self.status = 0

    async def receive(self) -> Message:
        """The next part of the request.

        Raises:
            Problem: the body is too long, has not arrived in its time (`BODY_SECONDS`, if nothing
                else is said) after it was first asked for, or never will; or all requests together
                hold too much.
        """
        if self._body_done:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        seconds = self._allowed()
        left = self._began + seconds - now
        if left < 0:
            raise _late(seconds)
        message = await _receive_in_time(self._receive, left, seconds)
        if message["type"] == "http.disconnect" and not self.status:
            raise _gone()
        size = len(message.get("body", b""))
        self._received += size
        if self._received > self._most:
            raise too_large(self._most)
        self._share.hold(size)
        self._body_done = not message.get("more_body", False)
        return message

    def _allowed(self) -> float:
        """Seconds that the body may take, by what of it has come."""
        if self._seconds is None:
            return BODY_SECONDS
        return min(self._seconds, BODY_SECONDS + self._received / SLOWEST_BYTES)

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in HEADERS if header[0] not in given),
            ]
        await self._send(message)

    async def send_plain(self, message: Message) -> None:
        """Send a part of an answer that has its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def content_type(scope: Scope) -> bytes:
    """The request's media type, without parameters and in lower case; b"" if it has none."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value).partition(b";")[0].strip().lower()
    return b""


async def body_chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises:
        Problem: nothing came for `BODY_SECONDS`, or the client went away.
    """
    more = True
    while more:
        chunk, more = await _next_chunk(receive)
        if chunk:
            yield chunk


async def _next_chunk(receive: Receive) -> tuple[bytes, bool]:
    """The next part of the body, and whether there are more. Raises Problem as `body_chunks`."""
    message = await _receive_in_time(receive, BODY_SECONDS, BODY_SECONDS)
    if message["type"] == "http.disconnect":
        raise _gone()
    return message.get("body", b""), message.get("more_body", False)


async def _receive_in_time(receive: Receive, seconds: float, given: float) -> Message:
    """What `asyncio.timeout` would do, in half its time: this is paid for by every submission.

    ``seconds`` are left of those that were ``given``.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    assert task is not None
    timer = loop.call_later(seconds, task.cancel, _LATE)
    try:
        return await receive()
    except asyncio.CancelledError as error:
        if error.args != (_LATE,):
            raise
        task.uncancel()
        raise _late(given) from error
    finally:
        timer.cancel()


async def read_body(receive: Receive, most: int, share: Share) -> bytes:
    """The whole body, at most ``most`` bytes of it, which ``share`` counts. Raises Problem."""
    chunk, more = await _next_chunk(receive)
    whole = bytearray()
    while True:
        if len(whole) + len(chunk) > most:
            raise too_large(most)
        share.hold(len(chunk))
        if not more and not whole:
            return chunk
        whole += chunk
        if not more:
            return bytes(whole)
        chunk, more = await _next_chunk(receive)


def need_short(scope: Scope, most: int) -> None:
    """Refuse a body that says it is longer than ``most`` bytes before any of it is read.

    Raises:
        Problem: the request's Content-Length is larger.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            length = value.lstrip(b"0")
            if len(length) > _LENGTH_DIGITS or int(length or b"0") > most:
                raise too_large(most)


def too_large(most: int) -> Problem:
    """The body is longer than what is taken here."""
    return Problem(
        "too-large",
        f"at most {most} bytes are taken here",
        f"此处最多接收 {most} 字节",
        {"place": "body", "rule": f"at most {most} bytes"},
    )


def _gone() -> Problem:
    return Problem("timeout", "the client went away", "客户端已断开")


def _late(seconds: float) -> Problem:
    return Problem(
        "timeout",
        f"the body, or more of it, did not arrive within {seconds:g} s",
        f"{seconds:g} 秒内未收到请求体",
        headers={"Connection": "close"},
    )


async def send_bytes(
    send: Send, status: int, media_type: bytes, body: bytes, headers: Iterable[Header] = ()
) -> None:
    """Send a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type),
                (b"content-length", b"%d" % len(body)),
                *PLAIN_HEADERS,
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    """Send a problem document."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send_bytes(send, problem.status, PROBLEM_JSON, orjson.dumps(problem.to_json()), headers)
