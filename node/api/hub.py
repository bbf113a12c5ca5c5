"""The bridge between the submission pipeline's threads and the event loop.

Single submissions that arrive in one turn of the loop are submitted together, so that the workers
get chunks instead of crumbs. The pipeline tells of groups in its own threads; each such call
becomes one callback of the loop, however many requests it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from node.submission.errors import SubmissionStopped
from node.submission.tickets import Group, Ticket

if TYPE_CHECKING:
    from node.submission.submission import Submission

__all__ = ["KEEPING_SECONDS", "STOPPING_SECONDS", "Hub"]

KEEPING_SECONDS = 10.0
"""How long, after its time has run out, a submission is waited for to be on disk."""
STOPPING_SECONDS = 1.0
"""How long, when the node is stopping, what is under way may take to be committed."""
_ENOUGH = 32
"""As many as a worker examines at once are not kept waiting for those behind them."""

Loop = asyncio.AbstractEventLoop


class _Waiter:
    """A request that waits. ``early``: it is enough when all of its group is on disk."""

    __slots__ = ("early", "first", "future", "group", "submissions")

    def __init__(self, loop: Loop, submissions: Sequence[bytes], early: bool) -> None:
        self.submissions = submissions
        self.early = early
        self.future: asyncio.Future[None] = loop.create_future()
        self.group: Group | None = None
        self.first = 0

    def wake(self) -> None:
        """Let the request go on, if it has not gone on already."""
        if not self.future.done():
            self.future.set_result(None)

    def tickets(self) -> list[Ticket]:
        """Its own tickets among those of its group."""
        assert self.group is not None
        return self.group.tickets[self.first : self.first + len(self.submissions)]


class _Party:
    """The requests whose submissions are one group: what the group's ``context`` holds."""

    __slots__ = ("loop", "waiters")

    def __init__(self, loop: Loop, waiters: list[_Waiter]) -> None:
        self.loop = loop
        self.waiters = waiters


class Hub:
    """Submits for requests and wakes them. `attach` gives it the pipeline before the first one.

    ``stopping`` says that nothing more is taken.
    """

    def __init__(self) -> None:
        self._submission: Submission | None = None
        self._gathered: list[_Waiter] = []
        self._waiting: set[_Waiter] = set()
        self.stopping = False

    def attach(self, submission: Submission) -> None:
        """Submit to this pipeline, which calls `deliver`."""
        self._submission = submission

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return len(self._waiting)

    def deliver(self, groups: Iterable[Group]) -> None:
        """Take word of groups, in any thread; see `node.submission.submission.Submission`."""
        by_loop: dict[Loop, list[Group]] = {}
        for group in groups:
            party = group.context
            if isinstance(party, _Party):
                by_loop.setdefault(party.loop, []).append(group)
        for loop, told in by_loop.items():
            try:
                loop.call_soon_threadsafe(_wake_told, told)
            except RuntimeError:  # that loop has been closed: nobody waits there any more
                continue

    async def submit_one(
        self, submission: bytes, *, until_commit: bool, timeout: float
    ) -> tuple[Ticket, bool]:
        """Submit one SD-JWT, together with others that arrive at the same moment.

        Returns and raises as `submit` does, for one.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, (submission,), early=not until_commit)
        if not self._gathered:
            loop.call_soon(self._submit_gathered, loop)
        self._gathered.append(waiter)
        if len(self._gathered) == _ENOUGH:
            self._submit_gathered(loop)
        safe = await self._wait(waiter, loop, timeout)
        assert waiter.group is not None
        return waiter.group.tickets[waiter.first], safe

    async def submit(
        self, submissions: Sequence[bytes], *, until_commit: bool, timeout: float
    ) -> tuple[Sequence[Ticket], bool]:
        """Submit together; return when there is something to answer for each.

        Args:
            submissions: SD-JWTs.
            until_commit: wait until all are done; else until all are at least on disk.
            timeout: seconds after which it is enough that all are on disk.

        Returns:
            The tickets, and whether all are on disk or done. Where they are, a ticket that is
            neither flawed nor known nor has an outcome is on disk, to be committed; where they are
            not, nothing of them holds but their flaws.

        Raises:
            SubmissionError: none of them was taken.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, submissions, early=not until_commit)
        self._submit_all(loop, [waiter])
        safe = await self._wait(waiter, loop, timeout)
        return waiter.tickets(), safe

    async def _wait(self, waiter: _Waiter, loop: Loop, timeout: float) -> bool:
        self._waiting.add(waiter)
        timer = loop.call_later(timeout, self._run_out, waiter, loop)
        try:
            await waiter.future
        finally:
            timer.cancel()
            self._waiting.discard(waiter)
        return waiter.group is not None and not waiter.group.unsafe

    def _submit_gathered(self, loop: Loop) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered:  # there were enough before the loop's next turn
            return
        try:
            self._submit_all(loop, gathered)
        except Exception as error:  # noqa: BLE001 - each request hears of it
            for waiter in gathered:
                if not waiter.future.done():
                    waiter.future.set_exception(error)

    def _submit_all(self, loop: Loop, waiters: list[_Waiter]) -> None:
        if self._submission is None or self.stopping:
            reason = "the node is stopping" if self.stopping else "the node is starting"
            raise SubmissionStopped(reason, retry_after=5)
        submissions: list[bytes] = []
        for waiter in waiters:
            waiter.first = len(submissions)
            submissions += waiter.submissions
        group = self._submission.submit(submissions, _Party(loop, waiters))
        for waiter in waiters:
            waiter.group = group

    def _run_out(self, waiter: _Waiter, loop: Loop) -> None:
        """The time of a request has run out: it is enough now that its group is on disk."""
        waiter.early = True
        if waiter.group is not None and not waiter.group.unsafe:
            waiter.wake()
        else:
            loop.call_later(KEEPING_SECONDS, waiter.wake)

    def hurry(self) -> None:
        """Let every request go on as soon as what it brought is on disk.

        To be called in the event loop.
        """
        loop = asyncio.get_running_loop()
        for waiter in list(self._waiting):
            self._run_out(waiter, loop)

    def stop(self) -> None:
        """Take nothing more, and a little later let every request go on that still waits.

        To be called in the event loop.
        """
        self.stopping = True
        asyncio.get_running_loop().call_later(STOPPING_SECONDS, self.hurry)


def _wake_told(groups: list[Group]) -> None:
    for group in groups:
        done, safe = not group.unfinished, not group.unsafe
        party: _Party = group.context
        for waiter in party.waiters:
            if done or (safe and waiter.early):
                waiter.wake()
