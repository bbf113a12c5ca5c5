"""Seals a PDF: a PAdES B-B signature (ETSI EN 319 142-1) that shows a seal's imprint.

Each seal is an incremental update (ISO 32000-2 §7.5.6), so that every earlier revision stays in the
file byte for byte and its signatures go on covering it. The signature is ECDSA on P-256 with
SHA-256. These functions run an event loop of their own and are not for use inside one.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import keys, x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pyhanko.pdf_utils import content, generic, layout
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigAppearanceSetup,
    SigIOSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from node.core.errors import InvalidInput
from node.demo.authority import SignerIdentity
from node.evidence.imprints.imprint import Imprint

__all__ = ["SealedPdf", "seal_pdf"]

_DIGEST = "sha256"
_BYTES_RESERVED = 16384  # hex digits for the CMS object: three P-256 certificates take a quarter


@dataclass(frozen=True)
class SealedPdf:
    """A PDF after one more signature. Hashes are lower-case hex.

    ``before_sha256`` and ``after_sha256`` name the whole file before and after; ``signature`` is
    the CMS object in DER as it stands in the file without its padding, ``signature_sha256`` its
    hash; ``byte_range`` is the two (offset, length) pairs that the signature covers.
    """

    pdf: bytes
    before_sha256: str
    after_sha256: str
    signature: bytes
    signature_sha256: str
    byte_range: tuple[int, int, int, int]


class _ImprintPage(content.PdfContent):
    """The imprint's page as a form XObject of the document that it is laid on."""

    def __init__(self, imprint: Imprint) -> None:
        super().__init__()
        self._imprint = imprint

    def render(self) -> bytes:
        page = PdfFileReader(io.BytesIO(self._imprint.pdf))
        form = self._ensure_writer.import_page_as_xobject(page)
        self.resources.xobject[pdf_name("/Imprint")] = form
        # Ink on paper: what the seal lies on can still be read.
        ink = generic.DictionaryObject()  # type: ignore[no-untyped-call]
        ink[pdf_name("/BM")] = pdf_name("/Multiply")
        self.resources.ext_g_state[pdf_name("/Ink")] = ink
        left, bottom, right, top = form.get_object()["/BBox"]
        # The library keeps whole points: rounded up, so that the ring's edge is not cut off.
        self.box = layout.BoxConstraints(math.ceil(right - left), math.ceil(top - bottom))
        return b"/Ink gs /Imprint Do"


def seal_pdf(
    pdf: bytes,
    signer: SignerIdentity,
    imprint: Imprint,
    *,
    field_name: str,
    page: int,
    box: tuple[int, int, int, int],
    reason: str,
    signed_at: datetime,
) -> SealedPdf:
    """Append one signature in the new field ``field_name``, shown as ``imprint``.

    ``page`` counts from 0, ``box`` is (left, bottom, right, top) in points from the page's lower
    left corner. ``signed_at`` is the time that the signer claims; nothing here proves it.

    Raises:
        InvalidInput: the file is no PDF that can be signed, the field exists, the page does not,
            the box is empty, or the time has no zone.
    """
    _check_place(field_name, box, signed_at)
    before = io.BytesIO(pdf)
    try:
        writer = IncrementalPdfFileWriter(before)
        _check_document(writer, field_name, page)
        embedder = PdfCMSEmbedder(
            SigFieldSpec(field_name, on_page=page, box=box, readable_field_name=reason)
        ).write_cms(field_name, writer)
        digest, sealed = _prepare(embedder, imprint, reason, signed_at)
    except InvalidInput:
        raise
    except Exception as error:
        # A parser of PDF meets hostile bytes with errors of a dozen kinds.
        raise InvalidInput("pdf", f"must be a PDF that can be signed: {error!r}") from error
    signature = _sign(signer, digest.document_digest)
    embedder.send(signature)
    return _describe(pdf, sealed.getvalue(), signature, digest)


def _check_place(field_name: str, box: tuple[int, int, int, int], signed_at: datetime) -> None:
    # A full stop would name a child of another field (ISO 32000-2 §12.7.4.2).
    if not field_name or "." in field_name:
        raise InvalidInput("field_name", "must not be empty nor hold a full stop")
    left, bottom, right, top = box
    if left >= right or bottom >= top:
        raise InvalidInput("box", "must be (left, bottom, right, top) and have an area")
    if signed_at.utcoffset() is None:
        raise InvalidInput("signed_at", "must have a time zone")


def _check_document(writer: IncrementalPdfFileWriter, field_name: str, page: int) -> None:
    pages = int(writer.root["/Pages"]["/Count"])
    if not 0 <= page < pages:
        raise InvalidInput("page", f"must be 0 to {pages - 1}")
    if any(name == field_name for name, _, _ in enumerate_sig_fields(writer.prev)):
        raise InvalidInput("field_name", f"the document has a signature field {field_name} already")


def _prepare(
    embedder: Generator[Any, Any, None], imprint: Imprint, reason: str, signed_at: datetime
) -> tuple[PreparedByteRangeDigest, io.BytesIO]:
    """Write the revision with room for the signature; its digest and the file."""
    next(embedder)
    style = StaticStampStyle(
        border_width=0,
        background=_ImprintPage(imprint),
        background_layout=layout.SimpleBoxLayoutRule(
            x_align=layout.AxisAlignment.ALIGN_MID,
            y_align=layout.AxisAlignment.ALIGN_MID,
            margins=layout.Margins(),
        ),
    )
    embedder.send(
        SigObjSetup(
            sig_placeholder=SignatureObject(
                timestamp=signed_at,
                subfilter=SigSeedSubFilter.PADES,
                reason=reason,
                bytes_reserved=_BYTES_RESERVED,
            ),
            appearance_setup=SigAppearanceSetup(style=style, timestamp=signed_at, name=None),
        )
    )
    digest, output = embedder.send(SigIOSetup(md_algorithm=_DIGEST))
    assert isinstance(digest, PreparedByteRangeDigest)
    assert isinstance(output, io.BytesIO)
    return digest, output


def _sign(signer: SignerIdentity, document_digest: bytes) -> bytes:
    """The CMS object in DER: signer's and issuing certificate, no root, no time (PAdES §6.3)."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(
        x509.Certificate.load(certificate.public_bytes(Encoding.DER))
        for certificate in signer.chain
    )
    key = signer.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cms_signer = SimpleSigner(
        signing_cert=x509.Certificate.load(signer.certificate_der),
        signing_key=keys.PrivateKeyInfo.load(key),
        cert_registry=store,
        embed_roots=False,
    )
    signing = cms_signer.async_sign(document_digest, _DIGEST, use_pades=True)
    signature = asyncio.run(signing).dump()
    assert isinstance(signature, bytes)
    return signature


def _describe(
    before: bytes, after: bytes, signature: bytes, digest: PreparedByteRangeDigest
) -> SealedPdf:
    start, end = digest.reserved_region_start, digest.reserved_region_end
    return SealedPdf(
        pdf=after,
        before_sha256=hashlib.sha256(before).hexdigest(),
        after_sha256=hashlib.sha256(after).hexdigest(),
        signature=signature,
        signature_sha256=hashlib.sha256(signature).hexdigest(),
        byte_range=(0, start, end, len(after) - end),
    )
