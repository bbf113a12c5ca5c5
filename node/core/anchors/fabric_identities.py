"""Identities on a Hyperledger Fabric channel: certificates in PEM, and signatures of their holders.

Signatures are ECDSA with SHA-256 in DER, of which Fabric makes and takes the low s only (bccsp/sw);
so a signature has one form, and a receipt cannot be changed by turning s into n-s.
"""

from __future__ import annotations

import base64
import binascii

from node.core.anchors.der import OID, SEQUENCE, SET, Contents, decode_der, read_oid
from node.core.anchors.fabric_transaction import Identity
from node.core.anchors.fabric_trust import Organisation
from node.core.anchors.public_keys import (
    CURVE_ORDERS,
    EcKey,
    SignatureAlgorithm,
    decode_ecdsa_signature,
    verify_signature,
)
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.anchors.x509_path import find_path
from node.core.errors import InvalidEncoding, InvalidProof, InvalidSignature
from node.core.signatures import Backend

__all__ = ["certificate_of", "check_member", "verify_fabric_signature"]

_ALGORITHM = SignatureAlgorithm("ecdsa", "sha256")
_ORGANIZATIONAL_UNIT = "2.5.4.11"
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"


def certificate_of(identity: Identity, place: str) -> Certificate:
    """The certificate of an identity. Raises InvalidEncoding."""
    return decode_certificate(_read_pem(identity.pem, place), place)


def _read_pem(pem: bytes, place: str) -> bytes:
    """One certificate in PEM (RFC 7468), as Go writes it: lines of 64 characters."""
    text = pem if pem.endswith(b"\n") else pem + b"\n"
    body = text[len(_BEGIN) : -len(_END)]
    try:
        raw = binascii.a2b_base64(body)
    except binascii.Error as error:
        raise InvalidEncoding(place, "must be a certificate in PEM") from error
    if text != _BEGIN + _lines(raw) + _END:
        raise InvalidEncoding(place, "must be a certificate in PEM, in lines of 64 characters")
    return raw


def _lines(raw: bytes) -> bytes:
    text = base64.b64encode(raw)
    return b"".join(text[start : start + 64] + b"\n" for start in range(0, len(text), 64))


def verify_fabric_signature(
    certificate: Certificate, message: bytes, signature: bytes, backend: Backend, place: str
) -> None:
    """Raise InvalidInput unless ``signature`` of ``message`` is of the certificate's key, low s."""
    key = certificate.public_key()
    if not isinstance(key, EcKey):
        raise InvalidSignature(place, "its key is not of ECDSA, which Fabric signs with")
    _, s = decode_ecdsa_signature(signature, key.curve, place)
    if s > CURVE_ORDERS[key.curve] >> 1:
        raise InvalidSignature(place, "s is high; Fabric takes the low s only")
    verify_signature(key, _ALGORITHM, message, signature, backend, place)


def check_member(
    certificate: Certificate, organisation: Organisation, at: int, backend: Backend, place: str
) -> None:
    """Check that a certificate was issued by an organisation of the trust file, valid at ``at``.

    Raises:
        InvalidProof: it does not lead to its roots, or is not of the unit that is asked for.
    """
    found = find_path(certificate, organisation.intermediates, organisation.roots, at, backend)
    if found.root is None:
        raise InvalidProof(place, f"is not by the authority of {organisation.msp_id}")
    if organisation.unit and organisation.unit not in _units(certificate, place):
        raise InvalidProof(place, f"its certificate is not of the unit {organisation.unit}")


def _units(certificate: Certificate, place: str) -> list[str]:
    """The organizational units of its subject: Fabric writes roles there (NodeOUs)."""
    found = []
    for relative in Contents(decode_der(certificate.subject, place, SEQUENCE)).rest(SET):
        for pair in Contents(relative).rest(SEQUENCE):
            contents = Contents(pair)
            kind, value = read_oid(contents.take("type", OID)), contents.take("value")
            if kind == _ORGANIZATIONAL_UNIT:
                found.append(value.content.decode("utf-8", "replace"))
    return found
