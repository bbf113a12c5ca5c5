"""A clerk of the demonstration: records events for the members, each with its own key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from node.client.errors import RecordRefused
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.client.records import Submission, build_submission

__all__ = ["Clerk"]

Say = Callable[[str], None]


class Clerk:
    """Signs and submits events over HTTP, keeping the signed bytes before they are sent.

    ``operator`` is the member that runs the node at ``url``.
    """

    def __init__(
        self,
        url: str,
        chain_id: str,
        operator: str,
        keys: Mapping[str, SigningKey],
        kept: Path,
        say: Say,
    ) -> None:
        self._url = url
        self._chain_id = chain_id
        self._operator = operator
        self._keys = keys
        self._kept = kept
        self._say = say
        self._clients: dict[str, NodeClient] = {}
        self._count = 0

    def client(self, member: str) -> NodeClient:
        """The client that signs requests as ``member``."""
        if member not in self._clients:
            self._clients[member] = NodeClient(
                self._url,
                key=self._keys[member],
                member=member,
                chain_id=self._chain_id,
                operator=self._operator,
            )
        return self._clients[member]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def sign(
        self,
        member: str,
        event_type: str,
        subject: str,
        data: Mapping[str, Any],
        private: Mapping[str, Any] | None = None,
        system: str = "安云印电子印章平台",
    ) -> Submission:
        """Sign an event that happened now, and keep its bytes in a file."""
        now = time.time_ns() // 1_000_000
        submission = build_submission(
            self._keys[member],
            chain_id=self._chain_id,
            member=member,
            event_id=secrets.token_hex(16),
            event_type=event_type,
            subject=subject,
            data=data,
            source={"system": system, "method": "api"},
            occurred_at=now,
            issued_at=now,
            private=private,
        )
        self._count += 1
        name = f"{self._count:02d}-{event_type}.sdjwt"
        (self._kept / name).write_bytes(submission.encode())
        return submission

    def record(
        self,
        title: str,
        member: str,
        event_type: str,
        subject: str,
        data: Mapping[str, Any],
        private: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sign and submit an event, say where it was recorded, and return the receipt."""
        submission = self.sign(member, event_type, subject, data, private)
        receipt = self.client(member).submit(submission)
        self._say(
            f"  {receipt['code']:<20} {title}  {event_type} by {member}, "
            f"height {receipt['height']}, entry {receipt['index']}"
        )
        return receipt

    def try_to_record(
        self,
        title: str,
        member: str,
        event_type: str,
        subject: str,
        data: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Submit an event that the rules are expected to refuse; return the problem document.

        Raises:
            AssertionError: it was recorded.
        """
        submission = self.sign(member, event_type, subject, data)
        try:
            self.client(member).submit(submission)
        except RecordRefused as refusal:
            self._say(
                f"  refused              {title}  {event_type} by {member}: "
                f"{refusal.problem.get('name')} at height {refusal.problem.get('height')}"
            )
            return {**refusal.problem, "id": submission.id}
        raise AssertionError(f"{event_type} should have been refused")
