"""Seals a certificate's PDF: PAdES B-LTA (ETSI EN 319 142-1), with the institution's imprint.

One visible signature with a signature time-stamp, the validation data in a document security store,
and a document time-stamp over all of it. Without a time-stamp authority it is B-B, whose time is
what the issuer claims. ECDSA on P-256 with SHA-256. What revocation data the certificates name is
fetched and embedded, and has to be had; where they name none there is none, which is told.

These functions run an event loop of their own and are not for use inside one.
"""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils import content, generic, layout
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_signer import (
    DSSContentSettings,
    PdfSigningSession,
    TimestampDSSContentSettings,
)
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext

from node.core.errors import EvidenceError
from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.keys import (
    FileKey,
    SealChain,
    TokenKey,
    close_signer,
    open_signer,
)
from node.evidence.certificates.port import SealSpace
from node.evidence.certificates.time_stamps import HttpTimeStamper, TsaSettings

__all__ = ["FIELD_NAME", "TIME_STAMP_FIELD", "OpenedSeal", "SealSettings", "names_revocation"]

FIELD_NAME = "InstitutionSeal"
TIME_STAMP_FIELD = "DocumentTimeStamp"
_BYTES_RESERVED = 16_384
"""Hex digits for the CMS object: three P-256 certificates take a quarter."""
_BYTES_RESERVED_WITH_TOKEN = 49_152
_REVOCATION_SECONDS = 600
"""How long fetched revocation data is used again."""
# No VRI dictionary, which the standard has given up: so the document time-stamp comes last and
# covers the whole file.
_STORE = DSSContentSettings(
    include_vri=False,
    next_ts_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
)


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

    def __init__(self, imprint: bytes) -> None:
        super().__init__()
        self._imprint = imprint

    def render(self) -> bytes:
        page = PdfFileReader(io.BytesIO(self._imprint))
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
    """A seal ready for use in this process: its key opened, its authority known."""

    def __init__(self, settings: SealSettings) -> None:
        """Open the key.

        Raises:
            KeyUnusable: it cannot be had.
        """
        self._settings = settings
        self._signer: Signer = open_signer(settings.key, settings.chain)
        self._stamper = None if settings.tsa is None else HttpTimeStamper(settings.tsa)
        self._above = [x509.Certificate.load(one) for one in settings.chain.above]
        self._fetched: tuple[float, list[Any], list[Any]] = (-math.inf, [], [])
        self._fetches = names_revocation((settings.chain.certificate, *settings.chain.above))

    def close(self) -> None:
        """Let go of the token and of the connection to the authority."""
        close_signer(self._signer)
        if self._stamper is not None:
            self._stamper.close()

    def seal(self, pdf: bytes, space: SealSpace, signed_at: int) -> bytes:
        """The sealed PDF. ``signed_at`` (ms) is the time that the issuer claims.

        Raises:
            CertificateError: it could not be sealed, or not be time-stamped; nothing half is given.
        """
        try:
            return self._seal(pdf, space, datetime.fromtimestamp(signed_at / 1000, UTC))
        except EvidenceError:
            raise
        except Exception as error:
            # A library of PDF, CMS and X.509 has errors of a dozen kinds for what it meets.
            raise SealingFailed(f"the PDF could not be sealed: {error!r}") from error

    def _seal(self, pdf: bytes, space: SealSpace, signed_at: datetime) -> bytes:
        if not pdf.endswith(b"\n"):
            # Else the first object of the update stands on the line of %%EOF (ISO 19005-3 §6.1.9).
            pdf += b"\n"
        context = None if self._stamper is None else self._context()
        signer = _Signer(
            self._metadata(context),
            self._signer,
            signed_at=signed_at,
            timestamper=self._stamper,
            stamp_style=_style(self._settings.imprint),
            new_field_spec=SigFieldSpec(
                FIELD_NAME,
                on_page=space.page,
                box=space.box,
                readable_field_name=self._settings.reason,
            ),
        )
        reserved = _BYTES_RESERVED if context is None else _BYTES_RESERVED_WITH_TOKEN
        output: io.BytesIO = signer.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=reserved
        )
        if context is not None and self._fetches and not self._is_fresh():
            self._fetched = (time.monotonic(), list(context.ocsps), list(context.crls))
        return output.getvalue()

    def _metadata(self, context: ValidationContext | None) -> PdfSignatureMetadata:
        lasting = context is not None
        return PdfSignatureMetadata(
            field_name=FIELD_NAME,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            reason=self._settings.reason,
            embed_validation_info=lasting,
            use_pades_lta=lasting,
            timestamp_field_name=TIME_STAMP_FIELD,
            validation_context=context,
            dss_settings=_STORE,
            signer_key_usage=set(),  # looked at when the node starts
        )

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._fetched[0] < _REVOCATION_SECONDS

    def _context(self) -> ValidationContext:
        """What the certificates are checked by before anything is signed."""
        assert self._settings.tsa is not None
        roots = [self._settings.chain.root, *self._settings.tsa.roots]
        fetch = self._fetches and not self._is_fresh()
        _, ocsps, crls = (0.0, [], []) if fetch else self._fetched
        return ValidationContext(
            trust_roots=[x509.Certificate.load(one) for one in roots],
            other_certs=self._above,
            allow_fetching=fetch,
            ocsps=ocsps,
            crls=crls,
            revocation_mode="hard-fail",  # what a certificate names has to be had
        )


def names_revocation(certificates: tuple[bytes, ...]) -> bool:
    """Whether one of these certificates (DER) names a CRL or an OCSP responder."""
    loaded = [x509.Certificate.load(one) for one in certificates]
    return any(one.ocsp_urls or one.crl_distribution_points for one in loaded)


def _style(imprint: bytes) -> StaticStampStyle:
    middle = layout.AxisAlignment.ALIGN_MID
    return StaticStampStyle(
        border_width=0,
        background=_ImprintPage(imprint),
        background_layout=layout.SimpleBoxLayoutRule(
            x_align=middle, y_align=middle, margins=layout.Margins()
        ),
    )
