"""Signed data of CMS (RFC 5652) as time-stamp tokens have it: one content, one signer.

What no signature covers has one form here, so that nothing in it can be changed: one digest
algorithm, named alike at both places, versions 3 and 1, the signer named by issuer and serial
number, RSA (PKCS #1 v1.5) named rsaEncryption, no revocation lists, no unsigned attributes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Contents,
    Element,
    check_set_order,
    decode_der,
    encode_der,
    read_integer,
    read_oid,
    read_sole,
)
from node.core.anchors.der_whole import check_whole
from node.core.anchors.public_keys import (
    RSA_ENCRYPTION,
    SignatureAlgorithm,
    read_digest_algorithm,
    read_signature_algorithm,
    verify_signature,
)
from node.core.anchors.x509 import Certificate
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.signatures import Backend

__all__ = [
    "MAX_CERTIFICATES",
    "SIGNED_DATA",
    "SignedData",
    "decode_signed_data",
    "read_attributes",
    "verify_signed_data",
]

SIGNED_DATA = "1.2.840.113549.1.7.2"
MAX_CERTIFICATES = 10
"""How many may be embedded."""
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"


@dataclass(frozen=True)
class SignedData:
    """Content of ``content_type``, what is embedded beside it, and what its one signer says.

    ``attributes`` are the signed ones by their object identifiers, each with its one value;
    ``signed`` is what the signature is of: their SET in DER.
    """

    content_type: str
    content: bytes
    certificates: tuple[Element, ...]
    issuer: bytes
    serial: int
    digest: str
    attributes: dict[str, Element]
    signed: bytes
    algorithm: SignatureAlgorithm
    signature: bytes
    place: str


def decode_signed_data(data: bytes, place: str) -> SignedData:
    """Decode a ContentInfo that holds SignedData (RFC 5652 §3, §5.1).

    Raises:
        InvalidEncoding: names ``place`` with the field, and the rule.
    """
    whole = decode_der(data, place, SEQUENCE)
    check_whole(whole)
    outer = Contents(whole)
    kind = outer.take("contentType", OID)
    if read_oid(kind) != SIGNED_DATA:
        raise InvalidEncoding(kind.place, f"must be {SIGNED_DATA}, signed data")
    contents = Contents(
        read_sole(outer.take("content", CONTEXT_CONSTRUCTED), "signedData", SEQUENCE)
    )
    outer.end()
    read_integer(contents.take("version", INTEGER), least=3, most=3)
    digests = read_sole(contents.take("digestAlgorithms", SET), "0", SEQUENCE)
    content = Contents(contents.take("encapContentInfo", SEQUENCE))
    content_type = read_oid(content.take("eContentType", OID))
    octets = read_sole(content.take("eContent", CONTEXT_CONSTRUCTED), "0", OCTET_STRING)
    content.end()
    embedded = contents.take("certificates", CONTEXT_CONSTRUCTED)
    certificates = Contents(embedded).rest(SEQUENCE)
    if len(certificates) > MAX_CERTIFICATES:
        rule, rule_zh = f"must be at most {MAX_CERTIFICATES}", f"证书不得超过 {MAX_CERTIFICATES} 张"
        raise InvalidEncoding(embedded.place, rule, rule_zh)
    signer = read_sole(contents.take("signerInfos", SET), "0", SEQUENCE)
    contents.end()
    return _read_signer(signer, digests, content_type, octets.content, certificates)


def _read_signer(
    signer: Element,
    digests: Element,
    content_type: str,
    content: bytes,
    certificates: tuple[Element, ...],
) -> SignedData:
    """SignerInfo (RFC 5652 §5.3)."""
    contents = Contents(signer)
    read_integer(contents.take("version", INTEGER), least=1, most=1)
    named = Contents(contents.take("sid", SEQUENCE))
    issuer = named.take("issuer", SEQUENCE).encoded
    serial = read_integer(named.take("serialNumber", INTEGER))
    named.end()
    hashing = contents.take("digestAlgorithm", SEQUENCE)
    digest = read_digest_algorithm(hashing)
    if digests.encoded != hashing.encoded:
        raise InvalidEncoding(
            digests.place, "must be the signer's digestAlgorithm, as written there"
        )
    attributes = contents.take("signedAttrs", CONTEXT_CONSTRUCTED)
    algorithm = _signature_algorithm(contents.take("signatureAlgorithm", SEQUENCE), digest)
    signature = contents.take("signature", OCTET_STRING).content
    contents.end()
    return SignedData(
        content_type=content_type,
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


def _signature_algorithm(element: Element, digest: str) -> SignatureAlgorithm:
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")  # with its NULL
    if element.encoded == rsa_encryption:
        return SignatureAlgorithm("rsa-pkcs1", digest)
    algorithm = read_signature_algorithm(element)
    if algorithm.scheme == "rsa-pkcs1":
        raise InvalidEncoding(
            element.place, f"RSA with PKCS #1 v1.5 is written {RSA_ENCRYPTION} with NULL here"
        )
    if algorithm.digest != digest:
        raise InvalidEncoding(element.place, "names another hash function than digestAlgorithm")
    return algorithm


def read_attributes(attributes: Element) -> dict[str, Element]:
    """SignedAttributes (§5.3, §11): a SET OF in DER, each once and with one value.

    Raises:
        InvalidEncoding: they are not.
    """
    items = Contents(attributes).rest(SEQUENCE)
    check_set_order(items, attributes.place)
    found: dict[str, Element] = {}
    for item in items:
        contents = Contents(item)
        named = contents.take("attrType", OID)
        values = contents.take("attrValues", SET)
        contents.end()
        oid = read_oid(named)
        if oid in found:
            raise InvalidEncoding(named.place, f"attribute {oid} stands there twice (§5.3)")
        found[oid] = read_sole(values, "0")
    return found


def verify_signed_data(signed: SignedData, signer: Certificate, backend: Backend) -> None:
    """Check contentType, messageDigest and the signature (RFC 5652 §5.4, §5.6, §11.1, §11.2).

    Raises:
        InvalidInput: one of them does not hold.
    """
    place = f"{signed.place}.signedAttrs"
    named = signed.attributes.get(_CONTENT_TYPE)
    if named is None or named.tag != OID or read_oid(named) != signed.content_type:
        raise InvalidProof(place, "contentType must be there and be eContentType (§11.1)")
    hashed = signed.attributes.get(_MESSAGE_DIGEST)
    wanted = hashlib.new(signed.digest, signed.content).digest()
    if hashed is None or hashed.tag != OCTET_STRING or hashed.content != wanted:
        raise InvalidProof(place, "messageDigest must be there and be the content's (§11.2)")
    verify_signature(
        signer.public_key(),
        signed.algorithm,
        signed.signed,
        signed.signature,
        backend,
        f"{signed.place}.signature",
    )
