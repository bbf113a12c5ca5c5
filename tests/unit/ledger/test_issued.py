"""The index of (iss, jti), with and without what is known of it in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders.signing import seeded

from node.ledger.issued import IssuedKeys
from node.ledger.rows import ISSUED
from node.storage.errors import StoreCorrupt
from node.storage.memory import MemoryStore

KEYS = [seeded("issued", number)[:16] for number in range(3000)]


class CountingStore(MemoryStore):
    """Counts look-ups; reports damage to whoever scans, if told to."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_up = 0

    def get(self, key: bytes) -> bytes | None:
        self.looked_up += 1
        return super().get(key)


@pytest.fixture
def store() -> Iterator[CountingStore]:
    with CountingStore() as store:
        yield store


def write(store: MemoryStore, first: int, end: int) -> None:
    batch = store.batch()
    for index in range(first, end):
        batch.put(ISSUED + KEYS[index], index.to_bytes(6, "big"))
    store.write(batch, sync=True)


def test_every_look_up_is_made_until_the_index_has_been_read(store: CountingStore) -> None:
    write(store, 0, 2000)
    issued = IssuedKeys(store, empty=False)
    assert issued.find(KEYS[1999]) == 1999
    assert issued.find(KEYS[2000]) is None
    assert store.looked_up == 2
    issued.learn()
    issued.close()


def test_once_it_has_been_read_what_is_not_there_costs_none(store: CountingStore) -> None:
    write(store, 0, 2000)
    issued = IssuedKeys(store, empty=False)
    issued.add(KEYS[2000:2500])
    issued.learn()
    write(store, 2000, 2500)
    issued.add(KEYS[2500:2600])
    issued.wait()
    assert [issued.find(key) for key in KEYS[:2500]] == list(range(2500))
    assert store.looked_up == 2500
    assert [issued.find(key) for key in KEYS[2500:]] == [None] * 500
    assert 2600 <= store.looked_up < 2610, "those added, of blocks not written yet, are looked for"


def test_of_an_empty_index_nothing_has_to_be_read(store: CountingStore) -> None:
    issued = IssuedKeys(store, empty=True)
    issued.learn()
    assert issued.find(KEYS[0]) is None
    issued.add(KEYS[:1])
    write(store, 0, 1)
    assert issued.find(KEYS[0]) == 0
    assert store.looked_up == 1
    issued.close()


def test_an_index_that_cannot_be_read_is_left_to_those_who_need_it(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, 0, 10)
    issued = IssuedKeys(store, empty=False)
    snapshot = store.snapshot()

    def damaged(*_: object) -> Iterator[tuple[bytes, bytes]]:
        raise StoreCorrupt("table 7", "a block is damaged")

    monkeypatch.setattr(snapshot, "scan", damaged)
    monkeypatch.setattr(store, "snapshot", lambda: snapshot)
    issued.learn()
    issued.close()
    assert issued.find(KEYS[3]) == 3
    assert issued.find(KEYS[10]) is None
    assert store.looked_up == 2


def test_closing_a_store_ends_the_reading() -> None:
    store = CountingStore()
    write(store, 0, 3000)
    issued = IssuedKeys(store, empty=False)
    issued.learn()
    store.close()
    issued.close()
