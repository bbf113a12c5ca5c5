"""Taking a snapshot: written chunk by chunk from a view of the store, while blocks go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from node.core.block import Header, data_hash, evidence_hash
from node.core.errors import LedgerFault
from node.core.genesis import Genesis
from node.core.statemap import state_leaf
from node.core.statesubtree import prefix_of, subtree_slot
from node.ledger.body import decode_body
from node.ledger.rows import (
    BLOCK,
    ENTRIES,
    KEPT,
    META,
    VALIDATORS,
    VALUE,
    BlockRow,
    EntriesRow,
    Meta,
    decode_block_row,
    decode_entries_row,
    decode_kept_header,
    decode_meta,
    decode_value_row,
    number_key,
)
from node.ledger.snapshots.format import (
    CHUNK_BYTES,
    FORMAT,
    MAX_DEPTH,
    BlockItem,
    FrameItem,
    HeaderItem,
    Manifest,
    SlotItem,
    ValueItem,
    encode_items,
    pack_chunk,
)
from node.rules.judgement import Misbehaviour
from node.storage.ports import Reader, SegmentRef, Segments

__all__ = ["SnapshotTaker"]

_TOLD_ROWS = 50_000
_BEHIND_VALUES = VALUE + b"\xff" * 33

_encode = msgspec.msgpack.encode


class SnapshotTaker:
    """Writes the ledger as ``rows`` show it into ``folder``, an empty directory.

    Args:
        rows: a view of the store as of a block; it need not have that block's next header.
        newest: the store, which has kept the header of the next height and the commit that the
            header after that one names.
        bodies: the bodies of the blocks.
        genesis: the chain's.
        folder: gets a file a chunk, named by its number.
        chunk_bytes: see `CHUNK_BYTES`.
        told: called now and then with the number of chunks written; what it raises ends the taking.
    """

    def __init__(
        self,
        rows: Reader,
        newest: Reader,
        bodies: Segments,
        genesis: Genesis,
        folder: Path,
        chunk_bytes: int = CHUNK_BYTES,
        told: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._rows = rows
        self._newest = newest
        self._bodies = bodies
        self._genesis = genesis
        self._folder = folder
        self._most = chunk_bytes
        self._told = told
        self._hashes: list[bytes] = []

    def take(self) -> Manifest:
        """Write all chunks.

        Returns:
            The metadata.

        Raises:
            LedgerFault: the ledger lacks something.
            StorageError, OSError: it cannot be read or written.
        """
        raw = self._rows.get(META)
        if raw is None:
            raise LedgerFault("the store holds no chain yet; there is nothing to take")
        meta = decode_meta(raw)
        head = self._header(meta.height + 1)
        headers = self._write(self._headers(meta.height + 1))
        blocks = self._write(self._blocks(meta))
        depth = self._depth()
        values = self._write_state(depth)
        return Manifest(
            FORMAT,
            meta.chain_id,
            self._genesis.hash,
            meta.height,
            meta.size,
            meta.root,
            meta.state_root,
            head.hash(),
            depth,
            headers,
            blocks,
            values,
            self._hashes,
        )

    def _put(self, number: int, items: list[bytes]) -> bytes:
        """Write a chunk durably; its content's hash."""
        self._told(number)
        content = encode_items(items)
        with (self._folder / str(number)).open("xb") as file:
            file.write(pack_chunk(content))
            file.flush()
            os.fsync(file.fileno())
        return sha256(content).digest()

    def _write(self, items: Iterable[bytes]) -> int:
        """Write ``items`` as chunks; how many they are."""
        before = len(self._hashes)
        gathered: list[bytes] = []
        room = self._most
        for item in items:
            gathered.append(item)
            room -= len(item)
            if room <= 0:
                self._hashes.append(self._put(len(self._hashes), gathered))
                gathered, room = [], self._most
        if gathered:
            self._hashes.append(self._put(len(self._hashes), gathered))
        return len(self._hashes) - before

    def _scan(self, rows: Reader, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows in order, which may be very many."""
        for count, pair in enumerate(rows.scan(start, stop)):
            if count % _TOLD_ROWS == 0:
                self._told(len(self._hashes))
            yield pair

    # -- headers --------------------------------------------------------------------------------

    def _header(self, height: int) -> Header:
        raw = self._newest.get(number_key(KEPT, height))
        if raw is None:
            raise LedgerFault(f"the header of height {height} is missing")
        return decode_kept_header(raw)

    def _headers(self, last: int) -> Iterator[bytes]:
        """From ``last`` down to the first, each once, with the sets that are needed first there."""
        told: set[bytes] = set()
        expected = last
        first, stop = number_key(KEPT, 0), number_key(KEPT, last + 1)
        for key, row in self._newest.scan(first, stop, reverse=True):
            if int.from_bytes(key[1:], "big") != expected:
                break
            expected -= 1
            digest = decode_kept_header(row).validators_hash
            sets = [] if digest in told else [self._set(digest)]
            told.add(digest)
            yield _encode(HeaderItem(row, sets))
        if expected != self._genesis.initial_height - 1:
            raise LedgerFault(f"the header of height {expected} is missing; restore a backup")

    def _set(self, digest: bytes) -> bytes:
        row = self._newest.get(VALIDATORS + digest)
        if row is None:
            raise LedgerFault(f"validator set {digest.hex()} is missing; restore a backup")
        return row

    # -- blocks ---------------------------------------------------------------------------------

    def _blocks(self, meta: Meta) -> Iterator[bytes]:
        """The blocks with frames, in order."""
        stop = number_key(ENTRIES, (1 << 48) - 1)
        entries = (decode_entries_row(row) for _, row in self._rows.scan(ENTRIES, stop))
        first, last = self._genesis.initial_height, meta.height
        rows = self._scan(self._rows, number_key(BLOCK, first), number_key(BLOCK, last + 1))
        for _, raw in rows:
            row = decode_block_row(raw)
            if row.body is not None:
                header = self._header(row.height)
                frames = list(self._frames(row, entries))
                if data_hash(item.frame for item in frames) != header.data_hash:
                    raise LedgerFault(
                        f"height {row.height}: its frames are not those of its header; "
                        "run `evidence-node audit`"
                    )
                shown = self._misbehaviour(row, header)
                yield _encode(BlockItem(row.height, row.state_root, frames, shown))

    def _misbehaviour(self, row: BlockRow, header: Header) -> list[Misbehaviour]:
        """What the block shows of validators: it stands in its body alone."""
        if header.evidence_hash == evidence_hash():
            return []
        assert row.body is not None
        return list(decode_body(self._bodies.read(SegmentRef(*row.body))).misbehaviour)

    def _frames(self, row: BlockRow, entries: Iterator[EntriesRow]) -> Iterator[FrameItem]:
        assert row.body is not None
        reference = SegmentRef(*row.body)
        for span, results in zip(row.spans, row.results):
            frame = self._bodies.read_range(reference, *span)
            if 0 not in results:
                yield FrameItem(frame, results, [], [], [], [])
                continue
            found = next(entries, None)
            if found is None or (found.height, found.span) != (row.height, tuple(span)):
                raise LedgerFault(f"height {row.height}: the entries of a frame are missing")
            columns = (found.digits, found.ordinals, found.before, found.facts)
            yield FrameItem(frame, results, *columns)

    # -- the state map --------------------------------------------------------------------------

    def _values(self) -> Iterator[tuple[bytes, str, bytes]]:
        """(key hash, key, value) of the whole map, in the order of the key hashes."""
        for key, row in self._scan(self._rows, VALUE, _BEHIND_VALUES):
            yield key[1:], *decode_value_row(row)

    def _depth(self) -> int:
        """How long the prefixes must be for each part to be a quarter of a chunk on average."""
        size = sum(len(row) for _, row in self._scan(self._rows, VALUE, _BEHIND_VALUES))
        depth = 0
        while depth < MAX_DEPTH and (size >> 4 * depth) * 4 > self._most:
            depth += 1
        return depth

    def _write_state(self, depth: int) -> int:
        """Write the values, in parts that are never divided, and in front of them what stands at
        each part; how many chunks that makes."""
        place = len(self._hashes)
        self._hashes.append(b"")
        slots: list[bytes] = []
        count = 1 + self._write(self._parts(depth, slots))
        self._hashes[place] = self._put(place, slots)
        return count

    def _parts(self, depth: int, slots: list[bytes]) -> Iterator[bytes]:
        """Encoded values, a part at a time as the chunks take them."""
        part: list[bytes] = []
        leaves: list[tuple[bytes, bytes]] = []
        prefix = -1
        for path, key, value in self._values():
            if leaves and prefix_of(path, depth) != prefix:
                slots.append(_slot(prefix, leaves, depth))
                yield _joined(part)
                part, leaves = [], []
            prefix = prefix_of(path, depth)
            leaves.append((path, state_leaf(path, sha256(value).digest())))
            part.append(_encode(ValueItem(key, value)))
        if leaves:
            slots.append(_slot(prefix, leaves, depth))
            yield _joined(part)


def _slot(prefix: int, leaves: list[tuple[bytes, bytes]], depth: int) -> bytes:
    digest, leaf = subtree_slot(leaves, depth)
    return _encode(SlotItem(prefix, digest, leaf or b""))


def _joined(part: list[bytes]) -> bytes:
    """One item of a chunk: the array of a part's values."""
    return encode_items(part)
