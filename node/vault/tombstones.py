"""Tombstones: what is left of an erased disclosure.

A tombstone always wins. A row whose digest has one is never revealed and never kept again, in
whatever order the batches that brought the row and the tombstone were written.
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
    name_of_disclosure,
    name_of_tombstone,
    of_dossier,
    rows_under,
    tombstone_row,
)

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "MAX_REASON",
    "Tombstone",
    "encode_tombstone",
    "erased_digests",
    "is_erased",
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


def is_erased(reader: Reader, row: bytes) -> bool:
    """Whether there is a tombstone for the disclosure of that row."""
    name = name_of_disclosure(row)
    return reader.get(tombstone_row(name.dossier, name.digest)) is not None


def erased_digests(reader: Reader, dossier: str) -> frozenset[str]:
    """Digests of the tombstones of a dossier; they are not looked into."""
    rows = rows_under(reader, of_dossier(TOMBSTONES, dossier))
    return frozenset(name_of_tombstone(row) for row, _ in rows)


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
