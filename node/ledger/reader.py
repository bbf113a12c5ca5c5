"""Reading the ledger as of one moment: entries, proofs, state, look-ups, for any number of threads.

What is read is checked against the log: an entry that does not hash to its leaf is a fault that
names its place, never an answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Self

import orjson

from node.core.anchors.point import AnchorPoint
from node.core.block import Commit, Header, ValidatorSet
from node.core.entry import Entry, join_entry
from node.core.errors import EvidenceError, InvalidInput, LedgerFault
from node.core.frame import transaction_at
from node.core.genesis import Genesis
from node.core.merkle import (
    consistency_proof,
    inclusion_path,
    leaf_hash,
    root_hash,
)
from node.core.statemap import StateProof
from node.core.statetree import Node, StateTree
from node.ledger.lineage import genesis_documents, read_geneses
from node.ledger.log import TileReader
from node.ledger.log_entry import LogEntry
from node.ledger.node_layers import NodeLayers, NoLayer, PublishedLayers
from node.ledger.reader_cache import ReaderCache
from node.ledger.rows import (
    ANCHOR_POINT,
    BLOCK,
    CHANGE_OF_VALIDATORS,
    ENTRIES,
    GENESIS,
    KEPT,
    META,
    TRANSACTION,
    VALIDATORS,
    VALUE,
    BlockRoots,
    BlockRow,
    EntriesRow,
    Meta,
    decode_block_roots,
    decode_block_row,
    decode_entries_row,
    decode_kept,
    decode_kept_header,
    decode_meta,
    decode_validators,
    decode_value_row,
    number_key,
)
from node.ledger.state import read_node, read_value
from node.rules.judgement import State
from node.storage.ports import Reader, Store

__all__ = ["Judged", "LedgerReader", "LogEntry", "NotProven", "open_reader"]


class NotProven(EvidenceError):
    """No header shows this state of the ledger yet; the next block brings one."""


@dataclass(frozen=True)
class Judged:
    """Where a transaction was judged: the index of its entry, or its refusal's code and height."""

    index: int | None
    height: int
    rejection: int


_HELD_ROWS = 256


class LedgerReader:
    """The ledger as of one written block. Close it after use; it holds a snapshot of the store.

    ``newest`` is the store itself: headers and commits may have come into it after the snapshot.
    """

    def __init__(
        self, snapshot: Reader, frames: ReaderCache, meta: Meta, nodes: NodeLayers, newest: Reader
    ) -> None:
        self.meta = meta
        self._rows = snapshot
        self._newest = newest
        self._nodes = nodes
        self._frames = frames
        self._tiles = TileReader(snapshot)
        self._edges: dict[tuple[int, int], bytes] = {}
        self._tree = StateTree(self._read_node)
        self._as_of: int | None = None
        self._held: tuple[int, EntriesRow] | None = None
        self._entries_rows: dict[int, tuple[int, EntriesRow]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshot."""
        self._rows.close()

    @property
    def rows(self) -> Reader:
        """The snapshot itself, for look-up indexes."""
        return self._rows

    def genesis_documents(self) -> dict[int, bytes]:
        """The geneses of all chains by their index in the log, oldest first."""
        return genesis_documents(self._rows)

    def geneses(self) -> list[Genesis]:
        """The same, decoded; the last is the newest chain's."""
        return read_geneses(self._rows)

    def genesis_document(self) -> bytes:
        """The newest chain's genesis."""
        raw = self._rows.get(GENESIS)
        if raw is None:
            raise LedgerFault("the store holds no genesis; restore a backup")
        return raw

    def chain_id_at(self, height: int) -> str:
        """The id of the chain that a block is of."""
        if height > self.meta.height or len(self.genesis_documents()) == 1:
            return self.meta.chain_id
        later = (one for one in reversed(self.geneses()) if height >= one.initial_height - 1)
        return next(later, self.geneses()[0]).chain_id

    @property
    def as_of(self) -> int:
        """The newest height whose state is this one and which a kept header proves.

        Raises:
            NotProven: there is none yet.
        """
        if self._as_of is None:
            self._as_of = self._find_as_of()
        return self._as_of

    def _find_as_of(self) -> int:
        height = self.meta.height
        if self.kept(height + 1) is not None:
            return height
        before = self.block(height - 1)
        if before is None or self.kept(height) is None or before.app_hash != self.meta.app_hash:
            raise NotProven(
                f"no header shows the state after height {height} yet; the next block brings one"
            )
        return height - 1

    # -- blocks ---------------------------------------------------------------------------------

    def block(self, height: int) -> BlockRow | None:
        """What the block at ``height`` did."""
        raw = self._rows.get(number_key(BLOCK, height)) if 0 <= height < 1 << 48 else None
        return None if raw is None else decode_block_row(raw)

    def roots(self, height: int) -> BlockRoots:
        """What the block at ``height`` left, which must be there."""
        raw = self._rows.get(number_key(BLOCK, height))
        if raw is None:
            raise _no_block(height)
        return decode_block_roots(raw)

    def need_block(self, height: int) -> BlockRow:
        """`block`, which must be there."""
        row = self.block(height)
        if row is None:
            raise _no_block(height)
        return row

    def header(self, height: int) -> Header:
        """The header at ``height``, which must be there."""
        raw = self._kept_row(height)
        if raw is None:
            raise _not_kept(height)
        return decode_kept_header(raw)

    def _kept_row(self, height: int) -> bytes | None:
        if not 0 <= height < 1 << 48:
            return None
        return self._rows.get(key := number_key(KEPT, height)) or self._newest.get(key)

    def kept(self, height: int) -> tuple[Header, Commit | None] | None:
        """The header at ``height``, and its commit where it is known."""
        raw = self._kept_row(height)
        return None if raw is None else decode_kept(raw)

    def need_kept(self, height: int) -> tuple[Header, Commit]:
        """The header and commit at ``height``, which must be there."""
        found = self.kept(height)
        if found is None or found[1] is None:
            raise _not_kept(height)
        return found[0], found[1]

    def validators(self, digest: bytes) -> ValidatorSet:
        """The validator set with this hash."""
        raw = self._rows.get(key := VALIDATORS + digest) or self._newest.get(key)
        if raw is None:
            raise LedgerFault(f"validator set {digest.hex()} is missing; restore a backup")
        return decode_validators(raw)

    def changes_of_validators(self, height: int) -> list[int]:
        """Heights up to ``height`` whose headers name other validators for the next one."""
        stop = number_key(CHANGE_OF_VALIDATORS, height + 1)
        rows = self._newest.scan(CHANGE_OF_VALIDATORS, stop)
        return [int.from_bytes(key[1:], "big") for key, _ in rows]

    def anchor_points(self, after: int = -1) -> Iterator[AnchorPoint]:
        """The anchor points above the height ``after`` that a kept header proves, in order."""
        chains, starts = self._chain_starts()
        for key, _ in self._rows.scan(number_key(ANCHOR_POINT, after + 1), ANCHOR_POINT + b"\xff"):
            height = int.from_bytes(key[1:], "big")
            if height + 1 in starts:  # its chain's last block, which no header follows
                continue
            kept = self.kept(height + 1)
            if kept is None or kept[1] is None:
                return
            yield self._anchor_point(chains[bisect_right(starts, height) - 1], height, kept[0])

    def anchor_point(self, height: int) -> AnchorPoint | None:
        """The anchor point at ``height``, None where there is none or no kept header proves it."""
        found = next(self.anchor_points(height - 1), None)
        return found if found is not None and found.height == height else None

    def _anchor_point(self, chain_id: str, height: int, proof: Header) -> AnchorPoint:
        row = self.roots(height)
        return AnchorPoint(chain_id, height, row.size, row.root, row.state_root, proof.hash())

    def _chain_starts(self) -> tuple[list[str], list[int]]:
        """The ids of all chains, oldest first, and the height from which each one's points are."""
        geneses = self.geneses()
        starts = [genesis.initial_height - 1 for genesis in geneses]
        return [genesis.chain_id for genesis in geneses], [-1, *starts[1:]]

    def frames(self, row: BlockRow) -> Iterator[bytes]:
        """The frames of a block, read from its body."""
        if row.body is not None:
            for start, length in row.spans:
                yield self._frames.packed(row.body, (start, length))

    # -- the log --------------------------------------------------------------------------------

    def leaf(self, index: int) -> bytes:
        """The leaf hash at ``index``."""
        return self._tiles.read(0, index)

    def root(self, size: int) -> bytes:
        """The root of the log's first ``size`` entries.

        Raises:
            InvalidInput: the log is shorter.
        """
        self._check_size(size)
        return root_hash(size, self._tiles.read)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Audit path of the entry at ``index`` in the tree of ``size``. Raises InvalidInput."""
        self._check_size(size)
        return inclusion_path(index, size, self._tiles.read, self._edges)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Consistency proof between two sizes. Raises InvalidInput."""
        self._check_size(second)
        return consistency_proof(first, second, self._tiles.read)

    def tile(self, level: int, index: int, width: int) -> bytes | None:
        """The first ``width`` hashes of a tile, None where the log does not reach."""
        if (
            not 0 <= level < 8
            or index >= 1 << 48
            or (index * 256 + width) << 8 * level > self.meta.size
        ):
            return None
        return self._tiles.tile(level, index)[: 32 * width]

    def _check_size(self, size: int) -> None:
        if not 0 < size <= self.meta.size:
            raise InvalidInput("size", f"must be from 1 to {self.meta.size}, the log's size")

    def entry(self, index: int) -> LogEntry:
        """The entry at ``index``. A genesis, such as index 0, is no entry of a transaction.

        Raises:
            InvalidInput: there is none, or it is a genesis.
            LedgerFault: what is stored does not hash to its leaf.
        """
        return next(self.entries([index]))

    def entries(self, indexes: Iterable[int]) -> Iterator[LogEntry]:
        """The entries at ``indexes``, each as `entry` gives it."""
        for index in indexes:
            if not 0 < index < self.meta.size:
                raise InvalidInput("index", f"must be from 1 to {self.meta.size - 1}")
            yield self._entry_of(index, *self._entries_row(index))

    def _entries_row(self, index: int) -> tuple[int, EntriesRow]:
        """The row whose frame became the entry at ``index``, and the first index of it."""
        held = self._held
        if held is None or not 0 <= index - held[0] < len(held[1].offsets):
            held = self._held = self._entries_rows.get(index) or self._find_entries_row(index)
        return held

    def _find_entries_row(self, index: int) -> tuple[int, EntriesRow]:
        stop = number_key(ENTRIES, index + 1)
        for key, raw in self._rows.scan(ENTRIES, stop, reverse=True):
            first, row = int.from_bytes(key[1:], "big"), decode_entries_row(raw)
            if index - first < len(row.offsets):
                if len(self._entries_rows) >= _HELD_ROWS:
                    self._entries_rows.clear()
                self._entries_rows[index] = first, row
                return first, row
            break
        if index in self.genesis_documents():
            raise InvalidInput("index", f"entry {index} is a genesis")
        raise LedgerFault(f"the row of entry {index} is missing; run `evidence-node audit`")

    def _entry_of(self, index: int, first: int, row: EntriesRow) -> LogEntry:
        rank = index - first
        content = self._frames.content(row.body, row.span)
        try:
            before = row.before[rank]
            prev = self.leaf(before - 1) if before else b""
            jwt = transaction_at(content, row.offsets[rank])
            code = f"CZ{row.digits[rank]:013d}-{row.ordinals[rank]}"
            facts = row.facts[rank]
            text = join_entry(code, facts, row.height, prev.hex(), row.time, jwt)
            entry = Entry(
                code, orjson.loads(facts), row.height, prev, row.time, jwt.decode("ascii")
            )
        except (InvalidInput, IndexError, ValueError) as error:
            raise _altered(index, row) from error
        if leaf_hash(text) != self.leaf(index):
            raise _altered(index, row)
        return LogEntry(index, text, entry)

    def dossier_count(self, subject: str) -> int:
        """How many records a dossier has, 0 where there is no such dossier."""
        state = self.state(f"dossier/{subject}")
        return 0 if state is None else int(state["count"])

    def dossier_indexes(self, subject: str) -> list[int]:
        """Indexes of a dossier's records, oldest first; none where there is no such dossier."""
        state = self.state(f"dossier/{subject}")
        if state is None:
            return []
        last, count = int(state["index"]), int(state["count"])
        return self._frames.dossiers.of(
            subject, last, count, lambda index: self._before(subject, index)
        )

    def _before(self, subject: str, index: int) -> int:
        """The index of the entry before one of a dossier's."""
        first, row = self._entries_row(index)
        before = row.before[index - first]
        if not before:
            raise LedgerFault(f"dossier {subject}: entry {index} names none before it")
        return before - 1

    # -- transactions and state -----------------------------------------------------------------

    def judged(self, identifier: bytes) -> Judged | None:
        """Where the transaction with this id was judged."""
        raw = self._rows.get(TRANSACTION + identifier[:20])
        if raw is None:
            return None
        if raw[0] == 0xFF:
            return Judged(None, int.from_bytes(raw[1:7], "big"), raw[-1])
        index = int.from_bytes(raw, "big")
        return Judged(index, self._entries_row(index)[1].height, 0)

    def state(self, key: str) -> State | None:
        """The value of a key of the state map."""
        raw = read_value(self._rows, key)
        return None if raw is None else orjson.loads(raw)

    def prove(self, key: str) -> StateProof:
        """Proof of a key's value, or of its absence, under ``meta.state_root``."""
        value = read_value(self._rows, key)
        proof = self._tree.prove(key, value)
        if value is not None:
            return proof
        other = self._tree.lone_leaf(key)
        if other is None:
            return proof
        raw = self._rows.get(VALUE + other)
        if raw is None:
            raise LedgerFault(f"state map: the value of leaf {other.hex()} is missing")
        _, held = decode_value_row(raw)
        return StateProof(key, None, proof.path, (other, sha256(held).digest()))

    def _read_node(self, number: int) -> Node | None:
        held, node = self._nodes.find(number)
        if held:
            return node
        return read_node(self._rows, number)


def _not_kept(height: int) -> LedgerFault:
    return LedgerFault(f"header or commit of height {height} is missing; restore a backup")


def _no_block(height: int) -> LedgerFault:
    return LedgerFault(f"the row of height {height} is missing; run `evidence-node audit`")


def _altered(index: int, row: EntriesRow) -> LedgerFault:
    return LedgerFault(
        f"entry {index} (height {row.height}, segment {row.body[0]}, offset {row.body[1]}) "
        "does not hash to its leaf in the log: it was altered after it was written; "
        "run `evidence-node audit`, then restore a backup"
    )


def open_reader(store: Store, frames: ReaderCache, layers: PublishedLayers) -> LedgerReader:
    """The ledger as of the last written block.

    Raises:
        LedgerFault: the store holds no chain.
    """
    while True:
        snapshot = store.snapshot()
        try:
            raw = snapshot.get(META)
            if raw is None:
                raise LedgerFault("the store holds no chain yet; run `evidence-node init`")
            meta = decode_meta(raw)
            return LedgerReader(snapshot, frames, meta, layers.at(meta.height), store)
        except NoLayer:  # so many blocks were written meanwhile that it is no longer remembered
            snapshot.close()
        except BaseException:
            snapshot.close()
            raise
