"""PAdES signatures (ETSI EN 319 142-1, EN 319 122-1): CMS of one signer, detached from its content.

Like time-stamp tokens (`node.core.anchors.cms`), but for what pyHanko and others write: version 1,
no content inside, an RSA algorithm named in either of two ways, and one unsigned attribute, the
signature time-stamp.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from node.core.anchors.cms import (
    MAX_CERTIFICATES,
    SIGNED_DATA,
    SignedData,
    read_attributes,
    verify_signed_data,
)
from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Contents,
    Element,
    decode_der,
    encode_der,
    read_integer,
    read_oid,
    read_sole,
)
from node.core.anchors.der_whole import check_whole
from node.core.anchors.public_keys import (
    SignatureAlgorithm,
    read_digest_algorithm,
    read_signature_algorithm,
)
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.signatures import Backend

__all__ = ["PadesSignature", "decode_pades", "verify_pades"]

_DATA = "1.2.840.113549.1.7.1"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_TIME_STAMP_TOKEN = "1.2.840.113549.1.9.16.2.14"  # noqa: S105 - an object identifier
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")


@dataclass(frozen=True)
class PadesSignature:
    """``signed`` is what the signer says of ``content``; ``signer`` its certificate, ``others``
    those embedded beside it, ``token`` the DER of the signature time-stamp or b""."""

    signed: SignedData
    signer: Certificate
    others: tuple[Certificate, ...]
    token: bytes = field(repr=False)


def decode_pades(data: bytes, content: bytes, place: str) -> PadesSignature:
    """Decode the ContentInfo of a signature of ``content``.

    Raises:
        InvalidInput: it is not of its form, or its signer's certificate is not in it exactly once.
    """
    whole = decode_der(data, place, SEQUENCE)
    check_whole(whole)
    outer = Contents(whole)
    if read_oid(outer.take("contentType", OID)) != SIGNED_DATA:
        raise InvalidEncoding(place, f"must be {SIGNED_DATA}, signed data (RFC 5652 §5)")
    inner = read_sole(outer.take("content", CONTEXT_CONSTRUCTED), "signedData", SEQUENCE)
    outer.end()
    contents = Contents(inner)
    read_integer(contents.take("version", INTEGER), least=1, most=1)
    digests = read_sole(contents.take("digestAlgorithms", SET), "0", SEQUENCE)
    named = read_sole(contents.take("encapContentInfo", SEQUENCE), "eContentType", OID)
    if read_oid(named) != _DATA:
        raise InvalidEncoding(named.place, f"must be {_DATA}, data")
    embedded = contents.take("certificates", CONTEXT_CONSTRUCTED)
    certificates = Contents(embedded).rest(SEQUENCE)
    if len(certificates) > MAX_CERTIFICATES:
        rule, rule_zh = f"must be at most {MAX_CERTIFICATES}", f"证书不得超过 {MAX_CERTIFICATES} 张"
        raise InvalidEncoding(embedded.place, rule, rule_zh)
    signer = read_sole(contents.take("signerInfos", SET), "0", SEQUENCE)
    contents.end()
    signed, token = _read_signer(signer, digests, content, certificates)
    return _with_signer(signed, token, place)


def _read_signer(
    signer: Element, digests: Element, content: bytes, certificates: tuple[Element, ...]
) -> tuple[SignedData, bytes]:
    """SignerInfo (RFC 5652 §5.3) and the token in it."""
    contents = Contents(signer)
    read_integer(contents.take("version", INTEGER), least=1, most=1)
    named = Contents(contents.take("sid", SEQUENCE))
    issuer = named.take("issuer", SEQUENCE).encoded
    serial = read_integer(named.take("serialNumber", INTEGER))
    named.end()
    digest = read_digest_algorithm(contents.take("digestAlgorithm", SEQUENCE))
    if read_digest_algorithm(digests) != digest:
        raise InvalidEncoding(digests.place, "must be the signer's digestAlgorithm")
    attributes = contents.take("signedAttrs", CONTEXT_CONSTRUCTED)
    algorithm = _read_algorithm(contents.take("signatureAlgorithm", SEQUENCE), digest)
    signature = contents.take("signature", OCTET_STRING).content
    token = _read_token(contents.take_if("unsignedAttrs", CONTEXT_CONSTRUCTED + 1))
    contents.end()
    signed = SignedData(
        content_type=_DATA,
        content=content,
        certificates=certificates,
        issuer=issuer,
        serial=serial,
        digest=digest,
        attributes=read_attributes(attributes),
        signed=encode_der(SET, attributes.content),
        algorithm=algorithm,
        signature=signature,
        place=signer.place,
    )
    return signed, token


def _read_algorithm(element: Element, digest: str) -> SignatureAlgorithm:
    if element.encoded == _RSA_ENCRYPTION:
        return SignatureAlgorithm("rsa-pkcs1", digest)
    algorithm = read_signature_algorithm(element)
    if algorithm.digest != digest:
        raise InvalidEncoding(element.place, "names another hash function than digestAlgorithm")
    return algorithm


def _read_token(unsigned: Element | None) -> bytes:
    """The signature time-stamp (EN 319 122-1 §5.3); no other attribute may be unsigned."""
    if unsigned is None:
        return b""
    contents = Contents(read_sole(unsigned, "0", SEQUENCE))
    named = contents.take("attrType", OID)
    token = read_sole(contents.take("attrValues", SET), "0", SEQUENCE)
    contents.end()
    if read_oid(named) != _TIME_STAMP_TOKEN:
        raise InvalidEncoding(named.place, "the only unsigned attribute is the time-stamp token")
    return token.encoded


def _with_signer(signed: SignedData, token: bytes, place: str) -> PadesSignature:
    certificates = [decode_certificate(one.encoded, one.place) for one in signed.certificates]
    signers = [
        one for one in certificates if (one.issuer, one.serial) == (signed.issuer, signed.serial)
    ]
    if len(signers) != 1:
        raise InvalidProof(place, f"holds {len(signers)} certificates of its signer, must be one")
    others = tuple(one for one in certificates if one is not signers[0])
    return PadesSignature(signed, signers[0], others, token)


def verify_pades(signature: PadesSignature, backend: Backend) -> None:
    """Check contentType, messageDigest and signature, and that the signed attributes name the
    certificate (signing-certificate-v2, RFC 5035 §3).

    Raises:
        InvalidInput: one of them does not hold.
    """
    verify_signed_data(signature.signed, signature.signer, backend)
    place = f"{signature.signed.place}.signedAttrs"
    named = signature.signed.attributes.get(_SIGNING_CERTIFICATE_V2)
    if named is None or named.tag != SEQUENCE:
        raise InvalidProof(place, "signing-certificate-v2 must be there (EN 319 142-1 §6.3)")
    contents = Contents(named)
    hashes = Contents(contents.take("certs", SEQUENCE)).rest(SEQUENCE)
    contents.take_if("policies", SEQUENCE)
    contents.end()
    if not hashes:
        raise InvalidProof(place, "signing-certificate-v2 names no certificate")
    first = Contents(hashes[0])
    hashing = first.take_if("hashAlgorithm", SEQUENCE)
    digest = "sha256" if hashing is None else read_digest_algorithm(hashing)
    hashed = first.take("certHash", OCTET_STRING).content
    if hashed != hashlib.new(digest, signature.signer.encoded).digest():
        raise InvalidProof(place, "signing-certificate-v2 is of another certificate")
