"""What `ports.Segments` promises, held against each implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from node.storage.errors import SegmentDropped, StoreClosed, StoreCorrupt
from node.storage.ports import MAX_PAYLOAD, SegmentRef, Segments

MakeSegments = Callable[..., Segments]


def append_all(segments: Segments, *payloads: bytes) -> list[SegmentRef]:
    return [segments.append(payload) for payload in payloads]


def test_refs_follow_from_the_lengths(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    # 16 bytes of header, 8 for each record: 16 + 8+30 = 54, + 8+38 = 100, which is just allowed.
    assert append_all(segments, b"a" * 30, b"b" * 38, b"c" * 76, b"d", b"") == [
        (1, 16, 30),
        (1, 54, 38),
        (2, 16, 76),
        (3, 16, 1),
        (3, 25, 0),
    ]


def test_a_record_larger_than_a_segment_gets_one_of_its_own(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    refs = append_all(segments, b"a" * 500, b"b" * 500, b"c")
    assert refs == [(1, 16, 500), (2, 16, 500), (3, 16, 1)]
    assert segments.read(refs[1]) == b"b" * 500


def test_refs_order_as_the_records_were_appended(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=200)
    refs = append_all(segments, *(b"x" * (number * 7 % 90) for number in range(50)))
    assert refs == sorted(refs)
    assert refs[-1].segment > 10


def test_records_can_be_read_at_once_and_after_a_sync(make_segments: MakeSegments) -> None:
    segments = make_segments()
    first = segments.append(b"first")
    assert segments.read(first) == b"first"
    segments.sync()
    second = segments.append(b"second")
    segments.sync()
    segments.sync()
    assert (segments.read(first), segments.read(second)) == (b"first", b"second")


def test_records_come_in_order(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=300)
    payloads = [b"%d" % number * number for number in range(60)]
    refs = append_all(segments, *payloads)
    assert list(segments.records(None)) == list(zip(refs, payloads))
    for position in (0, 29, 59):
        behind = list(segments.records(refs[position]))
        assert behind == list(zip(refs, payloads))[position + 1 :]


def test_there_are_no_records_before_the_first(make_segments: MakeSegments) -> None:
    segments = make_segments()
    segments.sync()
    assert list(segments.records(None)) == []
    assert segments.cut(None) == 0
    segments.drop_before(5)
    assert segments.append(b"a") == (1, 16, 1)


def test_a_reader_of_records_sees_those_appended_meanwhile(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=60)
    append_all(segments, b"a", b"b")
    records = segments.records(None)
    assert next(records)[1] == b"a"
    append_all(segments, *(b"%02d" % number * 10 for number in range(5)))
    assert [payload[:2] for _, payload in records] == [b"b", b"00", b"01", b"02", b"03", b"04"]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 10, b"0123456789"), (3, 4, b"3456"), (10, 0, b""), (0, 0, b""), (9, 1, b"9")],
)
def test_part_of_a_payload_can_be_read(
    make_segments: MakeSegments, start: int, length: int, expected: bytes
) -> None:
    segments = make_segments()
    segments.append(b"before")
    ref = segments.append(b"0123456789")
    segments.append(b"behind")
    assert segments.read_range(ref, start, length) == expected


@pytest.mark.parametrize(("start", "length"), [(0, 11), (-1, 2), (11, 0), (5, -1), (8, 3)])
def test_a_range_outside_the_payload_is_refused(
    make_segments: MakeSegments, start: int, length: int
) -> None:
    segments = make_segments()
    ref = segments.append(b"0123456789")
    segments.append(b"behind")
    with pytest.raises(ValueError, match="not within 10"):
        segments.read_range(ref, start, length)


@pytest.mark.parametrize(
    "ref",
    [(1, 16, 4), (1, 16, 6), (1, 17, 5), (1, 29, 5), (2, 16, 5), (1, 3, 5), (1, 16, -1)],
    ids=[
        "shorter",
        "longer",
        "shifted",
        "behind the end",
        "no segment",
        "in the header",
        "below 0",
    ],
)
def test_a_ref_to_no_record_is_corruption(
    make_segments: MakeSegments, ref: tuple[int, int, int]
) -> None:
    segments = make_segments()
    segments.append(b"12345")
    wrong = SegmentRef(*ref)
    with pytest.raises(StoreCorrupt):
        segments.read(wrong)
    with pytest.raises(StoreCorrupt):
        list(segments.records(wrong))
    with pytest.raises(StoreCorrupt):
        segments.cut(wrong)
    assert [payload for _, payload in segments.records(None)] == [b"12345"]


def test_too_long_a_payload_is_refused(make_segments: MakeSegments) -> None:
    segments = make_segments()
    with pytest.raises(ValueError, match="at most 67108864 bytes"):
        segments.append(bytes(MAX_PAYLOAD + 1))
    assert segments.append(b"a") == (1, 16, 1)


def test_cut_removes_what_is_behind(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    refs = append_all(segments, b"a" * 30, b"b" * 30, b"c" * 60, b"d" * 60)
    # The record b, and two files with one record each.
    assert segments.cut(refs[0]) == (8 + 30) + 2 * (16 + 8 + 60)
    assert list(segments.records(None)) == [(refs[0], b"a" * 30)]
    assert segments.cut(refs[0]) == 0
    with pytest.raises(StoreCorrupt):
        segments.read(refs[1])
    with pytest.raises(StoreCorrupt):
        segments.read(refs[3])
    assert append_all(segments, b"e" * 20, b"f" * 60) == [(1, 54, 20), (2, 16, 60)]
    assert [payload[:1] for _, payload in segments.records(None)] == [b"a", b"e", b"f"]


def test_a_segment_that_is_full_stays_so_after_a_cut_at_its_end(
    make_segments: MakeSegments,
) -> None:
    segments = make_segments(max_bytes=100)
    refs = append_all(segments, b"a" * 70, b"b" * 70, b"c" * 70)
    assert segments.cut(refs[1]) == 16 + 8 + 70
    # Segment 2 has 94 bytes, so six of the 100 are left: not enough for another record.
    assert append_all(segments, b"", b"d" * 60) == [(3, 16, 0), (3, 24, 60)]
    assert [payload[:1] for _, payload in segments.records(refs[0])] == [b"b", b"", b"d"]


def test_cut_of_everything_keeps_the_number(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    append_all(segments, b"a" * 70, b"b" * 70, b"c" * 70)
    segments.drop_before(2)
    assert segments.cut(None) == 2 * 94 - 16
    assert list(segments.records(None)) == []
    assert segments.append(b"d") == (2, 16, 1)


def test_dropped_segments_are_told_from_missing_ones(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    refs = append_all(segments, b"a" * 70, b"b" * 70, b"c" * 70)
    segments.drop_before(3)
    segments.drop_before(2)
    for dropped in refs[:2]:
        with pytest.raises(SegmentDropped, match="has been dropped"):
            segments.read(dropped)
        with pytest.raises(SegmentDropped):
            segments.read_range(dropped, 0, 1)
        with pytest.raises(SegmentDropped):
            list(segments.records(dropped))
        with pytest.raises(SegmentDropped):
            segments.cut(dropped)
    assert list(segments.records(None)) == [(refs[2], b"c" * 70)]


def test_the_last_segment_is_never_dropped(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=100)
    refs = append_all(segments, b"a" * 70, b"b" * 70)
    segments.drop_before(99)
    assert list(segments.records(None)) == [(refs[1], b"b" * 70)]
    assert segments.append(b"c" * 70) == (3, 16, 70)


@pytest.mark.parametrize(
    "use",
    [
        lambda segments, ref: segments.append(b"b"),
        lambda segments, ref: segments.sync(),
        lambda segments, ref: segments.read(ref),
        lambda segments, ref: segments.read_range(ref, 0, 1),
        lambda segments, ref: segments.records(None),
        lambda segments, ref: segments.cut(None),
        lambda segments, ref: segments.drop_before(1),
    ],
    ids=["append", "sync", "read", "read_range", "records", "cut", "drop_before"],
)
def test_closed_segments_refuse(
    make_segments: MakeSegments, use: Callable[[Segments, SegmentRef], object]
) -> None:
    segments = make_segments()
    ref = segments.append(b"a")
    segments.close()
    segments.close()
    with pytest.raises(StoreClosed):
        use(segments, ref)


def test_one_thread_appends_another_syncs_and_others_read(make_segments: MakeSegments) -> None:
    segments = make_segments(max_bytes=4000)
    payloads = [bytes([number % 251]) * (number % 97) for number in range(3000)]
    refs: list[SegmentRef] = []
    done = threading.Event()
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            while not done.is_set():
                work()
            work()
        except BaseException as error:
            failures.append(error)

    def read_last() -> None:
        count = len(refs)
        for position in range(max(0, count - 20), count):
            assert segments.read(refs[position]) == payloads[position]

    def read_all() -> None:
        for position, (ref, payload) in enumerate(segments.records(None)):
            assert payload == payloads[position], ref

    threads = [
        threading.Thread(target=guarded, args=(work,))
        for work in (segments.sync, read_last, read_all)
    ]
    for thread in threads:
        thread.start()
    for payload in payloads:
        refs.append(segments.append(payload))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(segments.records(None)) == list(zip(refs, payloads))
