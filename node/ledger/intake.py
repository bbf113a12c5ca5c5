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

from node.core.encoding import LAST_CHARACTERS, decode_json_object, encode_base64url
from node.core.errors import InvalidInput, InvalidSignature
from node.core.frame import Parts, unpack_parts
from node.core.signatures import P256_ORDER, PublicJwk
from node.core.transaction import (
    MAX_TRANSACTION_BYTES,
    check_payload,
    decode_transaction,
    normalise_signature,
    split_compact,
)
from node.rules.events import JUDGED
from node.rules.judge import flaw_of

__all__ = ["Admitted", "Intake", "KeyRing", "Taken", "TakenValues", "issuer_key"]

_ALGORITHM = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_CURVE = ec.SECP256R1()
_HALF_ORDER = P256_ORDER >> 1
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_MAX_HEADERS = 4096
_MAX_SHARED = 4096


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


TakenValues = tuple[bytes, bytes, bytes, int, tuple[Any, ...]]
"""A Taken, or the same values in a plain tuple."""


def issuer_key(iss: str, jti: str) -> bytes:
    """What an issuer's event id is looked up by."""
    return sha256(f"{iss}\0{jti}".encode("ascii")).digest()[:16]


class KeyRing:
    """Public keys by their kid, ready to verify. Keys are added and never removed: what was signed
    with one is checked for ever. Safe for threads."""

    def __init__(self, keys: Mapping[str, PublicJwk]) -> None:
        self._keys = _ready(keys)

    def add(self, keys: Mapping[str, PublicJwk]) -> None:
        """From now on these are known too, all of them at once."""
        self._keys = {**self._keys, **_ready(keys)}

    def get(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The key, or None where none is registered."""
        return self._keys.get(kid)


def _ready(keys: Mapping[str, PublicJwk]) -> dict[str, ec.EllipticCurvePublicKey]:
    return {
        kid: ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + key.x + key.y)
        for kid, key in keys.items()
    }


class Admitted(NamedTuple):
    """A transaction as it may go on the chain, with the decoded parts that a frame holds.

    ``digests`` are those of ``_sd``; ``lowered`` says that the submitted signature had a high s,
    which was turned into the low one.
    """

    taken: Taken
    parts: Parts
    digests: tuple[str, ...]
    lowered: bool


class Intake:
    """Decodes and verifies transactions against a key ring. One for each process or thread."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._headers: dict[bytes, tuple[str, bytes]] = {}
        self._encoded: dict[bytes, tuple[str, bytes]] = {}

    def take(self, jwt: bytes) -> Taken:
        """Take one JWS compact string from a frame.

        Raises:
            InvalidInput: names the place and the rule.
        """
        quick = self._quick(jwt, lower=False)
        return self._slow(jwt, lowered=False).taken if quick is None else quick.taken

    def admit(self, jwt: bytes) -> Admitted:
        """Take one JWS compact string from a submitter, whose signature may have either s.

        Raises:
            InvalidInput: names the place and the rule.
        """
        quick = self._quick(jwt, lower=True)
        if quick is not None:
            return quick
        low, lowered = normalise_signature(jwt)
        return self._slow(low, lowered=lowered)

    def _quick(self, jwt: bytes, *, lower: bool) -> Admitted | None:
        """What the slow way would give, or None where that has to take a closer look."""
        pieces = jwt.split(b".")
        if len(pieces) != 3 or len(jwt) > MAX_TRANSACTION_BYTES:
            return None
        known = self._headers.get(pieces[0])
        if known is None:
            return None
        kid, header = known
        try:
            parts = header, _decode(pieces[1]), _decode(pieces[2])
        except ValueError:
            return None
        signed = len(pieces[0]) + 1 + len(pieces[1])
        return self._quick_parts(jwt, signed, kid, parts, lower=lower)

    def _quick_parts(
        self, jwt: bytes, signed: int, kid: str, parts: Parts, *, lower: bool
    ) -> Admitted | None:
        """The same, of a JWT whose parts are decoded and whose header is known; ``signed`` is the
        length of what was signed."""
        header, raw, signature = parts
        try:
            payload = orjson.loads(raw)
        except ValueError:
            return None
        if type(payload) is not dict or len(signature) != 64 or orjson.dumps(payload) != raw:
            return None
        try:
            digests = check_payload(payload)
        except InvalidInput:
            return None
        key = self.ring.get(kid)
        if key is None or flaw_of(payload):
            return None
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if not 0 < r < P256_ORDER or not 0 < s < P256_ORDER:
            return None
        lowered = s > _HALF_ORDER
        if lowered:
            if not lower:
                return None
            s = P256_ORDER - s
            signature = signature[:32] + s.to_bytes(32, "big")
            jwt = jwt[: signed + 1] + encode_base64url(signature).encode("ascii")
        digest = sha256(jwt[:signed])
        try:
            key.verify(utils.encode_dss_signature(r, s), digest.digest(), _ALGORITHM)
        except SignatureRefused:
            return None
        digest.update(jwt[signed:])
        taken = _taken(digest.digest(), jwt, kid, payload, 0, 0)
        return Admitted(taken, (header, raw, signature), digests, lowered)

    def _slow(self, jwt: bytes, *, lowered: bool) -> Admitted:
        transaction = decode_transaction(jwt)
        header, raw, _ = parts = split_compact(jwt)
        payload = decode_json_object(raw, place="payload", max_bytes=MAX_TRANSACTION_BYTES)
        kid, flaw = transaction.kid, flaw_of(payload)
        key = self.ring.get(kid)
        if key is None:
            unknown = _taken(transaction.id, jwt, kid, payload, flaw, 1)
            return Admitted(unknown, parts, transaction.digests, lowered)
        r = int.from_bytes(transaction.signature[:32], "big")
        s = int.from_bytes(transaction.signature[32:], "big")
        digest = sha256(transaction.signing_input).digest()
        try:
            key.verify(utils.encode_dss_signature(r, s), digest, _ALGORITHM)
        except SignatureRefused as error:
            raise InvalidSignature(
                "signature", f"does not hold under the key {kid} (ES256)"
            ) from error
        if len(self._headers) < _MAX_HEADERS:
            encoded = jwt[: jwt.index(b".")]
            self._headers[encoded] = (kid, header)
            self._encoded[header] = (kid, encoded)
        taken = _taken(transaction.id, jwt, kid, payload, flaw, 0)
        return Admitted(taken, parts, transaction.digests, lowered)

    def open_frame(self, frame: bytes) -> list[Taken]:
        """Take every transaction of a frame, as whoever is proposed a block does.

        Raises:
            InvalidInput: the frame is undecodable, or a transaction malformed or badly signed.
        """
        taken = []
        for position, parts in enumerate(unpack_parts(frame)):
            try:
                taken.append(self._take_parts(parts))
            except InvalidInput as error:
                raise error.under(f"frame[{position}]") from error
        return taken

    def _take_parts(self, parts: Parts) -> Taken:
        """What `take` gives for the JWT of these parts, of which nothing needs to be decoded."""
        header, raw, signature = parts
        known = self._encoded.get(header)
        if known is None:
            return self.take(b".".join((_encode(header), _encode(raw), _encode(signature))))
        kid, encoded = known
        signing_input = b"%b.%b" % (encoded, _encode(raw))
        jwt = b"%b.%b" % (signing_input, _encode(signature))
        if len(jwt) <= MAX_TRANSACTION_BYTES:
            quick = self._quick_parts(jwt, len(signing_input), kid, parts, lower=False)
            if quick is not None:
                return quick.taken
        return self._slow(jwt, lowered=False).taken


def _encode(part: bytes) -> bytes:
    return binascii.b2a_base64(part, newline=False).translate(_FROM_STANDARD).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    """Base64url that is canonical, or ValueError (binascii.Error is one)."""
    rest = len(text) % 4
    if rest and text[-1] not in LAST_CHARACTERS.get(rest, b""):
        raise ValueError("loose bits")
    return binascii.a2b_base64(
        text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4), strict_mode=True
    )


_shared: dict[str, str] = {}


def _share(text: str) -> str:
    """The one copy of what many transactions say, as long as these are not too many.

    Not `sys.intern`: anybody may send a frame of any names, and what was interned is never freed in
    Python 3.12, nor in 3.13 once it came through `marshal`.
    """
    if len(_shared) < _MAX_SHARED:
        return _shared.setdefault(text, text)
    return _shared.get(text, text)


def _taken(
    identifier: bytes,
    jwt: bytes,
    kid: str,
    payload: Mapping[str, Any],
    flaw: int,
    unknown_key: int,
) -> Taken:
    iss, jti = _share(payload["iss"]), payload["jti"]
    event = (
        identifier,
        _share(payload["cid"]),
        iss,
        jti,
        kid,
        payload["iat"],
        payload["exp"],
        _share(payload["type"]),
        payload["sub"],
        payload["occurred_at"],
        {name: value for name, value in payload["data"].items() if name in JUDGED},
        flaw,
    )
    return Taken(identifier, jwt, issuer_key(iss, jti), unknown_key, event)
