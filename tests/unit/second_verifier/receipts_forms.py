"""What the second opinions on receipts share: their two errors, forms of values, encodings."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

__all__ = [
    "MOST",
    "Bad",
    "NothingTrusted",
    "array",
    "canonical",
    "der_integers",
    "der_signature",
    "digest_of",
    "document_of",
    "exactly",
    "from_base64",
    "from_hex",
    "integer",
    "loads",
    "merkle_root",
    "need",
    "p256_holds",
    "p256_key",
    "sha256",
    "strict_json",
    "text",
]

MOST = 2**53 - 1


class Bad(Exception):
    """A receipt that is malformed or does not hold."""


class NothingTrusted(Exception):
    """A receipt that leads to nothing that the trust file names."""


def need(condition, why):
    if not condition:
        raise Bad(why)


def exactly(value, required, optional=""):
    need(isinstance(value, dict), "no object")
    asked = set(required.split())
    need(asked <= set(value) <= asked | set(optional.split()), f"members: {sorted(value)[:20]}")
    return value


def text(value, most, least=1):
    need(isinstance(value, str) and least <= len(value) <= most, "text of another length")
    return value


def integer(value, least=0, most=MOST):
    need(type(value) is int and least <= value <= most, "integer out of bounds")
    return value


def array(value, most, least=0):
    need(isinstance(value, list) and least <= len(value) <= most, "array of another length")
    return value


def from_hex(value, most, length=None):
    need(isinstance(value, str) and re.fullmatch("(?:[0-9a-f]{2})*", value), "no hex")
    raw = bytes.fromhex(value)
    need(len(raw) <= most and length in (None, len(raw)), "another number of bytes")
    return raw


def from_base64(value, most):
    need(isinstance(value, str), "no text")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Bad("no base64") from error
    need(base64.b64encode(raw).decode() == value, "base64 is not canonical")
    need(len(raw) <= most, "too many bytes")
    return raw


def sha256(data):
    return hashlib.sha256(data).digest()


def document_of(point):
    """Canonical JSON of the point (anchors.md)."""
    return canonical(point)


def digest_of(point):
    return sha256(document_of(point))


def merkle_root(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    need(index < size, "index is not below the size")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn, "path too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01" + r + p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "path too short")
    return r


def loads(data, **hooks):
    """JSON without members twice."""

    def unique(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "two members of one name")
        return dict(pairs)

    try:
        return json.loads(data, object_pairs_hook=unique, parse_constant=no_constant, **hooks)
    except (ValueError, RecursionError) as error:
        raise Bad(f"no JSON: {error}") from error


def no_constant(text):
    raise Bad(f"{text} is no JSON")


def strict_json(data, most):
    """JSON of encodings.md."""
    need(len(data) <= most, "too long")
    try:
        value = loads(data.decode("utf-8"), parse_float=no_constant, parse_int=whole)
    except UnicodeDecodeError as error:
        raise Bad("no UTF-8") from error
    check_tree(value, 1)
    return value


def whole(digits):
    need(digits != "-0" and len(digits) <= 17 and abs(int(digits)) <= MOST, "integer")
    return int(digits)


def check_tree(value, depth):
    if isinstance(value, str):
        need(not any(0xD800 <= ord(character) <= 0xDFFF for character in value), "surrogate")
    elif isinstance(value, (dict, list)):
        need(depth <= 16, "nested too deep")
        need(not isinstance(value, dict) or all(map(str.isascii, value)), "a name")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            check_tree(item, depth + 1)
    else:
        need(type(value) is int, "true, false and null are not used")


def canonical(value):
    made = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return made.encode()


def der_integers(signature):
    """r and s of an ECDSA-Sig-Value, which is minimal, below 2^256."""
    found = der_signature(signature)
    need(max(found) < 2**256, "too large a number")
    return found


def der_signature(signature):
    """r and s of an ECDSA-Sig-Value, which is minimal, up to those of P-521."""
    need(len(signature) >= 2 and signature[0] == 0x30, "no SEQUENCE")
    length, start = signature[1], 2
    if length == 0x81:
        need(len(signature) > 2 and signature[2] >= 0x80, "length of a signature")
        length, start = signature[2], 3
    need(length != 0x80 and len(signature) == start + length, "length of a signature")
    rest, found = signature[start:], []
    for _ in range(2):
        need(len(rest) >= 3 and rest[0] == 2 and 1 <= rest[1] <= len(rest) - 2, "no INTEGER")
        value, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        need(value[0] < 0x80 and (value[0] or (len(value) > 1 and value[1] >= 0x80)), "INTEGER")
        found.append(int.from_bytes(value, "big"))
    need(not rest, "bytes behind a signature")
    return found


def p256_holds(key, message, signature):
    """``signature`` is DER; s may be high."""
    made = utils.encode_dss_signature(*der_integers(signature))
    try:
        key.verify(made, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Bad("an ECDSA signature does not hold") from error


def p256_key(spki):
    """A SubjectPublicKeyInfo of 91 bytes."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Bad("no public key") from error
    need(isinstance(key, ec.EllipticCurvePublicKey), "no EC key")
    made = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    need(isinstance(key.curve, ec.SECP256R1) and made == spki and len(spki) == 91, "not P-256")
    return key
