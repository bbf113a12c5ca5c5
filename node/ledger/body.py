"""Bodies of blocks, as they lie in segment files: height, time, the engine's seal, frames.

Where the engine reported misbehaviour with a block, that stands behind the frames: it is judged
like them, and so belongs to what the ledger is made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from node.core.encoding import decode_uvarint, encode_uvarint
from node.core.errors import InvalidEncoding
from node.rules.judgement import Misbehaviour

__all__ = ["Body", "decode_body", "encode_body"]

Span = tuple[int, int]


@dataclass(frozen=True)
class Body:
    """A decoded body. ``time`` in ms; ``seal`` is the engine's own."""

    height: int
    time: int
    seal: bytes
    frames: tuple[bytes, ...]
    misbehaviour: tuple[Misbehaviour, ...] = ()


def encode_body(
    height: int,
    time: int,
    frames: Sequence[bytes],
    seal: bytes,
    misbehaviour: Sequence[Misbehaviour] = (),
) -> tuple[bytes, list[Span]]:
    """The body's bytes, and the (offset, length) of each frame in them."""
    head = b"".join(map(encode_uvarint, (height, time, len(seal))))
    pieces = [head, seal, encode_uvarint(len(frames))]
    offset = sum(map(len, pieces))
    spans = []
    for frame in frames:
        length = encode_uvarint(len(frame))
        offset += len(length)
        spans.append((offset, len(frame)))
        offset += len(frame)
        pieces += (length, frame)
    if misbehaviour:
        pieces.append(msgspec.msgpack.encode([tuple(item) for item in misbehaviour]))
    return b"".join(pieces), spans


def decode_body(payload: bytes) -> Body:
    """Decode a body. Raises InvalidEncoding where it is cut off or more follows than belongs."""
    numbers, offset = [], 0
    for name in ("height", "time", "seal"):
        value, offset = decode_uvarint(payload, offset, place=f"body.{name}")
        numbers.append(value)
    seal, offset = _take(payload, offset, numbers[2], "body.seal")
    count, offset = decode_uvarint(payload, offset, place="body.frames")
    frames = []
    for position in range(count):
        place = f"body.frames[{position}]"
        length, offset = decode_uvarint(payload, offset, place=place)
        frame, offset = _take(payload, offset, length, place)
        frames.append(frame)
    misbehaviour = _read_misbehaviour(payload[offset:]) if offset != len(payload) else ()
    return Body(numbers[0], numbers[1], seal, tuple(frames), misbehaviour)


_MISBEHAVIOUR = msgspec.msgpack.Decoder(list[Misbehaviour])


def _read_misbehaviour(raw: bytes) -> tuple[Misbehaviour, ...]:
    try:
        found = tuple(_MISBEHAVIOUR.decode(raw))
    except msgspec.DecodeError as error:
        raise InvalidEncoding("body", f"has trailing bytes that mean nothing: {error}") from error
    if not found:
        raise InvalidEncoding("body", "has trailing bytes")
    return found


def _take(payload: bytes, offset: int, length: int, place: str) -> tuple[bytes, int]:
    end = offset + length
    if end > len(payload):
        raise InvalidEncoding(place, "is cut off")
    return payload[offset:end], end
