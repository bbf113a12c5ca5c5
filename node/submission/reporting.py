"""What blocks show of validators, put on the ledger as an event: by one of the nodes, once.

Every node sees the same. They take turns, in the order of their members' ids, each looking first
whether another has done it; so it is done where only one of them is honest and alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from node.core.errors import EvidenceError
from node.ledger.reader import LedgerReader
from node.rules.judgement import Misbehaviour
from node.submission.operator import OperatorRecords

__all__ = ["MisbehaviourReports"]

_TURN_SECONDS = 5.0
_KINDS = ("duplicate_vote", "light_client_attack")


class MisbehaviourReports:
    """Reports for one node. ``reader`` opens the ledger as of its newest block."""

    def __init__(
        self,
        operator: OperatorRecords,
        reader: Callable[[], LedgerReader],
        turn_seconds: float = _TURN_SECONDS,
    ) -> None:
        self._operator = operator
        self._reader = reader
        self._turn_seconds = turn_seconds
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._log = structlog.get_logger("misbehaviour")

    def shown(self, acts: Sequence[Misbehaviour]) -> None:
        """A block shows these. Returns at once."""
        known = [act for act in acts if act.kind in _KINDS]
        if known and not self._stopping.is_set():
            thread = threading.Thread(
                target=self._report, args=(known,), name="misbehaviour", daemon=True
            )
            self._threads = [item for item in self._threads if item.is_alive()] + [thread]
            thread.start()

    def stop(self) -> None:
        """Report nothing more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _report(self, acts: Sequence[Misbehaviour]) -> None:
        if self._stopping.wait(self._turn_seconds * (1 + self._place())):
            return
        for act in acts:
            try:
                self._report_one(act)
            except EvidenceError as error:
                self._log.error(
                    "misbehaviour could not be recorded", address=act.address.hex(), why=str(error)
                )

    def _place(self) -> int:
        """This node's place in the order of turns."""
        with self._reader() as reader:
            listed = reader.state("consortium/validators") or {"addresses": []}
            found = (reader.state(f"validator/{address}") for address in listed["addresses"])
            members = sorted({value["member"] for value in found if value is not None})
        member = self._operator.member
        return members.index(member) if member in members else len(members)

    def _report_one(self, act: Misbehaviour) -> None:
        key, _ = act.state(0)
        with self._reader() as reader:
            held = reader.state(key)
        if held is None or "dossier" in held:
            return
        ticket = self._operator.record(
            "validator.misbehaved",
            {
                "address": act.address.hex(),
                "height": act.height,
                "misbehaviour": act.kind,
            },
            kind="consortium",
        )
        self._log.warning(
            "misbehaviour is on the ledger" if ticket.position else "it was there already",
            address=act.address.hex(),
            height=act.height,
        )
