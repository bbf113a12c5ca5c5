"""Bodies of blocks, as they lie in segment files: height, time, the engine's seal, the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.core.encoding import decode_uvarint, encode_uvarint
from node.core.errors import InvalidEncoding

__all__ = ["Body", "decode_body", "encode_body"]

Span = tuple[int, int]


@dataclass(frozen=True)
class Body:
    """A decoded body. ``time`` in ms; ``seal`` is the engine's own."""

    height: int
    time: int
    seal: bytes
    frames: tuple[bytes, ...]


def encode_body(
    height: int, time: int, frames: Sequence[bytes], seal: bytes
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
    return b"".join(pieces), spans


def decode_body(payload: bytes) -> Body:
    """Decode a body. Raises InvalidEncoding when it is cut off or has trailing bytes."""
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
    if offset != len(payload):
        raise InvalidEncoding("body", "has trailing bytes")
    return Body(numbers[0], numbers[1], seal, tuple(frames))


def _take(payload: bytes, offset: int, length: int, place: str) -> tuple[bytes, int]:
    end = offset + length
    if end > len(payload):
        raise InvalidEncoding(place, "is cut off")
    return payload[offset:end], end
