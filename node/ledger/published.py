"""What readers get to see of a ledger whose headers come later than its blocks.

The header that proves what a block left is that of the next height, and its commit comes when that
block has been decided. So each block written leaves a snapshot of the store here, and readers get
the newest whose header and commit are kept: whatever they find there can be proven.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from node.core.errors import LedgerFault
from node.ledger.node_layers import NodeLayers, PublishedLayers
from node.ledger.reader import LedgerReader, open_reader
from node.ledger.reader_cache import ReaderCache
from node.ledger.rows import KEPT, META, Meta, decode_meta, number_key
from node.storage.ports import Reader, Store

__all__ = ["Published"]

_MOST_UNPROVEN = 256


class _Shared:
    """A snapshot that several readers use; it is closed when the last of them lets go of it."""

    def __init__(self, snapshot: Reader, meta: Meta, nodes: NodeLayers) -> None:
        self.snapshot = snapshot
        self.meta = meta
        self.nodes = nodes
        self.users = 1

    def leave(self, lock: threading.Lock) -> None:
        with lock:
            self.users -= 1
            last = not self.users
        if last:
            self.snapshot.close()


class _Handle:
    """A reader's hold on a shared snapshot."""

    def __init__(self, shared: _Shared, lock: threading.Lock) -> None:
        self._shared: _Shared | None = shared
        self._snapshot = shared.snapshot
        self._lock = lock

    def get(self, key: bytes) -> bytes | None:
        """See `ports.Reader`."""
        return self._snapshot.get(key)

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ports.Reader`."""
        return self._snapshot.scan(start, stop, reverse=reverse)

    def close(self) -> None:
        """See `ports.Reader`."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.leave(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Published:
    """The blocks written last, and the newest of them that is proven. Safe for threads.

    Headers may be late for long: where a node replays blocks, or its engine does not answer. Of
    more than ``most_unproven`` blocks that wait, only the oldest and the newest are held: readers
    pass over those between.
    """

    def __init__(
        self, store: Store, layers: PublishedLayers, most_unproven: int = _MOST_UNPROVEN
    ) -> None:
        self._store = store
        self._most_unproven = most_unproven
        self._layers = layers
        self._lock = threading.Lock()
        self._written: dict[int, _Shared] = {}
        self._readable: _Shared | None = None
        self._advanced: float | None = None

    @property
    def idle_ms(self) -> int | None:
        """How long ago the last block became readable, by a clock that nobody sets; None before the
        first in this run."""
        if self._advanced is None:
            return None
        return int((time.monotonic() - self._advanced) * 1000)

    def written(self) -> None:
        """A block has been written: what the store holds now is what it left."""
        snapshot = self._store.snapshot()
        raw = snapshot.get(META)
        if raw is None:
            snapshot.close()
            raise LedgerFault("the store holds no chain yet; run `evidence-node init`")
        meta = decode_meta(raw)
        shared = _Shared(snapshot, meta, self._layers.at(meta.height))
        passed_over = None
        with self._lock:
            if len(self._written) >= self._most_unproven:
                passed_over = self._written.pop(max(self._written))
            self._written[meta.height] = shared
        if passed_over is not None:
            passed_over.leave(self._lock)
        if self._store.get(number_key(KEPT, meta.height + 1)) is not None:
            self.proven(meta.height)

    def proven(self, height: int) -> None:
        """The header of the height after ``height``, and its commit, are kept."""
        with self._lock:
            found = self._written.pop(height, None)
            if found is None:  # not written yet: `written` will see that it is proven
                return
            if self._readable is not None and self._readable.meta.height > height:
                raise LedgerFault(f"height {height} is proven after {self._readable.meta.height}")
            older = [self._written.pop(other) for other in list(self._written) if other < height]
            if self._readable is not None:
                older.append(self._readable)
            self._readable = found
            self._advanced = time.monotonic()
        for shared in older:
            shared.leave(self._lock)

    @property
    def height(self) -> int | None:
        """The newest height that is proven, None before the first in this run."""
        readable = self._readable
        return None if readable is None else readable.meta.height

    def open(self, frames: ReaderCache) -> LedgerReader:
        """The ledger as of the newest proven block; before there is one, as of the last written."""
        with self._lock:
            readable = self._readable
            if readable is not None:
                readable.users += 1
        if readable is None:
            return open_reader(self._store, frames, self._layers)
        handle = _Handle(readable, self._lock)
        return LedgerReader(handle, frames, readable.meta, readable.nodes, self._store)

    def close(self) -> None:
        """Let go of all snapshots; readers keep theirs."""
        with self._lock:
            held = list(self._written.values())
            if self._readable is not None:
                held.append(self._readable)
            self._written, self._readable = {}, None
        for shared in held:
            shared.leave(self._lock)
