"""What `ports.Store` promises, held against each implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from node.storage.errors import StoreClosed
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, MAX_KEY, Reader, Store

ALL = (FIRST_KEY, BEHIND_LAST_KEY)


def put(store: Store, *pairs: tuple[bytes, bytes], sync: bool = False) -> None:
    batch = store.batch()
    for key, value in pairs:
        batch.put(key, value)
    store.write(batch, sync=sync)


def delete(store: Store, key: bytes) -> None:
    batch = store.batch()
    batch.delete(key)
    store.write(batch, sync=False)


def keys(reader: Reader, start: bytes, stop: bytes, *, reverse: bool = False) -> list[bytes]:
    return [key for key, _ in reader.scan(start, stop, reverse=reverse)]


def test_gives_back_what_was_put_and_none_for_the_rest(store: Store) -> None:
    put(store, (b"a", b"1"), (b"empty", b""), sync=True)
    assert store.get(b"a") == b"1"
    assert store.get(b"empty") == b""
    assert store.get(b"b") is None


def test_nothing_is_visible_before_the_write(store: Store) -> None:
    batch = store.batch()
    batch.put(b"a", b"1")
    assert store.get(b"a") is None
    store.write(batch, sync=False)
    assert store.get(b"a") == b"1"


def test_the_last_change_of_a_key_in_a_batch_counts(store: Store) -> None:
    put(store, (b"gone", b"0"), (b"back", b"0"))
    batch = store.batch()
    batch.put(b"gone", b"1")
    batch.delete(b"gone")
    batch.delete(b"back")
    batch.put(b"back", b"2")
    batch.put(b"new", b"1")
    batch.delete(b"new")
    store.write(batch, sync=False)
    assert list(store.scan(*ALL)) == [(b"back", b"2")]


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    delete(store, b"nothing")
    assert list(store.scan(*ALL)) == []


def test_an_empty_batch_changes_nothing(store: Store) -> None:
    put(store, (b"a", b"1"))
    store.write(store.batch(), sync=True)
    assert list(store.scan(*ALL)) == [(b"a", b"1")]


def test_a_batch_counts_its_changes_and_bytes(store: Store) -> None:
    batch = store.batch()
    assert len(batch) == 0
    empty = batch.size_bytes
    batch.put(b"key", b"v" * 1000)
    assert len(batch) == 1
    one = batch.size_bytes
    assert 1003 <= one - empty <= 1023
    batch.delete(b"key")
    assert len(batch) == 2
    assert one < batch.size_bytes < one + 40


def test_a_batch_stays_as_it_is_when_written(store: Store) -> None:
    batch = store.batch()
    batch.put(b"a", b"1")
    store.write(batch, sync=False)
    delete(store, b"a")
    store.write(batch, sync=True)
    assert store.get(b"a") == b"1"


def test_a_batch_filled_by_one_thread_is_written_by_another(store: Store) -> None:
    batch = store.batch()
    for number in range(1000):
        batch.put(b"%04d" % number, b"v")
    writer = threading.Thread(target=store.write, args=(batch,), kwargs={"sync": True})
    writer.start()
    writer.join()
    assert len(keys(store, *ALL)) == 1000


def test_a_batch_of_another_store_is_refused(store: Store, other_store: Store) -> None:
    batch = other_store.batch()
    batch.put(b"a", b"1")
    with pytest.raises(ValueError, match="another store"):
        store.write(batch, sync=False)
    assert store.get(b"a") is None


@pytest.mark.parametrize("key", [b"", b"\x00", b"\x00format", b"k" * (MAX_KEY + 1)])
def test_keys_that_are_not_the_callers_are_refused(store: Store, key: bytes) -> None:
    batch = store.batch()
    with pytest.raises(ValueError, match="a key has 1 to 1024 bytes"):
        batch.put(key, b"1")
    with pytest.raises(ValueError, match="does not begin with 0x00"):
        batch.delete(key)
    assert len(batch) == 0
    assert store.get(key) is None


@pytest.mark.parametrize("key", [b"\x01", b"\xff", b"\xff" * MAX_KEY, b"k\x00"])
def test_every_other_key_can_be_put_and_scanned(store: Store, key: bytes) -> None:
    put(store, (key, b"1"))
    assert store.get(key) == b"1"
    assert keys(store, *ALL) == [key]


def test_scans_in_the_order_of_bytes(store: Store) -> None:
    put(store, *((key, key) for key in (b"b", b"\xc3\xa9", b"a", b"B", b"aa", b"a\x00", b"\x01")))
    ordered = [b"\x01", b"B", b"a", b"a\x00", b"aa", b"b", b"\xc3\xa9"]
    assert list(store.scan(*ALL)) == [(key, key) for key in ordered]
    assert list(store.scan(*ALL, reverse=True)) == [(key, key) for key in reversed(ordered)]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (b"b", b"d", [b"b", b"c"]),
        (b"b", b"d\x00", [b"b", b"c", b"d"]),
        (b"b\x00", b"d", [b"c"]),
        (b"d", b"z", [b"d"]),
        (b"", b"b", [b"a"]),
        (b"", b"a", []),
        (b"e", b"z", []),
        (b"c", b"c", []),
        (b"d", b"b", []),
        (b"bb", b"bc", []),
        (b"a", b"a\x00", [b"a"]),
    ],
)
def test_start_is_in_the_range_and_stop_is_not(
    store: Store, start: bytes, stop: bytes, expected: list[bytes]
) -> None:
    put(store, *((key, b"") for key in (b"a", b"b", b"c", b"d")))
    assert keys(store, start, stop) == expected
    assert keys(store, start, stop, reverse=True) == expected[::-1]


def test_the_stores_own_keys_are_not_scanned(store: Store) -> None:
    put(store, (b"a", b"1"))
    assert keys(store, b"", BEHIND_LAST_KEY) == [b"a"]
    assert keys(store, b"", BEHIND_LAST_KEY, reverse=True) == [b"a"]
    assert keys(store, b"", b"\x01", reverse=True) == []


def test_long_scans_lose_nothing(store: Store) -> None:
    pairs = [(b"%06d" % number, b"%d" % number) for number in range(3000)]
    put(store, *pairs)
    assert list(store.scan(*ALL)) == pairs
    assert list(store.scan(*ALL, reverse=True)) == pairs[::-1]


def test_large_values_come_back(store: Store) -> None:
    value = bytes(range(256)) * 12000
    put(store, (b"large", value), (b"next", value))
    assert list(store.scan(*ALL)) == [(b"large", value), (b"next", value)]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_does_not_see_what_is_written_after_it_began(store: Store, reverse: bool) -> None:
    pairs = [(b"%04d" % number, b"old") for number in range(1000)]
    put(store, *pairs)
    unread = store.scan(*ALL, reverse=reverse)
    begun = store.scan(*ALL, reverse=reverse)
    first = next(begun)
    put(store, *((key, b"new") for key, _ in pairs), (b"0000+", b"new"))
    delete(store, b"0500")
    expected = pairs[::-1] if reverse else pairs
    assert [first, *begun] == expected
    assert list(unread) == expected
    assert store.get(b"0500") is None


def test_a_snapshot_does_not_see_what_is_written_after_it(store: Store) -> None:
    put(store, (b"a", b"1"), (b"b", b"1"))
    with store.snapshot() as before:
        put(store, (b"a", b"2"), (b"c", b"2"))
        delete(store, b"b")
        with store.snapshot() as after:
            assert list(before.scan(*ALL)) == [(b"a", b"1"), (b"b", b"1")]
            assert list(before.scan(*ALL, reverse=True)) == [(b"b", b"1"), (b"a", b"1")]
            assert [before.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"1", None]
            assert list(after.scan(*ALL)) == [(b"a", b"2"), (b"c", b"2")]


def test_a_closed_snapshot_refuses_and_the_store_goes_on(store: Store) -> None:
    put(store, (b"a", b"1"), (b"b", b"1"))
    snapshot = store.snapshot()
    begun = snapshot.scan(*ALL)
    assert next(begun) == (b"a", b"1")
    snapshot.close()
    snapshot.close()
    with pytest.raises(StoreClosed, match="has been closed"):
        snapshot.get(b"a")
    with pytest.raises(StoreClosed):
        snapshot.scan(*ALL)
    with pytest.raises(StoreClosed):
        list(begun)
    assert store.get(b"a") == b"1"


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get(b"a"),
        lambda store: store.scan(*ALL),
        lambda store: store.batch(),
        lambda store: store.snapshot(),
        lambda store: store.describe(),
        lambda store: store.check(),
    ],
    ids=["get", "scan", "batch", "snapshot", "describe", "check"],
)
def test_a_closed_store_refuses(store: Store, use: Callable[[Store], object]) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="open it again"):
        use(store)


def test_what_came_from_a_store_refuses_once_it_is_closed(store: Store) -> None:
    put(store, *((b"%04d" % number, b"") for number in range(1000)))
    snapshot, batch = store.snapshot(), store.batch()
    batch.put(b"late", b"1")
    begun = store.scan(*ALL)
    next(begun)
    store.close()
    with pytest.raises(StoreClosed):
        store.write(batch, sync=False)
    with pytest.raises(StoreClosed):
        snapshot.get(b"0001")
    with pytest.raises(StoreClosed):
        list(begun)
    snapshot.close()


def test_a_store_closes_itself_at_the_end_of_a_with_statement(store: Store) -> None:
    with store as entered:
        assert entered is store
    with pytest.raises(StoreClosed):
        store.get(b"a")


def test_closing_waits_for_reads_and_ends_them(store: Store) -> None:
    put(store, *((b"%04d" % number, b"v" * 100) for number in range(2000)))
    reading = [threading.Event() for _ in range(4)]
    ended: list[str] = []

    def read(started: threading.Event, reader: Reader) -> None:
        try:
            while True:
                assert reader.get(b"0001") == b"v" * 100
                assert len(keys(reader, b"0100", b"0900", reverse=True)) == 800
                started.set()
        except StoreClosed as error:
            ended.append(error.fault)

    readers: list[Reader] = [store, store, store.snapshot(), store.snapshot()]
    threads = [threading.Thread(target=read, args=pair) for pair in zip(reading, readers)]
    for thread in threads:
        thread.start()
    for started in reading:
        started.wait()
    store.close()
    for thread in threads:
        thread.join()
    assert ended == ["has been closed"] * 4


def test_readers_see_whole_batches_while_a_writer_writes(store: Store) -> None:
    put(store, (b"a", b"0"), (b"z", b"0"))
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not done.is_set():
            first, last = (value for _, value in store.scan(*ALL))
            if first != last:
                wrong.append((first, last))
            with store.snapshot() as snapshot:
                if snapshot.get(b"a") != snapshot.get(b"z"):
                    wrong.append("snapshot")

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(500):
        put(store, (b"a", b"%d" % number), (b"z", b"%d" % number))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_describe_has_the_figures_for_metrics(store: Store) -> None:
    put(store, (b"a", b"v" * 10000))
    figures = store.describe()
    assert figures["kind"] in ("leveldb", "memory")
    assert int(figures["memory_bytes"]) >= 10000
    assert {"bytes", "files"} <= figures.keys()


def test_an_undamaged_store_passes_its_check(store: Store) -> None:
    store.check()
    put(store, *((b"%04d" % number, b"v" * 100) for number in range(2000)))
    store.check()


def test_compacting_a_range_loses_nothing_that_is_there(store: Store) -> None:
    put(store, (b"a", b"1"), (b"b", b"1"), (b"c", b"1"), sync=True)
    put(store, (b"b", b"2"))
    delete(store, b"c")
    store.compact_range(b"a", b"c\xff")
    assert list(store.scan(*ALL)) == [(b"a", b"1"), (b"b", b"2")]
    store.close()
    with pytest.raises(StoreClosed):
        store.compact_range(b"a", b"b")
