from __future__ import annotations

import itertools

import pytest
from builders.vault import (
    CASE,
    OTHER_CASE,
    SEAL,
    LocalStore,
    disclosure,
    erase,
    keep,
    memory_store,
    texts,
    transaction,
    wrapping_key,
)

from node.core.errors import InvalidEncoding
from node.vault import data_keys
from node.vault.errors import VaultDamaged
from node.vault.vault import Vault

NAME = disclosure("name", "南小明")
ID_NO = disclosure("id_no", "120105199001010614")
PHONE = disclosure("phone", "13800138000")
WHEN = 1_700_000_000_000


def test_erasing_all_leaves_tombstones_and_no_key(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    erasure = erase(vault, store, CASE)
    assert set(erasure.erased) == {NAME.digest, ID_NO.digest}
    assert erasure.key_erased
    assert vault.reveal(CASE) == []
    assert not vault.has(CASE)
    assert store.rows(b"v/d/") == store.rows(b"v/k/") == {}
    found = vault.tombstones(CASE)
    assert {one.digest for one in found} == {NAME.digest, ID_NO.digest}
    assert {(one.at_ms, one.by, one.why) for one in found} == {
        (WHEN, "court-c", "(2024)津01民初1号")
    }


def test_erasing_one_leaves_the_others_and_the_key(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    erasure = erase(vault, store, CASE, [NAME.digest])
    assert (erasure.erased, erasure.key_erased) == ((NAME.digest,), False)
    assert texts(vault, CASE) == {ID_NO.digest: ID_NO.encoded}
    assert [one.digest for one in vault.tombstones(CASE)] == [NAME.digest]
    assert vault.tombstones(CASE, [ID_NO.digest]) == ()


def test_the_key_goes_with_the_last_disclosure(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    assert not erase(vault, store, CASE, [NAME.digest]).key_erased
    assert erase(vault, store, CASE, [ID_NO.digest]).key_erased
    assert store.rows(b"v/k/") == {}


def test_an_erased_disclosure_is_not_kept_again(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    erase(vault, store, CASE, [NAME.digest])
    again = keep(vault, store, CASE, 2, NAME, ID_NO, PHONE)
    assert again.erased == (NAME.digest,)
    assert set(again.kept) == {ID_NO.digest, PHONE.digest}
    assert NAME.digest not in texts(vault, CASE)
    assert NAME.digest not in texts(Vault(store, wrapping_key()), CASE)


def test_an_erasure_holds_for_every_transaction_of_that_disclosure(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    keep(vault, store, CASE, 2, NAME)
    assert erase(vault, store, CASE, [NAME.digest]).erased == (NAME.digest,)
    assert store.rows(b"v/d/") == {}


def test_the_same_disclosure_in_another_dossier_stays(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    keep(vault, store, SEAL, 2, NAME)
    erase(vault, store, CASE)
    assert texts(vault, SEAL) == {NAME.digest: NAME.encoded}
    assert keep(vault, store, OTHER_CASE, 3, NAME).kept == (NAME.digest,)


def test_what_was_never_held_gets_a_tombstone_too(store: LocalStore, vault: Vault) -> None:
    erasure = erase(vault, store, CASE, [NAME.digest])
    assert (erasure.erased, erasure.not_held) == ((), (NAME.digest,))
    assert keep(vault, store, CASE, 1, NAME).erased == (NAME.digest,)
    assert erase(vault, store, SEAL).erased == ()
    assert vault.tombstones(SEAL) == ()


def test_the_first_erasure_stands(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    erase(vault, store, CASE)
    batch = store.batch()
    again = vault.erase(batch, CASE, [NAME.digest], at_ms=WHEN + 1, by="x", why="y")
    store.write(batch, sync=True)
    (tombstone,) = vault.tombstones(CASE)
    assert again.before == (tombstone,)
    assert (again.erased, again.not_held) == ((), ())
    assert (tombstone.at_ms, tombstone.by) == (WHEN, "court-c")


def test_a_dossier_goes_on_under_a_new_key_after_it_was_erased(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    (old,) = store.rows(b"v/k/")
    erase(vault, store, CASE)
    keep(vault, store, CASE, 2, ID_NO)
    (new,) = store.rows(b"v/k/")
    assert new.split(b"/")[3] != old.split(b"/")[3]
    assert texts(vault, CASE) == {ID_NO.digest: ID_NO.encoded}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"digests": ["short"]}, "digest"),
        ({"digests": [NAME.digest, NAME.digest[:-1] + "B"]}, "digest"),
        ({"digests": ["a/" + "A" * 41]}, "digest"),
        ({"at_ms": -1}, "erasure.at_ms"),
        ({"at_ms": 1.5}, "erasure.at_ms"),
        ({"at_ms": True}, "erasure.at_ms"),
        ({"by": ""}, "erasure.by"),
        ({"by": "x" * 129}, "erasure.by"),
        ({"why": ""}, "erasure.why"),
        ({"why": "x" * 501}, "erasure.why"),
        ({"why": "\ud800"}, "canonical JSON"),
    ],
)
def test_an_erasure_without_its_particulars_is_refused_and_changes_nothing(
    store: LocalStore, vault: Vault, changes: dict[str, object], place: str
) -> None:
    keep(vault, store, CASE, 1, NAME)
    batch = store.batch()
    particulars = {"digests": [NAME.digest], "at_ms": WHEN, "by": "court-c", "why": "w", **changes}
    with pytest.raises(InvalidEncoding, match=f"^{place}"):
        vault.erase(batch, CASE, **particulars)
    assert len(batch) == 0
    assert vault.has(CASE)


def test_the_longest_reason_comes_back_whole(store: LocalStore, vault: Vault) -> None:
    why = "\x01𠮷" * 250
    batch = store.batch()
    vault.erase(batch, CASE, [NAME.digest], at_ms=WHEN, by="\x02" * 128, why=why)
    store.write(batch, sync=True)
    (tombstone,) = vault.tombstones(CASE)
    assert (tombstone.by, tombstone.why) == ("\x02" * 128, why)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"at_ms":1,"by":"x"}', b'{"at_ms":-1,"by":"x","why":"y"}', b"\xff"]
)
def test_an_altered_tombstone_is_named(store: LocalStore, vault: Vault, value: bytes) -> None:
    keep(vault, store, CASE, 1, ID_NO)
    row = f"v/t/{CASE}/{NAME.digest}"
    store.put(row.encode(), value)
    for call in (vault.tombstones, vault.verify):
        with pytest.raises(VaultDamaged, match="the tombstone was altered") as caught:
            call(CASE)
        assert caught.value.place == row
    assert keep(vault, store, CASE, 2, NAME).erased == (NAME.digest,), "it still counts"
    assert texts(vault, CASE) == {ID_NO.digest: ID_NO.encoded}


def test_a_withdrawn_transaction_leaves_no_trace(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME, ID_NO)
    keep(vault, store, CASE, 2, NAME)
    batch = store.batch()
    assert vault.withdraw(batch, CASE, transaction(1)) == 2
    store.write(batch, sync=True)
    assert [one.transaction_id for one in vault.reveal(CASE)] == [transaction(2)]
    assert vault.tombstones(CASE) == ()
    assert keep(vault, store, CASE, 3, ID_NO).kept == (ID_NO.digest,)


def test_a_withdrawn_transaction_may_come_again(store: LocalStore, vault: Vault) -> None:
    # a refusal that is not final, such as a key that is registered only later
    keep(vault, store, CASE, 1, NAME)
    batch = store.batch()
    vault.withdraw(batch, CASE, transaction(1))
    store.write(batch, sync=True)
    assert keep(vault, store, CASE, 1, NAME).kept == (NAME.digest,)
    assert texts(vault, CASE) == {NAME.digest: NAME.encoded}


def test_a_repeated_batch_that_comes_after_a_withdrawal_can_be_read(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 2, PHONE)
    batches = [store.batch(), store.batch()]
    for batch in batches:
        vault.keep(batch, CASE, transaction(1), [NAME])
    store.write(batches[0], sync=True)
    withdrawal = store.batch()
    vault.withdraw(withdrawal, CASE, transaction(1))
    store.write(withdrawal, sync=True)
    erase(vault, store, CASE, [PHONE.digest])
    vault.purge()
    store.write(batches[1], sync=True)
    for opened in (vault, Vault(store, wrapping_key())):
        assert texts(opened, CASE) == {NAME.digest: NAME.encoded}


def test_what_two_batches_brought_is_revealed_once(store: LocalStore, vault: Vault) -> None:
    batches = [store.batch(), store.batch()]
    for batch in batches:
        vault.keep(batch, CASE, transaction(1), [NAME])
    for batch in batches:
        store.write(batch, sync=True)
    assert [one.encoded for one in vault.reveal(CASE)] == [NAME.encoded]
    assert vault.held(CASE) == (NAME.digest,)
    assert erase(vault, store, CASE).key_erased
    assert store.rows(b"v/d/") == store.rows(b"v/k/") == {}


def test_purging_takes_the_key_of_a_dossier_that_was_withdrawn(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    keep(vault, store, SEAL, 2, NAME)
    batch = store.batch()
    vault.withdraw(batch, CASE, transaction(1))
    store.write(batch, sync=True)
    assert len(store.rows(b"v/k/")) == 2
    vault.purge()
    assert [row.split(b"/")[2] for row in store.rows(b"v/k/")] == [SEAL.encode()]
    keep(vault, store, CASE, 3, NAME)
    assert texts(vault, CASE) == {NAME.digest: NAME.encoded}


# Batches that cross each other


def test_two_batches_of_a_new_dossier_are_read_whichever_is_written(store: LocalStore) -> None:
    for written in itertools.chain.from_iterable(
        itertools.permutations((0, 1, 2), count) for count in range(4)
    ):
        vault = Vault(store, wrapping_key())
        dossier = f"case:a:{''.join(map(str, written))}."
        batches = [store.batch() for _ in range(3)]
        made = [disclosure(salt=number) for number in range(3)]
        for number, batch in enumerate(batches):
            vault.keep(batch, dossier, transaction(number), [made[number]])
        for number in written:
            store.write(batches[number], sync=True)
        assert texts(vault, dossier) == {made[n].digest: made[n].encoded for n in written}
        assert texts(Vault(store, wrapping_key()), dossier) == texts(vault, dossier)
        assert len(store.rows(f"v/k/{dossier}/".encode())) == bool(written)


def test_a_keep_on_its_way_survives_the_erasure_of_all_the_rest(store: LocalStore) -> None:
    for order in itertools.permutations(("keep", "erase")):
        vault = Vault(store, wrapping_key())
        dossier = f"case:a:{order[0]}"
        keep(vault, store, dossier, 1, NAME)
        batches = {"keep": store.batch(), "erase": store.batch()}
        vault.keep(batches["keep"], dossier, transaction(2), [ID_NO])
        erasure = vault.erase(batches["erase"], dossier, [NAME.digest], at_ms=WHEN, by="x", why="y")
        assert not erasure.key_erased
        for step in order:
            store.write(batches[step], sync=True)
        for opened in (vault, Vault(store, wrapping_key())):
            opened.purge()
            assert texts(opened, dossier) == {ID_NO.digest: ID_NO.encoded}


def test_a_keep_on_its_way_is_erased_with_everything(store: LocalStore) -> None:
    for order in itertools.permutations(("keep", "erase")):
        vault = Vault(store, wrapping_key())
        dossier = f"case:a:{order[0]}"
        keep(vault, store, dossier, 1, NAME)
        batches = {"keep": store.batch(), "erase": store.batch()}
        vault.keep(batches["keep"], dossier, transaction(2), [ID_NO])
        erasure = vault.erase(batches["erase"], dossier, None, at_ms=WHEN, by="x", why="y")
        assert set(erasure.erased) == {NAME.digest, ID_NO.digest}
        for step in order:
            store.write(batches[step], sync=True)
        assert vault.reveal(dossier) == []
        assert vault.count(dossier) == 0
        assert list(vault.problems()) == []
        vault.purge(dossier)
        assert store.rows(f"v/d/{dossier}/".encode()) == {}
        assert store.rows(f"v/k/{dossier}/".encode()) == {}


def test_a_keep_begun_after_an_erasure_does_not_rely_on_its_key(store: LocalStore) -> None:
    for order in itertools.permutations(("erase", "keep")):
        vault = Vault(store, wrapping_key())
        dossier = f"case:a:{order[0]}"
        keep(vault, store, dossier, 1, NAME)
        batches = {"keep": store.batch(), "erase": store.batch()}
        vault.erase(batches["erase"], dossier, None, at_ms=WHEN, by="x", why="y")
        vault.keep(batches["keep"], dossier, transaction(2), [ID_NO])
        for step in order:
            store.write(batches[step], sync=True)
        assert texts(vault, dossier) == {ID_NO.digest: ID_NO.encoded}


def test_an_erasure_that_is_never_written_erases_nothing(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, NAME)
    vault.erase(store.batch(), CASE, None, at_ms=WHEN, by="x", why="y")
    keep(vault, store, CASE, 2, ID_NO)
    vault.purge()
    assert set(texts(vault, CASE)) == {NAME.digest, ID_NO.digest}
    assert vault.tombstones(CASE) == ()


def test_an_erased_disclosure_that_a_late_batch_brings_back_stays_hidden(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, ID_NO)
    late = store.batch()
    vault.keep(late, CASE, transaction(2), [NAME])
    erase(vault, store, CASE, [NAME.digest])
    store.write(late, sync=True)
    assert NAME.digest in {row.decode().split("/")[3] for row in store.rows(b"v/d/")}
    assert set(texts(vault, CASE)) == {ID_NO.digest}
    assert vault.held(CASE) == (ID_NO.digest,)
    vault.purge(CASE)
    assert NAME.digest not in {row.decode().split("/")[3] for row in store.rows(b"v/d/")}
    assert set(texts(vault, CASE)) == {ID_NO.digest}


def test_a_row_that_is_hidden_holds_no_key(store: LocalStore, vault: Vault) -> None:
    keep(vault, store, CASE, 1, ID_NO)
    late = store.batch()
    vault.keep(late, CASE, transaction(2), [NAME])
    erase(vault, store, CASE, [NAME.digest])
    store.write(late, sync=True)
    assert erase(vault, store, CASE, [ID_NO.digest]).key_erased
    assert store.rows(b"v/k/") == {}
    vault.verify()


def test_a_dropped_batch_costs_nothing_but_a_key_that_stays_until_the_next_start(
    store: LocalStore, vault: Vault
) -> None:
    keep(vault, store, CASE, 1, NAME)
    vault.keep(store.batch(), CASE, transaction(2), [ID_NO])  # dropped
    assert not erase(vault, store, CASE, [NAME.digest]).key_erased
    vault.purge()
    assert len(store.rows(b"v/k/")) == 1
    Vault(store, wrapping_key()).purge()
    assert store.rows(b"v/k/") == {}


def test_a_dropped_batch_that_is_sent_again_costs_nothing(store: LocalStore, vault: Vault) -> None:
    vault.keep(store.batch(), CASE, transaction(1), [NAME])  # dropped
    keep(vault, store, CASE, 1, NAME)
    assert texts(Vault(store, wrapping_key()), CASE) == {NAME.digest: NAME.encoded}
    assert erase(vault, store, CASE, [NAME.digest]).key_erased


def test_the_keys_of_batches_on_their_way_are_remembered_beyond_the_usual_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data_keys, "_REMEMBERED", 4)
    store = memory_store()
    vault = Vault(store, wrapping_key())
    keep(vault, store, CASE, 1, NAME)
    late = store.batch()
    vault.keep(late, CASE, transaction(2), [ID_NO])
    for number in range(50):
        keep(vault, store, f"case:a:{number}", number, PHONE)
    assert not erase(vault, store, CASE, [NAME.digest]).key_erased
    store.write(late, sync=True)
    assert texts(vault, CASE) == {ID_NO.digest: ID_NO.encoded}


def test_two_vaults_on_one_store_never_put_one_key_in_the_others_place(store: LocalStore) -> None:
    # a mistake in wiring, but one that must not cost evidence
    one, two = Vault(store, wrapping_key()), Vault(store, wrapping_key())
    first, second = store.batch(), store.batch()
    one.keep(first, CASE, transaction(1), [NAME])
    two.keep(second, CASE, transaction(2), [ID_NO])
    store.write(first, sync=True)
    store.write(second, sync=True)
    assert texts(one, CASE) == {NAME.digest: NAME.encoded, ID_NO.digest: ID_NO.encoded}
    assert erase(one, store, CASE).key_erased
    assert store.rows(b"v/k/") == {}
