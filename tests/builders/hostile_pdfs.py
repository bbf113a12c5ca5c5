"""PDFs that try to deceive whoever checks them, or to use up the machine that does.

Each has a name and says what it is and where the attack is described: shadow attacks (Mainka et
al., NDSS 2021), incremental saving, universal signature forgery and signature wrapping (Mladenov et
al., CCS 2019), attacks on certified documents (Rohlmann et al., S&P 2021). ``outcome`` and
``verdict`` are what a check must come to; ``failed`` is the check that must fail for it.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from builders.certificates import Held
from builders.signed_pdfs import Signatories, page_content, plain_pdf, update, writer_of
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import PdfFileWriter
from pyhanko.sign.fields import MDPPerm

__all__ = ["Hostile", "bombs", "deceptions", "no_pdfs"]

_OTHER = page_content("Pay 100000 yuan")
_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\s*\]")


@dataclass(frozen=True)
class Hostile:
    """A file, what it is, and what a check of it must come to."""

    name: str
    what: str
    pdf: bytes
    outcome: str = "read"
    verdict: str = "failed"
    failed: str = ""


# -- what deceives --------------------------------------------------------------------------------


def deceptions(people: Signatories) -> Iterator[Hostile]:
    """Files whose signatures must not be relied on."""
    signed = people.sign(plain_pdf())
    yield from _shadow_attacks(people, signed)
    yield from _incremental_saving(signed)
    yield from _universal_forgeries(signed)
    yield from _wrapping(people, signed)
    yield from _certified(people)
    yield from _strangers(people, signed)


def _shadow_attacks(people: Signatories, signed: bytes) -> Iterator[Hostile]:
    writer = writer_of(signed)
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=_OTHER))
    writer.update_container(page)
    yield Hostile(
        "shadow-replace", "page content exchanged by an update", update(writer), failed="later"
    )

    writer = writer_of(signed)
    font = writer.root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]["/F1"]
    font["/BaseFont"] = pdf_name("/Wingdings")
    writer.update_container(font)
    yield Hostile(
        "shadow-replace-font",
        "another font makes other letters of the same codes",
        update(writer),
        failed="later",
    )

    writer = writer_of(people.sign(_with_cover(plain_pdf())))
    page = writer.root["/Pages"]["/Kids"][0]
    del page["/Resources"]["/XObject"]
    writer.update_container(page["/Resources"])
    yield Hostile(
        "shadow-hide",
        "what covered the text when it was signed is taken away",
        update(writer),
        failed="later",
    )

    prepared, hidden = _with_second_tree(plain_pdf())
    writer = writer_of(people.sign(prepared))
    writer.root["/Pages"] = generic.IndirectObject(hidden, 0, writer)
    writer.update_root()
    yield Hostile(
        "shadow-hide-and-replace",
        "a page tree that was signed unseen is shown instead",
        update(writer),
        failed="later",
    )

    writer = writer_of(signed)
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (40, 90, 250, 130))),
            pdf_name("/Contents"): generic.pdf_string("Pay 100000 yuan"),
            pdf_name("/DA"): generic.pdf_string("/F1 18 Tf 1 g"),
        }
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    yield Hostile(
        "annotation-over-text", "an annotation laid over the text", update(writer), failed="later"
    )


def _with_cover(pdf: bytes) -> bytes:
    writer = writer_of(pdf)
    page = writer.root["/Pages"]["/Kids"][0]
    cover = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 200))),
        },
        stream_data=b"1 g 0 0 300 200 re f",
    )
    page["/Resources"]["/XObject"] = generic.DictionaryObject(
        {pdf_name("/Cover"): writer.add_object(cover)}
    )
    page["/Contents"] = writer.add_object(
        generic.StreamObject(stream_data=page_content("Pay 100 yuan") + b" /Cover Do")
    )
    writer.update_container(page)
    return update(writer)


def _with_second_tree(pdf: bytes) -> tuple[bytes, int]:
    """``pdf`` with a page tree that nothing leads to, and the number of its object."""
    writer = writer_of(pdf)
    first = writer.root["/Pages"]["/Kids"][0]
    page = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/MediaBox"): first["/MediaBox"],
            pdf_name("/Resources"): first["/Resources"],
            pdf_name("/Contents"): writer.add_object(generic.StreamObject(stream_data=_OTHER)),
        }
    )
    kid = writer.add_object(page)
    tree = writer.add_object(
        generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Pages"),
                pdf_name("/Kids"): generic.ArrayObject([kid]),
                pdf_name("/Count"): generic.NumberObject(1),
            }
        )
    )
    page["/Parent"] = tree
    return update(writer), tree.idnum


def _incremental_saving(signed: bytes) -> Iterator[Hostile]:
    yield Hostile(
        "saved-without-table",
        "an object appended after the end of the file, without a table: readers may repair it",
        signed + b"4 0 obj\n<</Length 5>>\nstream\nhello\nendstream\nendobj\n",
        failed="later",
    )
    yield Hostile(
        "saved-with-old-table",
        "an object appended that the old table at its end does not know",
        signed + b"\n4 0 obj\n<<>>\nendobj\n" + signed[signed.rindex(b"startxref") :],
        failed="later",
    )
    writer = writer_of(signed)
    del writer.root["/AcroForm"]
    writer.update_root()
    yield Hostile(
        "signature-removed",
        "the form that showed the signature is taken away",
        update(writer),
        verdict="none",
    )
    writer = writer_of(signed)
    signature = writer.root["/AcroForm"]["/Fields"][1]["/V"]
    signature["/Name"] = generic.pdf_string("Somebody else")
    writer.update_container(signature)
    yield Hostile(
        "signature-object-updated",
        "the signature's dictionary is exchanged by an update",
        update(writer),
        failed="coverage",
    )


def _universal_forgeries(signed: bytes) -> Iterator[Hostile]:
    """Signature dictionaries without what makes them one."""
    found = _RANGE.search(signed)
    assert found is not None
    size = len(found[0])
    for name, old, new in (
        ("no-contents", b"/Contents <", b"/Xontents <"),
        ("no-range", b"/ByteRange ", b"/XyteRange "),
        ("null-range", found[0], b"/ByteRange null".ljust(size)),
        ("empty-range", found[0], b"/ByteRange []".ljust(size)),
        ("negative-range", found[0], b"/ByteRange [0 -1 0 -1]".ljust(size)),
        ("zero-range", found[0], b"/ByteRange [0 0 0 0]".ljust(size)),
        ("huge-range", found[0], b"/ByteRange [0 9 9 99999999999]".ljust(size)[:size]),
        ("text-range", found[0], b"/ByteRange [/a /b /c /d]".ljust(size)),
    ):
        assert len(old) == len(new)
        yield Hostile(
            f"forged-{name}",
            f"a signature with {new.strip()[:24]!r}",
            signed.replace(old, new, 1),
            failed="form",
        )
    start, end = _gap(signed)
    for name, filling in (
        ("no-signature", b"<" + b"0" * (end - start - 2) + b">"),
        ("null-byte", b"<00>".ljust(end - start)),
        ("garbage", b"<" + b"41" * ((end - start - 2) // 2) + b">"),
    ):
        yield Hostile(
            f"forged-{name}",
            f"a signature of {filling[:8]!r}",
            signed[:start] + filling + signed[end:],
            failed="form",
        )


def _gap(signed: bytes) -> tuple[int, int]:
    found = _RANGE.search(signed)
    assert found is not None
    return int(found[2]), int(found[3])


def _wrapping(people: Signatories, signed: bytes) -> Iterator[Hostile]:
    start, end = _gap(signed)
    found = _RANGE.search(signed)
    assert found is not None
    injected = b"\n4 0 obj\n<</Length %d>>\nstream\n%b\nendstream\nendobj\n" % (len(_OTHER), _OTHER)
    moved = signed[:end] + injected + signed[end:]
    yield Hostile(
        "wrapped-moved-tail",
        "the signed tail moved behind an injected object",
        moved,
        outcome="unreadable",
        verdict="none",
    )
    patched = moved.replace(
        found[0],
        (b"/ByteRange [0 %d %d %d]" % (start, end + len(injected), int(found[4]))).ljust(
            len(found[0])
        ),
        1,
    )
    yield Hostile(
        "wrapped-patched-range",
        "the same with its byte range moved too",
        patched,
        outcome="unreadable",
        verdict="none",
    )
    padding = signed[start:end]
    held = padding.rstrip(b"0>")
    room = len(padding) - len(held)
    second = b"> /Reason (" + b"x" * (room - 13) + b") "
    yield Hostile(
        "hidden-in-padding",
        "further entries in the room that the signature leaves",
        signed[:start] + held + second[:room] + signed[end:],
        failed="form",
    )
    zeros = padding.rindex(b"0000>")
    dirty = padding[:zeros] + b"DEAD>"
    yield Hostile(
        "data-in-padding",
        "data behind the signature in its room",
        signed[:start] + dirty + signed[end:],
        failed="form",
    )
    yield Hostile(
        "range-leaves-start",
        "an insider's signature that leaves out the first bytes",
        _signed_again(signed, people.signer, 9, start - 9, end),
        failed="form",
    )
    yield Hostile(
        "range-leaves-end",
        "an insider's signature that leaves out the end",
        _signed_again(signed, people.signer, 0, start, end, tail=20),
        failed="coverage",
    )
    yield Hostile(
        "range-wide-gap",
        "an insider's signature that leaves out more than itself",
        _signed_again(signed, people.signer, 0, start - 40, end),
        failed="form",
    )


def _signed_again(
    pdf: bytes, signer: Held, offset: int, length: int, end: int, *, tail: int = 0
) -> bytes:
    """``pdf`` with a true signature over another byte range, put in the place of its own."""
    found = _RANGE.search(pdf)
    assert found is not None
    rest = len(pdf) - end - tail
    numbers = b"/ByteRange [%d %d %d %d]" % (offset, length, end, rest)
    pdf = pdf.replace(found[0], numbers.ljust(len(found[0])), 1)
    pdf = pdf.replace(b"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /adbe.pkcs7.detached", 1)
    covered = pdf[offset : offset + length] + pdf[end : end + rest]
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    message = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(covered)
        .add_signer(signer.certificate, signer.key, SHA256())
        .add_certificate(signer.above[0])
        .sign(Encoding.DER, options)
    )
    start = int(found[2])
    room = end - start - 2
    contents = b"<" + message.hex().encode().ljust(room, b"0") + b">"
    return pdf[:start] + contents + pdf[end:]


def _certified(people: Signatories) -> Iterator[Hostile]:
    certified = people.sign(plain_pdf(), permits=MDPPerm.NO_CHANGES)
    yield Hostile(
        "certified-then-signed",
        "a signature added to a document certified as final",
        people.sign(certified, "Second", careless=True),
        failed="later",
    )
    writer = writer_of(certified)
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.pdf_string("after")
    writer.update_container(field)
    yield Hostile(
        "certified-then-filled",
        "a form filled in a document certified as final",
        update(writer),
        failed="later",
    )


def _strangers(people: Signatories, signed: bytes) -> Iterator[Hostile]:
    impostor = Signatories(name=people.name)
    yield Hostile(
        "impostor",
        "signed under the same name by a certificate of no known root",
        impostor.sign(plain_pdf()),
        failed="chain",
    )
    since = people.signer.certificate.not_valid_before_utc
    revoked = ((people.signer.certificate.serial_number, since),)
    yield Hostile(
        "revoked",
        "signed with a certificate that was revoked before",
        people.sign(plain_pdf(), long_term=True, revoked=revoked),
        failed="revocation",
    )
    at = signed.index(b"Pay 100") if b"Pay 100" in signed else signed.index(b"/MediaBox") + 12
    yield Hostile(
        "byte-changed",
        "a signed byte changed",
        signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :],
        failed="integrity",
    )
    yield Hostile(
        "cut-in-half",
        "the file cut off in the middle",
        signed[: len(signed) // 2],
        outcome="unreadable",
        verdict="none",
    )
    twice = people.sign(signed, "Second")
    yield Hostile(
        "cut-in-update",
        "the file cut off in its second signature",
        twice[: (len(signed) + len(twice)) // 2],
        outcome="unreadable",
        verdict="none",
    )


# -- what is no PDF to be checked -----------------------------------------------------------------


def no_pdfs() -> Iterator[Hostile]:
    """Files that are no PDF, or none that can be read."""

    def archive(name: str) -> bytes:
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as file:
            file.writestr(name, "<x/>")
        return output.getvalue()

    for name, what, content, outcome in (
        ("empty", "no bytes", b"", "empty"),
        ("text", "text", "合同".encode(), "not_pdf"),
        ("html", "a page", b"<!DOCTYPE html><script>alert(1)</script>", "not_pdf"),
        ("picture", "a PNG", b"\x89PNG\r\n\x1a\n" + bytes(100), "not_pdf"),
        ("word", "a docx", archive("word/document.xml"), "not_pdf"),
        ("ofd", "an OFD document", archive("OFD.xml"), "ofd"),
        ("header-alone", "nothing but a header", b"%PDF-1.7\n", "unreadable"),
        ("header-late", "something else in front", b"GIF89a\n" + plain_pdf(), "unreadable"),
        ("zeros", "zeros behind a header", b"%PDF-1.7\n" + bytes(1 << 20), "unreadable"),
        ("encrypted", "a PDF that needs a password", _encrypted(), "encrypted"),
    ):
        yield Hostile(name, what, content, outcome=outcome, verdict="none")
    yield Hostile("unsigned", "a PDF without signatures", plain_pdf(), verdict="none")


def _encrypted() -> bytes:
    writer = PdfFileWriter(stream_xrefs=False)
    writer.encrypt("owner", "user")
    return plain_pdf(writer=writer)


# -- what uses up the machine ---------------------------------------------------------------------


def _file(*objects: bytes, trailer: bytes = b"", prev: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1, the first its catalogue."""
    output, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(output))
        output += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(output)
    output += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        output += b"%010d 00000 n \n" % offset
    output += b"trailer\n<</Size %d /Root 1 0 R %b%b>>\n" % (len(objects) + 1, prev, trailer)
    return bytes(output + b"startxref\n%d\n%%%%EOF\n" % table)


def bombs() -> Iterator[Hostile]:
    """Files that must not crash, hang or swell whatever checks them; what they are is all the
    same, as long as nothing in them passes."""
    pages = b"<</Type /Pages /Kids [] /Count 0>>"
    deep = b"[" * 200_000 + b"]" * 200_000
    any_outcome = {"outcome": "", "verdict": ""}

    def form(fields: bytes, *objects: bytes) -> bytes:
        root = b"<</Type /Catalog /Pages 2 0 R /AcroForm <</Fields " + fields + b">>>>"
        return _file(root, pages, *objects)

    yield Hostile("deep-arrays", "200,000 arrays within each other", form(deep), **any_outcome)
    yield Hostile(
        "deep-dictionaries",
        "100,000 dictionaries within each other",
        form(b"<</A " * 100_000 + b"1" + b">>" * 100_000),
        **any_outcome,
    )
    yield Hostile(
        "field-cycle",
        "a field that is its own child",
        form(b"[3 0 R]", b"<</T (a) /Kids [3 0 R] /FT /Sig /V 3 0 R>>"),
        **any_outcome,
    )
    chain = [b"<</T (a) /FT /Sig /Kids [%d 0 R]>>" % (number + 1) for number in range(3, 5003)]
    yield Hostile(
        "field-chain",
        "5,000 fields within each other",
        form(b"[3 0 R]", *chain, b"<<>>"),
        **any_outcome,
    )
    yield Hostile(
        "reference-cycle",
        "an object that is a reference to itself",
        form(b"3 0 R", b"3 0 R"),
        **any_outcome,
    )
    fields = b"[" + b" ".join(b"%d 0 R" % number for number in range(3, 20_003)) + b"]"
    one = b"<</T (a) /FT /Sig /V <</Type /Sig /SubFilter /ETSI.CAdES.detached>>>>"
    yield Hostile(
        "many-signatures", "20,000 signatures", form(fields, *[one] * 20_000), **any_outcome
    )
    yield Hostile(
        "many-objects",
        "a million entries in the table, all alike",
        _million_entries(),
        **any_outcome,
    )
    yield Hostile(
        "table-cycle", "a table whose predecessor is itself", _table_cycle(), **any_outcome
    )
    yield Hostile(
        "many-ends", "100,000 ends of file", b"%PDF-1.7\n" + b"%%EOF\n" * 100_000, **any_outcome
    )
    yield Hostile(
        "long-number",
        "a number of 200,000 digits",
        form(b"[" + b"9" * 200_000 + b"]"),
        **any_outcome,
    )
    yield Hostile(
        "deflate-bomb",
        "an object stream that swells a thousandfold, twice over",
        _deflate_bomb(),
        **any_outcome,
    )
    yield Hostile(
        "table-bomb", "a table that swells from 300 kB to 300 MB", _table_bomb(), **any_outcome
    )


def _million_entries() -> bytes:
    body = b"%PDF-1.7\n1 0 obj\n<</Type /Catalog>>\nendobj\n"
    table = b"xref\n0 1000000\n" + b"0000000009 00000 n \n" * 1_000_000
    end = b"trailer\n<</Size 1000000 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + table + end


def _table_cycle() -> bytes:
    pdf = _file(b"<</Type /Catalog>>", prev=b"/Prev 0000000000 ")
    table = pdf.rindex(b"xref\n0")
    return pdf.replace(b"/Prev 0000000000", b"/Prev %010d" % table)


def _deflate_bomb() -> bytes:
    once = zlib.compress(bytes(200 << 20), 9)
    return _stream_file(
        zlib.compress(once, 9),
        b"/Filter [/FlateDecode /FlateDecode]",
        b"/ObjStm",
        b"/N 10 /First 100",
    )


def _table_bomb() -> bytes:
    packed = zlib.compress(bytes(300 << 20), 9)
    head = b"%PDF-1.7\n"
    stream = (
        b"1 0 obj\n<</Type /XRef /W [1 8 1] /Index [0 30000000] /Size 30000000 /Root 2 0 R "
        b"/Filter /FlateDecode /Length %d>>\nstream\n%b\nendstream\nendobj\n"
        % (len(packed), packed)
    )
    return head + stream + b"startxref\n%d\n%%%%EOF\n" % len(head)


def _stream_file(packed: bytes, filters: bytes, kind: bytes, more: bytes) -> bytes:
    """A PDF whose form lies in the object stream ``packed``."""
    head = b"%PDF-1.7\n"
    root = len(head)
    head += b"1 0 obj\n<</Type /Catalog /AcroForm 5 0 R>>\nendobj\n"
    stream = len(head)
    head += b"2 0 obj\n<</Type %b %b %b /Length %d>>\nstream\n%b\nendstream\nendobj\n" % (
        kind, more, filters, len(packed), packed,
    )  # fmt: skip
    table = len(head)
    rows = b"".join(
        bytes([kind_of]) + first.to_bytes(4, "big") + bytes([second])
        for kind_of, first, second in (
            (0, 0, 0), (1, root, 0), (1, stream, 0), (1, table, 0), (0, 0, 0), (2, 2, 0),
        )
    )  # fmt: skip
    head += (
        b"3 0 obj\n<</Type /XRef /W [1 4 1] /Size 6 /Root 1 0 R /Length %d>>\nstream\n%b\n"
        b"endstream\nendobj\n" % (len(rows), rows)
    )
    return head + b"startxref\n%d\n%%%%EOF\n" % table
