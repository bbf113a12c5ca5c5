"""Records that the node makes itself, signed with its operator's key: disclosures, certificates."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from node import __version__
from node.client.keys import SigningKey
from node.client.records import build_submission
from node.submission.errors import SubmissionStopped
from node.submission.submission import Submission
from node.submission.tickets import Group, Ticket

__all__ = ["OperatorRecords"]

_TIMEOUT_SECONDS = 30


class OperatorRecords:
    """Signs and submits the operator's own events, and waits until they are recorded."""

    def __init__(
        self,
        key: SigningKey,
        member: str,
        chain_id: str,
        submission: Submission,
        now: Callable[[], int],
    ) -> None:
        self.member = member
        self.key = key
        self._chain_id = chain_id
        self._submission = submission
        self._now = now
        self._lock = threading.Lock()

    def submit(
        self,
        event_type: str,
        data: Mapping[str, Any],
        kind: str = "record",
        reference: str | None = None,
    ) -> Group:
        """Sign and submit an event in a dossier of its own, of this ``kind``.

        Args:
            event_type: the event's type.
            data: its public fields.
            kind: of its dossier.
            reference: what the dossier and the event's id are made of; by default random. The same
                one again is the same event, which the ledger takes once.

        Raises:
            SubmissionError: it could not be submitted.
        """
        now = self._now()
        reference = secrets.token_hex(16) if reference is None else reference
        submission = build_submission(
            self.key,
            chain_id=self._chain_id,
            member=self.member,
            event_id=reference,
            event_type=event_type,
            subject=self.subject(kind, reference),
            data=data,
            source={"system": f"evidence-ledger-node {__version__}", "method": "node"},
            occurred_at=now,
            issued_at=now,
        )
        return self._submission.submit([submission.encode()])

    def subject(self, kind: str, reference: str) -> str:
        """The dossier that `submit` uses."""
        return f"{kind}:{self.member}:{reference}"

    def wait(self, group: Group, timeout: float) -> bool:
        """Wait until what was submitted is done; False when ``timeout`` seconds passed before."""
        return self._submission.wait(group, timeout)

    def record(self, event_type: str, data: Mapping[str, Any], kind: str = "record") -> Ticket:
        """Record an event in a dossier of its own, of this ``kind``.

        Returns:
            The ticket, done: recorded or refused.

        Raises:
            SubmissionError: it could not be submitted, or was not committed in time.
        """
        group = self.submit(event_type, data, kind)
        if not self.wait(group, _TIMEOUT_SECONDS):
            raise SubmissionStopped(f"{event_type} was not committed in {_TIMEOUT_SECONDS} s", 5)
        return group.tickets[0]
