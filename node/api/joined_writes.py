"""Head and body of an answer in one write: uvicorn makes two, each a system call and a segment."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["JoinedWrites", "Protocol"]


class JoinedWrites:
    """A transport that holds a write until the next one, or until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self._due = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See asyncio.WriteTransport."""
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held + data)
            return
        self._held = data
        if not self._due:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        self._flush()

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held is not None and not self._transport.is_closing():
            self._transport.write(held)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio.BaseTransport: what was written before goes out before."""
        self._flush()
        self._transport.set_protocol(protocol)

    def close(self) -> None:
        """See asyncio.BaseTransport."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self._held = None
        self._transport.abort()


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.BaseProtocol."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
