"""Copies of a store and of segments that are in use."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.storage.backup import copy_segments, copy_store
from node.storage.errors import (
    StorageError,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from node.storage.leveldb import open_leveldb
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, SegmentRef, Segments, Store
from node.storage.segments import FileSegments

ALL = (FIRST_KEY, BEHIND_LAST_KEY)
MakeSegments = Callable[..., Segments]


def write(store: Store, pairs: dict[bytes, bytes]) -> None:
    batch = store.batch()
    for key, value in pairs.items():
        batch.put(key, value)
    store.write(batch, sync=False)


def random_pairs(count: int, value_bytes: int = 40) -> dict[bytes, bytes]:
    source = random.Random(count)
    return {b"k" + source.randbytes(12): source.randbytes(value_bytes) for _ in range(count)}


def test_a_copy_of_a_store_holds_what_the_snapshot_holds(store: Store, tmp_path: Path) -> None:
    pairs = random_pairs(3000, 3000) | {b"\x01": b"", b"\xff" * 1024: b"last"}
    write(store, pairs)
    done: list[int] = []

    def progress(keys: int) -> None:
        done.append(keys)
        write(store, {b"written meanwhile": b"%d" % keys})

    with store.snapshot() as snapshot:
        copied = copy_store(snapshot, tmp_path / "backup", kind="ledger", progress=progress)
    assert copied.count == len(pairs)
    assert copied.size_bytes == sum(len(key) + len(value) for key, value in pairs.items())
    assert len(done) >= 2
    assert done == sorted(done)
    assert done[-1] == len(pairs)
    with open_leveldb(tmp_path / "backup", kind="ledger", create=False) as copy:
        assert dict(copy.scan(*ALL)) == pairs
        copy.check()
        again = copy_store(copy.snapshot(), tmp_path / "copy-of-copy")
    assert again == copied
    assert {path.name for path in tmp_path.iterdir()} >= {"backup", "copy-of-copy"}
    assert not list(tmp_path.glob("*.partial"))


def test_a_copy_is_made_while_others_write(tmp_path: Path) -> None:
    pairs = random_pairs(2000, 2000)
    with open_leveldb(tmp_path / "s", write_buffer=64 << 10) as store:
        write(store, pairs)
        snapshot, stop = store.snapshot(), threading.Event()

        def overwrite() -> None:
            while not stop.is_set():
                write(store, dict.fromkeys(list(pairs)[:500], b"changed"))

        writer = threading.Thread(target=overwrite)
        writer.start()
        try:
            copied = copy_store(snapshot, tmp_path / "backup")
        finally:
            stop.set()
            writer.join()
    assert copied.count == len(pairs)
    with open_leveldb(tmp_path / "backup") as copy:
        assert dict(copy.scan(*ALL)) == pairs


def test_an_empty_store_can_be_copied(store: Store, tmp_path: Path) -> None:
    assert copy_store(store, tmp_path / "backup").count == 0
    with open_leveldb(tmp_path / "backup", create=False) as copy:
        assert list(copy.scan(*ALL)) == []


def test_what_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    with pytest.raises(StoreUnavailable, match="is there already, and is not overwritten"):
        copy_store(store, tmp_path / "backup")


class Failing:
    """A reader of which some pairs can be read and then no more."""

    def scan(self, *_: object, **__: object) -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"1"
        raise StoreCorrupt("the disk", "is broken")


def test_an_interrupted_copy_never_bears_the_name_and_can_be_made_again(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(StoreCorrupt, match="the disk: is broken"):
        copy_store(Failing(), tmp_path / "backup")  # type: ignore[arg-type]
    assert not (tmp_path / "backup").exists()
    assert (tmp_path / "backup.partial").exists()
    write(store, {b"b": b"2"})
    copy_store(store, tmp_path / "backup")
    with open_leveldb(tmp_path / "backup") as copy:
        assert list(copy.scan(*ALL)) == [(b"b", b"2")]


def test_the_same_copy_is_not_made_twice_at_once(store: Store, tmp_path: Path) -> None:
    with open_leveldb(tmp_path / "backup.partial"), pytest.raises(StoreLocked):
        copy_store(store, tmp_path / "backup")


def test_a_copy_that_reads_back_otherwise_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, {b"a": b"1", b"b": b"2"})
    opened: list[Store] = []
    real_open = open_leveldb

    def open_and_spoil(*arguments: object, **options: object) -> Store:
        opened.append(real_open(*arguments, **options))  # type: ignore[arg-type]
        if len(opened) == 2:
            write(opened[-1], {b"b": b"3"})
        return opened[-1]

    monkeypatch.setattr("node.storage.backup.open_leveldb", open_and_spoil)
    with pytest.raises(StoreCorrupt, match="2 were written, 2 read back, or not the same ones"):
        copy_store(store, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_copy_onto_a_full_disk_fails_and_leaves_the_source_alone(
    tmp_path: Path, small_disk: Path
) -> None:
    with open_leveldb(tmp_path / "s") as store:
        write(store, random_pairs(300, 50_000))
        with pytest.raises(StoreFull):
            copy_store(store.snapshot(), small_disk / "backup")
        write(store, {b"goes on": b"1"})
        store.check()
    assert not (small_disk / "backup").exists()
    with pytest.raises(StorageError):
        FileSegments(small_disk / "backup", create=False)


def fill(segments: Segments, count: int) -> list[SegmentRef]:
    refs = [segments.append(b"%d" % number * (number % 50)) for number in range(count)]
    segments.sync()
    return refs


@pytest.mark.parametrize("last", [0, 1, 77, 198, 199])
def test_a_copy_of_segments_has_each_record_in_its_place(
    make_segments: MakeSegments, tmp_path: Path, last: int
) -> None:
    segments = make_segments(max_bytes=700)
    refs = fill(segments, 200)
    done: list[int] = []
    copied = copy_segments(segments, refs[last], tmp_path / "backup", progress=done.append)
    assert copied.count == done[-1] == last + 1
    assert copied.size_bytes == sum(ref.length for ref in refs[: last + 1])
    copy = FileSegments(tmp_path / "backup", max_bytes=700, create=False)
    assert list(copy.records(None)) == list(segments.records(None))[: last + 1]
    # The copy goes on where the source would have gone on.
    again = [copy.append(segments.read(ref)) for ref in refs[last + 1 :]]
    assert again == refs[last + 1 :]
    assert list(copy.records(None)) == list(segments.records(None))
    copy.close()


def test_segments_of_which_some_were_dropped_can_be_copied(
    make_segments: MakeSegments, tmp_path: Path
) -> None:
    segments = make_segments(max_bytes=700)
    refs = fill(segments, 200)
    segments.drop_before(4)
    copy_segments(segments, refs[150], tmp_path / "backup")
    copy = FileSegments(tmp_path / "backup", create=False)
    expected = [ref for ref in refs[:151] if ref.segment >= 4]
    assert [ref for ref, _ in copy.records(None)] == expected
    copy.close()


def test_segments_are_copied_while_others_are_appended(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path / "s", max_bytes=700)
    refs = fill(segments, 100)
    copied = copy_segments(
        segments, refs[-1], tmp_path / "backup", progress=lambda _: fill(segments, 50) and None
    )
    assert copied.count == 100
    segments.close()


def test_segments_without_the_last_record_wanted_are_not_copied(
    make_segments: MakeSegments, tmp_path: Path
) -> None:
    segments = make_segments()
    refs = fill(segments, 5)
    wrong = SegmentRef(1, refs[-1].offset, refs[-1].length + 1)
    with pytest.raises(StoreCorrupt):
        copy_segments(segments, wrong, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_damaged_segments_are_not_copied(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path / "s")
    refs = fill(segments, 50)
    file = tmp_path / "s" / "0000000001.seg"
    data = bytearray(file.read_bytes())
    data[refs[20].offset + 9] ^= 1
    file.write_bytes(data)
    with pytest.raises(StoreCorrupt, match=f"at offset {refs[20].offset}: "):
        copy_segments(segments, refs[-1], tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    segments.close()
