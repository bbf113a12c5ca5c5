"""What a worker makes of its adapter's errors: wait and try again, park the job, or stop.

What the other side refuses concerns one job, which is parked. What contradicts the ledger, or
cannot be right in the settings, concerns all: the adapter stops until somebody has looked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from chaincode_adapters.breaker import Breaker
from chaincode_adapters.errors import AnchorError, Conflicting, Misconfigured, Refused
from chaincode_adapters.jobs import CONFLICT, FAILED, Course, Job, shortened
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.retry import backoff
from chaincode_adapters.worker_steps import Steps, Unexpected

__all__ = ["Troubles"]

_IDLE_SECONDS = 1.0
_MOST_UNEXPECTED = 3


class Troubles:
    """Those of one adapter. ``text`` is the last one, "" once the other side has answered.

    Args:
        steps: the adapter's, whose course is changed.
        jobs: where they are kept.
        breaker: the adapter's.
        let_go: gives up the connection.
        now: this node's time, in ms.
        clock: seconds that only grow.
        draw: what waits are drawn with.
    """

    def __init__(
        self,
        steps: Steps,
        jobs: JobsKept,
        breaker: Breaker,
        let_go: Callable[[], None],
        now: Callable[[], int],
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self.text = ""
        self._steps = steps
        self._jobs = jobs
        self._breaker = breaker
        self._let_go = let_go
        self._now = now
        self._clock = clock
        self._draw = draw
        self._due: dict[bytes, float] = {}
        self._failures: Counter[bytes] = Counter()
        self._unexpected: Counter[bytes] = Counter()
        self._log = structlog.get_logger("anchors").bind(adapter=steps.name)

    # -- when a job is due ------------------------------------------------------------------------

    def wait_of(self, job: Job) -> float:
        """Seconds until a job may go on."""
        return max(0.0, self._due.get(job.key, 0.0) - self._clock())

    def put_off(self, job: Job, delay: float) -> None:
        """A job goes on after ``delay`` seconds."""
        self._due[job.key] = self._clock() + delay

    def went_well(self, job: Job) -> None:
        """A job has come on."""
        self._failures.pop(job.key, None)
        self._unexpected.pop(job.key, None)

    def forget(self, job: Job) -> None:
        """A job is not under way any more."""
        self._due.pop(job.key, None)
        self.went_well(job)
        self._steps.forget(job)

    def forget_all(self) -> None:
        """Somebody has looked: try everything again at once."""
        self._due.clear()
        self._failures.clear()
        self._unexpected.clear()
        self._breaker.reset()

    def answered(self) -> None:
        """The other side has answered, whatever it said."""
        self._breaker.succeeded()
        self.text = ""

    # -- what goes wrong --------------------------------------------------------------------------

    def of_job(self, job: Job, error: AnchorError) -> tuple[Job, float]:
        """A step did not succeed. The job then, and for how many seconds it waits."""
        if isinstance(error, Misconfigured):
            self.stop(error)
            return job, _IDLE_SECONDS
        if isinstance(error, Conflicting | Refused):
            self.answered()
            state = CONFLICT if isinstance(error, Conflicting) else FAILED
            return self._park(job, state, error), 0.0
        if isinstance(error, Unexpected):
            self._unexpected[job.key] += 1
            if self._unexpected[job.key] >= _MOST_UNEXPECTED:
                return self._park(job, FAILED, error), 0.0
        self._failures[job.key] += 1
        pause = backoff(self._failures[job.key], draw=self._draw)
        delay = max(pause, getattr(error, "retry_after", 0.0))
        self.put_off(job, delay)
        self.of_adapter(error)
        return job, delay

    def of_adapter(self, error: AnchorError) -> None:
        """Something else than a step did not succeed."""
        if isinstance(error, Conflicting | Misconfigured):
            self.stop(error)
            return
        self.text = shortened(str(error))
        if self._breaker.failed(getattr(error, "retry_after", 0.0)):
            seconds = round(self._breaker.waits(), 1)
            self._log.warning("left alone for a while", reason=self.text, seconds=seconds)
            self._let_go()

    def _park(self, job: Job, state: str, error: AnchorError) -> Job:
        reason, now = shortened(str(error)), self._now()
        parked = msgspec.structs.replace(job, state=state, reason=reason, ended_at=now)
        course = self._steps.course
        if state == CONFLICT:
            text = f"conflict at size {job.size}: {reason}"
            course = msgspec.structs.replace(course, stopped=text, stopped_at=now, conflict=True)
        self._jobs.park(parked, course)
        self._steps.course = course
        self.forget(job)
        if state == CONFLICT:
            self._alarm(job.size, reason)
        else:
            self._log.error("parked", chain=job.chain, size=job.size, reason=reason)
        return parked

    def stop(self, error: AnchorError, size: int = 0) -> None:
        """Do nothing more until somebody has it retried."""
        reason, conflict = shortened(str(error)), isinstance(error, Conflicting)
        text = f"conflict: {reason}" if conflict else reason
        self.keep(
            msgspec.structs.replace(
                self._steps.course, stopped=text, stopped_at=self._now(), conflict=conflict
            )
        )
        if conflict:
            self._alarm(size, reason)
        else:
            self._log.error("adapter stopped", reason=reason)

    def keep(self, course: Course, jobs: list[Job] | None = None) -> None:
        """Keep a course, and new jobs with it."""
        self._jobs.put_course(self._steps.name, course, jobs)
        self._steps.course = course

    def _alarm(self, size: int, reason: str) -> None:
        self._log.critical(
            "ANCHOR CONFLICT: an outside chain holds something else than this ledger",
            chain=self._steps.course.chain,
            size=size,
            reason=reason,
        )
