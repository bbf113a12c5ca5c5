"""Receipts of all kinds: reading the items of a bundle's ``anchors``, and who verifies which."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.anchors.point import AnchorPoint
from node.core.anchors.vouching import VerifyReceipt, Vouched
from node.core.encoding import canonical_json
from node.core.fields import exact_members, read_kind, read_object
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["AnchorReceipt", "read_anchor_receipt", "verify_receipt"]


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


_VERIFIERS: dict[str, VerifyReceipt] = {}


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
