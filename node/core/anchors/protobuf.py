"""A strict reader of Protocol Buffers messages in their canonical form.

Only what receipts need: messages of known fields, in ascending order, each field at most once
unless it is repeated, no default value written out, minimal varints, nothing left over. Programs
that write messages with Google's libraries keep to this; what does not is refused, so that two
different byte strings never mean the same message here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from node.core.encoding import decode_uvarint, encode_uvarint
from node.core.errors import InvalidEncoding

__all__ = ["MESSAGE", "OCTETS", "TEXT", "UINT", "Field", "Message", "read_message", "write_field"]

UINT, OCTETS, TEXT, MESSAGE = "uint", "octets", "text", "message"
_VARINT, _LENGTH = 0, 2
_MOST_ITEMS = 1_000


@dataclass(frozen=True)
class Field:
    """A field of a message. ``kind`` is UINT (any varint type, as an unsigned number), OCTETS, TEXT
    or MESSAGE; the latter may be empty when written, the others are left out when zero or empty.
    A repeated one has at most 1,000 items."""

    name: str
    kind: str = OCTETS
    repeated: bool = False


Message = Mapping[int, Field]
"""Fields by number."""


def read_message(data: bytes, place: str, fields: Message) -> dict[str, Any]:
    """The values of a message by the fields' names; absent ones as 0, b"", "" or ().

    A MESSAGE field gives its bytes, to be read in turn, and None where it is absent.

    Raises:
        InvalidEncoding: the bytes are not the canonical form of a message with these fields.
    """
    found: dict[str, Any] = {field.name: _absent(field) for field in fields.values()}
    offset = last = 0
    while offset < len(data):
        tag, offset = decode_uvarint(data, offset, place=place)
        number, wire = tag >> 3, tag & 7
        field = fields.get(number)
        if field is None:
            raise InvalidEncoding(place, f"field {number} is not of this message")
        inner = f"{place}.{field.name}"
        if number < last or (number == last and not field.repeated):
            raise InvalidEncoding(inner, "stands twice or out of order")
        last = number
        value, offset = _read_value(data, offset, wire, field, inner)
        if not field.repeated:
            found[field.name] = value
        elif len(found[field.name]) == _MOST_ITEMS:
            raise InvalidEncoding(inner, f"has more than {_MOST_ITEMS} items")
        else:
            found[field.name] = (*found[field.name], value)
    return found


def _absent(field: Field) -> Any:
    if field.repeated:
        return ()
    return {UINT: 0, OCTETS: b"", TEXT: "", MESSAGE: None}[field.kind]


def _read_value(data: bytes, offset: int, wire: int, field: Field, place: str) -> tuple[Any, int]:
    if wire != (_VARINT if field.kind == UINT else _LENGTH):
        raise InvalidEncoding(place, f"has wire type {wire}")
    number, offset = decode_uvarint(data, offset, place=place)
    if field.kind == UINT:
        if number == 0:
            raise InvalidEncoding(place, "a zero is not written in canonical form")
        return number, offset
    if number > len(data) - offset:
        raise InvalidEncoding(place, "is cut off")
    value = data[offset : offset + number]
    if not value and not field.repeated and field.kind != MESSAGE:
        raise InvalidEncoding(place, "an empty value is not written in canonical form")
    if field.kind == TEXT:
        return _text(value, place), offset + number
    return value, offset + number


def _text(value: bytes, place: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidEncoding(place, f"not UTF-8 at byte {error.start}") from error


def write_field(number: int, value: bytes) -> bytes:
    """One length-delimited field."""
    return encode_uvarint(number << 3 | _LENGTH) + encode_uvarint(len(value)) + value
