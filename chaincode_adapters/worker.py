"""The worker: one thread an adapter, which takes the points of the ledger to its outside chain.

It has at most `in_flight` jobs under way, in the order of the points, and signs no further one
before what it has signed is sent: an account's numbers stay in order. After failures in a row the
other side is left alone for a while; nothing of the node waits for it meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import islice
from typing import Any, Literal

import msgspec
import structlog

from chaincode_adapters.breaker import Breaker
from chaincode_adapters.errors import AnchorError, Conflicting, Misconfigured, place_of
from chaincode_adapters.jobs import (
    CONFLICT,
    FAILED,
    FINAL,
    QUEUED,
    SENT,
    SIGNED,
    Course,
    Job,
    shortened,
)
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.port import AnchorAdapter
from chaincode_adapters.retry import draw
from chaincode_adapters.worker_rechecks import Rechecks
from chaincode_adapters.worker_steps import CheckReceipt, Steps
from chaincode_adapters.worker_troubles import Troubles
from node.core.anchors.point import AnchorPoint
from node.core.errors import EvidenceError

__all__ = ["Points", "Worker"]

Points = Callable[[int], Iterable[AnchorPoint]]
"""The ledger's anchor points after a height, in order: all of them, or the first ones."""

_IDLE_SECONDS = 1.0
_MOST_NEW = 1000


class Worker:
    """One adapter's. `run` is its thread's; `round` does what is due, for those who have their own.
    ``has_failed``: the thread has ended by a fault, and nothing more is done until a restart.
    ``entry`` is the adapter's of a trust file, None before it was open for the first time.

    Args:
        adapter: what it drives.
        keeping: where jobs and receipts are kept.
        points: the ledger's points.
        check: what a receipt must pass before its job is final.
        now: this node's time, in ms.
        begin: with which point a new adapter begins.
        clock: seconds that only grow.
        draw: what waits are drawn with, from 0 to 1.
        ended: told of each job that has become final, in the thread.
    """

    def __init__(
        self,
        adapter: AnchorAdapter,
        keeping: Keeping,
        points: Points,
        check: CheckReceipt,
        now: Callable[[], int],
        *,
        begin: Literal["first", "newest"] = "newest",
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[Job], None] = lambda job: None,
        draw: Callable[[], float] = draw,
    ) -> None:
        self.adapter = adapter
        self.breaker = Breaker(clock, draw=draw)
        self.thread: threading.Thread | None = None
        self.has_failed = False
        self.entry: dict[str, Any] | None = None
        self._jobs = keeping.jobs
        self._points = points
        self._now = now
        self._begin = begin
        self._ended = ended
        course = self._jobs.course(adapter.name)
        self._is_new = course is None or course.height < 0
        self._is_open = False
        self._steps = Steps(adapter, keeping, course or Course(-1), check, now, clock, draw)
        self._troubles = Troubles(
            self._steps, self._jobs, self.breaker, self._close, now, clock, draw
        )
        self._rechecks = Rechecks(adapter, self._steps, self._jobs, self._troubles, clock)
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._log = structlog.get_logger("anchors").bind(adapter=adapter.name)

    @property
    def trouble(self) -> str:
        """What went wrong last; "" once the other side has answered."""
        return self._troubles.text

    @property
    def course(self) -> Course:
        """How far the adapter has come."""
        return self._steps.course

    # -- the thread -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self.thread = threading.Thread(
            target=self.run, name=f"anchor-{self.adapter.name}", daemon=True
        )
        self.thread.start()

    def stop(self) -> None:
        """Have it end; a call under way is not waited for here."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait until its thread has ended."""
        if self.thread is not None:
            self.thread.join(timeout)

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def run(self) -> None:
        """Do what is due until told to stop."""
        try:
            while not self._stopping.is_set():
                wait = self.round()
                self._wake.wait(wait)
                self._wake.clear()
        except EvidenceError as error:
            self._ends(shortened(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of this program's; it must be seen
            self._ends(place_of(error))
        finally:
            self._stopping.set()
            self._close()
            while self._asked:
                self._asked.popleft()[1].cancel()

    def _ends(self, reason: str) -> None:
        if not self._stopping.is_set():
            self.has_failed = True
            self._troubles.text = f"its thread has ended: {reason}"
            self._log.error("anchoring has stopped", reason=reason)

    def ask(self, function: Callable[[], Any]) -> Future[Any]:
        """Have the thread call ``function`` between two steps: what may call the adapter, too."""
        future: Future[Any] = Future()
        self._asked.append((function, future))
        self._wake.set()
        if self._stopping.is_set():
            future.cancel()
        return future

    # -- rounds -----------------------------------------------------------------------------------

    def round(self) -> float:
        """Do all that is due; how many seconds until something is again.

        Raises:
            StorageError, LedgerFault: nothing can be read or kept.
        """
        self._answer()
        self._take_points()
        if self.course.stopped:
            return _IDLE_SECONDS
        if (wait := self.breaker.waits()) > 0:
            return min(wait, _IDLE_SECONDS)
        if not self._is_open and not self._open():
            return _IDLE_SECONDS
        self._rechecks.round()
        if self.course.stopped:
            return _IDLE_SECONDS
        self._take_points()
        return self._step_all()

    def _answer(self) -> None:
        while self._asked:
            function, future = self._asked.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                future.set_exception(error)

    def _take_points(self) -> None:
        """Make jobs of the points that have come since, once it is known for which chain; a new
        adapter begins at the newest."""
        if not self.adapter.chain:
            return
        course = self.course
        if self._is_new and self._begin == "newest":
            found = self._newest_point()
        else:
            found = list(islice(self._points(course.height), _MOST_NEW))
        if not found:
            return
        now, chain = self._now(), self.adapter.chain
        jobs = [
            Job(self.adapter.name, chain, point.document(), point.size, point.root, QUEUED, now)
            for point in found
        ]
        self._troubles.keep(
            msgspec.structs.replace(course, height=found[-1].height, chain=chain), jobs
        )
        self._is_new = False

    def _newest_point(self) -> list[AnchorPoint]:
        """The ledger's newest point, or none, whose points may come in pieces."""
        newest: list[AnchorPoint] = []
        while piece := list(self._points(newest[0].height if newest else -1)):
            newest = piece[-1:]
        return newest

    def _step_all(self) -> float:
        """Take every job under way as far as it goes now."""
        may_sign = True
        wait = _IDLE_SECONDS
        for kept in self._jobs.under_way(self.adapter.name, self.adapter.in_flight):
            job, late = kept, self._troubles.wait_of(kept)
            if late <= 0 and job.state == QUEUED and not may_sign:
                continue
            if late <= 0:
                job, late = self._go_on(self._of_this_chain(job))
            if job.state in (QUEUED, SIGNED):
                may_sign = False
            if job.state in (FINAL, FAILED, CONFLICT):
                late = 0.0  # another may take its place
            wait = min(wait, late)
            if self.course.stopped or self.breaker.waits() or self._stopping.is_set():
                break
        return wait

    def _go_on(self, job: Job) -> tuple[Job, float]:
        """Take steps until one has to wait; the job then, and for how many seconds."""
        while not self._stopping.is_set():
            try:
                after = self._steps.advance(job)
            except AnchorError as error:
                return self._troubles.of_job(self._kept(job), error)
            job = after.job
            if after.came_on:
                self._troubles.answered()
                self._troubles.went_well(job)
            if job.state == FINAL:
                self._troubles.forget(job)
                self._ended(job)
                return job, 0.0
            if after.delay > 0:
                self._troubles.put_off(job, after.delay)
                return job, after.delay
        return job, 0.0

    def _of_this_chain(self, job: Job) -> Job:
        """The job, as one of the chain that the adapter is configured for by now."""
        chain = self.adapter.chain
        if job.chain == chain or job.state != QUEUED:
            return job
        moved = msgspec.structs.replace(job, chain=chain)
        self._jobs.move(job, moved)
        return moved

    def _kept(self, job: Job) -> Job:
        """The job as it is kept: a step may have come half-way."""
        return self._jobs.of_size(job.adapter, job.size) or job

    # -- opening, checking again, retrying --------------------------------------------------------

    def _open(self) -> bool:
        try:
            self._need_open()
        except AnchorError as error:
            self._troubles.of_adapter(error)
        return self._is_open

    def _need_open(self) -> None:
        """Open the adapter, if it is not. Raises AnchorError."""
        if not self._is_open:
            self._steps.call(self.adapter.open)
            if not self.adapter.chain:
                raise Misconfigured("the adapter does not say which chain it is of")
            self.entry = self._steps.call(self.adapter.trust_entry)
            self._is_open = True
            self._rechecks.hasten()

    def _close(self) -> None:
        self._is_open = False
        try:
            self._steps.call(self.adapter.close)
        except AnchorError as error:
            self._log.warning("could not be closed", reason=str(error))

    def recheck(self, job: Job) -> str:
        """How the chain denies a final anchor, as somebody asks for it now; a conflict that the
        chain's adapter finds is the alarm. In the thread only.

        Raises:
            AnchorError: the chain cannot be asked.
        """
        self._need_open()
        try:
            return self._rechecks.denial(job)
        except Conflicting as error:
            self._troubles.stop(error, job.size)
            return str(error)

    def trust_entry(self) -> dict[str, Any]:
        """The adapter's entry of the trust file. In the thread only. Raises AnchorError."""
        self._need_open()
        return self._steps.call(self.adapter.trust_entry)

    def retry(self, size: int | None = None, *, leave: bool = False) -> list[int]:
        """Take up what is parked, of one size or all, and let a stopped adapter go on. In the
        thread only. With ``leave`` it goes on without that, which stays parked.

        Returns:
            The sizes of the jobs that are taken up.
        """
        parked = [] if leave else self._jobs.parked(self.adapter.name)
        taken = [job for job in parked if size in (None, job.size)]
        for job in taken:
            state = SENT if job.attempts else QUEUED
            self._jobs.take_up(msgspec.structs.replace(job, state=state, reason="", ended_at=0))
        self._troubles.forget_all()
        self._rechecks.forget(leave=leave)
        course = self.course
        if course.stopped and (size is None or taken):
            self._troubles.keep(
                msgspec.structs.replace(course, stopped="", stopped_at=0, conflict=False)
            )
        self._wake.set()
        return [job.size for job in taken]
