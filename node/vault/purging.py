"""Which erasures have still to reach the store's files, and bringing them there.

An erasure deletes rows; their bytes go when the files are rewritten, and not even then while
somebody reads the store as it was before: a backup under way. So each erasure leaves a mark, in the
same write, which goes when a purge of its dossier has ended that no such reader disturbed. What is
marked is purged after the backup, or when the node starts again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from node.vault.compaction import rewrite_range
from node.vault.removal import Removal
from node.vault.rows import (
    DATA_KEYS,
    DISCLOSURES,
    PURGES,
    check_dossier,
    dossiers_under,
    of_dossier,
    rows_under,
)

if TYPE_CHECKING:
    from node.storage.ports import Batch, Store

__all__ = ["Purges"]

_FEW = 16
"""Up to so many dossiers are rewritten each for itself, more of them together with all others."""


class Purges:
    """The purges of a vault: those that are due, and doing them. ``lock`` is the vault's."""

    def __init__(self, store: Store, removal: Removal, lock: Lock) -> None:
        self._store = store
        self._removal = removal
        self._lock = lock
        self._held = 0

    def mark(self, batch: Batch, dossier: str) -> None:
        """Put into an erasure's ``batch`` that its dossier has to be purged."""
        batch.put(of_dossier(PURGES, dossier) + secrets.token_hex(8).encode("ascii"), b"")

    def due(self) -> list[str]:
        """The dossiers in which something was erased whose bytes may still be in the files."""
        with self._store.snapshot() as reader:
            return list(dossiers_under(reader, PURGES))

    @contextmanager
    def held(self) -> Iterator[None]:
        """While somebody reads the store as it is now, no purge counts as done."""
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1

    def purge(self, dossier: str | None) -> bool:
        """Purge a dossier, or all. Returns whether what was erased before is gone from the files.

        Raises:
            StorageError: the store cannot be read or written.
        """
        if dossier is not None:
            check_dossier(dossier)
        marked = PURGES if dossier is None else of_dossier(PURGES, dossier)
        with self._lock:
            disturbed = self._held > 0
            marks = [row for row, _ in rows_under(self._store, marked)]
        for name in self._all() if dossier is None else (dossier,):
            with self._lock:
                batch = self._store.batch()
                self._removal.sweep(batch, name)
                if len(batch):
                    self._store.write(batch, sync=True)
        for kind in (DATA_KEYS, DISCLOSURES):
            rewrite_range(self._store, kind if dossier is None else of_dossier(kind, dossier))
        if disturbed:
            return False
        batch = self._store.batch()
        for row in marks:
            batch.delete(row)
        if len(batch):
            self._store.write(batch, sync=True)
        return True

    def purge_due(self) -> int:
        """Purge what is marked. Returns in how many dossiers.

        Raises:
            StorageError: the store cannot be read or written.
        """
        dossiers = self.due()
        if len(dossiers) > _FEW:
            self.purge(None)
        else:
            for dossier in dossiers:
                self.purge(dossier)
        return len(dossiers)

    def _all(self) -> list[str]:
        with self._store.snapshot() as reader:
            return sorted(
                {*dossiers_under(reader, DATA_KEYS), *dossiers_under(reader, DISCLOSURES)}
            )
