"""The ports in memory: for tests, demonstrations, and what need not outlive the process."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from node.storage.batch import ChangeBatch
from node.storage.errors import SegmentDropped, StoreClosed, StoreCorrupt
from node.storage.ports import MAX_PAYLOAD, Batch, Reader, SegmentRef
from node.storage.segment_format import HEADER_BYTES, record_end, segment_is_full

__all__ = ["MemorySegments", "MemoryStore"]

_NAME = "the store in memory"
_SEGMENTS_NAME = "the segments in memory"


class _Content:
    """Keys and values. Once `shared` is set they never change: whoever writes takes a copy."""

    __slots__ = ("_added", "_keys", "_removed", "shared", "values")

    def __init__(self, values: dict[bytes, bytes], keys: list[bytes]) -> None:
        self.values = values
        self.shared = False
        self._keys = keys
        self._added: list[bytes] = []
        self._removed: set[bytes] = set()

    def copy(self) -> _Content:
        return _Content(dict(self.values), list(self.keys()))

    def apply(self, changes: list[tuple[bytes, bytes | None]]) -> None:
        for key, value in changes:
            if value is None:
                if self.values.pop(key, None) is not None:
                    self._removed.add(key)
            else:
                if key not in self.values:
                    if key in self._removed:
                        self._removed.remove(key)
                    else:
                        self._added.append(key)
                self.values[key] = value

    def keys(self) -> list[bytes]:
        """The keys in order, which are sorted only here: not every write is followed by a scan."""
        if self._added:
            self._keys.extend(self._added)
            self._keys.sort()
            self._added.clear()
        if self._removed:
            self._keys = [key for key in self._keys if key not in self._removed]
            self._removed.clear()
        return self._keys


class _MemoryReader:
    def __init__(self, content: _Content, guard: threading.Lock) -> None:
        self._content = content
        self._guard = guard
        self._closed = False

    def _verify_open(self) -> None:
        if self._closed:
            raise StoreClosed(_NAME, "has been closed")

    def get(self, key: bytes) -> bytes | None:
        """See `ports.Reader`."""
        with self._guard:  # so that a batch is seen as a whole
            self._verify_open()
            return self._content.values.get(key)

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ports.Reader`."""
        content = self._share()
        keys = content.keys()
        chosen = keys[bisect_left(keys, start) : bisect_left(keys, stop)]
        return self._pairs(content, reversed(chosen) if reverse else iter(chosen))

    def _pairs(self, content: _Content, chosen: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for key in chosen:
            self._verify_open()
            yield key, content.values[key]

    def _share(self) -> _Content:
        """The content as it is now, never to change."""
        with self._guard:
            self._verify_open()
            self._content.keys()
            self._content.shared = True
            return self._content

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
        """See `ports.Reader`."""
        self._closed = True


class _MemorySnapshot(_MemoryReader):
    def __init__(self, content: _Content, guard: threading.Lock, store: MemoryStore) -> None:
        super().__init__(content, guard)
        self._store = store

    def _verify_open(self) -> None:
        super()._verify_open()
        self._store.verify_open()


class MemoryStore(_MemoryReader):
    """Ordered keys and values in memory. ``sync`` makes no difference: nothing outlives it."""

    def __init__(self) -> None:
        super().__init__(_Content({}, []), threading.Lock())

    def verify_open(self) -> None:
        """Raise StoreClosed once the store has been closed."""
        self._verify_open()

    def batch(self) -> Batch:
        """See `ports.Store`."""
        self._verify_open()
        return ChangeBatch(self)

    def write(self, batch: Batch, *, sync: bool) -> None:
        """See `ports.Store`."""
        if not (isinstance(batch, ChangeBatch) and batch.store is self):
            raise ValueError("the batch was made by another store")
        with self._guard:
            self._verify_open()
            content = self._content.copy() if self._content.shared else self._content
            content.apply(batch.changes)
            self._content = content

    def snapshot(self) -> Reader:
        """See `ports.Store`."""
        return _MemorySnapshot(self._share(), self._guard, self)

    def describe(self) -> dict[str, int | str]:
        """See `ports.Store`."""
        with self._guard:
            self._verify_open()
            used = sum(len(key) + len(value) for key, value in self._content.values.items())
            return {"kind": "memory", "bytes": used, "memory_bytes": used, "files": 0}

    def compact_range(self, start: bytes, stop: bytes) -> None:
        """See `ports.Store`; memory holds no replaced rows."""
        with self._guard:
            self._verify_open()

    def check(self) -> None:
        """See `ports.Store`; memory has no checksums."""
        self._verify_open()


class MemorySegments:
    """Append-only records in memory, with the refs that files would give them."""

    def __init__(self, *, max_bytes: int = 64 << 20) -> None:
        self._max_bytes = max_bytes
        self._records: list[tuple[SegmentRef, bytes]] = []
        self._first = 1
        self._last = 1
        self._end = HEADER_BYTES
        self._closed = False
        self._guard = threading.RLock()

    def append(self, payload: bytes) -> SegmentRef:
        """See `ports.Segments`."""
        length = len(payload)
        if length > MAX_PAYLOAD:
            raise ValueError(f"a record holds at most {MAX_PAYLOAD} bytes, not {length}")
        with self._guard:
            self._verify_open()
            if segment_is_full(self._end, length, self._max_bytes):
                self._last, self._end = self._last + 1, HEADER_BYTES
            ref = SegmentRef(self._last, self._end, length)
            self._records.append((ref, bytes(payload)))
            self._end = record_end(self._end, length)
            return ref

    def sync(self) -> None:
        """See `ports.Segments`; there is nothing to make durable."""
        self._verify_open()

    def read(self, ref: SegmentRef) -> bytes:
        """See `ports.Segments`."""
        with self._guard:
            return self._records[self._index(ref)][1]

    def read_range(self, ref: SegmentRef, start: int, length: int) -> bytes:
        """See `ports.Segments`."""
        if not 0 <= start <= start + length <= ref.length:
            raise ValueError(f"bytes {start} to {start + length} are not within {ref.length}")
        return self.read(ref)[start : start + length]

    def records(self, after: SegmentRef | None) -> Iterator[tuple[SegmentRef, bytes]]:
        """See `ports.Segments`."""
        with self._guard:
            self._verify_open()
            start = (0, 0, 0) if after is None else self._records[self._index(after)][0]
        return self._behind(start)

    def _behind(self, place: tuple[int, int, int]) -> Iterator[tuple[SegmentRef, bytes]]:
        while True:
            with self._guard:
                self._verify_open()
                index = bisect_right(self._records, place, key=_ref_of)
                if index == len(self._records):
                    return
                place, payload = self._records[index]
            yield place, payload

    def cut(self, after: SegmentRef | None) -> int:
        """See `ports.Segments`."""
        with self._guard:
            self._verify_open()
            kept = 0 if after is None else self._index(after) + 1
            before = self._size()
            del self._records[kept:]
            self._last = self._first if after is None else after.segment
            self._end = HEADER_BYTES if after is None else record_end(after.offset, after.length)
            return before - self._size()

    def _size(self) -> int:
        """Bytes that files would have."""
        used = sum(record_end(0, ref.length) for ref, _ in self._records)
        return used + HEADER_BYTES * (self._last - self._first + 1)

    def drop_before(self, segment: int) -> None:
        """See `ports.Segments`."""
        with self._guard:
            self._verify_open()
            self._first = max(self._first, min(segment, self._last))
            kept = bisect_left(self._records, self._first, key=_segment_of)
            del self._records[:kept]

    def _index(self, ref: SegmentRef) -> int:
        self._verify_open()
        index = bisect_left(self._records, ref, key=_ref_of)
        if index < len(self._records) and self._records[index][0] == ref:
            return index
        where = f"{_SEGMENTS_NAME}, segment {ref.segment} at offset {ref.offset}"
        if ref.segment < self._first:
            raise SegmentDropped(where, "has been dropped")
        raise StoreCorrupt(where, f"no record of {ref.length} bytes stands there")

    def _verify_open(self) -> None:
        if self._closed:
            raise StoreClosed(_SEGMENTS_NAME, "have been closed")

    def close(self) -> None:
        """See `ports.Segments`."""
        self._closed = True


def _ref_of(record: tuple[SegmentRef, bytes]) -> SegmentRef:
    return record[0]


def _segment_of(record: tuple[SegmentRef, bytes]) -> int:
    return record[0].segment
