"""Where the vault's rows lie in the node's local store, and what each holds.

========================================== =====================================================
``v/k/<dossier>/<data key>/<wrapping>``    a data key, wrapped; both ids are 16 hex digits
``v/d/<dossier>/<digest>/<tx>/<data key>`` a disclosure: nonce (12 bytes), encrypted text with tag
``v/t/<dossier>/<digest>``                 tombstone of an erased disclosure
``v/w/<dossier>/<tx>``                     mark of a transaction that was withdrawn; empty
``v/m/wrapping``                           ids of the wrapping keys in use, and the vault's format
``v/…/!``, ``v/…/~``                      empty; ends of a range that is being compacted
``v/a/<number>``, ``v/h``                  the access log (`node.vault.access_log`)
========================================== =====================================================

A row's name is the associated data of what is encrypted in it, so a row that was moved or renamed
no longer opens. Names are in clear; all that they tell (dossier, digest, transaction) is on the
chain as well. Data keys and wrapping keys stand in the names, not in the values: so whatever batches
bring, in whatever order, adds up, and no row ever takes the place of another that is still needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from node.core.encoding import canonical_json, decode_canonical_json, decode_hex
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_integer, read_text
from node.vault.errors import VaultDamaged

if TYPE_CHECKING:
    from node.storage.ports import Reader

__all__ = [
    "DATA_KEYS",
    "DISCLOSURES",
    "FIRST_MARK",
    "LAST_MARK",
    "MAX_REASON",
    "TOMBSTONES",
    "WRAPPING",
    "DataKeyName",
    "DisclosureName",
    "Tombstone",
    "after",
    "check_digest",
    "check_dossier",
    "check_transaction_id",
    "data_key_row",
    "decode_tombstone",
    "disclosure_row",
    "dossier_of",
    "encode_tombstone",
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
WRAPPING = b"v/m/wrapping"
FIRST_MARK = b"!"
LAST_MARK = b"~"
MAX_REASON = 500

_DOSSIER = re.compile(r"[a-z]{1,24}:[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_MAX_TOMBSTONE = 8192


class DataKeyName(NamedTuple):
    """Which data key a row holds, and under which wrapping key."""

    dossier: str
    key: str
    wrapping: str


class DisclosureName(NamedTuple):
    """Whose disclosure a row holds."""

    dossier: str
    digest: str
    transaction_id: bytes


class Tombstone(NamedTuple):
    """What is left of an erased disclosure. ``at_ms`` in milliseconds since the Unix epoch."""

    digest: str
    at_ms: int
    by: str
    why: str


def after(prefix: bytes) -> bytes:
    """The end of the rows whose names begin with ``prefix``, which ends with a slash."""
    return prefix[:-1] + b"0"


def rows_under(reader: Reader, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The rows whose names begin with ``prefix``, without the marks of a compaction."""
    for row, value in reader.scan(prefix, after(prefix)):
        if not row.endswith((FIRST_MARK, LAST_MARK)):
            yield row, value


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
    """The prefix of one dossier's rows; ``kind`` is DATA_KEYS, DISCLOSURES or TOMBSTONES."""
    return kind + dossier.encode("ascii") + b"/"


def data_key_row(dossier: str, key: str, wrapping: str) -> bytes:
    """Name of the row of a data key."""
    return of_dossier(DATA_KEYS, dossier) + f"{key}/{wrapping}".encode("ascii")


def disclosure_row(dossier: str, digest: str, transaction_id: bytes) -> bytes:
    """Name of the row of a disclosure."""
    return of_dossier(DISCLOSURES, dossier) + f"{digest}/{transaction_id.hex()}".encode("ascii")


def tombstone_row(dossier: str, digest: str) -> bytes:
    """Name of the row of a tombstone."""
    return of_dossier(TOMBSTONES, dossier) + digest.encode("ascii")


def dossier_of(row: bytes) -> str:
    """The dossier that a row belongs to.

    Raises:
        VaultDamaged: none is named.
    """
    try:
        dossier = row.decode("ascii").split("/")[2]
        check_dossier(dossier)
    except (UnicodeDecodeError, IndexError, InvalidEncoding) as error:
        raise VaultDamaged(repr(row), "is no name of a row of the vault") from error
    return dossier


def _parts(row: bytes, count: int) -> list[str]:
    """The ``count`` parts of a name behind ``v/`` and the kind, the first of them a dossier."""
    dossier_of(row)
    parts = row.decode("ascii").split("/")[2:]
    if len(parts) != count:
        raise VaultDamaged(repr(row), "is no name of a row of the vault")
    return parts


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
    dossier, digest, transaction_id = _parts(row, 3)
    try:
        check_digest(digest)
        return DisclosureName(
            dossier, digest, decode_hex(transaction_id, place="transaction", length=32)
        )
    except InvalidEncoding as error:
        raise VaultDamaged(repr(row), "is no name of a disclosure") from error


def name_of_tombstone(row: bytes) -> str:
    """The digest that the name of a tombstone's row ends with.

    Raises:
        VaultDamaged: it is no such name.
    """
    _, digest = _parts(row, 2)
    try:
        check_digest(digest)
    except InvalidEncoding as error:
        raise VaultDamaged(repr(row), "is no name of a tombstone") from error
    return digest


def encode_tombstone(at_ms: int, by: str, why: str) -> bytes:
    """The value of a tombstone's row.

    Raises:
        InvalidEncoding: no time, nobody, or no reason.
    """
    members = {"at_ms": at_ms, "by": by, "why": why}
    _check_tombstone(members, "erasure")
    return canonical_json(members)


def decode_tombstone(row: bytes, value: bytes) -> Tombstone:
    """Read a tombstone's row.

    Raises:
        VaultDamaged: it does not hold.
    """
    digest = name_of_tombstone(row)
    place = row.decode("ascii")
    try:
        members = decode_canonical_json(value, place=place, max_bytes=_MAX_TOMBSTONE)
        _check_tombstone(members, place)
    except InvalidEncoding as error:
        raise VaultDamaged(place, f"the tombstone was altered: {error}") from error
    return Tombstone(digest, members["at_ms"], members["by"], members["why"])


def _check_tombstone(members: dict[str, object], place: str) -> None:
    exact_members(members, place, ("at_ms", "by", "why"))
    read_integer(members["at_ms"], f"{place}.at_ms")
    read_text(members["by"], f"{place}.by", most=128)
    read_text(members["why"], f"{place}.why", most=MAX_REASON)
