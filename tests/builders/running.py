"""Nodes that run inside the test's process, and ways to submit to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from builders.home import Home
from builders.killing import signed_records

from node.client.records import Submission, build_submission
from node.submission.tickets import Group
from node.wiring import Node, system_time

__all__ = ["record_of", "running", "signed_records", "submit"]


def running(
    home: Home,
    deliver: Callable[[Iterable[Group]], None] = lambda groups: None,
    now: Callable[[], int] = system_time,
) -> Node:
    """A node that has been started; whoever asks for it stops it."""
    node = Node(home.config, deliver, now)
    node.start()
    return node


def submit(node: Node, records: list[bytes]) -> Group:
    """Submit and wait until all is done."""
    group = node.submission.submit(records)
    assert node.submission.wait(group, 30)
    return group


def record_of(
    home: Home,
    *,
    member: str = "platform-a",
    event_id: str | None = None,
    event_type: str = "record.imported",
    subject: str | None = None,
    data: Mapping[str, Any] | None = None,
    private: Mapping[str, Any] | None = None,
    issued_at: int | None = None,
    lifetime: int = 3600,
    chain_id: str | None = None,
) -> Submission:
    """A signed record; by default one that opens a dossier of its own."""
    now = system_time() if issued_at is None else issued_at
    plain = {
        "aliases": [],
        "document_hashes": [],
        "happened_at": now,
        "record_hash": secrets.token_hex(32),
        "source_system": "旧系统",
    }
    return build_submission(
        home.member_key(member),
        chain_id=chain_id or home.chain_id,
        member=member,
        event_id=event_id or secrets.token_hex(12),
        event_type=event_type,
        subject=subject or f"record:{member}:{secrets.token_hex(12)}",
        data=plain if data is None else data,
        source={"system": "test", "method": "api"},
        occurred_at=now,
        issued_at=now,
        private=private,
        lifetime=lifetime,
    )
