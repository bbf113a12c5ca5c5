"""The application: the one way in which blocks change log, state map and indexes.

Synchronous and deterministic; engines call it. `finalize` computes every change of a block and
keeps nothing; `persist` writes blocks whole, in one synced batch; `release` frees what was only
held until then. Finalizing may run ahead of persisting: one thread computes while another syncs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from node.core.apphash import app_hash
from node.core.block import Commit, Header
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, LedgerFault
from node.core.frame import BlockRoom
from node.core.genesis import Genesis, decode_genesis
from node.core.merkle import leaf_hash
from node.core.signatures import PublicJwk
from node.core.statetree import NodeChanges
from node.ledger.body import encode_body
from node.ledger.intake import Intake, KeyRing, TakenValues
from node.ledger.lineage import check_continues, read_end, read_geneses
from node.ledger.node_layers import PublishedLayers
from node.ledger.recording import BlockRecording
from node.ledger.rows import (
    ANCHOR_POINT,
    BLOCK,
    ENDED,
    GENESIS,
    KEPT,
    KEY,
    META,
    PREDECESSOR,
    VALIDATORS,
    BlockRow,
    Meta,
    decode_block_row,
    decode_kept,
    decode_meta,
    encode_row,
    encode_validators,
    number_key,
    put_kept,
)
from node.ledger.statistics import Statistics
from node.ledger.working import BlockChanges, Working
from node.rules.anchor_points import is_point_of_empty_block
from node.rules.continuation import SET_BY_GENESIS, continued_state
from node.rules.engine_updates import NO_UPDATES, EngineUpdates, engine_updates
from node.rules.genesis_parameters import first_keys, first_state
from node.rules.judgement import Misbehaviour, State, in_force
from node.rules.versions import rules_of
from node.storage.ports import Batch, SegmentRef, Segments, Store

__all__ = ["Application", "Committed", "Finalized", "OpenedFrame"]


@dataclass(frozen=True)
class OpenedFrame:
    """A frame beside what `Intake.open_frame` made of it.

    ``absent_up_to`` is a height at which none of the transactions' (iss, jti) was on the chain.
    """

    frame: bytes
    taken: Sequence[TakenValues]
    absent_up_to: int = -1

    def unknown_kids(self) -> set[str]:
        """The kids that no registered key had when it was opened: nothing is known yet of what was
        signed with them."""
        return {item[4][4] for item in self.taken if item[3]}

    def is_stale(self, ring: KeyRing) -> bool:
        """Whether it has to be opened anew, since a key that was unknown is in ``ring`` now."""
        return any(ring.get(kid) is not None for kid in self.unknown_kids())


@dataclass
class Finalized:
    """A block's changes, computed and not yet written.

    ``results`` has, for each frame, a byte for each transaction; ``updates`` are for the engine,
    ``new_keys`` (JWKs by kid) for who checks signatures from the next block on.
    """

    height: int
    time: int
    results: list[bytes]
    meta: Meta
    frames: list[bytes]
    batch: Batch
    changes: BlockChanges | None
    recording: BlockRecording | None
    misbehaviour: Sequence[Misbehaviour] = ()
    updates: EngineUpdates = NO_UPDATES

    @property
    def new_keys(self) -> dict[str, PublicJwk]:
        """Keys that this block registered, by kid."""
        if self.recording is None:
            return {}
        found = self.recording.new_keys
        return {kid: PublicJwk.from_json(jwk, place=f"key/{kid}") for kid, jwk in found.items()}

    @property
    def app_hash(self) -> bytes:
        """What the next header commits to."""
        return self.meta.app_hash


@dataclass(frozen=True)
class Committed:
    """A block that is durable, the header that proves it, its frames with what came beside each."""

    block: Finalized
    proof: Header
    frames: Sequence[OpenedFrame]
    tokens: Sequence[object]


class Application:
    """The ledger of one chain on one store. Finalize from one thread; persist from one thread."""

    def __init__(self, store: Store, bodies: Segments) -> None:
        self.store = store
        self.bodies = bodies
        self._ring: KeyRing | None = None
        self._registered: dict[str, PublicJwk] = {}
        self._tell_of_keys: list[Callable[[Mapping[str, PublicJwk]], None]] = []
        raw = store.get(META)
        try:
            self.meta: Meta | None = None if raw is None else decode_meta(raw)
        except msgspec.DecodeError as error:
            raise LedgerFault(
                f"how far the ledger has come cannot be read: {error}; restore a backup"
            ) from error
        if self.meta is not None:
            self._open(self.meta)

    def _open(self, meta: Meta) -> None:
        self._working = Working(self.store, meta.height, meta.size, meta.flushed)
        self.written_height = meta.height
        self.layers = PublishedLayers(meta.height, self._working.state.recover())
        self.last_body = SegmentRef(*meta.body) if meta.body else None
        self.statistics = Statistics.load(self.store)
        if self._roots() != (meta.root, meta.state_root):
            raise LedgerFault(
                f"the log or state at height {meta.height} is not what the last block left; "
                "run `evidence-node audit` to see where, then restore a backup"
            )

    def reopen(self) -> None:
        """Go on with what the store holds now: a snapshot has been restored into it.

        Nothing may be finalized and not persisted. What was published stays what readers see until
        the next block.

        Raises:
            LedgerFault: the store holds no ledger, or one that cannot be right.
        """
        raw, layers = self.store.get(META), self.layers
        if raw is None:
            raise LedgerFault("the store holds no chain")
        self.meta = meta = decode_meta(raw)
        self._open(meta)
        layers.publish(meta.height, {}, written=True)
        self.layers = layers
        self.keys_registered(self.public_keys())

    def init_chain(self, genesis: Genesis) -> bytes:
        """Write the genesis as the log's next entry, and its state; return the app_hash.

        It is the first of an empty store, or continues the chain that the store holds.

        Raises:
            InvalidInput: the store holds a chain that the genesis does not continue, or not the one
                that it does. Nothing was written.
        """
        batch = self.store.batch()
        state = self._state_of(genesis, batch)
        first_index = self._working.log.size
        self._working.log.append([leaf_hash(genesis.document)], batch)
        for key, value in state.items():
            self._working.state.set(key, value)
        height = genesis.initial_height - 1
        self._working.state.close_block(height, batch)
        self._working.state.flush(height, batch)
        meta = self._meta(genesis.chain_id, height, genesis.genesis_time)
        if self.meta is not None:
            meta = msgspec.structs.replace(meta, body=self.last_body)
        batch.put(GENESIS, genesis.document)
        batch.put(META, encode_row(meta))
        batch.put(number_key(BLOCK, height), encode_row(_empty_row(meta, first_index)))
        batch.put(number_key(ANCHOR_POINT, height), b"")
        validators = genesis.validator_set
        batch.put(VALIDATORS + validators.hash(), encode_validators(validators))
        for kid, jwk in first_keys(genesis).items():
            batch.put(KEY + kid.encode("ascii"), canonical_json(jwk.to_json()))
        self.store.write(batch, sync=True)
        self.meta = meta
        self._open(meta)
        self.keys_registered(first_keys(genesis))
        return meta.app_hash

    def _state_of(self, genesis: Genesis, batch: Batch) -> Mapping[str, State | None]:
        """What a genesis sets of the state; ``batch`` gets what else becomes of the chain before.

        Raises:
            InvalidInput: see `init_chain`.
        """
        before = self.meta
        if before is None:
            if genesis.predecessor is not None:
                raise InvalidInput(
                    "genesis.predecessor",
                    f"the ledger of {genesis.predecessor.chain_id} is not here: "
                    "`evidence-node migrate apply` continues it",
                )
            self._working = Working(self.store, -1, 0, -1)
            return first_state(genesis)
        geneses = read_geneses(self.store)
        if genesis.predecessor is None or genesis.document == geneses[-1].document:
            raise InvalidInput("genesis", f"the store holds the chain {before.chain_id} already")
        if before.height != self.written_height:
            raise LedgerFault(f"height {before.height} is not written yet")
        check_continues(genesis, geneses, read_end(self.store, before))
        batch.put(number_key(PREDECESSOR, geneses[-1].index), geneses[-1].document)
        batch.delete(ENDED)
        state = self._working.state
        return continued_state(genesis, state.stored(SET_BY_GENESIS), state.get)

    def _roots(self) -> tuple[bytes, bytes]:
        return self._working.log.root, self._working.state.tree.root

    def _meta(self, chain_id: str, height: int, time: int) -> Meta:
        size, (root, state_root) = self._working.log.size, self._roots()
        digest, flushed = app_hash(size, root, state_root), self._working.state.flushed
        return Meta(chain_id, height, time, size, root, state_root, digest, flushed)

    def need_meta(self) -> Meta:
        """How far finalizing has come.

        Raises:
            LedgerFault: no chain has been set up in this store.
        """
        if self.meta is None:
            raise LedgerFault("the store holds no chain yet; run `evidence-node init`")
        return self.meta

    def genesis(self) -> Genesis:
        """The chain's genesis, decoded anew."""
        raw = self.store.get(GENESIS)
        if raw is None:
            raise LedgerFault("the store holds no genesis; restore a backup")
        return decode_genesis(raw)

    def parameter(self, name: str) -> Any:
        """A parameter's value as the next block is judged by it."""
        value = self._working.state.get(f"parameter/{name}")
        if value is None:
            raise LedgerFault(f"state map: parameter/{name} is missing")
        return in_force(value, self.need_meta().height + 1)["value"]

    def last_block(self) -> tuple[Header, Commit | None, list[bytes]] | None:
        """The newest block's header and commit as kept, and its results; None before the first."""
        height = self.need_meta().height
        raw, row = (self.store.get(number_key(prefix, height)) for prefix in (KEPT, BLOCK))
        if raw is None or row is None:
            if height < self.genesis().initial_height:
                return None
            raise LedgerFault(f"the header of height {height} is missing; restore a backup")
        return *decode_kept(raw), decode_block_row(row).results

    def is_refused(self, identifier: bytes) -> bool:
        """Whether the state map remembers the refusal of this transaction. Safe for threads."""
        return identifier in self._working.refused

    def key_ring(self) -> KeyRing:
        """All keys registered up to the last finalized block. The one ring of this application: it
        grows with every block that registers some."""
        if self._ring is None:
            self._ring = KeyRing(self.public_keys())
        return self._ring

    def public_keys(self) -> dict[str, PublicJwk]:
        """All keys registered up to the last finalized block, by kid; recovery keys too."""
        written = {
            key[1:].decode("ascii"): PublicJwk.from_json(json.loads(row), place="a registered key")
            for key, row in self.store.scan(KEY, KEY + b"\xff")
        }
        return {**written, **self._registered}

    def on_keys(self, told: Callable[[Mapping[str, PublicJwk]], None]) -> None:
        """Have ``told`` called with keys that are registered from now on, by kid: in the thread
        that finalizes, behind the block that registers them and before the next one is asked for.
        """
        self._tell_of_keys.append(told)

    def keys_registered(self, keys: Mapping[str, PublicJwk]) -> None:
        """The block finalized last has registered these keys: from the next one on they count.

        `finalize` does it, before anything of the next block is opened, proposed or judged.
        """
        for tell in self._tell_of_keys:
            tell(keys)
        self._registered.update(keys)
        self.key_ring().add(keys)  # last: who finds a frame stale by it has it opened by those told

    def opened_now(self, opened: OpenedFrame) -> OpenedFrame:
        """A frame as the state after the last finalized block has it: opened anew where one of its
        keys has become known since it was opened.

        Raises:
            InvalidInput: a signature does not hold under such a key.
        """
        ring = self.key_ring()
        if not opened.is_stale(ring):
            return opened
        return OpenedFrame(opened.frame, Intake(ring).open_frame(opened.frame))

    def process(self, frames: Sequence[bytes], intake: Intake) -> list[OpenedFrame]:
        """Open the frames of a proposed block, which must be whole.

        Raises:
            InvalidInput: a frame is undecodable or holds a bad signature: refuse the proposal.
        """
        return [OpenedFrame(frame, intake.open_frame(frame)) for frame in frames]

    def _all_opened_now(self, height: int, frames: Sequence[OpenedFrame]) -> list[OpenedFrame]:
        try:
            return [self.opened_now(opened) for opened in frames]
        except InvalidInput as error:
            raise LedgerFault(
                f"height {height} has a frame that may not be there: {error}"
            ) from error

    def prepare(self, frames: Sequence[OpenedFrame], max_bytes: int) -> int:
        """How many of the queued ``frames``, from the first, fit into a block of ``max_bytes``,
        which `node.core.frame.check_block` will allow."""
        room = BlockRoom(max_bytes)
        for count, opened in enumerate(frames):
            if not room.take(opened.frame, len(opened.taken)):
                return count
        return len(frames)

    def finalize(
        self,
        height: int,
        time: int,
        frames: Sequence[OpenedFrame],
        batch: Batch | None = None,
        misbehaviour: Sequence[Misbehaviour] = (),
    ) -> Finalized:
        """Judge the transactions of a block and compute all its changes. Nothing is written.

        Args:
            height: the one after the last finalized.
            time: the header's time, in ms.
            frames: opened frames, in order. They are judged with the keys that were registered up
                to the block before.
            batch: that of the block before, where both are to be persisted at once.
            misbehaviour: what the engine reports of validators with this block.

        Raises:
            LedgerFault: another height follows, or a frame is none that a proposal may have.
            RulesUnknown: this software does not know the rules in force.
        """
        before = self.need_meta()
        if height != before.height + 1:
            raise LedgerFault(f"asked to finalize height {height} after {before.height}")
        if batch is None:
            batch = self.store.batch()
        if not misbehaviour and not any(opened.taken for opened in frames):
            return self._finalize_empty(before, height, time, batch)
        frames = self._all_opened_now(height, frames)
        working = self._working
        recording = BlockRecording(working, before, height, time, batch)
        recording.note(misbehaviour)
        results = [
            recording.judge(n, opened.taken, opened.absent_up_to) for n, opened in enumerate(frames)
        ]
        recording.reach_point()
        tiles = working.log.append(recording.leaves, batch)
        state = working.state.close_block(height, batch)
        changes = working.hold(height, BlockChanges(state, tiles, recording.issued))
        self.statistics.count(recording)
        batch.put(*self.statistics.row())
        self.meta = meta = self._meta(before.chain_id, height, time)
        bodies = [opened.frame for opened in frames]
        updates = engine_updates(working.state.get, height)
        finalized = Finalized(
            height, time, results, meta, bodies, batch, changes, recording, misbehaviour, updates
        )
        if recording.new_keys:
            self.keys_registered(finalized.new_keys)
        return finalized

    def _finalize_empty(self, before: Meta, height: int, time: int, batch: Batch) -> Finalized:
        meta = Meta(
            before.chain_id,
            height,
            time,
            before.size,
            before.root,
            before.state_root,
            before.app_hash,
            before.flushed,
        )
        rules_of(self.parameter("rules_version"))
        if is_point_of_empty_block(self._working.state.get, before.size, before.time, time):
            batch.put(number_key(ANCHOR_POINT, height), b"")
        self.meta = meta
        updates = engine_updates(self._working.state.get, height)
        return Finalized(height, time, [], meta, [], batch, None, None, (), updates)

    def persist(
        self,
        blocks: Sequence[Finalized],
        kept: Sequence[tuple[Header, Commit | None]] = (),
        seal: bytes = b"",
        body: SegmentRef | None = None,
        *,
        sync: bool = True,
    ) -> None:
        """Write finalized blocks durably: their bodies first, then all else in one synced batch.

        Args:
            blocks: in order of height, finalized with one batch.
            kept: headers and commits that the engine hands over to be kept.
            seal: what the engine needs to make these blocks again from the body alone.
            body: where the one body lies already, when blocks are made again from it; ``seal``
                must then be the one in it.
            sync: whether to wait for the disk; False only where all can be made again.

        Raises:
            StorageError: nothing of the blocks is to be relied on; the store must be opened anew.
        """
        batch = blocks[0].batch
        last = self.last_body
        for block in blocks:
            if block.recording is None:
                row = _empty_row(block.meta, block.meta.size)
                batch.put(number_key(BLOCK, block.height), encode_row(row))
            else:
                payload, spans = encode_body(
                    block.height, block.time, block.frames, seal, block.misbehaviour
                )
                last = self.bodies.append(payload) if body is None else body
                block.recording.put_rows(batch, block.meta, last, spans, block.results)
        if body is None and any(block.recording is not None for block in blocks):
            self.bodies.sync()
        batch.put(META, encode_row(msgspec.structs.replace(blocks[-1].meta, body=last)))
        self.last_body = last
        self._publish_nodes(blocks)
        for header, commit in kept:
            put_kept(batch, header, commit)
        self.store.write(batch, sync=sync)
        self.written_height = blocks[-1].height

    def _publish_nodes(self, blocks: Sequence[Finalized]) -> None:
        """Let readers find the nodes that these blocks changed and do not write."""
        nodes: NodeChanges = {}
        written = False
        for block in blocks:
            if block.changes is None:
                continue
            if block.changes.state.written is not None:
                nodes, written = {}, True
            else:
                nodes.update(block.changes.state.nodes)
        self.layers.publish(blocks[-1].height, nodes, written=written)

    def close(self) -> None:
        """Write the nodes of the state map that were kept back, so that opening needs no recovery.

        Nothing may be finalized afterwards. Where a finalized block was not persisted, nothing is
        written: it will be finalized again.
        """
        meta = self.need_meta()
        if meta.height != self.written_height:
            return
        batch = self.store.batch()
        self._working.state.flush(meta.height, batch)
        flushed = msgspec.structs.replace(meta, flushed=meta.height, body=self.last_body)
        batch.put(META, encode_row(flushed))
        self.store.write(batch, sync=True)
        self.layers.publish(meta.height, {}, written=True)

    def release(self, blocks: Sequence[Finalized]) -> None:
        """These blocks are persisted: what was held in memory for them may go."""
        for block in blocks:
            if block.changes is not None:
                self._working.release(block.changes)


def _empty_row(meta: Meta, first_index: int) -> BlockRow:
    """The row of a block without a body."""
    return BlockRow(
        meta.height,
        meta.time,
        first_index,
        meta.size,
        meta.root,
        meta.state_root,
        meta.app_hash,
        None,
        [],
        [],
    )
