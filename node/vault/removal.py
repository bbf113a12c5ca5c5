"""Erasing disclosures, and sweeping up what batches left behind that crossed an erasure.

A tombstone always wins: a row whose digest has one is never revealed, in whatever order the batches
of a keep and of an erasure were written. `sweep` then deletes such rows, and the keys that no row
is under any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.vault.data_keys import DataKeys, StoredKeys, key_of
from node.vault.keyring import KeyRing
from node.vault.reading import read_tombstones
from node.vault.rows import (
    DISCLOSURES,
    Tombstone,
    name_of_disclosure,
    of_dossier,
    rows_under,
    tombstone_row,
)

if TYPE_CHECKING:
    from node.storage.ports import Batch, Store

__all__ = ["Erasure", "add_erasure", "sweep"]


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


def add_erasure(
    store: Store,
    keys: DataKeys,
    ring: KeyRing,
    batch: Batch,
    dossier: str,
    digests: Iterable[str] | None,
    tombstone: bytes,
) -> Erasure:
    """Put an erasure's rows into ``batch``. Under the vault's lock."""
    held = _rows_by_key(store, keys, dossier)
    by_digest: dict[str, set[bytes]] = {}
    for row in (row for rows in held.values() for row in rows):
        by_digest.setdefault(name_of_disclosure(row).digest, set()).add(row)
    asked = sorted(by_digest) if digests is None else sorted(set(digests))
    before = read_tombstones(store, dossier)
    gone: set[bytes] = set()
    for digest in asked:
        gone |= by_digest.get(digest, set())
        if digest not in before:
            batch.put(tombstone_row(dossier, digest), tombstone)
    for row in gone:
        batch.delete(row)
    keys.forget_rows(dossier, gone)
    stored = StoredKeys(store, dossier, ring.in_use())
    left = {name for name, rows in held.items() if rows - gone}
    _delete_keys(batch, keys, stored, dossier, {*stored.ids, *held} - left)
    return Erasure(
        dossier,
        erased=tuple(digest for digest in asked if digest in by_digest and digest not in before),
        not_held=tuple(
            digest for digest in asked if digest not in by_digest and digest not in before
        ),
        before=tuple(before[digest] for digest in asked if digest in before),
        key_erased=not left,
    )


def sweep(store: Store, keys: DataKeys, ring: KeyRing, batch: Batch, dossier: str) -> None:
    """Put into ``batch`` the deletion of what no longer serves anybody. Under the vault's lock.

    Rows that have a tombstone, keys without a row, and second copies of keys that a batch older
    than a rotation brought under the former wrapping key.
    """
    held = _rows_by_key(store, keys, dossier)
    erased = read_tombstones(store, dossier)
    gone = {
        row for rows in held.values() for row in rows if name_of_disclosure(row).digest in erased
    }
    for row in gone:
        batch.delete(row)
    keys.forget_rows(dossier, gone)
    stored = StoredKeys(store, dossier, ring.in_use())
    left = {name for name, rows in held.items() if rows - gone}
    _delete_keys(batch, keys, stored, dossier, set(stored.ids) - left)
    for row in stored.superseded(ring.current.id):
        batch.delete(row)


def _rows_by_key(store: Store, keys: DataKeys, dossier: str) -> dict[str, set[bytes]]:
    """Rows of disclosures by the id of their key, those in batches not yet written among them."""
    held = keys.unwritten(dossier)
    for row, sealed in rows_under(store, of_dossier(DISCLOSURES, dossier)):
        held.setdefault(key_of(sealed), set()).add(row)
    return held


def _delete_keys(
    batch: Batch, keys: DataKeys, stored: StoredKeys, dossier: str, names: set[str]
) -> None:
    for name in names:
        keys.retire(dossier, name)
        for row in stored.rows(name):
            batch.delete(row)
