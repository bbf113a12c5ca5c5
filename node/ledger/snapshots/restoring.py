"""Restoring a snapshot into the store of a node that has no blocks yet, chunk by chunk.

The order of the chunks lets each be checked when it comes. The headers come newest first: the first
must carry the app_hash that the engine's light client has verified, each other one is named by the
one before it, and every commit is checked. Then blocks, each against its headers. Then the state
map, whose parts must give the state's root. What is half restored is marked in the store, and
thrown away at the next start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from node.core.block import Commit, Header, ValidatorSet, verify_commit
from node.core.errors import InvalidInput, LedgerFault
from node.core.genesis import Genesis
from node.core.signatures import load_backend
from node.core.statemap import STATE_KEY, key_hash, state_leaf
from node.core.statesubtree import Slot, prefix_of, root_of_slots, subtree_slot
from node.core.statetree import StateTree, encode_node
from node.ledger.refused import refused_key
from node.ledger.rows import (
    EXPIRY,
    GENESIS,
    KEPT,
    META,
    NODE,
    VALIDATORS,
    VALUE,
    Meta,
    decode_kept,
    decode_kept_header,
    decode_meta,
    decode_validators,
    encode_kept,
    encode_row,
    encode_validators,
    encode_value_row,
    node_key,
    number_key,
)
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
from node.ledger.state import read_node
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Batch, Segments, Store

__all__ = ["AlteredChunk", "Restoring", "TrustedHeader", "discard_half_restored", "settle_restored"]

_MARKER = b"restoring"
_DELETED_A_BATCH = 20_000
_NODES_HELD = 50_000
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


@dataclass(frozen=True)
class TrustedHeader:
    """A header that the operator was told of by somebody he trusts."""

    height: int
    hash: bytes


def discard_half_restored(store: Store, bodies: Segments) -> bool:
    """Empty a store in which a snapshot was being restored when the node ended, and its bodies.

    One that was restored whole is discarded too if no block came after it: whether the engine knows
    of it cannot be told.

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
        self._trusted = trusted
        self._backend = load_backend()
        self._sets: dict[bytes, ValidatorSet] = {}
        self._following: Header | None = None
        self._head: Header | None = None
        self._blocks: BlockRows | None = None
        self._slots: list[tuple[int, Slot]] = []
        self._place = 0
        self._tree = StateTree(lambda number: read_node(store, number))
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
            self._take_headers(decode_items(content, HeaderItem))
            if number + 1 == manifest.headers:
                self._end_headers()
            return
        assert self._blocks is not None
        if number < manifest.headers + manifest.blocks:
            self._blocks.take(decode_items(content, BlockItem))
            return
        if number == manifest.headers + manifest.blocks:
            self._end_blocks()
            self._take_slots(decode_items(content, SlotItem))
        else:
            self._take_values(decode_items(content, list[ValueItem]))

    # -- headers --------------------------------------------------------------------------------

    def _take_headers(self, items: list[HeaderItem]) -> None:
        batch = self._store.batch()
        for item in items:
            header, commit = decode_kept(item.kept)
            if commit is None:
                raise InvalidInput(f"header {header.height}", "its commit is missing")
            for raw in item.sets:
                found = decode_validators(raw)
                if found.hash() != header.validators_hash or found.hash() in self._sets:
                    raise InvalidInput(
                        f"header {header.height}", "comes with validators not its own"
                    )
                self._sets[found.hash()] = found
            self._check_header(header, commit)
            if self._following is None:
                self._head = header
            else:
                batch.put(number_key(KEPT, header.height), encode_kept(header, commit))
                validators = self._sets[header.validators_hash]
                batch.put(VALIDATORS + validators.hash(), encode_validators(validators))
            self._following = header
        self._store.write(batch, sync=True)

    def _check_header(self, header: Header, commit: Commit) -> None:
        """A header must be the one that the next names, and its commit hold by itself too."""
        place, manifest, following = f"header {header.height}", self._manifest, self._following
        if following is None:
            if header.hash() != manifest.head or header.height != manifest.height + 1:
                raise InvalidInput(place, "is not the one that the snapshot begins with")
            if header.app_hash != manifest.app_hash:
                raise InvalidInput(place, "carries another app_hash")
        else:
            if header.height != following.height - 1:
                raise InvalidInput(place, f"comes where {following.height - 1} should")
            if header.hash() != following.last_block_id.hash:
                raise InvalidInput(place, "is not the one that the next header names")
            if commit.block_id != following.last_block_id:
                raise InvalidInput(place, "its commit is of another block")
            if commit.hash() != following.last_commit_hash:
                raise InvalidInput(place, "its commit is not the one that the next header names")
            if header.next_validators_hash != following.validators_hash:
                raise InvalidInput(place, "names other validators for the next height")
            if header.time >= following.time:
                raise InvalidInput(place, "its time is not before the next one's")
        if header.chain_id != self._genesis.chain_id:
            raise InvalidInput(place, f"is of the chain {header.chain_id}")
        validators = self._sets.get(header.validators_hash)
        if validators is None:
            raise InvalidInput(place, "its validators are missing")
        verify_commit(header, commit, validators, self._backend)
        trusted = self._trusted
        if trusted and header.height == trusted.height and header.hash() != trusted.hash:
            raise InvalidInput(place, "is not the trusted one of this height")

    def _end_headers(self) -> None:
        """The headers must have come down to the first, of the genesis's validators."""
        first, genesis = self._following, self._genesis
        if first is None or first.height != genesis.initial_height:
            raise InvalidInput("headers", f"do not come down to {genesis.initial_height}")
        if first.validators_hash != genesis.validator_set.hash():
            raise InvalidInput(f"header {first.height}", "names other validators than the genesis")
        self._sets.clear()
        self._blocks = BlockRows(
            self._store, self._bodies, first.height, self._first_state_root, self._header
        )

    def _header(self, height: int) -> Header:
        if height == self._manifest.height + 1:
            assert self._head is not None
            return self._head
        raw = self._store.get(number_key(KEPT, height))
        if raw is None:
            raise InvalidInput(f"block {height}", "is above the snapshot's height")
        return decode_kept_header(raw)

    # -- blocks ---------------------------------------------------------------------------------

    def _end_blocks(self) -> None:
        assert self._blocks is not None
        self._blocks.skip(self._manifest.height)
        found = self._blocks.height, self._blocks.size, self._blocks.root
        if found != (self._manifest.height, self._manifest.size, self._manifest.root):
            raise InvalidInput("blocks", "do not give the snapshot's log")

    # -- the state map --------------------------------------------------------------------------

    def _take_slots(self, items: list[SlotItem]) -> None:
        depth, last = self._manifest.depth, -1
        for item in items:
            if not last < item.prefix < 16**depth or len(item.hash) != 32:
                raise InvalidInput("parts of the state", "are not in order")
            if len(item.leaf) not in (0, 32):
                raise InvalidInput("parts of the state", "a key hash has 32 bytes")
            last = item.prefix
            self._slots.append((item.prefix, (item.hash, item.leaf or None)))
        if root_of_slots(self._slots, depth) != self._manifest.state_root:
            raise InvalidInput("parts of the state", "do not give the snapshot's state root")

    def _take_values(self, parts: list[list[ValueItem]]) -> None:
        batch = self._store.batch()
        leaves: list[tuple[bytes, bytes | None]] = []
        for part in parts:
            leaves += self._checked(part)
            for item in part:
                path = key_hash(item.key)
                batch.put(VALUE + path, encode_value_row(item.key, item.value))
                if item.key.startswith("refused/"):
                    self._remember(item, batch)
        self._tree.update(leaves)
        for number, node in (dirty := self._tree.take_dirty()).items():
            if node is None:
                batch.delete(node_key(number))
            else:
                batch.put(node_key(number), encode_node(node))
        self._store.write(batch, sync=True)
        self._tree.written(dirty)
        self._tree.evict(_NODES_HELD)

    def _checked(self, part: list[ValueItem]) -> Iterator[tuple[bytes, bytes]]:
        """The leaves of a part, which must be the next one and whole."""
        if self._place >= len(self._slots) or not part:
            raise InvalidInput("values of the state", "are more than its parts")
        prefix, expected = self._slots[self._place]
        self._place += 1
        leaves, last = [], b""
        for item in part:
            if STATE_KEY.fullmatch(item.key) is None:
                raise InvalidInput("values of the state", "hold a key that there cannot be")
            path = key_hash(item.key)
            if not last < path or prefix_of(path, self._manifest.depth) != prefix:
                raise InvalidInput("values of the state", f"{item.key} does not belong here")
            last = path
            leaves.append((path, state_leaf(path, sha256(item.value).digest())))
        if subtree_slot(leaves, self._manifest.depth) != expected:
            raise InvalidInput("values of the state", f"part {prefix} is not what it must be")
        return iter(leaves)

    def _remember(self, item: ValueItem, batch: Batch) -> None:
        """A refused id is found by its exp, to be forgotten then."""
        identifier = bytes.fromhex(item.key.partition("/")[2])
        exp = msgspec.json.decode(item.value)["exp"]
        if item.key != refused_key(identifier):
            raise InvalidInput("values of the state", f"{item.key} is no id")
        batch.put(EXPIRY + exp.to_bytes(6, "big") + identifier, b"")

    # -- the end --------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Make it the store's ledger, in one batch; the mark then says at which height."""
        manifest, blocks = self._manifest, self._blocks
        assert blocks is not None
        if self._place != len(self._slots):
            raise InvalidInput(f"snapshot {manifest.height}", "lacks parts of the state")
        if self._tree.root != manifest.state_root:
            raise LedgerFault("the state map restored is not the one that was checked")
        batch = self._store.batch()
        blocks.finish(batch)
        meta = Meta(
            manifest.chain_id,
            manifest.height,
            self._header(manifest.height).time.milliseconds,
            manifest.size,
            manifest.root,
            manifest.state_root,
            manifest.app_hash,
            manifest.height,
            blocks.last_body,
        )
        batch.put(META, encode_row(meta))
        batch.put(_MARKER, manifest.height.to_bytes(6, "big"))
        if self._store.get(GENESIS) != self._genesis.document:
            raise LedgerFault("the store's genesis is not the node's")
        self._store.write(batch, sync=True)
