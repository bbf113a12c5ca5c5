"""Asking now and then whether what an outside chain confirmed as final still stands there.

A chain that has been set back further than it said it could be, or replaced by another one, denies
it. That is the same alarm as another root: one of the two histories is false.
"""

from __future__ import annotations

from collections.abc import Callable

from chaincode_adapters.errors import AnchorError, Conflicting
from chaincode_adapters.jobs import Job
from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.port import AnchorAdapter, Final, Missing
from chaincode_adapters.worker_steps import Steps
from chaincode_adapters.worker_troubles import Troubles

__all__ = ["Rechecks"]

_EVERY_SECONDS = 600.0
_SOON_SECONDS = 30.0
_MOST_DENIALS = 3
"""A node that has only just come up may not know all of its chain yet."""


class Rechecks:
    """Those of one adapter's newest final job."""

    def __init__(
        self,
        adapter: AnchorAdapter,
        steps: Steps,
        jobs: JobsKept,
        troubles: Troubles,
        clock: Callable[[], float],
    ) -> None:
        self._adapter = adapter
        self._steps = steps
        self._jobs = jobs
        self._troubles = troubles
        self._clock = clock
        self._at = 0.0
        self._denials = 0

    def hasten(self) -> None:
        """Ask at the next opportunity."""
        self._at = self._clock()

    def forget(self) -> None:
        """Somebody has looked: count denials anew."""
        self._denials = 0
        self.hasten()

    def round(self) -> None:
        """Ask, where it is time. Raises StorageError."""
        if self._clock() < self._at:
            return
        self._at = self._clock() + _EVERY_SECONDS
        job = self._jobs.newest_final(self._adapter.name)
        if job is None or job.chain != self._adapter.chain:
            return
        try:
            denial = self.denial(job)
        except AnchorError as error:
            self._troubles.of_adapter(error)
            return
        self._denials = self._denials + 1 if denial else 0
        if self._denials >= _MOST_DENIALS:
            self._troubles.stop(Conflicting(denial), job.size)
        elif denial:
            self._at = self._clock() + _SOON_SECONDS

    def denial(self, job: Job) -> str:
        """How the chain denies a final anchor; "" where it does not.

        Raises:
            AnchorError: it cannot be asked, or says itself that this is a conflict.
        """
        standing = self._steps.look_up(job)
        what = f"the anchor of size {job.size} ({job.external_tx}), which it had confirmed as final"
        if isinstance(standing, Missing):
            return f"the chain knows nothing any more of {what}"
        if isinstance(standing, Final) and standing.mark != job.mark:
            return f"the chain now has {what}, at {standing.mark}, and had it at {job.mark}"
        return ""
