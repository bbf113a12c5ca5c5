"""Which wrapping keys the vault is under: one, or two while a rotation is under way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_text
from node.vault.errors import RotationPending, VaultDamaged, WrongWrappingKey
from node.vault.keys import WrappingKey
from node.vault.rows import WRAPPING

if TYPE_CHECKING:
    from node.storage.ports import Reader, Store

__all__ = ["VAULT_FORMAT", "KeyRing", "wrapping_key_ids"]

VAULT_FORMAT = "evidence-vault/1"
_MAX_ROW = 1024


def wrapping_key_ids(reader: Reader) -> tuple[str, ...]:
    """Ids of the wrapping keys that the vault in this store needs; none if there is no vault yet.

    So that a node knows, before it opens the vault, whether a key may be made or must be restored.

    Raises:
        VaultDamaged: the row that names them does not hold, or is of an unknown format.
    """
    value = reader.get(WRAPPING)
    if value is None:
        return ()
    place = WRAPPING.decode("ascii")
    try:
        members = decode_canonical_json(value, place=place, max_bytes=_MAX_ROW)
        exact_members(members, place, ("current", "format"), ("former",))
        ids = tuple(
            read_text(members[name], f"{place}.{name}", least=16, most=16)
            for name in ("current", "former")
            if name in members
        )
    except InvalidEncoding as error:
        raise VaultDamaged(place, f"does not name the wrapping key: {error}") from error
    if members["format"] != VAULT_FORMAT:
        raise VaultDamaged(
            place, f"the vault is of format {members['format']!r}, this node knows {VAULT_FORMAT}"
        )
    return ids


class KeyRing:
    """The wrapping keys in use. New data keys are wrapped under ``current``.

    ``former`` is there while a rotation is under way: rows under it have still to be rewrapped.
    """

    def __init__(self, store: Store, keys: Iterable[WrappingKey]) -> None:
        """Find the keys that the store names; an empty store is put under the first of ``keys``.

        Raises:
            WrongWrappingKey: a key that it names is not among ``keys``.
            VaultDamaged: the row that names them does not hold.
        """
        self._store = store
        given = {key.id: key for key in keys}
        wanted = wrapping_key_ids(store)
        for name in wanted:
            if name not in given:
                raise WrongWrappingKey(name, tuple(given))
        self.current = given[wanted[0] if wanted else next(iter(given))]
        self.former = given[wanted[1]] if len(wanted) == 2 else None
        if not wanted:
            self._save(self.current, None)

    def in_use(self) -> dict[str, WrappingKey]:
        """The keys that rows may be under at this moment, by their ids."""
        return {key.id: key for key in (self.current, self.former) if key is not None}

    def begin_rotation(self, successor: WrappingKey) -> None:
        """Put ``successor`` in force, durably, and keep the present key as the former one.

        Begun already, it is left as it is.

        Raises:
            RotationPending: a rotation to another key has to be finished first.
        """
        if successor.id == self.current.id:
            return
        if self.former is not None:
            raise RotationPending(self.current.id)
        self._save(successor, self.current)
        self.current, self.former = successor, self.current

    def end_rotation(self) -> None:
        """Let go of the former key, durably."""
        self._save(self.current, None)
        self.former = None

    def _save(self, current: WrappingKey, former: WrappingKey | None) -> None:
        members = {"current": current.id, "format": VAULT_FORMAT}
        if former is not None:
            members["former"] = former.id
        batch = self._store.batch()
        batch.put(WRAPPING, canonical_json(members))
        self._store.write(batch, sync=True)
