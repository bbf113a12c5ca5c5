"""Request tokens: short ES256 JWTs by which a member signs one HTTP request."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from node.core.encoding import decode_base64url, decode_json_object
from node.core.errors import InvalidSignature
from node.core.fields import exact_members, read_integer, read_match, read_text
from node.core.signatures import Algorithm, Backend, PublicJwk, algorithm_named

__all__ = [
    "CLOCK_LEEWAY",
    "MAX_TOKEN_LIFETIME",
    "REQUEST_TYP",
    "RequestToken",
    "decode_request_token",
    "request_audience",
]

REQUEST_TYP = "evidence-request+jwt"
MAX_TOKEN_LIFETIME = 60
"""Longest time from ``iat`` to ``exp``, in seconds."""
CLOCK_LEEWAY = 30
"""How far, in seconds, the member's clock may be ahead of the node's."""
_MAX_TOKEN_BYTES = 8192
_WORD = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class RequestToken:
    """A decoded token; ``htm``, ``htu``, ``bsh`` bind it to method, target and body's SHA-256."""

    algorithm: Algorithm
    kid: str
    iss: str
    aud: str
    jti: str
    iat: int
    exp: int
    htm: str
    htu: str
    bsh: str
    signing_input: bytes
    signature: bytes

    def verify(self, key: PublicJwk, backend: Backend) -> None:
        """Check the signature. Raises InvalidSignature."""
        self.algorithm.verify(key, self.signing_input, self.signature, backend)

    def verify_binding(
        self, *, audience: str, method: str, target: str, body: bytes, now: int
    ) -> None:
        """Check that the token is for this request, and is in time. ``now`` in ms.

        Raises:
            InvalidSignature: names what does not fit.
        """
        seconds = now // 1000
        if self.aud != audience:
            raise InvalidSignature("token.aud", f"must be {audience}")
        if self.htm != method:
            raise InvalidSignature("token.htm", f"must be {method}")
        if self.htu != target:
            raise InvalidSignature("token.htu", "must be the request's path and query")
        if self.bsh != hashlib.sha256(body).hexdigest():
            raise InvalidSignature("token.bsh", "must be the SHA-256 of the request's body")
        if not 0 < self.exp - self.iat <= MAX_TOKEN_LIFETIME:
            raise InvalidSignature("token.exp", f"must be at most {MAX_TOKEN_LIFETIME} s after iat")
        if self.iat > seconds + CLOCK_LEEWAY:
            raise InvalidSignature("token.iat", "is in the future: check the clock")
        if self.exp <= seconds:
            raise InvalidSignature("token.exp", "has passed")


def request_audience(chain_id: str, operator: str) -> str:
    """The ``aud`` of tokens for one node: its chain, and the member ``operator`` that runs it.

    So a node that gets a token can play it to no other member's node of the chain.
    """
    return f"{chain_id}:{operator}"


def decode_request_token(token: str) -> RequestToken:
    """Decode a compact JWT. Nothing is verified yet.

    Raises:
        InvalidInput: names the place and the rule.
    """
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MAX_TOKEN_BYTES:
        raise InvalidSignature("token", "must be a JWS compact string of at most 8 KiB")
    raw_header, raw_claims, signature = (decode_base64url(part, place="token") for part in parts)
    header = decode_json_object(raw_header, place="token.header", max_bytes=_MAX_TOKEN_BYTES)
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != REQUEST_TYP:
        raise InvalidSignature("token.header", f"must have alg, kid and typ {REQUEST_TYP}, no more")
    algorithm = algorithm_named(header["alg"], place="token.header.alg")
    claims = decode_json_object(raw_claims, place="token", max_bytes=_MAX_TOKEN_BYTES)
    exact_members(claims, "token", ("aud", "bsh", "exp", "htm", "htu", "iat", "iss", "jti"))
    algorithm.check_form(signature, place="token.signature")
    words = {
        name: read_match(claims[name], f"token.{name}", _WORD, "must be 1 to 128 of A-Za-z0-9._:-")
        for name in ("aud", "htm", "iss", "jti")
    }
    return RequestToken(
        algorithm=algorithm,
        kid=read_text(header["kid"], "token.header.kid", most=43, least=43),
        iat=read_integer(claims["iat"], "token.iat"),
        exp=read_integer(claims["exp"], "token.exp"),
        htu=read_text(claims["htu"], "token.htu", most=4096),
        bsh=read_match(claims["bsh"], "token.bsh", _HASH, "must be a SHA-256 in hex"),
        signing_input=token[: token.rindex(".")].encode("ascii"),
        signature=signature,
        **words,
    )
