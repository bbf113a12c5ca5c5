"""The submission journal: frames that were taken, until they are on the chain.

What is acknowledged with 202 lies here, durable, and is submitted again after a restart. It holds
transactions only; their disclosures are in the vault, encrypted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from node.storage.ports import SegmentRef, Segments

__all__ = ["Journal"]


class Journal:
    """Frames in segment files. A segment is deleted once all of its frames are settled.

    Safe for threads: one appends and syncs, another settles.
    """

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._open: dict[int, int] = {}
        self._lock = threading.Lock()
        self._last = 0

    def left_over(self) -> Iterator[tuple[SegmentRef, bytes]]:
        """The frames that an earlier run left, settled or not. Each must be settled in the end.

        Raises:
            StoreCorrupt: a record is damaged; those before it have been delivered.
        """
        for reference, frame in self._segments.records(None):
            self._count(reference)
            yield reference, frame

    def _count(self, reference: SegmentRef) -> None:
        with self._lock:
            self._open[reference.segment] = self._open.get(reference.segment, 0) + 1
            self._last = max(self._last, reference.segment)

    def append(self, frame: bytes) -> SegmentRef:
        """Add a frame. It is durable after the next `sync`. Raises StorageError."""
        reference = self._segments.append(frame)
        self._count(reference)
        return reference

    def sync(self) -> None:
        """Make all frames added durable. Raises StorageError."""
        self._segments.sync()

    def settle(self, reference: SegmentRef) -> None:
        """This frame's transactions are committed: it need not be kept any more."""
        with self._lock:
            left = self._open[reference.segment] - 1
            if left:
                self._open[reference.segment] = left
                return
            del self._open[reference.segment]
            oldest = min(self._open, default=self._last)
        self._segments.drop_before(oldest)

    def empty(self) -> None:
        """Remove all frames if all are settled, so that a later start finds none to look at.

        Raises:
            StorageError: as `append`; nothing is lost by it.
        """
        if not self.unsettled:
            self._segments.cut(None)

    @property
    def unsettled(self) -> int:
        """Frames that are not settled yet."""
        with self._lock:
            return sum(self._open.values())
