"""Members of a running net who propose, vote and change keys."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders.testnet import Net, until

from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.client.records import build_submission
from node.rules.governance import proposal_hash
from node.wiring import system_time

__all__ = ["Governing"]

_DAY = 86_400_000
_NUMBERS = itertools.count(1)


class Governing:
    """Signs for every member of a net, and hands what is signed to its first node."""

    def __init__(self, net: Net, members: Path) -> None:
        self.net = net
        self.keys = dict(net.made.keys)
        self.recovery = {
            name: SigningKey.load(members / f"{name}.recovery.pem") for name in self.keys
        }
        self.client = NodeClient(net.nodes[0].url)

    def signed(
        self,
        member: str,
        event_type: str,
        data: Mapping[str, Any],
        subject: str = "",
        key: SigningKey | None = None,
    ) -> bytes:
        """An event of ``member``, in a dossier of its own unless ``subject`` names one; a vote is
        for what the first node shows."""
        if event_type == "governance.voted":
            data = {"proposal_hash": proposal_hash(self.client.proposal(subject)), **data}
        number = next(_NUMBERS)
        kind = "record" if event_type == "record.imported" else "consortium"
        return build_submission(
            key or self.keys[member],
            chain_id=self.net.made.genesis.chain_id,
            member=member,
            event_id=f"governing-{number}",
            event_type=event_type,
            subject=subject or f"{kind}:{member}:{number:04d}",
            data=data,
            source={"method": "manual", "system": "test"},
            occurred_at=system_time(),
            issued_at=system_time(),
        ).encode()

    def record(self, member: str, event_type: str, data: Mapping[str, Any], **more: Any) -> Any:
        """Submit an event; the receipt, of one that is recorded."""
        receipt = self.client.submit(self.signed(member, event_type, data, **more))
        assert receipt["status"] == "recorded", receipt
        return receipt

    def propose(self, change: Mapping[str, Any], by: str = "jinan-data", **more: Any) -> str:
        """Propose a change; the proposal's dossier."""
        subject = f"consortium:{by}:proposal-{next(_NUMBERS)}"
        data = {"change": dict(change), "closes_at": system_time() + _DAY, **more}
        self.record(by, "governance.proposed", data, subject=subject)
        return subject

    def vote(self, subject: str, member: str, vote: str = "approve") -> None:
        self.record(member, "governance.voted", {"vote": vote}, subject=subject)

    def decide(self, change: Mapping[str, Any], **more: Any) -> int:
        """Propose a change and approve it with as few votes as it takes; the height from which it
        holds, once the nodes have come to it."""
        height = self.approve(self.propose(change, **more))
        self.until_height(height)
        return height

    def approve(self, subject: str) -> int:
        """Vote for a proposal with as few votes as it takes; the height from which it holds."""
        found = self.client.proposal(subject)
        voters = len(found["waiting_for"]) + len(found["votes"])
        missing = 2 * voters // 3 + 1 - len(found["votes"])
        votes = [
            self.signed(member, "governance.voted", {"vote": "approve"}, subject=subject)
            for member in found["waiting_for"][:missing]
        ]
        answers = list(self.client.submit_many(votes))
        assert all(answer["status"] == "recorded" for answer in answers), answers
        found = self.client.proposal(subject)
        assert found["status"] == "approved", found
        return int(found["in_force_from"])

    def until_height(self, height: int) -> None:
        """Wait until every node that runs shows a block of ``height``."""
        for node in self.net.nodes:
            if node.process is not None and node.process.poll() is None:
                until(lambda node=node: node.get("/readyz").json()["height"] >= height)  # type: ignore[misc]
