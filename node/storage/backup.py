"""Copies of a store and of segments, made while both are in use.

LevelDB has no way to copy its files under a running process. So the copy is logical: a snapshot is
read and written into a new store. A backup of a ledger is, in this order: a snapshot of its store;
the segments up to the last record that this snapshot names; the store itself from the snapshot.

A copy is made in a directory beside the target and gets the target's name when it is whole, has
been read again and is durable: what bears the name is a complete backup.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.storage.directory import ensure_directory, sync_directory
from node.storage.errors import StoreCorrupt, StoreUnavailable, from_os_error
from node.storage.leveldb import open_leveldb
from node.storage.lock import DirectoryLock
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Reader, SegmentRef, Segments
from node.storage.segment_files import segment_path
from node.storage.segment_format import HEADER_BYTES, encode_header, encode_record_header
from node.storage.segments import FileSegments

__all__ = ["Copied", "copy_segments", "copy_store"]

_BATCH_BYTES = 4 << 20
_PROGRESS_RECORDS = 1000

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Copied:
    """What a copy holds.

    Attributes:
        count: keys, or records.
        size_bytes: of the keys and values, or of the payloads.
        sha256: over all of it in order; two copies of the same content have the same.
    """

    count: int
    size_bytes: int
    sha256: bytes


class _Tally:
    def __init__(self) -> None:
        self.count = 0
        self._size = 0
        self._hash = hashlib.sha256()

    def add_pair(self, key: bytes, value: bytes) -> None:
        self._hash.update(struct.pack(">II", len(key), len(value)) + key)
        self._hash.update(value)
        self._size += len(key) + len(value)
        self.count += 1

    def add_record(self, ref: SegmentRef, payload: bytes) -> None:
        self._hash.update(struct.pack(">III", *ref))
        self._hash.update(payload)
        self._size += len(payload)
        self.count += 1

    def result(self) -> Copied:
        return Copied(self.count, self._size, self._hash.digest())


def copy_store(
    reader: Reader,
    target: str | Path,
    *,
    kind: str = "store",
    progress: Progress | None = None,
) -> Copied:
    """Copy all that ``reader``, a snapshot, holds into a new LevelDB store at ``target``.

    Args:
        reader: what to copy. A store in use is copied from its `snapshot`.
        target: a directory that does not exist yet.
        kind: what the new store is for, as for `open_leveldb`.
        progress: called from time to time with the number of keys done.

    Raises:
        StoreUnavailable: the target exists, or cannot be written.
        StoreFull: no space is left for it.
        StoreCorrupt: what is copied is damaged, or the copy did not read back the same.
    """
    target = Path(target)
    partial = _begin(target)
    written = _Tally()
    with open_leveldb(partial, kind=kind) as store:
        batch = store.batch()
        for key, value in reader.scan(FIRST_KEY, BEHIND_LAST_KEY):
            batch.put(key, value)
            written.add_pair(key, value)
            if batch.size_bytes >= _BATCH_BYTES:
                store.write(batch, sync=True)
                batch = store.batch()
                if progress is not None:
                    progress(written.count)
        store.write(batch, sync=True)
    read = _Tally()
    with open_leveldb(partial, kind=kind, create=False) as store:
        for key, value in store.scan(FIRST_KEY, BEHIND_LAST_KEY):
            read.add_pair(key, value)
    if progress is not None:
        progress(written.count)
    return _finish(partial, target, written.result(), read.result())


def copy_segments(
    source: Segments,
    upto: SegmentRef,
    target: str | Path,
    *,
    progress: Progress | None = None,
) -> Copied:
    """Copy the records of ``source`` up to ``upto``, with it, into new segments at ``target``.

    Each record stands in the copy where it stands in the source, so a ref means the same in both.

    Args:
        source: what to copy; appending to it may go on.
        upto: the last record wanted.
        target: a directory that does not exist yet.
        progress: called from time to time with the number of records done.

    Raises:
        StoreUnavailable: the target exists, or cannot be written.
        StoreFull: no space is left for it.
        StoreCorrupt: ``upto`` is not there, a record is damaged, or the copy did not read back the
            same.
    """
    target = Path(target)
    source.read(upto)
    partial = _begin(target)
    written = _write_segments(source, upto, partial, progress)
    read = _Tally()
    copy = FileSegments(partial, create=False)
    try:
        for ref, payload in _until(copy, upto):
            read.add_record(ref, payload)
    finally:
        copy.close()
    return _finish(partial, target, written, read.result())


def _write_segments(
    source: Segments, upto: SegmentRef, directory: Path, progress: Progress | None
) -> Copied:
    ensure_directory(directory, create=True)
    written = _Tally()
    writer: _SegmentWriter | None = None
    try:
        for ref, payload in _until(source, upto):
            if writer is None or writer.segment != ref.segment:
                previous_bytes = 0 if writer is None else writer.close()
                writer = _SegmentWriter(directory, ref.segment, previous_bytes)
            writer.write(ref, payload)
            written.add_record(ref, payload)
            if progress is not None and (ref == upto or written.count % _PROGRESS_RECORDS == 0):
                progress(written.count)
    finally:
        if writer is not None:
            writer.close()
    sync_directory(directory)
    return written.result()


def _until(segments: Segments, upto: SegmentRef) -> Iterator[tuple[SegmentRef, bytes]]:
    for ref, payload in segments.records(None):
        yield ref, payload
        if ref >= upto:
            return


class _SegmentWriter:
    """Writes one segment file, each record at its own offset."""

    def __init__(self, directory: Path, segment: int, previous_bytes: int) -> None:
        self.segment = segment
        self._path = segment_path(directory, segment)
        self._end = HEADER_BYTES
        try:
            self._file = self._path.open("xb", buffering=1 << 20)
            self._file.write(encode_header(segment, previous_bytes))
        except OSError as error:
            raise from_os_error(error, str(self._path), "making a segment") from error

    def write(self, ref: SegmentRef, payload: bytes) -> None:
        if ref.offset != self._end:
            where = f"{self._path} at offset {self._end}"
            raise StoreCorrupt(where, f"the next record stands at offset {ref.offset}")
        header = encode_record_header(payload)
        try:
            self._file.write(header)
            self._file.write(payload)
        except OSError as error:
            raise from_os_error(error, str(self._path), "writing") from error
        self._end += len(header) + len(payload)

    def close(self) -> int:
        """Make it durable, unless that has been done; how many bytes it has."""
        if self._file.closed:
            return self._end
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise from_os_error(error, str(self._path), "writing") from error
        return self._end


def _begin(target: Path) -> Path:
    """The directory to make the copy in; what an interrupted copy left there is removed."""
    if target.exists():
        raise StoreUnavailable(str(target), "is there already, and is not overwritten")
    partial = target.with_name(target.name + ".partial")
    if partial.exists():
        DirectoryLock(partial).release()  # refuses while somebody is making the same copy
        try:
            shutil.rmtree(partial)
        except OSError as error:
            raise from_os_error(error, str(partial), "removing an unfinished copy") from error
    return partial


def _finish(partial: Path, target: Path, written: Copied, read: Copied) -> Copied:
    if read != written:
        fault = f"{written.count} were written, {read.count} read back, or not the same ones"
        raise StoreCorrupt(str(partial), fault)
    try:
        partial.rename(target)
    except OSError as error:
        raise from_os_error(error, str(target), "naming the copy") from error
    sync_directory(target.parent)
    return written
