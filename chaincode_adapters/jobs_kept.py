"""Where jobs lie in the node's local store.

    a/c/<adapter>        Course: how far the adapter has come
    a/o/<job's key>      jobs under way, in the order of an adapter's points
    a/p/<job's key>      jobs that are parked: failed, or in conflict
    a/d/<job's key>      jobs that are final
    a/u/<job's key>      final jobs whose anchor is not on the ledger yet; no value

What is final is apart from what is under way, so that years of it cost a round nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from chaincode_adapters.jobs import (
    FINAL,
    QUEUED,
    Course,
    Job,
    decode_course,
    decode_job,
    encode,
)
from node.core.errors import LedgerFault
from node.storage.ports import Batch, Store

__all__ = ["JobsKept"]

_COURSE, _OPEN, _PARKED, _DONE, _UNRECORDED = b"a/c/", b"a/o/", b"a/p/", b"a/d/", b"a/u/"
_BEHIND_SIZE = b"\xff" * 8
_MOST_UNRECORDED = 1000
_MOST_PARKED = 1000
_MOST_UNDER_WAY = 256
"""So many may be under way at once; what stands behind them is queued."""
_MOST_COUNTED = 10_000
_Row = TypeVar("_Row")


class JobsKept:
    """The jobs in a local store. Each adapter's are written by its own thread alone; any may read.

    Raises LedgerFault where a row cannot be read: the local store is damaged.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- an adapter's course ----------------------------------------------------------------------

    def course(self, adapter: str) -> Course | None:
        """How far an adapter has come; None for a new one."""
        key = _COURSE + adapter.encode()
        raw = self._store.get(key)
        return None if raw is None else _decoded(key, raw, decode_course)

    def adapters(self) -> list[str]:
        """The names of all adapters that there have been."""
        return [key[len(_COURSE) :].decode() for key, _ in self._rows(_COURSE)]

    def put_course(self, adapter: str, course: Course, jobs: list[Job] | None = None) -> None:
        """Keep a course and new jobs with it, durably."""
        batch = self._store.batch()
        batch.put(_COURSE + adapter.encode(), encode(course))
        for job in jobs or ():
            batch.put(_OPEN + job.key, encode(job))
        self._store.write(batch, sync=True)

    # -- jobs -------------------------------------------------------------------------------------

    def under_way(self, adapter: str, most: int | None = None) -> list[Job]:
        """Jobs under way in the order of the points, the first ``most`` of them."""
        return list(islice(self._jobs(_OPEN, adapter), most))

    def parked(self, adapter: str) -> list[Job]:
        """Jobs that are failed or in conflict, the first thousand of them."""
        return list(islice(self._jobs(_PARKED, adapter), _MOST_PARKED))

    def count(self, adapter: str) -> Counter[str]:
        """How many jobs are in each state, and at most ten thousand of a long queue; final ones by
        the course, which counts them."""
        jobs = self._rows(_OPEN + adapter.encode() + b"\0")
        first = [_decoded(key, raw, decode_job) for key, raw in islice(jobs, _MOST_UNDER_WAY)]
        counts = Counter(job.state for job in (*first, *self.parked(adapter)))
        behind = sum(1 for _ in islice(jobs, _MOST_COUNTED - _MOST_UNDER_WAY))
        counts.update([QUEUED] * behind)
        course = self.course(adapter)
        counts[FINAL] = 0 if course is None else course.finals
        return counts

    def final(self, adapter: str, size: int) -> Job | None:
        """The final job of a size of the log."""
        start = _DONE + adapter.encode() + b"\0" + size.to_bytes(8, "big")
        for key, raw in self._store.scan(start, start + _BEHIND_SIZE * 14):
            return _decoded(key, raw, decode_job)
        return None

    def finals(self, adapter: str, size: int, most: int) -> list[Job]:
        """The final jobs from a size on, the smallest first."""
        prefix = _DONE + adapter.encode() + b"\0"
        rows = self._store.scan(prefix + size.to_bytes(8, "big"), prefix + _BEHIND_SIZE)
        return [_decoded(key, raw, decode_job) for key, raw in islice(rows, most)]

    def newest_final(self, adapter: str) -> Job | None:
        """The final job of the largest size."""
        prefix = _DONE + adapter.encode() + b"\0"
        for key, raw in self._store.scan(prefix, prefix + _BEHIND_SIZE, reverse=True):
            return _decoded(key, raw, decode_job)
        return None

    def of_size(self, adapter: str, size: int) -> Job | None:
        """The job of a size, in whatever state it is."""
        tail = adapter.encode() + b"\0" + size.to_bytes(8, "big")
        for prefix in (_OPEN, _PARKED, _DONE):
            start = prefix + tail
            for key, raw in self._store.scan(start, start + _BEHIND_SIZE * 14):
                return _decoded(key, raw, decode_job)
        return None

    def put(self, job: Job, *, sync: bool) -> None:
        """Keep a job that is under way."""
        batch = self._store.batch()
        batch.put(_OPEN + job.key, encode(job))
        self._store.write(batch, sync=sync)

    def move(self, job: Job, moved: Job) -> None:
        """Keep a job that is under way under another key."""
        batch = self._store.batch()
        batch.delete(_OPEN + job.key)
        batch.put(_OPEN + moved.key, encode(moved))
        self._store.write(batch, sync=True)

    def park(self, job: Job, course: Course) -> None:
        """Put a job aside, durably, with the course that it leaves."""
        batch = self._store.batch()
        batch.delete(_OPEN + job.key)
        batch.put(_PARKED + job.key, encode(job))
        batch.put(_COURSE + job.adapter.encode(), encode(course))
        self._store.write(batch, sync=True)

    def take_up(self, job: Job) -> None:
        """Take a parked job up again, as it is given."""
        batch = self._store.batch()
        batch.delete(_PARKED + job.key)
        batch.put(_OPEN + job.key, encode(job))
        self._store.write(batch, sync=True)

    def end(self, batch: Batch, job: Job, course: Course) -> None:
        """Put into ``batch`` that a job is final, and that its anchor is not recorded yet."""
        batch.delete(_OPEN + job.key)
        batch.put(_DONE + job.key, encode(job))
        batch.put(_UNRECORDED + job.key, b"")
        batch.put(_COURSE + job.adapter.encode(), encode(course))

    # -- what is to be recorded -------------------------------------------------------------------

    def unrecorded(self) -> list[Job]:
        """The first final jobs whose anchors are not known to be on the ledger."""
        found = []
        for key, _ in islice(self._rows(_UNRECORDED), _MOST_UNRECORDED):
            done = _DONE + key[len(_UNRECORDED) :]
            raw = self._store.get(done)
            if raw is None:
                raise LedgerFault(f"local store: row {done!r} is missing; restore local/")
            found.append(_decoded(done, raw, decode_job))
        return found

    def recorded(self, job: Job) -> None:
        """A job's anchor is on the ledger."""
        batch = self._store.batch()
        batch.delete(_UNRECORDED + job.key)
        self._store.write(batch, sync=False)

    def _jobs(self, prefix: bytes, adapter: str) -> Iterator[Job]:
        for key, raw in self._rows(prefix + adapter.encode() + b"\0"):
            yield _decoded(key, raw, decode_job)

    def _rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._store.scan(prefix, prefix[:-1] + bytes((prefix[-1] + 1,)))


def _decoded(key: bytes, raw: bytes, decode: Callable[[bytes], _Row]) -> _Row:
    try:
        return decode(raw)
    except msgspec.DecodeError as error:
        raise LedgerFault(f"local store: row {key!r} cannot be read: {error}") from error
