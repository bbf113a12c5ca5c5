"""Opens a PDF for an incremental update and reads only what the update touches.

pyHanko reads each entry of the cross-reference tables before anything else, and each page up to the
one that it wants, which takes longer than all the rest of a seal. Here an entry is looked up when
its object is: what has been read is the same. Classic tables alone (ISO 32000-2 §7.5.4), as our
compiler and pyHanko write them.
"""

from __future__ import annotations

import io
import re
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefCache

__all__ = ["PdfUpdate", "open_update"]

_END = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF\s*\Z")
_LONGEST_END = 64
_SUBSECTION = re.compile(rb"\s*(\d{1,10}) (\d{1,10}) ?[\r\n]{1,2}")
_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: [\r\n]|\r\n)")
_ENTRY_BYTES = 20
_TRAILER = re.compile(rb"\s*trailer\s*")
_MOST_SECTIONS = 16


class PdfUpdate(IncrementalPdfFileWriter):
    """pyHanko's writer, which finds a page without reading those before it, and leaves the dates of
    the document's metadata alone where it is not ``dated``."""

    dated = True

    def _update_meta(self) -> None:
        if self.dated:
            super()._update_meta()  # type: ignore[no-untyped-call]

    def find_page_for_modification(self, page_ix: int) -> tuple[Any, Any]:
        """See PdfHandler. In a tree without branches the page is looked up."""
        tree = self.root["/Pages"]
        kids = tree["/Kids"]
        if len(kids) == tree["/Count"] and 0 <= page_ix < len(kids):
            reference = kids.raw_get(page_ix)
            page = reference.get_object()
            if page["/Type"] == "/Page" and "/Resources" in page:
                return reference, page.raw_get("/Resources")
        found: tuple[Any, Any] = super().find_page_for_modification(page_ix)  # type: ignore[no-untyped-call]
        return found


class _Tables(XRefCache):
    """Cross-reference tables whose entries are read when they are asked for, the newest first."""

    def __init__(self, reader: PdfFileReader, sections: list[_Section]) -> None:
        super().__init__(reader, [])
        self._sections = sections

    def __getitem__(self, ref: Any) -> int | None:
        """The offset of an object, None of one that there is not."""
        for section in self._sections:
            for first, count, start in section:
                if first <= ref.idnum < first + count:
                    return self._read(start + _ENTRY_BYTES * (ref.idnum - first), ref.generation)
        return None

    def _read(self, start: int, generation: int) -> int | None:
        self.reader.stream.seek(start)
        entry = _ENTRY.fullmatch(self.reader.stream.read(_ENTRY_BYTES))
        if entry is None:
            raise PdfReadError(f"no entry of a cross-reference table at {start}")
        if entry[3] == b"f" or int(entry[2]) != generation:
            return None
        return int(entry[1])


_Section = list[tuple[int, int, int]]
"""Number of the first object, how many there are, and where the first entry is."""


def open_update(pdf: bytes, *, dated: bool) -> PdfUpdate:
    """A writer of an update to ``pdf``, which may be written in place: into a copy of its own.
    Where it is not ``dated``, the metadata stays as it is.

    Raises:
        PdfReadError: its cross-reference tables are not classic ones, or broken.
    """
    end = _END.search(pdf, max(0, len(pdf) - _LONGEST_END))
    if end is None:
        raise PdfReadError("the PDF does not end with startxref and %%EOF")
    newest = int(end[1])
    sections, trailer = _read_sections(pdf, newest)
    stream = io.BytesIO(pdf)
    stream.seek(0, io.SEEK_END)
    stream.write(b"xref\n0 0\ntrailer\n")
    trailer.write_to_stream(stream, None)
    stream.write(b"\nstartxref\n%d\n%%%%EOF\n" % len(pdf))
    reader = PdfFileReader(stream)  # reads that table, which is empty and goes again
    stream.truncate(len(pdf))
    reader.xrefs = _Tables(reader, sections)
    reader.last_startxref = newest
    update = PdfUpdate(stream, prev=reader)
    update.dated = dated
    return update


def _read_sections(pdf: bytes, newest: int) -> tuple[list[_Section], generic.DictionaryObject]:
    """The tables, the newest first, and the newest trailer without what names the one before."""
    sections: list[_Section] = []
    trailer: generic.DictionaryObject | None = None
    following: int | None = newest
    stream = io.BytesIO(pdf)
    while following is not None:
        if len(sections) == _MOST_SECTIONS:
            raise PdfReadError("more updates than a certificate has")
        section, end = _read_section(pdf, following)
        sections.append(section)
        stream.seek(end)
        place = generic.TrailerReference(None)  # type: ignore[no-untyped-call]
        read = generic.DictionaryObject.read_from_stream(stream, place)
        if "/XRefStm" in read:
            raise PdfReadError("a hybrid cross-reference table")
        trailer = trailer or read
        before = read.get("/Prev")
        following = None if before is None else int(before)
    assert trailer is not None
    trailer.pop(pdf_name("/Prev"), None)
    return sections, trailer


def _read_section(pdf: bytes, start: int) -> tuple[_Section, int]:
    """The parts of the table at ``start``, and where its trailer's dictionary begins."""
    if not pdf.startswith(b"xref", start):
        raise PdfReadError(f"no cross-reference table at {start}")
    section: _Section = []
    at = start + 4
    while (part := _SUBSECTION.match(pdf, at)) is not None:
        section.append((int(part[1]), int(part[2]), part.end()))
        at = part.end() + _ENTRY_BYTES * int(part[2])
    trailer = _TRAILER.match(pdf, at)
    if trailer is None:
        raise PdfReadError(f"the cross-reference table at {start} has no trailer")
    return section, trailer.end()
