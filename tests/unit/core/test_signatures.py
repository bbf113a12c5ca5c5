from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
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
    ed_secret,
    ed_sign,
    es256_holds,
    es256_key_for,
    es256_sign,
    p256_multiply,
    p256_negative,
    p256_with_x,
)
from builders.signing import BlockSigner, MemberKey, seeded
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from node.core.encoding import decode_base64url, encode_base64url
from node.core.errors import InvalidEncoding, InvalidSignature
from node.core.signatures import (
    ALGORITHMS,
    P256_ORDER,
    Backend,
    PublicJwk,
    algorithm_named,
    check_ed25519_key,
    check_es256_form,
    has_low_s,
    load_backend,
    use_low_s,
)

MESSAGE = b"a message"


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jwk(point: tuple[int, int] | None) -> PublicJwk:
    assert point is not None
    return PublicJwk(point[0].to_bytes(32, "big"), point[1].to_bytes(32, "big"))


def refused(backend: Backend, key: PublicJwk, signature: bytes, message: bytes = MESSAGE) -> None:
    with pytest.raises(InvalidSignature) as error:
        backend.verify_es256(key, message, signature)
    assert error.value.place == "signature"


# --- ES256 -----------------------------------------------------------------------------------


def test_es256_of_rfc_7515(backend: Backend) -> None:
    """RFC 7515 appendix A.3."""
    key = PublicJwk.from_json(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        place="key",
    )
    message = (
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        b"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    signature = decode_base64url(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        place="signature",
    )
    backend.verify_es256(key, message, signature)
    refused(backend, key, signature, message + b"x")


def test_every_flipped_bit_of_a_signature_is_refused(backend: Backend) -> None:
    key = MemberKey("m")
    signature = key.sign(MESSAGE)
    backend.verify_es256(key.jwk, MESSAGE, signature)
    for bit in range(0, 512, 1 if backend.name == "cryptography" else 13):
        wrong = int.from_bytes(signature, "big") ^ 1 << bit
        refused(backend, key.jwk, wrong.to_bytes(64, "big"))


def test_another_key_is_refused(backend: Backend) -> None:
    refused(backend, MemberKey("other").jwk, MemberKey("m").sign(MESSAGE))


def test_both_s_hold_but_only_one_is_low(backend: Backend) -> None:
    key = MemberKey("m")
    low = key.sign(MESSAGE)
    high = low[:32] + (P256_ORDER - int.from_bytes(low[32:], "big")).to_bytes(32, "big")
    assert has_low_s(low)
    assert not has_low_s(high)
    assert use_low_s(high) == use_low_s(low) == low
    backend.verify_es256(key.jwk, MESSAGE, low)
    backend.verify_es256(key.jwk, MESSAGE, high)


def test_half_the_order_is_the_highest_low_s() -> None:
    half = P256_ORDER // 2
    assert has_low_s(raw(1, half))
    assert not has_low_s(raw(1, half + 1))
    assert use_low_s(raw(1, half + 1)) == raw(1, half)


R, S = es256_sign(5, MESSAGE, 77)
FORMS = {
    "r = 0": raw(0, S),
    "s = 0": raw(R, 0),
    "both 0": bytes(64),
    "r = n": raw(P256_N, S),
    "s = n": raw(R, P256_N),
    "r = n + 1": raw(P256_N + 1, S),
    "s = n + 1": raw(R, P256_N + 1),
    "all ones": b"\xff" * 64,
    "empty": b"",
    "63 bytes": raw(R, S)[:63],
    "65 bytes": raw(R, S) + b"\x00",
    "65 bytes in front": b"\x00" + raw(R, S),
    "128 bytes": raw(R, S) * 2,
    "hex": raw(R, S).hex().encode(),
    "DER": encode_dss_signature(R, S),
}


@pytest.mark.parametrize("signature", FORMS.values(), ids=FORMS)
def test_malformed_es256_signatures_are_refused(backend: Backend, signature: bytes) -> None:
    with pytest.raises(InvalidSignature):
        check_es256_form(signature)
    refused(backend, jwk(p256_multiply(5, P256_BASE)), signature)


def test_r_and_s_at_the_ends_of_their_range_have_the_form() -> None:
    check_es256_form(raw(1, 1))
    check_es256_form(raw(P256_N - 1, P256_N - 1))


@pytest.mark.parametrize("r", [1, 2, R - 1, R + 1, P256_N - 1, P256_N - R])
@pytest.mark.parametrize("s", [1, 2, S, P256_N - 1, P256_N - 2])
def test_well_formed_but_wrong_signatures_are_refused(backend: Backend, r: int, s: int) -> None:
    key = p256_multiply(5, P256_BASE)
    assert key is not None
    assert not es256_holds(key, MESSAGE, r, s)
    refused(backend, jwk(key), raw(r, s))


SECRETS = [1, 2, 3, 4, 77, P256_N - 1, P256_N - 2, (P256_N + 1) // 2, 2**128]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("nonce", [1, 2, 77, P256_N - 1, (P256_N + 1) // 2])
def test_keys_and_nonces_that_meet_special_cases_of_addition(
    backend: Backend, secret: int, nonce: int
) -> None:
    """Where the key is the base point, its opposite, or the sums meet: valid all the same."""
    key = jwk(p256_multiply(secret, P256_BASE))
    r, s = es256_sign(secret, MESSAGE, nonce)
    backend.verify_es256(key, MESSAGE, raw(r, s))
    refused(backend, key, raw(r, s), b"another")


@pytest.mark.parametrize("s", [1, 7, P256_N // 2])
@pytest.mark.parametrize("secret", SECRETS)
def test_sum_at_infinity_is_refused(backend: Backend, secret: int, s: int) -> None:
    """r = -z/d brings both halves of the sum to cancel out; `ecdsa` has no x to compare then."""
    digest = int.from_bytes(hashlib.sha256(MESSAGE).digest(), "big")
    r = -digest * pow(secret, -1, P256_N) % P256_N
    key = p256_multiply(secret, P256_BASE)
    assert key is not None
    assert not es256_holds(key, MESSAGE, r, s)
    refused(backend, jwk(key), raw(r, s))
    refused(backend, jwk(key), raw(P256_N - r, s))


def test_x_beyond_the_order_is_reduced(backend: Backend) -> None:
    """A point whose x lies between n and p: r is x - n, and r + n is out of range."""
    x = next(x for x in range(P256_N + 1, P256_N + 200) if p256_with_x(x))
    point = p256_with_x(x)
    assert point is not None
    assert x < P256_P
    key = es256_key_for(MESSAGE, point, 12345)
    assert es256_holds(key, MESSAGE, x - P256_N, 12345)
    backend.verify_es256(jwk(key), MESSAGE, raw(x - P256_N, 12345))
    refused(backend, jwk(key), raw(x, 12345))
    for s in (1, P256_N // 2):
        key = es256_key_for(MESSAGE, point, s)
        backend.verify_es256(jwk(key), MESSAGE, raw(x - P256_N, s))


def small_signature() -> tuple[tuple[int, int], int, int]:
    """A key, and r and s of 29 bytes each, so that the DER form has 64 bytes too."""
    r = next(x for x in range(1 << 230, (1 << 230) + 200) if p256_with_x(x))
    point = p256_with_x(r)
    assert point is not None
    s = (1 << 230) + 3
    return es256_key_for(MESSAGE, point, s), r, s


def test_der_of_64_bytes_is_not_taken_for_r_and_s(backend: Backend) -> None:
    key, r, s = small_signature()
    der = encode_dss_signature(r, s)
    assert len(der) == 64
    backend.verify_es256(jwk(key), MESSAGE, raw(r, s))
    refused(backend, jwk(key), der)


def test_point_with_x_0_is_a_key_like_any_other(backend: Backend) -> None:
    point = p256_with_x(0)
    key = jwk(point)
    key.check_point("key")
    refused(backend, key, raw(R, S))


def off_curve() -> Iterator[Any]:
    x, y = P256_BASE
    yield pytest.param(x, y + 1, id="y + 1")
    yield pytest.param(x ^ 1, y, id="x ^ 1")
    yield pytest.param(0, 0, id="origin")
    yield pytest.param(P256_P, y, id="x = p")
    yield pytest.param(x, P256_P, id="y = p")
    small = p256_with_x(5)
    assert small is not None
    yield pytest.param(small[0] + P256_P, small[1], id="x beyond p")
    zero = p256_with_x(0)
    assert zero is not None
    yield pytest.param(P256_P, zero[1], id="x = p for 0")
    yield pytest.param(2**256 - 1, 2**256 - 1, id="all ones")
    yield pytest.param(y, x, id="exchanged")


@pytest.mark.parametrize(("x", "y"), list(off_curve()))
def test_points_off_the_curve_are_refused(backend: Backend, x: int, y: int) -> None:
    key = PublicJwk(x.to_bytes(32, "big"), y.to_bytes(32, "big"))
    with pytest.raises(InvalidSignature, match="key: the point is not on P-256"):
        PublicJwk.from_json(key.to_json(), place="key")
    refused(backend, key, raw(R, S))


def test_the_opposite_point_is_on_the_curve() -> None:
    jwk(p256_negative(P256_BASE)).check_point("key")


GOOD = MemberKey("m").jwk.to_json()


@pytest.mark.parametrize(
    ("value", "place", "rule"),
    [
        ([], "key", "must be a JWK"),
        ("x", "key", "must be a JWK"),
        ({}, "key", "must be a JWK"),
        ({**GOOD, "alg": "ES256"}, "key", "must be a JWK"),
        ({**GOOD, "d": "AA"}, "key", "must be a JWK"),
        ({name: GOOD[name] for name in ("kty", "crv", "x")}, "key", "must be a JWK"),
        ({**GOOD, "kty": "OKP"}, "key", "must have kty EC"),
        ({**GOOD, "kty": ["EC"]}, "key", "must have kty EC"),
        ({**GOOD, "crv": "P-384"}, "key", "must have kty EC"),
        ({**GOOD, "crv": "secp256k1"}, "key", "must have kty EC"),
        ({**GOOD, "x": 1}, "key.x", "must be base64url"),
        ({**GOOD, "y": ["AA"]}, "key.y", "must be base64url"),
        ({**GOOD, "x": GOOD["x"] + "="}, "key.x", "not base64url"),
        ({**GOOD, "y": GOOD["y"][:-1] + "/"}, "key.y", "not base64url"),
        ({**GOOD, "y": GOOD["y"][:-1] + "B"}, "key.y", "loose bits"),
        ({**GOOD, "x": "AA"}, "key", "32 bytes each"),
        ({**GOOD, "x": encode_base64url(b"\x00" + bytes(32))}, "key", "32 bytes each"),
        ({**GOOD, "x": ""}, "key", "32 bytes each"),
    ],
)
def test_malformed_jwks_are_refused(value: Any, place: str, rule: str) -> None:
    with pytest.raises((InvalidSignature, InvalidEncoding), match=rule) as error:
        PublicJwk.from_json(value, place="key")
    assert error.value.place == place


def test_jwk_round_trip_and_thumbprint() -> None:
    key = MemberKey("m").jwk
    assert PublicJwk.from_json(key.to_json(), place="key") == key
    x, y = encode_base64url(key.x), encode_base64url(key.y)
    text = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    assert key.thumbprint() == encode_base64url(hashlib.sha256(text.encode()).digest())


# --- Ed25519 ---------------------------------------------------------------------------------

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
        "cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
        "0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
        "84dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_ed25519_of_rfc_8032(backend: Backend, key: str, message: str, signature: str) -> None:
    """RFC 8032 §7.1."""
    parts = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    backend.verify_ed25519(*parts)
    with pytest.raises(InvalidSignature):
        backend.verify_ed25519(parts[0], parts[1] + b"x", parts[2])


def ed_refused(backend: Backend, key: bytes, signature: bytes, message: bytes = MESSAGE) -> str:
    with pytest.raises(InvalidSignature) as error:
        backend.verify_ed25519(key, message, signature)
    return error.value.place


def test_flipped_ed25519_signatures_are_refused(backend: Backend) -> None:
    signer = BlockSigner("v")
    key, signature = signer.validator.public_key, signer.sign(MESSAGE)
    backend.verify_ed25519(key, MESSAGE, signature)
    for bit in range(0, 512, 1 if backend.name == "cryptography" else 13):
        wrong = int.from_bytes(signature, "big") ^ 1 << bit
        assert ed_refused(backend, key, wrong.to_bytes(64, "big")) == "signature"


SEED = seeded("validator", "v")
SECRET = ed_secret(SEED)
KEY = ed_encode(ed_multiply(SECRET, ED_BASE))


def test_the_textbook_signs_as_the_library_does(backend: Backend) -> None:
    signer = BlockSigner("v")
    assert signer.validator.public_key == KEY
    first = ed_encode(ed_multiply(99, ED_BASE))
    backend.verify_ed25519(KEY, MESSAGE, ed_sign(SECRET, KEY, MESSAGE, first, 99, first))


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_ed25519_signatures_of_another_length_are_refused(backend: Backend, length: int) -> None:
    signature = (BlockSigner("v").sign(MESSAGE) * 2)[:length]
    assert ed_refused(backend, KEY, signature) == "signature"


@pytest.mark.parametrize("more", [1, 2, 7, 15])
def test_s_beyond_the_order_is_refused(backend: Backend, more: int) -> None:
    signature = BlockSigner("v").sign(MESSAGE)
    beyond = int.from_bytes(signature[32:], "little") + more * ED_ORDER
    if beyond < 2**256:
        assert (
            ed_refused(backend, KEY, signature[:32] + beyond.to_bytes(32, "little")) == "signature"
        )


def small_order_encodings() -> Iterator[Any]:
    """Every way of writing the eight points of small order, canonical or not."""
    for y in sorted({point[1] for point in ED_TORSION}):
        for beyond in (0, ED_PRIME):
            for sign in (0, 1):
                if y + beyond < 1 << 255:
                    number = y + beyond | sign << 255
                    yield pytest.param(
                        number.to_bytes(32, "little"),
                        id=f"y={y:x}"[:12] + ("+p" if beyond else "") + ("-" if sign else ""),
                    )


@pytest.mark.parametrize("encoded", list(small_order_encodings()))
def test_small_order_keys_are_refused(backend: Backend, encoded: bytes) -> None:
    with pytest.raises(InvalidSignature) as error:
        check_ed25519_key(encoded, place="key")
    assert error.value.place == "key"
    assert "small order" in error.value.rule or "canonical" in error.value.rule
    assert ed_refused(backend, encoded, ed_encode((0, 1)) + bytes(32)) == "public key"


@pytest.mark.parametrize("encoded", list(small_order_encodings()))
def test_small_order_r_is_refused(backend: Backend, encoded: bytes) -> None:
    """The libraries differ about these: `ecdsa` writes R anew before it hashes it."""
    for hashed in (encoded, *{ed_encode(point) for point in ED_TORSION}):
        signature = ed_sign(SECRET, KEY, MESSAGE, encoded, 0, hashed)
        assert ed_refused(backend, KEY, signature) == "signature"


@pytest.mark.parametrize("times", range(1, 8))
def test_keys_with_a_small_order_part_are_refused(backend: Backend, times: int) -> None:
    """One library reduces the challenge by the group's order and the other does not, so that they
    accept different signatures under such a key."""
    point = ed_add(ed_multiply(SECRET, ED_BASE), ED_TORSION[times])
    mixed = ed_encode(point)
    with pytest.raises(InvalidSignature, match="not of the prime-order group"):
        check_ed25519_key(mixed, place="key")
    first = ed_encode(ed_multiply(99, ED_BASE))
    for number in range(16):
        message = b"%d" % number
        signature = ed_sign(SECRET, mixed, message, first, 99, first)
        assert ed_refused(backend, mixed, signature, message) == "public key"


@pytest.mark.parametrize("times", range(1, 8))
def test_r_with_a_small_order_part_is_refused(backend: Backend, times: int) -> None:
    """Rules that multiply by eight before they compare accept it; these libraries do not."""
    first = ed_encode(ed_add(ed_multiply(99, ED_BASE), ED_TORSION[times]))
    assert ed_refused(backend, KEY, ed_sign(SECRET, KEY, MESSAGE, first, 99, first)) == "signature"


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        (b"", "has 32 bytes"),
        (KEY[:31], "has 32 bytes"),
        (KEY + b"\x00", "has 32 bytes"),
        (ED_PRIME.to_bytes(32, "little"), "not in canonical form"),
        ((ED_PRIME + 3).to_bytes(32, "little"), "not in canonical form"),
        (b"\xff" * 32, "not in canonical form"),
        ((2).to_bytes(32, "little"), "is no point of the curve"),
        ((7).to_bytes(32, "little"), "is no point of the curve"),
    ],
)
def test_malformed_ed25519_keys_are_refused(backend: Backend, key: bytes, rule: str) -> None:
    with pytest.raises(InvalidSignature, match=rule):
        check_ed25519_key(key, place="key")
    assert ed_refused(backend, key, bytes(64)) == "public key"


def test_ordinary_keys_pass_on_both_sides_of_the_sign() -> None:
    signs = set()
    for number in range(8):
        key = BlockSigner(f"v{number}").validator.public_key
        check_ed25519_key(key, place="key")
        signs.add(key[31] >> 7)
        check_ed25519_key(bytes((*key[:31], key[31] ^ 0x80)), place="key")
    assert signs == {0, 1}


# --- the choice of a backend -------------------------------------------------------------------


def test_backends_by_name() -> None:
    assert load_backend().name == "cryptography"
    assert load_backend("cryptography").name == "cryptography"
    assert load_backend("ecdsa").name == "ecdsa"
    with pytest.raises(ValueError, match="no backend is called openssl"):
        load_backend("openssl")


def test_ecdsa_steps_in_where_cryptography_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert load_backend().name == "ecdsa"
    with pytest.raises(ImportError):
        load_backend("cryptography")
    monkeypatch.setitem(sys.modules, "ecdsa", None)
    with pytest.raises(ImportError):
        load_backend()


# --- the table of algorithms ---------------------------------------------------------------------


def test_the_table_says_of_es256_what_the_standard_does(backend: Backend) -> None:
    es256 = ALGORITHMS["ES256"]
    assert (es256.name, es256.crv, es256.signature_bytes) == ("ES256", "P-256", 64)
    key = MemberKey("table")
    signature = key.sign(b"message")
    high = signature[:32] + (P256_N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    for other in (signature, high):
        es256.check_form(other, place="here")
        es256.verify(key.jwk, b"message", other, backend)
        assert es256.canonical(other) == signature
    with pytest.raises(InvalidSignature):
        es256.verify(key.jwk, b"another message", signature, backend)
    for length in (0, 63, 65):
        with pytest.raises(InvalidSignature) as refused:
            es256.check_form(b"\x01" * length, place="here")
        assert refused.value.place == "here"


def test_each_algorithm_of_the_table_stands_under_its_own_name() -> None:
    for name, algorithm in ALGORITHMS.items():
        assert algorithm_named(name, place="alg") is algorithm
        assert algorithm.name == name


@pytest.mark.parametrize(
    "name", ["none", "None", "", "es256", "ES384", "HS256", None, 1, ["ES256"]]
)
def test_what_is_not_in_the_table_is_no_algorithm(name: object) -> None:
    with pytest.raises(InvalidSignature) as refused:
        algorithm_named(name, place="header.alg")
    assert (refused.value.place, refused.value.rule) == ("header.alg", "must be ES256")


def test_a_key_of_another_curve_is_not_tried(backend: Backend) -> None:
    """Else the key of one algorithm could be used under the name of another."""
    key = MemberKey("table")
    other = replace(key.jwk, crv="SM2")
    assert other.thumbprint() != key.kid
    with pytest.raises(InvalidSignature, match="asks for a key of P-256"):
        ALGORITHMS["ES256"].verify(other, b"message", key.sign(b"message"), backend)
