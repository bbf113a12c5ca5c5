"""The ports behind which a node keeps its data: keys and values, and append-only records.

Two implementations of each exist: on disk (`leveldb`, `segments`) and in memory (`memory`). What
is promised here holds for both, except that nothing in memory outlives its process.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

__all__ = [
    "BEHIND_LAST_KEY",
    "FIRST_KEY",
    "KEY_RULE",
    "MAX_KEY",
    "MAX_PAYLOAD",
    "Batch",
    "Reader",
    "SegmentRef",
    "Segments",
    "Store",
]

MAX_KEY = 1024
"""Most bytes that a key may have."""

FIRST_KEY = b"\x01"
"""No key is below this one; what is belongs to the store itself."""

KEY_RULE = f"a key has 1 to {MAX_KEY} bytes and does not begin with 0x00"

BEHIND_LAST_KEY = b"\xff" * (MAX_KEY + 1)
"""Every key is below this one."""

MAX_PAYLOAD = 64 << 20
"""Most bytes that one record of a segment may hold."""


class Batch(Protocol):
    """Changes that are written together or not at all, in the order in which they were added.

    A key has 1 to `MAX_KEY` bytes and does not begin with 0x00: those keys are the store's own. A
    batch is filled by one thread at a time; another may write it. Writing does not empty it.
    """

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``.

        Raises:
            ValueError: the key is empty, too long, or begins with 0x00.
        """

    def delete(self, key: bytes) -> None:
        """Remove ``key``, which need not be there.

        Raises:
            ValueError: the key is empty, too long, or begins with 0x00.
        """

    def __len__(self) -> int:
        """Number of changes added."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the keys and values added, with a few of overhead for each."""


class Reader(Protocol):
    """What can be read. Any number of threads may read at once, while others write.

    A damaged block is never taken for a missing key: whatever is read from disk has its checksum
    verified first.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``, None when there is none.

        Raises:
            StoreCorrupt: the block that should hold it is damaged.
            StoreUnavailable: the disk could not be read.
            StoreClosed: this reader, or the store it belongs to, has been closed.
        """

    def scan(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys from ``start`` (with it) to ``stop`` (without it) and their values.

        In the order of the keys' bytes, or its reverse. The iterator sees what had been written
        when `scan` was called, whatever is written later. It holds resources until it is used up
        or deleted.

        Raises (the iterator too):
            StoreCorrupt: a block in the range is damaged; pairs before it have been delivered.
            StoreUnavailable: the disk could not be read.
            StoreClosed: this reader, or the store it belongs to, has been closed.
        """

    def close(self) -> None:
        """Let go of what is held, after calls under way have ended; a second time does nothing."""

    def __enter__(self) -> Self:
        """The reader itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""


class Store(Reader, Protocol):
    """Ordered keys and values. One process at a time has a store open."""

    def batch(self) -> Batch:
        """A new, empty batch for this store."""

    def write(self, batch: Batch, *, sync: bool) -> None:
        """Apply ``batch``: all of it is visible to reads that begin after this returns.

        It is atomic: after a crash either all of it is there or nothing. With ``sync`` it is
        durable on return, that is, it survives a loss of power. Without, it survives the death of
        the process; a loss of power may take it, **even when a batch written later with** ``sync``
        **stays**. So what later batches rest on must be written with ``sync``.

        When this raises StoreFull or StoreUnavailable, the batch may or may not be there once the
        store has been opened again, and until then every further write is refused: after a failed
        write or sync nobody knows what the disk holds.

        Raises:
            ValueError: the batch was made by another store.
            StoreFull, StoreUnavailable: it could not be written; see above.
            StoreCorrupt: a compaction has found damage, and nothing is written any more.
            StoreClosed: the store has been closed.
        """

    def snapshot(self) -> Reader:
        """A view of all that has been written so far, unchanged by what is written later.

        Raises:
            StoreClosed: the store has been closed.
        """

    def describe(self) -> dict[str, int | str]:
        """Figures for metrics: ``kind``, approximate ``bytes`` and ``memory_bytes``, ``files``."""

    def compact_range(self, start: bytes, stop: bytes) -> None:
        """Give up what is held of replaced and deleted rows from ``start`` up to ``stop``.

        It rewrites the files in which they lie, and takes as long as that takes; others may read
        and write meanwhile. What a snapshot or iterator still shows stays.

        Raises:
            StoreClosed: the store has been closed.
        """

    def check(self) -> None:
        """Read everything and verify every checksum. Takes as long as that takes.

        What is cached is not read again: to examine the disk, check a store just opened.

        Raises:
            StoreCorrupt: something is damaged; ``where`` names the directory, the keys between
                which it lies, and the files that it can be in.
        """


class SegmentRef(NamedTuple):
    """Where a record stands: the segment's number, the offset of the record's header in the file,
    and the length of the payload. Refs order as the records were appended."""

    segment: int
    offset: int
    length: int


class Segments(Protocol):
    """Records appended one behind the other to numbered files, and never changed.

    One thread at a time appends, or several: the order of the calls is kept. `sync` may be called
    from others meanwhile, and so may all that reads. One process at a time has the segments open.

    **What a crash can leave.** A segment is followed by another only once it is durable, so only
    the last can be torn, and in it only what came after the last `sync`. The death of the process,
    or a full disk, cuts the last record short. A loss of power may besides take back any of the
    blocks written since the last sync: these then read as zeros, whatever stands behind them. All
    this is a *torn tail*: reading stops in front of it, and the next append, or `cut`, removes it.

    **What it cannot leave** is a record of full length whose checksum fails without one sector of
    zeros in it; a length beyond `MAX_PAYLOAD`; a length that runs past the end of the file while
    one with a single bit changed, or the file's own end, would satisfy the checksum; anything but
    whole records, or fewer than there were, in a segment that has a successor; a missing number.
    All that is StoreCorrupt.

    Two damages look like a torn tail and cannot be told from one here: whole records missing from
    the very end, and damage to a record that holds a sector of zeros by itself. Whoever needs
    to know keeps elsewhere, durably, the ref of the last record that he relies on, and reads on
    behind it with ``records(after)``, which is StoreCorrupt when that record is not there.
    """

    def append(self, payload: bytes) -> SegmentRef:
        """Append a record. It can be read at once, and is durable after the next `sync`.

        Raises:
            ValueError: the payload is longer than `MAX_PAYLOAD`.
            StoreFull, StoreUnavailable: it could not be written. From then on every append and
                sync is refused until the segments have been opened again.
            StoreCorrupt: the end of the last segment is damaged (not torn); `cut` it first.
            StoreClosed: the segments have been closed.
        """

    def sync(self) -> None:
        """Make durable all that was appended before the call.

        A sync that failed is never tried again: the system may have thrown away what it could not
        write, and the next try would succeed without it.

        Raises:
            StoreFull, StoreUnavailable: as for `append`.
            StoreClosed: the segments have been closed.
        """

    def read(self, ref: SegmentRef) -> bytes:
        """The payload at ``ref``, its checksum verified.

        Raises:
            StoreCorrupt: no such record stands there; names segment and offset.
            SegmentDropped: the segment has been dropped.
            StoreUnavailable: the disk could not be read.
            StoreClosed: the segments have been closed.
        """

    def read_range(self, ref: SegmentRef, start: int, length: int) -> bytes:
        """``length`` bytes of the payload at ``ref`` from its byte ``start`` on.

        No checksum is verified: whoever decodes them checks them.

        Raises:
            ValueError: the range does not lie within ``ref``.
            StoreCorrupt: the file ends before it.
            SegmentDropped, StoreUnavailable, StoreClosed: as for `read`.
        """

    def records(self, after: SegmentRef | None) -> Iterator[tuple[SegmentRef, bytes]]:
        """Whole records in order: those behind ``after``, or all that have not been dropped.

        Ends in front of a torn tail.

        Raises (the iterator):
            StoreCorrupt: the record ``after`` is not there, or a later one is damaged; names
                segment and offset. Records before it have been delivered.
            SegmentDropped, StoreUnavailable, StoreClosed: as for `read`.
        """

    def cut(self, after: SegmentRef | None) -> int:
        """Remove everything behind ``after`` (None: everything), torn or damaged tails too.

        Durable on return. Nobody may be reading what is removed.

        Returns:
            How many bytes were removed from the files.

        Raises:
            StoreCorrupt: the record ``after`` is not there; nothing was removed.
            SegmentDropped, StoreUnavailable, StoreClosed: as for `read`.
        """

    def drop_before(self, segment: int) -> None:
        """Delete the segments whose number is below ``segment``; the last one always stays.

        Raises:
            StoreUnavailable, StoreClosed: as for `read`.
        """

    def close(self) -> None:
        """Let go of the files. What was not synced may be lost; a second time does nothing."""
