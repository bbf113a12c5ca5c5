"""Disclosures of an SD-JWT (RFC 9901 §4.2): private fields, each salted and named by a digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding, InvalidTransaction
from node.core.transaction import (
    NOTHING_NESTED,
    PAYLOAD_MEMBERS,
    RESERVED_NAMES,
    nested_digests,
)

__all__ = [
    "MAX_DISCLOSURE_BYTES",
    "MIN_SALT_CHARACTERS",
    "Disclosure",
    "decode_disclosure",
    "disclosure_digest",
    "encode_disclosure",
    "match_disclosures",
    "split_sd_jwt",
]

MAX_DISCLOSURE_BYTES = 16 * 1024
MIN_SALT_CHARACTERS = 22
"""128 bits in base64url: the least that RFC 9901 §9.3 recommends."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Disclosure:
    """One private field: ``encoded`` is the base64url text that the digest is over."""

    salt: str
    name: str
    value: Any
    encoded: str

    @property
    def digest(self) -> str:
        """What stands for this field in ``_sd``."""
        return disclosure_digest(self.encoded)


def disclosure_digest(encoded: str) -> str:
    """Base64url of the SHA-256 of the disclosure's ASCII text (RFC 9901 §4.2.3)."""
    return encode_base64url(hashlib.sha256(encoded.encode("ascii")).digest())


def encode_disclosure(salt: str, name: str, value: Any) -> Disclosure:
    """Make the disclosure of a field. ``salt`` is base64url of at least 128 random bits."""
    encoded = encode_base64url(canonical_json([salt, name, value]))
    return decode_disclosure(encoded)


def decode_disclosure(encoded: str, *, place: str = "disclosure") -> Disclosure:
    """Decode the base64url text of an object property's disclosure.

    Raises:
        InvalidEncoding: no base64url of a JSON array [salt, name, value], a short salt, or a name
            that is not of the form of members' names.
    """
    if len(encoded) > MAX_DISCLOSURE_BYTES:
        raise InvalidEncoding(place, f"at most {MAX_DISCLOSURE_BYTES} characters are allowed")
    raw = decode_base64url(encoded, place=place)
    parts = decode_json(raw, place=place, max_bytes=MAX_DISCLOSURE_BYTES)
    if not isinstance(parts, list) or len(parts) != 3:
        raise InvalidEncoding(place, "must be a JSON array of salt, name and value")
    salt, name, value = parts
    if not isinstance(salt, str) or len(salt) < MIN_SALT_CHARACTERS:
        raise InvalidEncoding(
            place, f"salt must be text of {MIN_SALT_CHARACTERS} characters or more"
        )
    if not isinstance(name, str) or name in RESERVED_NAMES or _NAME.fullmatch(name) is None:
        raise InvalidEncoding(
            place,
            "name must be text of a lower-case letter and up to 63 letters, digits or '_', and "
            "none that RFC 9901 reserves",
        )
    nested = nested_digests(value)
    if nested is not None:
        raise InvalidEncoding(f"{place}{nested}", NOTHING_NESTED)
    return Disclosure(salt, name, value, encoded)


def split_sd_jwt(sd_jwt: bytes) -> tuple[bytes, list[str]]:
    """Split ``<JWT>~<disclosure>~…~`` (RFC 9901 §4) into the JWT and the disclosures' texts.

    A bare JWT is one without disclosures. A key-binding JWT behind the last tilde is refused.
    """
    jwt, *rest = sd_jwt.split(b"~")
    if rest and rest.pop():
        raise InvalidEncoding("submission", "must end with '~'; a key-binding JWT is not used here")
    try:
        return jwt, [part.decode("ascii") for part in rest]
    except UnicodeDecodeError as error:
        raise InvalidEncoding("submission", "a disclosure has a character outside ASCII") from error


def match_disclosures(
    digests: Iterable[str], encoded: Iterable[str], data: Container[str]
) -> list[Disclosure]:
    """Decode disclosures and check each against ``_sd``, as RFC 9901 §7.1 asks.

    ``data`` has the members' names of the transaction's ``data``: a field that stands there in
    clear cannot have another, private value.

    Raises:
        InvalidEncoding: a disclosure is malformed.
        InvalidTransaction: no digest names it, it comes twice, two have one name, or the payload
            or its ``data`` has that name in clear.
    """
    named = set(digests)
    found: list[Disclosure] = []
    for position, text in enumerate(encoded):
        place = f"disclosures[{position}]"
        disclosure = decode_disclosure(text, place=place)
        if disclosure.digest not in named:
            raise InvalidTransaction(place, "no digest in _sd names it")
        if disclosure.name in PAYLOAD_MEMBERS:
            raise InvalidTransaction(place, f"{disclosure.name} stands in clear in the payload")
        if disclosure.name in data:
            raise InvalidTransaction(place, f"{disclosure.name} stands in clear in data")
        if any(text == other.encoded for other in found):
            raise InvalidTransaction(place, "comes twice")
        if any(disclosure.name == other.name for other in found):
            raise InvalidTransaction(place, f"a second disclosure of {disclosure.name[:64]!r}")
        found.append(disclosure)
    return found
