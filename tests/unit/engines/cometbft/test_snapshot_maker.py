"""Snapshots are taken when they are due or asked for, once their height is proven twice over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders.snapshots import ConsortiumBench

from node.core.genesis import Predecessor
from node.engines.cometbft.snapshot_maker import SnapshotMaker, SnapshotRefused
from node.ledger.snapshots.shelf import Shelf


def maker_of(path: Path, every: int, min_free: int = 0) -> tuple[SnapshotMaker, ConsortiumBench]:
    bench = ConsortiumBench()
    shelf = Shelf(path / "snapshots", 2)
    return SnapshotMaker(bench.application, bench.genesis, shelf, every, min_free), bench


def height_of(bench: ConsortiumBench) -> int:
    return bench.application.need_meta().height


def test_one_asked_for_is_of_the_next_block_and_waits_for_two_headers(tmp_path: Path) -> None:
    maker, bench = maker_of(tmp_path, 0)
    bench.block()
    asked = maker.ask()
    maker.written(height_of(bench))
    height = height_of(bench)
    bench.block()
    maker.kept(height + 1)
    assert not asked.done(), "a node that begins with it needs the header at height + 2"
    maker.kept(height + 2)
    assert asked.result(60).height == height
    maker.stop()
    assert maker.oldest_height == height


def test_one_is_taken_at_multiples_of_the_interval(tmp_path: Path) -> None:
    maker, bench = maker_of(tmp_path, 6)
    bench.block()  # two heights each
    maker.written(height_of(bench))
    bench.block()
    maker.kept(height_of(bench))
    assert not (tmp_path / "snapshots").exists()
    bench.block()
    maker.written(height_of(bench))
    told = maker.ask()  # it is under way already, and answers who asks
    bench.block()
    maker.kept(height_of(bench))
    assert told.result(60).height == 6
    maker.stop()


def test_what_cannot_be_taken_is_told_and_the_next_one_can_be(tmp_path: Path) -> None:
    maker, bench = maker_of(tmp_path, 0, min_free=1 << 60)
    bench.block()
    asked = maker.ask()
    maker.written(height_of(bench))
    bench.block()
    maker.kept(height_of(bench) + 2)
    with pytest.raises(SnapshotRefused, match="MiB are free"):
        asked.result(60)
    assert not any((tmp_path / "snapshots").iterdir())
    maker.stop()
    assert maker.oldest_height is None


def test_a_node_that_stops_takes_none(tmp_path: Path) -> None:
    maker, bench = maker_of(tmp_path, 0)
    bench.block()
    asked = maker.ask()
    maker.written(height_of(bench))
    maker.stop()
    with pytest.raises(SnapshotRefused, match="stopping"):
        asked.result(0)
    with pytest.raises(SnapshotRefused, match="stopping"):
        maker.ask()
    maker.written(height_of(bench))
    maker.kept(99)


def test_who_asked_may_give_up(tmp_path: Path) -> None:
    """As a server does that stops while somebody waits for a snapshot: the node stops all the same,
    and who waits besides is told."""
    maker, bench = maker_of(tmp_path, 0)
    bench.block()
    first, second = maker.ask(), maker.ask()
    assert not first.cancel()
    maker.written(height_of(bench))
    height = height_of(bench)
    bench.block()
    maker.kept(height + 2)
    assert second.result(60).height == height
    maker.ask().cancel()
    maker.stop()


def test_a_chain_that_continues_another_has_none(tmp_path: Path) -> None:
    bench = ConsortiumBench()
    before = Predecessor("old", 1, bytes(32), bytes(32), bytes(32))
    genesis = replace(bench.genesis, predecessor=before)
    shelf = Shelf(tmp_path / "snapshots", 2)
    maker = SnapshotMaker(bench.application, genesis, shelf, 1)
    with pytest.raises(SnapshotRefused, match="continues another"):
        maker.ask()
    bench.block()
    maker.written(height_of(bench))
    maker.kept(99)
    maker.stop()
    assert not (tmp_path / "snapshots").exists()
