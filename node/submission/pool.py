"""Worker processes: one a core, without state, fed through shared memory.

Each worker has a few slots; a slot holds one chunk on its way in and its answer on the way out. The
pipes carry only short notices. A worker that dies is replaced and its chunks are given to the new
one; a chunk that killed two is answered as a failure. Where workers die before they are ready, no
chunk is to blame: that stops the node.

Besides submissions they open frames that others made. Those go first, and a few slots are theirs:
no more of them lie with a worker, so that one which is asked for in a hurry does not wait for many.
"""

from __future__ import annotations

import marshal
import multiprocessing
import selectors
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory

from node.core.errors import InvalidInput
from node.core.signatures import PublicJwk
from node.ledger.intake import TakenValues
from node.submission.admission import Answer, decode_answer
from node.submission.errors import WorkersFailed
from node.submission.worker import Notice, WorkerSetup, decode_opened, run_worker

__all__ = ["MAX_CHUNK_BYTES", "MAX_CHUNK_ITEMS", "Chunk", "WorkerPool"]

MAX_CHUNK_ITEMS = 256
MAX_CHUNK_BYTES = 1 << 20
_IN_BYTES = MAX_CHUNK_BYTES + (64 << 10)
_OUT_BYTES = 4 << 20
_SLOT_BYTES = _IN_BYTES + _OUT_BYTES
_OPENING_SLOTS = 4
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


@dataclass(eq=False)
class _Opening:
    """A frame that a worker opens."""

    frame: bytes
    result: Future[list[TakenValues]]
    attempts: int = 0


@dataclass
class _Worker:
    number: int
    process: BaseProcess
    pipe: Connection
    memory: SharedMemory
    slots: memoryview
    free: list[int]
    busy: dict[int, Chunk | _Opening] = field(default_factory=dict)
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
        self._slots = depth + _OPENING_SLOTS
        self._retry: list[Chunk | _Opening] = []
        self._frames: deque[_Opening] = deque()
        self._stopped = False
        self._stillborn = 0
        self._wake_read, self._wake_write = self._context.Pipe(duplex=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._workers = [self._start_worker(number) for number in range(workers)]

    def _start_worker(self, number: int) -> _Worker:
        memory = SharedMemory(create=True, size=_SLOT_BYTES * self._slots)
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
        worker = _Worker(number, process, ours, memory, slots, list(range(self._slots)))
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    @property
    def ready(self) -> bool:
        """Whether every worker has said that it is ready."""
        with self._lock:
            return all(worker.ready for worker in self._workers)

    def open_frame(self, frame: bytes) -> Future[list[TakenValues]]:
        """Have a frame of at most 200 kB opened (`Intake.open_frame`).

        What is cancelled before a worker has it is not opened.

        Returns:
            Its transactions to come. Ends with InvalidInput where the frame is refused, and with
            WorkersFailed where no worker could say.
        """
        opening = _Opening(frame, Future())
        with self._lock:
            if not self._stopped:
                self._frames.append(opening)
        if self._stopped:
            _give_up([opening])
        self.kick()
        return opening.result

    def hasten(self, result: Future[list[TakenValues]]) -> None:
        """Have the frame that ``result`` is of opened before all others that wait still."""
        with self._lock:
            if self._frames and self._frames[-1].result is result:
                self._frames.rotate()  # it has just come, and a block may have thousands
                return
            for opening in self._frames:
                if opening.result is result:
                    self._frames.remove(opening)
                    self._frames.appendleft(opening)
                    return

    def keys_registered(self, keys: Mapping[str, PublicJwk]) -> None:
        """What is given to workers from now on is examined with these keys too, by kid."""
        with self._lock:
            self._setup = replace(self._setup, keys={**self._setup.keys, **keys})
            for worker in self._workers:
                _notify(worker, (Notice.KEYS, dict(keys)))

    def kick(self) -> None:
        """Give workers what there is, those with the least first, into the slot used last: its
        memory is still in the processor's cache."""
        with self._lock:
            while not self._stopped and self._workers and (self._give_frame() or self._give()):
                pass

    def _give_frame(self) -> bool:
        """Give a frame that waits to the worker with the fewest; False where that has its share."""
        while self._frames:
            worker = min(self._workers, key=_frames_of)
            if not worker.free or _frames_of(worker) >= _OPENING_SLOTS:
                return False
            opening = self._frames.popleft()
            if opening.result.set_running_or_notify_cancel():
                self._send(worker, worker.free.pop(), opening)
                return True
        return False

    def _give(self) -> bool:
        """Give something else to the worker with the most room; False where there is none."""
        worker = max(self._workers, key=_room)
        if not worker.free:
            return False
        chunk: Chunk | _Opening | None = None
        if self._retry:
            chunk = self._retry.pop()
        elif _room(worker) > _OPENING_SLOTS:
            chunk = self._source()
        if chunk is not None:
            self._send(worker, worker.free.pop(), chunk)
        return chunk is not None

    def _send(self, worker: _Worker, slot: int, chunk: Chunk | _Opening) -> None:
        admit = isinstance(chunk, Chunk)
        data = marshal.dumps(chunk.items) if isinstance(chunk, Chunk) else chunk.frame
        start = slot * _SLOT_BYTES
        worker.busy[slot] = chunk
        worker.slots[start : start + len(data)] = data
        _notify(worker, (Notice.ADMIT if admit else Notice.OPEN, slot, len(data)))

    def pump(self, timeout: float) -> None:
        """Handle the answers that are there, after waiting up to ``timeout`` seconds for the first.

        One thread calls this, again and again: ``answered`` is called in it. It is the thread that
        finalizes blocks, where one does, since two that compute would only wait for each other.

        Raises:
            WorkersFailed: workers cannot be started.
        """
        try:
            for ready, _ in self._selector.select(timeout):
                if ready.data is None:
                    self._wake_read.recv()
                else:
                    self._receive(ready.data)
        except BaseException:
            self._leave_nobody_waiting()
            raise

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
        data = inline or worker.slots[start : start + length]
        chunk = worker.busy[slot]
        if isinstance(chunk, Chunk):
            answer = decode_answer(data)
            self._free(worker, slot)
            self._answered(chunk, answer)
        else:
            opened = decode_opened(data)
            self._free(worker, slot)
            if isinstance(opened, InvalidInput):
                chunk.result.set_exception(opened)
            else:
                chunk.result.set_result(opened)

    def _free(self, worker: _Worker, slot: int) -> None:
        with self._lock:
            del worker.busy[slot]
            worker.free.append(slot)
        self.kick()

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
            _give_up(left)
            raise WorkersFailed(
                f"{self._stillborn} worker processes ended before they were ready, the last with "
                f"exit code {worker.process.exitcode}; what they wrote to the node's standard "
                "error says why; restart the node when this is mended"
            )
        setup = self._setup
        try:
            fresh = self._start_worker(worker.number)
        except BaseException:
            _give_up(left)
            raise
        failed: list[Chunk | _Opening] = []
        with self._lock:
            if self._setup is not setup:  # keys came while it was being started
                _notify(fresh, (Notice.KEYS, dict(self._setup.keys)))
            self._workers.append(fresh)
            for chunk in left:
                chunk.attempts += worker.ready
                (failed if chunk.attempts >= _MAX_ATTEMPTS else self._retry).append(chunk)
        for chunk in failed:
            if isinstance(chunk, Chunk):
                self._answered(chunk, None)
            else:
                chunk.result.set_exception(WorkersFailed("two workers ended over this frame"))
        self.kick()

    def _leave_nobody_waiting(self) -> None:
        """No frame will be opened any more: a block that waits for one must not wait for ever."""
        with self._lock:
            self._stopped = True
            busy = [chunk for worker in self._workers for chunk in worker.busy.values()]
            left = [*self._frames, *self._retry, *busy]
            self._frames.clear()
            self._retry.clear()
        _give_up(left)

    def stop(self) -> None:
        """Stop the workers. Nobody may be in `pump`; chunks under way are not answered any more,
        and frames not opened."""
        self._leave_nobody_waiting()
        self._selector.close()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            _free_memory(worker)


def _give_up(chunks: Iterable[Chunk | _Opening]) -> None:
    for chunk in chunks:
        if isinstance(chunk, _Opening):
            with suppress(InvalidStateError):  # nobody waits for it any more
                chunk.result.set_exception(WorkersFailed("the workers are stopped"))


def _room(worker: _Worker) -> int:
    return len(worker.free)


def _frames_of(worker: _Worker) -> int:
    return sum(isinstance(chunk, _Opening) for chunk in worker.busy.values())


def _notify(worker: _Worker, notice: tuple[object, ...]) -> None:
    """Tell a worker something; one that has died is replaced by whoever is in `pump`."""
    with suppress(OSError):
        worker.pipe.send(notice)


def _free_memory(worker: _Worker) -> None:
    worker.slots.release()
    worker.memory.close()
    worker.memory.unlink()
