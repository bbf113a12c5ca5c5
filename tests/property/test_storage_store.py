"""A store does what a sorted dictionary does, through snapshots, open scans and reopenings."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from node.storage.leveldb import open_leveldb
from node.storage.memory import MemoryStore
from node.storage.ports import BEHIND_LAST_KEY, FIRST_KEY, Reader, Store

# Few and short, so that keys meet again; with the bytes that sit at the edges of the order.
KEYS = st.lists(st.sampled_from([b"\x01", b"a", b"b", b"\xff"]), min_size=1, max_size=3).map(
    b"".join
)
BOUNDS = st.one_of(KEYS, st.just(b""), st.just(BEHIND_LAST_KEY), st.just(b"\x00format"))
VALUES = st.one_of(st.binary(max_size=20), st.integers(0, 3).map(lambda n: b"v" * (n * 40_000)))
CHANGES = st.lists(st.tuples(KEYS, st.none() | VALUES), max_size=8)


def scanned(
    pairs: dict[bytes, bytes], start: bytes, stop: bytes, reverse: bool
) -> list[tuple[bytes, bytes]]:
    return sorted(((k, v) for k, v in pairs.items() if start <= k < stop), reverse=reverse)


class StoreMachine(RuleBasedStateMachine):
    """Runs the store beside a dictionary."""

    snapshots = Bundle("snapshots")
    scans = Bundle("scans")

    def __init__(self) -> None:
        super().__init__()
        self.pairs: dict[bytes, bytes] = {}
        self.store: Store
        self.generation = 0

    @rule(changes=CHANGES, sync=st.booleans())
    def write(self, changes: list[tuple[bytes, bytes | None]], sync: bool) -> None:
        batch = self.store.batch()
        for key, value in changes:
            if value is None:
                batch.delete(key)
                self.pairs.pop(key, None)
            else:
                batch.put(key, value)
                self.pairs[key] = value
        assert len(batch) == len(changes)
        self.store.write(batch, sync=sync)

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.store.get(key) == self.pairs.get(key)

    @rule(start=BOUNDS, stop=BOUNDS, reverse=st.booleans())
    def scan(self, start: bytes, stop: bytes, reverse: bool) -> None:
        found = list(self.store.scan(start, stop, reverse=reverse))
        assert found == scanned(self.pairs, start, stop, reverse)

    @rule(target=snapshots)
    def take_snapshot(self) -> tuple[int, Reader, dict[bytes, bytes]]:
        return self.generation, self.store.snapshot(), dict(self.pairs)

    @rule(snapshot=snapshots, start=BOUNDS, stop=BOUNDS, reverse=st.booleans(), key=KEYS)
    def read_snapshot(
        self,
        snapshot: tuple[int, Reader, dict[bytes, bytes]],
        start: bytes,
        stop: bytes,
        reverse: bool,
        key: bytes,
    ) -> None:
        generation, reader, pairs = snapshot
        if generation == self.generation:
            assert list(reader.scan(start, stop, reverse=reverse)) == scanned(
                pairs, start, stop, reverse
            )
            assert reader.get(key) == pairs.get(key)

    @rule(snapshot=consumes(snapshots))
    def close_snapshot(self, snapshot: tuple[int, Reader, dict[bytes, bytes]]) -> None:
        snapshot[1].close()

    @rule(target=scans, start=BOUNDS, stop=BOUNDS, reverse=st.booleans(), begun=st.booleans())
    def open_scan(
        self, start: bytes, stop: bytes, reverse: bool, begun: bool
    ) -> tuple[int, Iterator[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
        scan = self.store.scan(start, stop, reverse=reverse)
        expected = scanned(self.pairs, start, stop, reverse)
        if begun:
            assert [next(scan, None)] == (expected[:1] or [None])
            expected = expected[1:]
        return self.generation, scan, expected

    @rule(scan=consumes(scans))
    def finish_scan(
        self, scan: tuple[int, Iterator[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]
    ) -> None:
        generation, pairs, expected = scan
        if generation == self.generation:
            assert list(pairs) == expected

    @invariant()
    def holds_the_same(self) -> None:
        assert dict(self.store.scan(FIRST_KEY, BEHIND_LAST_KEY)) == self.pairs

    def teardown(self) -> None:
        self.store.close()


class MemoryMachine(StoreMachine):
    """The store in memory."""

    @initialize()
    def make(self) -> None:
        self.store = MemoryStore()


class LevelMachine(StoreMachine):
    """The store on LevelDB, with the smallest write buffer there is, so that tables come about."""

    @initialize(compress=st.booleans())
    def make(self, compress: bool) -> None:
        memory = Path("/dev/shm")
        self.path = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.compress = compress
        self.open()

    def open(self) -> None:
        self.store = open_leveldb(
            self.path, write_buffer=64 << 10, block_cache=64 << 10, compress=self.compress
        )

    @precondition(lambda self: self.pairs)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.generation += 1
        self.open()

    @rule()
    def check(self) -> None:
        self.store.check()

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.path)


TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = settings(max_examples=60, stateful_step_count=30)
TestLevelStore = LevelMachine.TestCase
TestLevelStore.settings = settings(max_examples=60, stateful_step_count=30)
