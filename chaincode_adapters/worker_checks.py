"""What a receipt is checked with before its job is final: the offline verifier, and the adapter's
own entry of the trust file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from node.core.anchors.receipts import AnchorReceipt
from node.core.anchors.vouching import Vouched
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["VerifyItem", "check_item", "trust_of"]

VerifyItem = Callable[[AnchorReceipt, Trust, Backend, str], Vouched]
"""Verifies an item of a bundle's ``anchors``, of whatever kind."""


def trust_of(chain_id: str, genesis_hash: bytes, entries: Iterable[dict[str, Any]]) -> Trust:
    """The trust file of somebody who believes what adapters name as their `trust_entry`."""
    anchors: list[dict[str, Any]] = []
    roots: list[bytes] = []
    for entry in entries:
        if entry.get("kind") == "rfc3161" and "tsa_roots" in entry:
            roots += [base64.b64decode(root) for root in entry["tsa_roots"]]
        else:
            anchors.append(entry)
    return Trust(chain_id, genesis_hash, tsa_roots=tuple(roots), anchors=tuple(anchors))


def check_item(item: AnchorReceipt, trust: Trust, backend: Backend, verify: VerifyItem) -> str:
    """What the verifier says of an item, in a line.

    Raises:
        InvalidInput: it does not hold.
    """
    try:
        vouched = verify(item, trust, backend, "item")
    except NotChecked as reason:
        return f"not proven offline: {reason.told.text}"
    return f"{vouched.by}: {vouched.how}"
