"""Both implementations of the signature checks accept and refuse the same."""

from __future__ import annotations

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
    ed_x,
    es256_holds,
    es256_key_for,
    es256_sign,
    p256_multiply,
    p256_with_x,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidSignature
from node.core.signatures import PublicJwk, check_ed25519_key, load_backend

BACKENDS = (load_backend("cryptography"), load_backend("ecdsa"))
messages = st.binary(max_size=40)
near_edges = st.sampled_from([1, 2, 3, 2**128, P256_N // 2, P256_N - 2, P256_N - 1])
scalars = near_edges | st.integers(1, P256_N - 1)
numbers = st.sampled_from([0, P256_N, P256_N + 1, 2**256 - 1]) | scalars


def verdict(kind: str, *parts: object) -> bool:
    """What both backends say, which must be one thing."""
    said = []
    for backend in BACKENDS:
        try:
            getattr(backend, f"verify_{kind}")(*parts)
            said.append(True)
        except InvalidSignature:
            said.append(False)
    assert said[0] == said[1], f"cryptography: {said[0]}, ecdsa: {said[1]}"
    return said[0]


def jwk(point: tuple[int, int]) -> PublicJwk:
    return PublicJwk(point[0].to_bytes(32, "big"), point[1].to_bytes(32, "big"))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@settings(max_examples=60)
@given(scalars, scalars, messages)
def test_every_es256_signature_is_accepted(secret: int, nonce: int, message: bytes) -> None:
    key = p256_multiply(secret, P256_BASE)
    r, s = es256_sign(secret, message, nonce)
    assert verdict("es256", jwk(key), message, raw(r, s))
    assert verdict("es256", jwk(key), message, raw(r, P256_N - s))
    assert not verdict("es256", jwk(key), message + b"x", raw(r, s))


@settings(max_examples=80)
@given(scalars, scalars, messages, numbers, numbers, st.integers(0, 3))
def test_es256_agrees_with_the_textbook(
    secret: int, nonce: int, message: bytes, other_r: int, other_s: int, which: int
) -> None:
    key = p256_multiply(secret, P256_BASE)
    r, s = es256_sign(secret, message, nonce)
    r, s = (other_r if which & 1 else r), (other_s if which & 2 else s)
    assert verdict("es256", jwk(key), message, raw(r, s)) == es256_holds(key, message, r, s)


@settings(max_examples=60)
@given(st.integers(0, P256_P - 1), scalars, messages)
def test_es256_under_keys_made_to_fit_any_r_and_s(x: int, s: int, message: bytes) -> None:
    while p256_with_x(x) is None or x % P256_N == 0:
        x = (x + 1) % P256_P
    key = es256_key_for(message, p256_with_x(x), s)
    assert verdict("es256", jwk(key), message, raw(x % P256_N, s))


@given(
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary(max_size=80)
)
def test_es256_of_anything(x: bytes, y: bytes, signature: bytes) -> None:
    assert not verdict("es256", PublicJwk(x, y), b"message", signature)


ed_scalars = st.integers(1, ED_ORDER - 1)
torsion = st.sampled_from(ED_TORSION)


@settings(max_examples=60)
@given(ed_scalars, ed_scalars, messages)
def test_every_ed25519_signature_is_accepted(secret: int, nonce: int, message: bytes) -> None:
    key = ed_encode(ed_multiply(secret, ED_BASE))
    check_ed25519_key(key, place="key")
    first = ed_encode(ed_multiply(nonce, ED_BASE))
    signature = ed_sign(secret, key, message, first, nonce, first)
    assert verdict("ed25519", key, message, signature)
    assert not verdict("ed25519", key, message + b"x", signature)
    beyond = int.from_bytes(signature[32:], "little") + ED_ORDER
    assert not verdict("ed25519", key, message, first + beyond.to_bytes(32, "little"))


@settings(max_examples=80)
@given(st.just(0) | ed_scalars, st.just(0) | ed_scalars, messages, torsion, torsion, st.booleans())
def test_ed25519_with_parts_of_small_order(
    secret: int,
    nonce: int,
    message: bytes,
    of_key: tuple[int, int],
    of_r: tuple[int, int],
    beyond: bool,
) -> None:
    """Whatever a signer adds to key or R, neither library alone decides: both refuse."""
    key = ed_encode(ed_add(ed_multiply(secret, ED_BASE), of_key))
    canonical = ed_encode(ed_add(ed_multiply(nonce, ED_BASE), of_r))
    number = int.from_bytes(canonical, "little")
    first = canonical
    if beyond and (number & (1 << 255) - 1) + ED_PRIME < 1 << 255:
        first = (number + ED_PRIME).to_bytes(32, "little")
    honest = of_key == of_r == (0, 1) and secret and nonce and first == canonical
    for hashed in {first, canonical}:
        signature = ed_sign(secret, key, message, first, nonce, hashed)
        assert verdict("ed25519", key, message, signature) == bool(honest)


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_ed25519_of_anything(key: bytes, signature: bytes) -> None:
    assert not verdict("ed25519", key, b"message", signature)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_of_prime_order_or_refused(encoded: bytes) -> None:
    """One point in eight is; checked against the textbook's multiplication."""
    try:
        check_ed25519_key(encoded, place="key")
    except InvalidSignature:
        return
    number = int.from_bytes(encoded, "little")
    y = number & (1 << 255) - 1
    x = ed_x(y)
    point = (ED_PRIME - x if x & 1 != number >> 255 else x, y)
    assert ed_encode(point) == encoded
    assert ed_multiply(ED_ORDER, point) == (0, 1)
