"""Textbook P-256 and Ed25519 in affine coordinates: slow, and shared with neither library.

For tests that need a third opinion, or signatures and keys that no honest signer makes.
"""

from __future__ import annotations

import hashlib

__all__ = [
    "ED_BASE",
    "ED_ORDER",
    "ED_PRIME",
    "ED_TORSION",
    "P256_BASE",
    "P256_N",
    "P256_P",
    "ed_add",
    "ed_encode",
    "ed_multiply",
    "ed_secret",
    "ed_sign",
    "ed_x",
    "es256_holds",
    "es256_key_for",
    "es256_sign",
    "p256_add",
    "p256_multiply",
    "p256_negative",
    "p256_with_x",
]

P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int]


def p256_add(one: Point | None, other: Point | None) -> Point | None:
    """The sum of two points; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P256_P == 0:
        return None
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P256_P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P256_P)
    x = (slope * slope - x1 - x2) % P256_P
    return x, (slope * (x1 - x) - y1) % P256_P


def p256_multiply(scalar: int, point: Point | None) -> Point | None:
    """``scalar`` times ``point``."""
    total = None
    while scalar:
        if scalar & 1:
            total = p256_add(total, point)
        point = p256_add(point, point)
        scalar >>= 1
    return total


def p256_negative(point: Point) -> Point:
    """The point's opposite."""
    return point[0], P256_P - point[1]


def p256_with_x(x: int) -> Point | None:
    """A point with this x, if the curve has one."""
    square = (x**3 - 3 * x + _B) % P256_P
    y = pow(square, (P256_P + 1) // 4, P256_P)
    return (x, y) if y * y % P256_P == square else None


def _digest(message: bytes) -> int:
    return int.from_bytes(hashlib.sha256(message).digest(), "big")


def es256_holds(key: Point, message: bytes, r: int, s: int) -> bool:
    """ECDSA verification as FIPS 186-5 §6.4.2 writes it."""
    if not (0 < r < P256_N and 0 < s < P256_N):
        return False
    inverse = pow(s, -1, P256_N)
    first = p256_multiply(_digest(message) * inverse % P256_N, P256_BASE)
    point = p256_add(first, p256_multiply(r * inverse % P256_N, key))
    return point is not None and point[0] % P256_N == r


def es256_sign(secret: int, message: bytes, nonce: int) -> tuple[int, int]:
    """r and s for a nonce of one's choice."""
    point = p256_multiply(nonce, P256_BASE)
    assert point is not None
    r = point[0] % P256_N
    return r, pow(nonce, -1, P256_N) * (_digest(message) + r * secret) % P256_N


def es256_key_for(message: bytes, point: Point, s: int) -> Point:
    """The key under which (x of ``point``, ``s``) is a signature of ``message``."""
    r = point[0] % P256_N
    minus = p256_multiply(-_digest(message) % P256_N, P256_BASE)
    key = p256_multiply(pow(r, -1, P256_N), p256_add(p256_multiply(s, point), minus))
    assert key is not None
    return key


ED_PRIME = 2**255 - 19
ED_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, ED_PRIME) % ED_PRIME


def ed_x(y: int) -> int:
    """The even x that goes with ``y``."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, ED_PRIME) % ED_PRIME
    x = pow(square, (ED_PRIME + 3) // 8, ED_PRIME)
    if (x * x - square) % ED_PRIME:
        x = x * pow(2, (ED_PRIME - 1) // 4, ED_PRIME) % ED_PRIME
    assert (x * x - square) % ED_PRIME == 0
    return ED_PRIME - x if x & 1 else x


def ed_add(one: Point, other: Point) -> Point:
    """The sum of two points of edwards25519."""
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2 % ED_PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, ED_PRIME) % ED_PRIME
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, ED_PRIME) % ED_PRIME


def ed_multiply(scalar: int, point: Point) -> Point:
    """``scalar`` times ``point``."""
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = ed_add(total, point)
        point = ed_add(point, point)
        scalar >>= 1
    return total


_BASE_Y = 4 * pow(5, -1, ED_PRIME) % ED_PRIME
ED_BASE = (ed_x(_BASE_Y), _BASE_Y)


def _torsion() -> tuple[Point, ...]:
    """The eight points of small order: multiples of what the group's order leaves of a point."""
    y = 2
    while True:
        try:
            generator = ed_multiply(ED_ORDER, (ed_x(y), y))
        except AssertionError:
            y += 1
            continue
        multiples = [ed_multiply(number, generator) for number in range(8)]
        if len(set(multiples)) == 8:
            return tuple(multiples)
        y += 1


ED_TORSION = _torsion()


def ed_encode(point: Point) -> bytes:
    """A point's 32 bytes (RFC 8032 §5.1.2)."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def ed_secret(seed: bytes) -> int:
    """The secret scalar of a private key (RFC 8032 §5.1.5)."""
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return scalar & ((1 << 254) - 8) | 1 << 254


def ed_sign(
    secret: int, key: bytes, message: bytes, first: bytes, nonce: int, hashed: bytes
) -> bytes:
    """``first`` ‖ S where S = nonce + SHA-512(``hashed`` ‖ key ‖ message) · secret."""
    challenge = int.from_bytes(hashlib.sha512(hashed + key + message).digest(), "little")
    return first + ((nonce + challenge * secret) % ED_ORDER).to_bytes(32, "little")
