"""Segment files after crashes, damage, failing disks, and under a small descriptor cache."""

from __future__ import annotations

import errno
import os
import random
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from node.storage.errors import (
    StorageError,
    StoreCorrupt,
    StoreFormat,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from node.storage.ports import SegmentRef
from node.storage.segment_format import encode_header
from node.storage.segments import FileSegments

RunPython = Callable[..., "subprocess.Popen[str]"]
FIRST, SECOND = "0000000001.seg", "0000000002.seg"
PAYLOADS = [b"first record", b"", b"third " * 3, bytes(range(1, 60))]


def write(path: Path, payloads: list[bytes], *, max_bytes: int = 64 << 20) -> list[SegmentRef]:
    segments = FileSegments(path, max_bytes=max_bytes)
    refs = [segments.append(payload) for payload in payloads]
    segments.sync()
    segments.close()
    return refs


def read(path: Path) -> list[bytes]:
    segments = FileSegments(path)
    try:
        return [payload for _, payload in segments.records(None)]
    finally:
        segments.close()


def flip(path: Path, byte: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(data)


def test_what_was_synced_is_there_after_reopening(tmp_path: Path) -> None:
    refs = write(tmp_path / "s", PAYLOADS, max_bytes=60)
    segments = FileSegments(tmp_path / "s", max_bytes=60)
    assert list(segments.records(None)) == list(zip(refs, PAYLOADS))
    following = segments.append(b"x" * 50)
    assert following == (refs[-1].segment + 1, 16, 50)
    segments.close()
    assert read(tmp_path / "s") == [*PAYLOADS, b"x" * 50]


@pytest.fixture
def written(quick_path: Path) -> tuple[Path, list[SegmentRef], bytes]:
    """Segments with one file of four records: their directory, refs, and the file's bytes."""
    refs = write(quick_path / "s", PAYLOADS)
    return quick_path / "s", refs, (quick_path / "s" / FIRST).read_bytes()


def test_truncated_anywhere_the_records_before_are_there(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, data = written
    for size in range(len(data)):
        (path / FIRST).write_bytes(data[:size])
        whole = sum(ref.offset + 8 + ref.length <= size for ref in refs) if size >= 16 else 0
        segments = FileSegments(path)
        assert [payload for _, payload in segments.records(None)] == PAYLOADS[:whole], size
        # The torn tail goes with the next append, whose record stands in its place.
        again = segments.append(b"again")
        segments.close()
        expected = refs[whole - 1].offset + 8 + refs[whole - 1].length if whole else 16
        assert again == (1, expected, 5)
        assert read(path) == [*PAYLOADS[:whole], b"again"]


def test_the_end_is_the_same_from_wherever_it_is_looked_for(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, data = written
    places = [*refs, SegmentRef(2, 16, 5), SegmentRef(1, 1 << 40, 5), SegmentRef(1, 0, 5)]
    for size in range(refs[1].offset, len(data) + 1):
        (path / FIRST).write_bytes(data[:size])
        whole = sum(ref.offset + 8 + ref.length <= size for ref in refs)
        for place in places:
            segments = FileSegments(path, synced=place)
            found = [payload for _, payload in segments.records(None)]
            segments.close()
            if place not in refs[whole:]:
                assert found == PAYLOADS[:whole], (size, place)


def test_what_lies_before_a_synced_record_is_looked_at_when_it_is_read(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, _ = written
    flip(path / FIRST, refs[0].offset + 10, 3)
    segments = FileSegments(path, synced=refs[1])
    assert segments.read(refs[3]) == PAYLOADS[3]
    following = segments.append(b"more")
    assert segments.read(following) == b"more"
    with pytest.raises(StoreCorrupt, match=f"at offset {refs[0].offset}"):
        segments.read(refs[0])
    segments.close()


def test_zero_filled_from_anywhere_the_records_before_are_there(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, data = written
    for size in (start for ref in refs for start in (ref.offset, ref.offset + 8 + ref.length)):
        for zeros in (1, 7, 8, 30, 4096, 100_000):
            (path / FIRST).write_bytes(data[:size] + bytes(zeros))
            whole = sum(ref.offset + 8 + ref.length <= size for ref in refs)
            assert read(path) == PAYLOADS[:whole], (size, zeros)


def test_a_flipped_bit_anywhere_is_corruption_and_names_the_record(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, data = written
    for byte in range(16, len(data)):
        damaged = max(ref.offset for ref in refs if ref.offset <= byte)
        whole = [ref.offset for ref in refs].index(damaged)
        changed = bytearray(data)
        changed[byte] ^= 1 << byte % 8
        (path / FIRST).write_bytes(changed)
        segments = FileSegments(path)
        records = segments.records(None)
        assert [next(records)[1] for _ in range(whole)] == PAYLOADS[:whole]
        with pytest.raises(StoreCorrupt) as raised:
            next(records)
        assert raised.value.where == f"{path / FIRST} at offset {damaged}"
        with pytest.raises(StoreCorrupt, match=f"at offset {damaged}: "):
            segments.append(b"more")
        segments.close()
        assert (path / FIRST).read_bytes() == changed


def test_damage_is_cut_only_on_demand(written: tuple[Path, list[SegmentRef], bytes]) -> None:
    path, refs, data = written
    flip(path / FIRST, refs[2].offset + 10, 3)
    segments = FileSegments(path)
    with pytest.raises(StoreCorrupt):
        segments.cut(refs[3])
    with pytest.raises(StoreCorrupt):
        segments.cut(refs[2])
    assert segments.cut(refs[1]) == len(data) - refs[2].offset
    assert segments.append(b"new") == (1, refs[2].offset, 3)
    assert [payload for _, payload in segments.records(None)] == [*PAYLOADS[:2], b"new"]
    segments.close()


def test_damage_behind_what_is_asked_for_does_not_hinder_reading(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, _ = written
    flip(path / FIRST, refs[1].offset + 5, 0)
    segments = FileSegments(path)
    assert [segments.read(refs[index]) for index in (0, 2, 3)] == [PAYLOADS[i] for i in (0, 2, 3)]
    with pytest.raises(StoreCorrupt, match="no whole record of 0 bytes"):
        segments.read(refs[1])
    segments.close()


def test_a_flipped_bit_in_the_header_is_corruption(tmp_path: Path) -> None:
    write(tmp_path / "s", PAYLOADS)
    for byte in range(16):
        flip(tmp_path / "s" / FIRST, byte, byte % 8)
        with pytest.raises(StoreCorrupt, match="header is damaged"):
            FileSegments(tmp_path / "s")
        flip(tmp_path / "s" / FIRST, byte, byte % 8)
    assert read(tmp_path / "s") == PAYLOADS


def test_a_newer_format_is_refused_and_named(tmp_path: Path) -> None:
    write(tmp_path / "s", PAYLOADS)
    path = tmp_path / "s" / FIRST
    fields = b"EVS" + struct.pack(">BII", 2, 1, 0)
    path.write_bytes(fields + struct.pack(">I", zlib.crc32(fields)) + path.read_bytes()[16:])
    with pytest.raises(StoreFormat, match=r"segments of format 2, .* reads format 1; run the ver"):
        FileSegments(tmp_path / "s")


def test_a_file_that_bears_another_number_is_corruption(tmp_path: Path) -> None:
    refs = write(tmp_path / "s", PAYLOADS, max_bytes=60)
    shutil.copyfile(tmp_path / "s" / FIRST, tmp_path / "s" / SECOND)
    segments = FileSegments(tmp_path / "s")
    with pytest.raises(StoreCorrupt, match="the file is that of segment 1"):
        segments.read(SegmentRef(2, *refs[0][1:]))
    segments.close()


def test_a_missing_segment_is_corruption(tmp_path: Path) -> None:
    write(tmp_path / "s", [b"x" * 50] * 4, max_bytes=60)
    (tmp_path / "s" / SECOND).unlink()
    with pytest.raises(StoreCorrupt, match=r"0000000002\.seg: is missing between others"):
        FileSegments(tmp_path / "s")


def test_whole_records_missing_from_an_earlier_segment_are_corruption(tmp_path: Path) -> None:
    refs = write(tmp_path / "s", [b"a" * 20, b"b" * 20, b"c" * 20, b"d" * 20], max_bytes=80)
    assert [ref.segment for ref in refs] == [1, 1, 2, 2]
    os.truncate(tmp_path / "s" / FIRST, refs[1].offset)
    segments = FileSegments(tmp_path / "s")
    records = segments.records(None)
    assert next(records)[1] == b"a" * 20
    with pytest.raises(StoreCorrupt, match=r"at offset 44: the segment ends, and had 72 bytes"):
        next(records)
    segments.close()


@pytest.mark.parametrize("size", [30, 45, 71])
def test_an_earlier_segment_is_never_taken_for_torn(tmp_path: Path, size: int) -> None:
    write(tmp_path / "s", [b"a" * 20, b"b" * 20, b"c" * 20], max_bytes=80)
    os.truncate(tmp_path / "s" / FIRST, size)
    segments = FileSegments(tmp_path / "s")
    with pytest.raises(StoreCorrupt, match=r"0000000001\.seg"):
        list(segments.records(None))
    segments.close()


@pytest.mark.parametrize("content", [b"", b"EVS\x01\x00", bytes(16), encode_header(2, 72)])
def test_a_segment_that_was_being_made_is_no_damage(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "s", [b"a" * 20, b"b" * 20], max_bytes=80)
    (tmp_path / "s" / SECOND).write_bytes(content)
    segments = FileSegments(tmp_path / "s", max_bytes=80)
    assert [payload for _, payload in segments.records(None)] == [b"a" * 20, b"b" * 20]
    assert segments.append(b"c" * 20) == (2, 16, 20)
    segments.close()
    assert read(tmp_path / "s") == [b"a" * 20, b"b" * 20, b"c" * 20]


def test_a_record_behind_a_torn_place_is_not_gone_on_from(tmp_path: Path) -> None:
    payloads = [bytes(range(1, 256)) * 20 for _ in range(3)]
    refs = write(tmp_path / "s", payloads)
    data = bytearray((tmp_path / "s" / FIRST).read_bytes())
    data[8192 : 8192 + 512] = bytes(512)
    (tmp_path / "s" / FIRST).write_bytes(data)
    segments = FileSegments(tmp_path / "s")
    assert list(segments.records(None)) == [(refs[0], payloads[0])]
    assert segments.read(refs[2]) == payloads[2]
    for use in (segments.records, segments.cut):
        with pytest.raises(StoreCorrupt, match=f"at offset {refs[1].offset}: torn here"):
            use(refs[2])
    segments.append(b"in its place")
    assert [ref for ref, _ in segments.records(None)] == [refs[0], (1, refs[1].offset, 12)]
    segments.close()


def test_a_record_named_elsewhere_that_is_not_there_is_corruption(
    written: tuple[Path, list[SegmentRef], bytes],
) -> None:
    path, refs, _ = written
    os.truncate(path / FIRST, refs[3].offset)
    segments = FileSegments(path)
    assert list(segments.records(refs[2])) == []
    with pytest.raises(StoreCorrupt, match=f"at offset {refs[3].offset}"):
        segments.records(refs[3])
    segments.close()


def test_the_last_segment_is_durable_before_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = FileSegments(tmp_path / "s", max_bytes=60)
    segments.append(b"a" * 30)
    events: list[str] = []
    real_sync, real_open = os.fdatasync, os.open

    def fdatasync(descriptor: int) -> None:
        events.append("sync")
        real_sync(descriptor)

    def open_file(path: Path, flags: int, *mode: int, **options: int) -> int:
        if flags & os.O_CREAT:
            events.append("make")
        return real_open(path, flags, *mode, **options)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "open", open_file)
    segments.append(b"b" * 30)
    assert events == ["sync", "make"]
    segments.sync()
    segments.sync()
    assert events == ["sync", "make", "sync"]
    segments.close()


def test_what_a_dead_process_left_unsynced_is_made_durable_before_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = FileSegments(tmp_path / "s")
    segments.append(b"never synced")
    segments.close()
    events: list[str] = []
    real_sync, real_advise, real_read = os.fsync, os.posix_fadvise, os.pread

    def fsync(descriptor: int) -> None:
        events.append("sync")
        real_sync(descriptor)

    def posix_fadvise(descriptor: int, offset: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        events.append("drop the cache")
        real_advise(descriptor, offset, length, advice)

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        events.append("read")
        return real_read(descriptor, length, offset)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "posix_fadvise", posix_fadvise)
    monkeypatch.setattr(os, "pread", pread)
    FileSegments(tmp_path / "s").close()
    assert events[:3] == ["sync", "drop the cache", "read"]

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        FileSegments(tmp_path / "s")
    monkeypatch.undo()
    assert read(tmp_path / "s") == [b"never synced"]


@pytest.mark.parametrize("keep", [0, 1])
def test_a_cut_does_not_pass_for_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    segments = FileSegments(tmp_path / "s")
    refs = [segments.append(b"a"), segments.append(b"b")]
    segments.cut(refs[keep])
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    segments.sync()
    # With something removed the file was synced; without, the sync is still to come.
    assert len(synced) == keep
    segments.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, StoreUnavailable),
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreUnavailable),
    ],
)
@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_after_a_failure_nothing_is_written_until_reopened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[StorageError],
    call: str,
) -> None:
    segments = FileSegments(tmp_path / "s")
    ref = segments.append(b"good")
    segments.sync()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        if call == "fdatasync":
            segments.append(b"not synced")
        with pytest.raises(kind, match=os.strerror(number)):
            segments.append(b"bad") if call == "pwritev" else segments.sync()
    for again in (lambda: segments.append(b"more"), segments.sync, lambda: segments.cut(None)):
        with pytest.raises(kind, match="refused since an earlier call failed"):
            again()
    assert segments.read(ref) == b"good"
    segments.close()
    assert read(tmp_path / "s")[0] == b"good"


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = FileSegments(tmp_path / "s")
    real_pwritev, real_pwrite = os.pwritev, os.pwrite

    def some(descriptor: int, buffers: list[bytes], offset: int) -> int:
        return real_pwritev(descriptor, [b"".join(buffers)[:5]], offset)

    def few(descriptor: int, data: bytes, offset: int) -> int:
        return real_pwrite(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwritev", some)
    monkeypatch.setattr(os, "pwrite", few)
    ref = segments.append(b"0123456789")
    assert segments.read(ref) == b"0123456789"
    segments.close()


def test_a_disk_that_fills_up_takes_nothing_that_was_synced(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    segments = FileSegments(small_disk / "s", max_bytes=1 << 20)
    payload = random.Random(1).randbytes(100_000)
    synced = 0

    def fill() -> None:
        nonlocal synced
        while synced < 1000:
            segments.append(payload)
            segments.sync()
            synced += 1

    with pytest.raises(StoreFull, match="free some space"):
        fill()
    assert 20 < synced < 45
    with pytest.raises(StoreFull, match="refused since"):
        segments.append(b"")
    segments.close()
    ballast.unlink()
    segments = FileSegments(small_disk / "s", max_bytes=1 << 20)
    assert [payload for _, payload in segments.records(None)] == [payload] * synced
    segments.append(b"goes on")
    segments.sync()
    assert sum(1 for _ in segments.records(None)) == synced + 1
    segments.close()


KILLED = """
import sys
from node.storage.segments import FileSegments
segments = FileSegments(sys.argv[1], max_bytes=20_000)
number = sum(1 for _ in segments.records(None))
while True:
    for _ in range(3):
        segments.append(b"%08d" % number * (number % 200))
        number += 1
    segments.sync()
    print(number, flush=True)
"""


def test_what_was_synced_survives_the_death_of_the_process(
    tmp_path: Path, run_python: RunPython
) -> None:
    moments = random.Random(7)
    for _ in range(4):
        process = run_python(KILLED, tmp_path / "s")
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 60)):
            synced = int(process.stdout.readline())
        process.kill()
        process.wait()
        payloads = read(tmp_path / "s")
        assert len(payloads) >= synced
        assert payloads == [b"%08d" % n * (n % 200) for n in range(len(payloads))]


HOLDER = """
import sys
from node.storage.segments import FileSegments
segments = FileSegments(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path: Path, run_python: RunPython) -> None:
    process = run_python(HOLDER, tmp_path / "s")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with pytest.raises(StoreLocked, match=f"in use by process {process.pid}") as raised:
        FileSegments(tmp_path / "s")
    assert raised.value.pid == process.pid
    process.kill()
    process.wait()
    FileSegments(tmp_path / "s").close()


def test_few_descriptors_are_kept_open(tmp_path: Path) -> None:
    refs = write(tmp_path / "s", [b"%d" % number * 20 for number in range(40)], max_bytes=40)
    segments = FileSegments(tmp_path / "s", open_files=3)
    before = len(os.listdir("/proc/self/fd"))
    order = random.Random(2).sample(range(40), 40) * 2
    assert [segments.read(refs[n]) for n in order] == [b"%d" % n * 20 for n in order]
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    segments.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_segment_deleted_by_somebody_else_is_corruption(tmp_path: Path) -> None:
    refs = write(tmp_path / "s", [b"x" * 50] * 3, max_bytes=60)
    segments = FileSegments(tmp_path / "s")
    (tmp_path / "s" / SECOND).unlink()
    with pytest.raises(StoreCorrupt, match="the file is missing"):
        segments.read(refs[1])
    with pytest.raises(StoreCorrupt, match="the file is missing"):
        list(segments.records(None))
    segments.close()


def test_without_leave_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no such directory"):
        FileSegments(tmp_path / "s", create=False)
    assert not (tmp_path / "s").exists()


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("not a directory")
    with pytest.raises(StoreUnavailable):
        FileSegments(tmp_path / "s")
