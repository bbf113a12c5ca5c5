"""Worker processes: one a core, without state, fed through shared memory.

Each worker has a few slots; a slot holds one chunk on its way in and its answer on the way out. The
pipes carry only short notices. A worker that dies is replaced and its chunks are given to the new
one; a chunk that killed two is answered as a failure. Where workers die before they are ready, no
chunk is to blame: that stops the node.
"""

from __future__ import annotations

import marshal
import multiprocessing
import selectors
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory

from node.submission.admission import Answer, decode_answer
from node.submission.errors import WorkersFailed
from node.submission.worker import WorkerSetup, run_worker

__all__ = ["MAX_CHUNK_BYTES", "MAX_CHUNK_ITEMS", "Chunk", "WorkerPool"]

MAX_CHUNK_ITEMS = 256
MAX_CHUNK_BYTES = 1 << 20
_IN_BYTES = MAX_CHUNK_BYTES + (64 << 10)
_OUT_BYTES = 4 << 20
_SLOT_BYTES = _IN_BYTES + _OUT_BYTES
_MAX_ATTEMPTS = 2
_MAX_STILLBORN = 3


@dataclass
class Chunk:
    """Submissions that a worker handles in one go; ``token`` is the submitter's own, ``number``
    counts the chunks."""

    items: list[bytes]
    token: object
    number: int
    attempts: int = 0


@dataclass
class _Worker:
    number: int
    process: BaseProcess
    pipe: Connection
    memory: SharedMemory
    slots: memoryview
    free: list[int]
    busy: dict[int, Chunk] = field(default_factory=dict)
    ready: bool = False


class WorkerPool:
    """Runs the workers.

    Args:
        setup: what each worker needs to know.
        source: gives the next chunk, or None; called with no lock held but the pool's.
        answered: called by `pump` with a chunk and its answer, None for a failure.
    """

    def __init__(
        self,
        workers: int,
        depth: int,
        setup: WorkerSetup,
        source: Callable[[], Chunk | None],
        answered: Callable[[Chunk, Answer | None], None],
    ) -> None:
        self._setup = setup
        self._source = source
        self._answered = answered
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._depth = depth
        self._retry: list[Chunk] = []
        self._stillborn = 0
        self._wake_read, self._wake_write = self._context.Pipe(duplex=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._workers = [self._start_worker(number) for number in range(workers)]

    def _start_worker(self, number: int) -> _Worker:
        memory = SharedMemory(create=True, size=_SLOT_BYTES * self._depth)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker,
            args=(theirs, memory.name, _SLOT_BYTES, _IN_BYTES, self._setup),
            name=f"evidence-worker-{number}",
            daemon=True,
        )
        process.start()
        theirs.close()
        slots = memory.buf
        assert slots is not None
        worker = _Worker(number, process, ours, memory, slots, list(range(self._depth)))
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    @property
    def ready(self) -> bool:
        """Whether every worker has said that it is ready."""
        with self._lock:
            return all(worker.ready for worker in self._workers)

    def kick(self) -> None:
        """Give workers what the source has, those with the least first, into the slot used last:
        its memory is still in the processor's cache."""
        with self._lock:
            while any(worker.free for worker in self._workers):
                chunk = self._retry.pop() if self._retry else self._source()
                if chunk is None:
                    return
                worker = max(self._workers, key=_room)
                self._send(worker, worker.free.pop(), chunk)

    def _send(self, worker: _Worker, slot: int, chunk: Chunk) -> None:
        data = marshal.dumps(chunk.items)
        start = slot * _SLOT_BYTES
        worker.busy[slot] = chunk
        worker.slots[start : start + len(data)] = data
        try:
            worker.pipe.send((slot, len(data)))
        except OSError:
            return

    def pump(self, timeout: float) -> None:
        """Handle the answers that are there, after waiting up to ``timeout`` seconds for the first.

        One thread calls this, again and again: ``answered`` is called in it. It is the thread that
        finalizes blocks, where one does, since two that compute would only wait for each other.

        Raises:
            WorkersFailed: workers cannot be started.
        """
        for ready, _ in self._selector.select(timeout):
            if ready.data is None:
                self._wake_read.recv()
            else:
                self._receive(ready.data)

    def wake(self) -> None:
        """Have a `pump` that waits return."""
        self._wake_write.send(None)

    def _receive(self, worker: _Worker) -> None:
        try:
            notice = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if notice is None:
            worker.ready, self._stillborn = True, 0
            return
        slot, length, inline = notice
        start = slot * _SLOT_BYTES + _IN_BYTES
        answer = decode_answer(inline or worker.slots[start : start + length])
        with self._lock:
            chunk = worker.busy.pop(slot)
            worker.free.append(slot)
        self.kick()
        self._answered(chunk, answer)

    def _replace(self, worker: _Worker) -> None:
        """Start another worker in place of a dead one and give it the same chunks.

        Raises:
            WorkersFailed: several one after another died before they were ready.
        """
        with self._lock:  # from here on nobody sends to the dead one, whose memory goes
            self._workers.remove(worker)
            left = list(worker.busy.values())
        self._selector.unregister(worker.pipe)
        worker.process.join()
        worker.pipe.close()
        _free_memory(worker)
        self._stillborn += not worker.ready
        if self._stillborn >= _MAX_STILLBORN:
            raise WorkersFailed(
                f"{self._stillborn} worker processes ended before they were ready, the last with "
                f"exit code {worker.process.exitcode}; what they wrote to the node's standard "
                "error says why; restart the node when this is mended"
            )
        fresh = self._start_worker(worker.number)
        failed: list[Chunk] = []
        with self._lock:
            self._workers.append(fresh)
            for chunk in left:
                chunk.attempts += worker.ready
                (failed if chunk.attempts >= _MAX_ATTEMPTS else self._retry).append(chunk)
        for chunk in failed:
            self._answered(chunk, None)
        self.kick()

    def stop(self) -> None:
        """Stop the workers. Nobody may be in `pump`; chunks under way are not answered any more."""
        self._selector.close()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            _free_memory(worker)


def _room(worker: _Worker) -> int:
    return len(worker.free)


def _free_memory(worker: _Worker) -> None:
    worker.slots.release()
    worker.memory.close()
    worker.memory.unlink()
