"""Snapshots are on the shelf whole or not at all, and only the newest stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.ledger import LedgerBench
from builders.snapshots import ConsortiumBench

from node.core.errors import LedgerFault
from node.ledger.snapshots.shelf import Shelf
from node.ledger.snapshots.taking import SnapshotTaker


def take(shelf: Shelf, bench: LedgerBench) -> int:
    with bench.store.snapshot() as view:
        height = bench.application.need_meta().height
        bench.block()
        folder = shelf.begin(height)
        taker = SnapshotTaker(view, bench.store, bench.bodies, bench.genesis, folder)
        return shelf.add(taker, folder).height


def test_the_newest_two_stay(tmp_path: Path) -> None:
    shelf, bench = Shelf(tmp_path / "snapshots", 2), ConsortiumBench()
    assert shelf.snapshots() == []
    assert shelf.oldest_height is None
    bench.block()
    heights = [take(shelf, bench) for _ in range(3)]
    assert [kept.manifest.height for kept in shelf.snapshots()] == heights[:0:-1]
    assert shelf.oldest_height == heights[1]
    assert shelf.chunk(heights[0], 0) is None
    assert shelf.chunk(heights[2], 0)
    assert shelf.chunk(heights[2], 99) is None


def test_nothing_is_left_of_one_that_could_not_be_taken(tmp_path: Path) -> None:
    shelf, bench = Shelf(tmp_path / "snapshots", 2), ConsortiumBench()
    bench.block()
    height = bench.application.need_meta().height
    folder = shelf.begin(height)
    taker = SnapshotTaker(bench.store, bench.store, bench.bodies, bench.genesis, folder)
    with pytest.raises(LedgerFault, match="is missing"):  # the next header is not kept yet
        shelf.add(taker, folder)
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_what_a_crash_left_and_what_cannot_be_read_is_cleared(tmp_path: Path) -> None:
    shelf, bench = Shelf(tmp_path / "snapshots", 2), ConsortiumBench()
    shelf.begin(7)
    for name in ("3", "4"):
        (tmp_path / "snapshots" / name).mkdir()
    (tmp_path / "snapshots" / "4" / "manifest").write_bytes(b"\x90")
    assert shelf.snapshots() == []
    bench.block()
    height = take(shelf, bench)
    assert [kept.manifest.height for kept in shelf.snapshots()] == [height]
    assert [entry.name for entry in (tmp_path / "snapshots").iterdir()] == [str(height)]
