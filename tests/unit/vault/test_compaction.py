"""Erased bytes must not be left in the store's files: what LevelDB itself would leave there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from builders.vault import (
    CASE,
    OTHER_CASE,
    SEAL,
    LocalStore,
    disclosure,
    erase,
    keep,
    level_store,
    texts,
    wrapping_key,
)

from node.core.disclosure import Disclosure
from node.vault.compaction import rewrite_range
from node.vault.vault import Vault

ID_NO = disclosure("id_no", "120105199001010614")
PERSON = disclosure("holder_of_this_seal", {"name": "南小明南小明", "address": "天津市河西区2号楼"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "local"


@pytest.fixture
def store(path: Path) -> Iterator[LocalStore]:
    opened = level_store(path)
    yield opened
    opened.close()


def files_with(path: Path, needle: bytes) -> list[str]:
    """Names of all files in which ``needle`` stands, the store's write-ahead log among them."""
    assert any(path.glob("*.log"))
    return sorted(
        file.name for file in path.rglob("*") if file.is_file() and needle in file.read_bytes()
    )


def plain_forms(one: Disclosure) -> list[bytes]:
    """The ways in which a disclosure could stand in a file, whole or in part."""
    raw = base64.urlsafe_b64decode(one.encoded + "==")
    forms = [one.encoded.encode(), raw, one.salt.encode(), one.name.encode()]
    values = one.value.values() if isinstance(one.value, dict) else [one.value]
    forms += [str(value).encode() for value in values]
    forms += [str(value).encode("utf-16-le") for value in values]
    # base64 of it at each alignment, without the ends that depend on what stands beside it
    forms += [base64.b64encode(bytes(n) + raw)[8:40] for n in range(3)]
    return forms


def fill(store: LocalStore, vault: Vault, count: int) -> None:
    for number in range(count):
        keep(vault, store, f"case:filler:{number}", number, disclosure(salt=number, value="x" * 80))


def test_the_search_finds_what_is_written_in_plain(path: Path, store: LocalStore) -> None:
    for position, form in enumerate(plain_forms(PERSON)):
        store.put(b"plain%d" % position, form)
        assert files_with(path, form), form


@pytest.mark.parametrize("compacted", [False, True])
def test_no_plain_text_is_in_any_file(path: Path, store: LocalStore, compacted: bool) -> None:
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, ID_NO, PERSON)
    keep(vault, store, SEAL, 2, PERSON)
    if compacted:
        vault.purge()
        assert list(path.glob("*.ldb"))
    vault.rewrap(wrapping_key("second"))
    vault.reveal(CASE)
    for secret in (wrapping_key().secret, wrapping_key("second").secret):
        assert files_with(path, secret) == []
    for one in (ID_NO, PERSON):
        for form in plain_forms(one):
            assert files_with(path, form) == [], form
    assert files_with(path, PERSON.digest.encode()), "digests are in clear, as on the chain"


@pytest.mark.parametrize("whole", [True, False], ids=["all-dossiers", "one-dossier"])
@pytest.mark.parametrize("on_disk", [True, False], ids=["in-a-table", "only-in-the-log"])
@pytest.mark.parametrize("neighbours", [0, 300])
def test_erased_bytes_are_gone_after_a_purge(
    path: Path, store: LocalStore, whole: bool, on_disk: bool, neighbours: int
) -> None:
    vault = Vault(store, wrapping_key())
    fill(store, vault, neighbours)
    keep(vault, store, OTHER_CASE, 1001, ID_NO)
    keep(vault, store, CASE, 1000, ID_NO, PERSON)
    if on_disk:
        vault.purge()
    rows = {
        **store.rows(f"v/d/{CASE}/".encode()),
        **store.rows(f"v/k/{CASE}/".encode()),
    }
    assert len(rows) == 3
    needles = [value[-40:] for value in rows.values()]
    assert all(files_with(path, needle) for needle in needles)
    erase(vault, store, CASE)
    assert all(files_with(path, needle) for needle in needles), "deleting alone leaves the bytes"
    vault.purge(None if whole else CASE)
    for needle in needles:
        assert files_with(path, needle) == []
    assert texts(vault, OTHER_CASE) == {ID_NO.digest: ID_NO.encoded}
    assert vault.statistics().disclosures == neighbours + 1
    vault.verify()


def test_one_erased_disclosure_goes_and_the_others_stay(path: Path, store: LocalStore) -> None:
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, ID_NO, PERSON)
    rows = store.rows(b"v/d/")
    (gone,) = (value for row, value in rows.items() if PERSON.digest.encode() in row)
    (stays,) = (value for row, value in rows.items() if ID_NO.digest.encode() in row)
    erase(vault, store, CASE, [PERSON.digest])
    vault.purge(CASE)
    assert files_with(path, gone[-40:]) == []
    assert files_with(path, stays[-40:])
    assert texts(vault, CASE) == {ID_NO.digest: ID_NO.encoded}


def test_keys_under_the_former_wrapping_key_are_gone_after_a_rotation(
    path: Path, store: LocalStore
) -> None:
    vault = Vault(store, wrapping_key())
    fill(store, vault, 50)
    former = [value[-40:] for value in store.rows(b"v/k/").values()]
    vault.rewrap(wrapping_key("second"))
    assert not any(files_with(path, needle) for needle in former)
    vault.verify()


def test_an_open_view_delays_it_and_another_purge_makes_up_for_that(
    path: Path, store: LocalStore
) -> None:
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, ID_NO)
    ((_, value),) = store.rows(b"v/d/").items()
    with store.snapshot() as backup:
        erase(vault, store, CASE)
        vault.purge(CASE)
        assert len(list(backup.scan(b"v/d/", b"v/d0"))) == 1
        assert files_with(path, value[-40:])
    vault.purge(CASE)
    assert files_with(path, value[-40:]) == []


def test_a_purge_that_was_cut_off_leaves_nothing_that_disturbs(store: LocalStore) -> None:
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, ID_NO)

    def killed(start: bytes, stop: bytes) -> None:
        if next(steps):
            raise KeyboardInterrupt

    steps = cycle((False, True))  # the second compaction is the one between the marks
    store.compact_range = killed  # type: ignore[attr-defined]
    for dossier in (None, CASE):
        with pytest.raises(KeyboardInterrupt):
            vault.purge(dossier)
    del store.compact_range
    assert len(store.rows(b"v/")) == 3 + 4, "the marks are there"
    again = Vault(store, wrapping_key())
    assert texts(again, CASE) == {ID_NO.digest: ID_NO.encoded}
    again.verify()
    found = again.statistics()
    assert (found.dossiers, found.disclosures, found.data_keys) == (1, 1, 1)
    assert again.rewrap(wrapping_key("second")).complete
    again.purge()
    again.purge(CASE)
    assert len(store.rows(b"v/")) == 3


@pytest.mark.parametrize("size", [1, 60, 3000])
@pytest.mark.parametrize("on_disk", [0, 1, 2])
def test_one_rewriting_is_enough_wherever_the_bytes_lie(
    path: Path, store: LocalStore, size: int, on_disk: int
) -> None:
    needles = [hashlib.sha256(b"%d" % number).digest() * 12 for number in range(size)]
    for number, needle in enumerate(needles):
        store.put(b"x/%08d" % number, needle)
    for _ in range(on_disk):
        store.compact_range(b"", b"\xff")
    for number in range(0, size, 2):
        store.remove(b"x/%08d" % number)
    rewrite_range(store, b"x/")  # type: ignore[arg-type]
    content = b"".join(file.read_bytes() for file in path.iterdir())
    assert [needle in content for needle in needles] == [number % 2 == 1 for number in range(size)]


def test_a_range_without_marks_would_keep_its_bytes(path: Path, store: LocalStore) -> None:
    """Why `rewrite_range` does more than to call the compaction."""
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, ID_NO)
    ((_, value),) = store.rows(b"v/d/").items()
    erase(vault, store, CASE)
    store.compact_range(b"v/", b"v0")
    store.compact_range(b"v/", b"v0")
    left: Any = files_with(path, value[-40:])
    assert [name.rpartition(".")[2] for name in left] == ["ldb"]
    rewrite_range(store, b"v/d/")  # type: ignore[arg-type]
    assert files_with(path, value[-40:]) == []
