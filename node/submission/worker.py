"""A worker process: does what its slots hold until its pipe closes.

Notices come through the pipe, work through the slots of shared memory. A frame to be opened goes
before submissions to be admitted, since a block waits for it.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

from node.core.errors import (
    InvalidEncoding,
    InvalidInput,
    InvalidSignature,
    InvalidTransaction,
)
from node.core.signatures import PublicJwk
from node.ledger.intake import Intake, KeyRing, TakenValues
from node.submission.admission import FRAME_TRANSACTIONS, ChunkAdmitter

__all__ = ["Notice", "WorkerSetup", "decode_opened", "run_worker"]

_FLAWS = {
    kind.__name__: kind
    for kind in (InvalidInput, InvalidEncoding, InvalidSignature, InvalidTransaction)
}


class Notice(IntEnum):
    """What a notice to a worker says: (ADMIT or OPEN, slot, length), or (KEYS, keys by kid)."""

    ADMIT = 0
    OPEN = 1
    KEYS = 2


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to know: the chain, every key registered so far, by kid, how many
    transactions go into one frame, and the ids of the chains before, of which a client may hand in
    again what was recorded then."""

    chain_id: str
    keys: Mapping[str, PublicJwk]
    frame_transactions: int = FRAME_TRANSACTIONS
    former: frozenset[str] = frozenset()


def decode_opened(data: bytes | memoryview) -> list[TakenValues] | InvalidInput:
    """What a worker says of a frame: its transactions, or why it cannot be opened."""
    taken, flaw = marshal.loads(data)  # noqa: S302 - from a worker of our own
    if flaw is None:
        return list(taken)
    kind, place, rule = flaw
    return _FLAWS.get(kind, InvalidInput)(place, rule)


def _open_frame(intake: Intake, frame: bytes) -> bytes:
    try:
        taken = [tuple(item) for item in intake.open_frame(frame)]
    except InvalidInput as error:
        return marshal.dumps((None, (type(error).__name__, error.place, error.rule)))
    return marshal.dumps((taken, None))


class _Notices:
    """The notices of a pipe, in the order in which they are to be acted on. Keys count at once:
    whoever sends them knows that they are registered."""

    def __init__(self, pipe: Connection, ring: KeyRing) -> None:
        self._pipe = pipe
        self._ring = ring
        self._opening: deque[tuple[int, int]] = deque()
        self._admitting: deque[tuple[int, int]] = deque()

    def next(self) -> tuple[Notice, int, int]:
        """What to do next, and the slot and length of what it is about. Raises EOFError at the
        end."""
        while not (self._opening or self._admitting) or self._pipe.poll():
            kind, *rest = self._pipe.recv()
            if kind == Notice.KEYS:
                self._ring.add(*rest)
            elif kind == Notice.OPEN:
                self._opening.append((rest[0], rest[1]))
            else:
                self._admitting.append((rest[0], rest[1]))
        if self._opening:
            return Notice.OPEN, *self._opening.popleft()
        return Notice.ADMIT, *self._admitting.popleft()


def run_worker(
    pipe: Connection, memory_name: str, slot_bytes: int, in_bytes: int, setup: WorkerSetup
) -> None:
    """Say None once ready, then answer notices with (slot, length, None), or with the answer itself
    where it does not fit into the slot. Ends when the pipe is closed, so never outlives the
    node."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # woken, it does not take the core from whoever woke it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    intake = Intake(KeyRing(setup.keys))
    admitter = ChunkAdmitter(intake, setup.chain_id, setup.frame_transactions, setup.former)
    memory = SharedMemory(memory_name)
    slots = memory.buf
    assert slots is not None
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)  # nothing here makes cycles to speak of
    out_bytes = slot_bytes - in_bytes
    notices = _Notices(pipe, intake.ring)
    with suppress(OSError):
        pipe.send(None)
    while True:
        try:
            kind, slot, length = notices.next()
            start = slot * slot_bytes
            if kind == Notice.OPEN:
                answer = _open_frame(intake, bytes(slots[start : start + length]))
            else:
                items = marshal.loads(slots[start : start + length])  # noqa: S302 - from the node
                answer = admitter.admit(items)
            if len(answer) > out_bytes:
                pipe.send((slot, len(answer), answer))
                continue
            slots[start + in_bytes : start + in_bytes + len(answer)] = answer
            pipe.send((slot, len(answer), None))
        except (EOFError, OSError):
            break
    slots.release()
    memory.close()
