"""Transactions written in every way in which one might be, rightly and wrongly, for `Intake`."""

from __future__ import annotations

import base64
import json
from typing import Any

from builders.consortium import member_key
from builders.signing import MemberKey, compact

from node.core.encoding import canonical_json, encode_base64url
from node.core.signatures import P256_ORDER
from node.core.transaction import TYP

__all__ = ["FORMATS", "HEADERS", "SIGNATURES", "SPOILED", "header_of", "respelled", "signed"]


def header_of(key: MemberKey) -> bytes:
    """The header that most signers write."""
    return canonical_json({"alg": "ES256", "kid": key.kid, "typ": TYP})


def signed(key: MemberKey, header: bytes, payload: bytes, *, high: bool = False) -> bytes:
    """A JWS of these very bytes, with the low or the high s."""
    head = f"{encode_base64url(header)}.{encode_base64url(payload)}".encode()
    signature = key.sign(head)
    if high:
        s = P256_ORDER - int.from_bytes(signature[32:], "big")
        signature = signature[:32] + s.to_bytes(32, "big")
    return compact(header, payload, signature)


def _escaped(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def _doubled(payload: dict[str, Any]) -> bytes:
    """The first member once more, with the same value."""
    raw = canonical_json(payload)
    name = next(iter(payload))
    return raw[:-1] + b"," + canonical_json({name: payload[name]})[1:]


def _doubled_inside(payload: dict[str, Any]) -> bytes:
    raw = canonical_json(payload)
    return raw.replace(b'"method":', b'"method":"x","method":', 1)


FORMATS = {
    "canonical": canonical_json,
    "in another order": lambda payload: json.dumps(
        dict(reversed(payload.items())), separators=(",", ":"), ensure_ascii=False
    ).encode(),
    "with spaces": lambda payload: json.dumps(payload, ensure_ascii=False).encode(),
    "over lines": lambda payload: json.dumps(payload, indent=1, ensure_ascii=False).encode(),
    "escaped": _escaped,
    "escaped without need": lambda payload: canonical_json(payload).replace(b"a", b"\\u0061"),
    "with an escaped slash": lambda payload: canonical_json(payload).replace(b"/", b"\\/"),
    "a member twice": _doubled,
    "a member twice inside": _doubled_inside,
    "a newline behind": lambda payload: canonical_json(payload) + b"\n",
    "a blank before": lambda payload: b" " + canonical_json(payload),
    "a byte order mark": lambda payload: b"\xef\xbb\xbf" + canonical_json(payload),
    "two values": lambda payload: canonical_json(payload) + b"{}",
    "cut off": lambda payload: canonical_json(payload)[:-1],
    "a float": lambda payload: canonical_json(payload).replace(b'"iat":', b'"iat":0.5e', 1),
    "a whole float": lambda payload: _with_tail(payload, "iat", b".0"),
    "an exponent": lambda payload: _with_tail(payload, "iat", b"e0"),
    "a leading zero": lambda payload: canonical_json(payload).replace(b'"iat":', b'"iat":0', 1),
    "minus zero": lambda payload: canonical_json({**payload, "occurred_at": 0}).replace(
        b'"occurred_at":0', b'"occurred_at":-0'
    ),
    "a huge number": lambda payload: canonical_json({**payload, "occurred_at": 10**30}),
    "a number beyond 2^53": lambda payload: canonical_json({**payload, "occurred_at": 2**53}),
    "a number beyond 2^64": lambda payload: canonical_json({**payload, "occurred_at": 2**64}),
    "a huge number in data": lambda payload: canonical_json(
        {**payload, "data": {**payload["data"], "size": 2**64}}
    ),
    "null": lambda payload: canonical_json({**payload, "collected_at": None}),
    "true": lambda payload: canonical_json({**payload, "iat": True}),
    "true in data": lambda payload: canonical_json(
        {**payload, "data": {**payload["data"], "deadline": True}}
    ),
    "NaN": lambda payload: canonical_json(payload).replace(b'"iat":', b'"x":NaN,"iat":', 1),
    "a lone surrogate": lambda payload: canonical_json(payload).replace(
        b'"method":"', b'"method":"\\ud800', 1
    ),
    "half a character": lambda payload: canonical_json(payload).replace(
        b'"method":"', b'"method":"\xe4\xb8', 1
    ),
    "a surrogate pair": lambda payload: canonical_json(payload).replace(
        b'"system":"', b'"system":"\\ud83d\\ude00', 1
    ),
    "a control character": lambda payload: canonical_json(payload).replace(
        b'"system":"', b'"system":"\x01', 1
    ),
    "an array": lambda payload: canonical_json([payload]),
    "a text": lambda payload: b'"x"',
    "nothing": lambda payload: b"",
    "nested to 16": lambda payload: _nested(payload, 14),
    "nested to 17": lambda payload: _nested(payload, 15),
    "nested to 6000": lambda payload: _nested(payload, 5998),
    "too long": lambda payload: canonical_json(
        {**payload, "data": {**payload["data"], "origin": "x" * 16_384}}
    ),
}
"""Ways to write a payload, given as an object."""


def _nested(payload: dict[str, Any], depth: int) -> bytes:
    whole = canonical_json({**payload, "data": {**payload["data"], "origin": "HERE"}})
    return whole.replace(b'"HERE"', b"[" * depth + b"]" * depth)


def _with_tail(payload: dict[str, Any], name: str, tail: bytes) -> bytes:
    number = str(payload[name]).encode()
    return canonical_json(payload).replace(
        b'"%b":%b' % (name.encode(), number), b'"%b":%b' % (name.encode(), number + tail), 1
    )


HEADERS = {
    "canonical": header_of,
    "in another order": lambda key: json.dumps(
        {"typ": TYP, "kid": key.kid, "alg": "ES256"}, separators=(",", ":")
    ).encode(),
    "with spaces": lambda key: json.dumps({"alg": "ES256", "kid": key.kid, "typ": TYP}).encode(),
    "a member twice": lambda key: header_of(key).replace(
        b'"alg":"ES256"', b'"alg":"none","alg":"ES256"'
    ),
    "another algorithm": lambda key: canonical_json({"alg": "none", "kid": key.kid, "typ": TYP}),
    "another type": lambda key: canonical_json({"alg": "ES256", "kid": key.kid, "typ": "JWT"}),
    "a member more": lambda key: canonical_json(
        {"alg": "ES256", "jwk": key.jwk.to_json(), "kid": key.kid, "typ": TYP}
    ),
    "without kid": lambda key: canonical_json({"alg": "ES256", "typ": TYP}),
    "a stranger's kid": lambda key: header_of(member_key("stranger")),
    "another member's kid": lambda key: header_of(member_key("court-a")),
    "nothing": lambda key: b"",
    "no JSON": lambda key: b"{",
}
"""Ways to write a header for a key."""

SIGNATURES = (
    "low",
    "high",
    "flipped",
    "zero r",
    "zero s",
    "s = n",
    "short",
    "long",
    "empty",
    "der",
)
SPOILED = (
    "",
    "loose bits",
    "padding",
    "a fourth part",
    "two parts",
    "a blank",
    "a newline",
    "standard alphabet",
    "no ASCII",
)


def respelled(jwt: bytes, signature: str, spoiled: str) -> bytes:
    """``jwt`` with another signature, or spelled otherwise."""
    head, raw = jwt.rsplit(b".", 1)
    return _spoil(head + b"." + _resign(raw, signature), spoiled)


def _resign(encoded: bytes, how: str) -> bytes:
    raw = base64.urlsafe_b64decode(encoded + b"==")
    r, s = raw[:32], int.from_bytes(raw[32:], "big")
    other = {
        "low": raw,
        "high": r + (P256_ORDER - s).to_bytes(32, "big"),
        "flipped": bytes((raw[0] ^ 1,)) + raw[1:],
        "zero r": bytes(32) + raw[32:],
        "zero s": r + bytes(32),
        "s = n": r + P256_ORDER.to_bytes(32, "big"),
        "short": raw[:-1],
        "long": raw + b"\x00",
        "empty": b"",
        "der": b"\x30\x44\x02\x20" + r + b"\x02\x20" + raw[32:],
    }[how]
    return encode_base64url(other).encode()


def _spoil(jwt: bytes, how: str) -> bytes:
    if how == "loose bits":
        # 64 bytes end in a character of which four bits are not used.
        return jwt[:-1] + bytes((jwt[-1] + 1,)) if jwt[-1:] in b"AQgw" else jwt + b"B"
    if how == "padding":
        return jwt + b"=="
    if how == "a fourth part":
        return jwt + b".x"
    if how == "two parts":
        return jwt.rsplit(b".", 1)[0]
    if how == "a blank":
        return jwt.replace(b".", b". ", 1)
    if how == "a newline":
        return jwt + b"\n"
    if how == "standard alphabet":
        return jwt.replace(b"-", b"+").replace(b"_", b"/")
    if how == "no ASCII":
        return jwt[:-1] + b"\xe9"
    return jwt
