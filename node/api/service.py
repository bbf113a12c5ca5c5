"""What every route is given: the node, the bridge to its pipeline, who may sign in, the metrics."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Annotated

import structlog
from fastapi import Depends, Request

from node.api.authentication import SignIn
from node.api.document_checks import DocumentChecks
from node.api.hub import Hub
from node.api.metrics import Metrics
from node.api.problems import Problem, problem_of
from node.api.web.daily import DailyCounts
from node.api.web.seal_census import SealCensus
from node.core.errors import EvidenceError, LedgerFault

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["Served", "Service"]


class Service:
    """One node's interface.

    ``damage`` is what reading the ledger found wrong, if anything; ``checking`` how many bundles
    are being sent or checked now, ``asking`` how many calls of the engine are under way. ``daily``
    and ``census`` keep what pages count, ``documents`` checks signed PDFs.
    """

    def __init__(self, node: Node, hub: Hub) -> None:
        self.node = node
        self.hub = hub
        self.metrics = Metrics()
        self.metrics.watch(node)
        self.sign_in = SignIn(node)
        self.log = structlog.get_logger("api")
        self.damage: str | None = None
        self.checking = 0
        self.asking = 0
        self.daily = DailyCounts()
        self.census = SealCensus()
        self.documents = DocumentChecks(node.config)
        hub.attach(node.submission)

    @property
    def chain_id(self) -> str:
        """The chain that the node keeps."""
        return self.node.genesis.chain_id

    def told(self, error: Exception) -> Problem:
        """The problem that an error is answered with; what is the node's own fault is logged.

        Where the error is none of this project's, the log gets its kind and the places it came
        through, and not its text: that may hold what somebody submitted.
        """
        problem = problem_of(error)
        if isinstance(error, LedgerFault):
            self.damage = str(error)
        if problem.status >= 500 and problem.kind.name not in ("busy", "stopped", "not-ready"):
            own = isinstance(error, EvidenceError | Problem)
            self.log.error(
                "request failed",
                problem=problem.kind.name,
                instance=problem.instance,
                error=type(error).__name__,
                reason=str(error) if own else "",
                places=[] if own else _places(error),
            )
        return problem


def _places(error: Exception) -> list[str]:
    """The files and lines that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('node/')[2]}:{frame.lineno}" for frame in frames][-8:]


def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service_of)]
