"""Keys, signatures and transactions for tests. All follow from names, so they are always alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from node.core.block import Validator, ValidatorSet
from node.core.disclosure import Disclosure, encode_disclosure
from node.core.encoding import canonical_json, encode_base64url
from node.core.signatures import P256_ORDER, PublicJwk, use_low_s
from node.core.transaction import SD_ALGORITHM, TYP

CHAIN_ID = "seal-test"
GENESIS_TIME = 1_790_000_000_000


def seeded(*words: object) -> bytes:
    """32 bytes that follow from ``words``."""
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


class MemberKey:
    """A P-256 key pair that follows from a name. Signs deterministically (RFC 6979)."""

    def __init__(self, name: str) -> None:
        self.scalar = int.from_bytes(seeded("member key", name), "big") % (P256_ORDER - 1) + 1
        self._private = ec.derive_private_key(self.scalar, ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.jwk = PublicJwk(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
        self.kid = self.jwk.thumbprint()

    def sign(self, message: bytes) -> bytes:
        """r‖s with the low s."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self._private.sign(message, algorithm))
        return use_low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class BlockSigner:
    """A validator's Ed25519 key pair that follows from a name."""

    def __init__(self, name: str, power: int = 10) -> None:
        self._private = ed25519.Ed25519PrivateKey.from_private_bytes(seeded("validator", name))
        self.validator = Validator(self._private.public_key().public_bytes_raw(), power)

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)


def compact(header: bytes, payload: bytes, signature: bytes) -> bytes:
    """A JWS compact string of these parts, whatever they are."""
    return ".".join(encode_base64url(part) for part in (header, payload, signature)).encode()


def signed_jwt(key: MemberKey, payload: bytes, header: bytes | None = None) -> bytes:
    """A JWS over these exact payload (and header) bytes."""
    if header is None:
        header = canonical_json({"alg": "ES256", "kid": key.kid, "typ": TYP})
    head = f"{encode_base64url(header)}.{encode_base64url(payload)}".encode()
    return head + b"." + encode_base64url(key.sign(head)).encode()


def event(**changes: Any) -> dict[str, Any]:
    """A transaction's payload; ``changes`` replace members, or remove them when None."""
    payload = {
        "cid": CHAIN_ID,
        "data": {"sign_no": "QY812163472634127040-1"},
        "exp": GENESIS_TIME // 1000 + 3600,
        "iat": GENESIS_TIME // 1000,
        "iss": "platform-a",
        "jti": "event-1",
        "occurred_at": GENESIS_TIME - 1000,
        "source": {"method": "api", "system": "签约平台"},
        "sub": "case:platform-a:0001",
        "type": "signing.initiated",
        **changes,
    }
    return {name: value for name, value in payload.items() if value is not None}


def private_fields(fields: Mapping[str, Any]) -> list[Disclosure]:
    """A disclosure for each field, its salt derived from the field."""
    return [
        encode_disclosure(encode_base64url(seeded("salt", name, value)[:16]), name, value)
        for name, value in fields.items()
    ]


def digests_of(disclosures: Iterable[Disclosure]) -> dict[str, Any]:
    """The payload members that name these disclosures."""
    digests = sorted(disclosure.digest for disclosure in disclosures)
    return {"_sd": digests, "_sd_alg": SD_ALGORITHM} if digests else {}


def in_order(signers: Iterable[BlockSigner]) -> list[BlockSigner]:
    """Signers in the order of their validator set."""
    return sorted(signers, key=lambda item: (-item.validator.power, item.validator.address))


def validator_set(signers: Iterable[BlockSigner]) -> ValidatorSet:
    """The validator set of these signers."""
    return ValidatorSet.of(signer.validator for signer in signers)
