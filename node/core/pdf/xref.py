"""Cross-reference sections, in tables and in streams (ISO 32000-2 §7.5.4, §7.5.5, §7.5.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import MAX_OBJECTS, IndirectObject, Ref, Stream
from node.core.pdf.reader import Reader

__all__ = ["Section", "read_section"]

_SUBSECTION = re.compile(rb"(\d{1,7}) (\d{1,7}) ?(?:\r\n|\n|\r)")
_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_END = re.compile(rb"[\x00\t\n\x0c\r ]*startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF(?:\r\n|\n|\r)?")
_TRAILER = {"Size", "Root", "Info", "ID", "Prev"}
_OF_STREAM = {"Type", "W", "Index", "Length", "Filter", "DecodeParms"}
_IN_USE, _IN_STREAM = 1, 2


@dataclass(frozen=True)
class Section:
    """One cross-reference section: it begins at ``start``, and the bytes of its revision go up to
    ``end``. ``offsets`` are the places of objects, ``packed`` the (object stream, index) of others,
    ``own`` the object that it is itself in where it is a stream."""

    start: int
    end: int
    trailer: dict[str, Any]
    offsets: dict[int, int] = field(repr=False)
    packed: dict[int, tuple[int, int]] = field(repr=False)
    own: IndirectObject | None = None

    @property
    def previous(self) -> int | None:
        """Where the section before it begins."""
        return self.trailer.get("Prev")


def read_section(data: bytes, start: int) -> Section:
    """The section that begins at ``start``, up to its %%EOF.

    Raises:
        InvalidEncoding: there is none, or it is not of the strict form of docs/spec/certificate.md.
    """
    reader = Reader(data, "pdf", start)
    own = None
    if data.startswith(b"xref", start):
        offsets = _read_table(reader)
        packed: dict[int, tuple[int, int]] = {}
        trailer = reader.value()
        known = _TRAILER
    else:
        own = reader.indirect()
        trailer, known = own.entries, _TRAILER | _OF_STREAM
        if trailer.get("Type") != "XRef" or not isinstance(own.value, Stream):
            raise InvalidEncoding(f"pdf at byte {start}", "must be a cross-reference section")
        offsets, packed = _read_stream(own.value, start)
        if offsets.pop(own.number, start) != start:
            raise InvalidEncoding(f"pdf at byte {start}", "names another place for itself")
    _check_trailer(trailer, known, {**offsets, **packed}, start)
    found = _END.match(data, reader.at)
    if found is None or int(found[1]) != start:
        raise reader.fail("startxref with the section's place and %%EOF must follow (§7.5.5)")
    return Section(start, found.end(), trailer, offsets, packed, own)


def _check_trailer(trailer: Any, known: set[str], numbers: dict[int, Any], start: int) -> None:
    place = f"pdf at byte {start}, trailer"
    if not isinstance(trailer, dict):
        raise InvalidEncoding(place, "must be a dictionary")
    if "Encrypt" in trailer:
        raise InvalidEncoding("pdf", "is encrypted: a certificate can be read by everybody")
    for name in trailer:
        if name not in known:
            rule = f"{name[:64]} is not used in certificates"
            raise InvalidEncoding(place, rule, "含证书不使用的项")
    size, previous = trailer.get("Size"), trailer.get("Prev", 0)
    if type(size) is not int or any(number >= size for number in numbers):
        raise InvalidEncoding(place, "Size must be above the number of every object")
    if not isinstance(trailer.get("Root"), Ref) or not isinstance(trailer.get("Info", Ref(1)), Ref):
        raise InvalidEncoding(place, "Root must be a reference, and Info where there is one")
    if type(previous) is not int or previous < 0:
        raise InvalidEncoding(place, "Prev must be a place in the file")


def _read_table(reader: Reader) -> dict[int, int]:
    """The offsets of a table's objects; only object 0 is free."""
    reader.take(b"xref")
    reader.skip_space()
    offsets: dict[int, int] = {}
    seen: set[int] = set()
    while not reader.data.startswith(b"trailer", reader.at):
        found = _SUBSECTION.match(reader.data, reader.at)
        if found is None:
            raise reader.fail("must be a subsection of the cross-reference table (§7.5.4)")
        first, count, reader.at = int(found[1]), int(found[2]), found.end()
        _check_range(first, count, len(seen), reader)
        for number in range(first, first + count):
            offset = _read_entry(reader, number)
            if number in seen:
                raise reader.fail(f"names object {number} twice")
            seen.add(number)
            if offset is not None:
                offsets[number] = offset
    reader.take(b"trailer")
    return offsets


def _check_range(first: int, count: int, seen: int, reader: Reader) -> None:
    if first + count > MAX_OBJECTS or seen + count > MAX_OBJECTS:
        raise reader.fail(f"a certificate has at most {MAX_OBJECTS} objects")


def _read_entry(reader: Reader, number: int) -> int | None:
    found = _ENTRY.match(reader.data, reader.at)
    if found is None:
        raise reader.fail("must be an entry of 20 bytes (§7.5.4)")
    if (found[3] == b"f") != (number == 0) or (number and found[2] != b"00000"):
        raise reader.fail("only object 0 is free, and every generation is 0")
    reader.at = found.end()
    return int(found[1]) if number else None


def _read_stream(stream: Stream, start: int) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """Offsets, and places in object streams, of a cross-reference stream (§7.5.8)."""
    place = f"pdf at byte {start}, cross-reference stream"
    widths: Any = stream.entries.get("W")
    size = stream.entries.get("Size")
    index: Any = stream.entries.get("Index", [0, size])
    if not _are_numbers(widths, 8) or len(widths) != 3 or not widths[0] or not sum(widths):
        raise InvalidEncoding(place, "W must be three widths, the first from 1 (§7.5.8.2)")
    if not _are_numbers(index, MAX_OBJECTS) or len(index) % 2:
        raise InvalidEncoding(place, "Index must be pairs of numbers (§7.5.8.2)")
    numbers = [
        number
        for first, count in zip(index[::2], index[1::2])
        for number in range(first, min(first + count, MAX_OBJECTS + 1))
    ][: MAX_OBJECTS + 1]
    if len(set(numbers)) != len(numbers) or len(numbers) > MAX_OBJECTS:
        raise InvalidEncoding(place, f"names an object twice, or more than {MAX_OBJECTS}")
    row = sum(widths)
    data = decode_stream(stream, place, row * len(numbers))
    if len(data) != row * len(numbers):
        raise InvalidEncoding(place, "does not hold what Index names")
    offsets: dict[int, int] = {}
    packed: dict[int, tuple[int, int]] = {}
    for position, number in enumerate(numbers):
        kind, second, third = _fields(data[position * row : (position + 1) * row], widths)
        if kind == _IN_USE and third == 0 and number:
            offsets[number] = second
        elif kind == _IN_STREAM and number:
            packed[number] = (second, third)
        elif kind != 0 or number:
            raise InvalidEncoding(place, "only object 0 is free, and every generation is 0")
    return offsets, packed


def _are_numbers(value: Any, most: int) -> bool:
    if not isinstance(value, list) or not 0 < len(value) <= 2 * MAX_OBJECTS:
        return False
    return all(type(item) is int and 0 <= item <= most for item in value)


def _fields(row: bytes, widths: list[int]) -> tuple[int, int, int]:
    first, second = widths[0], widths[0] + widths[1]
    return (
        int.from_bytes(row[:first], "big"),
        int.from_bytes(row[first:second], "big"),
        int.from_bytes(row[second:], "big"),
    )
