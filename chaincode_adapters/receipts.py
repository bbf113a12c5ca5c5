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
    """The receipts in a local store. Safe for threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- receipts ---------------------------------------------------------------------------------

    def get(self, receipt: bytes) -> bytes | None:
        """The item with this SHA-256."""
        return self._store.get(_ITEM + receipt)

    def add(self, batch: Batch, item: bytes, chain: str, size: int, member: str) -> bytes:
        """Put an item into ``batch``; its SHA-256."""
        digest = hashlib.sha256(item).digest()
        batch.put(_ITEM + digest, item)
        batch.put(_row(chain, size) + digest, member.encode("utf-8"))
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
        for chain in self._chains():
            start = _row(chain, size)
            for key, member in self._store.scan(start, start + b"\xff" * (_HASH + 1)):
                found.append(Held(key[len(start) :], chain, size, member.decode("utf-8")))
        return found

    def covering(self, indexes: Iterable[int], size: int) -> list[Held]:
        """For every outside chain the earliest receipt that covers each of the records.

        Args:
            indexes: of entries of the log.
            size: of the log that is shown; no point may be larger.

        Returns:
            At most `MAX_RECEIPTS`, those of the smallest sizes first. Where there are more, the one
            of each chain that covers the most records is among them.
        """
        chosen = self._chosen(indexes, size)
        return sorted(chosen, key=lambda held: (held.size, held.chain))

    def _chosen(self, indexes: Iterable[int], size: int) -> list[Held]:
        """What `covering` finds, what covers the most first: all else only says of some records
        that they were there earlier."""
        wanted = sorted(set(indexes))
        last: list[Held] = []
        others: list[Held] = []
        for chain in self._chains():
            found = list(self._first(chain, wanted, size))
            last += found[-1:]
            others += found[:-1]
        others.sort(key=lambda held: (held.size, held.chain))
        return (last + others)[:MAX_RECEIPTS]

    def items(self, indexes: Iterable[int], size: int) -> list[dict[str, Any]]:
        """What `covering` finds, as items of a bundle's ``anchors``: as many as fit."""
        found: list[dict[str, Any]] = []
        room = _MOST_BYTES
        for held in self._chosen(indexes, size):
            content = self.get(held.receipt)
            if content is None:
                raise LedgerFault(f"local store: receipt {held.receipt.hex()} is missing")
            if len(content) <= room:
                room -= len(content)
                found.append(decode_item(content).to_json())
        return found

    def _first(self, chain: str, indexes: list[int], size: int) -> Iterator[Held]:
        stop = _row(chain, size + 1)
        covered = 0
        for index in indexes:
            if index < covered:
                continue
            start = _row(chain, index + 1)
            found = next(iter(self._store.scan(start, stop)), None) if start < stop else None
            if found is None:
                return
            key, member = found
            digest = key[-_HASH:]
            covered = int.from_bytes(key[-_HASH - 8 : -_HASH], "big")
            yield Held(digest, chain, covered, member.decode("utf-8"))

    def _chains(self) -> Iterator[str]:
        """The outside chains of which there are receipts, without looking at each receipt."""
        start = _BY_SIZE
        while True:
            found = next(iter(self._store.scan(start, _BY_SIZE[:-1] + b"0")), None)
            if found is None:
                return
            chain = found[0][len(_BY_SIZE) :].partition(b"\0")[0]
            yield chain.decode("utf-8")
            start = _BY_SIZE + chain + b"\x01"

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


def _row(chain: str, size: int) -> bytes:
    return _BY_SIZE + chain.encode("utf-8") + b"\0" + size.to_bytes(8, "big")
