"""Erasures that are not complete until the store's files have let go of the bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.vault import (
    CASE,
    OTHER_CASE,
    SEAL,
    LocalStore,
    StoreBroke,
    disclosure,
    erase,
    keep,
    level_store,
    texts,
    wrapping_key,
)

from node.vault import purging
from node.vault.vault import Vault


def files_with(path: Path, needle: bytes) -> list[str]:
    return [file.name for file in path.rglob("*") if file.is_file() and needle in file.read_bytes()]


def test_an_erasure_is_due_until_it_is_purged(store: LocalStore, vault: Vault) -> None:
    for dossier in (CASE, OTHER_CASE, SEAL):
        keep(vault, store, dossier, 1, disclosure())
    assert vault.purges_due() == []
    erase(vault, store, CASE)
    erase(vault, store, OTHER_CASE)
    assert vault.purges_due() == [CASE, OTHER_CASE]
    assert vault.purge(CASE)
    assert vault.purges_due() == [OTHER_CASE], "the name of the one is a prefix of the other's"
    assert vault.purge(OTHER_CASE)
    assert vault.purges_due() == []
    assert store.rows(b"v/p/") == {}


def test_a_node_that_died_before_the_purge_finds_it_due_again(store: LocalStore) -> None:
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, disclosure())
    erase(vault, store, CASE)
    again = Vault(store, wrapping_key())
    assert again.purges_due() == [CASE]
    assert again.purge_due() == 1
    assert (again.purges_due(), again.purge_due()) == ([], 0)


def test_a_purge_that_fails_stays_due(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, disclosure())
    erase(vault, store, CASE)
    store.fail_after = 0
    with pytest.raises(StoreBroke):
        vault.purge_due()
    store.fail_after = None
    assert vault.purges_due() == [CASE]
    assert vault.purge(CASE)


def test_an_erasure_that_comes_during_a_purge_stays_due(store: LocalStore, vault: Vault) -> None:
    one, two = disclosure("name", "甲"), disclosure("phone", "13800138000")
    keep(vault, store, CASE, 1, one, two)
    erase(vault, store, CASE, [one.digest])

    def erase_the_other() -> None:
        store.after_write = lambda: None
        erase(vault, store, CASE, [two.digest])

    store.after_write = erase_the_other
    assert vault.purge(CASE)
    assert vault.purges_due() == [CASE], "its rows were deleted after the files were looked at"


@pytest.mark.parametrize("many", [False, True])
def test_more_than_a_few_are_rewritten_together(
    store: LocalStore, vault: Vault, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    if many:
        monkeypatch.setattr(purging, "_FEW", 1)
    for dossier in (CASE, OTHER_CASE, SEAL):
        keep(vault, store, dossier, 1, disclosure())
    for dossier in (CASE, SEAL):
        erase(vault, store, dossier)
    assert vault.purge_due() == 2
    assert vault.purges_due() == []
    assert list(texts(vault, OTHER_CASE)) == [disclosure().digest]


@pytest.mark.parametrize("dossier", [CASE, None])
def test_beside_a_backup_no_purge_counts(tmp_path: Path, dossier: str | None) -> None:
    store = level_store(tmp_path / "local")
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, disclosure())
    ((_, sealed),) = store.rows(b"v/d/").items()
    with vault.purges_held(), store.snapshot():
        erase(vault, store, CASE)
        assert not vault.purge(dossier)
        assert files_with(tmp_path, sealed[-40:]), "the backup still reads them"
        assert vault.purges_due() == [CASE]
    assert vault.purge_due() == 1
    assert files_with(tmp_path, sealed[-40:]) == []
    assert vault.purges_due() == []
    store.close()


def test_two_readers_are_waited_for(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, disclosure())
    erase(vault, store, CASE)
    with vault.purges_held():
        with vault.purges_held():
            pass
        assert not vault.purge(CASE)
    assert vault.purge(CASE)
