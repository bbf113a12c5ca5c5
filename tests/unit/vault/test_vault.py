from __future__ import annotations

import threading
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
    memory_store,
    texts,
    transaction,
    wrapping_key,
)

from node.core.disclosure import decode_disclosure
from node.core.errors import InvalidEncoding
from node.vault.errors import VaultDamaged, WrongWrappingKey
from node.vault.keyring import wrapping_key_ids
from node.vault.vault import Vault

NAME = disclosure("name", "南小明")
ID_NO = disclosure("id_no", "120105199001010614")
PHONE = disclosure("phone", "13800138000")


def flipped(value: bytes, position: int) -> bytes:
    altered = bytearray(value)
    altered[position // 8] ^= 1 << position % 8
    return bytes(altered)


# Keeping and revealing


def test_what_was_kept_is_revealed_byte_for_byte(store: LocalStore, vault: Vault) -> None:
    kept = keep(vault, store, CASE, 1, NAME, ID_NO)
    assert sorted(kept.kept) == sorted((NAME.digest, ID_NO.digest))
    found = {one.digest: one for one in vault.reveal(CASE)}
    assert {digest: one.encoded for digest, one in found.items()} == {
        NAME.digest: NAME.encoded,
        ID_NO.digest: ID_NO.encoded,
    }
    assert found[ID_NO.digest].name == "id_no"
    assert found[ID_NO.digest].transaction_id == transaction(1)
    assert decode_disclosure(found[ID_NO.digest].encoded) == ID_NO


def test_names_are_those_of_one_transaction_whatever_became_of_others(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    keep(vault, store, CASE, 2, PHONE)
    keep(vault, store, OTHER_CASE, 1, PHONE)
    for row, value in list(store.scan(b"v/d/", b"v/d0")):
        if PHONE.digest.encode() in row:
            batch = store.batch()
            batch.put(row, flipped(value, 100))
            store.write(batch, sync=True)
    assert vault.names_held(CASE, transaction(1)) == {"name": NAME.digest, "id_no": ID_NO.digest}
    assert vault.names_held(CASE, transaction(3)) == {}
    with pytest.raises(VaultDamaged):
        vault.names_held(CASE, transaction(2))


def test_nothing_is_there_before_the_batch_is_written(store: LocalStore, vault: Vault) -> None:
    batch = store.batch()
    vault.keep(batch, CASE, transaction(), [NAME])
    assert vault.reveal(CASE) == []
    assert not vault.has(CASE)
    store.write(batch, sync=True)
    assert vault.has(CASE)


def test_keeping_again_changes_nothing(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    before = store.rows(b"v/")
    batch = store.batch()
    again = vault.keep(batch, CASE, transaction(1), [NAME])
    assert (again.kept, again.known, len(batch)) == ((), (NAME.digest,), 0)
    store.write(batch, sync=True)
    assert store.rows(b"v/") == before


def test_one_disclosure_of_two_transactions_is_held_for_both(
    store: LocalStore, vault: Vault
) -> None:
    # signing again gives another transaction with the same disclosures; either may commit
    keep(vault, store, CASE, 1, NAME)
    keep(vault, store, CASE, 2, NAME)
    assert {one.transaction_id for one in vault.reveal(CASE)} == {transaction(1), transaction(2)}
    assert vault.held(CASE) == (NAME.digest,)
    assert vault.count(CASE) == 1


def test_only_what_is_asked_for_is_revealed(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO, PHONE)
    assert set(texts(vault, CASE, [NAME.digest, PHONE.digest])) == {NAME.digest, PHONE.digest}
    assert texts(vault, CASE, []) == {}
    assert texts(vault, CASE, [disclosure("another").digest, "no digest at all"]) == {}
    assert set(texts(vault, CASE, iter([ID_NO.digest]))) == {ID_NO.digest}


def test_dossiers_are_apart_though_one_name_begins_with_the_other(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    keep(vault, store, OTHER_CASE, 2, ID_NO)
    keep(vault, store, SEAL, 3, PHONE)
    assert vault.held(CASE) == (NAME.digest,)
    assert vault.held(OTHER_CASE) == (ID_NO.digest,)
    assert vault.held(SEAL) == (PHONE.digest,)
    erase(vault, store, CASE)
    assert vault.held(OTHER_CASE) == (ID_NO.digest,)
    assert texts(vault, OTHER_CASE) == {ID_NO.digest: ID_NO.encoded}


def test_a_dossier_has_one_key_of_its_own(store: LocalStore, vault: Vault) -> None:
    for number in range(5):
        keep(vault, store, CASE, number, disclosure(salt=number))
        keep(vault, store, SEAL, 100 + number, disclosure(salt=100 + number))
    keys = {row.split(b"/")[2]: row.split(b"/")[3] for row in store.rows(b"v/k/")}
    assert len(store.rows(b"v/k/")) == 2
    assert {row.rpartition(b"/")[2] for row in store.rows(f"v/d/{CASE}/".encode())} == {
        keys[CASE.encode()]
    }
    assert keys[CASE.encode()] != keys[SEAL.encode()]


def test_a_nonce_is_never_used_twice(store: LocalStore, vault: Vault) -> None:
    for number in range(50):
        keep(vault, store, CASE, number, NAME)
    nonces = [value[:12] for value in store.rows(b"v/d/").values()]
    assert len(set(nonces)) == len(nonces) == 50


def test_a_vault_opened_again_goes_on_under_the_same_keys(store: LocalStore) -> None:
    keep(Vault(store, wrapping_key()), store, CASE, 1, NAME)
    again = Vault(store, wrapping_key())
    keep(again, store, CASE, 2, ID_NO)
    assert texts(again, CASE) == {NAME.digest: NAME.encoded, ID_NO.digest: ID_NO.encoded}
    assert len(store.rows(b"v/k/")) == 1


def test_the_largest_disclosure_and_every_kind_of_value(store: LocalStore, vault: Vault) -> None:
    values: list[Any] = ["", "𠮷" * 3000, 0, -(2**53) + 1, [], {}, {"a": ["b", {"c": "南"}]}]
    made = [disclosure("field", value, salt) for salt, value in enumerate(values)]
    assert max(len(one.encoded) for one in made) > 16_000
    keep(vault, store, CASE, 1, *made)
    assert texts(vault, CASE) == {one.digest: one.encoded for one in made}


def test_a_disclosure_that_comes_twice_in_one_call_is_kept_once(
    store: LocalStore, vault: Vault
) -> None:
    assert keep(vault, store, CASE, 1, NAME, NAME).kept == (NAME.digest,)
    assert vault.count(CASE) == 1


def test_rows_of_others_in_the_same_store_do_no_harm(store: LocalStore, vault: Vault) -> None:
    for row in (b"j/1", b"u", b"v", b"v/", b"v/a/x", b"v/h", b"w", b"v0"):
        store.put(row, b"somebody else's")
    keep(vault, store, CASE, 1, NAME)
    vault.purge()
    vault.rewrap(wrapping_key("second"))
    vault.verify()
    assert vault.statistics().disclosures == 1
    assert store.get(b"j/1") == store.get(b"v0") == b"somebody else's"


@pytest.mark.parametrize(
    "dossier",
    ["", "case", "case:a", "case:a:", "case:a:x/y", "case:a:x\n", "case:a:é", "case:a:x y",
     "../../etc", "case:A:x", "case:a:" + "x" * 65, "case:a:x\0", "v/d/case:a:x"],
)  # fmt: skip
def test_a_dossiers_name_that_is_none_is_refused_everywhere(vault: Vault, dossier: str) -> None:
    batch: Any = None
    calls = [
        lambda: vault.keep(batch, dossier, transaction(), [NAME]),
        lambda: vault.reveal(dossier),
        lambda: vault.held(dossier),
        lambda: vault.tombstones(dossier),
        lambda: vault.erase(batch, dossier, None, at_ms=1, by="a", why="b"),
        lambda: vault.withdraw(batch, dossier, transaction()),
        lambda: vault.purge(dossier),
        lambda: vault.verify(dossier),
    ]
    for call in calls:
        with pytest.raises(InvalidEncoding, match="dossier: must be"):
            call()


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_transaction_id_has_32_bytes(store: LocalStore, vault: Vault, length: int) -> None:
    with pytest.raises(InvalidEncoding, match="transaction_id"):
        vault.keep(store.batch(), CASE, bytes(length), [NAME])
    with pytest.raises(InvalidEncoding, match="transaction_id"):
        vault.withdraw(store.batch(), CASE, bytes(length))


def test_what_is_revealed_is_not_printed(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, ID_NO)
    assert ID_NO.encoded not in repr(vault.reveal(CASE))


def test_sizes(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    keep(vault, store, SEAL, 2, PHONE)
    erase(vault, store, CASE, [NAME.digest])
    found = vault.statistics()
    assert (found.dossiers, found.disclosures, found.data_keys, found.tombstones) == (2, 2, 2, 1)
    assert found.sealed_bytes == sum(12 + 16 + len(one.encoded) for one in (ID_NO, PHONE))


# Wrapping keys


def test_the_store_names_the_wrapping_key_that_it_is_under(store: LocalStore) -> None:
    assert wrapping_key_ids(store) == ()
    vault = Vault(store, wrapping_key())
    assert wrapping_key_ids(store) == (wrapping_key().id,) == (vault.wrapping_key_id,)


def test_another_wrapping_key_is_refused_at_once(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    before = store.rows(b"v/")
    with pytest.raises(WrongWrappingKey, match=wrapping_key().id) as caught:
        Vault(store, wrapping_key("second"), other_keys=[wrapping_key("third")])
    assert caught.value.wanted == wrapping_key().id
    assert caught.value.given == (wrapping_key("second").id, wrapping_key("third").id)
    assert store.rows(b"v/") == before


def test_the_right_key_is_found_among_several(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    again = Vault(store, wrapping_key("second"), other_keys=[wrapping_key()])
    assert again.wrapping_key_id == wrapping_key().id
    assert texts(again, CASE) == {NAME.digest: NAME.encoded}


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (b"", "not JSON"),
        (b"{}", "current: is missing"),
        (b'{"current":"0123456789abcdef","format":"evidence-vault/2"}', "this node knows"),
        (b'{"current":"short","format":"evidence-vault/1"}', "text of 16 to 16"),
        (b'{"format":"evidence-vault/1","current":"0123456789abcdef"}', "canonical"),
    ],
)
def test_a_vault_whose_first_row_does_not_hold_is_not_opened(
    store: LocalStore, value: bytes, rule: str
) -> None:
    store.put(b"v/m/wrapping", value)
    with pytest.raises(VaultDamaged, match=rule):
        Vault(store, wrapping_key())


# Rows that were altered, swapped or moved


def test_every_flipped_bit_of_a_row_is_noticed() -> None:
    store = memory_store()
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, NAME)
    ((row, sealed),) = store.rows(b"v/d/").items()
    for position in range(8 * len(sealed)):
        store.put(row, flipped(sealed, position))
        with pytest.raises(VaultDamaged, match="v/d/case:platform-a:0001/"):
            vault.reveal(CASE)
    store.put(row, sealed)
    assert texts(vault, CASE) == {NAME.digest: NAME.encoded}


@pytest.mark.parametrize("length", [0, 1, 7, 8, 11, 12, 13, 27, 28, 29])
def test_a_row_that_was_cut_is_noticed(store: LocalStore, vault: Vault, length: int) -> None:
    keep(vault, store, CASE, 1, NAME)
    ((row, sealed),) = store.rows(b"v/d/").items()
    store.put(row, sealed[:length])
    with pytest.raises(VaultDamaged):
        vault.reveal(CASE)


def test_rows_of_one_dossier_cannot_be_swapped(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    (first, one), (second, two) = store.rows(b"v/d/").items()
    store.put(first, two)
    store.put(second, one)
    with pytest.raises(VaultDamaged, match="was altered or is another row's") as caught:
        vault.reveal(CASE)
    assert caught.value.place == first.decode()
    with pytest.raises(VaultDamaged) as caught:
        vault.reveal(CASE, [second.decode().split("/")[3]])
    assert caught.value.place == second.decode()


def test_a_row_cannot_be_moved_to_another_transaction(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    ((row, sealed),) = store.rows(b"v/d/").items()
    moved = row.replace(transaction(1).hex().encode(), transaction(2).hex().encode())
    assert moved != row
    store.put(moved, sealed)
    store.remove(row)
    with pytest.raises(VaultDamaged, match=transaction(2).hex()):
        vault.reveal(CASE)


def test_a_row_cannot_be_moved_to_another_dossier_even_with_its_key(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    for row, value in {**store.rows(b"v/d/"), **store.rows(b"v/k/")}.items():
        store.put(row.replace(CASE.encode(), SEAL.encode()), value)
    with pytest.raises(VaultDamaged, match="the wrapped key was altered or is another row's"):
        vault.reveal(SEAL)
    assert texts(vault, CASE) == {NAME.digest: NAME.encoded}


def test_a_row_whose_key_is_gone_says_so(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    (key_row,) = store.rows(b"v/k/")
    store.remove(key_row)
    with pytest.raises(VaultDamaged, match="its data key is not in the vault"):
        vault.reveal(CASE)


def test_a_key_under_an_unknown_wrapping_key_says_so(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    ((row, value),) = store.rows(b"v/k/").items()
    store.remove(row)
    store.put(row[:-16] + b"0123456789abcdef", value)
    with pytest.raises(WrongWrappingKey) as caught:
        vault.reveal(CASE)
    assert caught.value.wanted == "0123456789abcdef"


def test_a_damaged_key_does_not_stop_new_disclosures(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    ((row, value),) = store.rows(b"v/k/").items()
    store.put(row, flipped(value, 200))
    again = Vault(store, wrapping_key())
    keep(again, store, CASE, 2, ID_NO)
    assert texts(again, CASE, [ID_NO.digest]) == {ID_NO.digest: ID_NO.encoded}
    with pytest.raises(VaultDamaged, match="the wrapped key was altered"):
        again.reveal(CASE, [NAME.digest])


@pytest.mark.parametrize(
    "name", [b"x", b"x/y", b"\xff", b"A" * 43 + b"/" + b"0" * 63 + b"/" + b"0" * 16]
)
def test_a_row_of_another_name_is_reported_not_stumbled_over(
    store: LocalStore, vault: Vault, name: bytes
) -> None:
    keep(vault, store, CASE, 1, NAME)
    store.put(f"v/d/{CASE}/".encode() + name, b"")
    with pytest.raises(VaultDamaged, match=r"is no name of|does not name a transaction"):
        vault.reveal(CASE)


def test_all_problems_are_found_and_each_is_named(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO, PHONE)
    keep(vault, store, OTHER_CASE, 2, NAME)
    keep(vault, store, SEAL, 3, NAME, ID_NO)
    assert list(vault.problems()) == []
    first, _, third = store.rows(f"v/d/{CASE}/".encode())
    for row in (first, third):
        store.put(row, flipped(store.get(row), 300))
    (key_row,) = store.rows(f"v/k/{OTHER_CASE}/".encode())
    store.remove(key_row)
    store.put(f"v/t/{SEAL}/{NAME.digest}".encode(), b"{}")
    found = [str(problem) for problem in vault.problems()]
    assert [text.split(":")[1] for text in found] == ["platform-a"] * 3 + ["maker-b"]
    assert found[0].startswith(first.decode())
    assert found[1].startswith(third.decode())
    assert "is not in the vault" in found[2]
    assert "the tombstone was altered" in found[3]
    assert len(list(vault.problems(CASE))) == 2
    with pytest.raises(VaultDamaged) as caught:
        vault.verify()
    assert caught.value.place == first.decode()


def test_errors_tell_nothing_of_what_disclosures_say(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, ID_NO)
    ((row, sealed),) = store.rows(b"v/d/").items()
    store.put(row, flipped(sealed, 170))
    with pytest.raises(VaultDamaged) as caught:
        vault.reveal(CASE)
    shown = repr(caught.value) + str(caught.value)
    assert "120105" not in shown
    assert ID_NO.encoded[:20] not in shown


# Threads


def test_threads_keep_reveal_and_erase_at_the_same_time() -> None:
    store = memory_store()
    vault = Vault(store, wrapping_key())
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def writer(thread: int) -> None:
        for number in range(40):
            keep(
                vault, store, CASE, 1000 * thread + number, disclosure(salt=1000 * thread + number)
            )
            keep(vault, store, SEAL, 1000 * thread + number, disclosure(salt=7000 + number))

    def reader(_: int) -> None:
        for _ in range(40):
            vault.reveal(CASE)
            vault.verify()

    def eraser(_: int) -> None:
        for _ in range(10):
            erase(vault, store, SEAL)
            vault.purge(SEAL)
            vault.rewrap(wrapping_key("first"))

    def run(job: Any, thread: int) -> None:
        try:
            start.wait()
            job(thread)
        except BaseException as error:
            failures.append(error)

    jobs = [writer, writer, writer, reader, eraser, eraser]
    threads = [threading.Thread(target=run, args=(job, n)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert vault.count(CASE) == 120
    assert len(store.rows(f"v/k/{CASE}/".encode())) == 1
    vault.verify()


def test_a_vault_on_disk_is_there_after_closing(tmp_path: Any) -> None:
    store = level_store(tmp_path / "local")
    keep(Vault(store, wrapping_key()), store, CASE, 1, NAME)
    store.close()
    store = level_store(tmp_path / "local")
    assert texts(Vault(store, wrapping_key()), CASE) == {NAME.digest: NAME.encoded}
    store.close()
