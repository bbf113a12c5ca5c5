"""Frames: what consensus carries. 0x01 ‖ zstd(uvarint count, then header, payload, signature each).

Canonical base64url makes the JWTs' bytes come back exactly, in a third of the space. What a block's
frames may hold together is here too (`check_block`, `BlockRoom`): everybody who is proposed a block
has to check all of it, so what it can cost is known before the first signature is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import zstandard

from node.core.encoding import decode_uvarint, encode_base64url, encode_uvarint
from node.core.errors import InvalidEncoding
from node.core.transaction import split_compact

__all__ = [
    "FRAME_VERSION",
    "MAX_BLOCK_TRANSACTIONS",
    "MAX_BLOCK_UNPACKED_BYTES",
    "MAX_FRAME_BYTES",
    "MAX_FRAME_TRANSACTIONS",
    "MAX_UNPACKED_BYTES",
    "BlockRoom",
    "Parts",
    "check_block",
    "declared_size",
    "decode_frame",
    "encode_frame",
    "pack_parts",
    "transaction_at",
    "transaction_count",
    "transaction_offsets",
    "unpack",
    "unpack_parts",
]

FRAME_VERSION = 1
MAX_FRAME_TRANSACTIONS = 256
MAX_FRAME_BYTES = 200_000
MAX_UNPACKED_BYTES = 4_000_000
MAX_BLOCK_TRANSACTIONS = 8_192
MAX_BLOCK_UNPACKED_BYTES = 8_000_000
_FRAME_OVERHEAD = 8
"""What a block's encoding adds to a frame, in bytes, at most."""
_LEVEL = 1
_MAX_WINDOW = 1 << 23

Parts = tuple[bytes, bytes, bytes]
"""A transaction's decoded (header, payload, signature)."""


def pack_parts(parts: Sequence[Parts]) -> bytes:
    """The frame of transactions given as decoded (header, payload, signature).

    Raises:
        InvalidEncoding: more than 256 transactions, 4 MB unpacked or 200 kB packed, or none, or two
            with the same header and payload.
    """
    if not 1 <= len(parts) <= MAX_FRAME_TRANSACTIONS:
        raise InvalidEncoding("frame", f"must have 1 to {MAX_FRAME_TRANSACTIONS} transactions")
    _check_different(parts)
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
        InvalidEncoding: another version, oversize, no single zstd frame, cut off, trailing bytes,
            or two transactions with the same header and payload.
    """
    data = unpack(frame)
    count, offset = _count(data)
    transactions: list[Parts] = []
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
    _check_different(transactions)
    return transactions


def _count(data: bytes) -> tuple[int, int]:
    """How many transactions a frame's content says to have, and where the first begins."""
    count, offset = decode_uvarint(data, 0, place="frame.count")
    if not 1 <= count <= MAX_FRAME_TRANSACTIONS:
        raise InvalidEncoding("frame.count", f"must be 1 to {MAX_FRAME_TRANSACTIONS}")
    return count, offset


def _check_different(transactions: Sequence[Parts]) -> None:
    """Raise InvalidEncoding where what was signed stands there twice: copies are nearly free to
    make, pack and send, and each would have its signature checked. Another signature makes no other
    transaction of it: the (iss, jti) is the same, and one of the two can only be refused."""
    if len({parts[:2] for parts in transactions}) == len(transactions):
        return
    seen: dict[tuple[bytes, bytes], int] = {}
    for position, parts in enumerate(transactions):
        first = seen.setdefault(parts[:2], position)
        if first != position:
            raise InvalidEncoding(
                f"frame[{position}]", f"has the header and payload of frame[{first}]"
            )


def unpack(frame: bytes, decompressor: zstandard.ZstdDecompressor | None = None) -> bytes:
    """The unpacked content of a frame.

    Args:
        frame: the frame.
        decompressor: one that nobody else uses meanwhile; to make one takes as long as to unpack a
            small frame.

    Raises:
        InvalidEncoding: another version, oversize, or no single zstd frame.
    """
    _check_packed(frame)
    return _decompress(frame[1:], decompressor or zstandard.ZstdDecompressor())


def declared_size(frame: bytes) -> int:
    """How many bytes a frame says that its content has, of which nothing is made.

    Raises:
        InvalidEncoding: another version, oversize, or no zstd frame that declares its size.
    """
    _check_packed(frame)
    try:
        return _declared(frame[1:])
    except zstandard.ZstdError as error:
        raise InvalidEncoding("frame", f"is no single zstd frame: {error}") from error


def transaction_count(frame: bytes) -> int:
    """How many transactions a frame says to hold; nothing of them is looked at.

    Raises:
        InvalidEncoding: it cannot be unpacked, or the count is none.
    """
    return _count(unpack(frame))[0]


def check_block(frames: Sequence[bytes], count: Callable[[bytes], int] = transaction_count) -> None:
    """Check that a block's frames together are no more work than a block may be.

    The sizes that the frames declare come first: no more is ever unpacked than a block may have.

    Args:
        frames: the block's frames, in order.
        count: tells how many transactions a frame says to hold, for whoever knows some already;
            called once for each, in their order.

    Raises:
        InvalidEncoding: more than 8,192 transactions or 8 MB unpacked, or a frame that does not
            even tell how many it has.
    """
    if len(frames) > MAX_BLOCK_TRANSACTIONS:
        raise InvalidEncoding("block", f"at most {MAX_BLOCK_TRANSACTIONS} frames are allowed")
    total = 0
    for measure, most, what in (
        (declared_size, MAX_BLOCK_UNPACKED_BYTES, "bytes unpacked"),
        (count, MAX_BLOCK_TRANSACTIONS, "transactions"),
    ):
        total = 0
        for position, frame in enumerate(frames):
            try:
                total += measure(frame)
            except InvalidEncoding as error:
                raise error.under(f"block[{position}]") from error
            if total > most:
                raise InvalidEncoding("block", f"at most {most} {what} are allowed")


class BlockRoom:
    """What a block that is being put together can still take: ``max_bytes`` of frames, and what
    `check_block` allows."""

    def __init__(self, max_bytes: int) -> None:
        self._packed = max_bytes
        self._unpacked = MAX_BLOCK_UNPACKED_BYTES
        self._transactions = MAX_BLOCK_TRANSACTIONS

    def take(self, frame: bytes, transactions: int) -> bool:
        """Whether a frame of so many transactions fits, which then takes its room.

        Raises:
            InvalidEncoding: it does not declare its size.
        """
        packed = self._packed - len(frame) - _FRAME_OVERHEAD
        unpacked = self._unpacked - declared_size(frame)
        left = self._transactions - transactions
        if min(packed, unpacked, left) < 0:
            return False
        self._packed, self._unpacked, self._transactions = packed, unpacked, left
        return True


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


def _check_packed(frame: bytes) -> None:
    if frame[:1] != b"\x01":
        raise InvalidEncoding("frame", "its first byte must be 0x01")
    if len(frame) > MAX_FRAME_BYTES:
        raise InvalidEncoding("frame", f"at most {MAX_FRAME_BYTES} bytes packed are allowed")


def _declared(packed: bytes) -> int:
    """The content size that a zstd frame declares. Raises ZstdError where it is none."""
    declared = zstandard.frame_content_size(packed)
    if not 0 < declared <= MAX_UNPACKED_BYTES:
        raise InvalidEncoding(
            "frame", f"must declare a size of 1 to {MAX_UNPACKED_BYTES} bytes unpacked"
        )
    return declared


def _decompress(packed: bytes, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """The content of exactly one zstd frame that declares its size, which bounds what is made."""
    try:
        declared = _declared(packed)
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
