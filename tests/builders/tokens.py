"""Time-stamp tokens made by hand (RFC 3161, RFC 5652): right ones, and wrong in one place each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from builders.certificates import Held, moment
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding

from node.core.anchors.der import (
    BIT_STRING,
    BOOLEAN,
    CONTEXT,
    CONTEXT_CONSTRUCTED,
    GENERALIZED_TIME,
    NULL,
    OCTET_STRING,
    SEQUENCE,
    SET,
    UTF8_STRING,
    encode_der,
    encode_integer,
    encode_oid,
    encode_set,
)

__all__ = [
    "CRITICAL",
    "MICROS",
    "MILLIS",
    "Token",
    "answer_of",
    "identifier",
    "signing_certificate",
]

_DIGESTS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_ECDSA = {
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_HASHES: dict[str, Any] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def identifier(oid: str, *parameters: bytes) -> bytes:
    """An AlgorithmIdentifier."""
    return encode_der(SEQUENCE, encode_oid(oid), *parameters)


def signing_certificate(*certificates: bytes, digest: str = "sha256", issued: bytes = b"") -> bytes:
    """The value of signingCertificateV2 for these certificates (DER); with SHA-1, of the older
    signingCertificate."""
    named = b"" if digest in ("sha256", "sha1") else identifier(_DIGESTS[digest])
    ids = (
        encode_der(
            SEQUENCE, named, encode_der(OCTET_STRING, hashlib.new(digest, one).digest()), issued
        )
        for one in certificates
    )
    return encode_der(SEQUENCE, encode_der(SEQUENCE, *ids))


@dataclass(frozen=True)
class Token:
    """A token of ``held`` for ``digest``. Each field has what is right; `encode` signs it.

    ``attributes`` replaces values of signed attributes by their object identifiers (None leaves one
    out); ``parts`` replaces encoded parts by their names; ``certificates`` what is embedded.
    """

    held: Held
    digest: bytes
    at: datetime = field(default_factory=lambda: moment(1))
    fraction: str = ""
    policy: str = "1.2.3.4.1"
    serial: int = 7
    nonce: int | None = None
    accuracy: Sequence[tuple[int, int]] = ((2, 1),)
    tsa: bytes = b""
    more_info: bytes = b""
    hashed_with: str = "sha256"
    signed_with: str = "sha256"
    pss: int | None = None
    attributes: Mapping[str, bytes | None] = field(default_factory=dict)
    certificates: Sequence[bytes] | None = None
    unsorted: bool = False
    parts: Mapping[str, bytes] = field(default_factory=dict)

    def info(self) -> bytes:
        """The TSTInfo."""
        if "info" in self.parts:
            return self.parts["info"]
        imprint = encode_der(
            SEQUENCE, identifier(_DIGESTS[self.hashed_with]), encode_der(OCTET_STRING, self.digest)
        )
        accuracy = (encode_der(tag, encode_integer(value)[2:]) for tag, value in self.accuracy)
        time = f"{self.at:%Y%m%d%H%M%S}{self.fraction}Z".encode()
        return encode_der(
            SEQUENCE,
            encode_integer(1),
            encode_oid(self.policy),
            imprint,
            encode_integer(self.serial),
            encode_der(GENERALIZED_TIME, time),
            encode_der(SEQUENCE, *accuracy) if self.accuracy else b"",
            self.parts.get("ordering", b""),
            b"" if self.nonce is None else encode_integer(self.nonce),
            encode_der(CONTEXT_CONSTRUCTED, self.tsa) if self.tsa else b"",
            self.more_info,
        )

    def signed_attributes(self) -> bytes:
        """Their SET, as it is signed."""
        info = self.info()
        values: dict[str, bytes | None] = {
            "1.2.840.113549.1.9.3": encode_oid("1.2.840.113549.1.9.16.1.4"),
            "1.2.840.113549.1.9.4": encode_der(
                OCTET_STRING, hashlib.new(self.signed_with, info).digest()
            ),
            "1.2.840.113549.1.9.16.2.47": signing_certificate(self.held.der),
            **self.attributes,
        }
        items = [
            encode_der(SEQUENCE, encode_oid(oid), encode_der(SET, value))
            for oid, value in values.items()
            if value is not None
        ]
        return encode_der(SET, *sorted(items, reverse=self.unsorted))

    def _signature(self, message: bytes) -> tuple[bytes, bytes]:
        """The AlgorithmIdentifier and the signature."""
        hashed, key = _HASHES[self.signed_with](), self.held.key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return identifier(_ECDSA[self.signed_with]), key.sign(message, ec.ECDSA(hashed))
        if self.pss is None:
            plain = identifier("1.2.840.113549.1.1.1", encode_der(NULL))
            return plain, key.sign(message, padding.PKCS1v15(), hashed)
        algorithm = identifier(_DIGESTS[self.signed_with])
        parameters = encode_der(
            SEQUENCE,
            encode_der(CONTEXT_CONSTRUCTED, algorithm),
            encode_der(CONTEXT_CONSTRUCTED + 1, identifier("1.2.840.113549.1.1.8", algorithm)),
            encode_der(CONTEXT_CONSTRUCTED + 2, encode_integer(self.pss)),
        )
        signature = key.sign(message, padding.PSS(padding.MGF1(hashed), self.pss), hashed)
        return identifier("1.2.840.113549.1.1.10", parameters), signature

    def encode(self) -> bytes:
        """The token's DER."""
        signed = self.signed_attributes()
        algorithm, signature = self._signature(signed)
        digest = identifier(_DIGESTS[self.signed_with])
        certificate = self.held.certificate
        sid = encode_der(
            SEQUENCE, certificate.issuer.public_bytes(), encode_integer(certificate.serial_number)
        )
        signer = encode_der(
            SEQUENCE,
            self.parts.get("signer version", encode_integer(1)),
            self.parts.get("sid", sid),
            self.parts.get("digest", digest),
            encode_der(CONTEXT_CONSTRUCTED, _contents(signed)),
            self.parts.get("algorithm", algorithm),
            self.parts.get("signature", encode_der(OCTET_STRING, signature)),
            self.parts.get("unsigned", b""),
        )
        content = encode_der(
            SEQUENCE,
            encode_oid("1.2.840.113549.1.9.16.1.4"),
            encode_der(CONTEXT_CONSTRUCTED, encode_der(OCTET_STRING, self.info())),
        )
        embedded = self.certificates if self.certificates is not None else self.chain()
        data = encode_der(
            SEQUENCE,
            self.parts.get("version", encode_integer(3)),
            self.parts.get("digests", encode_set(digest)),
            self.parts.get("content", content),
            self.parts.get("certificates", encode_der(CONTEXT_CONSTRUCTED, *embedded)),
            self.parts.get("crls", b""),
            self.parts.get("signers", encode_set(signer)),
        )
        kind = self.parts.get("kind", encode_oid("1.2.840.113549.1.7.2"))
        return encode_der(SEQUENCE, kind, encode_der(CONTEXT_CONSTRUCTED, data))

    def chain(self) -> list[bytes]:
        """The signer's certificate, and those above it below the root."""
        return [self.held.der, *(one.public_bytes(Encoding.DER) for one in self.held.above[:-1])]


def _contents(encoded: bytes) -> bytes:
    """What stands inside an element."""
    return encoded[2 + (encoded[1] & 0x7F if encoded[1] > 0x7F else 0) :]


def answer_of(
    token: bytes = b"", *, status: int = 0, text: str = "", failure: int | None = None
) -> bytes:
    """A TimeStampResp; ``failure`` is the number of its one bit of failInfo."""
    said = encode_der(SEQUENCE, encode_der(UTF8_STRING, text.encode())) if text else b""
    bits = b""
    if failure is not None:
        octets = bytearray(failure // 8 + 1)
        octets[-1] = 0x80 >> failure % 8
        bits = encode_der(BIT_STRING, bytes((7 - failure % 8,)), bytes(octets))
    return encode_der(SEQUENCE, encode_der(SEQUENCE, encode_integer(status), said, bits), token)


CRITICAL = encode_der(BOOLEAN, b"\xff")
MILLIS, MICROS = CONTEXT, CONTEXT + 1
