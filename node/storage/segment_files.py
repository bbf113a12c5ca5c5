"""Segment files as the disk has them: which there are, opening, making and reading them."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from pathlib import Path

from node.storage.directory import remove_file, sync_directory
from node.storage.errors import SegmentDropped, StoreCorrupt, StoreFormat, from_os_error
from node.storage.segment_format import (
    FORMAT,
    HEADER_BYTES,
    RECORD_HEADER_BYTES,
    SegmentHeader,
    damage_of,
    decode_header,
    encode_header,
    payload_length,
    payload_of,
    record_end,
)

__all__ = [
    "SegmentReader",
    "SegmentTail",
    "create_segment",
    "open_tail",
    "place_of",
    "segment_numbers",
    "segment_path",
    "write_all",
]

_NAME = re.compile(r"(\d{10})\.seg", re.ASCII)


def segment_path(directory: Path, segment: int) -> Path:
    """The file of segment number ``segment``."""
    return directory / f"{segment:010d}.seg"


def place_of(directory: Path, segment: int, offset: int) -> str:
    """A place in a segment, as errors name it."""
    return f"{segment_path(directory, segment)} at offset {offset}"


def segment_numbers(directory: Path) -> range:
    """The numbers of the segments there are.

    A last one without a whole header holds nothing yet: a crash came while it was made, and it is
    removed.

    Raises:
        StoreCorrupt: one in between is missing.
        StoreUnavailable: the directory cannot be read.
    """
    try:
        names = [_NAME.fullmatch(entry.name) for entry in directory.iterdir()]
    except OSError as error:
        raise from_os_error(error, str(directory), "reading the directory") from error
    numbers = sorted(int(name.group(1)) for name in names if name)
    if numbers and _is_unfinished(segment_path(directory, numbers[-1])):
        remove_file(segment_path(directory, numbers.pop()))
    if not numbers:
        return range(1, 1)
    for expected, number in enumerate(numbers, numbers[0]):
        if number != expected:
            raise StoreCorrupt(str(segment_path(directory, expected)), "is missing between others")
    return range(numbers[0], numbers[-1] + 1)


def _is_unfinished(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(HEADER_BYTES + 1)
    except OSError as error:
        raise from_os_error(error, str(path), "reading") from error
    return len(start) < HEADER_BYTES or start == bytes(HEADER_BYTES)


def create_segment(directory: Path, segment: int, previous_bytes: int) -> SegmentTail:
    """Make an empty segment, durably; the one before it has ``previous_bytes``.

    Raises:
        StoreFull, StoreUnavailable: it cannot be made.
    """
    path = segment_path(directory, segment)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, encode_header(segment, previous_bytes), 0)
            os.fsync(descriptor)
            sync_directory(directory)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise from_os_error(error, str(path), "making a segment") from error
    return SegmentTail(segment, descriptor, HEADER_BYTES)


class SegmentTail:
    """The last segment, the one that is written to.

    Attributes:
        segment: its number.
        descriptor: open for reading and writing.
        end: where its whole records end.
        synced: up to where it is known to be durable.
        torn: how many bytes of a torn or damaged tail stand behind ``end``.
        fault: what is wrong with them, None when a crash explains them.
    """

    __slots__ = ("descriptor", "end", "fault", "segment", "synced", "torn")

    def __init__(self, segment: int, descriptor: int, end: int) -> None:
        self.segment = segment
        self.descriptor = descriptor
        self.end = end
        self.synced = end
        self.torn = 0
        self.fault: str | None = None


def open_tail(directory: Path, segment: int, begin: int) -> SegmentTail:
    """Open the last segment and find where its whole records end, from the one at ``begin`` on (0:
    the first; also where the file is not as long).

    It is synced first: what a process left in the page cache when it died is not durable yet. And
    the cache is then dropped: a page that an earlier sync failed to write still stands there as if
    it had been written.

    Raises:
        StoreCorrupt, StoreFormat: its header is not right.
        StoreFull, StoreUnavailable: it cannot be read, or be synced.
    """
    path = segment_path(directory, segment)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            _header(path, segment, descriptor)
            size = os.fstat(descriptor).st_size
            tail = SegmentTail(segment, descriptor, _end_of_whole_records(descriptor, size, begin))
            if tail.end < size:
                tail.torn = size - tail.end
                tail.fault = damage_of(_read(descriptor, tail.end, tail.torn), tail.end)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise from_os_error(error, str(path), "opening the last segment") from error
    return tail


def _header(path: Path, segment: int, descriptor: int) -> SegmentHeader:
    header = decode_header(_read(descriptor, 0, HEADER_BYTES))
    if header is None:
        raise StoreCorrupt(f"{path} at offset 0", "the file's header is damaged")
    if header.version != FORMAT:
        raise StoreFormat(str(path), f"segments of format {header.version}", f"format {FORMAT}")
    if header.segment != segment:
        raise StoreCorrupt(f"{path} at offset 0", f"the file is that of segment {header.segment}")
    return header


def _end_of_whole_records(descriptor: int, size: int, begin: int) -> int:
    offset = begin if HEADER_BYTES < begin < size else HEADER_BYTES
    while offset < size:
        length = payload_length(_read(descriptor, offset, RECORD_HEADER_BYTES))
        end = record_end(offset, length)
        if end > size or payload_of(_read(descriptor, offset, end - offset)) is None:
            break
        offset = end
    return offset


def _read(descriptor: int, offset: int, length: int) -> bytes:
    """``length`` bytes, or as many as the file has; one call may give fewer than there are."""
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data``; one call may take only part of it."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


class _Descriptor:
    """Closed when the last thread that reads through it has let go of it."""

    __slots__ = ("header", "number")

    def __init__(self, path: Path, segment: int) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.header = _header(path, segment, self.number)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class SegmentReader:
    """Reads any segment of a directory; keeps the descriptors of those read last.

    Attributes:
        first: the first segment; those below have been dropped.
    """

    def __init__(self, directory: Path, first: int, open_files: int) -> None:
        self.first = first
        self._directory = directory
        self._open_files = open_files
        self._open: OrderedDict[int, _Descriptor] = OrderedDict()
        self._guard = threading.Lock()

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """``length`` bytes of a file, or as many as it has.

        Raises:
            SegmentDropped: the segment has been dropped.
            StoreCorrupt, StoreFormat: it is missing, or its header is not right.
            StoreUnavailable: it cannot be read.
        """
        descriptor = self._descriptor(segment)
        try:
            return _read(descriptor.number, offset, length)
        except OSError as error:
            where = place_of(self._directory, segment, offset)
            raise from_os_error(error, where, "reading") from error

    def size(self, segment: int) -> int:
        """Bytes of a file. Raises as `read` does."""
        descriptor = self._descriptor(segment)  # held on to: another thread may evict it
        return os.fstat(descriptor.number).st_size

    def verify_size(self, segment: int) -> None:
        """Check that a segment still has the size that its successor says it had.

        Raises:
            StoreCorrupt: it has not.
            SegmentDropped, StoreFormat, StoreUnavailable: as for `read`.
        """
        size = self.size(segment)
        known = self._descriptor(segment + 1).header.previous_bytes
        if known not in (0, size):
            where = place_of(self._directory, segment, size)
            raise StoreCorrupt(where, f"the segment ends, and had {known} bytes when it was full")

    def _descriptor(self, segment: int) -> _Descriptor:
        with self._guard:
            descriptor = self._open.get(segment)
            if descriptor is not None:
                self._open.move_to_end(segment)
                return descriptor
        path = segment_path(self._directory, segment)
        try:
            descriptor = _Descriptor(path, segment)
        except FileNotFoundError as error:
            if segment < self.first:
                raise SegmentDropped(str(path), "has been dropped") from error
            raise StoreCorrupt(str(path), "the file is missing") from error
        except OSError as error:
            raise from_os_error(error, str(path), "opening") from error
        with self._guard:
            self._open[segment] = descriptor
            while len(self._open) > self._open_files:
                self._open.popitem(last=False)
        return descriptor

    def forget(self, segment: int) -> None:
        """Keep no descriptor of a segment that goes away."""
        with self._guard:
            self._open.pop(segment, None)

    def close(self) -> None:
        """Keep no descriptors at all."""
        with self._guard:
            self._open.clear()
