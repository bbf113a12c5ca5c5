"""What was taken out of the vault for good: tombstones, and marks of withdrawn transactions.

Both always win. A row that one of them covers is never revealed and never kept again, in whatever
order the batches that brought the row and the mark were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_integer, read_text
from node.vault.errors import VaultDamaged
from node.vault.rows import (
    TOMBSTONES,
    WITHDRAWALS,
    DisclosureName,
    name_of_disclosure,
    name_of_tombstone,
    name_of_withdrawal,
    of_dossier,
    rows_under,
    tombstone_row,
    withdrawal_row,
)

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "MAX_REASON",
    "Removed",
    "Tombstone",
    "encode_tombstone",
    "is_removed",
    "read_removed",
    "read_tombstones",
]

MAX_REASON = 500
_MAX_TOMBSTONE = 8192


@dataclass(frozen=True)
class Tombstone:
    """What is left of an erased disclosure. ``at_ms`` in milliseconds since the Unix epoch."""

    digest: str
    at_ms: int
    by: str
    why: str


@dataclass(frozen=True)
class Removed:
    """What was removed from one dossier: digests, and ids of transactions."""

    digests: frozenset[str]
    transactions: frozenset[bytes]

    def covers(self, name: DisclosureName) -> bool:
        """Whether that row was removed, whether or not it is there."""
        return name.digest in self.digests or name.transaction_id in self.transactions


def read_removed(reader: Reader, dossier: str) -> Removed:
    """What was removed from a dossier; tombstones are not looked into."""
    tombstones = rows_under(reader, of_dossier(TOMBSTONES, dossier))
    withdrawals = rows_under(reader, of_dossier(WITHDRAWALS, dossier))
    return Removed(
        frozenset(name_of_tombstone(row) for row, _ in tombstones),
        frozenset(name_of_withdrawal(row) for row, _ in withdrawals),
    )


def is_removed(reader: Reader, row: bytes) -> bool:
    """`Removed.covers` for one row, without reading what else was removed."""
    name = name_of_disclosure(row)
    return (
        reader.get(tombstone_row(name.dossier, name.digest)) is not None
        or reader.get(withdrawal_row(name.dossier, name.transaction_id)) is not None
    )


def read_tombstones(reader: Reader, dossier: str) -> dict[str, Tombstone]:
    """The tombstones of a dossier by their digests.

    Raises:
        VaultDamaged: one was altered.
    """
    rows = rows_under(reader, of_dossier(TOMBSTONES, dossier))
    found = (_decode_tombstone(row, value) for row, value in rows)
    return {tombstone.digest: tombstone for tombstone in found}


def encode_tombstone(at_ms: int, by: str, why: str) -> bytes:
    """The value of a tombstone's row.

    Raises:
        InvalidEncoding: no time, nobody, or no reason.
    """
    members = {"at_ms": at_ms, "by": by, "why": why}
    _check_members(members, "erasure")
    return canonical_json(members)


def _decode_tombstone(row: bytes, value: bytes) -> Tombstone:
    digest = name_of_tombstone(row)
    place = row.decode("ascii")
    try:
        members = decode_canonical_json(value, place=place, max_bytes=_MAX_TOMBSTONE)
        _check_members(members, place)
    except InvalidEncoding as error:
        raise VaultDamaged(place, f"the tombstone was altered: {error}") from error
    return Tombstone(digest, members["at_ms"], members["by"], members["why"])


def _check_members(members: dict[str, object], place: str) -> None:
    exact_members(members, place, ("at_ms", "by", "why"))
    read_integer(members["at_ms"], f"{place}.at_ms")
    read_text(members["by"], f"{place}.by", most=128)
    read_text(members["why"], f"{place}.why", most=MAX_REASON)
