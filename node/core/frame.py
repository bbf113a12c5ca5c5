"""Frames: what consensus carries. 0x01 ‖ zstd(uvarint count, then header, payload, signature each).

Canonical base64url makes the JWTs' bytes come back exactly, in a third of the space.
"""

from __future__ import annotations

from collections.abc import Sequence

import zstandard

from node.core.encoding import decode_uvarint, encode_base64url, encode_uvarint
from node.core.errors import InvalidEncoding
from node.core.transaction import split_compact

__all__ = [
    "FRAME_VERSION",
    "MAX_FRAME_BYTES",
    "MAX_FRAME_TRANSACTIONS",
    "MAX_UNPACKED_BYTES",
    "Parts",
    "decode_frame",
    "encode_frame",
    "pack_parts",
    "transaction_at",
    "transaction_offsets",
    "unpack",
    "unpack_parts",
]

FRAME_VERSION = 1
MAX_FRAME_TRANSACTIONS = 256
MAX_FRAME_BYTES = 200_000
MAX_UNPACKED_BYTES = 4_000_000
_LEVEL = 1
_MAX_WINDOW = 1 << 23

Parts = tuple[bytes, bytes, bytes]
"""A transaction's decoded (header, payload, signature)."""


def pack_parts(parts: Sequence[Parts]) -> bytes:
    """The frame of transactions given as decoded (header, payload, signature).

    Raises:
        InvalidEncoding: more than 256 transactions, 4 MB unpacked or 200 kB packed, or none.
    """
    if not 1 <= len(parts) <= MAX_FRAME_TRANSACTIONS:
        raise InvalidEncoding("frame", f"must have 1 to {MAX_FRAME_TRANSACTIONS} transactions")
    pieces = [encode_uvarint(len(parts))]
    for transaction in parts:
        for part in transaction:
            pieces.append(encode_uvarint(len(part)))
            pieces.append(part)
    unpacked = b"".join(pieces)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise InvalidEncoding("frame", f"at most {MAX_UNPACKED_BYTES} bytes unpacked are allowed")
    packed = b"\x01" + zstandard.ZstdCompressor(level=_LEVEL).compress(unpacked)
    if len(packed) > MAX_FRAME_BYTES:
        raise InvalidEncoding("frame", f"at most {MAX_FRAME_BYTES} bytes packed are allowed")
    return packed


def unpack_parts(frame: bytes) -> list[Parts]:
    """The decoded (header, payload, signature) of each transaction of a frame.

    Raises:
        InvalidEncoding: another version, oversize, no single zstd frame, cut off, trailing bytes.
    """
    data = unpack(frame)
    count, offset = decode_uvarint(data, 0, place="frame.count")
    if not 1 <= count <= MAX_FRAME_TRANSACTIONS:
        raise InvalidEncoding("frame.count", f"must be 1 to {MAX_FRAME_TRANSACTIONS}")
    transactions = []
    for position in range(count):
        parts = []
        for name in ("header", "payload", "signature"):
            place = f"frame[{position}].{name}"
            length, offset = decode_uvarint(data, offset, place=place)
            if length > len(data) - offset:
                raise InvalidEncoding(place, "is cut off")
            parts.append(data[offset : offset + length])
            offset += length
        transactions.append((parts[0], parts[1], parts[2]))
    if offset != len(data):
        raise InvalidEncoding("frame", "has bytes behind its last transaction")
    return transactions


def unpack(frame: bytes, decompressor: zstandard.ZstdDecompressor | None = None) -> bytes:
    """The unpacked content of a frame.

    Args:
        frame: the frame.
        decompressor: one that nobody else uses meanwhile; to make one takes as long as to unpack a
            small frame.

    Raises:
        InvalidEncoding: another version, oversize, or no single zstd frame.
    """
    if frame[:1] != b"\x01":
        raise InvalidEncoding("frame", "its first byte must be 0x01")
    if len(frame) > MAX_FRAME_BYTES:
        raise InvalidEncoding("frame", f"at most {MAX_FRAME_BYTES} bytes packed are allowed")
    return _decompress(frame[1:], decompressor or zstandard.ZstdDecompressor())


def transaction_offsets(jwts: Sequence[bytes]) -> list[int]:
    """Where each of a frame's transactions, given as JWS compact strings of at most
    16 KiB each, begins in its content."""
    offset = len(encode_uvarint(len(jwts)))
    offsets = []
    for jwt in jwts:
        offsets.append(offset)
        header = jwt.index(b".")
        behind = jwt.index(b".", header + 1)
        for characters in (header, behind - header - 1, len(jwt) - behind - 1):
            length = characters * 3 >> 2
            offset += length + (1 if length < 0x80 else 2)
    return offsets


def transaction_at(data: bytes, offset: int) -> bytes:
    """The JWS compact string that begins at ``offset`` in a frame's unpacked content.

    Raises:
        InvalidEncoding: the content is cut off in it, or before it.
    """
    parts = []
    for name in ("header", "payload", "signature"):
        here = f"frame, offset {offset}: {name}"
        length, offset = decode_uvarint(data, offset, place=here)
        if length > len(data) - offset:
            raise InvalidEncoding(here, "is cut off")
        parts.append(encode_base64url(data[offset : offset + length]))
        offset += length
    return ".".join(parts).encode("ascii")


def _decompress(packed: bytes, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """The content of exactly one zstd frame that declares its size, which bounds what is made."""
    try:
        declared = zstandard.frame_content_size(packed)
        if not 0 < declared <= MAX_UNPACKED_BYTES:
            raise InvalidEncoding(
                "frame", f"must declare a size of 1 to {MAX_UNPACKED_BYTES} bytes unpacked"
            )
        if zstandard.get_frame_parameters(packed).window_size > _MAX_WINDOW:
            raise InvalidEncoding("frame", f"may ask for a window of at most {_MAX_WINDOW} bytes")
        return decompressor.decompress(packed, max_output_size=declared, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise InvalidEncoding("frame", f"is no single zstd frame: {error}") from error


def encode_frame(jwts: Sequence[bytes]) -> bytes:
    """The frame of transactions given as JWS compact strings. Raises InvalidInput."""
    return pack_parts([split_compact(jwt) for jwt in jwts])


def decode_frame(frame: bytes) -> list[bytes]:
    """The JWS compact strings of a frame's transactions. Raises InvalidEncoding."""
    return [
        ".".join(encode_base64url(part) for part in parts).encode("ascii")
        for parts in unpack_parts(frame)
    ]
