"""Errors of submission.

SubmissionError
├── SubmissionFull      more is under way than the node will hold; try again later
└── SubmissionStopped   the node makes no blocks now; says why
WorkersFailed           worker processes cannot be started; the node stops
"""

from __future__ import annotations

from node.core.errors import EvidenceError

__all__ = ["SubmissionError", "SubmissionFull", "SubmissionStopped", "WorkersFailed"]


class SubmissionError(EvidenceError):
    """A submission that cannot be taken, for no fault of its own."""


class WorkersFailed(EvidenceError):
    """Worker processes cannot be started. The node stops and says what to do."""


class SubmissionFull(SubmissionError):
    """More is under way than the node will hold. ``retry_after`` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the node is full; try again in {retry_after} s")
        self.retry_after = retry_after


class SubmissionStopped(SubmissionError):
    """The node takes nothing now; ``reason`` says why and what to do."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
