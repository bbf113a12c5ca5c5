"""What the tests of the ledger share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.ledger import LedgerBench
from builders.traffic import traffic

from node.storage.leveldb import open_leveldb
from node.storage.memory import MemorySegments, MemoryStore
from node.storage.ports import Segments, Store
from node.storage.segments import FileSegments


@pytest.fixture
def bench() -> LedgerBench:
    """A ledger in memory that holds its genesis and nothing else."""
    return LedgerBench()


@pytest.fixture(scope="module")
def busy() -> LedgerBench:
    """A ledger of some thirty blocks. Not to be changed."""
    made = LedgerBench()
    made.play(traffic(7))
    return made


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[[str], LedgerBench]]:
    """Makes an empty ledger on ``"memory"`` or on ``"disk"``."""
    opened: list[Store | Segments] = []

    def make(where: str) -> LedgerBench:
        store: Store = MemoryStore()
        bodies: Segments = MemorySegments()
        if where == "disk":
            store = open_leveldb(tmp_path / "ledger")
            bodies = FileSegments(tmp_path / "blocks")
        opened.extend((store, bodies))
        return LedgerBench(store, bodies)

    yield make
    for item in opened:
        item.close()
