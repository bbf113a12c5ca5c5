"""A validator's signature of a vote holds where CometBFT says so: by ZIP 215, with the cofactor.

All other Ed25519 signatures are checked without it (`node.core.signatures`). Of votes the engine
decides what is in a commit. Were these checked more strictly than there, one validator could put a
vote into it that no node could prove the block with, and all of them would stop.
"""

from __future__ import annotations

from hashlib import sha512

from node.core.errors import InvalidSignature
from node.core.signatures import Backend, check_ed25519_key

__all__ = ["verify_vote_signature"]

_PRIME = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _PRIME - 2, _PRIME) % _PRIME
_ROOT_OF_MINUS_1 = pow(2, (_PRIME - 1) // 4, _PRIME)

_NEUTRAL = (0, 1, 1, 0)
"""A point in extended coordinates (RFC 8032 §5.1.4), like all here."""


def verify_vote_signature(key: bytes, message: bytes, signature: bytes, backend: Backend) -> None:
    """Check the signature of a vote (ZIP 215; docs/spec/signatures.md, "Signatures of votes").

    Raises:
        InvalidSignature: it does not hold, or the key is none (`check_ed25519_key`).
    """
    check_ed25519_key(key, place="public key")
    try:
        backend.verify_ed25519(key, message, signature)
    except InvalidSignature:  # no honest validator's is: what follows takes 100 times as long
        if not _holds_with_cofactor(key, message, signature):
            raise


def _holds_with_cofactor(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether S < L and [8][S]B = [8]R + [8][k]A."""
    if len(signature) != 64:
        return False
    first, second = signature[:32], int.from_bytes(signature[32:], "little")
    r, a = _decode(first), _decode(key)
    if second >= _ORDER or r is None or a is None:
        return False
    k = int.from_bytes(sha512(first + key + message).digest(), "little") % _ORDER
    left = _add(_multiply(second, _BASE), _opposite(r))
    point = _add(left, _opposite(_multiply(k, a)))
    for _ in range(3):
        point = _add(point, point)
    return point[0] == 0 and point[1] == point[2]


def _decode(encoded: bytes) -> tuple[int, int, int, int] | None:
    """The point that 32 bytes stand for, whose y may be written with p added, and whose x may be a
    negative zero; None where there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (1 << 255) - 1) % _PRIME
    square = (y * y - 1) * pow(_D * y * y + 1, _PRIME - 2, _PRIME) % _PRIME
    x = pow(square, (_PRIME + 3) // 8, _PRIME)
    if x * x % _PRIME != square:
        x = x * _ROOT_OF_MINUS_1 % _PRIME
    if x * x % _PRIME != square:
        return None
    x = -x % _PRIME if x & 1 != sign else x
    return x, y, 1, x * y % _PRIME


def _opposite(point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x, y, z, t = point
    return -x % _PRIME, y, z, -t % _PRIME


def _add(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b = (y1 - x1) * (y2 - x2) % _PRIME, (y1 + x1) * (y2 + x2) % _PRIME
    c, d = t1 * 2 * _D * t2 % _PRIME, 2 * z1 * z2 % _PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME


def _multiply(scalar: int, point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    total = _NEUTRAL
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _base() -> tuple[int, int, int, int]:
    found = _decode((4 * pow(5, _PRIME - 2, _PRIME) % _PRIME).to_bytes(32, "little"))
    assert found is not None
    return found


_BASE = _base()
