"""The vault: disclosures encrypted at rest, under one data key a dossier, with erasure for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from node.core.disclosure import Disclosure
from node.vault.compaction import rewrite_range
from node.vault.data_keys import DataKeys, StoredKeys
from node.vault.errors import VaultError
from node.vault.keyring import KeyRing
from node.vault.keys import WrappingKey
from node.vault.purging import Purges
from node.vault.reading import (
    StoredDisclosure,
    VaultStatistics,
    count_rows,
    find_problems,
    open_row,
    rows_held,
)
from node.vault.removal import Erasure, Removal
from node.vault.rotation import Rotation, rotate
from node.vault.rows import (
    DATA_KEYS,
    check_digest,
    check_dossier,
    check_transaction_id,
    disclosure_row,
    tombstone_row,
)
from node.vault.tombstones import Tombstone, encode_tombstone, read_tombstones

if TYPE_CHECKING:
    from node.storage.ports import Batch, Reader, Store

__all__ = ["Kept", "Vault"]


@dataclass(frozen=True)
class Kept:
    """What became of the disclosures of one submission, by their digests.

    ``kept`` are in the batch; ``known`` were in the vault already; ``erased`` have a tombstone
    and are not kept again.
    """

    kept: tuple[str, ...]
    known: tuple[str, ...]
    erased: tuple[str, ...]


class Vault:
    """The disclosures that this node holds, in the node's local store. Safe for threads.

    `keep`, `erase` and `withdraw` add rows to the caller's batch; what they say holds once that
    batch is written, which must be with ``sync``. Batches may be written in any order, or dropped.
    """

    def __init__(
        self,
        store: Store,
        wrapping_key: WrappingKey,
        *,
        other_keys: Iterable[WrappingKey] = (),
    ) -> None:
        """Open the vault in ``store``; where there is none yet, it begins under ``wrapping_key``.

        The store names the keys that it is under: ``other_keys`` are those that a rotation may
        have left in use, and do no harm if it did not.

        Raises:
            WrongWrappingKey: a key that the store names was not given.
            VaultDamaged: the row that names them does not hold.
        """
        self._store = store
        self._lock = Lock()
        self._ring = KeyRing(store, (wrapping_key, *other_keys))
        self._keys = DataKeys(store, self._ring)
        self._removal = Removal(store, self._keys, self._ring)
        self._purges = Purges(store, self._removal, self._lock)

    @property
    def wrapping_key_id(self) -> str:
        """Id of the wrapping key in force."""
        return self._ring.current.id

    @property
    def rotation_pending(self) -> bool:
        """Whether a rotation was begun and not finished: `rewrap` to the key in force again."""
        return self._ring.former is not None

    def keep(
        self, batch: Batch, dossier: str, transaction_id: bytes, disclosures: Sequence[Disclosure]
    ) -> Kept:
        """Add disclosures of a transaction, encrypted, to ``batch``. A second time changes nothing.

        Raises:
            InvalidEncoding: ``dossier`` or ``transaction_id`` has no such form.
        """
        check_dossier(dossier)
        check_transaction_id(transaction_id)
        texts = {one.digest: one.encoded for one in disclosures}
        kept, known, erased = [], [], []
        with self._lock:
            key = self._keys.for_writing(dossier)
            on_their_way = False
            for digest in texts:
                row = disclosure_row(dossier, digest, transaction_id, key.id)
                if self._store.get(tombstone_row(dossier, digest)) is not None:
                    erased.append(digest)
                elif self._store.get(row) is not None:
                    known.append(digest)
                else:
                    on_their_way |= row in key.on_their_way
                    kept.append(digest)
            if on_their_way:
                key = self._keys.another(dossier)
            rows = {
                disclosure_row(dossier, one, transaction_id, key.id): texts[one] for one in kept
            }
            self._keys.put(key, batch, rows)
        return Kept(tuple(kept), tuple(known), tuple(erased))

    def reveal(self, dossier: str, digests: Iterable[str] | None = None) -> list[StoredDisclosure]:
        """The disclosures of a dossier in clear, all or those of ``digests``, ordered by digest.

        Those that are not here are left out: `tombstones` tells which of them were erased.

        Raises:
            VaultDamaged: a row was altered, or is another's; the error names it.
        """
        check_dossier(dossier)
        wanted = None if digests is None else set(digests)
        reader, wrapping_keys = self._view()
        found: dict[tuple[str, bytes], StoredDisclosure] = {}
        with reader:
            keys = StoredKeys(reader, dossier, wrapping_keys)
            for name, row, sealed in rows_held(reader, dossier):
                same = (name.digest, name.transaction_id)  # twice, under two keys: seldom
                if same not in found and (wanted is None or name.digest in wanted):
                    found[same] = open_row(keys, name, row, sealed)
        return list(found.values())

    def names_held(self, dossier: str, transaction_id: bytes) -> dict[str, str]:
        """What is here of a transaction's disclosures: the digest of each field's name.

        Raises:
            VaultDamaged: a row was altered, or is another's; the error names it.
        """
        reader, wrapping_keys = self._view()
        names = {}
        with reader:
            keys = StoredKeys(reader, dossier, wrapping_keys)
            for name, row, sealed in rows_held(reader, dossier):
                if name.transaction_id == transaction_id:
                    names[open_row(keys, name, row, sealed).name] = name.digest
        return names

    def held(self, dossier: str) -> tuple[str, ...]:
        """Digests of the disclosures of a dossier that are here, in order."""
        check_dossier(dossier)
        with self._store.snapshot() as reader:
            names = (name for name, _, _ in rows_held(reader, dossier))
            return tuple(dict.fromkeys(name.digest for name in names))

    def count(self, dossier: str) -> int:
        """How many disclosures of a dossier are here."""
        return len(self.held(dossier))

    def has(self, dossier: str) -> bool:
        """Whether any disclosure of a dossier is here."""
        return bool(self.held(dossier))

    def tombstones(
        self, dossier: str, digests: Iterable[str] | None = None
    ) -> tuple[Tombstone, ...]:
        """What was erased in a dossier: when, by whom and why, ordered by digest.

        Raises:
            VaultDamaged: a tombstone was altered.
        """
        check_dossier(dossier)
        found = read_tombstones(self._store, dossier)
        wanted = found if digests is None else set(digests)
        return tuple(tombstone for digest, tombstone in found.items() if digest in wanted)

    def erase(
        self,
        batch: Batch,
        dossier: str,
        digests: Iterable[str] | None,
        *,
        at_ms: int,
        by: str,
        why: str,
    ) -> Erasure:
        """Add to ``batch`` the erasure of disclosures: all that are held (None), or ``digests``.

        Each gets a tombstone, so that it is not kept again; a digest that is not held gets one as
        well. The data key goes with the last disclosure. After the batch is written, `purge` makes
        the bytes go. ``why`` is stored in clear for ever: nothing personal belongs there.

        Raises:
            InvalidEncoding: a digest, the time, ``by`` (1 to 128 characters) or ``why`` (1 to 500)
                is not of its form.
        """
        check_dossier(dossier)
        asked = None if digests is None else tuple(digests)
        for digest in asked or ():
            check_digest(digest)
        tombstone = encode_tombstone(at_ms, by, why)
        self._purges.mark(batch, dossier)
        with self._lock:
            return self._removal.erase(batch, dossier, asked, tombstone)

    def withdraw(self, batch: Batch, dossier: str, transaction_id: bytes) -> int:
        """Add to ``batch`` the removal of the disclosures of a transaction that was refused.

        Personal data that never came on the chain has no reason to stay. There is no tombstone:
        the same disclosures may come again, with this transaction or another. Meant for a
        transaction whose batch was written: what is still on its way may arrive later and stay.

        Returns:
            How many rows are removed.
        """
        check_dossier(dossier)
        check_transaction_id(transaction_id)
        with self._lock:
            return self._removal.withdraw(batch, dossier, transaction_id)

    def purge(self, dossier: str | None = None) -> bool:
        """Make what was erased or withdrawn go from the store's files; of every dossier, if None.

        Deletes rows that crossed an erasure and keys that nothing is under any more, then has the
        store rewrite its files (`node.vault.compaction` says what stays even then). Takes long, and
        may run beside everything else.

        Returns:
            Whether an erasure written before is complete. Not so inside `purges_held`: then
            `purge_due` has to be called afterwards.
        """
        return self._purges.purge(dossier)

    def purges_due(self) -> list[str]:
        """The dossiers with erasures that are not complete yet."""
        return self._purges.due()

    def purge_due(self) -> int:
        """Complete all erasures that are not; returns in how many dossiers there were some."""
        return self._purges.purge_due()

    def purges_held(self) -> AbstractContextManager[None]:
        """To be held while somebody, such as a backup, reads the store as it was at one moment."""
        return self._purges.held()

    def rewrap(self, successor: WrappingKey) -> Rotation:
        """Put all data keys under ``successor``, and let the store give up the rows before.

        May be interrupted and run again; until it says that it is complete, both keys are needed
        to open the vault. To be run beside everything else.

        Raises:
            RotationPending: a rotation to another key has to be finished first.
        """
        rotation = rotate(self._store, self._ring, self._keys, self._lock, successor)
        rewrite_range(self._store, DATA_KEYS)
        return rotation

    def problems(self, dossier: str | None = None) -> Iterator[VaultError]:
        """Open every row, of one dossier or of all, and yield an error for each that fails."""
        if dossier is not None:
            check_dossier(dossier)
        reader, wrapping_keys = self._view()
        with reader:
            yield from find_problems(reader, wrapping_keys, dossier)

    def verify(self, dossier: str | None = None) -> None:
        """Open every row, of one dossier or of all.

        Raises:
            VaultError: the first row that fails.
        """
        for problem in self.problems(dossier):
            raise problem

    def statistics(self) -> VaultStatistics:
        """Count everything. Reads all rows."""
        with self._store.snapshot() as reader:
            return count_rows(reader)

    def _view(self) -> tuple[Reader, dict[str, WrappingKey]]:
        """A view of the store, and the wrapping keys that are in use in just that view."""
        with self._lock:
            return self._store.snapshot(), self._ring.in_use()
