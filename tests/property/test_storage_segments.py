"""Segments against a list, and against every way in which a loss of power can leave their files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from node.storage.errors import SegmentDropped, StoreCorrupt
from node.storage.memory import MemorySegments
from node.storage.ports import SegmentRef
from node.storage.segments import FileSegments

PAYLOADS = st.one_of(st.binary(max_size=40), st.integers(0, 6).map(lambda n: b"\x00x" * n * 50))
MAX_BYTES = 400
SECTOR = 512
PAGE = 4096


def temporary() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


class SegmentsMachine(RuleBasedStateMachine):
    """Files and memory do the same, whatever is done to them, through reopenings."""

    @initialize()
    def make(self) -> None:
        self.path = temporary()
        self.files = FileSegments(self.path, max_bytes=MAX_BYTES, open_files=2)
        self.memory = MemorySegments(max_bytes=MAX_BYTES)
        self.kept: list[tuple[SegmentRef, bytes]] = []
        self.gone: list[SegmentRef] = []

    @rule(payload=PAYLOADS)
    def append(self, payload: bytes) -> None:
        ref = self.files.append(payload)
        assert self.memory.append(payload) == ref
        self.kept.append((ref, payload))
        self.gone = [old for old in self.gone if old.segment < ref.segment]

    @rule()
    def sync(self) -> None:
        self.files.sync()

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        ref, payload = data.draw(st.sampled_from(self.kept))
        start = data.draw(st.integers(0, ref.length))
        length = data.draw(st.integers(0, ref.length - start))
        for segments in (self.files, self.memory):
            assert segments.read(ref) == payload
            assert segments.read_range(ref, start, length) == payload[start : start + length]

    @rule(data=st.data())
    def records(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.kept)))
        after = self.kept[place - 1][0] if place else None
        for segments in (self.files, self.memory):
            assert list(segments.records(after)) == self.kept[place:]

    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.kept)))
        after = self.kept[place - 1][0] if place else None
        assert self.files.cut(after) == self.memory.cut(after)
        del self.kept[place:]

    @rule(ahead=st.integers(-1, 4))
    def drop(self, ahead: int) -> None:
        if not self.kept:
            return
        segment = self.kept[0][0].segment + ahead
        self.files.drop_before(segment)
        self.memory.drop_before(segment)
        last = self.kept[-1][0].segment
        dropped = [ref for ref, _ in self.kept if ref.segment < min(segment, last)]
        self.gone += dropped
        self.kept = self.kept[len(dropped) :]

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def read_dropped(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(self.gone))
        for segments in (self.files, self.memory):
            with pytest.raises(SegmentDropped):
                segments.read(ref)

    @rule()
    def reopen(self) -> None:
        self.files.close()
        self.files = FileSegments(self.path, max_bytes=MAX_BYTES, open_files=2)

    def teardown(self) -> None:
        self.files.close()
        shutil.rmtree(self.path)


TestSegments = SegmentsMachine.TestCase
TestSegments.settings = settings(max_examples=80, stateful_step_count=40)


def records_of(path: Path) -> Iterator[bytes]:
    segments = FileSegments(path)
    try:
        for _, payload in segments.records(None):
            yield payload
    finally:
        segments.close()


def payload_of(seed: int, length: int) -> bytes:
    """Bytes without a run of zeros, as compressed ones are."""
    return bytes(1 + (seed * 31 + place * 7) % 255 for place in range(length))


@given(
    lengths=st.lists(st.sampled_from([0, 1, 40, 500, 512, 3000, 9000]), min_size=1, max_size=10),
    synced=st.integers(0, 9),
    lost=st.sets(st.integers(0, 20)),
    lost_size=st.integers(0, 40_000),
    block=st.sampled_from([SECTOR, PAGE]),
)
@settings(max_examples=300)
def test_a_loss_of_power_takes_only_what_was_not_synced(
    lengths: list[int], synced: int, lost: set[int], lost_size: int, block: int
) -> None:
    assume(synced < len(lengths))
    path = temporary()
    payloads = [payload_of(seed, length) for seed, length in enumerate(lengths)]
    segments = FileSegments(path / "s")
    refs = [segments.append(payload) for payload in payloads]
    segments.close()
    file = path / "s" / "0000000001.seg"
    data = file.read_bytes()
    durable = refs[synced - 1].offset + 8 + refs[synced - 1].length if synced else 16
    after = bytearray(data[: max(durable, len(data) - lost_size)])
    for number in lost:
        begin, end = max(durable, number * block), min((number + 1) * block, len(after))
        after[begin:end] = bytes(max(0, end - begin))
    file.write_bytes(after)
    try:
        found = list(records_of(path / "s"))
    except StoreCorrupt as error:
        # The one crash that cannot be told from damage: the block that is gone holds only the
        # first few bytes of a record, or only the last few of the file. Refused, not lost.
        offset = int(error.where.rsplit(" ", 1)[1])
        assert -offset % SECTOR < 16 or len(after) % SECTOR < 16, (offset, len(after))
    else:
        assert found == payloads[: len(found)]
        assert len(found) >= synced
    finally:
        shutil.rmtree(path)


@given(
    lengths=st.lists(st.integers(0, 700), min_size=1, max_size=6),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
@settings(max_examples=200)
def test_a_flipped_bit_never_loses_a_record_in_silence(
    lengths: list[int], place: float, bit: int
) -> None:
    path = temporary()
    segments = FileSegments(path / "s", max_bytes=900)
    for seed, length in enumerate(lengths):
        segments.append(payload_of(seed, length))
    segments.close()
    files = sorted((path / "s").glob("*.seg"))
    file = files[int(place * len(files))]
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    file.write_bytes(data)
    with pytest.raises(StoreCorrupt) as raised:
        list(records_of(path / "s"))
    assert file.name in raised.value.where
    shutil.rmtree(path)
