"""The Segments port over files: ``0000000001.seg``, ``0000000002.seg`` and so on in a directory.

An append goes to the page cache with one system call, and `sync` is one ``fdatasync``. Reads use
descriptors of their own, so they neither wait for appends nor disturb them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from node.storage.directory import ensure_directory, remove_file
from node.storage.errors import (
    StorageError,
    StoreClosed,
    StoreCorrupt,
    from_os_error,
)
from node.storage.lock import DirectoryLock
from node.storage.ports import MAX_PAYLOAD, SegmentRef
from node.storage.segment_files import (
    SegmentReader,
    SegmentTail,
    create_segment,
    open_tail,
    place_of,
    segment_numbers,
    segment_path,
    write_all,
)
from node.storage.segment_format import (
    HEADER_BYTES,
    RECORD_HEADER_BYTES,
    encode_record_header,
    payload_length,
    payload_of,
    record_end,
    segment_is_full,
)

__all__ = ["FileSegments"]

_LARGEST_SEGMENT = 2 << 30
"""Its size, and a record of any length more, must fit the header of the next."""


class FileSegments:
    """Append-only records in a directory of their own."""

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int = 64 << 20,
        open_files: int = 16,
        create: bool = True,
        synced: SegmentRef | None = None,
    ) -> None:
        """Open the segments in the directory ``path``, and find out how the last one ends.

        Args:
            path: the directory; nothing else may lie in it.
            max_bytes: a record that would make a file longer than this begins a new one; at most
                2 GiB.
            open_files: files kept open for reading.
            create: whether a missing directory is made.
            synced: a record that is known to have been synced. The search for the end begins with
                it: to read all of a large last segment would take longer than all else.

        Raises:
            StoreLocked: somebody has it open.
            StoreFormat: the last segment has a newer format.
            StoreCorrupt: a segment is missing, or the last one's header is damaged.
            StoreFull, StoreUnavailable: the directory cannot be used.
        """
        self._path = Path(path)
        self._max_bytes = min(max_bytes, _LARGEST_SEGMENT)
        ensure_directory(self._path, create=create)
        self._lock = DirectoryLock(self._path)
        try:
            numbers = segment_numbers(self._path)
            self._tail: SegmentTail | None = None
            if numbers:
                begin = synced.offset if synced and synced.segment == numbers[-1] else 0
                self._tail = open_tail(self._path, numbers[-1], begin)
        except BaseException:
            self._lock.release()
            raise
        self._reader = SegmentReader(self._path, numbers.start, open_files)
        self._failure: StorageError | None = None
        self._closed = False
        # Taken in this order. Whoever holds the second may use the tail's descriptor.
        self._appending = threading.Lock()
        self._syncing = threading.Lock()

    def append(self, payload: bytes) -> SegmentRef:
        """See `ports.Segments`."""
        length = len(payload)
        if length > MAX_PAYLOAD:
            raise ValueError(f"a record holds at most {MAX_PAYLOAD} bytes, not {length}")
        with self._appending:
            self._verify_writable()
            tail = self._tail_with_room(length)
            ref = SegmentRef(tail.segment, tail.end, length)
            try:
                _write(tail, encode_record_header(payload), payload)
            except OSError as error:
                raise self._fail(error, tail, "appending") from error
            tail.end = record_end(tail.end, length)
            return ref

    def _tail_with_room(self, length: int) -> SegmentTail:
        tail = self._tail
        if tail is not None and tail.fault is not None:
            raise StoreCorrupt(place_of(self._path, tail.segment, tail.end), tail.fault)
        if tail is None or segment_is_full(tail.end, length, self._max_bytes):
            return self._begin_segment()
        if tail.torn:
            with self._syncing:
                self._remove_tail(tail, tail.end)
        return tail

    def _begin_segment(self) -> SegmentTail:
        """Only when a segment is durable does the next one come to be: so only the last is torn."""
        with self._syncing:
            tail = self._tail
            if tail is not None:
                self._remove_tail(tail, tail.end)
                self._sync(tail)
            try:
                if tail is None:
                    following = create_segment(self._path, self._reader.first, 0)
                else:
                    following = create_segment(self._path, tail.segment + 1, tail.end)
            except StorageError as error:
                self._failure = error
                raise
            self._tail = following
            if tail is not None:
                os.close(tail.descriptor)
            return following

    def _remove_tail(self, tail: SegmentTail, end: int) -> None:
        """Shorten the last segment to ``end``, durably."""
        try:
            if os.fstat(tail.descriptor).st_size > end:
                os.ftruncate(tail.descriptor, end)
                os.fsync(tail.descriptor)
                tail.synced = end
        except OSError as error:
            raise self._fail(error, tail, "cutting") from error
        tail.end = end
        tail.torn, tail.fault = 0, None

    def sync(self) -> None:
        """See `ports.Segments`."""
        with self._syncing:
            self._verify_writable()
            if self._tail is not None:
                self._sync(self._tail)

    def _sync(self, tail: SegmentTail) -> None:
        end = tail.end
        if tail.synced == end:
            return
        try:
            os.fdatasync(tail.descriptor)
        except OSError as error:
            raise self._fail(error, tail, "syncing") from error
        tail.synced = end

    def read(self, ref: SegmentRef) -> bytes:
        """See `ports.Segments`."""
        self._verify_ref(ref)
        record = self._read(ref.segment, ref.offset, RECORD_HEADER_BYTES + ref.length)
        payload = payload_of(record)
        if payload is None or len(payload) != ref.length:
            where = place_of(self._path, ref.segment, ref.offset)
            raise StoreCorrupt(where, f"no whole record of {ref.length} bytes stands there")
        return payload

    def read_range(self, ref: SegmentRef, start: int, length: int) -> bytes:
        """See `ports.Segments`."""
        if not 0 <= start <= start + length <= ref.length:
            raise ValueError(f"bytes {start} to {start + length} are not within {ref.length}")
        self._verify_ref(ref)
        offset = ref.offset + RECORD_HEADER_BYTES + start
        data = self._read(ref.segment, offset, length)
        if len(data) < length:
            where = place_of(self._path, ref.segment, offset)
            raise StoreCorrupt(where, f"the file ends before the {length} bytes asked for")
        return data

    def _verify_ref(self, ref: SegmentRef) -> None:
        tail = self._tail
        if ref.offset < HEADER_BYTES or not 0 <= ref.length <= MAX_PAYLOAD:
            where = place_of(self._path, ref.segment, ref.offset)
            raise StoreCorrupt(where, f"no record of {ref.length} bytes can stand there")
        if tail is None or ref.segment > tail.segment:
            raise StoreCorrupt(str(segment_path(self._path, ref.segment)), "there is no such file")

    def _read(self, segment: int, offset: int, length: int) -> bytes:
        if self._closed:
            raise StoreClosed(str(self._path), "has been closed")
        return self._reader.read(segment, offset, length)

    def records(self, after: SegmentRef | None) -> Iterator[tuple[SegmentRef, bytes]]:
        """See `ports.Segments`."""
        if self._closed:
            raise StoreClosed(str(self._path), "has been closed")
        if after is None:
            return self._records(self._reader.first, HEADER_BYTES)
        self.read(after)
        if self._tail is not None and after.segment == self._tail.segment:
            self._verify_within(self._tail, after)
        return self._records(after.segment, record_end(after.offset, after.length))

    def _records(self, segment: int, offset: int) -> Iterator[tuple[SegmentRef, bytes]]:
        while (tail := self._tail) is not None:
            is_last = segment == tail.segment
            end = tail.end if is_last else self._reader.size(segment)
            while offset < end:
                ref, payload = self._record_at(segment, offset, end)
                offset = record_end(offset, ref.length)
                yield ref, payload
            if not is_last:
                self._reader.verify_size(segment)
                segment, offset = segment + 1, HEADER_BYTES
            elif tail.fault is not None:
                raise StoreCorrupt(place_of(self._path, segment, offset), tail.fault)
            elif offset >= tail.end and tail is self._tail:
                return

    def _record_at(self, segment: int, offset: int, end: int) -> tuple[SegmentRef, bytes]:
        header = self._read(segment, offset, RECORD_HEADER_BYTES)
        length = payload_length(header)
        where = place_of(self._path, segment, offset)
        if record_end(offset, length) > end:
            raise StoreCorrupt(where, "the record runs past the end of its segment")
        body = self._read(segment, offset + RECORD_HEADER_BYTES, length)
        payload = payload_of(header + body)
        if payload is None:
            raise StoreCorrupt(where, "the record's checksum does not hold")
        return SegmentRef(segment, offset, length), payload

    def _verify_within(self, tail: SegmentTail, ref: SegmentRef) -> None:
        """Check that the record stands before the place where the segment is torn or damaged."""
        if record_end(ref.offset, ref.length) > tail.end:
            fault = tail.fault or f"torn here, before the record at offset {ref.offset}"
            raise StoreCorrupt(place_of(self._path, tail.segment, tail.end), fault)

    def cut(self, after: SegmentRef | None) -> int:
        """See `ports.Segments`."""
        with self._appending, self._syncing:
            self._verify_writable()
            if after is not None:
                self.read(after)
            tail = self._tail
            if tail is None:
                return 0
            segment = self._reader.first if after is None else after.segment
            end = HEADER_BYTES if after is None else record_end(after.offset, after.length)
            kept = tail if segment == tail.segment else open_tail(self._path, segment, 0)
            if after is not None:
                try:
                    self._verify_within(kept, after)
                except StoreCorrupt:
                    if kept is not tail:
                        os.close(kept.descriptor)
                    raise
            try:
                return self._cut(tail, kept, end)
            except StorageError as error:
                self._failure = error
                raise

    def _cut(self, tail: SegmentTail, kept: SegmentTail, end: int) -> int:
        removed = 0
        if kept is not tail:
            os.close(tail.descriptor)
            self._tail = kept
            # From the last one backwards: whenever a crash comes, none is missing between others.
            for number in range(tail.segment, kept.segment, -1):
                self._reader.forget(number)
                removed += remove_file(segment_path(self._path, number))
        removed += kept.end + kept.torn - end
        self._remove_tail(kept, end)
        return removed

    def drop_before(self, segment: int) -> None:
        """See `ports.Segments`."""
        with self._appending:
            if self._closed:
                raise StoreClosed(str(self._path), "has been closed")
            last = self._tail.segment if self._tail is not None else self._reader.first
            for number in range(self._reader.first, min(segment, last)):
                # First the mark, so that whoever finds the file gone knows why.
                self._reader.first = number + 1
                self._reader.forget(number)
                remove_file(segment_path(self._path, number))

    def close(self) -> None:
        """See `ports.Segments`."""
        with self._appending, self._syncing:
            if self._closed:
                return
            self._closed = True
            if self._tail is not None:
                os.close(self._tail.descriptor)
            self._reader.close()
            self._lock.release()

    def _verify_writable(self) -> None:
        if self._closed:
            raise StoreClosed(str(self._path), "has been closed")
        if self._failure is not None:
            raise self._failure.repeated()

    def _fail(self, error: OSError, tail: SegmentTail, doing: str) -> StorageError:
        """Remember that nobody knows any more what the disk holds."""
        self._failure = from_os_error(error, place_of(self._path, tail.segment, tail.end), doing)
        return self._failure


def _write(tail: SegmentTail, header: bytes, payload: bytes) -> None:
    written = os.pwritev(tail.descriptor, [header, payload], tail.end)
    if written < len(header) + len(payload):
        rest = memoryview(header + payload)[written:]
        write_all(tail.descriptor, rest, tail.end + written)
