"""Frames that have been opened: signatures checked once, however often the engine asks.

The work is done elsewhere, by worker processes where the node has some: here is who waits for it,
and what is remembered of it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from node.core.errors import EvidenceError, InvalidInput
from node.core.frame import check_block, transaction_count
from node.ledger.application import OpenedFrame
from node.ledger.intake import Intake, KeyRing, TakenValues

__all__ = ["OpenedFrames", "Opener", "frame_id"]

_MOST_BYTES = 64 << 20
_TRANSACTION_BYTES = 600
"""What a parsed transaction takes besides twice its JWT: 3.0 kB were measured for one of 1.25 kB.
Nothing follows from a frame's packed bytes: 4 MB may be packed into a few thousand."""


def _weight(opened: OpenedFrame) -> int:
    """Bytes of memory, about."""
    jwts = sum(len(item[1]) for item in opened.taken)
    return len(opened.frame) + 2 * jwts + _TRANSACTION_BYTES * len(opened.taken)


def frame_id(frame: bytes) -> bytes:
    """SHA-256 of a frame: what the engine calls a transaction's hash."""
    return sha256(frame).digest()


class Opener(Protocol):
    """Opens frames, several at a time, in processes or threads of its own."""

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        """A frame's transactions to come, as `Intake.open_frame` tells them; InvalidInput where it
        is refused, another EvidenceError where nobody could say. Cancelled before its turn, it is
        not opened."""

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        """Have the frame that ``result`` is of opened before all others that wait still."""


@dataclass
class _Work:
    """A frame that is being opened, and how many wait for it."""

    result: Future[list[TakenValues]]
    task: asyncio.Task[OpenedFrame]
    waiting: int = 0


class OpenedFrames:
    """Opens frames and remembers them until they are in a block. For one event loop.

    A frame that was proposed and never decided is forgotten when there are too many. One with a
    transaction whose key was unknown, and has been registered since, is opened anew.

    Args:
        opener: does the work.
        ring: all keys registered up to the last finalized block; whoever holds it adds to it.
        most_bytes: of memory, about.
    """

    def __init__(self, opener: Opener, ring: KeyRing, most_bytes: int = _MOST_BYTES) -> None:
        self._opener = opener
        self._ring = ring
        self._most_bytes = most_bytes
        self._held: OrderedDict[bytes, OpenedFrame] = OrderedDict()
        self._works: dict[bytes, _Work] = {}
        self._bytes = 0

    def put(self, opened: OpenedFrame) -> bytes:
        """Remember a frame that somebody else has opened; its id."""
        identifier = frame_id(opened.frame)
        before = self._held.get(identifier)
        self._bytes += _weight(opened) - (0 if before is None else _weight(before))
        self._held[identifier] = opened
        while self._bytes > self._most_bytes and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= _weight(dropped)
        return identifier

    def count(self, frame: bytes) -> int:
        """How many transactions a frame says to hold; nothing of them is looked at.

        Raises:
            InvalidEncoding: it does not tell.
        """
        held = self._held.get(frame_id(frame))
        return transaction_count(frame) if held is None else len(held.taken)

    async def open(self, frame: bytes, *, urgent: bool = True) -> OpenedFrame:
        """The frame with its transactions. Where all who wait for it give up, so does the work.

        Args:
            frame: the frame.
            urgent: a block waits for it. What peers offer to the mempool is not, and may be much.

        Raises:
            InvalidInput: it is undecodable, or a transaction in it malformed or badly signed.
        """
        identifier = frame_id(frame)
        while (held := self._held.get(identifier)) is None or held.is_stale(self._ring):
            work = self._works.get(identifier)
            if work is None:
                result = self._opener.open_frame(frame)
                task = asyncio.ensure_future(self._opened(frame, result))
                work = self._works[identifier] = _Work(result, task)
            if urgent:
                self._opener.hasten(work.result)
            work.waiting += 1
            try:
                opened = await asyncio.shield(work.task)
            finally:
                work.waiting -= 1
                if not work.waiting and self._works.get(identifier) is work:
                    del self._works[identifier]
                    work.task.cancel()
            if not opened.is_stale(self._ring):
                self.put(opened)
                return opened
        return held

    async def _opened(self, frame: bytes, result: Future[list[TakenValues]]) -> OpenedFrame:
        try:
            taken = await asyncio.wrap_future(result)
        except InvalidInput:
            raise
        except EvidenceError:  # whatever ails the workers must not decide what is a good block
            intake = Intake(self._ring)
            loop = asyncio.get_running_loop()
            return OpenedFrame(frame, await loop.run_in_executor(None, intake.open_frame, frame))
        return OpenedFrame(frame, taken)

    async def flaw_of_block(self, frames: Sequence[bytes]) -> InvalidInput | None:
        """What is wrong with a block of these frames. Its size is looked at first; the first frame
        that is found to be flawed ends the work on all others that nobody else waits for."""
        known: list[OpenedFrame | None] = []

        def count(frame: bytes) -> int:
            held = self._held.get(frame_id(frame))
            known.append(held)
            return transaction_count(frame) if held is None else len(held.taken)

        try:
            check_block(frames, count)
        except InvalidInput as error:
            return error
        tasks = {
            position: asyncio.ensure_future(self.open(frames[position]))
            for position, held in enumerate(known)
            if held is None or held.is_stale(self._ring)
        }
        try:
            if tasks:
                await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
            for position, task in tasks.items():
                flaw = task.exception() if task.done() and not task.cancelled() else None
                if isinstance(flaw, InvalidInput):
                    return flaw.under(f"block[{position}]")
                if flaw is not None:
                    raise flaw
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        return None

    async def flaw(self, frame: bytes, *, urgent: bool = True) -> InvalidInput | None:
        """Why the frame cannot be opened; None where it can. See `open`."""
        try:
            await self.open(frame, urgent=urgent)
        except InvalidInput as error:
            return error
        return None

    def forget(self, frame: bytes) -> None:
        """The frame is in a block."""
        held = self._held.pop(frame_id(frame), None)
        if held is not None:
            self._bytes -= _weight(held)
