"""Updates of a PDF that read little of it, beside pyHanko, which reads all of it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from builders.sealed_pdfs import unsealed_pdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import Reference, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from node.evidence.certificates.pdf_updates import open_update

_MARK = pdf_name("/Marked")


def updated(pdf: bytes, *, dated: bool = True, mark: str = "/A") -> bytes:
    """With a mark in its catalog."""
    update = open_update(pdf, dated=dated)
    update.root[_MARK] = pdf_name(mark)
    update.update_root()
    output = io.BytesIO()
    update.write(output)
    return output.getvalue()


def pages(count: int, *, stream: bool = False) -> bytes:
    """Pages of a writer that is not ours."""
    writer = PdfFileWriter(stream_xrefs=stream)
    for number in range(count):
        content = writer.add_object(generic.StreamObject(stream_data=b"%%%d" % number))
        writer.insert_page(PageObject(content, (0, 0, 100, 100)))
    return written(writer)


def branched() -> bytes:
    """Three pages, two of them below a branch that comes first."""
    writer = PdfFileWriter(stream_xrefs=False)
    for _ in range(3):
        content = writer.add_object(generic.StreamObject(stream_data=b"%"))
        writer.insert_page(PageObject(content, (0, 0, 100, 100)))
    tree = writer.root["/Pages"]
    kids = [tree["/Kids"].raw_get(number) for number in range(3)]
    branch = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Pages"),
            pdf_name("/Parent"): writer.root.raw_get("/Pages"),
            pdf_name("/Count"): generic.NumberObject(2),
            pdf_name("/Kids"): generic.ArrayObject(kids[:2]),
        }
    )
    tree[pdf_name("/Kids")] = generic.ArrayObject([writer.add_object(branch), kids[2]])
    return written(writer)


def written(writer: Any) -> bytes:
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


@pytest.fixture(scope="module")
def unsealed() -> bytes:
    return unsealed_pdf() + b"\n"


def test_each_object_is_found_where_pyhanko_finds_it(unsealed: bytes) -> None:
    for pdf in (unsealed, updated(unsealed), updated(updated(unsealed), mark="/B")):
        mine = open_update(pdf, dated=True).prev
        theirs = PdfFileReader(io.BytesIO(pdf))
        assert mine.last_startxref == theirs.last_startxref
        for number in range(int(theirs.trailer["/Size"]) + 2):
            mine_at = mine.xrefs[Reference(number, 0, mine)]
            assert mine_at == theirs.xrefs[Reference(number, 0, theirs)]
        assert mine.xrefs[Reference(1, 1, mine)] is None  # another generation


def test_an_update_is_read_as_one_after_the_other(unsealed: bytes) -> None:
    once = updated(unsealed)
    twice = updated(once, mark="/B")
    assert once.startswith(unsealed)
    assert twice.startswith(once)
    reader = PdfFileReader(io.BytesIO(twice))
    assert reader.total_revisions == 3
    assert [reader.get_historical_root(one).get("/Marked") for one in range(3)] == [
        None,
        "/A",
        "/B",
    ]


def test_in_place_it_writes_what_it_writes_elsewhere(unsealed: bytes) -> None:
    update = open_update(unsealed, dated=False)
    update.root[_MARK] = pdf_name("/A")
    update.update_root()
    update.write_in_place()
    stream = update.prev.stream
    assert isinstance(stream, io.BytesIO)
    identifier = re.compile(rb"/ID \[[^]]*\]")
    there = updated(unsealed, dated=False)
    assert identifier.sub(b"", stream.getvalue()) == identifier.sub(b"", there)


def test_metadata_is_dated_or_stays_as_it_is(unsealed: bytes) -> None:
    before = PdfFileReader(io.BytesIO(unsealed))
    dated = PdfFileReader(io.BytesIO(updated(unsealed)))
    as_is = PdfFileReader(io.BytesIO(updated(unsealed, dated=False)))
    metadata = before.root.raw_get("/Metadata").reference
    assert dated.xrefs.get_last_change(metadata) == 1
    assert as_is.xrefs.get_last_change(metadata) == 0
    assert as_is.trailer["/Info"] == before.trailer["/Info"]


@pytest.mark.parametrize("pdf", [pages(3), branched()], ids=["flat", "branched"])
def test_a_page_is_the_one_that_pyhanko_finds(pdf: bytes) -> None:
    mine, theirs = open_update(pdf, dated=True), IncrementalPdfFileWriter(io.BytesIO(pdf))
    for number in (-1, 0, 1, 2):
        page, resources = mine.find_page_for_modification(number)
        wanted, wanted_resources = theirs.find_page_for_modification(number)
        assert page.idnum == wanted.idnum
        assert resources == wanted_resources
    for number in (3, -4):
        with pytest.raises(PdfError):
            mine.find_page_for_modification(number)


def look_up_all(pdf: bytes) -> None:
    opened = open_update(pdf, dated=True)
    for number in range(1, int(opened.prev.trailer["/Size"])):
        opened.prev.xrefs[Reference(number, 0, opened.prev)]


def _garbled(pdf: bytes) -> bytes:
    start = pdf.rindex(b"\nxref") + 1
    entry = pdf.index(b" n", start)
    return pdf[:entry] + b" x" + pdf[entry + 2 :]


def _circular(pdf: bytes) -> bytes:
    start = pdf.rindex(b"startxref")
    offset = pdf[start + 9 :].split()[0]
    return pdf.replace(b"trailer\n<<", b"trailer\n<</Prev " + offset + b" ")


@pytest.mark.parametrize(
    ("pdf", "reason"),
    [
        (b"", "does not end"),
        (b"no PDF", "does not end"),
        (pages(1)[:-20], "does not end"),
        (pages(1) + b"% more", "does not end"),
        (pages(1, stream=True), "no cross-reference table"),
        (re.sub(rb"startxref\s+\d+", b"startxref\n9999999", pages(1)), "no cross-reference table"),
        (pages(1).replace(b"trailer", b"trialer"), "has no trailer"),
        (_circular(pages(1)), "more updates"),
        (pages(1).replace(b"trailer\n<<", b"trailer\n<</XRefStm 9 "), "hybrid"),
        (_garbled(pages(1)), "no entry"),
    ],
)
def test_what_is_not_of_our_making_is_refused(pdf: bytes, reason: str) -> None:
    with pytest.raises(PdfError, match=reason):
        look_up_all(pdf)
