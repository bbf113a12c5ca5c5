"""Receipts of all kinds: reading the items of a bundle's ``anchors``, and who verifies which."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.core.anchors.evm import verify_evm
from node.core.anchors.evm_trust import read_evm_chain
from node.core.anchors.fabric import verify_fabric
from node.core.anchors.fabric_trust import read_fabric_trust
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rekor import decode_trusted_log, verify_rekor
from node.core.anchors.rest import verify_rest
from node.core.anchors.rest_entry import decode_service_entry
from node.core.anchors.rfc3161 import verify_rfc3161
from node.core.anchors.vouching import VerifyReceipt, Vouched
from node.core.anchors.x509 import decode_certificate
from node.core.encoding import canonical_json
from node.core.fields import exact_members, read_kind, read_object
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["AnchorReceipt", "check_trusted", "read_anchor_receipt", "verify_receipt"]


@dataclass(frozen=True)
class AnchorReceipt:
    """An item of ``anchors``. ``content`` is its receipt, undecoded: its form is its kind's."""

    kind: str
    point: AnchorPoint
    content: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The item."""
        return {"kind": self.kind, "point": self.point.to_json(), "receipt": self.content}

    def encode(self) -> bytes:
        """Canonical JSON of the item."""
        return canonical_json(self.to_json())

    def hash(self) -> bytes:
        """SHA-256 of `encode`: the ``receipt_hash`` of ``anchor.confirmed``."""
        return hashlib.sha256(self.encode()).digest()


def read_anchor_receipt(value: Any, place: str) -> AnchorReceipt:
    """Decode an item. Raises InvalidInput."""
    kind: str = read_kind(value, place)["kind"]
    members = exact_members(value, place, ("kind", "point", "receipt"))
    point = AnchorPoint.from_json(members["point"], f"{place}.point")
    return AnchorReceipt(kind, point, read_object(members["receipt"], f"{place}.receipt"))


_VERIFIERS: dict[str, VerifyReceipt] = {
    "evm": verify_evm,
    "fabric": verify_fabric,
    "rekor": verify_rekor,
    "rest": verify_rest,
    "rfc3161": verify_rfc3161,
}
_TRUSTED: dict[str, Callable[[Any, str], object]] = {
    "evm": read_evm_chain,
    "fabric": read_fabric_trust,
    "rekor": decode_trusted_log,
    "rest": decode_service_entry,
}


def check_trusted(trust: Trust) -> None:
    """Check what a trust file says of those who vouch: entries of known kinds, and certificates.

    Raises:
        InvalidInput: names the place and the rule.
    """
    for name, roots in (("tsa_roots", trust.tsa_roots), ("signer_roots", trust.signer_roots or ())):
        for position, root in enumerate(roots):
            decode_certificate(root, f"trust.{name}[{position}]")
    for position, entry in enumerate(trust.anchors):
        read = _TRUSTED.get(entry["kind"])
        if read is not None:
            read(entry, f"trust.anchors[{position}]")


def verify_receipt(item: AnchorReceipt, trust: Trust, backend: Backend, place: str) -> Vouched:
    """Check that a receipt vouches for its point.

    Raises:
        InvalidInput: it is malformed or does not hold.
        NotChecked: nothing of its kind is known, or the trust file names nothing that it leads to.
    """
    verify = _VERIFIERS.get(item.kind)
    if verify is None:
        raise NotChecked(
            f"this verifier knows no receipts of the kind {item.kind}",
            f"本核验程序不识别的回执类型：{item.kind}",
        )
    return verify(item.content, item.point, trust, backend, f"{place}.receipt")
