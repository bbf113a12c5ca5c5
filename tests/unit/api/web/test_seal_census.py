"""node.api.web.seal_census: seals by status, at once or by a thread, and again only when due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from builders.reading import StoredRows

from node.api.web.seal_census import SealCensus
from node.core.errors import LedgerFault
from node.ledger.indexes import index_keys

MINUTE = 60_000


class Node:
    """A node with ``count`` seals, of which every third is suspended."""

    def __init__(self, count: int) -> None:
        data = {"es_id": "x", "seal_code": "y", "signer_cert_hashes": []}
        keys = [key for at in range(count) for key in index_keys("seal.created", data, at)]
        self.rows = StoredRows(keys)
        self.time, self.height, self.fault, self.threads = 1_000_000, 5, False, set[str]()

    def now(self) -> int:
        return self.time

    @contextmanager
    def reader(self) -> Iterator[Any]:
        self.threads.add(threading.current_thread().name)
        if self.fault:
            raise LedgerFault("the store is closed")
        yield SimpleNamespace(
            rows=self.rows, meta=SimpleNamespace(height=self.height), entry=_entry, state=_state
        )


def _entry(index: int) -> Any:
    return SimpleNamespace(transaction=SimpleNamespace(data={"es_id": f"ES-{index}"}))


def _state(key: str) -> dict[str, Any]:
    number = int(key.removeprefix("seal/ES-"))
    return {
        "status": "active" if number % 3 else "suspended",
        "valid_from": 0,
        "valid_to": 900_000 if number == 1 else 10**12,
    }


def test_few_seals_are_counted_at_once_and_time_makes_one_expire() -> None:
    node, census = Node(6), SealCensus()
    found = census.newest(node)  # type: ignore[arg-type]
    assert found is not None
    assert found.seals == {"suspended": 2, "active": 3, "expired": 1}
    assert (found.height, found.time) == (5, 1_000_000)


def test_no_seals() -> None:
    found = SealCensus().newest(Node(0))  # type: ignore[arg-type]
    assert found is not None
    assert (found.seals, found.height) == ({}, 5)


def test_many_are_counted_by_a_thread_and_not_again_before_they_are_due() -> None:
    node, census = Node(260), SealCensus()
    assert census.newest(node) is None, "the page does not wait"  # type: ignore[arg-type]
    for thread in threading.enumerate():
        if thread.name == "seal-census":
            thread.join(30)
    found = census.newest(node)  # type: ignore[arg-type]
    assert found is not None
    assert sum(found.seals.values()) == 260
    assert "seal-census" in node.threads
    node.height += 1
    assert census.newest(node) is found, "a minute has not gone by"  # type: ignore[arg-type]
    node.time += MINUTE
    node.height -= 1
    assert census.newest(node) is found, "nothing was recorded since"  # type: ignore[arg-type]


def test_a_count_that_cannot_be_made_leaves_the_last_one() -> None:
    node, census = Node(260), SealCensus()
    census._count(node, [1, 2, 3], 0.0)  # type: ignore[arg-type]
    found = census._newest
    node.fault = True
    census._count(node, [1, 2, 3], 0.0)  # type: ignore[arg-type]
    assert census._newest is found
    assert not census._counting


def test_a_store_that_fails_once_does_not_end_the_counting_for_good() -> None:
    node, census = Node(6), SealCensus()
    node.fault = True
    with pytest.raises(LedgerFault):
        census.newest(node)  # type: ignore[arg-type]
    node.fault = False
    found = census.newest(node)  # type: ignore[arg-type]
    assert found is not None
    assert sum(found.seals.values()) == 6
