"""Checks of SM2 signatures (GB/T 32918.2-2016) with SM3, on the curve of GB/T 32918.5-2017.

In pure Python: it only verifies, so nothing secret is in its timing, and a court's machine needs no
library for it.
"""

from __future__ import annotations

from typing import Optional, Tuple

from node.core.anchors.sm3 import sm3
from node.core.errors import InvalidSignature

__all__ = ["SM2_USER_ID", "check_sm2_point", "verify_sm2"]

SM2_USER_ID = b"1234567812345678"
"""The signer's id where two parties have agreed on none (GM/T 0009-2012 §10)."""

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0

_Point = Optional[Tuple[int, int, int]]
"""Jacobian coordinates; None is the point at infinity."""


def check_sm2_point(x: int, y: int, *, place: str) -> None:
    """Raise InvalidSignature unless (x, y) lies on the curve, whose every point is a key."""
    on_curve = (y * y - (x * x * x + _A * x + _B)) % _P == 0
    if not (0 <= x < _P and 0 <= y < _P and on_curve):
        raise InvalidSignature(place, "the point is not on the curve of SM2")


def verify_sm2(
    key: bytes, message: bytes, signature: bytes, *, user_id: bytes = SM2_USER_ID
) -> None:
    """Check a signature (§7.1).

    Args:
        key: x‖y, 64 bytes.
        message: what was signed, not hashed.
        signature: r‖s, 64 bytes.
        user_id: the signer's distinguishing id, at most 8191 bytes.

    Raises:
        InvalidSignature: it does not hold, or key or signature is malformed.
    """
    if len(key) != 64 or len(signature) != 64:
        raise InvalidSignature("signature", "an SM2 key and an SM2 signature have 64 bytes each")
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    check_sm2_point(x, y, place="public key")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < _N and 0 < s < _N):
        raise InvalidSignature("signature", "r and s must be between 1 and n-1 (SM2)")
    t = (r + s) % _N
    e = int.from_bytes(sm3(_identity_hash(key, user_id) + message), "big")
    sum_x = _affine_x(_add(_multiply(s, (_GX, _GY, 1)), _multiply(t, (x, y, 1)))) if t else None
    if sum_x is None or (e + sum_x) % _N != r:
        raise InvalidSignature("signature", "does not hold under this key (SM2)")


def _identity_hash(key: bytes, user_id: bytes) -> bytes:
    """Z of the signer (§5.5)."""
    if len(user_id) > 8191:
        raise InvalidSignature("user id", "has at most 8191 bytes (SM2)")
    curve = b"".join(number.to_bytes(32, "big") for number in (_A, _B, _GX, _GY))
    return sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + curve + key)


def _double(point: _Point) -> _Point:
    if point is None or point[1] == 0:
        return None
    x, y, z = point
    square, z2 = y * y % _P, z * z % _P
    s, m = 4 * x * square % _P, 3 * (x - z2) * (x + z2) % _P
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * square * square) % _P, 2 * y * z % _P


def _add(left: _Point, right: _Point) -> _Point:
    if left is None or right is None:
        return right if left is None else left
    x1, y1, z1 = left
    x2, y2, z2 = right
    z1s, z2s = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * z2s % _P, x2 * z1s % _P
    s1, s2 = y1 * z2s * z2 % _P, y2 * z1s * z1 % _P
    if u1 == u2:
        return _double(left) if s1 == s2 else None
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    h2 = h * h % _P
    h3, v = h * h2 % _P, u1 * h2 % _P
    x3 = (r * r - h3 - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * h3) % _P, h * z1 * z2 % _P


def _multiply(factor: int, point: _Point) -> _Point:
    total: _Point = None
    for bit in bin(factor)[2:]:
        total = _double(total)
        if bit == "1":
            total = _add(total, point)
    return total


def _affine_x(point: _Point) -> int | None:
    if point is None:
        return None
    return point[0] * pow(point[2], _P - 3, _P) % _P
