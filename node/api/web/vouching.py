"""Which outside chains vouch for records, and since when, as this node knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.ledger.indexes import find
from node.ledger.reader import LedgerReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincode_adapters.receipts import Held
    from node.wiring import Node

__all__ = ["Vouching", "vouching_chains"]

_MOST_LOOKED_AT = 64
"""Confirmations behind a point among which the one of a receipt is looked for."""
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Vouching:
    """An outside chain that holds the log's root of ``size``. ``time`` is what the outside chain
    says (ms), None where the confirmation is not on this chain yet; ``transaction`` and ``height``
    are the outside chain's own. ``covers`` counts the records that it covers."""

    chain: str
    member: str
    size: int
    receipt: str
    covers: int
    time: int | None
    transaction: str
    height: int | None


def vouching_chains(node: Node, reader: LedgerReader, indexes: Sequence[int]) -> list[Vouching]:
    """For each outside chain and member that anchored there the earliest receipt that covers any of
    the entries at ``indexes``, and the earliest that covers the most of them."""
    found: dict[tuple[str, str], list[Held]] = {}
    for one in node.receipts.covering(indexes, reader.meta.size):
        found.setdefault((one.chain, one.member), []).append(one)
    chosen = [one for held in found.values() for one in {held[0], held[-1]}]
    chosen.sort(key=lambda one: (one.chain, one.member, one.size))
    return [
        _vouching(reader, one.chain, one.member, one.size, one.receipt.hex(), indexes)
        for one in chosen[:_MOST_SHOWN]
    ]


def _vouching(
    reader: LedgerReader,
    chain: str,
    member: str,
    size: int,
    receipt: str,
    indexes: Sequence[int],
) -> Vouching:
    covers = sum(index < size for index in indexes)
    confirmed = find(reader.rows, "anchor", "", limit=_MOST_LOOKED_AT, first=size)
    for entry in reader.entries(list(confirmed)):
        data = entry.transaction.data
        if data["receipt_hash"] == receipt:
            return Vouching(
                chain,
                member,
                size,
                receipt,
                covers,
                data["external_time"],
                data["external_tx"],
                data.get("external_height"),
            )
    return Vouching(chain, member, size, receipt, covers, None, "", None)
