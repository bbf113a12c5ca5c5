"""Reading the vault: what is held, and whether every row still opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.core.disclosure import decode_disclosure, disclosure_digest
from node.core.errors import InvalidEncoding
from node.vault.data_keys import StoredKeys
from node.vault.errors import VaultDamaged, VaultError
from node.vault.keys import WrappingKey
from node.vault.rows import (
    DATA_KEYS,
    DISCLOSURES,
    TOMBSTONES,
    DisclosureName,
    dossiers_under,
    name_of_disclosure,
    of_dossier,
    rows_under,
)
from node.vault.tombstones import erased_digests, read_tombstones

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "StoredDisclosure",
    "VaultStatistics",
    "count_rows",
    "find_problems",
    "open_row",
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


def rows_held(reader: Reader, dossier: str) -> Iterator[tuple[DisclosureName, bytes, bytes]]:
    """Name, row and sealed text of a dossier's disclosures, without those that were erased."""
    erased = erased_digests(reader, dossier)
    for row, sealed in rows_under(reader, of_dossier(DISCLOSURES, dossier)):
        name = name_of_disclosure(row)
        if name.digest not in erased:
            yield name, row, sealed


def open_row(keys: StoredKeys, name: DisclosureName, row: bytes, sealed: bytes) -> StoredDisclosure:
    """Decrypt the row of a disclosure and check it against its name.

    Raises:
        VaultDamaged: it was altered, is another row's, or its key is missing or altered.
        WrongWrappingKey: its key is under a wrapping key that is not in use.
    """
    place = row.decode("ascii")
    text = keys.open(name.key, place).open(row, sealed)
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
    try:
        if dossier is not None:
            dossiers = {dossier}
        else:
            kinds = (DISCLOSURES, TOMBSTONES)
            dossiers = {name for kind in kinds for name in dossiers_under(reader, kind)}
    except VaultError as error:
        yield error
        return
    for name in sorted(dossiers):
        yield from _problems_of(reader, wrapping_keys, name)


def _problems_of(
    reader: Reader, wrapping_keys: Mapping[str, WrappingKey], dossier: str
) -> Iterator[VaultError]:
    try:
        keys = StoredKeys(reader, dossier, wrapping_keys)
        for name, row, sealed in rows_held(reader, dossier):
            try:
                open_row(keys, name, row, sealed)
            except VaultError as error:
                yield error
        read_tombstones(reader, dossier)
    except VaultError as error:  # a name or a tombstone: what follows it is not read
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
