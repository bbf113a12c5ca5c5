"""Refused ids in the order of their forgetting."""

from __future__ import annotations

from builders.signing import seeded

from node.ledger import refused as refused_module
from node.ledger.refused import RefusedIds, refused_key
from node.ledger.rows import EXPIRY
from node.storage.memory import MemoryStore

IDS = [seeded("refused", number) for number in range(10)]


def test_ids_are_forgotten_at_their_exp_oldest_first() -> None:
    store = MemoryStore()
    ids = RefusedIds(store)
    batch = store.batch()
    for number, identifier in enumerate(IDS):
        ids.add(identifier, 100 + number % 3, batch)
    store.write(batch, sync=True)
    assert all(identifier in ids for identifier in IDS)
    assert seeded("another") not in ids
    batch = store.batch()
    assert ids.expired(99_999, batch) == []
    assert ids.expired(101_999, batch) == sorted(IDS[0::3]) + sorted(IDS[1::3])
    store.write(batch, sync=True)
    assert [identifier in ids for identifier in IDS] == [n % 3 == 2 for n in range(10)]
    assert [key[7:] for key, _ in store.scan(EXPIRY, EXPIRY + b"\xff" * 39)] == sorted(IDS[2::3])


def test_they_are_found_again_in_the_store() -> None:
    store = MemoryStore()
    ids, batch = RefusedIds(store), store.batch()
    for number, identifier in enumerate(IDS):
        ids.add(identifier, 2**40 - number, batch)
    store.write(batch, sync=True)
    again = RefusedIds(store)
    assert all(identifier in again for identifier in IDS)
    assert again.expired(2**60, store.batch()) == ids.expired(2**60, store.batch()) == IDS[::-1]


def test_not_too_many_are_forgotten_at_once() -> None:
    store = MemoryStore()
    ids, batch = RefusedIds(store), store.batch()
    most = refused_module._MAX_FORGOTTEN
    for number in range(most + 5):
        ids.add(number.to_bytes(32, "big"), 1, batch)
    assert len(ids.expired(1000, batch)) == most
    assert len(ids.expired(1000, batch)) == 5
    assert ids.expired(1000, batch) == []


def test_the_key_in_the_state_is_the_id_in_hex() -> None:
    assert refused_key(b"\x01\xff") == "refused/01ff"
