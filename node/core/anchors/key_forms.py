"""Keys and signatures as others write them: SubjectPublicKeyInfo, ECDSA-Sig-Value, hex, base64.

Each reader accepts one encoding of a value only, so that nobody can write a receipt anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from node.core.encoding import decode_base64url, decode_hex, encode_base64url
from node.core.errors import InvalidEncoding, InvalidSignature
from node.core.signatures import PublicJwk

__all__ = [
    "TEXT_FORMS",
    "decode_base64",
    "raw_signature",
    "read_p256_spki",
    "read_text_form",
    "spki_of_p256",
    "write_text_form",
]

_P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""DER of a SubjectPublicKeyInfo of P-256 up to the uncompressed point (RFC 5480 §2)."""


def decode_base64(text: str, *, place: str) -> bytes:
    """Decode canonical base64 with padding (RFC 4648 §4). Raises InvalidEncoding."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise InvalidEncoding(place, "must be canonical base64")
    return raw


def _decode_upper(text: str, *, place: str) -> bytes:
    if text != text.upper():
        raise InvalidEncoding(place, "must be upper-case hex")
    return decode_hex(text.lower(), place=place)


_WRITERS: dict[str, Callable[[bytes], str]] = {
    "HEX": lambda data: data.hex().upper(),
    "base64": lambda data: base64.b64encode(data).decode("ascii"),
    "base64url": encode_base64url,
    "hex": bytes.hex,
}
_READERS: dict[str, Callable[..., bytes]] = {
    "HEX": _decode_upper,
    "base64": decode_base64,
    "base64url": decode_base64url,
    "hex": decode_hex,
}
TEXT_FORMS = tuple(sorted(_WRITERS))
"""How services write bytes: ``hex``, ``HEX`` (upper case), ``base64``, ``base64url`` (no ``=``)."""


def write_text_form(data: bytes, form: str) -> str:
    """``data`` in one of `TEXT_FORMS`."""
    return _WRITERS[form](data)


def read_text_form(text: str, form: str, *, place: str) -> bytes:
    """The bytes of ``text``, which must be the one way to write them in ``form``."""
    return _READERS[form](text, place=place)


def raw_signature(der: bytes, *, place: str) -> bytes:
    """r‖s, 64 bytes, of a DER ``SEQUENCE {INTEGER r, INTEGER s}`` (RFC 3279 §2.2.3).

    Raises:
        InvalidSignature: not DER, bytes behind it, or a number that is negative or beyond 32 bytes.
    """
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] > 0x7F:
        raise InvalidSignature(place, "must be DER of a sequence of two integers")
    numbers, rest = b"", der[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= min(33, len(rest) - 2):
            raise InvalidSignature(place, "must be DER of a sequence of two integers")
        number, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        padded = number[0] == 0 and len(number) > 1 and number[1] < 0x80
        if number[0] >= 0x80 or padded or len(number.lstrip(b"\x00")) > 32:
            raise InvalidSignature(place, "r and s must be minimal, positive, below 2^256")
        numbers += number.lstrip(b"\x00").rjust(32, b"\x00")
    if rest:
        raise InvalidSignature(place, "has bytes behind its two integers")
    return numbers


def read_p256_spki(der: bytes, *, place: str) -> PublicJwk:
    """The key of a P-256 SubjectPublicKeyInfo with an uncompressed point.

    Raises:
        InvalidSignature: another form, another curve, or a point that is not on it.
    """
    if len(der) != 91 or der[:26] != _P256_SPKI or der[26] != 4:
        raise InvalidSignature(place, "must be the SubjectPublicKeyInfo of a P-256 key, DER")
    key = PublicJwk(der[27:59], der[59:])
    key.check_point(place)
    return key


def spki_of_p256(key: PublicJwk) -> bytes:
    """DER of the key's SubjectPublicKeyInfo, 91 bytes."""
    return _P256_SPKI + b"\x04" + key.x + key.y
