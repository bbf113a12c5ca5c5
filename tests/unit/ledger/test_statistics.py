"""Counts survive being stored, and are told by name."""

from __future__ import annotations

from collections import Counter

from node.ledger.rows import STATISTICS
from node.ledger.statistics import Statistics
from node.storage.memory import MemoryStore


def test_counts_come_back() -> None:
    counts = Statistics(
        Counter({"seal.filed": 2, "seal.applied": 3}), Counter({"seal": 3}), Counter({23: 1, 5: 9})
    )
    store = MemoryStore()
    assert Statistics.load(store).to_json() == {"dossiers": {}, "records": {}, "refused": {}}
    batch = store.batch()
    batch.put(*counts.row())
    store.write(batch, sync=True)
    found = Statistics.load(store)
    assert found.to_json() == counts.to_json()
    assert found.to_json() == {
        "dossiers": {"seal": 3},
        "records": {"seal.applied": 3, "seal.filed": 2},
        "refused": {"expired": 9, "wrong_status": 1},
    }


def test_the_row_does_not_tell_the_order_in_which_things_came() -> None:
    one = Statistics(Counter({"a": 1, "b": 2}), Counter(), Counter({1: 1, 2: 2}))
    other = Statistics(Counter({"b": 2, "a": 1}), Counter(), Counter({2: 2, 1: 1}))
    assert one.row() == other.row()
    assert one.row()[0] == STATISTICS
