"""Token Status Lists (IETF draft-ietf-oauth-status-list) of seals: many statuses in a few kB.

Four bits a seal, the lowest of a byte first, compressed with zlib (DEFLATE, RFC 1951, in the ZLIB
format, RFC 1950), inside a signed JWT of the type ``statuslist+jwt``. What is neither valid,
invalid nor suspended stands for itself, in the values that the draft leaves to applications.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.core.compact_jws import decode_compact_jws
from node.core.encoding import decode_base64url, encode_base64url
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.fields import exact_members, read_integer, read_text
from node.core.seal_status import StaleStatus
from node.core.signatures import Backend, PublicJwk
from node.core.transaction import MAX_SECONDS

__all__ = [
    "BITS",
    "MAX_LIST_SEALS",
    "STATUS_LIST_TYP",
    "STATUS_VALUES",
    "StatusList",
    "pack_statuses",
    "unpack_statuses",
    "verify_status_list",
]

STATUS_LIST_TYP = "statuslist+jwt"
BITS = 4
MAX_LIST_SEALS = 1 << 16
STATUS_VALUES: Mapping[str, int] = {
    "active": 0x00,
    "revoked": 0x01,
    "suspended": 0x02,
    "created": 0x03,
    "not_yet_valid": 0x03,
    "lost": 0x0B,
    "expired": 0x0C,
    "cancelled": 0x0D,
}
"""By a seal's status: 0 valid, 1 invalid, 2 suspended, 3 not in force yet, and of the values for
applications 0x0B lost, 0x0C expired, 0x0D cancelled."""
_NAMES = {
    0x00: "active",
    0x01: "revoked",
    0x02: "suspended",
    0x03: "not_yet_valid",
    0x0B: "lost",
    0x0C: "expired",
    0x0D: "cancelled",
}
_MAX_BYTES = 1 << 17
_CLAIMS = ("as_of", "cid", "exp", "iat", "iss", "status_list", "sub", "ttl")
_CLOCK_LEEWAY_MS = 30_000


@dataclass(frozen=True)
class StatusList:
    """A list that was verified; times in ms. ``packed`` holds two statuses a byte."""

    uri: str
    member: str
    as_of_height: int
    as_of_time: int
    issued_at: int
    next_update: int
    expires: int
    packed: bytes

    def status(self, index: int) -> str:
        """The status of the seal at ``index``: ``not_yet_valid`` stands for ``created`` too.

        Raises:
            InvalidProof: the list has no such index, or a value there that is not known.
        """
        value = unpack_statuses(self.packed, index)
        if value not in _NAMES:
            raise InvalidProof(f"status_list[{index}]", f"has the unknown value {value}")
        return _NAMES[value]


def pack_statuses(values: bytes) -> str:
    """The ``lst`` of these values, one byte each: packed, compressed, base64url.

    What is behind the last one in its byte is zero.
    """
    padded = values + b"\0" * (len(values) % 2)
    packed = bytes(low | high << BITS for low, high in zip(padded[::2], padded[1::2]))
    return encode_base64url(zlib.compress(packed, 9))


def unpack_statuses(packed: bytes, index: int) -> int:
    """The value at ``index``. Raises InvalidProof where the list has no such index."""
    if not 0 <= index < 2 * len(packed):
        raise InvalidProof(f"status_list[{index}]", f"is not in a list of {2 * len(packed)}")
    return packed[index // 2] >> BITS * (index % 2) & 0x0F


def verify_status_list(
    text: str, key: PublicJwk, *, cid: str, uri: str, now: int, max_age_ms: int, backend: Backend
) -> StatusList:
    """Check a list's JWT: form, signature by ``key``, chain, address and age.

    Whose key it is, the state map proves (``key/<kid>``); the list itself proves no state, and is
    as good as the word of the member that signed it.

    Raises:
        StaleStatus: it is too old.
        InvalidInput: it is not of its format, of another list, or does not hold.
    """
    jws = decode_compact_jws(text, typ=STATUS_LIST_TYP, place="status_list", max_bytes=_MAX_BYTES)
    jws.verify(key, backend)
    claims = exact_members(jws.claims, "status_list", _CLAIMS)
    if claims["sub"] != uri:
        raise InvalidProof("status_list.sub", f"is of another list than {uri}")
    if claims["cid"] != cid:
        raise InvalidProof("status_list.cid", "is of another chain")
    seconds = {
        name: read_integer(claims[name], f"status_list.{name}", most=MAX_SECONDS) * 1000
        for name in ("exp", "iat", "ttl")
    }
    as_of = exact_members(claims["as_of"], "status_list.as_of", ("height", "time"))
    found = StatusList(
        uri=uri,
        member=read_text(claims["iss"], "status_list.iss", most=64),
        as_of_height=read_integer(as_of["height"], "status_list.as_of.height", least=1),
        as_of_time=read_integer(as_of["time"], "status_list.as_of.time"),
        issued_at=seconds["iat"],
        next_update=seconds["iat"] + seconds["ttl"],
        expires=seconds["exp"],
        packed=_read_list(claims["status_list"]),
    )
    _check_age(found, now, max_age_ms)
    return found


def _read_list(value: Any) -> bytes:
    place = "status_list.status_list"
    members = exact_members(value, place, ("bits", "lst"))
    if members["bits"] != BITS:
        raise InvalidEncoding(f"{place}.bits", f"must be {BITS}")
    text = read_text(members["lst"], f"{place}.lst", most=_MAX_BYTES)
    compressed = decode_base64url(text, place=f"{place}.lst")
    inflater = zlib.decompressobj()
    try:
        packed = inflater.decompress(compressed, MAX_LIST_SEALS // 2 + 1)
    except zlib.error as error:
        raise InvalidEncoding(f"{place}.lst", f"is no ZLIB data: {error}") from error
    if len(packed) > MAX_LIST_SEALS // 2:
        raise InvalidEncoding(f"{place}.lst", f"has more than {MAX_LIST_SEALS} statuses")
    if not inflater.eof or inflater.unused_data:
        raise InvalidEncoding(f"{place}.lst", "must be one ZLIB stream, whole and nothing behind")
    return packed


def _check_age(found: StatusList, now: int, max_age_ms: int) -> None:
    if found.issued_at > now + _CLOCK_LEEWAY_MS:
        raise StaleStatus("status_list.iat", "is in the future: check the clock")
    if now >= found.expires:
        raise StaleStatus("status_list.exp", "has passed: ask for a new list")
    if now - found.as_of_time > max_age_ms:
        raise StaleStatus("status_list.as_of", f"is more than {max_age_ms // 1000} s ago")
