"""What the second opinions on receipts share: their two errors, forms of values, encodings."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re

__all__ = [
    "MOST",
    "Bad",
    "NothingTrusted",
    "array",
    "digest_of",
    "document_of",
    "exactly",
    "from_base64",
    "from_hex",
    "integer",
    "merkle_root",
    "need",
    "sha256",
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
    made = json.dumps(point, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return made.encode()


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
