"""What a client is told when a node does not give what was asked of it.

NodeError
├── NodeUnreachable     no answer came; what was submitted may or may not have arrived
└── NodeProblem         the node answered with a problem document (RFC 9457)
    ├── NodeBusy        503: full, stopping or not ready; try again after ``retry_after`` seconds
    └── RecordRefused   409 or 422: a rule refuses the record; sending it again changes nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.core.errors import EvidenceError

__all__ = ["NodeBusy", "NodeError", "NodeProblem", "NodeUnreachable", "RecordRefused"]


class NodeError(EvidenceError):
    """A node did not give what was asked of it."""


class NodeUnreachable(NodeError):
    """No answer came from ``url``; ``reason`` says how that was noticed."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url}: no answer from the node: {self.reason}"


class NodeProblem(NodeError):
    """A problem document: ``status`` of HTTP, ``type`` its stable name, ``problem`` all of it."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = dict(problem)
        self.type = str(problem.get("type", "about:blank"))

    def __str__(self) -> str:
        text = self.problem.get("detail") or self.problem.get("title") or "no reason given"
        return f"{self.status} {self.type.rpartition(':')[2]}: {text}"


class NodeBusy(NodeProblem):
    """The node takes or answers nothing now. ``retry_after`` in seconds."""

    @property
    def retry_after(self) -> int:
        """When to try again, in seconds from now."""
        value = self.problem.get("retry_after")
        return value if isinstance(value, int) and value > 0 else 1


class RecordRefused(NodeProblem):
    """A rule refuses the record: ``code`` and ``name`` of the registry stand in ``problem``."""
