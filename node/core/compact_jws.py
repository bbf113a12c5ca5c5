"""Compact JWS (RFC 7515 §3.1) by members' keys, other than transactions and request tokens.

The header has exactly ``alg``, ``kid`` and ``typ``; header and payload are canonical JSON, so that
of one statement there is one text; an ES256 signature has the low s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding, InvalidSignature
from node.core.fields import read_text
from node.core.signatures import Algorithm, Backend, PublicJwk, algorithm_named

__all__ = ["CompactJws", "decode_compact_jws", "encode_compact_jws", "jws_header"]


@dataclass(frozen=True)
class CompactJws:
    """A decoded JWS; nothing of it is verified. ``place`` is what errors call it."""

    place: str
    algorithm: Algorithm
    kid: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    def verify(self, key: PublicJwk, backend: Backend) -> None:
        """Check the signature.

        Raises:
            InvalidSignature: the key has another thumbprint than the header's kid, or the
                signature does not hold.
        """
        if key.thumbprint() != self.kid:
            raise InvalidSignature(f"{self.place}.header.kid", "is of another key")
        self.algorithm.verify(key, self.signing_input, self.signature, backend)


def encode_compact_jws(
    typ: str, kid: str, claims: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> str:
    """Sign ``claims`` with an ES256 key: ``sign`` gives r‖s with the low s."""
    signed = f"{jws_header(typ, kid)}.{encode_base64url(canonical_json(claims))}"
    return f"{signed}.{encode_base64url(sign(signed.encode('ascii')))}"


def jws_header(typ: str, kid: str) -> str:
    """The encoded header of what the key ``kid`` signs by ES256."""
    return encode_base64url(canonical_json({"alg": "ES256", "kid": kid, "typ": typ}))


def decode_compact_jws(text: str, *, typ: str, place: str, max_bytes: int) -> CompactJws:
    """Decode a compact JWS of this ``typ``. Nothing is verified yet.

    Raises:
        InvalidInput: names the place and the rule.
    """
    if len(text) > max_bytes:
        raise InvalidEncoding(place, f"has {len(text)} characters, at most {max_bytes} are allowed")
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidEncoding(place, "must be a JWS compact string of three parts")
    raw_header, raw_claims, signature = (decode_base64url(part, place=place) for part in parts)
    header = decode_canonical_json(raw_header, place=f"{place}.header", max_bytes=1024)
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != typ:
        raise InvalidEncoding(f"{place}.header", f"must have alg, kid and typ {typ}, no more")
    algorithm = algorithm_named(header["alg"], place=f"{place}.header.alg")
    algorithm.check_form(signature, place=f"{place}.signature")
    if algorithm.canonical(signature) != signature:
        raise InvalidSignature(f"{place}.signature", algorithm.rule)
    return CompactJws(
        place=place,
        algorithm=algorithm,
        kid=read_text(header["kid"], f"{place}.header.kid", least=43, most=43),
        claims=decode_canonical_json(raw_claims, place=place, max_bytes=max_bytes),
        signing_input=text[: text.rindex(".")].encode("ascii"),
        signature=signature,
    )
