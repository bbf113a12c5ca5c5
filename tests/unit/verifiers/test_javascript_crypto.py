"""The cryptography of the verifier in JavaScript, against hashlib, cryptography, gmssl, the
textbook and the node's own: each signature by WebCrypto and by BigInt, which must say the same."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Any

import gmssl_pyx
import pytest
from builders.certificates import new_key
from builders.curves import (
    ED_BASE,
    ED_ORDER,
    ED_PRIME,
    ED_TORSION,
    P256_BASE,
    P256_N,
    P256_P,
    ed_add,
    ed_encode,
    ed_multiply,
    ed_sign,
    es256_holds,
    es256_key_for,
    es256_sign,
    p256_multiply,
    p256_with_x,
)
from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.receipts_in_javascript import result_of, same_result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

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
from node.core.anchors.key_forms import raw_signature
from node.core.anchors.public_keys import (
    CURVE_ORDERS,
    decode_public_key,
    read_signature_algorithm,
    verify_signature,
)
from node.core.anchors.sm2 import verify_sm2
from node.core.signatures import PublicJwk, check_ed25519_key, load_backend

BACKEND = load_backend("cryptography")
PROBES = "../../../tests/builders/crypto_in_javascript.mjs"
LENGTHS = (*range(300), 1000, 4095, 4096, 65_536)
HASHES: dict[str, Any] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
}
messages = st.binary(max_size=40)
near_edges = st.sampled_from([1, 2, 3, 2**128, P256_N // 2, P256_N - 2, P256_N - 1])
scalars = near_edges | st.integers(1, P256_N - 1)
numbers = st.sampled_from([0, P256_N, P256_N + 1, 2**256 - 1]) | scalars
ed_scalars = st.integers(1, ED_ORDER - 1)


def accepted(answer: Any) -> bool:
    """Whether a check let a signature pass; it may refuse with InvalidInput only, in both
    languages."""
    if not isinstance(answer, JavaScriptError):
        return True
    assert answer.name == "InvalidInput", answer
    assert answer.rule_zh
    return False


def both(check: str, *given: Any) -> bool:
    """What WebCrypto and BigInt say, which must be one thing."""
    answers = JAVASCRIPT.call_each(
        [
            ("crypto/signatures.js", check, list(given)),
            (PROBES, "withoutWebCrypto", [check, *given]),
        ]
    )
    said, other = map(accepted, answers)
    assert said == other, answers
    return said


def jwk(x: bytes, y: bytes) -> dict[str, Any]:
    return {"crv": "P-256", "x": x, "y": y}


def point_jwk(point: tuple[int, int] | None) -> dict[str, Any]:
    assert point is not None
    return jwk(point[0].to_bytes(32, "big"), point[1].to_bytes(32, "big"))


def raw(r: int, s: int, length: int = 32) -> bytes:
    return r.to_bytes(length, "big") + s.to_bytes(length, "big")


@pytest.mark.parametrize(
    ("module", "name", "reference"),
    [
        ("crypto/sha256.js", "sha256", lambda data: hashlib.sha256(data).digest()),
        ("crypto/sha512.js", "sha384", lambda data: hashlib.sha384(data).digest()),
        ("crypto/sha512.js", "sha512", lambda data: hashlib.sha512(data).digest()),
        ("crypto/sha1.js", "sha1", lambda data: hashlib.new("sha1", data).digest()),
        ("crypto/sm3.js", "sm3", gmssl_pyx.sm3_hash),
        ("crypto/keccak.js", "keccak256", keccak),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hashes_of_every_length_around_a_block(module: str, name: str, reference: Any) -> None:
    given = [os.urandom(length) for length in LENGTHS]
    found = JAVASCRIPT.call_each((module, name, [data]) for data in given)
    assert found == [reference(data) for data in given]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_sha256_of_pieces_is_that_of_the_whole(pieces: list[bytes]) -> None:
    found = JAVASCRIPT.call(PROBES, "sha256OfPieces", pieces)
    assert found == hashlib.sha256(b"".join(pieces)).digest()


@settings(max_examples=60, deadline=None)
@given(scalars, scalars, messages, numbers, numbers, st.integers(0, 3))
def test_es256_agrees_with_the_textbook(
    secret: int, nonce: int, message: bytes, other_r: int, other_s: int, which: int
) -> None:
    key = p256_multiply(secret, P256_BASE)
    assert key is not None
    r, s = es256_sign(secret, message, nonce)
    r, s = (other_r if which & 1 else r), (other_s if which & 2 else s)
    said = both("verifyEs256", point_jwk(key), message, raw(r, s))
    assert said == es256_holds(key, message, r, s)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, P256_P - 1) | st.integers(P256_N, P256_P - 1), scalars, messages)
def test_es256_under_keys_made_to_fit_any_r_and_s(x: int, s: int, message: bytes) -> None:
    """Those with an x between n and p among them: r is x modulo n."""
    while p256_with_x(x) is None or x % P256_N == 0:
        x = (x + 1) % P256_P
    point = p256_with_x(x)
    assert point is not None
    key = es256_key_for(message, point, s)
    assert both("verifyEs256", point_jwk(key), message, raw(x % P256_N, s))
    assert not both("verifyEs256", point_jwk(key), message + b"x", raw(x % P256_N, s))


def test_es256_whose_sum_is_the_point_at_infinity_is_refused() -> None:
    """u1·G + u2·Q = 0 where the key is -e/r times G."""
    message, r = b"message", 12345
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    key = p256_multiply(-e * pow(r, -1, P256_N) % P256_N, P256_BASE)
    assert not both("verifyEs256", point_jwk(key), message, raw(r, 1))


@settings(max_examples=40, deadline=None)
@given(
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary(max_size=80)
)
def test_es256_of_anything(x: bytes, y: bytes, signature: bytes) -> None:
    assert not both("verifyEs256", jwk(x, y), b"message", signature)


def test_coordinates_beyond_the_prime_are_no_point() -> None:
    """The same point modulo p, which some libraries take."""
    x = next(number for number in range(5, 500) if p256_with_x(number))
    point = p256_with_x(x)
    assert point is not None
    beyond = jwk((x + P256_P).to_bytes(32, "big"), point[1].to_bytes(32, "big"))
    assert accepted(call("crypto/signatures.js", "checkPoint", point_jwk(point), "key"))
    assert not accepted(call("crypto/signatures.js", "checkPoint", beyond, "key"))


def call(module: str, name: str, *given: Any) -> Any:
    """What a function returns or throws."""
    [answer] = JAVASCRIPT.call_each([(module, name, list(given))])
    return answer


def test_high_s_holds_and_is_told_apart() -> None:
    """As in Python: whoever reads what must have low s asks for it."""
    r, s = es256_sign(7, b"message", 11)
    key = point_jwk(p256_multiply(7, P256_BASE))
    for number in (s, P256_N - s):
        assert both("verifyEs256", key, b"message", raw(r, number))
        low = JAVASCRIPT.call("crypto/signatures.js", "hasLowS", raw(r, number))
        assert low == (number <= P256_N // 2)


def test_the_thumbprint_of_a_key() -> None:
    key = PublicJwk(*(number.to_bytes(32, "big") for number in P256_BASE))
    given = point_jwk(P256_BASE)
    assert JAVASCRIPT.call("crypto/signatures.js", "thumbprint", given) == key.thumbprint()
    assert JAVASCRIPT.call("crypto/signatures.js", "readJwk", key.to_json(), "key") == given


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("name", CURVES)
def test_ecdsa_of_outside_parties(name: str, digest: str) -> None:
    curve, length = CURVES[name]
    private = ec.generate_private_key(curve)
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    message, n = os.urandom(50), CURVE_ORDERS[name]
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(HASHES[digest])))
    other = bytes([point[0] ^ 1]) + point[1:]
    cases = [
        (point, message, raw(r, s, length), True),
        (point, message, raw(r, n - s, length), True),
        (point, message + b"x", raw(r, s, length), False),
        (point, message, raw(s, r, length), False),
        (point, message, raw(r, 0, length), False),
        (point, message, raw(0, s, length), False),
        (point, message, raw(n, s, length), False),
        (point, message, raw(r, n, length), False),
        (point, message, raw(r, s, length)[:-1], False),
        (point, message, raw(r, s, length) + b"\x00", False),
        (other, message, raw(r, s, length), False),
        (bytes(2 * length), message, raw(r, s, length), False),
        (b"\xff" * (2 * length), message, raw(r, s, length), False),
    ]
    for key, signed, signature, wanted in cases:
        assert both("verifyEcdsa", name, key, digest, signed, signature) == wanted


@settings(max_examples=60, deadline=None)
@given(
    st.just(0) | ed_scalars,
    st.just(0) | ed_scalars,
    messages,
    st.sampled_from(ED_TORSION),
    st.sampled_from(ED_TORSION),
    st.booleans(),
)
def test_ed25519_with_parts_of_small_order(
    secret: int,
    nonce: int,
    message: bytes,
    of_key: tuple[int, int],
    of_r: tuple[int, int],
    beyond: bool,
) -> None:
    """Only what an honest signer makes holds, in every way of checking."""
    key = ed_encode(ed_add(ed_multiply(secret, ED_BASE), of_key))
    canonical = ed_encode(ed_add(ed_multiply(nonce, ED_BASE), of_r))
    number = int.from_bytes(canonical, "little")
    first = canonical
    if beyond and (number & (1 << 255) - 1) + ED_PRIME < 1 << 255:
        first = (number + ED_PRIME).to_bytes(32, "little")
    honest = of_key == of_r == (0, 1) and secret and nonce and first == canonical
    for hashed in {first, canonical}:
        signature = ed_sign(secret, key, message, first, nonce, hashed)
        assert both("verifyEd25519", key, message, signature) == bool(honest)


@settings(max_examples=40, deadline=None)
@given(ed_scalars, ed_scalars, messages)
def test_every_ed25519_signature_is_accepted(secret: int, nonce: int, message: bytes) -> None:
    key = ed_encode(ed_multiply(secret, ED_BASE))
    first = ed_encode(ed_multiply(nonce, ED_BASE))
    signature = ed_sign(secret, key, message, first, nonce, first)
    assert both("verifyEd25519", key, message, signature)
    assert not both("verifyEd25519", key, message + b"x", signature)
    beyond = int.from_bytes(signature[32:], "little") + ED_ORDER
    assert not both("verifyEd25519", key, message, first + beyond.to_bytes(32, "little"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=31, max_size=33), min_size=8, max_size=8), ed_scalars)
def test_keys_of_ed25519_are_those_of_the_node(keys: list[bytes], secret: int) -> None:
    """One point in eight is of the prime-order group: an ordinary one and each small one."""
    point = ed_multiply(secret, ED_BASE)
    mixed = [*keys, *(ed_encode(ed_add(point, small)) for small in ED_TORSION)]
    calls = [("crypto/signatures.js", "checkEd25519Key", [key, "key"]) for key in mixed]
    for key, answer in zip(mixed, JAVASCRIPT.call_each(calls), strict=True):
        expected = result_of(functools.partial(check_ed25519_key, key, place="key"))
        assert same_result(answer, expected)


@functools.cache
def rsa_key(bits: int) -> Any:
    return rsa.generate_private_key(65537, bits)


def spki_of(private: Any) -> bytes:
    spki: bytes = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki


def pkcs1_identifier(digest: str) -> bytes:
    oid = {"sha256": 11, "sha384": 12, "sha512": 13}[digest]
    return encode_der(SEQUENCE, encode_oid(f"1.2.840.113549.1.1.{oid}"), encode_der(NULL))


def pss_identifier(digest: str, salt: int) -> bytes:
    number = {"sha256": 1, "sha384": 2, "sha512": 3}[digest]
    hashed = encode_der(SEQUENCE, encode_oid(f"2.16.840.1.101.3.4.2.{number}"), encode_der(NULL))
    mask = encode_der(SEQUENCE, encode_oid("1.2.840.113549.1.1.8"), hashed)
    parameters = encode_der(
        SEQUENCE,
        encode_der(CONTEXT_CONSTRUCTED, hashed),
        encode_der(CONTEXT_CONSTRUCTED + 1, mask),
        encode_der(CONTEXT_CONSTRUCTED + 2, encode_integer(salt)),
    )
    return encode_der(SEQUENCE, encode_oid("1.2.840.113549.1.1.10"), parameters)


def as_node(spki: bytes, algorithm: bytes, message: bytes, signature: bytes) -> bool:
    """What the node says, after JavaScript has said the same."""
    answer = call(PROBES, "verifyBySpki", spki, algorithm, message, signature)

    def check() -> None:
        verify_signature(
            decode_public_key(decode_der(spki, "key", SEQUENCE)),
            read_signature_algorithm(decode_der(algorithm, "algorithm", SEQUENCE)),
            message,
            signature,
            BACKEND,
            "signature",
        )

    expected = result_of(check)
    assert same_result(answer, expected)
    return expected is None


@pytest.mark.parametrize("bits", [2048, 2049, 2055, 3072])
@pytest.mark.parametrize("digest", HASHES)
def test_rsa_of_both_paddings(bits: int, digest: str) -> None:
    """2,049 bits: the first octet of PSS is not of the encoding."""
    private, message = rsa_key(bits), os.urandom(60)
    spki, hashed = spki_of(private), HASHES[digest]
    signature = private.sign(message, padding.PKCS1v15(), hashed)
    algorithm = pkcs1_identifier(digest)
    assert as_node(spki, algorithm, message, signature)
    assert not as_node(spki, algorithm, message + b"x", signature)
    assert not as_node(spki, algorithm, message, signature[:-1])
    assert not as_node(spki, algorithm, message, b"\x00" + signature)
    for salt in (0, hashed.digest_size):
        signature = private.sign(message, padding.PSS(padding.MGF1(hashed), salt), hashed)
        assert as_node(spki, pss_identifier(digest, salt), message, signature)
        assert not as_node(spki, pss_identifier(digest, salt + 1), message, signature)
        assert not as_node(spki, algorithm, message, signature)
        assert not as_node(spki, pss_identifier(digest, salt), b"", signature)


def raised(private: Any, encoded: bytes) -> bytes:
    """The signature whose power is ``encoded``: what a signer makes that pads otherwise."""
    numbers = private.private_numbers()
    n = numbers.public_numbers.n
    length = (n.bit_length() + 7) // 8
    return pow(int.from_bytes(encoded, "big"), numbers.d, n).to_bytes(length, "big")


def test_rsa_with_anything_hidden_in_its_padding_is_refused() -> None:
    private, message = rsa_key(2048), b"message"
    spki, algorithm = spki_of(private), pkcs1_identifier("sha256")
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    info = prefix + hashlib.sha256(message).digest()
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"
    short = without_null + hashlib.sha256(message).digest()
    good = b"\x00\x01" + b"\xff" * (253 - len(info)) + b"\x00" + info
    assert as_node(spki, algorithm, message, raised(private, good))
    for encoded in (
        b"\x00\x01" + b"\xff" * 8 + b"\x00" + info + bytes(245 - len(info)),
        b"\x00\x02" + good[2:],
        good[:2] + b"\xfe" + good[3:],
        b"\x00\x01" + b"\xff" * (253 - len(short)) + b"\x00" + short,
    ):
        assert not as_node(spki, algorithm, message, raised(private, encoded))
    n = private.public_key().public_numbers().n
    beyond = int.from_bytes(raised(private, good), "big") + n
    if beyond.bit_length() <= 2048:
        assert not as_node(spki, algorithm, message, beyond.to_bytes(256, "big"))


def test_pss_encodings_that_are_not_of_the_standard_are_refused() -> None:
    private, message = rsa_key(2048), b"message"
    spki, hashed = spki_of(private), HASHES["sha256"]
    algorithm = pss_identifier("sha256", 32)
    numbers = private.public_key().public_numbers()
    signature = private.sign(message, padding.PSS(padding.MGF1(hashed), 32), hashed)
    encoded = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    assert as_node(spki, algorithm, message, raised(private, encoded))
    for position in (0, 1, 100, 190, 223, 224, 254, 255):
        for bit in (0x01, 0x40):
            other = bytearray(encoded)
            other[position] ^= bit
            if int.from_bytes(other, "big") < numbers.n:
                assert not as_node(spki, algorithm, message, raised(private, bytes(other)))


def test_keys_that_are_not_read() -> None:
    """Curves, exponents and moduli that nothing here may be signed with."""
    message, signature = b"message", b"\x30\x06\x02\x01\x01\x02\x01\x01"
    algorithm = encode_der(SEQUENCE, encode_oid("1.2.840.10045.4.3.2"))
    compressed = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )
    identifier = encode_der(
        SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7")
    )
    for spki in (
        spki_of(ec.generate_private_key(ec.SECP256K1())),
        spki_of(rsa.generate_private_key(65537, 1024)),
        encode_der(SEQUENCE, identifier, encode_der(BIT_STRING, b"\x00", compressed)),
        rsa_spki(2**2047 + 1, 2**16 + 3),
        rsa_spki(2**2047 + 1, 4),
        rsa_spki(2**2047, 65537),
        rsa_spki(-(2**2047) + 1, 65537),
        rsa_spki(2**8192 + 1, 65537),
    ):
        assert not as_node(spki, algorithm, message, signature)
    assert not as_node(spki_of(new_key()), algorithm, message, signature)


def rsa_spki(modulus: int, exponent: int) -> bytes:
    key = encode_der(SEQUENCE, encode_integer(modulus), encode_integer(exponent))
    identifier = encode_der(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), encode_der(NULL))
    return encode_der(SEQUENCE, identifier, encode_der(BIT_STRING, b"\x00", key))


SM2_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


def sm2_as_node(key: bytes, message: bytes, signature: bytes, user_id: bytes) -> bool:
    answer = call("crypto/sm2.js", "verifySm2", key, message, signature, user_id)
    expected = result_of(lambda: verify_sm2(key, message, signature, user_id=user_id))
    assert same_result(answer, expected)
    return expected is None


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=100), st.integers(0, 511))
def test_sm2_signatures_of_another_library(message: bytes, flipped: int) -> None:
    key, private = gmssl_pyx.sm2_key_generate()
    user_id = b"1234567812345678"
    signature = raw_signature(gmssl_pyx.sm2_sign(private, key, message), place="s")
    assert sm2_as_node(key, message, signature, user_id)
    changed = bytearray(signature)
    changed[flipped // 8] ^= 1 << flipped % 8
    assert not sm2_as_node(key, message, bytes(changed), user_id)
    assert not sm2_as_node(key, message + b"x", signature, user_id)
    assert not sm2_as_node(key, message, signature, b"another")


def test_sm2_edges() -> None:
    key, _ = gmssl_pyx.sm2_key_generate()
    user_id = b"id"
    for signature in (
        raw(0, 1),
        raw(1, 0),
        raw(SM2_N, 1),
        raw(1, SM2_N),
        raw(1, SM2_N - 1),
        b"",
        bytes(63),
        b"\xff" * 64,
    ):
        assert not sm2_as_node(key, b"message", signature, user_id)
    assert not sm2_as_node(bytes(64), b"message", raw(1, 1), user_id)
    assert not sm2_as_node(key[:-1], b"message", raw(1, 1), user_id)
    assert not sm2_as_node(key, b"message", raw(1, 1), bytes(8192))
