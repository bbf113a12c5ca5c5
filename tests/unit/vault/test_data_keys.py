from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from builders.vault import CASE, LocalStore, disclosure, memory_store, wrapping_key

from node.vault import data_keys
from node.vault.data_keys import DataKey, DataKeys, StoredKeys
from node.vault.errors import VaultDamaged
from node.vault.keyring import KeyRing
from node.vault.rows import disclosure_row

ROW = b"v/d/row"


@pytest.fixture
def store() -> LocalStore:
    return memory_store()


@pytest.fixture
def keys(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> DataKeys:
    """Keys that remember four dossiers, and eight at most."""
    monkeypatch.setattr(data_keys, "_REMEMBERED", 4)
    monkeypatch.setattr(data_keys, "_REMEMBERED_AT_MOST", 8)
    return DataKeys(store, KeyRing(store, [wrapping_key()]))


def use(keys: DataKeys, store: LocalStore, dossier: str, *, write: bool) -> DataKey:
    batch = store.batch()
    key = fill(keys, batch, dossier)
    if write:
        store.write(batch, sync=True)
    return key


def fill(keys: DataKeys, batch: Any, dossier: str) -> DataKey:
    key = keys.for_writing(dossier)
    keys.put(key, batch, {disclosure_row(dossier, disclosure().digest, bytes(32), key.id): "text"})
    return key


def remembered(keys: DataKeys, store: LocalStore, count: int, *, write: bool) -> list[int]:
    """Which of ``count`` dossiers' keys are still held in memory."""
    made = [weakref.ref(use(keys, store, f"case:a:{n}", write=write)) for n in range(count)]
    gc.collect()
    return [number for number, key in enumerate(made) if key() is not None]


def test_the_keys_used_last_are_remembered(keys: DataKeys, store: LocalStore) -> None:
    assert remembered(keys, store, 50, write=True) == [46, 47, 48, 49]


def test_memory_stays_bounded_when_every_batch_is_dropped(
    keys: DataKeys, store: LocalStore
) -> None:
    assert len(remembered(keys, store, 100, write=False)) <= 9


def test_memory_shrinks_again_when_batches_are_written_after_all(
    keys: DataKeys, store: LocalStore
) -> None:
    batches = []
    made = []
    for number in range(8):
        batch = store.batch()
        made.append(weakref.ref(fill(keys, batch, f"case:late:{number}")))
        batches.append(batch)
    for batch in batches:
        store.write(batch, sync=True)
    assert len(remembered(keys, store, 20, write=True)) == 4
    assert [key() for key in made] == [None] * 8


def test_a_key_comes_back_from_the_store_after_it_was_forgotten(
    keys: DataKeys, store: LocalStore
) -> None:
    first = use(keys, store, CASE, write=True)
    sealed = first.seal(ROW, "text")
    remembered(keys, store, 20, write=True)
    again = use(keys, store, CASE, write=True)
    assert again is not first
    assert again.id == first.id
    assert again.open(ROW, sealed) == "text"


def test_a_batch_carries_the_key_until_the_store_shows_it(
    keys: DataKeys, store: LocalStore
) -> None:
    sizes = []
    for write in (False, False, True, True):
        batch = store.batch()
        fill(keys, batch, CASE)
        sizes.append(len(batch))
        if write:
            store.write(batch, sync=True)
    assert sizes == [2, 2, 2, 1]


def test_a_retired_key_is_not_taken_again_while_its_row_is_still_there(
    keys: DataKeys, store: LocalStore
) -> None:
    first = use(keys, store, CASE, write=True)
    keys.retire(CASE, first.id)
    second = use(keys, store, CASE, write=True)
    assert second.id != first.id
    assert set(StoredKeys(store, CASE, {}).ids) == {first.id, second.id}


def test_a_sealed_text_opens_in_its_own_row_under_its_own_key() -> None:
    key = DataKey(CASE, "00" * 8, bytes(32))
    sealed = key.seal(ROW, "text")
    assert key.open(ROW, sealed) == "text"
    assert sealed != key.seal(ROW, "text")
    with pytest.raises(VaultDamaged, match="v/d/other: was altered or is another row's"):
        key.open(b"v/d/other", sealed)
    with pytest.raises(VaultDamaged):
        DataKey(CASE, "00" * 8, b"x" * 32).open(ROW, sealed)
