"""Hands frames to the engine's mempool: few at a time, each until it is in a block.

More in flight than validators can put into their next blocks adds latency and nothing else, so the
rest waits here, where the limits of submission count it. It is transactions that are counted: the
frames of single submissions are small, and a few of them would leave blocks empty.

They are handed over one after the other: mempools pass on what they have in its order, so that a
record which rests on an earlier one comes behind it, in the same block or a later one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from node.core.errors import EvidenceError, LedgerFault
from node.engines.cometbft.opened import OpenedFrames, frame_id
from node.engines.cometbft.rpc import EngineRpc, RpcRefused, RpcUnreachable
from node.ledger.application import OpenedFrame

__all__ = ["Broadcaster"]

_FRAMES, _TRANSACTIONS = 64, 1_024
"""In flight at most."""
_AGAIN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)
_RESEND_SECONDS = 20.0
_LATE_AFTER = 3
"""Times that a frame is sent again before the operator is told."""
_HAS_IT = "already exists in cache"


@dataclass
class _Flight:
    """A frame on its way; ``sent`` is when the mempool took it, by the loop's clock."""

    opened: OpenedFrame
    tokens: list[object] = field(default_factory=list)
    sent: float | None = None
    again: int = 0


class Broadcaster:
    """Sends frames. All methods but `submit` are called in the event loop ``loop``.

    ``failed`` is called where the engine refuses a frame for good: that cannot be right.
    """

    def __init__(
        self,
        rpc: EngineRpc,
        opened: OpenedFrames,
        failed: Callable[[EvidenceError], None],
        frames: int = _FRAMES,
        transactions: int = _TRANSACTIONS,
    ) -> None:
        self._rpc = rpc
        self._opened = opened
        self._failed = failed
        self._most_frames, self._most_transactions = frames, transactions
        self._flights: dict[bytes, _Flight] = {}
        self._waiting: deque[bytes] = deque()
        self._flying: dict[bytes, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("broadcaster")
        self._open = False
        self._sending = False

    @property
    def waiting(self) -> int:
        """Frames that the mempool has not been given yet."""
        return len(self._waiting)

    @property
    def flying(self) -> int:
        """Frames that it has, or is being given, and that are in no block yet."""
        return len(self._flying)

    def add(self, opened: OpenedFrame, token: object) -> None:
        """Send a frame; ``token`` comes back with `landed`."""
        identifier = frame_id(opened.frame)
        flight = self._flights.get(identifier)
        if flight is None:
            flight = self._flights[identifier] = _Flight(opened)
            self._waiting.append(identifier)
        flight.tokens.append(token)
        self._go_on()

    def begin(self) -> None:
        """The engine answers: send."""
        self._open = True
        self._go_on()

    def landed(self, frames: Iterable[bytes]) -> list[list[object]]:
        """These frames are in a block.

        Returns:
            For each the tokens that came with it, none where it is another node's.
        """
        tokens = []
        for frame in frames:
            identifier = frame_id(frame)
            flight = self._flights.pop(identifier, None)
            self._flying.pop(identifier, None)
            tokens.append([] if flight is None else flight.tokens)
        self._go_on()
        return tokens

    async def watch(self) -> None:
        """Send again what has been in the mempool for long, until cancelled: a frame can get lost
        with an engine that stops, or be pushed out of a full mempool."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_RESEND_SECONDS / 4)
            late = loop.time() - _RESEND_SECONDS
            for identifier in list(self._flying):
                flight = self._flights.get(identifier)
                if flight is not None and flight.sent is not None and flight.sent < late:
                    flight.sent = None
                    flight.again += 1
                    self._tell_late(flight)
                    self._start(self._send(identifier))

    def _tell_late(self, flight: _Flight) -> None:
        """The engine does not say whether its mempool or those of the others have refused it."""
        if flight.again >= _LATE_AFTER:
            self._log.warning(
                "a frame is in no block yet, and is handed over again",
                times=flight.again,
                records=len(flight.opened.taken),
                what_to_do="see whether blocks are made, and whether the other nodes' mempools are "
                "full; it stays in this node's journal until it is recorded or expires",
            )

    def _go_on(self) -> None:
        if not self._sending and self._may_send:
            self._sending = True
            self._start(self._send_waiting())

    @property
    def _may_send(self) -> bool:
        room = len(self._flying) < self._most_frames
        return (
            room
            and self._open
            and bool(self._waiting)
            and sum(self._flying.values()) < self._most_transactions
        )

    async def _send_waiting(self) -> None:
        try:
            while self._may_send:
                identifier = self._waiting.popleft()
                flight = self._flights.get(identifier)
                if flight is not None:
                    self._flying[identifier] = len(flight.opened.taken)
                    self._opened.put(flight.opened)
                    await self._send(identifier)
        finally:
            self._sending = False

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, identifier: bytes) -> None:
        attempt = 0
        while (flight := self._flights.get(identifier)) is not None:
            try:
                answer = await self._rpc.broadcast(flight.opened.frame)
            except RpcRefused as error:
                if _HAS_IT in str(error):
                    break
                why = str(error)
            except RpcUnreachable as error:
                why = str(error)
            else:
                if not answer.code:
                    break
                self._failed(LedgerFault(f"the engine refuses this node's own frame: {answer.log}"))
                return
            pause = _AGAIN_SECONDS[min(attempt, len(_AGAIN_SECONDS) - 1)]
            attempt += 1
            if attempt % 10 == 0:
                self._log.warning("the mempool does not take a frame", why=why)
            await asyncio.sleep(pause)
        if flight is not None:
            flight.sent = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Send nothing more."""
        self._open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
