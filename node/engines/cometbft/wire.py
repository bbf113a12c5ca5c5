"""How ABCI's messages stand in a stream of bytes: uvarint(length) ‖ message, one behind the other.

The length is what Go's ``binary.PutUvarint`` writes: seven bits a byte, lowest first, no byte more
than needed (ABCI 2.0, client and server, "message format").
"""

from __future__ import annotations

from collections.abc import Iterator

from node.core.encoding import encode_uvarint
from node.core.errors import InvalidEncoding

__all__ = ["MAX_MESSAGE_BYTES", "MessageDecoder", "encode_message"]

MAX_MESSAGE_BYTES = 104 << 20
"""Longest message that is taken unless another limit is given. The members may vote for blocks of
100 MiB; a request that holds one adds the votes on the block before it."""

_MAX_LENGTH_BYTES = 10


def encode_message(message: bytes) -> bytes:
    """The message with its length before it."""
    return encode_uvarint(len(message)) + message


class MessageDecoder:
    """Takes a stream in pieces of any size and gives its messages.

    No memory is set aside for a length that is only announced. Every byte is copied at most twice,
    however small the pieces.

    Args:
        place: what the stream is, for errors; messages are counted from 1.
        max_bytes: the longest message that is taken.
    """

    def __init__(self, place: str, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._place = place
        self._max_bytes = max_bytes
        self._number = 1
        self._head = 0
        self._head_bytes = 0
        self._length: int | None = None
        self._body = bytearray()
        self._flaw: InvalidEncoding | None = None

    @property
    def number(self) -> int:
        """The number of the message that comes next or has come in part."""
        return self._number

    @property
    def is_between(self) -> bool:
        """Whether the stream may end here: no message has come in part."""
        return self._length is None and self._head_bytes == 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece of the stream; exhaust the iterator before the next one.

        Yields:
            Each message that is now whole, without its length.

        Raises:
            InvalidEncoding: a length is not as Go writes it, or above the limit. The messages
                before it have been given; nothing can be read after it, and every later call raises
                the same.
        """
        if self._flaw is not None:
            raise self._flaw
        offset = 0
        while offset < len(piece):
            if self._length is None:
                offset = self._read_length(piece, offset)
                if self._length is None:
                    return
            missing = self._length - len(self._body)
            if not self._body and len(piece) - offset >= missing:
                message = piece[offset : offset + missing]
            else:
                self._body += piece[offset : offset + missing]
                if len(self._body) < self._length:
                    return
                message = bytes(self._body)
                self._body = bytearray()
            offset += missing
            self._length = None
            self._number += 1
            yield message

    def _read_length(self, piece: bytes, offset: int) -> int:
        """Read on in the length, which may be cut off; the offset behind what was read."""
        while offset < len(piece):
            byte = piece[offset]
            offset += 1
            self._head |= (byte & 0x7F) << (7 * self._head_bytes)
            self._head_bytes += 1
            if byte < 0x80:
                if byte == 0 and self._head_bytes > 1:
                    self._refuse("the length has more bytes than it needs")
                if self._head > self._max_bytes:
                    self._refuse(f"the length is {self._head} bytes, at most {self._max_bytes}")
                self._length, self._head, self._head_bytes = self._head, 0, 0
                break
            if self._head_bytes == _MAX_LENGTH_BYTES:
                self._refuse(f"the length has more than {_MAX_LENGTH_BYTES} bytes")
        return offset

    def _refuse(self, rule: str) -> None:
        self._flaw = InvalidEncoding(f"{self._place}, message {self._number}", rule)
        raise self._flaw
