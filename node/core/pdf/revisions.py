"""A PDF file and its revisions (ISO 32000-2 §7.5.6), every byte of it accounted for.

A file grows by revisions, each of which ends with a cross-reference section that names the one
before. Here the objects that a section names must lie one behind the other in the bytes of its own
revision, with nothing but white space between them: what no section names is nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import MAX_OBJECTS, IndirectObject, Ref, Stream
from node.core.pdf.reader import Reader
from node.core.pdf.xref import Section, read_section

__all__ = [
    "MAX_PDF_BYTES",
    "MAX_REVISIONS",
    "MAX_TEXT_BYTES",
    "PdfFile",
    "Revision",
    "View",
    "read_pdf",
]

MAX_PDF_BYTES = 64 << 20
MAX_REVISIONS = 32
MAX_TEXT_BYTES = 8 << 20
"""Of all objects without the contents of their streams."""
_BEGINNING = re.compile(rb"%PDF-(?:1\.[4-7]|2\.0)[\r\n]+(?:%[^\r\n]*[\r\n]+)?")
_ENDING = re.compile(rb"startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF(?:\r\n|\n|\r)?\Z")


@dataclass(frozen=True)
class Revision:
    """What was written at one time: the bytes from ``start`` to before ``end``, the objects that
    are in them by their numbers, and the trailer. ``directories`` are the numbers of those that
    only hold the file together: its cross-reference stream and object streams. ``plain`` says how
    many objects stand in the bytes themselves and not in object streams, ``table`` whether the
    section is a table."""

    start: int
    end: int
    trailer: dict[str, Any]
    written: dict[int, IndirectObject] = field(repr=False)
    directories: frozenset[int] = frozenset()
    plain: int = 0
    table: bool = False


@dataclass(frozen=True)
class View:
    """The document as it is with a revision and all before it; trailer and ``directories`` are
    those of that revision."""

    trailer: dict[str, Any]
    objects: dict[int, IndirectObject] = field(repr=False)
    directories: frozenset[int] = frozenset()

    def object(self, reference: Any, place: str) -> IndirectObject:
        """The object that is referred to. Raises InvalidEncoding: no reference, or to nothing."""
        found = self.objects.get(reference.number) if isinstance(reference, Ref) else None
        if found is None or isinstance(found.value, Ref):
            raise InvalidEncoding(place, "must be a reference to an object of the file")
        return found

    def resolve(self, value: Any, place: str) -> Any:
        """``value``, or what it refers to."""
        return self.object(value, place).value if isinstance(value, Ref) else value

    def dictionary(self, value: Any, place: str) -> dict[str, Any]:
        """The dictionary that ``value`` is or refers to. Raises InvalidEncoding."""
        found = self.resolve(value, place)
        if not isinstance(found, dict):
            raise InvalidEncoding(place, "must be a dictionary")
        return found

    def array(self, value: Any, place: str) -> list[Any]:
        """The array that ``value`` is or refers to. Raises InvalidEncoding."""
        found = self.resolve(value, place)
        if not isinstance(found, list):
            raise InvalidEncoding(place, "must be an array")
        return found

    def catalog(self) -> dict[str, Any]:
        """The root of the document."""
        return self.dictionary(self.trailer["Root"], "pdf catalog")


@dataclass(frozen=True)
class PdfFile:
    """A file that was read whole; its revisions, oldest first."""

    data: bytes = field(repr=False)
    revisions: tuple[Revision, ...]

    def views(self) -> list[View]:
        """The document after each of its revisions."""
        views: list[View] = []
        objects: dict[int, IndirectObject] = {}
        for revision in self.revisions:
            objects = {**objects, **revision.written}
            views.append(View(revision.trailer, objects, revision.directories))
        return views


def read_pdf(data: bytes) -> PdfFile:
    """Read a file whole.

    Raises:
        InvalidEncoding: it is no PDF, cut off, encrypted, too large, or not of the strict form of
            docs/spec/certificate.md.
    """
    if len(data) > MAX_PDF_BYTES:
        rule = f"{len(data)} bytes, at most {MAX_PDF_BYTES} are allowed"
        raise InvalidEncoding("pdf", rule, "文件过大")
    begins = _BEGINNING.match(data)
    if begins is None:
        raise InvalidEncoding("pdf", "is not a PDF file of a version from 1.4 to 2.0")
    sections = _read_sections(data)
    start, at, text, count, size = 0, begins.end(), 0, 0, 0
    revisions = []
    for section in sections:
        size = _grown_size(section, size)
        count += len(section.offsets) + len(section.packed)
        if count > MAX_OBJECTS:
            raise InvalidEncoding("pdf", f"has more than {MAX_OBJECTS} objects")
        written, read = _read_objects(data, section, at, MAX_TEXT_BYTES - text)
        text += read
        directories = frozenset(
            {number for number, _ in section.packed.values()}
            | ({section.own.number} if section.own else set())
        )
        revisions.append(
            Revision(
                start,
                section.end,
                section.trailer,
                written,
                directories,
                plain=len(section.offsets) + (section.own is not None),
                table=section.own is None,
            )
        )
        start = at = section.end
    if start != len(data):
        raise InvalidEncoding("pdf", f"{len(data) - start} bytes follow its last revision")
    return PdfFile(data, tuple(revisions))


def _grown_size(section: Section, before: int) -> int:
    """The Size of a section's trailer. Readers leave out the objects that are not below the newest,
    so it must not fall."""
    size: int = section.trailer["Size"]
    if not before <= size <= MAX_OBJECTS + 1:
        raise InvalidEncoding(
            f"pdf at byte {section.start}, trailer",
            f"Size must be from {before}, that of the revision before, to {MAX_OBJECTS + 1}",
        )
    return size


def _read_sections(data: bytes) -> list[Section]:
    """All cross-reference sections, oldest first."""
    ends = _ENDING.search(data, max(0, len(data) - 64))
    if ends is None:
        raise InvalidEncoding("pdf", "is cut off: it does not end with startxref and %%EOF")
    sections: list[Section] = []
    at: int | None = int(ends[1])
    while at is not None:
        if len(sections) == MAX_REVISIONS:
            raise InvalidEncoding("pdf", f"has more than {MAX_REVISIONS} revisions")
        if sections and at >= sections[-1].start:
            raise InvalidEncoding("pdf", "a revision names a later one as the one before it")
        sections.append(read_section(data, at))
        if len(sections) > 1 and sections[-1].end > sections[-2].start:
            raise InvalidEncoding("pdf", "its revisions lie in one another")
        at = sections[-1].previous
    return sections[::-1]


def _read_objects(
    data: bytes, section: Section, at: int, most: int
) -> tuple[dict[int, IndirectObject], int]:
    """The objects of a revision, which lie one behind the other from ``at`` up to its section;
    and how many bytes that was without the streams' contents, at most ``most``."""
    reader = Reader(data, "pdf", at, section.start)
    written: dict[int, IndirectObject] = {}
    text = 0
    for number, offset in sorted(section.offsets.items(), key=lambda item: item[1]):
        reader.skip_space()
        if reader.at != offset:
            raise reader.fail("something stands there that no cross-reference section names")
        found = reader.indirect()
        if found.number != number:
            raise InvalidEncoding(f"pdf at byte {offset}", f"must be object {number}")
        raw = len(found.value.raw) if isinstance(found.value, Stream) else 0
        text += found.end - found.start - raw
        if text > most:
            raise InvalidEncoding("pdf", f"has more than {MAX_TEXT_BYTES} bytes beside its streams")
        written[number] = found
    reader.skip_space()
    if reader.at != section.start:
        raise reader.fail("something stands there that no cross-reference section names")
    if section.own is not None:
        written[section.own.number] = section.own
    return {**written, **_read_packed(section, written, most - text)}, text


def _read_packed(
    section: Section, written: dict[int, IndirectObject], most: int
) -> dict[int, IndirectObject]:
    """The objects in the revision's object streams (§7.5.7), of which each must be named."""
    found: dict[int, IndirectObject] = {}
    streams = sorted({number for number, _ in section.packed.values()})
    named = {number for number, one in written.items() if one.entries.get("Type") == "ObjStm"}
    if named != set(streams):
        raise InvalidEncoding("pdf", "an object stream that is not of its own revision, or unused")
    for number in streams:
        holder = written[number]
        if not isinstance(holder.value, Stream):
            raise InvalidEncoding(f"pdf object {number}", "must be an object stream")
        inside = _unpack(holder.value, f"pdf object {number}", most)
        most -= sum(one.end - one.start for one in inside)
        for position, one in enumerate(inside):
            if section.packed.get(one.number) != (number, position) or one.number in written:
                raise InvalidEncoding(f"pdf object {number}", "holds what no section names")
            found[one.number] = one
    if len(found) != len(section.packed):
        raise InvalidEncoding("pdf", "an object is missing in its object stream")
    return found


def _unpack(stream: Stream, place: str, most: int) -> list[IndirectObject]:
    """The objects of one object stream; their places are those in its contents."""
    count, first = stream.entries.get("N"), stream.entries.get("First")
    if type(count) is not int or type(first) is not int or "Extends" in stream.entries:
        raise InvalidEncoding(place, "must have N and First, and no Extends (§7.5.7)")
    data = decode_stream(stream, place, max(most, 0))
    if not 0 < count <= MAX_OBJECTS or not 0 < first <= len(data):
        raise InvalidEncoding(place, "its N or First is out of bounds")
    heads = Reader(data, place, 0, first)
    pairs = [(heads.value(), heads.value()) for _ in range(count)]
    heads.skip_space()
    reader = Reader(data, place, first)
    found = []
    for number, offset in pairs:
        reader.skip_space()
        numbers = type(number) is int and type(offset) is int
        if not numbers or heads.at != first or reader.at - first != offset:
            raise reader.fail("its objects must lie one behind the other, as its beginning says")
        start = reader.at
        found.append(IndirectObject(number, reader.value(), start, reader.at))
    reader.skip_space()
    if reader.at != len(data):
        raise reader.fail("bytes follow its last object")
    return found
