"""Taking transactions in: from bytes to what the rules need, everything that needs no state.

This is what worker processes run. The quick way only ever *accepts*: a transaction that it cannot
show to be well formed is decoded again by `node.core.transaction`, whose word is final and whose
error is told. So nothing that is valid depends on a library's leniency or on which way was taken.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature as SignatureRefused
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from node.core.encoding import encode_base64url
from node.core.errors import InvalidInput, InvalidSignature
from node.core.frame import Parts, unpack_parts
from node.core.signatures import P256_ORDER, PublicJwk
from node.core.transaction import (
    MAX_TRANSACTION_BYTES,
    check_payload,
    decode_transaction,
)
from node.rules.judge import flaw_of

__all__ = ["Intake", "KeyRing", "Taken", "issuer_key"]

_ALGORITHM = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_CURVE = ec.SECP256R1()
_HALF_ORDER = P256_ORDER >> 1
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_MAX_HEADERS = 4096


class Taken(NamedTuple):
    """A transaction whose form and signature hold: what the ledger needs of it, as plain values.

    ``issuer_key`` is the first 16 bytes of SHA-256(iss ‖ 0x00 ‖ jti). ``unknown_key`` is 1 where no
    key of that kid is registered, so that nothing is known of the signature.
    """

    id: bytes
    jwt: bytes
    issuer_key: bytes
    unknown_key: int
    event: tuple[Any, ...]
    """The members of `node.rules.judgement.Event`, in order."""


def issuer_key(iss: str, jti: str) -> bytes:
    """What an issuer's event id is looked up by."""
    return sha256(f"{iss}\0{jti}".encode("ascii")).digest()[:16]


class KeyRing:
    """Public keys by their kid, ready to verify."""

    def __init__(self, keys: Mapping[str, PublicJwk]) -> None:
        self._keys = {
            kid: ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + key.x + key.y)
            for kid, key in keys.items()
        }

    def get(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The key, or None where none is registered."""
        return self._keys.get(kid)


class Intake:
    """Decodes and verifies transactions against a key ring. One for each process or thread."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._kids: dict[bytes, str] = {}

    def take(self, jwt: bytes) -> Taken:
        """Take one JWS compact string.

        Raises:
            InvalidInput: names the place and the rule.
        """
        parts = jwt.split(b".")
        if len(parts) == 3 and len(jwt) <= MAX_TRANSACTION_BYTES:
            kid = self._kids.get(parts[0])
            if kid is not None:
                taken = self._quick(jwt, kid, parts[1], parts[2])
                if taken is not None:
                    return taken
        return self._slow(jwt)

    def _quick(self, jwt: bytes, kid: str, payload64: bytes, signature64: bytes) -> Taken | None:
        """What `_slow` would give, or None where that takes a closer look."""
        try:
            raw = _decode(payload64)
            signature = _decode(signature64)
            payload = orjson.loads(raw)
        except (binascii.Error, ValueError):
            return None
        if type(payload) is not dict or len(signature) != 64 or orjson.dumps(payload) != raw:
            return None
        try:
            check_payload(payload)
        except InvalidInput:
            return None
        if flaw_of(payload):
            return None
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key = self.ring.get(kid)
        if key is None or not 0 < r < P256_ORDER or not 0 < s <= _HALF_ORDER:
            return None
        digest = sha256(jwt[: -len(signature64) - 1])
        try:
            key.verify(utils.encode_dss_signature(r, s), digest.digest(), _ALGORITHM)
        except SignatureRefused:
            return None
        digest.update(jwt[-len(signature64) - 1 :])
        return _taken(digest.digest(), jwt, kid, payload, 0, 0)

    def _slow(self, jwt: bytes) -> Taken:
        transaction = decode_transaction(jwt)
        kid = transaction.kid
        payload = {
            "cid": transaction.cid,
            "iss": transaction.iss,
            "jti": transaction.jti,
            "iat": transaction.iat,
            "exp": transaction.exp,
            "type": transaction.type,
            "sub": transaction.sub,
            "occurred_at": transaction.occurred_at,
            "source": transaction.source,
            "data": transaction.data,
        }
        flaw = flaw_of(payload)
        key = self.ring.get(kid)
        if key is None:
            return _taken(transaction.id, jwt, kid, payload, flaw, 1)
        r = int.from_bytes(transaction.signature[:32], "big")
        s = int.from_bytes(transaction.signature[32:], "big")
        digest = sha256(transaction.signing_input).digest()
        try:
            key.verify(utils.encode_dss_signature(r, s), digest, _ALGORITHM)
        except SignatureRefused as error:
            raise InvalidSignature(
                "signature", f"does not hold under the key {kid} (ES256)"
            ) from error
        if len(self._kids) < _MAX_HEADERS:
            self._kids[jwt[: jwt.index(b".")]] = kid
        return _taken(transaction.id, jwt, kid, payload, flaw, 0)

    def open_frame(self, frame: bytes) -> list[Taken]:
        """Take every transaction of a frame, as whoever is proposed a block does.

        Raises:
            InvalidInput: the frame is undecodable, or a transaction malformed or badly signed.
        """
        taken = []
        for position, parts in enumerate(unpack_parts(frame)):
            try:
                taken.append(self.take(_compact(parts)))
            except InvalidInput as error:
                raise error.under(f"frame[{position}]") from error
        return taken


def _compact(parts: Parts) -> bytes:
    return ".".join(map(encode_base64url, parts)).encode("ascii")


def _decode(text: bytes) -> bytes:
    """Base64url that is canonical, or ValueError."""
    raw = binascii.a2b_base64(
        text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4), strict_mode=True
    )
    loose = len(text) % 4
    if loose and binascii.b2a_base64(raw[-(loose - 1) :], newline=False)[:loose] != text[
        -loose:
    ].translate(_TO_STANDARD):
        raise ValueError("loose bits")
    return raw


def _taken(
    identifier: bytes,
    jwt: bytes,
    kid: str,
    payload: Mapping[str, Any],
    flaw: int,
    unknown_key: int,
) -> Taken:
    iss, jti = payload["iss"], payload["jti"]
    event = (
        identifier,
        payload["cid"],
        iss,
        jti,
        kid,
        payload["iat"],
        payload["exp"],
        payload["type"],
        payload["sub"],
        payload["occurred_at"],
        payload["data"],
        flaw,
    )
    return Taken(identifier, jwt, issuer_key(iss, jti), unknown_key, event)
