"""Where the vault's rows lie in the node's local store, and what each holds.

========================================== =====================================================
``v/k/<dossier>/<data key>/<wrapping>``    a data key, wrapped; both ids are 16 hex digits
``v/d/<dossier>/<digest>/<tx>/<data key>`` a disclosure: nonce (12 bytes), encrypted text, tag
``v/t/<dossier>/<digest>``                 tombstone of an erased disclosure
``v/p/<dossier>/<16 hex digits>``          empty; an erasure whose bytes may still be in the files
``v/m/wrapping``                           ids of the wrapping keys in use, the vault's format
``v/…/!`` and ``v/…/~``                    empty; ends of a range that is being compacted
``v/a/<number>`` and ``v/h``               the access log (`node.vault.access_log`)
========================================== =====================================================

A row's name is the associated data of what is encrypted in it, so a row that was moved or renamed
no longer opens. Names are in clear; all that they tell (dossier, digest, transaction) is on the
chain as well. Keys stand in the names, not in the values: what batches bring adds up, in whatever
order they come, and no row takes the place of another that is still needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from node.core.encoding import decode_hex
from node.core.errors import InvalidEncoding
from node.vault.errors import VaultDamaged

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "DATA_KEYS",
    "DISCLOSURES",
    "FIRST_MARK",
    "LAST_MARK",
    "PURGES",
    "TOMBSTONES",
    "WRAPPING",
    "DataKeyName",
    "DisclosureName",
    "after",
    "check_digest",
    "check_dossier",
    "check_transaction_id",
    "data_key_row",
    "disclosure_row",
    "dossiers_under",
    "name_of_data_key",
    "name_of_disclosure",
    "name_of_tombstone",
    "of_dossier",
    "rows_under",
    "tombstone_row",
]

DATA_KEYS = b"v/k/"
DISCLOSURES = b"v/d/"
TOMBSTONES = b"v/t/"
PURGES = b"v/p/"
WRAPPING = b"v/m/wrapping"
FIRST_MARK = b"!"
LAST_MARK = b"~"

_DOSSIER = re.compile(r"[a-z]{1,24}:[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


class DataKeyName(NamedTuple):
    """Which data key a row holds, and under which wrapping key."""

    dossier: str
    key: str
    wrapping: str


class DisclosureName(NamedTuple):
    """Whose disclosure a row holds, and the data key that it is under."""

    dossier: str
    digest: str
    transaction_id: bytes
    key: str


def after(prefix: bytes) -> bytes:
    """The end of the rows whose names begin with ``prefix``, which ends with a slash."""
    return prefix[:-1] + b"0"


def rows_under(reader: Reader, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The rows whose names begin with ``prefix``, without the marks of a compaction."""
    for row, value in reader.scan(prefix, after(prefix)):
        if not row.endswith((FIRST_MARK, LAST_MARK)):
            yield row, value


def dossiers_under(reader: Reader, kind: bytes) -> Iterator[str]:
    """The dossiers that have rows of one kind (DATA_KEYS, DISCLOSURES …), in order.

    Raises (the iterator):
        VaultDamaged: a row names no dossier.
    """
    start = kind
    while True:
        row = next((row for row, _ in reader.scan(start, after(kind))), None)
        if row is None:
            return
        dossier, slash, _ = row[len(kind) :].partition(b"/")
        if slash:
            yield _dossier_of(row)
        start = after(kind + dossier + b"/") if slash else row + b"\0"


def check_dossier(dossier: str) -> None:
    """Refuse what is no dossier's name: it would be part of a row's name."""
    if _DOSSIER.fullmatch(dossier) is None:
        raise InvalidEncoding("dossier", "must be <kind>:<member>:<opaque id>")


def check_digest(digest: str) -> None:
    """Refuse what is no digest of a disclosure."""
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidEncoding("digest", "must be a SHA-256 in base64url, 43 characters")


def check_transaction_id(transaction_id: bytes) -> None:
    """Refuse what is no transaction's id."""
    if len(transaction_id) != 32:
        raise InvalidEncoding("transaction_id", "must be a SHA-256, 32 bytes")


def of_dossier(kind: bytes, dossier: str) -> bytes:
    """The prefix of one dossier's rows of one kind (DATA_KEYS, DISCLOSURES …)."""
    return kind + dossier.encode("ascii") + b"/"


def data_key_row(dossier: str, key: str, wrapping: str) -> bytes:
    """Name of the row of a data key."""
    return of_dossier(DATA_KEYS, dossier) + f"{key}/{wrapping}".encode("ascii")


def disclosure_row(dossier: str, digest: str, transaction_id: bytes, key: str) -> bytes:
    """Name of the row of a disclosure."""
    name = f"{digest}/{transaction_id.hex()}/{key}"
    return of_dossier(DISCLOSURES, dossier) + name.encode("ascii")


def tombstone_row(dossier: str, digest: str) -> bytes:
    """Name of the row of a tombstone."""
    return of_dossier(TOMBSTONES, dossier) + digest.encode("ascii")


def name_of_data_key(row: bytes) -> DataKeyName:
    """Read the name of a data key's row.

    Raises:
        VaultDamaged: it is none.
    """
    dossier, key, wrapping = _parts(row, 3)
    if _KEY_ID.fullmatch(key) is None or _KEY_ID.fullmatch(wrapping) is None:
        raise VaultDamaged(repr(row), "is no name of a data key")
    return DataKeyName(dossier, key, wrapping)


def name_of_disclosure(row: bytes) -> DisclosureName:
    """Read the name of a disclosure's row.

    Raises:
        VaultDamaged: it is none.
    """
    dossier, digest, transaction_id, key = _parts(row, 4)
    if _DIGEST.fullmatch(digest) is None or _KEY_ID.fullmatch(key) is None:
        raise VaultDamaged(repr(row), "is no name of a disclosure")
    try:
        return DisclosureName(
            dossier, digest, decode_hex(transaction_id, place="transaction", length=32), key
        )
    except InvalidEncoding as error:
        raise VaultDamaged(repr(row), "does not name a transaction") from error


def name_of_tombstone(row: bytes) -> str:
    """The digest that the name of a tombstone's row ends with.

    Raises:
        VaultDamaged: it is no such name.
    """
    _, digest = _parts(row, 2)
    if _DIGEST.fullmatch(digest) is None:
        raise VaultDamaged(repr(row), "is no name of a tombstone")
    return digest


def _dossier_of(row: bytes) -> str:
    try:
        dossier = row.decode("ascii").split("/")[2]
        check_dossier(dossier)
    except (UnicodeDecodeError, IndexError, InvalidEncoding) as error:
        raise VaultDamaged(repr(row), "is no name of a row of the vault") from error
    return dossier


def _parts(row: bytes, count: int) -> list[str]:
    """The ``count`` parts of a name behind ``v/`` and the kind, the first of them a dossier."""
    _dossier_of(row)
    parts = row.decode("ascii").split("/")[2:]
    if len(parts) != count:
        raise VaultDamaged(repr(row), "is no name of a row of the vault")
    return parts
