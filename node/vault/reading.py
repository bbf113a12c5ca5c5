"""Reading the vault: what is held, what was erased, and whether every row still opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.core.disclosure import decode_disclosure, disclosure_digest
from node.core.errors import InvalidEncoding
from node.vault.data_keys import StoredKeys, key_of
from node.vault.errors import VaultDamaged, VaultError
from node.vault.keys import WrappingKey
from node.vault.rows import (
    DATA_KEYS,
    DISCLOSURES,
    TOMBSTONES,
    Tombstone,
    after,
    decode_tombstone,
    dossier_of,
    name_of_disclosure,
    of_dossier,
    rows_under,
)

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "StoredDisclosure",
    "VaultStatistics",
    "count_rows",
    "dossiers_under",
    "find_problems",
    "open_row",
    "read_tombstones",
    "rows_held",
]


@dataclass(frozen=True)
class StoredDisclosure:
    """A disclosure as it was kept: ``encoded`` is its text, byte for byte, ``name`` its field."""

    transaction_id: bytes
    digest: str
    name: str
    encoded: str = field(repr=False)


@dataclass(frozen=True)
class VaultStatistics:
    """Sizes of the vault. ``sealed_bytes``: the encrypted disclosures without their rows' names."""

    dossiers: int
    disclosures: int
    data_keys: int
    tombstones: int
    sealed_bytes: int


def read_tombstones(reader: Reader, dossier: str) -> dict[str, Tombstone]:
    """The tombstones of a dossier by their digests."""
    rows = rows_under(reader, of_dossier(TOMBSTONES, dossier))
    found = (decode_tombstone(row, value) for row, value in rows)
    return {tombstone.digest: tombstone for tombstone in found}


def rows_held(reader: Reader, dossier: str) -> Iterator[tuple[bytes, bytes]]:
    """The rows of a dossier's disclosures, without those that have a tombstone."""
    erased = read_tombstones(reader, dossier)
    for row, sealed in rows_under(reader, of_dossier(DISCLOSURES, dossier)):
        if name_of_disclosure(row).digest not in erased:
            yield row, sealed


def open_row(keys: StoredKeys, row: bytes, sealed: bytes) -> StoredDisclosure:
    """Decrypt the row of a disclosure and check it against its name.

    Raises:
        VaultDamaged: it was altered, is another row's, or its key is missing or altered.
        WrongWrappingKey: its key is under a wrapping key that is not in use.
    """
    name = name_of_disclosure(row)
    place = row.decode("ascii")
    text = keys.open(key_of(sealed), place).open(row, sealed)
    try:
        disclosure = decode_disclosure(text, place=place)
    except InvalidEncoding as error:
        raise VaultDamaged(place, f"does not hold a disclosure: {error.rule}") from error
    if disclosure_digest(text) != name.digest:
        raise VaultDamaged(place, "holds a disclosure of another digest")
    return StoredDisclosure(name.transaction_id, name.digest, disclosure.name, text)


def find_problems(
    reader: Reader, wrapping_keys: Mapping[str, WrappingKey], dossier: str | None
) -> Iterator[VaultError]:
    """An error for each row that does not open, of one dossier or of all."""
    dossiers = dossiers_under(reader, DISCLOSURES) if dossier is None else iter((dossier,))
    try:
        for name in dossiers:
            yield from _problems_of(reader, wrapping_keys, name)
    except VaultError as error:
        yield error


def _problems_of(
    reader: Reader, wrapping_keys: Mapping[str, WrappingKey], dossier: str
) -> Iterator[VaultError]:
    try:
        keys = StoredKeys(reader, dossier, wrapping_keys)
        for row, sealed in rows_held(reader, dossier):
            try:
                open_row(keys, row, sealed)
            except VaultError as error:
                yield error
    except VaultError as error:  # a tombstone or a row's name: what follows it is not read
        yield error


def count_rows(reader: Reader) -> VaultStatistics:
    """Count everything."""
    sizes = [len(sealed) for _, sealed in rows_under(reader, DISCLOSURES)]
    return VaultStatistics(
        dossiers=sum(1 for _ in dossiers_under(reader, DISCLOSURES)),
        disclosures=len(sizes),
        data_keys=sum(1 for _ in rows_under(reader, DATA_KEYS)),
        tombstones=sum(1 for _ in rows_under(reader, TOMBSTONES)),
        sealed_bytes=sum(sizes),
    )


def dossiers_under(reader: Reader, kind: bytes) -> Iterator[str]:
    """The dossiers that have rows of one kind (DATA_KEYS, DISCLOSURES or TOMBSTONES), in order."""
    start = kind
    while True:
        row = next((row for row, _ in reader.scan(start, after(kind))), None)
        if row is None:
            return
        dossier, slash, _ = row[len(kind) :].partition(b"/")
        if slash:
            yield dossier_of(row)
        start = after(kind + dossier + b"/") if slash else row + b"\0"
