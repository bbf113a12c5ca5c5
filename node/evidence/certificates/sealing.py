"""Seals a certificate's PDF: PAdES B-LTA (ETSI EN 319 142-1), with the institution's imprint.

One visible signature with a signature time-stamp, the validation data in a document security store,
and a document time-stamp over all of it. Without a time-stamp authority it is B-B, whose time is
what the issuer claims. ECDSA on P-256 with SHA-256. What revocation data the certificates name is
fetched and embedded, and has to be had; where they name none there is none, which is told.

These functions run an event loop of their own and are not for use inside one.
"""

from __future__ import annotations

import asyncio
import io
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyhanko.pdf_utils import content, generic, layout
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, Signer
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.stamp import StaticStampStyle

from node.core.errors import EvidenceError
from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.keys import (
    FileKey,
    SealChain,
    TokenKey,
    close_signer,
    open_signer,
)
from node.evidence.certificates.pdf_updates import open_update
from node.evidence.certificates.port import SealSpace
from node.evidence.certificates.seal_paths import CheckedPaths, PathChecker
from node.evidence.certificates.signature_forms import SignatureForm
from node.evidence.certificates.time_stamps import HttpTimeStamper, TsaSettings

__all__ = ["FIELD_NAME", "TIME_STAMP_FIELD", "OpenedSeal", "SealSettings"]

FIELD_NAME = "InstitutionSeal"
TIME_STAMP_FIELD = "DocumentTimeStamp"
_BYTES_RESERVED = 16_384
"""Hex digits for the CMS object: three P-256 certificates take a quarter."""
_BYTES_RESERVED_WITH_TOKEN = 49_152
_HASH = "sha256"


@dataclass(frozen=True)
class SealSettings:
    """All that a process needs to seal, and no secret. ``imprint`` is a PDF of one page, in points;
    ``reason`` stands in the signature's dictionary."""

    chain: SealChain
    key: FileKey | TokenKey
    imprint: bytes = field(repr=False)
    reason: str
    tsa: TsaSettings | None = None


class _ImprintPage(content.PdfContent):
    """The imprint's page as a form XObject of the document that it is laid on."""

    def __init__(self, imprint: PdfFileReader) -> None:
        super().__init__()
        self._imprint = imprint

    def render(self) -> bytes:
        form = self._ensure_writer.import_page_as_xobject(self._imprint)
        self.resources.xobject[pdf_name("/Imprint")] = form
        # Ink on paper: what the seal lies on can still be read.
        ink = generic.DictionaryObject()  # type: ignore[no-untyped-call]
        ink[pdf_name("/BM")] = pdf_name("/Multiply")
        self.resources.ext_g_state[pdf_name("/Ink")] = ink
        left, bottom, right, top = form.get_object()["/BBox"]
        # The library keeps whole points: rounded up, so that the ring's edge is not cut off.
        self.box = layout.BoxConstraints(math.ceil(right - left), math.ceil(top - bottom))
        return b"/Ink gs /Imprint Do"


class _Signer(PdfSigner):
    """pyHanko's signer with a time that is given."""

    def __init__(self, *args: Any, signed_at: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self._signed_at = signed_at

    def init_signing_session(
        self, pdf_out: Any, existing_fields_only: bool = False
    ) -> PdfSigningSession:
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._signed_at
        return session


class OpenedSeal:
    """A seal ready for use in this process: its key opened, its authority known. For one thread."""

    def __init__(self, settings: SealSettings) -> None:
        """Open the key.

        Raises:
            KeyUnusable: it cannot be had.
        """
        self._settings = settings
        self._signer: Signer = open_signer(settings.key, settings.chain)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._made: tuple[SignatureForm, PdfFileReader] | None = None
        self._stamper = self._paths = None
        if settings.tsa is not None:
            self._stamper = HttpTimeStamper(settings.tsa)
            self._paths = PathChecker(
                self._signer, settings.chain, self._stamper, settings.tsa.roots
            )

    def close(self) -> None:
        """Let go of the token and of the connection to the authority."""
        close_signer(self._signer)
        if self._stamper is not None:
            self._stamper.close()
        self._runner.close()

    def seal(self, pdf: bytes, space: SealSpace, signed_at: int) -> bytes:
        """The sealed PDF. ``signed_at`` (ms) is the time that the issuer claims.

        Raises:
            CertificateError: it could not be sealed, or not be time-stamped; nothing half is given.
        """
        if not pdf.endswith(b"\n"):
            # Else the first object of the update stands on the line of %%EOF (ISO 19005-3 §6.1.9).
            pdf += b"\n"
        try:
            sealing = self._seal(pdf, space, datetime.fromtimestamp(signed_at / 1000, UTC))
            # Not `run`: it writes out what was returned, a document, to name a signal's handler.
            return self._runner.get_loop().run_until_complete(sealing)
        except EvidenceError:
            raise
        except Exception as error:
            # A library of PDF, CMS and X.509 has errors of a dozen kinds for what it meets.
            raise SealingFailed(f"the PDF could not be sealed: {error!r}") from error

    async def _seal(self, pdf: bytes, space: SealSpace, signed_at: datetime) -> bytes:
        if self._paths is None:
            return await self._sign(pdf, space, signed_at)
        await self._paths.check()
        signed = await self._sign(pdf, space, signed_at)
        # Again, since a time-stamp may be by a certificate that was not seen before: the store is
        # to have what validates it, and a revoked one is not to be used.
        checked = await self._paths.check()
        sealed = await self._preserve(signed, checked)
        if (last := await self._paths.check()) is not checked:
            sealed = await self._preserve(signed, last)
            await self._paths.check()
        return sealed

    async def _sign(self, pdf: bytes, space: SealSpace, signed_at: datetime) -> bytes:
        """With the seal's signature, time-stamped where there is an authority."""
        if self._made is None:
            imprint = PdfFileReader(io.BytesIO(self._settings.imprint))
            self._made = await SignatureForm.make(self._signer), imprint
        form, imprint = self._made
        signer = _Signer(
            PdfSignatureMetadata(
                field_name=FIELD_NAME,
                md_algorithm=_HASH,
                subfilter=SigSeedSubFilter.PADES,
                reason=self._settings.reason,
            ),
            self._signer,
            signed_at=signed_at,
            stamp_style=_style(imprint),
            new_field_spec=SigFieldSpec(
                FIELD_NAME,
                on_page=space.page,
                box=space.box,
                readable_field_name=self._settings.reason,
            ),
        )
        session = signer.init_signing_session(open_update(pdf, dated=True))
        reserved = _BYTES_RESERVED if self._stamper is None else _BYTES_RESERVED_WITH_TOKEN
        prepared, output = session.prepare_tbs_document(None, reserved).digest_tbs_document(
            in_place=True
        )
        signature = await form.sign(prepared.document_digest, self._stamper)
        prepared.fill_with_cms(output, signature)
        assert isinstance(output, io.BytesIO)
        return _taken(output)

    async def _preserve(self, signed: bytes, checked: CheckedPaths) -> bytes:
        """With what validates it, and a document time-stamp over all of it.

        There is no VRI dictionary, which the standard has given up: so the time-stamp comes last
        and covers the whole file. The document's metadata is as it was signed.
        """
        assert self._stamper is not None
        update = open_update(signed, dated=False)
        DocumentSecurityStore.supply_dss_in_writer(
            update,
            None,
            paths=checked.paths,
            ocsps=checked.ocsps,
            crls=checked.crls,
            embed_roots=True,  # without them no path can be followed years later
        )
        stamper = PdfTimeStamper(self._stamper, field_name=TIME_STAMP_FIELD)
        output: io.BytesIO = await stamper.async_timestamp_pdf(update, _HASH, in_place=True)
        return _taken(output)


def _taken(output: io.BytesIO) -> bytes:
    """What was written; its memory is let go of now, and not when all that points to it is."""
    with output:
        return output.getvalue()


def _style(imprint: PdfFileReader) -> StaticStampStyle:
    middle = layout.AxisAlignment.ALIGN_MID
    return StaticStampStyle(
        border_width=0,
        background=_ImprintPage(imprint),
        background_layout=layout.SimpleBoxLayoutRule(
            x_align=middle, y_align=middle, margins=layout.Margins()
        ),
    )
