"""Reading a log's checkpoint and hashes from its tiles (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Callable

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.rest.exchange import Reply
from node.core.anchors.log_notes import LogCheckpoint, read_log_note
from node.core.errors import InvalidInput
from node.core.merkle import TILE_HEIGHT, TILE_WIDTH, NodeReader, node_hash, tile_path

__all__ = ["Tiles", "TilesMissing"]


class TilesMissing(Unreachable):
    """The server has no such file: it does not serve tiles, or not this one any more."""


class Tiles:
    """A log's files. ``fetch`` gets one by its path, which begins with /."""

    def __init__(self, fetch: Callable[[str], Reply]) -> None:
        self._fetch = fetch

    def checkpoint(self) -> LogCheckpoint:
        """The newest checkpoint, its signatures unchecked.

        Raises:
            Unreachable: it cannot be read, or is none.
        """
        try:
            return read_log_note(self._get("/checkpoint"), "checkpoint")
        except InvalidInput as error:
            raise Unreachable(f"the log's {error}") from error

    def reader(self, size: int) -> NodeReader:
        """Reads hashes of the tree of ``size`` leaves, each tile once. Nothing is believed: what is
        made of them has to lead to a signed root."""
        kept: dict[tuple[int, int], bytes] = {}

        def read(level: int, index: int) -> bytes:
            tile_level, within = divmod(level, TILE_HEIGHT)
            number = index >> (TILE_HEIGHT - within)
            if (tile_level, number) not in kept:
                kept[tile_level, number] = self._tile(tile_level, number, size)
            data = kept[tile_level, number]
            first = (index << within) % TILE_WIDTH
            row = [data[32 * at : 32 * at + 32] for at in range(first, first + (1 << within))]
            if len(row[-1]) != 32:
                raise Unreachable(f"the log's tile {tile_level}/{number} is too short")
            while len(row) > 1:
                row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
            return row[0]

        return read

    def _tile(self, level: int, number: int, size: int) -> bytes:
        """A tile as it was at ``size``. A partial one may be gone once the whole one is there."""
        width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH)
        try:
            return self._get(f"/{tile_path(level, number, width)}")
        except TilesMissing:
            if width == TILE_WIDTH:
                raise
            return self._get(f"/{tile_path(level, number)}")

    def _get(self, path: str) -> bytes:
        reply = self._fetch(path)
        if reply.status in (403, 404, 410, 501):
            raise TilesMissing(f"the log serves no {path} (HTTP {reply.status})")
        if reply.status != 200:
            raise Unreachable(f"HTTP {reply.status} for {path}")
        return reply.body
