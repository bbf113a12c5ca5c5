"""A token as authorities send it, without what no signature covers.

Some embed more certificates than the path needs, revocation lists, signatures of others over their
own (unsigned attributes), sets out of DER's order, or name RSA in either of two ways (RFC 5754
§3.2). None of it is signed, so none of it is evidence, and in a receipt anybody could change it.
What is signed, and the signature, stay as they came, and any verifier of RFC 3161 takes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.core.anchors.cms import MAX_CERTIFICATES
from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Contents,
    Element,
    decode_der,
    encode_der,
    encode_integer,
    encode_oid,
    encode_set,
    read_oid,
    read_sole,
)
from node.core.anchors.public_keys import RSA_ENCRYPTION, read_signature_algorithm
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof

__all__ = ["embedded_certificates", "trim_token"]


@dataclass(frozen=True)
class _Parts:
    """The parts of a token that are kept or looked at."""

    kind: Element
    content: Element
    certificates: tuple[Element, ...]
    signer: tuple[Element, ...]
    place: str


def _read(token: bytes, place: str) -> _Parts:
    outer = Contents(decode_der(token, place, SEQUENCE))
    kind = outer.take("contentType", OID)
    sequence = read_sole(outer.take("content", CONTEXT_CONSTRUCTED), "signedData", SEQUENCE)
    outer.end()
    contents = Contents(sequence)
    contents.take("version", INTEGER)
    contents.take("digestAlgorithms", SET)
    content = contents.take("encapContentInfo", SEQUENCE)
    embedded = contents.take_if("certificates", CONTEXT_CONSTRUCTED)
    contents.take_if("crls", CONTEXT_CONSTRUCTED + 1)
    signer = read_sole(contents.take("signerInfos", SET), "0", SEQUENCE)
    contents.end()
    found = () if embedded is None else Contents(embedded).rest()
    if len(found) > MAX_CERTIFICATES:
        raise InvalidEncoding(place, f"embeds {len(found)}, at most {MAX_CERTIFICATES} are read")
    return _Parts(kind, content, found, _signer_fields(signer), place)


def _signer_fields(signer: Element) -> tuple[Element, ...]:
    """Version, sid, digestAlgorithm, signedAttrs, signatureAlgorithm and signature."""
    contents = Contents(signer)
    kept = (
        contents.take("version", INTEGER),
        contents.take("sid", SEQUENCE),
        contents.take("digestAlgorithm", SEQUENCE),
        contents.take("signedAttrs", CONTEXT_CONSTRUCTED),
        contents.take("signatureAlgorithm", SEQUENCE),
        contents.take("signature", OCTET_STRING),
    )
    contents.take_if("unsignedAttrs", CONTEXT_CONSTRUCTED + 1)
    contents.end()
    return kept


def embedded_certificates(token: bytes, place: str) -> tuple[Certificate, tuple[Certificate, ...]]:
    """The signer's certificate, and those of the others that can be read, each once.

    Raises:
        InvalidInput: it is no token with its signer's certificate in it.
    """
    parts = _read(token, place)
    sid = parts.signer[1].content
    signer, others, seen = None, [], set()
    for element in parts.certificates:
        if element.encoded in seen:
            continue
        seen.add(element.encoded)
        try:
            certificate = decode_certificate(element.encoded, element.place)
        except InvalidInput:
            continue
        if certificate.issuer + encode_integer(certificate.serial) == sid:
            signer = certificate
        else:
            others.append(certificate)
    if signer is None:
        raise InvalidProof(place, "does not hold its signer's certificate")
    return signer, tuple(others)


def trim_token(token: bytes, kept: tuple[Certificate, ...], place: str) -> bytes:
    """The token with the certificates ``kept`` alone, and everything unsigned in its one form.

    Raises:
        InvalidInput: it is no token.
    """
    parts = _read(token, place)
    version, sid, digest, attributes, algorithm, signature = parts.signer
    signer = encode_der(
        SEQUENCE,
        version.encoded,
        sid.encoded,
        digest.encoded,
        attributes.encoded,
        _one_form(algorithm),
        signature.encoded,
    )
    embedded = sorted(certificate.encoded for certificate in kept)
    signed = encode_der(
        SEQUENCE,
        encode_integer(3),
        encode_set(digest.encoded),
        parts.content.encoded,
        encode_der(CONTEXT_CONSTRUCTED, *embedded),
        encode_set(signer),
    )
    return encode_der(SEQUENCE, parts.kind.encoded, encode_der(CONTEXT_CONSTRUCTED, signed))


def _one_form(algorithm: Element) -> bytes:
    """RSA with PKCS #1 v1.5 as rsaEncryption; the hash function is named beside it anyway."""
    if read_oid(Contents(algorithm).take("algorithm", OID)) == RSA_ENCRYPTION:
        return encode_der(SEQUENCE, encode_oid(RSA_ENCRYPTION), encode_der(NULL))
    if read_signature_algorithm(algorithm).scheme == "rsa-pkcs1":
        return encode_der(SEQUENCE, encode_oid(RSA_ENCRYPTION), encode_der(NULL))
    return algorithm.encoded
