"""Revisions and objects for PDFs that somebody tampers with, written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping

from node.core.pdf.revisions import PdfFile, View, read_pdf

__all__ = ["append_revision", "newest", "object_text", "packed_pdf", "stream_text", "whole_pdf"]


def newest(pdf: bytes) -> View:
    """The document with all its revisions."""
    file: PdfFile = read_pdf(pdf)
    return file.views()[-1]


def object_text(pdf: bytes, number: int) -> bytes:
    """What stands in the file between ``n 0 obj`` and endobj, as it was written last."""
    one = newest(pdf).objects[number]
    whole = pdf[one.start : one.end]
    return whole[whole.index(b"obj") + 3 : -len(b"endobj")].strip()


def stream_text(entries: bytes, content: bytes) -> bytes:
    """A stream with these entries and contents."""
    head = b"<< /Length %d %s >>\nstream\n" % (len(content), entries)
    return head + content + b"\nendstream"


def append_revision(
    pdf: bytes, objects: Mapping[int, bytes], *, trailer: bytes = b"", size: int | None = None
) -> bytes:
    """The file with another revision that writes these objects; ``trailer`` joins its trailer, and
    ``size`` is what that says instead of the right one."""
    out, offsets = bytearray(pdf), {}
    for number, text in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    last = read_pdf(pdf).revisions[-1].trailer
    if size is None:
        size = max([last["Size"], *(number + 1 for number in objects)])
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, offset in offsets.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, offset)
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    info = b"/Info %d 0 R" % last["Info"].number if "Info" in last else b""
    out += b"trailer\n<< /Size %d /Root %d 0 R %s /Prev %d %s >>\n" % (
        *(size, last["Root"].number, info, previous, trailer),
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def whole_pdf(objects: Mapping[int, bytes], *, trailer: bytes = b"", root: int = 1) -> bytes:
    """A file of one revision with these objects."""
    out, offsets = bytearray(b"%PDF-1.7\n%\x80\x80\x80\x80\n"), {}
    for number, text in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, offset in offsets.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, offset)
    out += b"trailer\n<< /Size %d /Root %d 0 R %s >>\n" % (max(objects) + 1, root, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def packed_pdf(objects: Mapping[int, bytes], packed: Mapping[int, bytes], **stream: bytes) -> bytes:
    """The same with some objects in an object stream, and a cross-reference stream.

    ``filtered`` is what the streams' entries get (such as a filter), ``content`` replaces the
    object stream's contents.
    """
    out, offsets = bytearray(b"%PDF-1.7\n"), {}
    holder = max([*objects, *packed]) + 1
    texts, at = b"", 0
    heads = b""
    for number, text in packed.items():
        heads += b"%d %d " % (number, at)
        texts += text + b" "
        at = len(texts)
    inside = stream_text(
        b"/Type /ObjStm /N %d /First %d" % (len(packed), len(heads)),
        stream.get("content", heads + texts),
    )
    for number, text in {**objects, holder: inside}.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start, own = len(out), holder + 1
    offsets[own] = start
    rows = [b"\0" + (0).to_bytes(4, "big") + b"\0"]
    for number in range(1, own + 1):
        if number in packed:
            index = list(packed).index(number)
            rows.append(b"\2" + holder.to_bytes(4, "big") + bytes((index,)))
        else:
            rows.append(b"\1" + offsets[number].to_bytes(4, "big") + b"\0")
    text = stream_text(
        b"/Type /XRef /W [1 4 1] /Size %d /Root 1 0 R %s" % (own + 1, stream.get("filtered", b"")),
        stream.get("rows", b"".join(rows)),
    )
    out += b"%d 0 obj\n%s\nendobj\n" % (own, text)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
