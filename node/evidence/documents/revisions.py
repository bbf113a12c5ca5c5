"""The states that a file had before its incremental updates (ISO 32000-2 §7.5.6).

An update is appended, so each earlier state is a beginning of the file that ends with ``%%EOF``.
Records name those states by their SHA-256. Where an end of line belongs to the mark is not clear,
so each way of reading it is a state of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from node.evidence.documents.findings import Revision
from node.evidence.documents.mapped_file import MappedFile

__all__ = ["MOST_MARKS", "hash_beginnings", "revision_ends"]

MOST_MARKS = 100
"""``%%EOF`` marks that are looked at from each end of the file; it may hold millions."""
_MARK = b"%%EOF"


def revision_ends(data: MappedFile | bytes) -> list[int]:
    """Where a state of the file may end, ascending; the file's own end is not among them."""
    ends: set[int] = set()
    for found in _first_marks(data) | _last_marks(data):
        end = found + len(_MARK)
        ends.add(end)
        for line_end in (b"\r\n", b"\n", b"\r"):
            if data[end : end + len(line_end)] == line_end:
                ends.add(end + len(line_end))
    return sorted(end for end in ends if end < len(data))


def _first_marks(data: MappedFile | bytes) -> set[int]:
    marks: set[int] = set()
    found = data.find(_MARK)
    while found >= 0 and len(marks) < MOST_MARKS:
        marks.add(found)
        found = data.find(_MARK, found + 1)
    return marks


def _last_marks(data: MappedFile | bytes) -> set[int]:
    marks: set[int] = set()
    found = data.rfind(_MARK)
    while found >= 0 and len(marks) < MOST_MARKS:
        marks.add(found)
        found = data.rfind(_MARK, 0, found + len(_MARK) - 1)
    return marks


def hash_beginnings(data: MappedFile | bytes, ends: Iterable[int]) -> list[Revision]:
    """The SHA-256 of the file up to each of ``ends``, ascending, in one pass over it."""
    found: list[Revision] = []
    digest, done = hashlib.sha256(), 0
    with memoryview(data) as view:
        for end in sorted(set(ends)):
            digest.update(view[done:end])
            done = end
            found.append(Revision(end, digest.copy().hexdigest()))
    return found
