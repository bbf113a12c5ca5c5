from __future__ import annotations

from typing import Any

import ecdsa
import pytest
from builders.certificates import new_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.core.anchors.der import (
    BIT_STRING,
    CONTEXT_CONSTRUCTED,
    NULL,
    SEQUENCE,
    decode_der,
    encode_der,
    encode_integer,
    encode_oid,
)
from node.core.anchors.public_keys import (
    CURVE_ORDERS,
    EcKey,
    PublicKey,
    RsaKey,
    SignatureAlgorithm,
    decode_public_key,
    read_digest_algorithm,
    read_signature_algorithm,
    verify_signature,
)
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.signatures import Backend, load_backend

MESSAGE = b"what was signed"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
BACKENDS = [load_backend("cryptography"), load_backend("ecdsa")]
CURVES = ["P-256", "P-384", "P-521"]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def read_key(key: Any) -> PublicKey:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return decode_public_key(decode_der(spki, "key", SEQUENCE))


def refused(
    key: PublicKey, algorithm: SignatureAlgorithm, signature: bytes, backend: Backend,
    message: bytes = MESSAGE,
) -> InvalidInput:  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        verify_signature(key, algorithm, message, signature, backend, "sig")
    assert caught.value.place.startswith("sig")
    return caught.value


# --- ECDSA --------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("digest", HASHES)
def test_ecdsa_holds_for_its_message_key_and_digest_alone(
    curve: str, digest: str, backend: Backend
) -> None:
    key = new_key(curve)
    signature = key.sign(MESSAGE, ec.ECDSA(HASHES[digest]))
    algorithm = SignatureAlgorithm("ecdsa", digest)
    verify_signature(read_key(key), algorithm, MESSAGE, signature, backend, "sig")
    refused(read_key(key), algorithm, signature, backend, b"another")
    refused(read_key(new_key(curve)), algorithm, signature, backend)
    other = "sha256" if digest != "sha256" else "sha512"
    refused(read_key(key), SignatureAlgorithm("ecdsa", other), signature, backend)


@pytest.mark.parametrize("curve", CURVES)
def test_ecdsa_signatures_out_of_range_are_refused(curve: str, backend: Backend) -> None:
    key, order = new_key(curve), CURVE_ORDERS[curve]
    r, s = decode_dss_signature(key.sign(MESSAGE, ec.ECDSA(hashes.SHA256())))
    algorithm = SignatureAlgorithm("ecdsa", "sha256")
    for wrong in ((0, s), (r, 0), (r + order, s), (r, s + order), (order, s), (-r, s)):
        der = encode_der(SEQUENCE, *map(encode_integer, wrong))
        assert "between 1 and n-1" in refused(read_key(key), algorithm, der, backend).rule
    good = encode_dss_signature(r, order - s)
    verify_signature(read_key(key), algorithm, MESSAGE, good, backend, "sig")
    refused(read_key(key), algorithm, good + b"\x00", backend)
    refused(read_key(key), algorithm, good[:-1], backend)


def test_orders_are_those_of_the_curves() -> None:
    named = {"P-256": ecdsa.NIST256p, "P-384": ecdsa.NIST384p, "P-521": ecdsa.NIST521p}
    assert {name: curve.order for name, curve in named.items()} == CURVE_ORDERS


def test_a_point_off_the_curve_checks_nothing(backend: Backend) -> None:
    key = new_key()
    good = read_key(key)
    assert isinstance(good, EcKey)
    off = EcKey(good.curve, good.point[:-1] + bytes([good.point[-1] ^ 1]))
    signature = key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    refused(off, SignatureAlgorithm("ecdsa", "sha256"), signature, backend)


def test_lengths_are_the_curves_own(backend: Backend) -> None:
    """`ecdsa` would take the point in other forms, `cryptography` the signature."""
    key = read_key(new_key())
    assert isinstance(key, EcKey)
    compressed = b"\x02" + key.point[:32]
    for point, signature in ((compressed, bytes(64)), (key.point, bytes(66))):
        with pytest.raises(InvalidSignature):
            backend.verify_ecdsa("P-256", point, "sha256", MESSAGE, signature)


# --- RSA ----------------------------------------------------------------------------------------


def rsa_signature(key: Any, digest: str, salt: int | None) -> bytes:
    hashed = HASHES[digest]
    pad: Any = padding.PKCS1v15()
    if salt is not None:
        pad = padding.PSS(padding.MGF1(hashed), salt)
    return key.sign(MESSAGE, pad, hashed)


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("salt", [None, 0, 20, 32])
def test_rsa_holds_for_its_message_key_and_algorithm_alone(digest: str, salt: int | None) -> None:
    backend, key = BACKENDS[1], new_key("RSA-2048")
    signature = rsa_signature(key, digest, salt)
    algorithm = SignatureAlgorithm(
        "rsa-pkcs1" if salt is None else "rsa-pss", digest, 0 if salt is None else salt
    )
    verify_signature(read_key(key), algorithm, MESSAGE, signature, backend, "sig")
    refused(read_key(key), algorithm, signature, backend, b"another")
    refused(read_key(new_key("RSA-2048", 1)), algorithm, signature, backend)
    for scheme in ("rsa-pkcs1", "rsa-pss"):
        for other in HASHES:
            for length in (0, 20, 32, 33):
                changed = SignatureAlgorithm(scheme, other, length if scheme == "rsa-pss" else 0)
                if changed != algorithm:
                    refused(read_key(key), changed, signature, backend)


@pytest.mark.parametrize("salt", [None, 32])
def test_rsa_signatures_with_a_flipped_bit_are_refused(salt: int | None) -> None:
    key = new_key("RSA-2048")
    signature = rsa_signature(key, "sha256", salt)
    algorithm = SignatureAlgorithm("rsa-pkcs1" if salt is None else "rsa-pss", "sha256", salt or 0)
    for place in range(len(signature)):
        wrong = bytearray(signature)
        wrong[place] ^= 1 << place % 8
        refused(read_key(key), algorithm, bytes(wrong), BACKENDS[0])


def test_rsa_signatures_have_one_number() -> None:
    key = new_key("RSA-2048")
    public = read_key(key)
    assert isinstance(public, RsaKey)
    algorithm = SignatureAlgorithm("rsa-pkcs1", "sha256")
    signature = rsa_signature(key, "sha256", None)
    more = int.from_bytes(signature, "big") + public.modulus
    if more >> 2048 == 0:
        refused(public, algorithm, more.to_bytes(256, "big"), BACKENDS[0])
    refused(public, algorithm, b"\x00" + signature, BACKENDS[0])
    refused(public, algorithm, b"", BACKENDS[0])


@pytest.mark.parametrize("bits", [2049, 2055, 3072])
def test_pss_of_every_length_of_the_modulus(bits: int) -> None:
    """Where emBits is a multiple of eight, the encoding has a byte less than the modulus."""
    key = new_key(f"RSA-{bits}")
    algorithm = SignatureAlgorithm("rsa-pss", "sha256", 32)
    signature = rsa_signature(key, "sha256", 32)
    verify_signature(read_key(key), algorithm, MESSAGE, signature, BACKENDS[0], "sig")
    refused(read_key(key), algorithm, signature, BACKENDS[0], b"another")


def test_a_forged_pkcs1_padding_is_refused() -> None:
    """Bleichenbacher's signature of 2006: with exponent 3, rubbish after the hash was not seen."""
    modulus = (1 << 2048) - 1942289
    prefix = bytes.fromhex("0001ffffffffffffffffff003031300d060960864801650304020105000420")
    wanted = int.from_bytes((prefix + bytes(32)).ljust(256, b"\x00"), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < wanted else (low, middle)
    key = RsaKey(modulus, 3)
    refused(key, SignatureAlgorithm("rsa-pkcs1", "sha256"), low.to_bytes(256, "big"), BACKENDS[0])


def test_a_signature_of_another_kind_than_the_key_is_refused(backend: Backend) -> None:
    ec_key, rsa_key = new_key(), new_key("RSA-2048")
    error = refused(
        read_key(ec_key), SignatureAlgorithm("rsa-pkcs1", "sha256"), bytes(256), backend
    )
    assert "another kind" in error.rule
    error = refused(read_key(rsa_key), SignatureAlgorithm("ecdsa", "sha256"), bytes(64), backend)
    assert "another kind" in error.rule


# --- keys ---------------------------------------------------------------------------------------


def spki(oid: str, parameters: bytes, key: bytes) -> bytes:
    algorithm = encode_der(SEQUENCE, encode_oid(oid), parameters)
    return encode_der(SEQUENCE, algorithm, encode_der(BIT_STRING, b"\x00", key))


def rsa_spki(modulus: int, exponent: int, more: bytes = b"") -> bytes:
    key = encode_der(SEQUENCE, encode_integer(modulus), encode_integer(exponent), more)
    return spki("1.2.840.113549.1.1.1", encode_der(NULL), key)


EC = "1.2.840.10045.2.1"
P256 = encode_oid("1.2.840.10045.3.1.7")
BIG = (1 << 2047) + 1


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (spki("1.3.101.112", b"", bytes(32)), "EC or RSA"),
        (spki(EC, encode_oid("1.2.156.10197.1.301"), b"\x04" + bytes(64)), "P-256, P-384 or P-521"),
        (spki(EC, encode_der(NULL), b"\x04" + bytes(64)), "OBJECT IDENTIFIER"),
        (spki(EC, P256, b"\x02" + bytes(32)), "uncompressed"),
        (spki(EC, P256, b"\x04" + bytes(63)), "uncompressed"),
        (spki(EC, P256, b"\x06" + bytes(64)), "uncompressed"),
        (spki(EC, P256 + encode_der(NULL), b"\x04" + bytes(64)), "more members"),
        (rsa_spki((1 << 1023) + 1, 65537), "2,048"),
        (rsa_spki((1 << 8192) + 1, 65537), "2,048"),
        (rsa_spki(BIG + 1, 65537), "2,048"),
        (rsa_spki(-BIG, 65537), "2,048"),
        (rsa_spki(BIG, 1), "from 3"),
        (rsa_spki(BIG, 4), "2,048"),
        (rsa_spki(BIG, 65_539), "from 3 to 65537"),
        (rsa_spki(BIG, 2**64 + 1), "from 3"),
        (rsa_spki(BIG, 3, encode_der(NULL)), "more members"),
        (spki("1.2.840.113549.1.1.1", b"", bytes(1)), "missing"),
    ],
)
def test_keys_of_other_kinds_are_refused(data: bytes, rule: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        decode_public_key(decode_der(data, "key", SEQUENCE))
    assert rule in caught.value.rule
    assert caught.value.place.startswith("key")


# --- algorithms ---------------------------------------------------------------------------------


def identifier(oid: str, *parameters: bytes) -> bytes:
    return encode_der(SEQUENCE, encode_oid(oid), *parameters)


def pss(
    digest: str = "2.16.840.1.101.3.4.2.1", mask: str = "", salt: int = 32, more: bytes = b""
) -> bytes:
    def tagged(number: int, content: bytes) -> bytes:
        return encode_der(CONTEXT_CONSTRUCTED + number, content)

    parameters = encode_der(
        SEQUENCE,
        tagged(0, identifier(digest)),
        tagged(1, identifier("1.2.840.113549.1.1.8", identifier(mask or digest))),
        tagged(2, encode_integer(salt)),
        more,
    )
    return identifier("1.2.840.113549.1.1.10", parameters)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (identifier("1.2.840.10045.4.3.2"), SignatureAlgorithm("ecdsa", "sha256")),
        (identifier("1.2.840.10045.4.3.4"), SignatureAlgorithm("ecdsa", "sha512")),
        (
            identifier("1.2.840.113549.1.1.11", b"\x05\x00"),
            SignatureAlgorithm("rsa-pkcs1", "sha256"),
        ),
        (identifier("1.2.840.113549.1.1.12"), SignatureAlgorithm("rsa-pkcs1", "sha384")),
        (pss(), SignatureAlgorithm("rsa-pss", "sha256", 32)),
    ],
)
def test_signature_algorithms(data: bytes, wanted: SignatureAlgorithm) -> None:
    assert read_signature_algorithm(decode_der(data, "a", SEQUENCE)) == wanted


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(identifier("1.2.840.10045.4.1"), id="ecdsa-with-SHA1"),
        pytest.param(identifier("1.2.840.113549.1.1.5", b"\x05\x00"), id="sha1WithRSA"),
        pytest.param(identifier("1.2.840.113549.1.1.4", b"\x05\x00"), id="md5WithRSA"),
        pytest.param(identifier("1.2.840.113549.1.1.1", b"\x05\x00"), id="no hash named"),
        pytest.param(identifier("1.2.156.10197.1.501"), id="SM2"),
        pytest.param(identifier("1.2.840.10045.4.3.2", b"\x05\x00"), id="ECDSA with NULL"),
        pytest.param(identifier("1.2.840.113549.1.1.11", b"\x05\x01\x00"), id="NULL with contents"),
        pytest.param(identifier("1.2.840.113549.1.1.11", b"\x05\x00\x05\x00"), id="two NULLs"),
        pytest.param(identifier("1.2.840.113549.1.1.10", b"\x30\x00"), id="PSS by its defaults"),
        pytest.param(pss("1.3.14.3.2.26"), id="PSS with SHA-1"),
        pytest.param(pss(mask="2.16.840.1.101.3.4.2.3"), id="PSS with another mask"),
        pytest.param(pss(salt=65), id="PSS with a long salt"),
        pytest.param(pss(salt=-1), id="PSS with a negative salt"),
        pytest.param(pss(more=encode_der(0xA3, encode_integer(2))), id="PSS with a trailer"),
    ],
)  # fmt: skip
def test_other_signature_algorithms_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        read_signature_algorithm(decode_der(data, "a", SEQUENCE))
    assert caught.value.place.startswith("a")


def test_digest_algorithms() -> None:
    for oid, name in (("2.16.840.1.101.3.4.2.1", "sha256"), ("2.16.840.1.101.3.4.2.3", "sha512")):
        for parameters in ((), (b"\x05\x00",)):
            element = decode_der(identifier(oid, *parameters), "d", SEQUENCE)
            assert read_digest_algorithm(element) == name
    for wrong in (identifier("1.3.14.3.2.26"), identifier("1.2.156.10197.1.401")):
        with pytest.raises(InvalidEncoding):
            read_digest_algorithm(decode_der(wrong, "d", SEQUENCE))
