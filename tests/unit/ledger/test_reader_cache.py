"""Frames are unpacked once and forgotten when they take too much room."""

from __future__ import annotations

import pytest
from builders.events import case_sub
from builders.ledger import LedgerBench

from node.core.errors import LedgerFault
from node.core.frame import encode_frame, unpack
from node.ledger import reader_cache as reader_cache_module
from node.ledger.reader_cache import ReaderCache
from node.storage.memory import MemorySegments
from node.storage.ports import SegmentRef


class CountingSegments(MemorySegments):
    """Counts what is read from it."""

    reads = 0

    def read_range(self, ref: SegmentRef, start: int, length: int) -> bytes:
        self.reads += 1
        return super().read_range(ref, start, length)


@pytest.fixture
def frames(bench: LedgerBench) -> list[bytes]:
    return [encode_frame([bench.jwt("signing.initiated", case_sub(n))]) for n in range(4)]


def test_a_frame_is_read_once(frames: list[bytes]) -> None:
    segments = CountingSegments()
    body = segments.append(b"head" + frames[0])
    cache = ReaderCache(segments)
    span = (4, len(frames[0]))
    assert cache.packed(body, span) == frames[0]
    assert cache.content(body, span) == cache.content(body, span) == unpack(frames[0])
    assert segments.reads == 2


def test_the_least_used_goes_first(frames: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    segments = CountingSegments()
    bodies = [segments.append(frame) for frame in frames]
    spans = [(0, len(frame)) for frame in frames]
    sizes = [len(unpack(frame)) for frame in frames]
    monkeypatch.setattr(reader_cache_module, "_MOST_BYTES", sum(sizes[:3]))
    cache = ReaderCache(segments)
    for number in (0, 1, 2, 0, 3):
        assert cache.content(bodies[number], spans[number]) == unpack(frames[number])
    assert segments.reads == 4
    cache.content(bodies[0], spans[0])
    assert segments.reads == 4
    cache.content(bodies[1], spans[1])
    assert segments.reads == 5


def test_what_is_no_frame_is_a_fault(frames: list[bytes]) -> None:
    segments = MemorySegments()
    body = segments.append(frames[0])
    with pytest.raises(LedgerFault, match=r"segment 1, offset \d+: frame: .*audit"):
        ReaderCache(segments).content(body, (1, len(frames[0]) - 1))
