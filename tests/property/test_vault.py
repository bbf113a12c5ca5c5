"""The vault against a dictionary, with batches that are written late, in any order, or never."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from builders.vault import (
    LocalStore,
    StoreBroke,
    disclosure,
    memory_store,
    transaction,
    wrapping_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.core.disclosure import decode_disclosure, disclosure_digest, encode_disclosure
from node.core.encoding import encode_base64url
from node.vault import rotation
from node.vault.access_log import AccessLog, AccessRecord
from node.vault.rows import (
    DATA_KEYS,
    DISCLOSURES,
    DisclosureName,
    name_of_data_key,
    name_of_disclosure,
    rows_under,
)
from node.vault.vault import Vault

DOSSIERS = ("case:a:1", "case:a:10", "seal:b:1")
MADE = [disclosure(salt=number, value=f"value {number}") for number in range(5)]
BY_DIGEST = {one.digest: one for one in MADE}

dossiers = st.sampled_from(DOSSIERS)
numbers = st.integers(0, 4)


@dataclass
class Pending:
    """A batch that has not been written, and what writing it changes in the model."""

    batch: Any
    erased: set[tuple[str, str]] = field(default_factory=set)


def changed_rows(batch: Any) -> list[tuple[DisclosureName, bool]]:
    """The rows of disclosures that a batch changes, in order, and whether it puts them."""
    return [
        (name_of_disclosure(row), value is not None)
        for row, value in batch.changes
        if row.startswith(DISCLOSURES)
    ]


class VaultModel(RuleBasedStateMachine):
    """Rows and tombstones in sets; whatever is written and has no tombstone must be revealed."""

    def __init__(self) -> None:
        super().__init__()
        self.store: LocalStore = memory_store()
        self.key = 0
        self.vault = Vault(self.store, wrapping_key("0"))
        self.rows: set[DisclosureName] = set()
        self.erased: set[tuple[str, str]] = set()
        self.pending: list[Pending] = []

    def visible(self, dossier: str) -> set[tuple[str, bytes]]:
        return {
            (name.digest, name.transaction_id)
            for name in self.rows
            if name.dossier == dossier and (dossier, name.digest) not in self.erased
        }

    def apply(self, written: Pending) -> None:
        self.store.write(written.batch, sync=True)
        for name, put in changed_rows(written.batch):
            (self.rows.add if put else self.rows.discard)(name)
        self.erased |= written.erased

    @rule(dossier=dossiers, number=numbers, chosen=st.sets(numbers, min_size=1, max_size=3))
    def keep(self, dossier: str, number: int, chosen: set[int]) -> None:
        batch = self.store.batch()
        kept = self.vault.keep(batch, dossier, transaction(number), [MADE[n] for n in chosen])
        digests = {MADE[n].digest for n in chosen}
        hidden = {one for one in digests if (dossier, one) in self.erased}
        assert set(kept.erased) == hidden
        assert {*kept.kept, *kept.known} == digests - hidden
        assert {(digest, transaction(number)) for digest in kept.known} <= self.visible(dossier)
        assert sorted(name[:3] for name, put in changed_rows(batch) if put) == sorted(
            (dossier, digest, transaction(number)) for digest in kept.kept
        )
        self.pending.append(Pending(batch))

    @rule(dossier=dossiers, chosen=st.none() | st.sets(numbers, min_size=1, max_size=4))
    def erase(self, dossier: str, chosen: set[int] | None) -> None:
        batch = self.store.batch()
        digests = None if chosen is None else [MADE[n].digest for n in chosen]
        erasure = self.vault.erase(batch, dossier, digests, at_ms=1, by="x", why="y")
        before = {one.digest for one in erasure.before}
        named = {*erasure.erased, *erasure.not_held, *before}
        if digests is None:
            assert named >= {digest for digest, _ in self.visible(dossier)}
        else:
            assert named == set(digests)
        assert {(dossier, digest) for digest in before} <= self.erased
        erased = {(dossier, digest) for digest in named}
        self.pending.append(Pending(batch, erased=erased))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        self.apply(self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1))))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))

    @rule(dossier=dossiers, number=numbers)
    def withdraw(self, dossier: str, number: int) -> None:
        batch = self.store.batch()
        self.vault.withdraw(batch, dossier, transaction(number))
        gone = {name for name, put in changed_rows(batch) if not put}
        own = {
            name
            for name in self.rows
            if name[::2] == (dossier, transaction(number)) and name[:2] not in self.erased
        }
        assert gone >= own
        assert {name[::2] for name in gone} <= {(dossier, transaction(number))}
        self.pending.append(Pending(batch))

    @rule(dossier=st.none() | dossiers, writes=st.none() | st.integers(0, 4))
    def purge(self, dossier: str | None, writes: int | None) -> None:
        with self.failing_after(writes):
            self.vault.purge(dossier)

    @rule(writes=st.none() | st.integers(0, 5))
    def rewrap(self, writes: int | None) -> None:
        successor = self.key if self.vault.rotation_pending else self.key + 1
        with self.failing_after(writes), patch.object(rotation, "_ROWS_A_BATCH", 1):
            self.vault.rewrap(wrapping_key(str(successor)))
        if self.vault.wrapping_key_id == wrapping_key(str(successor)).id:
            self.key = successor

    @contextmanager
    def failing_after(self, writes: int | None) -> Iterator[None]:
        """Interrupt what is done within after so many writes."""
        self.store.fail_after = writes
        try:
            yield
        except StoreBroke:
            pass
        finally:
            self.store.fail_after = None

    @rule()
    def start_again(self) -> None:
        """Whatever was on its way is lost with the process."""
        self.pending = []
        given = [wrapping_key(str(self.key)), wrapping_key(str(self.key - 1))]
        if not self.vault.rotation_pending:
            given.pop()
        self.vault = Vault(self.store, given[0], other_keys=given[1:])

    @invariant()
    def reveals_what_was_written_and_not_erased(self) -> None:
        for dossier in DOSSIERS:
            expected = self.visible(dossier)
            found = self.vault.reveal(dossier)
            assert {(one.digest, one.transaction_id) for one in found} == expected
            assert len(found) == len(expected)
            for one in found:
                assert one.encoded == BY_DIGEST[one.digest].encoded
            assert set(self.vault.held(dossier)) == {digest for digest, _ in expected}

    @invariant()
    def names_what_was_erased(self) -> None:
        for dossier in DOSSIERS:
            found = {(dossier, one.digest) for one in self.vault.tombstones(dossier)}
            assert found == {pair for pair in self.erased if pair[0] == dossier}

    def teardown(self) -> None:
        """After a start and a purge the store holds what is visible, its keys, and no more."""
        for pending in self.pending:
            self.apply(pending)
        self.pending = []
        if self.vault.rotation_pending:
            self.vault.rewrap(wrapping_key(str(self.key)))
        self.start_again()
        self.vault.purge()
        self.vault.verify()
        self.reveals_what_was_written_and_not_erased()
        held = [name_of_disclosure(row) for row, _ in rows_under(self.store, DISCLOSURES)]
        assert {name[:3] for name in held} == {
            (dossier, *shown) for dossier in DOSSIERS for shown in self.visible(dossier)
        }
        keys = [name_of_data_key(row) for row, _ in rows_under(self.store, DATA_KEYS)]
        assert {(name.dossier, name.key) for name in keys} == {
            (name.dossier, name.key) for name in held
        }
        assert len({name.key for name in keys}) == len(keys)
        assert {name.wrapping for name in keys} <= {wrapping_key(str(self.key)).id}


TestVaultModel = VaultModel.TestCase
TestVaultModel.settings = settings(max_examples=150, stateful_step_count=40)

values = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
    | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc_", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
names = st.from_regex(re.compile("[a-z][a-z0-9_]{0,63}", re.ASCII), fullmatch=True)


@given(st.dictionaries(st.binary(min_size=16, max_size=40), st.tuples(names, values), max_size=8))
def test_what_is_revealed_is_what_was_kept_byte_for_byte(
    fields: dict[bytes, tuple[str, Any]],
) -> None:
    store = memory_store()
    vault = Vault(store, wrapping_key())
    made = [encode_disclosure(encode_base64url(salt), *rest) for salt, rest in fields.items()]
    batch = store.batch()
    vault.keep(batch, "record:a:1", bytes(32), made)
    store.write(batch, sync=True)
    found = Vault(store, wrapping_key()).reveal("record:a:1")
    assert sorted(one.encoded for one in found) == sorted(one.encoded for one in made)
    for one in found:
        assert disclosure_digest(one.encoded) == one.digest
        assert decode_disclosure(one.encoded).name == one.name
    for row, sealed in store.rows(b"v/d/").items():
        assert not any(one.encoded.encode() in row + sealed for one in made)


records = st.builds(
    AccessRecord,
    at_ms=st.integers(0, 2**53 - 1),
    member=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
    kid=st.text(max_size=43),
    dossier=st.sampled_from(DOSSIERS),
    purpose=st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
    case_no=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    decision=st.sampled_from(("granted", "refused", "erased")),
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    digests=st.lists(st.text("ab", min_size=1, max_size=43), max_size=5).map(tuple),
)


@given(st.lists(records, max_size=8))
def test_the_access_log_gives_back_every_record(made: list[AccessRecord]) -> None:
    store = memory_store()
    for record in made:
        AccessLog(store).append(record)
    log = AccessLog(store)
    log.verify()
    assert [entry.record for entry in log.read()] == made
    for dossier in DOSSIERS:
        assert [entry.record for entry in log.read(dossier)] == [
            record for record in made if record.dossier == dossier
        ]
