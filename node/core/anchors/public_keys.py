"""Keys and signatures of certificates and of what is signed by their holders.

ECDSA on P-256, P-384 and P-521, RSA of 2,048 to 8,192 bits (RSASSA-PKCS1-v1_5 and RSASSA-PSS, RFC
8017), each with SHA-256, SHA-384 or SHA-512. Nothing weaker is read, so nothing weaker can hold; an
exponent above 65,537 only makes checks slow.
RSA needs no package: whoever verifies only raises the signature to the key's exponent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Union

from node.core.anchors.der import (
    BIT_STRING,
    CONTEXT_CONSTRUCTED,
    INTEGER,
    NULL,
    OID,
    SEQUENCE,
    Contents,
    Element,
    decode_der,
    encode_der,
    encode_oid,
    read_bits,
    read_integer,
    read_oid,
    read_sole,
)
from node.core.errors import InvalidEncoding, InvalidSignature
from node.core.signatures import Backend

__all__ = [
    "CURVE_ORDERS",
    "DIGESTS",
    "RSA_ENCRYPTION",
    "EcKey",
    "PublicKey",
    "RsaKey",
    "SignatureAlgorithm",
    "decode_ecdsa_signature",
    "decode_public_key",
    "read_digest_algorithm",
    "read_signature_algorithm",
    "verify_signature",
]

DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""Hash functions by their object identifiers (RFC 5754 §2)."""
CURVE_ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
    "P-521": int(
        "1" + "f" * 64 + "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", 16
    ),
}
"""The order n of each curve's group (FIPS 186-5)."""

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
_RSASSA_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_CURVES = {
    "1.2.840.10045.3.1.7": ("P-256", 32),
    "1.3.132.0.34": ("P-384", 48),
    "1.3.132.0.35": ("P-521", 66),
}
_ECDSA_WITH = {
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_RSA_WITH = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_OID_OF_DIGEST = {name: oid for oid, name in DIGESTS.items()}


@dataclass(frozen=True)
class EcKey:
    """A point of a curve: x‖y, each of the curve's length."""

    curve: str
    point: bytes


@dataclass(frozen=True)
class RsaKey:
    """An RSA public key."""

    modulus: int
    exponent: int


PublicKey = Union[EcKey, RsaKey]


@dataclass(frozen=True)
class SignatureAlgorithm:
    """``scheme`` is ecdsa, rsa-pkcs1 or rsa-pss; ``digest`` sha256, sha384 or sha512; ``salt`` the
    bytes of a PSS salt."""

    scheme: str
    digest: str
    salt: int = 0


def decode_public_key(spki: Element) -> PublicKey:
    """The key of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 5480, RFC 8017 A.1.1).

    Raises:
        InvalidEncoding: malformed, or of a kind that is not read here.
    """
    contents = Contents(spki)
    algorithm = Contents(contents.take("algorithm", SEQUENCE))
    kind = read_oid(algorithm.take("algorithm", OID))
    bits = contents.take("subjectPublicKey", BIT_STRING)
    key, unused = read_bits(bits)
    contents.end()
    if unused:
        raise InvalidEncoding(bits.place, "must be whole bytes")
    if kind == _EC_PUBLIC_KEY:
        curve = algorithm.take("parameters", OID)
        algorithm.end()
        return _ec_key(curve, key, bits.place)
    if kind == RSA_ENCRYPTION:
        _take_null(algorithm)
        return _rsa_key(decode_der(key, bits.place, SEQUENCE))
    raise InvalidEncoding(f"{spki.place}.algorithm", "must be a key of EC or RSA")


def _ec_key(named: Element, key: bytes, place: str) -> EcKey:
    curve, length = _CURVES.get(read_oid(named), ("", 0))
    if not curve:
        raise InvalidEncoding(named.place, "must be P-256, P-384 or P-521")
    if len(key) != 1 + 2 * length or key[0] != 4:
        raise InvalidEncoding(place, f"must be an uncompressed point of {curve} (RFC 5480 §2.2)")
    return EcKey(curve, key[1:])


def _rsa_key(sequence: Element) -> RsaKey:
    contents = Contents(sequence)
    modulus = read_integer(contents.take("modulus", INTEGER))
    exponent = read_integer(contents.take("publicExponent", INTEGER), least=3, most=65_537)
    contents.end()
    if not 2048 <= modulus.bit_length() <= 8192 or modulus < 0 or not modulus & exponent & 1:
        raise InvalidEncoding(sequence.place, "must be an RSA key of 2,048 to 8,192 bits")
    return RsaKey(modulus, exponent)


def read_digest_algorithm(element: Element) -> str:
    """The hash function of an AlgorithmIdentifier; parameters absent or NULL (RFC 5754 §2)."""
    contents = Contents(element)
    named = contents.take("algorithm", OID)
    _take_null(contents, may_lack=True)
    digest = DIGESTS.get(read_oid(named))
    if digest is None:
        raise InvalidEncoding(named.place, "must be SHA-256, SHA-384 or SHA-512")
    return digest


def read_signature_algorithm(element: Element) -> SignatureAlgorithm:
    """The algorithm of an AlgorithmIdentifier that names its hash function as well.

    ecdsa-with-SHA2 (RFC 5758 §3.2), sha2WithRSAEncryption (RFC 4055 §5), id-RSASSA-PSS (§3.1).
    """
    contents = Contents(element)
    named = contents.take("algorithm", OID)
    oid = read_oid(named)
    if oid in _ECDSA_WITH:
        contents.end()
        return SignatureAlgorithm("ecdsa", _ECDSA_WITH[oid])
    if oid in _RSA_WITH:
        _take_null(contents, may_lack=True)
        return SignatureAlgorithm("rsa-pkcs1", _RSA_WITH[oid])
    if oid == _RSASSA_PSS:
        algorithm = _read_pss(Contents(contents.take("parameters", SEQUENCE)))
        contents.end()
        return algorithm
    raise InvalidEncoding(named.place, "must be ECDSA or RSA with SHA-256, SHA-384 or SHA-512")


def _read_pss(parameters: Contents) -> SignatureAlgorithm:
    """RSASSA-PSS-params (RFC 4055 §3.1): all defaults are SHA-1's, so none may be left out."""
    hashed = parameters.take("hashAlgorithm", CONTEXT_CONSTRUCTED)
    digest = read_digest_algorithm(read_sole(hashed, "0", SEQUENCE))
    masked = parameters.take("maskGenAlgorithm", CONTEXT_CONSTRUCTED + 1)
    mask = Contents(read_sole(masked, "0", SEQUENCE))
    is_mgf1 = read_oid(mask.take("algorithm", OID)) == _MGF1
    same = read_digest_algorithm(mask.take("parameters", SEQUENCE)) == digest
    mask.end()
    if not (is_mgf1 and same):
        raise InvalidEncoding(masked.place, "must be MGF1 with the hash function of the signature")
    length = read_sole(parameters.take("saltLength", CONTEXT_CONSTRUCTED + 2), "0", INTEGER)
    parameters.end()
    return SignatureAlgorithm("rsa-pss", digest, read_integer(length, least=0, most=64))


def _take_null(contents: Contents, *, may_lack: bool = False) -> None:
    if contents.left or not may_lack:
        null = contents.take("parameters", NULL)
        if null.content:
            raise InvalidEncoding(null.place, "NULL has no contents")
    contents.end()


def decode_ecdsa_signature(signature: bytes, curve: str, place: str) -> tuple[int, int]:
    """r and s of an Ecdsa-Sig-Value in DER (RFC 3279 §2.2.3), each from 1 to n-1."""
    contents = Contents(decode_der(signature, place, SEQUENCE))
    r = read_integer(contents.take("r", INTEGER))
    s = read_integer(contents.take("s", INTEGER))
    contents.end()
    if not (0 < r < CURVE_ORDERS[curve] and 0 < s < CURVE_ORDERS[curve]):
        raise InvalidEncoding(place, "r and s must be between 1 and n-1")
    return r, s


def verify_signature(
    key: PublicKey,
    algorithm: SignatureAlgorithm,
    message: bytes,
    signature: bytes,
    backend: Backend,
    place: str,
) -> None:
    """Check a signature as its AlgorithmIdentifier says.

    Raises:
        InvalidEncoding: an ECDSA signature is not in DER.
        InvalidSignature: it does not hold under this key, or is of another kind than the key.
    """
    if isinstance(key, EcKey) and algorithm.scheme == "ecdsa":
        r, s = decode_ecdsa_signature(signature, key.curve, place)
        length = len(key.point) // 2
        raw = r.to_bytes(length, "big") + s.to_bytes(length, "big")
        try:
            backend.verify_ecdsa(key.curve, key.point, algorithm.digest, message, raw)
        except InvalidSignature as error:
            raise InvalidSignature(place, error.rule) from error
    elif isinstance(key, RsaKey) and algorithm.scheme != "ecdsa":
        _verify_rsa(key, algorithm, message, signature, place)
    else:
        raise InvalidSignature(place, "its algorithm is of another kind than the signer's key")


def _verify_rsa(
    key: RsaKey, algorithm: SignatureAlgorithm, message: bytes, signature: bytes, place: str
) -> None:
    length = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != length or number >= key.modulus:
        raise InvalidSignature(place, f"must be {length} bytes, below the key's modulus (RSA)")
    encoded = pow(number, key.exponent, key.modulus).to_bytes(length, "big")
    hashed = hashlib.new(algorithm.digest, message).digest()
    if algorithm.scheme == "rsa-pss":
        holds = _pss_holds(encoded, hashed, algorithm, key.modulus.bit_length() - 1)
    else:
        holds = encoded == _pkcs1_encoding(algorithm.digest, hashed, length)
    if not holds:
        raise InvalidSignature(place, "does not hold under this key (RSA)")


def _pkcs1_encoding(digest: str, hashed: bytes, length: int) -> bytes:
    """EMSA-PKCS1-v1_5 (RFC 8017 §9.2). It is compared whole, so nothing can hide in it."""
    identifier = encode_der(SEQUENCE, encode_oid(_OID_OF_DIGEST[digest]), encode_der(NULL))
    info = encode_der(SEQUENCE, identifier, encode_der(0x04, hashed))
    return b"\x00\x01" + b"\xff" * (length - 3 - len(info)) + b"\x00" + info


def _pss_holds(encoded: bytes, hashed: bytes, algorithm: SignatureAlgorithm, bits: int) -> bool:
    """EMSA-PSS-VERIFY (RFC 8017 §9.1.2); ``bits`` is emBits."""
    if bits % 8 == 0:
        first, encoded = encoded[0], encoded[1:]
        if first:
            return False
    size = len(hashed)
    cut = len(encoded) - size - 1
    masked, check = encoded[:cut], encoded[cut:-1]
    above = 8 * len(encoded) - bits
    if encoded[-1] != 0xBC or masked[0] >> (8 - above):
        return False
    mask = _mgf1(check, cut, algorithm.digest)
    data = bytearray(a ^ b for a, b in zip(masked, mask))
    data[0] &= 0xFF >> above
    start = cut - algorithm.salt
    if start < 1 or any(data[: start - 1]) or data[start - 1] != 1:
        return False
    return hashlib.new(algorithm.digest, bytes(8) + hashed + data[start:]).digest() == check


def _mgf1(seed: bytes, length: int, digest: str) -> bytes:
    out = b""
    for counter in range(-(-length // hashlib.new(digest).digest_size)):
        out += hashlib.new(digest, seed + counter.to_bytes(4, "big")).digest()
    return out[:length]
