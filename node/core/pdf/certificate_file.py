"""A certificate's PDF as it is read: attachments, signatures, and what came after the seal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from node.core.errors import InvalidEncoding, InvalidProof
from node.core.pdf.attachments import read_attachments
from node.core.pdf.later import check_later
from node.core.pdf.objects import Ref, Stream
from node.core.pdf.revisions import PdfFile, Revision, View, read_pdf
from node.core.pdf.signature_fields import DETACHED, PdfSignature, read_signatures

__all__ = ["CertificateFile", "check_revisions", "read_certificate"]

_CHANGING = ("AA", "JS", "JavaScript", "NeedAppearances", "OCProperties", "OpenAction", "XFA")
"""What lets a document look or act otherwise at another time or for another reader."""
_HEADER = re.compile(rb"\d[\x00\t\n\x0c\r ]+obj")


@dataclass(frozen=True)
class CertificateFile:
    """``seal`` is the first signature, or None in a certificate that is not sealed;
    ``time_stamps`` are those behind it, and ``attachments`` those of the revision that the seal is
    of, by their names."""

    file: PdfFile
    views: list[View] = field(repr=False)
    seal: PdfSignature | None
    time_stamps: tuple[PdfSignature, ...]
    attachments: dict[str, bytes] = field(repr=False)


def read_certificate(data: bytes) -> CertificateFile:
    """Read a certificate. Nothing is verified here but its form.

    Raises:
        InvalidInput: it is no PDF, or ambiguous.
    """
    file = read_pdf(data)
    views = file.views()
    signatures = read_signatures(file, views)
    seal = signatures[0] if signatures else None
    if seal is None and len(views) > 1:
        raise InvalidEncoding("pdf", "was changed, and is not sealed")
    if seal is not None and seal.subfilter != DETACHED:
        raise InvalidEncoding(seal.place, f"the first signature must be {DETACHED}")
    sealed = views[0 if seal is None else seal.revision]
    _check_steady(sealed)
    return CertificateFile(file, views, seal, tuple(signatures[1:]), read_attachments(sealed))


def _check_steady(view: View) -> None:
    """What the document shows must not depend on when, where and by whom it is opened; nor may it
    refer to an object that is not there yet."""
    for number, one in sorted(view.objects.items()):
        place = f"pdf object {number}"
        value = one.value.entries if isinstance(one.value, Stream) else one.value
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, Ref) and value.number not in view.objects:
                raise InvalidEncoding(place, f"refers to object {value.number}, which is not there")
            if isinstance(value, dict):
                for name in _CHANGING:
                    if name in value:
                        rule = f"{name} is not used in certificates"
                        raise InvalidEncoding(place, rule, "含有可使显示内容变化的项")
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value


def check_revisions(certificate: CertificateFile) -> int:
    """Check all revisions behind the seal's: see `check_later`.

    Returns:
        How many there are.

    Raises:
        InvalidInput: one of them changed something that was sealed.
    """
    assert certificate.seal is not None
    first = certificate.seal.revision
    for number in range(first + 1, len(certificate.views)):
        place = f"revision {number + 1}"
        _check_plain(certificate.file, certificate.file.revisions[number], place)
        check_later(certificate.views[number - 1], certificate.views[number], place)
    return len(certificate.views) - first - 1


def _check_plain(file: PdfFile, revision: Revision, place: str) -> None:
    """A reader that takes a file for broken looks for objects and trailers wherever their words
    stand: none may stand inside a stream or a string that was added after the seal."""
    added = file.data[revision.start : revision.end]
    if len(_HEADER.findall(added)) != revision.plain or added.count(b"trailer") != int(
        revision.table
    ):
        raise InvalidProof(place, "holds an object or a trailer inside a stream or a string")
