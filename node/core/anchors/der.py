"""Strict DER (ITU-T X.690 §10, §11): what certificates, tokens and blocks are written in.

Every value has one encoding here and no other is read: lengths are definite and minimal, integers
minimal, booleans 00 or FF, nothing follows the last element. Elements know their place, so that an
error names it. Tags above 30 do not occur in the formats that are read here and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from node.core.encoding import parse_rfc3339
from node.core.errors import InvalidEncoding

__all__ = [
    "BIT_STRING",
    "BOOLEAN",
    "CONTEXT",
    "CONTEXT_CONSTRUCTED",
    "GENERALIZED_TIME",
    "INTEGER",
    "NULL",
    "OCTET_STRING",
    "OID",
    "SEQUENCE",
    "SET",
    "UTC_TIME",
    "UTF8_STRING",
    "Contents",
    "Element",
    "check_set_order",
    "decode_der",
    "decode_time",
    "encode_der",
    "encode_integer",
    "encode_oid",
    "encode_set",
    "read_bits",
    "read_boolean",
    "read_integer",
    "read_oid",
    "read_sole",
]

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x0C, 0x17, 0x18, 0x30, 0x31
"""Identifier octets of the universal types."""
CONTEXT, CONTEXT_CONSTRUCTED = 0x80, 0xA0
"""Identifier octets of [0], primitive and constructed; that of [n] is n more."""

_NAMES = {
    BOOLEAN: "a BOOLEAN",
    INTEGER: "an INTEGER",
    BIT_STRING: "a BIT STRING",
    OCTET_STRING: "an OCTET STRING",
    NULL: "NULL",
    OID: "an OBJECT IDENTIFIER",
    UTF8_STRING: "a UTF8String",
    UTC_TIME: "a UTCTime",
    GENERALIZED_TIME: "a GeneralizedTime",
    SEQUENCE: "a SEQUENCE",
    SET: "a SET",
}
_UTC_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_GENERALIZED_TIME = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z", re.ASCII
)


@dataclass(frozen=True)
class Element:
    """One element: identifier octet, content octets, and the whole encoding."""

    tag: int
    content: bytes
    encoded: bytes
    place: str


def decode_der(data: bytes, place: str, *tags: int) -> Element:
    """The one element that ``data`` is, of one of ``tags`` where any are given.

    Raises:
        InvalidEncoding: it is no element in DER, of another type, or bytes follow it.
    """
    element, end = _read(data, 0, place)
    if end != len(data):
        raise InvalidEncoding(place, f"{len(data) - end} bytes follow the DER value")
    _check_tag(element.tag, tags, place)
    return element


def _read(data: bytes, start: int, place: str) -> tuple[Element, int]:
    if len(data) - start < 2:
        raise InvalidEncoding(place, "DER is cut off")
    tag, length, begin = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F or tag == 0:
        raise InvalidEncoding(place, f"no type of these formats has identifier octet {tag:02x}")
    if length > 0x7F:
        count = length & 0x7F
        written = data[begin : begin + count]
        begin += count
        length = int.from_bytes(written, "big")
        if not 1 <= count <= 4 or len(written) != count or written[0] == 0 or length < 0x80:
            raise InvalidEncoding(place, "length is not definite and minimal (X.690 §10.1)")
    end = begin + length
    if end > len(data):
        raise InvalidEncoding(place, "DER is cut off")
    return Element(tag, data[begin:end], data[start:end], place), end


def _check_tag(tag: int, tags: Sequence[int], place: str) -> None:
    if tags and tag not in tags:
        wanted = " or ".join(_name(one) for one in tags)
        raise InvalidEncoding(place, f"must be {wanted}, and is {_name(tag)}")


def _name(tag: int) -> str:
    if tag in _NAMES:
        return _NAMES[tag]
    return f"[{tag & 0x1F}]" if tag & 0xC0 == 0x80 else f"of identifier octet {tag:02x}"


class Contents:
    """Takes the elements of a constructed one, in their order."""

    def __init__(self, element: Element) -> None:
        if not element.tag & 0x20:
            raise InvalidEncoding(element.place, "must be constructed")
        self._data, self._at, self._place = element.content, 0, element.place

    @property
    def left(self) -> bool:
        """Whether any are left."""
        return self._at < len(self._data)

    def take(self, name: str, *tags: int) -> Element:
        """The next one, of one of ``tags`` where any are given; ``name`` is what it is called.

        Raises:
            InvalidEncoding: there is none, or of another type.
        """
        place = f"{self._place}.{name}"
        if not self.left:
            raise InvalidEncoding(place, "is missing")
        element, end = _read(self._data, self._at, place)
        _check_tag(element.tag, tags, place)
        self._at = end
        return element

    def take_if(self, name: str, tag: int) -> Element | None:
        """The next one if it is of ``tag``, else None."""
        if self.left and self._data[self._at] == tag:
            return self.take(name, tag)
        return None

    def rest(self, *tags: int) -> tuple[Element, ...]:
        """All that are left, each of one of ``tags`` where any are given."""
        found: list[Element] = []
        base = self._place
        while self.left:
            self._place = f"{base}[{len(found)}]"
            element, self._at = _read(self._data, self._at, self._place)
            _check_tag(element.tag, tags, self._place)
            found.append(element)
        self._place = base
        return tuple(found)

    def end(self) -> None:
        """Raise InvalidEncoding unless all have been taken."""
        if self.left:
            raise InvalidEncoding(self._place, "has more members than its format knows")


def read_sole(element: Element, name: str, *tags: int) -> Element:
    """The only element inside ``element``."""
    contents = Contents(element)
    sole = contents.take(name, *tags)
    contents.end()
    return sole


def read_integer(element: Element, *, least: int | None = None, most: int | None = None) -> int:
    """The value of an INTEGER (or one with an implicit tag), between the bounds if given."""
    content = element.content
    if not content or (len(content) > 1 and content[0] in (0, 0xFF)
                       and (content[0] ^ content[1]) < 0x80):  # fmt: skip
        raise InvalidEncoding(element.place, "integer is not minimal (X.690 §8.3.2)")
    value = int.from_bytes(content, "big", signed=True)
    if (least is not None and value < least) or (most is not None and value > most):
        raise InvalidEncoding(element.place, _range(least, most))
    return value


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"must be at least {least}"
    return f"must be at most {most}" if least is None else f"must be from {least} to {most}"


def read_boolean(element: Element) -> bool:
    """The value of a BOOLEAN."""
    if element.content not in (b"\x00", b"\xff"):
        raise InvalidEncoding(element.place, "boolean must be 00 or FF (X.690 §11.1)")
    return element.content == b"\xff"


def read_oid(element: Element) -> str:
    """The value of an OBJECT IDENTIFIER in dotted form."""
    content = element.content
    if not 1 <= len(content) <= 64 or content[-1] > 0x7F:
        raise InvalidEncoding(element.place, "object identifier is cut off, or over 64 bytes")
    arcs, value, first = [], 0, True
    for octet in content:
        if first and octet == 0x80:
            raise InvalidEncoding(element.place, "object identifier is not minimal (X.690 §8.19)")
        value, first = value << 7 | octet & 0x7F, octet < 0x80
        if first:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))


def read_bits(element: Element) -> tuple[bytes, int]:
    """The value of a BIT STRING: its bytes, and how many bits of the last one are not of it."""
    content = element.content
    unused = content[0] if content else 8
    wrong = unused > 7 or (len(content) == 1 and unused) or content[-1] & (1 << unused) - 1
    if wrong:
        raise InvalidEncoding(element.place, "bit string is not in DER (X.690 §8.6, §11.2)")
    return content[1:], unused


def decode_time(element: Element) -> int:
    """The value of a UTCTime of RFC 5280 §4.1.2.5.1 or of a GeneralizedTime, in nanoseconds since
    the Unix epoch. Always UTC, with seconds; a fraction has no zero at its end (X.690 §11.7)."""
    text = element.content.decode("latin-1")
    pattern = _UTC_TIME if element.tag == UTC_TIME else _GENERALIZED_TIME
    match = pattern.fullmatch(text)
    if match is None:
        raise InvalidEncoding(element.place, "is no UTC time as DER writes it (X.690 §11.7, §11.8)")
    year, month, day, hours, minutes, seconds = match.groups()[:6]
    if element.tag == UTC_TIME:
        year = ("20" if year < "50" else "19") + year
    fraction = "" if element.tag == UTC_TIME or match[7] is None else f".{match[7]}"
    written = f"{year}-{month}-{day}T{hours}:{minutes}:{seconds}{fraction}Z"
    whole, nanoseconds = parse_rfc3339(written, place=element.place)
    return whole * 1_000_000_000 + nanoseconds


def check_set_order(items: Sequence[Element], place: str) -> None:
    """Raise InvalidEncoding unless the items of a SET OF stand in DER's order (X.690 §11.6)."""
    encoded = [item.encoded for item in items]
    if encoded != sorted(encoded):
        raise InvalidEncoding(place, "the items of the set are not in DER's order (X.690 §11.6)")


def encode_der(tag: int, *parts: bytes) -> bytes:
    """An element of these contents, one after the other."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_integer(value: int) -> bytes:
    """An INTEGER."""
    octets = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return encode_der(INTEGER, value.to_bytes(octets, "big", signed=True))


def encode_oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER, of its dotted form.

    Raises:
        InvalidEncoding: there is none of that form.
    """
    if re.fullmatch(r"[0-2](\.(0|[1-9]\d{0,38})){1,20}", dotted, re.ASCII) is None:
        raise InvalidEncoding("object identifier", "must be numbers with dots between them")
    top, second, *others = map(int, dotted.split("."))
    if top < 2 and second > 39:
        raise InvalidEncoding("object identifier", "its second number is above 39")
    content = bytearray()
    for arc in (40 * top + second, *others):
        septets = range((max(arc.bit_length(), 1) + 6) // 7)
        octets = bytearray(arc >> 7 * septet & 0x7F | 0x80 for septet in reversed(septets))
        octets[-1] &= 0x7F
        content += octets
    return encode_der(OID, bytes(content))


def encode_set(*items: bytes) -> bytes:
    """A SET OF items that are encoded already, in DER's order."""
    return encode_der(SET, *sorted(items))
