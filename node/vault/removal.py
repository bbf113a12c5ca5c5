"""Erasing disclosures, and sweeping up what batches left behind that crossed an erasure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.vault.data_keys import DataKeys, StoredKeys
from node.vault.keyring import KeyRing
from node.vault.rows import (
    DISCLOSURES,
    name_of_disclosure,
    of_dossier,
    rows_under,
    tombstone_row,
)
from node.vault.tombstones import Tombstone, erased_digests, read_tombstones

if TYPE_CHECKING:
    from node.storage.ports import Batch, Store

__all__ = ["Erasure", "Removal"]


@dataclass(frozen=True)
class Erasure:
    """What an erasure did in its dossier; it holds once its batch is written.

    ``erased``: digests whose rows go; ``not_held``: digests that were asked for and that this node
    does not hold (they have a tombstone now all the same); ``before``: tombstones that were there
    already and stay. ``key_erased``: no data key of the dossier is left.
    """

    dossier: str
    erased: tuple[str, ...]
    not_held: tuple[str, ...]
    before: tuple[Tombstone, ...]
    key_erased: bool


class Removal:
    """Takes rows and keys out of the vault. To be used under the vault's lock."""

    def __init__(self, store: Store, keys: DataKeys, ring: KeyRing) -> None:
        self._store = store
        self._keys = keys
        self._ring = ring

    def erase(
        self, batch: Batch, dossier: str, digests: Iterable[str] | None, tombstone: bytes
    ) -> Erasure:
        """Put an erasure's rows into ``batch``."""
        rows = {row: name_of_disclosure(row).digest for row in self._rows(dossier)}
        held = set(rows.values())
        asked = sorted(held if digests is None else set(digests))
        before = read_tombstones(self._store, dossier)
        fresh = [digest for digest in asked if digest not in before]
        for digest in fresh:
            batch.put(tombstone_row(dossier, digest), tombstone)
        gone = {row for row, digest in rows.items() if digest in asked}
        left = {row for row, digest in rows.items() if digest not in before} - gone
        return Erasure(
            dossier,
            erased=tuple(digest for digest in fresh if digest in held),
            not_held=tuple(digest for digest in fresh if digest not in held),
            before=tuple(before[digest] for digest in asked if digest in before),
            key_erased=self._delete(batch, dossier, gone, left),
        )

    def withdraw(self, batch: Batch, dossier: str, transaction_id: bytes) -> int:
        """Put the removal of one transaction's disclosures into ``batch``."""
        gone = {
            row
            for row in self._rows(dossier)
            if name_of_disclosure(row).transaction_id == transaction_id
        }
        for row in gone:
            batch.delete(row)
        return len(gone)

    def sweep(self, batch: Batch, dossier: str) -> None:
        """Put into ``batch`` the deletion of what no longer serves anybody.

        Rows that have a tombstone, keys without a row, and second copies of keys that a batch older
        than a rotation brought under the former wrapping key.
        """
        rows = self._rows(dossier)
        erased = erased_digests(self._store, dossier)
        gone = {row for row in rows if name_of_disclosure(row).digest in erased}
        self._delete(batch, dossier, gone, rows - gone)
        stored = StoredKeys(self._store, dossier, self._ring.in_use())
        for row in stored.superseded(self._ring.current.id):
            batch.delete(row)

    def _rows(self, dossier: str) -> set[bytes]:
        """Names of the rows of disclosures, those on their way into the store among them."""
        rows = {row for rows in self._keys.unwritten(dossier).values() for row in rows}
        rows.update(row for row, _ in rows_under(self._store, of_dossier(DISCLOSURES, dossier)))
        return rows

    def _delete(self, batch: Batch, dossier: str, gone: set[bytes], left: set[bytes]) -> bool:
        """Delete rows, and the keys that none of those left is under; whether no key is left."""
        for row in gone:
            batch.delete(row)
        in_use = {name_of_disclosure(row).key for row in left}
        stored = StoredKeys(self._store, dossier, self._ring.in_use())
        for name in {*stored.ids, *(name_of_disclosure(row).key for row in gone)} - in_use:
            self._keys.retire(dossier, name)
            for row in stored.rows(name):
                batch.delete(row)
        return not in_use
