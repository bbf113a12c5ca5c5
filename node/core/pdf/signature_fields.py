"""Signatures in a PDF: where they stand, and which bytes they are of (ISO 32000-2 §12.8).

A signature is of the file's beginning up to the end of a revision, but for the place of its own
``Contents``. That the bytes left out are that hexadecimal string and nothing else is checked here,
not believed: in every gap that ByteRange leaves, somebody could put something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.objects import Ref
from node.core.pdf.revisions import PdfFile, View

__all__ = ["DETACHED", "MAX_SIGNATURES", "TIME_STAMP", "PdfSignature", "read_signatures"]

DETACHED = "ETSI.CAdES.detached"
"""SubFilter of a PAdES signature (ETSI EN 319 142-1 §6.3)."""
TIME_STAMP = "ETSI.RFC3161"
"""SubFilter of a document time-stamp (ISO 32000-2 §12.8.5)."""
MAX_SIGNATURES = 16
_SIGNATURE_KEYS = {
    "Type", "Filter", "SubFilter", "Contents", "ByteRange", "M", "Name", "Location", "Reason",
    "ContactInfo", "Prop_Build", "Reference",
}  # fmt: skip


@dataclass(frozen=True)
class PdfSignature:
    """A signature dictionary: of which form it is, the number of its revision (from 0), its DER
    (without the zeros that fill its place) and the bytes that it is of."""

    number: int
    subfilter: str
    revision: int
    contents: bytes = field(repr=False)
    covered: tuple[tuple[int, int], tuple[int, int]]
    place: str

    def signed_bytes(self, data: bytes) -> bytes:
        """What it is of."""
        return b"".join(data[start:end] for start, end in self.covered)


def read_signatures(file: PdfFile, views: list[View]) -> list[PdfSignature]:
    """All signatures of the file, in the order of what they are of.

    Raises:
        InvalidEncoding: one is not of the form that certificates have; two are of one revision.
    """
    numbers = _signature_objects(views[-1])
    everywhere = {
        number
        for view in views
        for number, one in view.objects.items()
        if "ByteRange" in one.entries
    }
    if everywhere != set(numbers):
        raise InvalidEncoding("pdf", "holds a signature that is in no field of its form")
    found = [_read_signature(file, views, number) for number in numbers]
    found.sort(key=lambda one: one.revision)
    if len({one.revision for one in found}) != len(found):
        raise InvalidEncoding("pdf", "has two signatures of one revision")
    return found


def _signature_objects(view: View) -> list[int]:
    """The numbers of the signature dictionaries that the form's fields have as their values."""
    form = view.dictionary(view.catalog().get("AcroForm", {}), "pdf AcroForm")
    fields = view.array(form.get("Fields", []), "pdf AcroForm.Fields")
    if len(fields) > MAX_SIGNATURES:
        rule = f"must be at most {MAX_SIGNATURES}"
        raise InvalidEncoding("pdf AcroForm.Fields", rule, "签名域过多")
    numbers = []
    for position, item in enumerate(fields):
        place = f"pdf AcroForm.Fields[{position}]"
        entries = view.dictionary(item, place)
        if entries.get("FT") != "Sig" or not isinstance(entries.get("V"), Ref):
            raise InvalidEncoding(place, "must be a signature, and signed")
        if "Kids" in entries or "Parent" in entries:
            raise InvalidEncoding(place, "must be a field of its own")
        numbers.append(view.object(entries["V"], place).number)
    if len(set(numbers)) != len(numbers):
        raise InvalidEncoding("pdf AcroForm.Fields", "two fields have one signature")
    return numbers


def _read_signature(file: PdfFile, views: list[View], number: int) -> PdfSignature:
    place = f"pdf signature (object {number})"
    writers = [
        position for position, revision in enumerate(file.revisions) if number in revision.written
    ]
    if len(writers) != 1:
        raise InvalidEncoding(place, "was written more than once")
    revision = file.revisions[writers[0]]
    one = revision.written[number]
    entries = one.entries
    for key in entries:
        if key not in _SIGNATURE_KEYS:
            rule = f"{key[:64]} is not used in certificates"
            raise InvalidEncoding(place, rule, "签名含证书不使用的项")
    subfilter, hole = entries.get("SubFilter"), one.hexadecimal.get("Contents")
    if subfilter not in (DETACHED, TIME_STAMP) or hole is None:
        raise InvalidEncoding(place, f"must be {DETACHED} or {TIME_STAMP}, in hexadecimal")
    if not revision.start <= one.start < one.end <= revision.end:
        raise InvalidEncoding(place, "must stand in its revision itself")
    expected = [0, hole[0], hole[1], revision.end - hole[1]]
    if not _are_same(entries.get("ByteRange"), expected):
        raise InvalidEncoding(
            f"{place}.ByteRange",
            "must be of the whole revision but for Contents: bytes are left out, or are behind it",
        )
    return PdfSignature(
        number=number,
        subfilter=subfilter,
        revision=writers[0],
        contents=_without_filling(entries["Contents"], f"{place}.Contents"),
        covered=((0, hole[0]), (hole[1], revision.end)),
        place=place,
    )


def _are_same(value: Any, numbers: list[int]) -> bool:
    return isinstance(value, list) and value == numbers and {int} == set(map(type, value))


def _without_filling(padded: bytes, place: str) -> bytes:
    """The DER value at the beginning; behind it only zeros may fill the place."""
    length = 0
    if len(padded) > 1 and padded[0] == 0x30:
        short = padded[1] & 0x7F
        length = 2 + short
        if padded[1] & 0x80:
            length = 2 + short + int.from_bytes(padded[2 : 2 + short], "big") if short <= 4 else 0
    if not 2 < length <= len(padded) or any(padded[length:]):
        raise InvalidEncoding(place, "must be one DER value, with nothing behind it but zeros")
    return padded[:length]
