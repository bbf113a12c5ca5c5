from __future__ import annotations

import re

import pytest
from builders.certificate_corpus import recorded
from builders.pdf_revisions import append_revision, newest, object_text, stream_text

from node.core.errors import InvalidInput
from node.core.pdf.certificate_file import check_revisions, read_certificate

SEALED = recorded("good-b-b").pdf
VIEW = newest(SEALED)
CATALOG, INFO = VIEW.trailer["Root"].number, VIEW.trailer["Info"].number
METADATA = VIEW.catalog()["Metadata"].number
XMP = VIEW.objects[METADATA].value.raw
PAGE = next(n for n, one in VIEW.objects.items() if one.entries.get("Type") == "Page")
FORM = VIEW.catalog()["AcroForm"].number
DER = b"\x30\x03\x02\x01\x00"


def check(objects: dict[int, bytes], trailer: bytes = b"") -> int:
    return check_revisions(read_certificate(append_revision(SEALED, objects, trailer=trailer)))


def described(xmp: bytes) -> dict[int, bytes]:
    return {METADATA: stream_text(b"/Type /Metadata /Subtype /XML", xmp)}


def with_store(store: bytes, **more: bytes) -> dict[int, bytes]:
    catalog = object_text(SEALED, CATALOG)[:-2] + b" /DSS 900 0 R >>"
    return {CATALOG: catalog, 900: store, **{int(n[1:]): text for n, text in more.items()}}


def test_what_may_be_added_is_let_be() -> None:
    assert check({}) == 1
    assert check({PAGE: object_text(SEALED, PAGE)}) == 1, "written anew, and the same"
    info = object_text(SEALED, INFO)
    assert check({INFO: re.sub(rb"/ModDate \(.*?\)", b"/ModDate (later)", info)}) == 1
    stream = stream_text(b"", DER)
    assert check(with_store(b"<< /Certs [901 0 R] >>", n901=stream)) == 1
    related = b"<< /Certs [901 0 R] /VRI << /%s << /Cert [901 0 R] >> >> >>" % (b"A0" * 20)
    assert check(with_store(related, n901=stream)) == 1


def test_a_description_may_get_other_dates_and_no_other_words() -> None:
    assert check(described(re.sub(rb"2026-\d\d-\d\dT[\d:]+", b"2027-01-01T00:00:00", XMP))) == 1
    assert check(described(XMP.replace(b"pyHanko 0.38.0", b"pyHanko 0.39"))) == 1
    moved = XMP.replace(b'xmlns:pdf="http', b'xmlns:other="x" xmlns:pdf="http')
    assert check(described(moved)) == 1, "a namespace is declared again where it is used"
    for other in (
        XMP.replace(b">Certificate<", b">Certified<"),
        XMP.replace(b">Certificate<", b">Certificate<!-- no --><"),
        XMP.replace(b"</rdf:RDF>", b"<rdf:li>more</rdf:li></rdf:RDF>"),
        XMP.replace(b'dc:format="application/pdf"', b'dc:format="text"'),
        XMP.replace(b"pyHanko 0.38.0", b"somebody"),
        b"",
    ):
        assert other != XMP
        with pytest.raises(InvalidInput, match="something else was changed"):
            check(described(other))


def test_a_long_description_takes_no_long_time() -> None:
    with pytest.raises(InvalidInput, match="something else was changed"):
        check(described(XMP + b"a" * 2_000_000))


@pytest.mark.parametrize(
    ("objects", "rule"),
    [
        ({900: b"(new)"}, "object 900"),
        ({PAGE: b"<< /Type /Page >>"}, f"object {PAGE}"),
        ({INFO: b"<< /Title (other) >>"}, "Info"),
        ({INFO: b"[]"}, "must be a dictionary"),
        ({CATALOG: b"<< /Type /Catalog >>"}, "in no field"),
        ({FORM: b"<< /Fields [] /SigFlags 3 >>"}, "no field|AcroForm"),
        (with_store(b"<< /Certs [901 0 R] >>", n901=b"(no stream)"), "streams of documents"),
        (with_store(b"<< /Certs [901 0 R] >>", n901=stream_text(b"", b"no DER")), "DSS Certs"),
        (with_store(b"<< /Certs [901 0 R] >>"), "must be a reference"),
        (with_store(b"<< /Other [] >>"), "no validation data"),
        (with_store(b"<< /VRI << /abc << >> >> >>"), "by SHA-1"),
        (with_store(b"<< /Certs [%d 0 R] >>" % PAGE), "streams of documents"),
        (with_store(b"<< /Certs %d 0 R >>" % CATALOG), "must be an array"),
        (
            with_store(b"<< /Certs [901 0 R] >>", n901=stream_text(b"/Type /Page", DER)),
            "streams of documents",
        ),
    ],
)
def test_everything_else_is_told(objects: dict[int, bytes], rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        check(objects)


def test_the_trailer_cannot_point_elsewhere() -> None:
    pdf = append_revision(SEALED, {900: object_text(SEALED, CATALOG)})
    last = pdf.rindex(b"/Root %d 0 R" % CATALOG)
    moved = pdf[:last] + b"/Root 900 0 R" + pdf[last + len(b"/Root %d 0 R" % CATALOG) :]
    moved = re.sub(
        rb"startxref\n\d+\n%%EOF\n\Z",
        b"startxref\n%d\n%%%%EOF\n" % moved.rindex(b"xref\n0 1"),
        moved,
    )
    with pytest.raises(InvalidInput, match="trailer Root"):
        check_revisions(read_certificate(moved))


@pytest.mark.parametrize(
    ("written", "instead", "rule"),
    [
        (rb"/TU \(Timestamp\)", b"/TU (Withdrawn)", "read aloud"),
        (rb"/T \(Timestamp[^)]*\)", b"/T (Seal)", "its name"),
        (rb"/T \(Timestamp[^)]*\)", b"/T (a b)", "its name"),
        (rb"/T \(Timestamp[^)]*\)", b"", "its name"),
    ],
)
def test_a_later_field_says_nothing_by_its_name(written: bytes, instead: bytes, rule: str) -> None:
    pdf = recorded("good-b-lta").pdf
    assert check_revisions(read_certificate(pdf)) == 2
    [found] = re.findall(written, pdf)
    with pytest.raises(InvalidInput, match=rule):
        check_revisions(read_certificate(pdf.replace(found, instead.ljust(len(found)))))
