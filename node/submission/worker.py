"""A worker process: admits the chunks that its slots hold until its pipe closes."""

from __future__ import annotations

import gc
import marshal
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

from node.core.signatures import PublicJwk
from node.ledger.intake import Intake, KeyRing
from node.submission.admission import ChunkAdmitter

__all__ = ["WorkerSetup", "run_worker"]


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to know: the chain, every key ever registered, by kid, and the ids of the
    chains before, of which a client may hand in again what was recorded then."""

    chain_id: str
    keys: Mapping[str, PublicJwk]
    former: frozenset[str] = frozenset()


def run_worker(
    pipe: Connection, memory_name: str, slot_bytes: int, in_bytes: int, setup: WorkerSetup
) -> None:
    """Say None once ready, then answer notices (slot, length) with (slot, length, None), or with
    the answer itself where it does not fit into the slot. Ends when the pipe is closed, so never
    outlives the node."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # woken, it does not take the core from whoever woke it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    admitter = ChunkAdmitter(Intake(KeyRing(setup.keys)), setup.chain_id, setup.former)
    memory = SharedMemory(memory_name)
    slots = memory.buf
    assert slots is not None
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)  # nothing here makes cycles to speak of
    out_bytes = slot_bytes - in_bytes
    with suppress(OSError):
        pipe.send(None)
    while True:
        try:
            slot, length = pipe.recv()
            start = slot * slot_bytes
            items = marshal.loads(slots[start : start + length])  # noqa: S302 - from the node itself
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
