"""A node's vault under the keys of its home, and a change of the wrapping key, cut off anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.vault import LocalStore, StoreBroke, disclosure, keep, texts

from node.vault.errors import KeyFileRefused, WrongWrappingKey
from node.vault.keys import create_wrapping_key, read_wrapping_key
from node.vault.opening import SUCCESSOR_FILE, WRAPPING_KEY_FILE, finish_rotation, open_vault

DOSSIERS = [f"case:platform-a:{number}" for number in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = tmp_path / "keys"
    keys.mkdir()
    create_wrapping_key(keys / WRAPPING_KEY_FILE)
    return keys


@pytest.fixture
def filled(store: LocalStore, folder: Path) -> LocalStore:
    vault = open_vault(store, folder)
    for number, dossier in enumerate(DOSSIERS):
        keep(vault, store, dossier, number, disclosure(salt=number))
    return store


def check_all(store: LocalStore, folder: Path) -> None:
    vault = open_vault(store, folder)
    vault.verify()
    for number, dossier in enumerate(DOSSIERS):
        assert list(texts(vault, dossier)) == [disclosure(salt=number).digest]


def test_without_a_successor_there_is_nothing_to_finish(filled: LocalStore, folder: Path) -> None:
    vault = open_vault(filled, folder)
    assert finish_rotation(vault, folder) is None
    assert vault.wrapping_key_id == read_wrapping_key(folder / WRAPPING_KEY_FILE).id


def test_the_successor_takes_the_place_of_the_key(filled: LocalStore, folder: Path) -> None:
    successor = create_wrapping_key(folder / SUCCESSOR_FILE)
    rotation = finish_rotation(open_vault(filled, folder), folder)
    assert rotation is not None
    assert (rotation.complete, rotation.rewrapped) == (True, len(DOSSIERS))
    assert [path.name for path in folder.iterdir()] == [WRAPPING_KEY_FILE]
    assert read_wrapping_key(folder / WRAPPING_KEY_FILE).id == successor.id
    check_all(filled, folder)


@pytest.mark.parametrize("writes", range(6))
def test_cut_off_anywhere_it_opens_and_goes_on(
    filled: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr("node.vault.rotation._ROWS_A_BATCH", 2)
    successor = create_wrapping_key(folder / SUCCESSOR_FILE)
    filled.fail_after = writes
    with pytest.raises(StoreBroke):
        finish_rotation(open_vault(filled, folder), folder)
    filled.fail_after = None
    check_all(filled, folder)
    rotation = finish_rotation(open_vault(filled, folder), folder)
    assert rotation is not None
    assert rotation.complete
    assert not (folder / SUCCESSOR_FILE).exists()
    assert open_vault(filled, folder).wrapping_key_id == successor.id
    check_all(filled, folder)


def test_cut_off_before_the_file_was_moved_it_is_moved_later(
    filled: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    successor = create_wrapping_key(folder / SUCCESSOR_FILE)

    def refuse(*_: object) -> None:
        raise KeyFileRefused("x", "cannot be replaced")

    with monkeypatch.context() as broken:
        broken.setattr("node.vault.opening.replace_wrapping_key", refuse)
        with pytest.raises(KeyFileRefused):
            finish_rotation(open_vault(filled, folder), folder)
    check_all(filled, folder)
    rotation = finish_rotation(open_vault(filled, folder), folder)
    assert rotation is not None
    assert (rotation.complete, rotation.rewrapped) == (True, 0)
    assert read_wrapping_key(folder / WRAPPING_KEY_FILE).id == successor.id


def test_while_a_row_is_damaged_both_keys_stay(filled: LocalStore, folder: Path) -> None:
    former = read_wrapping_key(folder / WRAPPING_KEY_FILE)
    create_wrapping_key(folder / SUCCESSOR_FILE)
    row, value = next(iter(filled.rows(b"v/k/").items()))
    filled.put(row, bytes((value[0] ^ 1,)) + value[1:])
    rotation = finish_rotation(open_vault(filled, folder), folder)
    assert rotation is not None
    assert not rotation.complete
    assert rotation.damaged == (row.decode(),)
    assert (folder / SUCCESSOR_FILE).exists()
    assert read_wrapping_key(folder / WRAPPING_KEY_FILE).id == former.id
    open_vault(filled, folder)


def test_another_successor_than_the_one_under_way_is_refused(
    filled: LocalStore, folder: Path
) -> None:
    create_wrapping_key(folder / SUCCESSOR_FILE)
    filled.fail_after = 2
    with pytest.raises(StoreBroke):
        finish_rotation(open_vault(filled, folder), folder)
    filled.fail_after = None
    (folder / SUCCESSOR_FILE).unlink()
    create_wrapping_key(folder / SUCCESSOR_FILE)
    with pytest.raises(WrongWrappingKey):
        open_vault(filled, folder)


def test_a_successor_that_others_can_read_is_refused(filled: LocalStore, folder: Path) -> None:
    create_wrapping_key(folder / SUCCESSOR_FILE)
    (folder / SUCCESSOR_FILE).chmod(0o644)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        open_vault(filled, folder)
