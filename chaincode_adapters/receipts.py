"""The receipts that a node keeps, its own and those of other members, and which cover a record.

a/r/<hash>                                     a bundle's item, in canonical JSON, by its SHA-256
a/s/<member> 0x00 <chain> 0x00 <size> <hash>   who anchored which size on which outside chain
a/w/<member> 0x00 <hash>                       one that the ledger names and this node lacks
a/x                                            the log's index up to which it has been followed

What a member says of its anchors, such as the chain's name, nobody else vouches for. So everything
of one member lies together: whatever it records, it takes nothing from the others' share.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
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
_MOST_CHAINS = 64
"""Outside chains of one member that are looked at."""


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
    """The receipts in a local store. Safe for threads.

    ``own`` is the member that runs the node; of those in ``ignored`` nothing is wanted or shown.
    """

    def __init__(self, store: Store, own: str = "", ignored: Iterable[str] = ()) -> None:
        self._store = store
        self._own = own
        self._ignored = frozenset(ignored) - {own}

    # -- receipts ---------------------------------------------------------------------------------

    def get(self, receipt: bytes) -> bytes | None:
        """The item with this SHA-256."""
        return self._store.get(_ITEM + receipt)

    def add(self, batch: Batch, item: bytes, chain: str, size: int, member: str) -> bytes:
        """Put an item into ``batch``; its SHA-256."""
        digest = hashlib.sha256(item).digest()
        batch.put(_ITEM + digest, item)
        batch.put(_row(member, chain, size) + digest, b"")
        batch.delete(_wanted_key(member, digest))
        return digest

    def keep(self, item: bytes, wanted: Wanted) -> None:
        """Keep an item that was wanted."""
        batch = self._store.batch()
        self.add(batch, item, wanted.chain, wanted.size, wanted.member)
        self._store.write(batch, sync=True)

    def at(self, size: int) -> list[Held]:
        """Those of exactly this size of the log."""
        found = []
        for member, chain in self._sources():
            start = _row(member, chain, size)
            for key, _ in self._store.scan(start, start + b"\xff" * (_HASH + 1)):
                found.append(Held(key[len(start) :], chain, size, member))
        return found

    def covering(self, indexes: Iterable[int], size: int) -> list[Held]:
        """For every outside chain the earliest receipt of this node that covers each of the
        records; and the earliest of each other member, where it is earlier still.

        Args:
            indexes: of entries of the log.
            size: of the log that is shown; no point may be larger.

        Returns:
            At most `MAX_RECEIPTS`, of which other members get like shares, those of the smallest
            sizes first.
        """
        return sorted(self._chosen(indexes, size), key=_in_order)

    def items(self, indexes: Iterable[int], size: int) -> list[dict[str, Any]]:
        """What `covering` finds, as items of a bundle's ``anchors``: as many as fit."""
        found: list[tuple[Held, dict[str, Any]]] = []
        room = _MOST_BYTES
        for held in self._chosen(indexes, size):
            content = self.get(held.receipt)
            if content is None:
                raise LedgerFault(f"local store: receipt {held.receipt.hex()} is missing")
            if len(content) <= room:
                room -= len(content)
                found.append((held, decode_item(content).to_json()))
        return [item for _, item in sorted(found, key=lambda one: _in_order(one[0]))]

    def _chosen(self, indexes: Iterable[int], size: int) -> list[Held]:
        """What `covering` gives: this node's own first, then in turn one of each other member. Of
        each chain what covers the most comes first: all else only says of some records that they
        were there earlier."""
        wanted = sorted(set(indexes))
        sources = list(self._sources())
        own: dict[str, list[Held]] = {}
        for member, chain in sources:
            if member == self._own:
                own[chain] = list(self._first(member, chain, wanted, size))
        others: dict[str, list[list[Held]]] = {}
        for member, chain in sources:
            if member != self._own:
                told = [held.size for held in own.get(chain, ())]
                found = self._first(member, chain, wanted, size)
                others.setdefault(member, []).append(
                    [held for held in found if not _is_told(held.size, told, wanted)]
                )
        first = _widest_first(own.values())
        shares = [_widest_first(found) for found in others.values()]
        in_turn = (held for turn in zip_longest(*shares) for held in turn if held is not None)
        chosen: dict[bytes, Held] = {}
        for held in (*first, *in_turn):
            chosen.setdefault(held.receipt, held)
        return list(islice(chosen.values(), MAX_RECEIPTS))

    def _first(self, member: str, chain: str, indexes: list[int], size: int) -> Iterator[Held]:
        stop = _row(member, chain, size + 1)
        covered = 0
        for index in indexes:
            if index < covered:
                continue
            start = _row(member, chain, index + 1)
            found = next(iter(self._store.scan(start, stop)), None) if start < stop else None
            if found is None:
                return
            key = found[0]
            covered = int.from_bytes(key[-_HASH - 8 : -_HASH], "big")
            yield Held(key[-_HASH:], chain, covered, member)

    def _sources(self) -> Iterator[tuple[str, str]]:
        """The members of which there are receipts, and their outside chains, the first ones,
        without looking at each receipt."""
        for member in self._parts(_BY_SIZE):
            if member not in self._ignored:
                prefix = _BY_SIZE + member.encode("utf-8") + b"\0"
                for chain in islice(self._parts(prefix), _MOST_CHAINS):
                    yield member, chain

    def _parts(self, prefix: bytes) -> Iterator[str]:
        """What stands behind ``prefix`` and before the next 0x00, each once."""
        start, stop = prefix, prefix[:-1] + bytes((prefix[-1] + 1,))
        while True:
            found = next(iter(self._store.scan(start, stop)), None)
            if found is None:
                return
            part = found[0][len(prefix) :].partition(b"\0")[0]
            yield part.decode("utf-8")
            start = prefix + part + b"\x01"

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
            if self.get(item.receipt) is None and item.member not in self._ignored:
                batch.put(_wanted_key(item.member, item.receipt), msgspec.msgpack.encode(item))
        batch.put(_FOLLOWED, followed.to_bytes(8, "big"))
        self._store.write(batch, sync=True)

    def wanted(self, most: int | None = None) -> list[Wanted]:
        """Receipts that the ledger names and that are not here."""
        rows = self._store.scan(_WANTED, _WANTED[:-1] + b"0")
        return [_decoded(key, raw) for key, raw in islice(rows, most)]

    def wanted_in_turn(self, member: str, after: bytes, most: int) -> list[Wanted]:
        """Those of a member that come after a hash."""
        prefix = _WANTED + member.encode("utf-8")
        rows = self._store.scan(prefix + b"\0" + after + b"\0", prefix + b"\x01")
        return [_decoded(key, raw) for key, raw in islice(rows, most)]

    def members_wanted(self) -> list[str]:
        """The members some of whose receipts are not here."""
        return [member for member in self._parts(_WANTED) if member not in self._ignored]

    def not_wanted(self, wanted: Wanted) -> None:
        """It is here by now, since another member recorded the same."""
        batch = self._store.batch()
        batch.delete(_wanted_key(wanted.member, wanted.receipt))
        self._store.write(batch, sync=False)


def _is_told(size: int, own: list[int], indexes: list[int]) -> bool:
    """Whether this node's ``own`` receipts of a chain, by their sizes, cover as early whatever of
    ``indexes`` one of ``size`` covers."""
    newest = indexes[bisect_left(indexes, size) - 1]
    place = bisect_right(own, newest)
    return place < len(own) and own[place] <= size


def _widest_first(chains: Iterable[list[Held]]) -> list[Held]:
    """The last of each chain, which covers the most, then the others, the smallest sizes first."""
    found = [held for held in chains if held]
    widest = sorted((held[-1] for held in found), key=_in_order)
    return widest + sorted((one for held in found for one in held[:-1]), key=_in_order)


def _in_order(held: Held) -> tuple[int, str, str]:
    return held.size, held.chain, held.member


def _decoded(key: bytes, raw: bytes) -> Wanted:
    try:
        return _WANTED_ROW.decode(raw)
    except msgspec.DecodeError as error:
        raise LedgerFault(f"local store: row {key!r} cannot be read: {error}") from error


def _row(member: str, chain: str, size: int) -> bytes:
    parts = (member.encode("utf-8"), b"\0", chain.encode("utf-8"), b"\0", size.to_bytes(8, "big"))
    return _BY_SIZE + b"".join(parts)


def _wanted_key(member: str, receipt: bytes) -> bytes:
    return b"".join((_WANTED, member.encode("utf-8"), b"\0", receipt))
