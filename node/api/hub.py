"""The bridge between the submission pipeline's threads and the event loop.

The pipeline tells of groups in its own threads; each such call becomes one callback of the loop,
however many requests it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from node.submission.errors import SubmissionStopped
from node.submission.tickets import Group

if TYPE_CHECKING:
    from node.submission.submission import Submission

__all__ = ["KEEPING_SECONDS", "Hub"]

KEEPING_SECONDS = 10.0
"""How long, after its time has run out, a submission is waited for to be on disk."""

_STOPPING = "the node is stopping"


class _Waiter:
    """A request that waits. ``early`` says that it is enough when all of its group is on disk."""

    __slots__ = ("early", "future", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, early: bool) -> None:
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()
        self.early = early

    def wake(self) -> None:
        """Let the request go on, if it has not gone on already."""
        if not self.future.done():
            self.future.set_result(None)


class Hub:
    """Submits for requests and wakes them. `attach` gives it the pipeline before the first one."""

    def __init__(self) -> None:
        self._submission: Submission | None = None
        self._waiting: set[Group] = set()
        self._stopping = False

    def attach(self, submission: Submission) -> None:
        """Submit to this pipeline, which calls `deliver`."""
        self._submission = submission

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return len(self._waiting)

    def deliver(self, groups: Iterable[Group]) -> None:
        """Take word of groups, in any thread; see `node.submission.submission.Submission`."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Group]] = {}
        for group in groups:
            waiter = group.context
            if isinstance(waiter, _Waiter):
                by_loop.setdefault(waiter.loop, []).append(group)
        for loop, told in by_loop.items():
            try:
                loop.call_soon_threadsafe(_wake_told, told)
            except RuntimeError:  # that loop has been closed: nobody waits there any more
                continue

    async def submit(
        self, submissions: Sequence[bytes], *, until_commit: bool, timeout: float
    ) -> Group:
        """Submit together; return when there is something to answer for each.

        Args:
            submissions: SD-JWTs.
            until_commit: wait until all are done; else until all are at least on disk.
            timeout: seconds after which it is enough that all are on disk.

        Returns:
            The group. While its ``unsafe`` is not 0, nothing holds of its tickets but their flaws;
            else those that are neither known nor have an outcome are on disk, to be committed.

        Raises:
            SubmissionError: none of them was taken.
        """
        if self._submission is None or self._stopping:
            raise SubmissionStopped(
                _STOPPING if self._stopping else "the node is starting", retry_after=5
            )
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, early=not until_commit)
        group = self._submission.submit(submissions, waiter)
        self._waiting.add(group)
        timer = loop.call_later(timeout, self._run_out, group)
        try:
            await waiter.future
        finally:
            timer.cancel()
            self._waiting.discard(group)
        return group

    def _run_out(self, group: Group) -> None:
        """The time of a group has run out: it is enough now that it is on disk."""
        waiter: _Waiter = group.context
        waiter.early = True
        if not group.unsafe:
            waiter.wake()
        else:
            waiter.loop.call_later(KEEPING_SECONDS, waiter.wake)

    def stop(self) -> None:
        """Take nothing more, and let every request go on as soon as what it brought is on disk.

        To be called in the event loop.
        """
        self._stopping = True
        for group in list(self._waiting):
            self._run_out(group)


def _wake_told(groups: list[Group]) -> None:
    for group in groups:
        waiter: _Waiter = group.context
        if not group.unfinished or (waiter.early and not group.unsafe):
            waiter.wake()

