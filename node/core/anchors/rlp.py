"""RLP, Ethereum's encoding of bytes and lists (Yellow Paper, appendix B), decoded strictly.

Only the shortest form is taken, nothing may be left over, and lists nest only so deep.
"""

from __future__ import annotations

from typing import List, Union

from node.core.errors import InvalidEncoding

__all__ = [
    "RlpItem",
    "decode_rlp",
    "encode_number",
    "encode_rlp",
    "read_bytes",
    "read_items",
    "read_number",
]

RlpItem = Union[bytes, List["RlpItem"]]
_MAX_DEPTH = 16


def encode_rlp(item: RlpItem) -> bytes:
    """Encode bytes or a list of items."""
    if isinstance(item, list):
        return _with_length(b"".join(encode_rlp(one) for one in item), 0xC0)
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _with_length(item, 0x80)


def _with_length(content: bytes, offset: int) -> bytes:
    if len(content) < 56:
        return bytes((offset + len(content),)) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((offset + 55 + len(length),)) + length + content


def encode_number(number: int) -> bytes:
    """An unsigned integer as RLP holds it: without leading zeros, 0 as no bytes."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_rlp(data: bytes, *, place: str, max_depth: int = _MAX_DEPTH) -> RlpItem:
    """Decode one item that takes up all of ``data``.

    Raises:
        InvalidEncoding: cut off, left over, not the shortest form, or nested too deep.
    """
    item, end = _decode(data, 0, len(data), place, max_depth)
    if end != len(data):
        raise InvalidEncoding(place, f"{len(data) - end} bytes behind the RLP item")
    return item


def _decode(data: bytes, start: int, end: int, place: str, depth: int) -> tuple[RlpItem, int]:
    """The item at ``start``, which must lie before ``end``, and the offset behind it."""
    if start >= end:
        raise InvalidEncoding(place, "RLP is cut off")
    first = data[start]
    if first < 0x80:
        return data[start : start + 1], start + 1
    is_list = first >= 0xC0
    begin, behind = _bounds(data, start, end, 0xC0 if is_list else 0x80, place)
    if not is_list:
        content = data[begin:behind]
        if len(content) == 1 and content[0] < 0x80:
            raise InvalidEncoding(place, "RLP is not in its shortest form")
        return content, behind
    if depth == 0:
        raise InvalidEncoding(place, "RLP is nested too deep")
    items: list[RlpItem] = []
    while begin < behind:
        item, begin = _decode(data, begin, behind, place, depth - 1)
        items.append(item)
    return items, behind


def _bounds(data: bytes, start: int, end: int, offset: int, place: str) -> tuple[int, int]:
    """Where the content of the item at ``start`` begins and ends."""
    size = data[start] - offset
    begin = start + 1
    if size > 55:
        digits = size - 55
        length = data[begin : begin + digits]
        begin += digits
        size = int.from_bytes(length, "big")
        if begin > end:
            raise InvalidEncoding(place, "RLP is cut off")
        if length[0] == 0 or size < 56:
            raise InvalidEncoding(place, "RLP is not in its shortest form")
    if begin + size > end:
        raise InvalidEncoding(place, "RLP is cut off")
    return begin, begin + size


def read_items(item: RlpItem, place: str, *, least: int, most: int) -> list[RlpItem]:
    """``item``, which must be a list of ``least`` to ``most`` items."""
    if not isinstance(item, list) or not least <= len(item) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise InvalidEncoding(place, f"must be an RLP list of {count} items")
    return item


def read_bytes(item: RlpItem, place: str, *, length: int) -> bytes:
    """``item``, which must be ``length`` bytes."""
    if not isinstance(item, bytes) or len(item) != length:
        raise InvalidEncoding(place, f"must be {length} bytes in RLP")
    return item


def read_number(item: RlpItem, place: str, *, most: int) -> int:
    """``item`` as an unsigned integer without leading zeros, at most ``most``."""
    if not isinstance(item, bytes) or item[:1] == b"\x00" or len(item) > 32:
        raise InvalidEncoding(place, "must be an RLP number without leading zeros")
    number = int.from_bytes(item, "big")
    if number > most:
        raise InvalidEncoding(place, f"must be at most {most}")
    return number
