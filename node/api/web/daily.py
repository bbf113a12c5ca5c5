"""Records and anchors a day, counted from the ledger without reading any record.

Blocks come in the order of their times, so the size of the log at the beginning of a day is found
by halving. What a past day came to never changes, and is kept.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.ledger.rows import BLOCK, number_key

__all__ = ["DAYS", "DailyCounts", "Day"]

DAYS = 30
"""Days that are counted, the last of them today."""

_DAY_MS = 86_400_000
_CHINA_MS = 8 * 3_600_000
_MOST_KEPT = 400
_MOST_ANCHORS = 100_000


@dataclass(frozen=True)
class Day:
    """A day in China's zone that begins at ``begin`` (ms): what was recorded on it, anchors'
    confirmations among them."""

    begin: int
    records: int
    anchors: int


class DailyCounts:
    """Counts the last `DAYS` days. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past: dict[int, Day] = {}

    def days(self, reader: LedgerReader) -> list[Day]:
        """Oldest first, up to the day of the newest block."""
        newest = reader.meta.time
        today = newest - (newest + _CHINA_MS) % _DAY_MS
        begins = [today - _DAY_MS * back for back in range(DAYS - 1, -1, -1)]
        with self._lock:
            known = dict(self._past)
        found: list[Day] = []
        sizes: dict[int, int] = {}
        for begin in begins:
            day = known.get(begin)
            found.append(_count(reader, begin, sizes) if day is None else day)
        with self._lock:
            if len(self._past) > _MOST_KEPT:
                self._past.clear()
            self._past.update({day.begin: day for day in found[:-1]})
        return found


def _count(reader: LedgerReader, begin: int, sizes: dict[int, int]) -> Day:
    first, after = (_size_before(reader, at, sizes) for at in (begin, begin + _DAY_MS))
    if first == after:
        return Day(begin, 0, 0)
    geneses = sum(first <= index < after for index in reader.genesis_documents())
    anchors = 0
    for index in find(reader.rows, "anchor", "", limit=_MOST_ANCHORS, first=first):
        if index >= after:
            break
        anchors += 1
    return Day(begin, after - first - geneses, anchors)


def _size_before(reader: LedgerReader, time: int, sizes: dict[int, int]) -> int:
    """The log's size after the last block whose time is before ``time``."""
    if time not in sizes:
        sizes[time] = _found_size(reader, time)
    return sizes[time]


def _found_size(reader: LedgerReader, time: int) -> int:
    if time > reader.meta.time:
        return reader.meta.size
    lowest = _lowest(reader)
    low, high = lowest, reader.meta.height  # of the first block at ``time`` or later
    while low < high:
        middle = (low + high) // 2
        if reader.roots(middle).time < time:
            low = middle + 1
        else:
            high = middle
    return reader.roots(low).first_index


def _lowest(reader: LedgerReader) -> int:
    """The height of the first row of a block."""
    rows = reader.rows.scan(number_key(BLOCK, 0), number_key(BLOCK, reader.meta.height + 1))
    key, _ = next(iter(rows))
    return int.from_bytes(key[1:], "big")
