"""Asking now and then whether what an outside chain confirmed as final still stands there.

A chain that has been set back further than it said it could be, or replaced by another one, denies
it. That is the same alarm as another root: one of the two histories is false.
"""

from __future__ import annotations

from collections.abc import Callable

from chaincode_adapters.errors import (
    AnchorError,
    Conflicting,
    Overtaken,
    SignAnew,
    Unreachable,
)
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
_MOST_ASKED = 32


class Rechecks:
    """Those of one adapter: of its newest final job, and of those since the one that was the newest
    when it was asked last: a chain that was set back may have lost them and taken later ones."""

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
        self._before: Job | None = None
        self._left = 0

    def hasten(self) -> None:
        """Ask at the next opportunity."""
        self._at = self._clock()

    def forget(self, *, leave: bool = False) -> None:
        """Somebody has looked: count denials anew, of what is the newest now; or ``leave`` what is
        final by now, and ask about later ones."""
        self._denials = 0
        self._before = None
        newest = self._jobs.newest_final(self._adapter.name)
        self._left = newest.size if leave and newest is not None else 0
        self.hasten()

    def round(self) -> None:
        """Ask, where it is time. Raises StorageError."""
        if self._before is None:
            newest = self._jobs.newest_final(self._adapter.name)
            self._before = newest if newest is not None and newest.size > self._left else None
        if self._clock() < self._at:
            return
        self._at = self._clock() + _EVERY_SECONDS
        if self._before is None:
            return
        asked = self._to_ask(self._before)
        try:
            denials = [(self.denial(job), job) for job in asked]
        except AnchorError as error:
            self._troubles.of_adapter(error)
            return
        denial, job = next((item for item in denials if item[0]), ("", None))
        self._denials = self._denials + 1 if denial else 0
        if job is None:
            self._before = asked[-1] if asked else None
            if len(asked) == _MOST_ASKED:
                self._at = self._clock() + _SOON_SECONDS
            return
        self._before = job
        if self._denials >= _MOST_DENIALS:
            self._troubles.stop(Conflicting(denial), job.size)
        else:
            self._at = self._clock() + _SOON_SECONDS

    def _to_ask(self, before: Job) -> list[Job]:
        """The final jobs from ``before`` on, not too many at once."""
        found = self._jobs.finals(self._adapter.name, before.size, _MOST_ASKED)
        return [job for job in found if job.chain == self._adapter.chain]

    def denial(self, job: Job) -> str:
        """How the chain denies a final anchor; "" where it does not.

        Raises:
            AnchorError: it cannot be asked, or says itself that this is a conflict.
        """
        what = f"the anchor of size {job.size} ({job.external_tx}), which it had confirmed as final"
        try:
            standing = self._steps.look_up(job)
        except (Overtaken, SignAnew) as error:
            return f"the chain does not have {what}: {error}"
        if isinstance(standing, Missing):
            if not standing.asked:
                raise Unreachable(
                    f"nobody can be asked for {what}, and the settings of now do not bear out what "
                    "was answered then; the receipt that is kept is what counts"
                )
            return f"the chain knows nothing any more of {what}"
        if isinstance(standing, Final) and standing.mark != job.mark:
            return f"the chain now has {what}, at {standing.mark}, and had it at {job.mark}"
        return ""
