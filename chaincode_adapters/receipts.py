"""The receipts that a node keeps, its own and those of other members, and which cover a record.

a/r/<hash>                       a bundle's item, in canonical JSON, by its SHA-256
a/s/<chain> 0x00 <size> <hash>   which outside chain has a point of which size; who anchored it
a/w/<hash>                       a receipt that the ledger names and this node lacks
a/x                              the index of the log up to which the ledger has been followed
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from node.core.anchors.receipts import AnchorReceipt, read_anchor_receipt
from node.core.encoding import decode_canonical_json
from node.core.errors import InvalidEncoding, LedgerFault
from node.storage.ports import Batch, Store

__all__ = [
    "MAX_RECEIPTS",
    "MAX_RECEIPT_BYTES",
    "Held",
    "Receipts",
    "Wanted",
    "decode_item",
    "encode_item",
]

MAX_RECEIPT_BYTES = 1 << 20
"""Bytes of an item in canonical JSON, at most."""
MAX_RECEIPTS = 200
"""Items that a bundle gets, at most."""

_MOST_BYTES = 16 << 20
"""Bytes of all items of a bundle, at most."""
_ITEM, _BY_SIZE, _WANTED, _FOLLOWED = b"a/r/", b"a/s/", b"a/w/", b"a/x"
_HASH = 32


class Wanted(msgspec.Struct, array_like=True, frozen=True):
    """A receipt that an ``anchor.confirmed`` at ``index`` of the log names."""

    receipt: bytes
    index: int
    member: str
    chain: str
    size: int
    root: bytes
    state_root: bytes


@dataclass(frozen=True)
class Held:
    """A receipt that is kept: of which chain, at which size, and who anchored it."""

    receipt: bytes
    chain: str
    size: int
    member: str


_WANTED_ROW = msgspec.msgpack.Decoder(Wanted)


def encode_item(item: AnchorReceipt) -> bytes:
    """An item of a bundle's ``anchors`` in canonical JSON: what a receipt's hash is of.

    Raises:
        InvalidEncoding: the receipt holds what no bundle may, or is too large.
    """
    content = item.encode()
    if len(content) > MAX_RECEIPT_BYTES:
        raise InvalidEncoding("receipt", f"must have at most {MAX_RECEIPT_BYTES} bytes")
    return content


def decode_item(content: bytes, place: str = "item") -> AnchorReceipt:
    """Decode what `encode_item` writes. Raises InvalidInput."""
    value = decode_canonical_json(content, place=place, max_bytes=MAX_RECEIPT_BYTES)
    return read_anchor_receipt(value, place)


class Receipts:
    """The receipts in a local store. ``own`` is the member that runs the node. Safe for threads."""

    def __init__(self, store: Store, own: str = "") -> None:
        self._store = store
        self._own = own

    # -- receipts ---------------------------------------------------------------------------------

    def get(self, receipt: bytes) -> bytes | None:
        """The item with this SHA-256."""
        return self._store.get(_ITEM + receipt)

    def add(self, batch: Batch, item: bytes, chain: str, size: int, member: str) -> bytes:
        """Put an item into ``batch``; its SHA-256."""
        digest = hashlib.sha256(item).digest()
        batch.put(_ITEM + digest, item)
        batch.put(_row(chain, member, size) + digest, b"")
        batch.delete(_WANTED + digest)
        return digest

    def keep(self, item: bytes, wanted: Wanted) -> None:
        """Keep an item that was wanted."""
        batch = self._store.batch()
        self.add(batch, item, wanted.chain, wanted.size, wanted.member)
        self._store.write(batch, sync=True)

    def at(self, size: int) -> list[Held]:
        """Those of exactly this size of the log."""
        found = []
        for chain, member in self._groups():
            start = _row(chain, member, size)
            for key, _ in self._store.scan(start, start + b"\xff" * (_HASH + 1)):
                found.append(Held(key[len(start) :], chain, size, member))
        return found

    def covering(self, indexes: Iterable[int], size: int) -> list[Held]:
        """For every outside chain the earliest receipt of this node's member that covers each of
        the records, and those of other members that cover it earlier.

        Args:
            indexes: of entries of the log.
            size: of the log that is shown; no point may be larger.

        Returns:
            At most `MAX_RECEIPTS`: this member's first, and of those the one of each chain that
            covers the most records (all else only says of some that they were there earlier); then
            those of the smallest sizes.
        """
        wanted = sorted(set(indexes))
        own: dict[str, dict[int, Held]] = {}
        others: list[dict[int, Held]] = []
        most: set[Held] = set()
        for chain, member in self._groups():
            found = self._first(chain, member, wanted, size)
            most |= set(list(found.values())[-1:])
            if member == self._own:
                own[chain] = found
            else:
                others.append(found)
        chosen = {held for found in own.values() for held in found.values()}
        for found in others:
            for index, held in found.items():
                mine = own.get(held.chain, {}).get(index)
                if mine is None or held.size < mine.size:
                    chosen.add(held)
        ranked = sorted(chosen, key=self._rank)
        ranked.sort(key=lambda held: (held.member != self._own, held not in most))
        return ranked[:MAX_RECEIPTS]

    def _rank(self, held: Held) -> tuple[bool, int, str, str, bytes]:
        return held.member != self._own, held.size, held.chain, held.member, held.receipt

    def items(self, indexes: Iterable[int], size: int) -> list[dict[str, Any]]:
        """What `covering` finds, as items of a bundle's ``anchors``: as many as fit."""
        found: list[dict[str, Any]] = []
        room = _MOST_BYTES
        for held in self.covering(indexes, size):
            content = self.get(held.receipt)
            if content is None:
                raise LedgerFault(f"local store: receipt {held.receipt.hex()} is missing")
            if len(content) <= room:
                room -= len(content)
                found.append(decode_item(content).to_json())
        return found

    def _first(self, chain: str, member: str, indexes: list[int], size: int) -> dict[int, Held]:
        """The earliest receipt of a member that covers each record, by the records' indexes."""
        stop = _row(chain, member, size + 1)
        found: dict[int, Held] = {}
        held: Held | None = None
        for index in indexes:
            if held is None or index >= held.size:
                start = _row(chain, member, index + 1)
                row = next(iter(self._store.scan(start, stop)), None) if start < stop else None
                if row is None:
                    return found
                covered = int.from_bytes(row[0][-_HASH - 8 : -_HASH], "big")
                held = Held(row[0][-_HASH:], chain, covered, member)
            found[index] = held
        return found

    def _groups(self) -> Iterator[tuple[str, str]]:
        """The outside chains and members of which there are receipts, without looking at each."""
        start = _BY_SIZE
        while True:
            row = next(iter(self._store.scan(start, _BY_SIZE[:-1] + b"0")), None)
            if row is None:
                return
            chain, member, _ = row[0][len(_BY_SIZE) :].split(b"\0", 2)
            yield chain.decode("utf-8"), member.decode("utf-8")
            start = _BY_SIZE + chain + b"\0" + member + b"\x01"

    # -- what is wanted ---------------------------------------------------------------------------

    @property
    def followed(self) -> int:
        """The index of the log up to which anchors of the ledger have been looked at."""
        raw = self._store.get(_FOLLOWED)
        return 0 if raw is None else int.from_bytes(raw, "big")

    def want(self, wanted: Iterable[Wanted], followed: int) -> None:
        """Note what the ledger names up to the index ``followed``, where it is not here."""
        batch = self._store.batch()
        for item in wanted:
            if self.get(item.receipt) is None:
                batch.put(_WANTED + item.receipt, msgspec.msgpack.encode(item))
        batch.put(_FOLLOWED, followed.to_bytes(8, "big"))
        self._store.write(batch, sync=True)

    def wanted(self, most: int | None = None) -> list[Wanted]:
        """Receipts that the ledger names and that are not here."""
        rows = self._store.scan(_WANTED, _WANTED[:-1] + b"0")
        return [_decoded(key, raw) for key, raw in islice(rows, most)]


def _decoded(key: bytes, raw: bytes) -> Wanted:
    try:
        return _WANTED_ROW.decode(raw)
    except msgspec.DecodeError as error:
        raise LedgerFault(f"local store: row {key!r} cannot be read: {error}") from error


def _row(chain: str, member: str, size: int) -> bytes:
    name = f"{chain}\0{member}\0".encode()
    return _BY_SIZE + name + size.to_bytes(8, "big")
