"""The log's tree while it grows: roots as by definition, tiles as they will be read."""

from __future__ import annotations

import random

import pytest

from node.core.errors import LedgerFault
from node.core.merkle import EMPTY_ROOT, leaf_hash, root_hash, root_of_leaves
from node.ledger.log import TileReader, WorkingLog
from node.ledger.rows import middle_key, tile_key
from node.storage.memory import MemoryStore

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]


def test_an_empty_log_has_the_empty_root() -> None:
    log = WorkingLog(MemoryStore(), 0)
    assert (log.size, log.root) == (0, EMPTY_ROOT)
    batch = MemoryStore().batch()
    assert log.append([], batch) == {}
    assert len(batch) == 0


@pytest.mark.parametrize("seed", range(4))
def test_appending_in_pieces_is_appending_at_once(seed: int) -> None:
    rng = random.Random(seed)
    store = MemoryStore()
    log = WorkingLog(store, 0)
    while log.size < 1500:
        count = rng.choice([1, 2, 7, 255, 256, 257, 300])
        batch = store.batch()
        changes = log.append(LEAVES[log.size : log.size + count], batch)
        assert log.root == root_of_leaves(LEAVES[: log.size])
        unwritten = TileReader(log.reader)
        for size in (1, log.size // 2 or 1, log.size):
            assert root_hash(size, unwritten.read) == root_of_leaves(LEAVES[:size])
        if rng.random() < 0.5:
            store.write(batch, sync=True)
            log.release(changes)
            again = WorkingLog(store, log.size)
            assert again.root == log.root
            log = again if rng.random() < 0.5 else log
        else:
            store.write(batch, sync=True)


def test_tiles_are_full_or_grow() -> None:
    store = MemoryStore()
    log = WorkingLog(store, 0)
    for size in (100, 256, 300, 512, 65_536, 65_537, 70_000):
        batch = store.batch()
        log.append(LEAVES[log.size : size], batch)
        store.write(batch, sync=True)
        last, rest = divmod(size, 256)
        if rest:
            assert len(store.get(tile_key(0, last)) or b"") == 32 * rest
        for index in {0, last - 1} & set(range(last)):
            tile = store.get(tile_key(0, index))
            assert tile == b"".join(LEAVES[256 * index : 256 * (index + 1)])
    assert len(store.get(tile_key(1, 0)) or b"") == 256 * 32
    assert len(store.get(tile_key(1, 1)) or b"") == 32 * (70_000 // 256 - 256)
    assert len(store.get(tile_key(2, 0)) or b"") == 32
    middles = [store.get(middle_key(0, index)) or b"" for index in (0, 255, 70_000 // 256)]
    assert middles == [
        b"".join(root_of_leaves(LEAVES[at : at + 16]) for at in range(first, stop, 16))
        for first, stop in ((0, 256), (255 * 256, 256 * 256), (69_888, 70_000))
    ]
    reader = TileReader(store)
    assert reader.read(16, 0) == root_of_leaves(LEAVES[:65_536])
    assert reader.read(3, 5) == root_of_leaves(LEAVES[40:48])
    assert root_hash(70_000, reader.read) == log.root


def test_tiles_not_written_yet_are_kept_until_they_are() -> None:
    store = MemoryStore()
    log = WorkingLog(store, 0)
    first = log.append(LEAVES[:10], store.batch())
    second = log.append(LEAVES[10:20], store.batch())
    assert log.reader.get(tile_key(0, 0)) == b"".join(LEAVES[:20])
    log.release(first)
    assert log.reader.get(tile_key(0, 0)) == b"".join(LEAVES[:20])
    log.release(second)
    assert log.reader.get(tile_key(0, 0)) is None


def test_what_is_not_there_is_a_fault() -> None:
    with pytest.raises(LedgerFault, match="tile 0/0 is missing"):
        WorkingLog(MemoryStore(), 5)
    store = MemoryStore()
    batch = store.batch()
    batch.put(tile_key(0, 0), b"".join(LEAVES[:3]))
    store.write(batch, sync=True)
    reader = TileReader(store)
    assert reader.read(1, 0) == root_of_leaves(LEAVES[:2])
    for level, index in ((0, 3), (1, 1), (2, 0)):
        with pytest.raises(LedgerFault, match="tile 0/0 is too short"):
            reader.read(level, index)
    for level, index in ((4, 0), (7, 1)):
        with pytest.raises(LedgerFault, match="the middle of tile 0/0 is missing"):
            reader.read(level, index)
