"""Restoring a snapshot into the store of a node that has no blocks yet, chunk by chunk.

The order of the chunks lets each be checked when it comes. The headers come newest first: the first
must carry the app_hash that the engine's light client has verified, each other one is named by the
one before it, and every commit is checked. Then blocks, each against its headers. Then the state
map, whose parts must give the state's root. What is half restored is marked in the store, and
thrown away at the next start.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from node.core.errors import InvalidInput, LedgerFault
from node.core.genesis import Genesis
from node.ledger.rows import GENESIS, META, NODE, RESTORED, VALUE, Meta, decode_meta, encode_row
from node.ledger.snapshots.blocks import BlockRows
from node.ledger.snapshots.format import (
    BlockItem,
    HeaderItem,
    Manifest,
    SlotItem,
    ValueItem,
    decode_items,
    unpack_chunk,
)
from node.ledger.snapshots.headers import HeaderRows, TrustedHeader
from node.ledger.snapshots.values import StateRows
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Segments, Store

__all__ = ["AlteredChunk", "Restoring", "discard_half_restored", "settle_restored"]

_MARKER = b"restoring"
_DELETED_A_BATCH = 20_000
_MALFORMED = (
    msgspec.DecodeError,
    AttributeError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
)


class AlteredChunk(InvalidInput):
    """A chunk that is not the one which the snapshot names: whoever sent it altered it."""


def discard_half_restored(
    store: Store, bodies: Segments, forget: Callable[[], None] = lambda: None
) -> bool:
    """Empty a store in which a snapshot was being restored when the node ended, and its bodies.

    One that was restored whole is discarded too if no block came after it: whether the engine knows
    of it cannot be told. ``forget`` has the engine begin anew as well. What ends the node meanwhile
    leaves the mark, so that all is done again.

    Returns:
        Whether there was anything to discard.
    """
    mark = store.get(_MARKER)
    if mark is None:
        return False
    if mark:
        raw = store.get(META)
        if raw is not None and decode_meta(raw).height > int.from_bytes(mark, "big"):
            settle_restored(store)
            return False
    forget()
    bodies.cut(None)
    _empty(store)
    settle_restored(store)
    return True


def settle_restored(store: Store) -> None:
    """A block has come after the snapshot that was restored: the ledger stays."""
    batch = store.batch()
    batch.delete(_MARKER)
    store.write(batch, sync=True)


def _empty(store: Store) -> None:
    """Delete every row but the mark, with which this can be done again."""
    batch = store.batch()
    for key, _ in store.scan(FIRST_KEY, BEHIND_LAST_KEY):
        if key == _MARKER:
            continue
        batch.delete(key)
        if len(batch) >= _DELETED_A_BATCH:
            store.write(batch, sync=False)
            batch = store.batch()
    store.write(batch, sync=True)


class Restoring:
    """Restores one snapshot. Made for each that is accepted; not for several threads at once.

    Args:
        store: a ledger's store that holds the genesis and no blocks, or part of a snapshot that was
            being restored before.
        bodies: where the bodies of its blocks go.
        genesis: the chain's.
        first_rows: the rows that the store had when it held the genesis alone.
        manifest: the snapshot, whose app_hash the light client has verified.
        trusted: a header of the chain, where one is known.
    """

    def __init__(
        self,
        store: Store,
        bodies: Segments,
        genesis: Genesis,
        first_rows: list[tuple[bytes, bytes]],
        manifest: Manifest,
        trusted: TrustedHeader | None,
    ) -> None:
        self._store = store
        self._bodies = bodies
        self._genesis = genesis
        self._manifest = manifest
        self._headers = HeaderRows(store, genesis, manifest, trusted)
        self._blocks: BlockRows | None = None
        self._state = StateRows(store, manifest.depth, manifest.state_root)
        self.next_chunk = 0
        self._first_state_root = decode_meta(dict(first_rows)[META]).state_root
        self._begin(first_rows)

    @property
    def is_complete(self) -> bool:
        """Whether the last chunk has been taken: the store holds a whole ledger."""
        return self.next_chunk == len(self._manifest.chunks)

    def _begin(self, first_rows: list[tuple[bytes, bytes]]) -> None:
        """Mark the store, then bring it back to the genesis, without its state."""
        batch = self._store.batch()
        batch.put(_MARKER, b"")
        self._store.write(batch, sync=True)
        self._bodies.cut(None)
        _empty(self._store)
        batch = self._store.batch()
        for key, row in first_rows:
            if key[:1] not in (VALUE, NODE):
                batch.put(key, row)
        self._store.write(batch, sync=True)

    def take(self, packed: bytes) -> None:
        """Take the chunk ``next_chunk``; the last one makes the ledger whole.

        Raises:
            AlteredChunk: it is not the one that the snapshot names; it can be fetched again.
            InvalidInput: the snapshot is not of this chain, or false.
            StorageError: it cannot be written.
        """
        manifest, number = self._manifest, self.next_chunk
        try:
            content = unpack_chunk(packed, manifest.chunks[number])
        except InvalidInput as error:
            raise AlteredChunk(f"snapshot, chunk {number}", error.rule) from error
        try:
            self._take(number, content)
        except InvalidInput as error:
            raise error.under(f"snapshot {manifest.height}, chunk {number}") from error
        except _MALFORMED as error:
            raise InvalidInput(
                f"snapshot {manifest.height}, chunk {number}", f"is malformed: {error!r}"
            ) from error
        self.next_chunk += 1
        if self.is_complete:
            self._finish()

    def _take(self, number: int, content: bytes) -> None:
        manifest = self._manifest
        if number < manifest.headers:
            self._headers.take(decode_items(content, HeaderItem))
            if number + 1 == manifest.headers:
                self._end_headers()
            return
        assert self._blocks is not None
        if number < manifest.headers + manifest.blocks:
            self._blocks.take(decode_items(content, BlockItem))
            return
        if number == manifest.headers + manifest.blocks:
            self._end_blocks()
            self._state.take_slots(decode_items(content, SlotItem))
        else:
            self._state.take(decode_items(content, list[ValueItem]))

    def _end_headers(self) -> None:
        self._headers.end()
        self._blocks = BlockRows(
            self._store,
            self._bodies,
            self._genesis.initial_height,
            self._first_state_root,
            self._headers.header,
        )

    def _end_blocks(self) -> None:
        assert self._blocks is not None
        self._blocks.skip(self._manifest.height)
        found = self._blocks.height, self._blocks.size, self._blocks.root
        if found != (self._manifest.height, self._manifest.size, self._manifest.root):
            raise InvalidInput("blocks", "do not give the snapshot's log")

    def _finish(self) -> None:
        """Make it the store's ledger, in one batch; the mark then says at which height."""
        manifest, blocks = self._manifest, self._blocks
        assert blocks is not None
        self._state.end()
        for key, shown in blocks.misbehaviour.items():
            self._state.need(key, shown)
        batch = self._store.batch()
        blocks.finish(batch)
        meta = Meta(
            manifest.chain_id,
            manifest.height,
            self._headers.header(manifest.height).time.milliseconds,
            manifest.size,
            manifest.root,
            manifest.state_root,
            manifest.app_hash,
            manifest.height,
            blocks.last_body,
        )
        batch.put(META, encode_row(meta))
        batch.put(_MARKER, manifest.height.to_bytes(6, "big"))
        batch.put(RESTORED, manifest.height.to_bytes(6, "big"))
        if self._store.get(GENESIS) != self._genesis.document:
            raise LedgerFault("the store's genesis is not the node's")
        self._store.write(batch, sync=True)
