"""Writes that are put together, over a transport that notes what reaches it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from node.api.joined_writes import JoinedWrites, Protocol


class Transport:
    def __init__(self) -> None:
        self.told: list[Any] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.told.append("close")

    def abort(self) -> None:
        self.closing = True
        self.told.append("abort")

    def set_protocol(self, protocol: object) -> None:
        self.told.append(protocol)


def writes(*told: object, turns: bool = False) -> list[Any]:
    """What reaches the transport of these, with a turn of the loop after each or not."""
    transport = Transport()

    async def scenario() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for item in told:
            if isinstance(item, bytes):
                joined.write(item)
            else:
                getattr(joined, str(item))()
            if turns:
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    return transport.told


def test_head_and_body_are_one_write() -> None:
    assert writes(b"head", b"body") == [b"headbody"]
    assert writes(b"head", b"body", b"head", b"body") == [b"headbody"] * 2


def test_a_head_alone_goes_out_with_the_next_turn() -> None:
    assert writes(b"head") == [b"head"]
    assert writes(b"head", b"body", turns=True) == [b"head", b"body"]
    assert writes(b"1", b"2", b"3") == [b"12", b"3"]


def test_closing_sends_what_is_held_and_aborting_drops_it() -> None:
    assert writes(b"head", "close") == [b"head", "close"]
    assert writes(b"head", "abort") == ["abort"]
    assert writes("close", b"late") == ["close"]


def test_another_protocol_begins_behind_what_was_written() -> None:
    transport, protocol = Transport(), asyncio.Protocol()

    async def scenario() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(b"101")
        joined.set_protocol(protocol)

    asyncio.run(scenario())
    assert transport.told == [b"101", protocol]


def test_an_answer_is_one_segment() -> None:
    """Over a socket: what a client reads at once after an answer has begun is all of it."""
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 300})

    config = uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None)
    sizes = []

    async def scenario() -> None:
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        ours.setblocking(False)
        await loop.connect_accepted_socket(
            lambda: Protocol(config, server.server_state, {}), theirs
        )
        for _ in range(3):
            await loop.sock_sendall(ours, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            sizes.append(len(await loop.sock_recv(ours, 4096)))
        ours.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert len(set(sizes)) == 1, sizes
    assert sizes[0] > 300
