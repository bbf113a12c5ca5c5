"""Certificates that somebody tampered with, each with what it is and which steps must fail.

Those that need the institution's key are what an insider could make; the others anybody can.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from builders.certificate_pdfs import (
    Office,
    certificate_of,
    files_of,
    office,
    seal,
    small_chain,
    statement_of,
    typeset,
)
from builders.forged_seals import Forged, forged_seals, somebody
from builders.pdf_revisions import append_revision, newest, object_text, stream_text
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfTimeStamper

from node.core.anchors.der import OCTET_STRING, SEQUENCE, encode_der

__all__ = ["Forged", "forgeries", "genuine", "left_out"]


def genuine(made: Office) -> Iterator[Forged]:
    """Certificates that nobody tampered with."""
    plain = certificate_of(made)
    yield Forged(
        "good-b-b", "sealed, without a time-stamp (PAdES B-B)", seal(plain, made, level="b-b")
    )
    yield Forged(
        "good-b-t", "sealed, with a signature time-stamp (B-T)", seal(plain, made, level="b-t")
    )
    yield Forged(
        "good-b-lta",
        "sealed, with both time-stamps and validation data (B-LTA)",
        seal(plain, made),
    )
    yield Forged(
        "good-unsealed",
        "issued without a seal: only the attached files are signed",
        certificate_of(made, sealing_certificate_sha256=""),
    )
    files = files_of(made, **{"bundle.json": made.bundle(scope="record", ordinals=[1])})
    yield Forged(
        "good-record", "of one record", seal(certificate_of(made, files), made, level="b-b")
    )


def forgeries(made: Office, folder: Path) -> Iterator[Forged]:
    """All of them; ``folder`` is for another office's openssl."""
    plain = certificate_of(made)
    sealed = seal(plain, made, level="b-b")
    yield from _unreadable(sealed)
    yield from _attachments(made, plain, sealed)
    yield from _ambiguous(made, plain)
    yield from _bursting(made, plain)
    yield from _later(sealed)
    yield from _annotations(made, sealed, _page(sealed))
    yield from _descriptions(sealed)
    yield from left_out(sealed)
    yield from _disguised(made, sealed)
    yield from forged_seals(made, plain, sealed)
    (folder / "other").mkdir(exist_ok=True)
    other = office(folder / "other", small_chain(chain_id="other-chain"))
    yield Forged(
        "another-chain",
        "a whole certificate of another chain, genuine there",
        seal(certificate_of(other), other, level="b-b"),
        ("certificate.signer", "chain.identity", "entries.form"),
    )


_FORM = ("certificate.form",)
_LATER = ("certificate.later",)
_SIGNATURE = ("certificate.signature",)
_STATEMENT = ("certificate.statement",)


def _unreadable(sealed: bytes) -> Iterator[Forged]:
    """What is no readable certificate at all."""
    yield Forged("empty", "an empty file that calls itself a PDF", b"%PDF-1.7\n", _FORM)
    yield Forged("cut-off", "cut off after two thirds", sealed[: len(sealed) * 2 // 3], _FORM)
    yield Forged("bytes-behind", "bytes behind the last revision", sealed + b"<!-- -->\n", _FORM)
    out = io.BytesIO()
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(sealed)))
    writer.encrypt("owner", "user")
    writer.write(out)
    yield Forged("encrypted", "encrypted with a password", out.getvalue(), _FORM)
    start = int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
    loop = append_revision(sealed, {})
    own = int(re.findall(rb"startxref\s+(\d+)", loop)[-1])
    yield Forged(
        "xref-loop",
        "its last cross-reference section names itself as the one before",
        loop.replace(b"/Prev %d  >>" % start, b"/Prev %d  >>" % own),
        _FORM,
    )
    deep = append_revision(sealed, {900: b"[" * 5_000 + b"]" * 5_000})
    yield Forged("deep", "an array of 5,000 levels", deep, _FORM)
    yield Forged(
        "hidden-object",
        "an object that no cross-reference section names, behind the sealed revision",
        _hidden(sealed),
        _FORM,
    )


def _hidden(sealed: bytes) -> bytes:
    out = append_revision(sealed, {})
    start = int(re.findall(rb"startxref\s+(\d+)", out)[-1])
    hidden = b"77 0 obj\n(hidden)\nendobj\n"
    moved = out[: len(sealed)] + hidden + out[len(sealed) :]
    return moved.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(hidden)))


def _attachments(made: Office, plain: bytes, sealed: bytes) -> Iterator[Forged]:
    """Attached files exchanged, added, hidden, packed to burst."""
    clear = stream_text(b"/Type /EmbeddedFile", made.bundle())
    clear = seal(
        append_revision(plain, {_embedded(plain)["bundle.json"]: clear}), made, level="b-b"
    )
    yield Forged(
        "attachment-in-place",
        "a letter of the attached bundle was changed where it stands",
        clear.replace(b'"scope":"dossier"', b'"scope":"dossieR"'),
        (*_SIGNATURE, *_STATEMENT, "bundle.form"),
    )
    view = newest(sealed)
    names = _embedded(sealed)
    other = made.trust.replace(b'"anchors":[]', b'"anchors":[ ]')
    yield Forged(
        "attachment-later",
        "a later revision exchanges the attached trust file",
        append_revision(sealed, {names["trust.json"]: stream_text(b"/Type /EmbeddedFile", other)}),
        _LATER,
    )
    specification = object_text(sealed, _specifications(sealed)["trust.json"])
    extra = specification.replace(b"trust.json", b"trust.txt")
    catalog = view.trailer["Root"].number
    listed = b"[ (bundle\\056json)"
    text = object_text(sealed, catalog)
    yield Forged(
        "attachment-added-later",
        "a later revision attaches another file",
        append_revision(
            sealed,
            {900: extra, catalog: text.replace(listed, b"[ (a) 900 0 R (bundle\\056json)")},
        ),
        _LATER,
    )


def _ambiguous(made: Office, plain: bytes) -> Iterator[Forged]:
    """Files that one reader sees and another does not, and such as nobody can read."""
    specification = object_text(plain, _specifications(plain)["trust.json"])
    extra = specification.replace(b"trust.json", b"trust.txt")
    text = object_text(plain, newest(plain).trailer["Root"].number)
    files = {
        900: extra,
        newest(plain).trailer["Root"].number: text.replace(
            b"/Names[", b"/Names[(trust.txt)900 0 R"
        ),
    }
    yield Forged(
        "attachment-in-names-only",
        "sealed with a file in the tree of names that is not among the associated ones",
        seal(append_revision(plain, files), made, level="b-b"),
        _FORM,
    )
    given = files_of(made)
    with_more = {**given, "statement.jwt": statement_of(made, given), "more.json": b"{}"}
    yield Forged(
        "attachment-not-named",
        "sealed with a file that the statement does not name",
        seal(typeset(with_more), made, level="b-b"),
        _FORM,
    )


def _bursting(made: Office, plain: bytes) -> Iterator[Forged]:
    """Catalogs and attachments that are not what they must be."""
    text = object_text(plain, newest(plain).trailer["Root"].number)
    bomb = zlib.compress(bytes(100 << 20), 9)
    bundle = {
        _embedded(plain)["bundle.json"]: stream_text(
            b"/Type /EmbeddedFile /Filter /FlateDecode", bomb
        )
    }
    yield Forged(
        "deflate-bomb",
        "its bundle unpacks to 100 MiB",
        seal(append_revision(plain, bundle), made, level="b-b"),
        _FORM,
    )
    twice = object_text(plain, newest(plain).trailer["Root"].number)
    twice = twice[:-2] + b"/AF[" + twice.split(b"/AF[")[1].split(b"]")[0] + b"]>>"
    yield Forged(
        "key-twice",
        "sealed with a catalog that has a key twice",
        _seal_by_hand(plain, made, twice),
        _FORM,
    )
    hides = text[:-2] + b"/OCProperties<</OCGs[]/D<<>>>>>>"
    yield Forged(
        "optional-content",
        "sealed with layers that can be switched",
        seal(
            append_revision(plain, {newest(plain).trailer["Root"].number: hides}), made, level="b-b"
        ),
        _FORM,
    )


def _seal_by_hand(plain: bytes, made: Office, catalog: bytes) -> bytes:
    """Sealed first, the catalog exchanged behind it: writers refuse to make such a thing."""
    sealed = seal(plain, made, level="b-b")
    return append_revision(sealed, {newest(plain).trailer["Root"].number: catalog})


def _specifications(pdf: bytes) -> dict[str, int]:
    view = newest(pdf)
    return {
        one.entries["F"].decode(): number
        for number, one in view.objects.items()
        if one.entries.get("Type") == "Filespec"
    }


def _embedded(pdf: bytes) -> dict[str, int]:
    view = newest(pdf)
    return {
        name: view.objects[number].entries["EF"]["F"].number
        for name, number in _specifications(pdf).items()
    }


def _page(pdf: bytes) -> int:
    view = newest(pdf)
    return next(n for n, one in view.objects.items() if one.entries.get("Type") == "Page")


def _later(sealed: bytes) -> Iterator[Forged]:
    """Changes behind the seal: shadow attacks and incremental saving."""
    view, page = newest(sealed), _page(sealed)
    content = view.objects[page].entries["Contents"].number
    shown = stream_text(b"", b"q 1 0 0 rg 0 0 300 200 re f Q")
    yield Forged(
        "page-later",
        "a later revision draws something else on the page",
        append_revision(sealed, {content: shown}),
        _LATER,
    )
    disguised = stream_text(b"/Type /XRef", b"q 1 0 0 rg 0 0 300 200 re f Q")
    yield Forged(
        "page-later-disguised",
        "the same, called a cross-reference stream",
        append_revision(sealed, {content: disguised}),
        _LATER,
    )
    pages = view.catalog()["Pages"].number
    yield Forged(
        "pages-exchanged",
        "a later revision shows another page instead",
        append_revision(
            sealed,
            {
                900: b"<< /Type /Page /MediaBox [0 0 300 200] /Parent %d 0 R >>" % pages,
                pages: b"<< /Type /Pages /Count 1 /Kids [900 0 R] >>",
            },
        ),
        _LATER,
    )


def _disguised(made: Office, sealed: bytes) -> Iterator[Forged]:
    """Parts of the page that are given another part to play, and a second seal."""
    view, page = newest(sealed), _page(sealed)
    content = view.objects[page].entries["Contents"].number
    yield Forged(
        "sealed-again",
        "somebody else sealed the sealed file once more, with a seal over the page",
        seal(sealed, replace(made, seal=somebody()), level="b-b", field_name="Other"),
        _LATER,
    )
    catalog = view.trailer["Root"].number
    store = object_text(sealed, catalog)[:-2] + b" /DSS << /Certs [%d 0 R] >> >>" % content
    yield Forged(
        "page-as-validation-data",
        "the page's contents became validation data, to be exchanged as such",
        append_revision(sealed, {catalog: store, content: stream_text(b"", made.seal.der)}),
        _LATER,
    )
    whole = object_text(sealed, catalog)
    fields = re.sub(
        rb"/Extensions <<.*/Version", b"/Extensions %d 0 R /Version" % content, whole, flags=re.S
    )
    yield Forged(
        "page-as-extensions",
        "the page's contents became the catalog's extensions",
        append_revision(sealed, {catalog: fields, content: b"<< >>"}),
        _LATER,
    )


def left_out(sealed: bytes) -> Iterator[Forged]:
    """Revisions that change nothing, and make readers take the file for another or a broken one."""
    view, page = newest(sealed), _page(sealed)
    yield Forged(
        "objects-left-out",
        "a later revision has a Size of 1: readers leave out what is not below it",
        append_revision(sealed, {}, size=1),
        _FORM,
    )
    yield Forged(
        "size-out-of-bounds",
        "a later revision has a Size that no reader can make room for, and mends the file instead",
        append_revision(sealed, {}, size=9_999_999_999),
        _FORM,
    )
    content = view.objects[page].entries["Contents"].number
    shown = b"\n%d 0 obj\n%s\nendobj\n" % (
        *(content, stream_text(b"", b"1 0 0 rg 20 20 200 120 re f")),
    )
    octets = encode_der(SEQUENCE, encode_der(OCTET_STRING, shown))
    catalog = view.trailer["Root"].number
    store = object_text(sealed, catalog)[:-2] + b" /DSS << /Certs [900 0 R] >> >>"
    hidden = append_revision(sealed, {catalog: store, 900: stream_text(b"", octets)})
    yield Forged(
        "page-in-validation-data",
        "the page's contents stand once more inside validation data, where a reader that mends a "
        "broken file finds them",
        hidden,
        _LATER,
    )
    information = view.trailer["Info"].number
    text = object_text(sealed, information)
    said = re.sub(rb"/Producer \(.*?\)", b"/Producer (\ntrailer\n<< /Root 900 0 R >>)", text)
    yield Forged(
        "trailer-in-a-string",
        "another trailer stands inside the name of the program that wrote the file",
        append_revision(sealed, {information: said}),
        _LATER,
    )


def _annotations(made: Office, sealed: bytes, page: int) -> Iterator[Forged]:
    text = object_text(sealed, page)
    more = text.replace(b"/Annots [ ", b"/Annots [ 900 0 R ")
    note = (
        b"<< /Type /Annot /Subtype /FreeText /Rect [0 0 300 200] /DA (/F 9 Tf) /Contents (void) >>"
    )
    yield Forged(
        "annotation-later",
        "a later revision writes a note over the page",
        append_revision(sealed, {900: note, page: more}),
        _LATER,
    )
    writer, out = IncrementalPdfFileWriter(io.BytesIO(sealed)), io.BytesIO()
    append_signature_field(writer, SigFieldSpec("Over", on_page=0, box=(0, 0, 300, 200)))
    PdfTimeStamper(made.stamper, field_name="Over").timestamp_pdf(
        writer, "sha256", bytes_reserved=8_192, output=out
    )
    yield Forged(
        "visible-stamp-later",
        "a later time-stamp has a field that covers the page",
        out.getvalue(),
        _LATER,
    )


def _descriptions(sealed: bytes) -> Iterator[Forged]:
    view = newest(sealed)
    info, metadata = view.trailer["Info"].number, view.catalog()["Metadata"].number
    title = object_text(sealed, info).replace(b"(Certificate)", b"(Certified)")
    yield Forged(
        "title-later",
        "a later revision gives the document another title",
        append_revision(sealed, {info: title}),
        _LATER,
    )
    words = view.objects[metadata].value.raw.replace(b">Certificate<", b">Certified<")
    yield Forged(
        "metadata-later",
        "a later revision says something else in the document's description",
        append_revision(sealed, {metadata: stream_text(b"/Type /Metadata /Subtype /XML", words)}),
        _LATER,
    )
