"""The dossiers' data keys: made at first use, stored wrapped, found again, retired.

Batches are written by somebody else, later, perhaps in another order, perhaps never. Whatever
becomes of them, no disclosure may come to lie under a key that is not stored:

- a batch that uses a key carries it as well, wrapped, unless the store shows it already under the
  wrapping key in force: in the midst of a rotation, the copy under the former one may be going;
- a key counts as in use while rows under it are on their way, that is, were put into a batch, have
  not been seen in the store since, and were not erased;
- a row is put into one batch at a time: what comes a second time while it is on its way is put
  under another key, so that a row that was seen in the store cannot come once more;
- a retired key is never used again, though the batch that deletes it is not written yet;
- a dossier may have several keys, so that no two writers need to agree on one.

A batch that was dropped looks like one that is on its way. If its rows do not come again (a client
that was told to try later sends them again), their key stays after the last other disclosure of
the dossier was erased by its digest, and a rotation that was begun meanwhile is not complete, both
until the node is started again.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.vault.errors import VaultDamaged, VaultError, WrongWrappingKey
from node.vault.keyring import KeyRing
from node.vault.keys import KEY_BYTES, NONCE_BYTES, WrappingKey
from node.vault.rows import DATA_KEYS, data_key_row, name_of_data_key, of_dossier, rows_under
from node.vault.tombstones import is_erased

if TYPE_CHECKING:
    from node.storage.ports import Batch, Reader, Store

__all__ = ["DataKey", "DataKeys", "StoredKeys"]

_ID_BYTES = 8
_SEAL_LABEL = b"evidence-ledger/vault/disclosure/1\0"
_REMEMBERED = 1024
_REMEMBERED_AT_MOST = 16_384
"""Dossiers that batches on their way may touch; beyond, the oldest are counted as written."""


class DataKey:
    """A dossier's key, unwrapped.

    ``on_their_way`` names the rows under it that were put into batches and not seen in the store
    since, ``carried_under`` the wrapping keys under which batches carry it, ``stored_under`` one
    under which the store has shown it.
    """

    def __init__(self, dossier: str, name: str, secret: bytes) -> None:
        self.dossier = dossier
        self.id = name
        self.stored_under = ""
        self.carried_under: set[str] = set()
        self.on_their_way: set[bytes] = set()
        self._secret = secret
        self._cipher = AESGCM(secret)

    def seal(self, row: bytes, text: str) -> bytes:
        """Encrypt a disclosure for the row named ``row``."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode("ascii"), _SEAL_LABEL + row)

    def open(self, row: bytes, sealed: bytes) -> str:
        """The text that `seal` was given.

        Raises:
            VaultDamaged: the bytes were altered or are another row's.
        """
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            text = self._cipher.decrypt(nonce, rest, _SEAL_LABEL + row)
        except (InvalidTag, ValueError) as error:  # ValueError: not even a whole nonce
            place = row.decode("ascii", "replace")
            raise VaultDamaged(place, "was altered or is another row's") from error
        return text.decode("ascii")

    def carry(self, batch: Batch, wrapping: WrappingKey) -> None:
        """Put the row that stores this key into ``batch``."""
        row = data_key_row(self.dossier, self.id, wrapping.id)
        batch.put(row, wrapping.wrap(self._secret, row))
        self.carried_under.add(wrapping.id)

    def unwritten(self, reader: Reader) -> set[bytes]:
        """Rows under this key that are still on their way and will be of use."""
        self.on_their_way = {
            row
            for row in self.on_their_way
            if reader.get(row) is None and not is_erased(reader, row)
        }
        return set(self.on_their_way)


class StoredKeys:
    """The keys of one dossier as a reader shows them; each is unwrapped when asked for."""

    def __init__(
        self, reader: Reader, dossier: str, wrapping_keys: Mapping[str, WrappingKey]
    ) -> None:
        self._dossier = dossier
        self._wrapping_keys = wrapping_keys
        self._rows: dict[str, dict[str, tuple[bytes, bytes]]] = {}
        self._opened: dict[str, DataKey] = {}
        for row, value in rows_under(reader, of_dossier(DATA_KEYS, dossier)):
            name = name_of_data_key(row)
            self._rows.setdefault(name.key, {})[name.wrapping] = (row, value)

    @property
    def ids(self) -> list[str]:
        """Ids of the keys."""
        return list(self._rows)

    def rows(self, name: str) -> list[bytes]:
        """Names of the rows that hold the key ``name``: two in the midst of a rotation."""
        return [row for row, _ in self._rows.get(name, {}).values()]

    def superseded(self, wrapping: str) -> list[bytes]:
        """Names of the rows of keys that are stored under the wrapping key ``wrapping`` as well."""
        return [
            row
            for copies in self._rows.values()
            for under, (row, _) in copies.items()
            if wrapping in copies and under != wrapping
        ]

    def open(self, name: str, place: str) -> DataKey:
        """Unwrap the key ``name``, which the row at ``place`` is under.

        Raises:
            VaultDamaged: it is not there, or was altered.
            WrongWrappingKey: it is under a wrapping key that is not in use.
        """
        if name in self._opened:
            return self._opened[name]
        if name not in self._rows:
            raise VaultDamaged(place, "its data key is not in the vault")
        for wrapping, (row, value) in self._rows[name].items():
            if wrapping in self._wrapping_keys:
                secret = self._wrapping_keys[wrapping].unwrap(value, row)
                self._opened[name] = DataKey(self._dossier, name, secret)
                return self._opened[name]
        raise WrongWrappingKey(next(iter(self._rows[name])), tuple(self._wrapping_keys))


class _Remembered:
    """The keys of one dossier: the one to write under, and those with rows on their way."""

    def __init__(self) -> None:
        self.writing: DataKey | None = None
        self.keys: dict[str, DataKey] = {}

    def unwritten(self, reader: Reader) -> dict[str, set[bytes]]:
        found = {name: key.unwritten(reader) for name, key in self.keys.items()}
        self.keys = {
            name: key for name, key in self.keys.items() if found[name] or key is self.writing
        }
        return {name: rows for name, rows in found.items() if rows}


class DataKeys:
    """The keys that rows are written under. To be used under the vault's lock."""

    def __init__(self, store: Store, ring: KeyRing) -> None:
        self._store = store
        self._ring = ring
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._retired: set[str] = set()

    def for_writing(self, dossier: str) -> DataKey:
        """The key to write rows of ``dossier`` under."""
        entry = self._remembered.get(dossier)
        if entry is None:
            self._forget_oldest()
            entry = self._remembered[dossier] = _Remembered()
        self._remembered.move_to_end(dossier)
        if entry.writing is None:
            entry.writing = self._stored_key(dossier) or self._new_key(dossier)
            entry.keys[entry.writing.id] = entry.writing
        return entry.writing

    def another(self, dossier: str) -> DataKey:
        """A new key to write rows of ``dossier`` under from now on."""
        entry = self._remembered[dossier]
        entry.writing = self._new_key(dossier)
        entry.keys[entry.writing.id] = entry.writing
        return entry.writing

    def put(self, key: DataKey, batch: Batch, rows: Mapping[bytes, str]) -> None:
        """Put ``rows`` (texts by names) into ``batch``, and ``key`` too if it is not stored yet."""
        if rows and not self._is_stored(key):
            key.carry(batch, self._ring.current)
        for row, text in rows.items():
            batch.put(row, key.seal(row, text))
        key.on_their_way.update(rows)

    def unwritten(self, dossier: str) -> dict[str, set[bytes]]:
        """Rows of ``dossier`` on their way into the store, by the id of their key.

        To be asked *before* the store is read: what is written in between is then seen twice
        instead of not at all.
        """
        entry = self._remembered.get(dossier)
        return entry.unwritten(self._store) if entry is not None else {}

    def retire(self, dossier: str, name: str) -> None:
        """Never write under the key ``name`` of ``dossier`` again."""
        self._retired.add(name)
        entry = self._remembered.get(dossier)
        if entry is not None and entry.writing is not None and entry.writing.id == name:
            entry.writing = None

    def any_unwritten_under(self, wrapping: str) -> bool:
        """Whether a key is on its way under that wrapping key, and in no form stored yet."""
        keys = [key for entry in self._remembered.values() for key in entry.keys.values()]
        return any(
            wrapping in key.carried_under
            and bool(key.unwritten(self._store))
            and key.id not in StoredKeys(self._store, key.dossier, {}).ids
            for key in keys
        )

    def _is_stored(self, key: DataKey) -> bool:
        current = self._ring.current.id
        if key.stored_under != current:
            if self._store.get(data_key_row(key.dossier, key.id, current)) is None:
                return False
            key.stored_under = current
        return True

    def _stored_key(self, dossier: str) -> DataKey | None:
        try:
            stored = StoredKeys(self._store, dossier, self._ring.in_use())
            for name in stored.ids:
                if name not in self._retired:
                    return stored.open(name, dossier)
        except VaultError:
            # A key that cannot be opened must not stop new rows from being kept, under a new one;
            # whoever reads or verifies the old rows is told.
            return None
        return None

    def _new_key(self, dossier: str) -> DataKey:
        name = os.urandom(_ID_BYTES).hex()
        return DataKey(dossier, name, os.urandom(KEY_BYTES))

    def _forget_oldest(self) -> None:
        for _ in range(2):  # two, so that it shrinks again after a time of many open batches
            if len(self._remembered) < _REMEMBERED:
                return
            dossier, oldest = next(iter(self._remembered.items()))
            if len(self._remembered) < _REMEMBERED_AT_MOST and oldest.unwritten(self._store):
                self._remembered.move_to_end(dossier)
            else:
                del self._remembered[dossier]
