"""The log's tree while blocks are made, and its hash tiles as they lie in the store."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
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
from node.ledger.rows import middle_key, tile_key
from node.storage.ports import Batch

__all__ = ["TileChanges", "TileReader", "TileSource", "WorkingLog"]

TileChanges = dict[bytes, bytes]
"""Tiles that a block changed, by their keys."""

_HASH = 32
_GROUP_HEIGHT = TILE_HEIGHT // 2
_GROUP = 1 << _GROUP_HEIGHT
_CACHED_GROUPS = 4096
_CACHED_ROWS = 256


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
    """Reads the hash of any perfect subtree from stored tiles. Its ``read`` is a NodeReader.

    A tile is eight levels high. The hashes half-way up are stored beside it, so that at most 8 are
    read, and 7 computed, to know one.
    """

    def __init__(self, reader: TileSource) -> None:
        self._reader = reader
        self._groups: dict[tuple[int, int], bytes] = {}
        self._known: dict[tuple[int, int], bytes] = {}
        self._rows: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        """The stored tile at (tile level, index): up to 256 hashes.

        Raises:
            LedgerFault: it is not there.
        """
        return self.row(level * TILE_HEIGHT, index)

    def row(self, level: int, index: int) -> bytes:
        """The stored row of hashes of ``level``, which is a tile's lowest or the one half-way up.

        Raises:
            LedgerFault: it is not there.
        """
        raw = self._reader.get(_key(level, index))
        if raw is None:
            tile_level, half = divmod(level, TILE_HEIGHT)
            raise LedgerFault(
                f"log: {'the middle of ' if half else ''}tile {tile_level}/{index} is missing; "
                "run `evidence-node audit`, then restore a backup"
            )
        return raw

    def read(self, level: int, index: int) -> bytes:
        """The hash at (level, index)."""
        known = self._known.get((level, index))
        if known is None:
            known = self._known[level, index] = self._find(level, index)
        return known

    def _find(self, level: int, index: int) -> bytes:
        inside = level % _GROUP_HEIGHT
        group, position = divmod(index, _GROUP >> inside)
        place = (level - inside, group)
        held = self._groups.get(place)
        if held is None:
            if len(self._groups) >= _CACHED_GROUPS:
                self._groups.clear()
                self._known.clear()
            held = self._groups[place] = self._read_group(*place)
        size = _HASH << inside
        row = held[position * size : (position + 1) * size]
        if len(row) != size:
            tile_level, shift = level // TILE_HEIGHT, TILE_HEIGHT - level % TILE_HEIGHT
            raise LedgerFault(f"log: tile {tile_level}/{index >> shift} is too short")
        while len(row) > _HASH:
            pairs = range(0, len(row), 2 * _HASH)
            row = b"".join([sha256(b"\x01" + row[at : at + 2 * _HASH]).digest() for at in pairs])
        return row

    def _read_group(self, base: int, group: int) -> bytes:
        """The 16 hashes, or as many as there are, at level ``base`` from 16 times ``group`` on."""
        index, inside = divmod(group, _width(base) // _GROUP)
        raw = self._rows.get((base, index))
        if raw is None:
            if len(self._rows) >= _CACHED_ROWS:
                self._rows.clear()
            raw = self._rows[base, index] = self.row(base, index)
        return raw[inside * _GROUP * _HASH : (inside + 1) * _GROUP * _HASH]


class WorkingLog:
    """The newest log: its size, its frontier, and the tiles that are not full yet."""

    def __init__(self, reader: TileSource, size: int) -> None:
        self.size = size
        self._unwritten = _UnwrittenTiles(reader)
        tiles = TileReader(reader)
        self._frontier = {level: tiles.read(level, index) for level, index in frontier(size)}
        self._edges: dict[int, bytearray] = {}
        level = 0
        while count := size >> level:
            width = _width(level)
            edge = tiles.row(level, count // width) if count % width else b""
            self._edges[level] = bytearray(edge[: count % width * _HASH])
            level += _GROUP_HEIGHT

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
            if level % _GROUP_HEIGHT == 0:
                self._extend(level, first, row, changes)
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
        width = _width(level)
        index = first // width
        start = 0
        while start < len(row):
            room = width - len(edge) // _HASH
            edge += b"".join(row[start : start + room])
            start += room
            changes[_key(level, index)] = bytes(edge)
            if len(edge) == width * _HASH:
                edge.clear()
                index += 1


def _width(level: int) -> int:
    """How many hashes of this level a row holds: a tile's, or those half-way up one."""
    return _GROUP if level % TILE_HEIGHT else TILE_WIDTH


def _key(level: int, index: int) -> bytes:
    """The key of the row that holds hashes of this level."""
    tile_level, half = divmod(level, TILE_HEIGHT)
    return middle_key(tile_level, index) if half else tile_key(tile_level, index)
