"""Keccak-256 as Ethereum uses it: the permutation of FIPS 202 with the padding of before it.

`hashlib` has SHA3-256 alone, which pads otherwise. A proof takes about a hundred permutations of
half a millisecond each.
"""

from __future__ import annotations

__all__ = ["keccak256"]

_RATE = 136
_MASK = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """The constants of the 24 rounds (FIPS 202 §3.2.5), from the register that defines them."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for place in range(7):
            if register & 1:
                constant |= 1 << (1 << place) - 1
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _lane_moves() -> tuple[tuple[int, int, int], ...]:
    """Where each lane goes and by how far it turns: the steps ρ and π (FIPS 202 §3.2.2, §3.2.3).

    Lanes are numbered x + 5y; (from, to, bits).
    """
    moves, x, y = [(0, 0, 0)], 1, 0
    for step in range(24):
        turned = (step + 1) * (step + 2) // 2 % 64
        after = y, (2 * x + 3 * y) % 5
        moves.append((x + 5 * y, after[0] + 5 * after[1], turned))
        x, y = after
    return tuple(moves)


_ROUNDS = _round_constants()
_MOVES = _lane_moves()


def _permute(lanes: list[int]) -> list[int]:
    """Keccak-f[1600] (FIPS 202 §3.3) of 25 lanes of 64 bits."""
    a, mask = lanes, _MASK
    for constant in _ROUNDS:
        c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20]
        c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21]
        c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22]
        c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23]
        c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24]
        mixed = (
            c4 ^ ((c1 << 1 | c1 >> 63) & mask),
            c0 ^ ((c2 << 1 | c2 >> 63) & mask),
            c1 ^ ((c3 << 1 | c3 >> 63) & mask),
            c2 ^ ((c4 << 1 | c4 >> 63) & mask),
            c3 ^ ((c0 << 1 | c0 >> 63) & mask),
        )
        b = [0] * 25
        for source, target, turned in _MOVES:
            lane = a[source] ^ mixed[source % 5]
            b[target] = (lane << turned | lane >> 64 - turned) & mask
        a = []
        for row in range(0, 25, 5):
            b0, b1, b2, b3, b4 = b[row : row + 5]
            a += (
                b0 ^ (~b1 & b2),
                b1 ^ (~b2 & b3),
                b2 ^ (~b3 & b4),
                b3 ^ (~b4 & b0),
                b4 ^ (~b0 & b1),
            )
        a[0] ^= constant
    return a


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 of ``data``."""
    padded = bytearray(data)
    padded.append(0x01)
    padded.extend(bytes(-len(padded) % _RATE))
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for position in range(_RATE // 8):
            at = start + 8 * position
            lanes[position] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
