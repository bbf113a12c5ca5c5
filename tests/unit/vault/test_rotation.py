from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from builders.vault import (
    CASE,
    SEAL,
    LocalStore,
    StoreBroke,
    disclosure,
    erase,
    keep,
    texts,
    transaction,
    wrapping_key,
)

from node.vault import rotation
from node.vault.errors import RotationPending, WrongWrappingKey
from node.vault.keyring import wrapping_key_ids
from node.vault.vault import Vault

OLD, NEW, THIRD = wrapping_key("old"), wrapping_key("new"), wrapping_key("third")
NAME = disclosure("name", "南小明")
ID_NO = disclosure("id_no", "120105199001010614")
DOSSIERS = [f"case:platform-a:{number}" for number in range(7)]


@pytest.fixture
def filled(store: LocalStore) -> LocalStore:
    """A store of seven dossiers under the key "old"."""
    vault = Vault(store, OLD)
    for number, dossier in enumerate(DOSSIERS):
        keep(vault, store, dossier, number, disclosure(salt=number))
    return store


@pytest.fixture(autouse=True)
def two_rows_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a rotation of seven rows takes several writes."""
    monkeypatch.setattr(rotation, "_ROWS_A_BATCH", 2)


def check_all(vault: Vault) -> None:
    for number, dossier in enumerate(DOSSIERS):
        expected = disclosure(salt=number)
        assert texts(vault, dossier) == {expected.digest: expected.encoded}
    vault.verify()


def wrapping_keys_of(store: LocalStore) -> set[str]:
    return {row.decode().split("/")[4] for row in store.rows(b"v/k/")}


def test_after_a_rotation_the_former_key_opens_nothing(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    found = vault.rewrap(NEW)
    assert (found.rewrapped, found.damaged, found.complete) == (7, (), True)
    assert vault.wrapping_key_id == NEW.id
    assert wrapping_keys_of(filled) == {NEW.id}
    assert wrapping_key_ids(filled) == (NEW.id,)
    check_all(vault)
    check_all(Vault(filled, NEW))
    with pytest.raises(WrongWrappingKey, match=NEW.id):
        Vault(filled, OLD)


def test_disclosures_are_not_encrypted_anew(filled: LocalStore) -> None:
    before = filled.rows(b"v/d/")
    Vault(filled, OLD).rewrap(NEW)
    assert filled.rows(b"v/d/") == before


def test_a_rotation_to_the_key_in_force_does_nothing(filled: LocalStore) -> None:
    before = filled.rows(b"v/")
    found = Vault(filled, OLD).rewrap(OLD)
    assert (found.rewrapped, found.complete) == (0, True)
    assert filled.rows(b"v/") == before


@pytest.mark.parametrize("writes", range(6))
def test_a_rotation_interrupted_at_any_write_goes_on(filled: LocalStore, writes: int) -> None:
    vault = Vault(filled, OLD)
    filled.fail_after = writes  # 1 begins, 4 rewrap, 1 ends
    with pytest.raises(StoreBroke):
        vault.rewrap(NEW)
    filled.fail_after = None
    begun = writes > 0
    assert wrapping_key_ids(filled) == ((NEW.id, OLD.id) if begun else (OLD.id,))
    if begun:
        for alone in (OLD, NEW):
            with pytest.raises(WrongWrappingKey, match="give both keys"):
                Vault(filled, alone)
    for keys in ((OLD, NEW), (NEW, OLD)) if begun else ((OLD, NEW),):
        again = Vault(filled, keys[0], other_keys=keys[1:])
        assert again.rotation_pending == begun
        assert again.wrapping_key_id == (NEW if begun else OLD).id
        check_all(again)
    found = again.rewrap(NEW)
    assert found.complete
    assert found.rewrapped == 7 - min(7, 2 * max(0, writes - 1))
    assert wrapping_keys_of(filled) == {NEW.id}
    assert not again.rotation_pending
    check_all(Vault(filled, NEW))


def test_an_unfinished_rotation_has_to_be_finished_before_another(filled: LocalStore) -> None:
    filled.fail_after = 2
    vault = Vault(filled, OLD)
    with pytest.raises(StoreBroke):
        vault.rewrap(NEW)
    filled.fail_after = None
    with pytest.raises(RotationPending, match=NEW.id):
        vault.rewrap(THIRD)
    assert vault.rewrap(NEW).complete
    assert vault.rewrap(THIRD).complete
    check_all(Vault(filled, THIRD))


class WatchedView:
    """A view of a store that calls ``hook`` before each row that a scan gives."""

    def __init__(self, view: Any, hook: Callable[[], None]) -> None:
        self.view = view
        self.hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self.view, name)

    def __enter__(self) -> WatchedView:
        return self

    def __exit__(self, *_: object) -> None:
        self.view.close()

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        for pair in self.view.scan(start, stop):
            self.hook()
            yield pair


@pytest.mark.parametrize("at", range(7))
def test_the_node_works_on_in_the_midst_of_a_rotation(
    filled: LocalStore, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    vault = Vault(filled, OLD)
    steps = iter(range(7))

    def step() -> None:
        if next(steps, None) == at:
            monkeypatch.undo()
            check_all(vault)
            keep(vault, filled, SEAL, 8, NAME)
            keep(vault, filled, DOSSIERS[at], 9, ID_NO)
            erase(vault, filled, DOSSIERS[6 - at], [disclosure(salt=6 - at).digest])

    taken = filled.snapshot
    monkeypatch.setattr(filled, "snapshot", lambda: WatchedView(taken(), step), raising=False)
    vault.rewrap(NEW)
    assert next(steps, None) is None, "the rotation did not come to the step"
    assert vault.rewrap(NEW).complete
    again = Vault(filled, NEW)
    again.verify()
    assert texts(again, SEAL) == {NAME.digest: NAME.encoded}
    assert texts(again, DOSSIERS[at])[ID_NO.digest] == ID_NO.encoded
    assert disclosure(salt=6 - at).digest not in texts(again, DOSSIERS[6 - at])
    again.purge()
    assert len(filled.rows(b"v/k/")) == (8 if at == 3 else 7)


def test_a_new_dossiers_batch_that_is_older_than_the_rotation_keeps_it_open(
    filled: LocalStore,
) -> None:
    vault = Vault(filled, OLD)
    late = filled.batch()
    vault.keep(late, SEAL, transaction(9), [NAME])
    assert not vault.rewrap(NEW).complete
    filled.write(late, sync=True)
    assert wrapping_keys_of(filled) == {OLD.id, NEW.id}
    assert texts(vault, SEAL) == {NAME.digest: NAME.encoded}
    found = vault.rewrap(NEW)
    assert (found.rewrapped, found.complete) == (1, True)
    assert wrapping_keys_of(filled) == {NEW.id}
    assert texts(Vault(filled, NEW), SEAL) == {NAME.digest: NAME.encoded}


def test_a_busy_nodes_new_dossiers_do_not_keep_a_rotation_open(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    filled.fail_after = 1
    with pytest.raises(StoreBroke):
        vault.rewrap(NEW)
    filled.fail_after = None
    late = filled.batch()
    vault.keep(late, SEAL, transaction(9), [NAME])
    assert vault.rewrap(NEW).complete
    filled.write(late, sync=True)
    assert texts(Vault(filled, NEW), SEAL) == {NAME.digest: NAME.encoded}


def test_a_late_copy_of_a_key_under_the_former_one_is_swept_up(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    first, second = filled.batch(), filled.batch()
    vault.keep(first, SEAL, transaction(8), [NAME])
    vault.keep(second, SEAL, transaction(9), [ID_NO])  # carries the key too, under the old one
    filled.write(first, sync=True)
    assert vault.rewrap(NEW).complete
    filled.write(second, sync=True)
    assert wrapping_keys_of(filled) == {NEW.id, OLD.id}
    again = Vault(filled, NEW)
    for opened in (vault, again):
        assert set(texts(opened, SEAL)) == {NAME.digest, ID_NO.digest}
    again.purge()
    assert wrapping_keys_of(filled) == {NEW.id}
    assert set(texts(again, SEAL)) == {NAME.digest, ID_NO.digest}


def test_a_key_erased_in_the_midst_of_a_rotation_stays_erased(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    pending = filled.batch()
    vault.erase(pending, DOSSIERS[0], None, at_ms=1, by="x", why="y")
    assert vault.rewrap(NEW).complete
    filled.write(pending, sync=True)
    assert vault.reveal(DOSSIERS[0]) == []
    vault.purge()
    assert filled.rows(f"v/k/{DOSSIERS[0]}/".encode()) == {}
    assert len(filled.rows(b"v/k/")) == 6


def test_a_damaged_key_keeps_the_rotation_open_and_is_named(filled: LocalStore) -> None:
    row, value = next(iter(filled.rows(f"v/k/{DOSSIERS[3]}/".encode()).items()))
    filled.put(row, bytes(len(value)))
    vault = Vault(filled, OLD)
    found = vault.rewrap(NEW)
    assert (found.rewrapped, found.damaged, found.complete) == (6, (row.decode(),), False)
    filled.put(row, value)  # restored from a backup
    assert vault.rewrap(NEW).complete
    check_all(Vault(filled, NEW))


def test_a_damaged_copy_does_not_matter_where_a_good_one_is(filled: LocalStore) -> None:
    former = filled.rows(b"v/k/")
    vault = Vault(filled, OLD)
    assert vault.rewrap(NEW).complete
    for row, value in former.items():
        filled.put(row, bytes(len(value)))
    found = vault.rewrap(NEW)
    assert (found.damaged, found.complete) == ((), True)
    assert wrapping_keys_of(filled) == {NEW.id}
    check_all(vault)


def test_erasing_a_dossier_whose_key_is_damaged_lets_the_rotation_end(filled: LocalStore) -> None:
    row, value = next(iter(filled.rows(f"v/k/{DOSSIERS[3]}/".encode()).items()))
    filled.put(row, bytes(len(value)))
    vault = Vault(filled, OLD)
    assert not vault.rewrap(NEW).complete
    assert erase(vault, filled, DOSSIERS[3]).key_erased
    assert vault.rewrap(NEW).complete
    vault.verify()
    assert filled.rows(f"v/k/{DOSSIERS[3]}/".encode()) == {}


def test_a_case_begun_under_the_new_key_needs_no_old_one(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    vault.rewrap(NEW)
    keep(vault, filled, CASE, 50, NAME)
    assert texts(Vault(filled, NEW), CASE) == {NAME.digest: NAME.encoded}


# Two orders of events that the model in tests/property/test_vault.py came upon


def test_a_batch_whose_key_an_unwritten_erasure_retired_keeps_the_rotation_open(
    filled: LocalStore,
) -> None:
    vault = Vault(filled, OLD)
    late = filled.batch()
    vault.keep(late, SEAL, transaction(9), [NAME])
    vault.erase(filled.batch(), SEAL, None, at_ms=1, by="x", why="y")  # never written
    assert not vault.rewrap(NEW).complete
    filled.write(late, sync=True)
    assert vault.rewrap(NEW).complete
    assert texts(Vault(filled, NEW), SEAL) == {NAME.digest: NAME.encoded}


def test_a_key_that_came_late_under_the_former_one_is_carried_again(filled: LocalStore) -> None:
    vault = Vault(filled, OLD)
    late = filled.batch()
    vault.erase(first := filled.batch(), SEAL, [NAME.digest], at_ms=1, by="x", why="y")
    vault.keep(late, SEAL, transaction(9), [NAME])
    filled.write(first, sync=True)
    assert vault.rewrap(NEW).complete, "nothing on its way is of use"
    filled.write(late, sync=True)
    keep(vault, filled, SEAL, 10, ID_NO)
    for opened in (vault, Vault(filled, NEW)):
        assert texts(opened, SEAL) == {ID_NO.digest: ID_NO.encoded}
