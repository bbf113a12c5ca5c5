"""The Store port over LevelDB, by plyvel.

What was found out about LevelDB 1.22 and plyvel 1.5.1, and decided on it:

- plyvel's ordinary iterator ends in silence when the last block it comes to is damaged; its raw
  iterator reports every fault. So scans use the raw one (300 instead of 256 ns a pair).
- Checksums are verified on every read: 0.5 µs of 2.4. Without, a flipped bit comes back as data.
- No compression: what the ledger keeps is hashes and compressed bytes. Snappy made a store of it
  10 % smaller, its reads 60 % slower, its writes no faster.
- A record that could be written only in part stays in LevelDB's log, and what it writes behind it
  cannot be read again. So after one failed write none follows, and writes go one by one.
- A table file that somebody deletes under a running store makes `get` find nothing. `check` and
  scans notice, and so does the next start.
- Each ``put`` into LevelDB's batch hands over the interpreter's lock and takes it again: 0.1 µs as
  a rule, 4 to 8 µs while another thread computes. So changes are gathered in a list, and put by the
  thread that writes. The write itself, with its sync, leaves the lock free.
- After a loss of power a file system that does not keep the order of a file's blocks (XFS, unlike
  ext4 with its defaults) can leave zeros inside the batch that was being written. LevelDB cannot
  tell that from damage, and the store opens as StoreCorrupt; the batch had not been acknowledged.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from weakref import WeakSet

import plyvel

from node.storage.batch import ChangeBatch
from node.storage.directory import ensure_directory, sync_directory
from node.storage.errors import StorageError, StoreCorrupt, StoreUnavailable
from node.storage.leveldb_faults import damaged_range, storage_error
from node.storage.leveldb_files import verify_directory
from node.storage.leveldb_format import FORMAT_KEY, verify_format
from node.storage.leveldb_reader import LevelReader, LevelSnapshot
from node.storage.lock import DirectoryLock
from node.storage.ports import BEHIND_LAST_KEY, Batch, Reader

__all__ = ["LevelStore", "open_leveldb"]

_BEFORE_ALL = b"\x00"
_BLOOM_BITS = 10
_TABLE_BYTES = 8 << 20
_LEVELS = 7


def open_leveldb(
    path: str | Path,
    *,
    kind: str = "store",
    write_buffer: int = 64 << 20,
    block_cache: int = 32 << 20,
    max_open_files: int = 1000,
    compress: bool = False,
    create: bool = True,
) -> LevelStore:
    """Open the store in the directory ``path``, making it if there is none and ``create`` holds.

    Args:
        path: the directory; nothing else may lie in it.
        kind: what the store is for (``ledger``); a store made for something else is refused.
        write_buffer: bytes kept in memory before a table is written; twice that can be in use.
        block_cache: bytes of uncompressed blocks kept in memory.
        max_open_files: tables kept open, each with its index and filter in memory.
        compress: compress blocks with Snappy.
        create: whether a missing store is made.

    Raises:
        StoreLocked: somebody has it open.
        StoreFormat: it is of another kind or a newer format; its data was not changed.
        StoreCorrupt: its files are damaged.
        StoreFull: there is no space to open it in (LevelDB writes its log into tables then).
        StoreUnavailable: the directory cannot be used.
    """
    path = Path(path)
    ensure_directory(path, create=create)
    lock = DirectoryLock(path)
    try:
        exists = verify_directory(path)
        if not exists and not create:
            raise StoreUnavailable(str(path), "there is no store in the directory")
        try:
            database = plyvel.DB(
                str(path),
                create_if_missing=not exists,
                paranoid_checks=True,
                write_buffer_size=write_buffer,
                lru_cache_size=block_cache,
                max_open_files=max_open_files,
                max_file_size=_TABLE_BYTES,
                compression="snappy" if compress else None,
                bloom_filter_bits=_BLOOM_BITS,
            )
        except plyvel.Error as error:
            raise storage_error(error, path, "opening") from error
        try:
            verify_format(database, path, kind)
            sync_directory(path)
        except BaseException:
            database.close()
            raise
    except BaseException:
        lock.release()
        raise
    return LevelStore(database, path, lock)


class LevelStore(LevelReader):
    """A LevelDB database in a directory of its own; made by `open_leveldb`."""

    def __init__(self, database: Any, path: Path, lock: DirectoryLock) -> None:
        super().__init__(database, path)
        self._lock = lock
        self._writing = threading.Lock()
        self._failure: StorageError | None = None
        self._closing = threading.Lock()
        self._snapshots: WeakSet[LevelSnapshot] = WeakSet()

    @property
    def name(self) -> str:
        """The directory, as errors name it."""
        return str(self._path)

    def batch(self) -> Batch:
        """See `ports.Store`."""
        with self._gate:
            return ChangeBatch(self)

    def write(self, batch: Batch, *, sync: bool) -> None:
        """See `ports.Store`."""
        if not (isinstance(batch, ChangeBatch) and batch.store is self):
            raise ValueError("the batch was made by another store")
        with self._gate, self._writing:
            if self._failure is not None:
                raise self._failure.repeated()
            ready = self._source.write_batch(sync=sync)
            put, delete = ready.put, ready.delete
            for key, value in batch.changes:
                if value is None:
                    delete(key)
                else:
                    put(key, value)
            try:
                ready.write()
            except plyvel.Error as error:
                self._failure = storage_error(error, self._path, "writing")
                raise self._failure from error

    def snapshot(self) -> Reader:
        """See `ports.Store`."""
        with self._gate:
            snapshot = LevelSnapshot(self._source.snapshot(), self._path)
            self._snapshots.add(snapshot)
            return snapshot

    def describe(self) -> dict[str, int | str]:
        """See `ports.Store`; besides, the ``files`` of level 0, which slow reads and writes."""
        with self._gate:
            files = [int(self._property(f"num-files-at-level{level}")) for level in range(_LEVELS)]
            return {
                "kind": "leveldb",
                "bytes": self._source.approximate_size(b"", BEHIND_LAST_KEY),
                "memory_bytes": int(self._property("approximate-memory-usage")),
                "files": sum(files),
                "level_0_files": files[0],
            }

    def compact_range(self, start: bytes, stop: bytes) -> None:
        """See `ports.Store`."""
        with self._gate:
            self._source.compact_range(start=start, stop=stop)

    def _property(self, name: str) -> bytes:
        value: bytes = self._source.get_property(f"leveldb.{name}".encode())
        return value

    def check(self) -> None:
        """See `ports.Store`."""
        with self._gate:
            cursor = self._source.raw_iterator(verify_checksums=True, fill_cache=False)
        last = b""
        try:
            for key, _ in self._pairs(cursor, b"", None, reverse=False):
                last = key
        except StoreCorrupt as error:
            with self._gate:
                where = damaged_range(self._source, self._path, last)
            raise StoreCorrupt(where, error.fault) from error
        with self._gate:
            if self._source.get(FORMAT_KEY, None, verify_checksums=True) is None:
                raise StoreCorrupt(self.name, "the store's own first key is missing")

    def close(self) -> None:
        """See `ports.Reader`."""
        with self._closing:
            self._gate.shut()
            for snapshot in list(self._snapshots):
                snapshot.close()
            if not self._source.closed and self._failure is None:
                # Behind no key: nothing but what only the log holds is written into a file, which
                # whoever opens the store would have to do first.
                self._source.compact_range(start=_BEFORE_ALL, stop=_BEFORE_ALL)
            self._source.close()
            self._lock.release()
