"""The log's tree while blocks are made, and its hash tiles as they lie in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from node.core.errors import LedgerFault
from node.core.merkle import (
    EMPTY_ROOT,
    TILE_HEIGHT,
    TILE_WIDTH,
    append_leaves,
    frontier,
    node_hash,
)
from node.ledger.rows import tile_key
from node.storage.ports import Batch

__all__ = ["TileChanges", "TileReader", "TileSource", "WorkingLog"]

TileChanges = dict[bytes, bytes]
"""Tiles that a block changed, by their keys."""

_HASH = 32
_CACHED_TILES = 4096


class TileSource(Protocol):
    """Where rows come from: a store, a snapshot, or tiles not yet written over one of them."""

    def get(self, key: bytes) -> bytes | None:
        """The row of ``key``, or None."""


class _UnwrittenTiles:
    """The tiles of blocks that are not written yet, over those that are."""

    def __init__(self, reader: TileSource) -> None:
        self._reader = reader
        self.tiles: TileChanges = {}

    def get(self, key: bytes) -> bytes | None:
        """See TileSource."""
        held = self.tiles.get(key)
        return self._reader.get(key) if held is None else held


class TileReader:
    """Reads the hash of any perfect subtree from stored tiles. Its ``read`` is a NodeReader."""

    def __init__(self, reader: TileSource) -> None:
        self._reader = reader
        self._rows: dict[tuple[int, int], list[bytes]] = {}

    def tile(self, level: int, index: int) -> bytes:
        """The stored tile at (tile level, index): up to 256 hashes.

        Raises:
            LedgerFault: it is not there.
        """
        raw = self._reader.get(tile_key(level, index))
        if raw is None:
            raise LedgerFault(
                f"log: tile {level}/{index} is missing; run `evidence-node audit`, then restore"
            )
        return raw

    def read(self, level: int, index: int) -> bytes:
        """The hash at (level, index)."""
        tile_level, inside = divmod(level, TILE_HEIGHT)
        width = TILE_WIDTH >> inside
        tile_index, position = divmod(index, width)
        for height in range(inside, -1, -1):
            row = self._rows.get((tile_level * TILE_HEIGHT + height, tile_index))
            if row is not None:
                break
        else:
            raw = self.tile(tile_level, tile_index)
            row = [raw[at : at + _HASH] for at in range(0, len(raw), _HASH)]
            height = 0
            self._keep(tile_level * TILE_HEIGHT, tile_index, row)
        while height < inside:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
            height += 1
            self._keep(tile_level * TILE_HEIGHT + height, tile_index, row)
        if position >= len(row):
            raise LedgerFault(f"log: tile {tile_level}/{tile_index} is too short")
        return row[position]

    def _keep(self, level: int, index: int, row: list[bytes]) -> None:
        if len(self._rows) >= _CACHED_TILES:
            self._rows.clear()
        self._rows[level, index] = row


class WorkingLog:
    """The newest log: its size, its frontier, and the tiles that are not full yet."""

    def __init__(self, reader: TileSource, size: int) -> None:
        self.size = size
        self._unwritten = _UnwrittenTiles(reader)
        tiles = TileReader(reader)
        self._frontier = {level: tiles.read(level, index) for level, index in frontier(size)}
        self._edges: dict[int, bytearray] = {}
        level = 0
        while size >> (level * TILE_HEIGHT):
            count = size >> (level * TILE_HEIGHT)
            edge = tiles.tile(level, count // TILE_WIDTH) if count % TILE_WIDTH else b""
            self._edges[level] = bytearray(edge[: count % TILE_WIDTH * _HASH])
            level += 1

    @property
    def reader(self) -> TileSource:
        """All tiles as of the last block closed, written or not."""
        return self._unwritten

    @property
    def root(self) -> bytes:
        """The log's root: 32 bytes."""
        root = b""
        for level in sorted(self._frontier):
            root = node_hash(self._frontier[level], root) if root else self._frontier[level]
        return root or EMPTY_ROOT

    def append(self, leaves: Sequence[bytes], batch: Batch) -> TileChanges:
        """Append leaf hashes and put the tiles that they change into ``batch``.

        Returns:
            Those tiles, which stay readable until `release`.
        """
        changes: TileChanges = {}
        if not leaves:
            return changes
        held = self._frontier
        gained = append_leaves(self.size, lambda level, _: held[level], leaves)
        self.size += len(leaves)
        for level, first, row in gained:
            if level % TILE_HEIGHT == 0:
                self._extend(level // TILE_HEIGHT, first, row, changes)
        rows = {level: (first, row) for level, first, row in gained}
        fresh = {}
        for level, index in frontier(self.size):
            first, row = rows.get(level, (index + 1, []))
            fresh[level] = row[index - first] if index >= first else held[level]
        self._frontier = fresh
        for key, tile in changes.items():
            batch.put(key, tile)
        self._unwritten.tiles.update(changes)
        return changes

    def release(self, changes: TileChanges) -> None:
        """The block that changed these tiles is written."""
        tiles = self._unwritten.tiles
        for key, tile in changes.items():
            if tiles.get(key) is tile:
                del tiles[key]

    def _extend(self, level: int, first: int, row: Sequence[bytes], changes: TileChanges) -> None:
        edge = self._edges.setdefault(level, bytearray())
        index = first // TILE_WIDTH
        start = 0
        while start < len(row):
            room = TILE_WIDTH - len(edge) // _HASH
            edge += b"".join(row[start : start + room])
            start += room
            changes[tile_key(level, index)] = bytes(edge)
            if len(edge) == TILE_WIDTH * _HASH:
                edge.clear()
                index += 1
