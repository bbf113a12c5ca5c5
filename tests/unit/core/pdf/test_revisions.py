from __future__ import annotations

import re
import zlib

import pytest
from builders.pdf_revisions import append_revision, packed_pdf, stream_text, whole_pdf

from node.core.errors import InvalidEncoding
from node.core.pdf.objects import Ref
from node.core.pdf.revisions import MAX_PDF_BYTES, MAX_REVISIONS, read_pdf

OBJECTS = {1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 0 >>"}
WHOLE = whole_pdf(OBJECTS)
PACKED = packed_pdf({}, OBJECTS)


def refused(pdf: bytes, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule):
        read_pdf(pdf)


def test_a_table_and_a_stream_say_the_same() -> None:
    tables, streams = read_pdf(WHOLE), read_pdf(PACKED)
    for number in OBJECTS:
        one, other = (file.views()[-1].objects[number].value for file in (tables, streams))
        assert one == other
    [revision] = streams.revisions
    assert sorted(revision.written) == [1, 2, 3, 4]
    assert revision.directories == {3, 4}


def test_cross_reference_streams_may_be_packed_and_predicted() -> None:
    rows = re.search(rb"/XRef.*?stream\n(.*?)\nendstream", PACKED, re.DOTALL)
    assert rows is not None
    table = [rows[1][at : at + 6] for at in range(0, len(rows[1]), 6)]
    predicted, above = b"", bytes(6)
    for row in table:
        predicted += b"\2" + bytes((a - b) & 255 for a, b in zip(row, above))
        above = row
    entries = b"/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 6 >>"
    again = packed_pdf({}, OBJECTS, filtered=entries, rows=zlib.compress(predicted))
    assert read_pdf(again).views()[-1].catalog()["Pages"] == Ref(2)


def test_each_revision_has_its_own_view() -> None:
    later = append_revision(WHOLE, {2: b"(other)", 9: b"(new)"})
    file = read_pdf(later)
    before, after = file.views()
    assert sorted(before.objects) == [1, 2]
    assert after.objects[2].value == b"other"
    assert before.objects[2].value["Type"] == "Pages"
    assert [one.end for one in file.revisions] == [len(WHOLE), len(later)]
    assert file.revisions[1].start == len(WHOLE)


@pytest.mark.parametrize(
    ("pdf", "rule"),
    [
        (b"", "is not a PDF"),
        (b"PK\x03\x04", "is not a PDF"),
        (b"%PDF-1.3\n" + WHOLE[9:], "is not a PDF"),
        (b"\n" + WHOLE, "is not a PDF"),
        (WHOLE[:-7], "is cut off"),
        (WHOLE + b"\n\n", "is cut off"),
        (WHOLE + WHOLE, "bytes follow its last revision"),
        (WHOLE.replace(b"/Root", b"/Encrypt 2 0 R /Root"), "is encrypted"),
        (WHOLE.replace(b"/Root", b"/XRefStm 9 /Root"), "is not used"),
        (WHOLE.replace(b"/Root 1 0 R", b"/Root (a)"), "Root must be a reference"),
        (WHOLE.replace(b"/Size 3", b"/Size 2"), "Size must be above"),
        (WHOLE.replace(b" 00000 n", b" 00001 n"), "every generation is 0"),
        (WHOLE.replace(b"2 1\n", b"1 1\n"), "names object 1 twice"),
        (WHOLE.replace(b"1 0 obj", b"3 0 obj"), "must be object 1"),
        (WHOLE.replace(b"0 1\n0000000000 65535 f", b"0 1\n0000000000 65535 n"), "only object 0"),
        (WHOLE.replace(b"xref\n0 1\n", b"xref\n0 9999999\n"), "at most 100000 objects"),
        (whole_pdf({1: b"<< >> (two)"}), "must be endobj"),
        (WHOLE.replace(b"\nendobj\n2", b"\nendobj\n%\n2"), "must be a cross-reference|numbered"),
    ],
)
def test_what_is_no_file_of_the_strict_form_is_refused(pdf: bytes, rule: str) -> None:
    refused(pdf, rule)


def test_a_loop_of_revisions_is_refused() -> None:
    first = WHOLE.index(b"xref")
    loop = WHOLE.replace(b"/Root", b"/Prev %d /Root" % first)
    refused(loop, "names a later one")


def test_too_many_revisions_are_refused() -> None:
    pdf = WHOLE
    for _ in range(MAX_REVISIONS - 1):
        pdf = append_revision(pdf, {})
    assert len(read_pdf(pdf).revisions) == MAX_REVISIONS
    last = re.findall(rb"startxref\n(\d+)", pdf)[-1]
    start = len(pdf)
    more = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R /Prev %s >>\n" % last
    refused(pdf + more + b"startxref\n%d\n%%%%EOF\n" % start, "more than 32 revisions")


def test_revisions_in_one_another_are_refused() -> None:
    twice = append_revision(WHOLE, {2: b"(other)"})
    moved = twice.replace(b"/Prev %d" % WHOLE.index(b"xref"), b"/Prev %d" % (len(WHOLE) - 40))
    with pytest.raises(InvalidEncoding):
        read_pdf(moved)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"1 0 (a) (b) ", "does not end"),
        (b"9 0 2 35 " + b"(x)" + b" " * 32 + b"(y) ", "no section names"),
        (b"1 0 2 0 (a) (b)", "one behind the other"),
    ],
)
def test_object_streams_hold_what_is_named_and_nothing_else(content: bytes, rule: str) -> None:
    refused(packed_pdf({}, OBJECTS, content=content), rule)


def test_an_object_stream_that_nobody_names_is_refused() -> None:
    hidden = stream_text(b"/Type /ObjStm /N 1 /First 4", b"9 0 (hidden)")
    refused(whole_pdf({**OBJECTS, 3: hidden}), "or unused")


def test_bombs_are_refused_before_they_burst() -> None:
    bomb = stream_text(
        b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", zlib.compress(bytes(64 << 20), 9)
    )
    pdf = packed_pdf({}, {1: b"<< >>"})
    burst = pdf.replace(
        re.search(rb"2 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)[1],  # type: ignore[index]
        bomb,
    )
    start = burst.index(b"3 0 obj")
    burst = re.sub(rb"startxref\n\d+", b"startxref\n%d" % start, burst)
    rows = re.search(rb"/XRef.*?stream\n(.*?)\nendstream", burst, re.DOTALL)
    assert rows is not None
    fixed = rows[1][:-5] + start.to_bytes(4, "big") + b"\0"
    refused(burst.replace(rows[1], fixed), "unpacks to more than")


def test_much_text_beside_streams_is_refused() -> None:
    text = b"(" + b"x" * 900_000 + b")"
    refused(whole_pdf(dict.fromkeys(range(1, 11), text)), "beside its streams")
    refused(whole_pdf({1: b"[" + b"0 " * 600_000 + b"]"}), "is no object")


def test_a_file_that_is_too_large_is_refused_before_it_is_looked_at() -> None:
    refused(bytes(MAX_PDF_BYTES + 1), f"at most {MAX_PDF_BYTES} are allowed")
