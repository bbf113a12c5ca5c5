"""Validates the signatures of a sealed PDF (pyHanko; ISO 32000-2 §12.8, ETSI EN 319 102-1).

It judges by the roots and the moment that it is given and by nothing that the file says about
itself. It runs an event loop of its own and is not for use inside one.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asn1crypto.x509
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from node.core.errors import InvalidInput, InvalidSignature

__all__ = ["SignatureStatus", "validate_sealed", "verify_sealed"]


@dataclass(frozen=True)
class SignatureStatus:
    """What was found out about one signature. Hashes are lower-case hex, times milliseconds.

    ``intact``: the covered bytes are those that were signed. ``valid``: the signature holds under
    the certificate's key. ``trusted``: the certificate leads to a given root, is inside its
    validity and may sign documents; revocation is not checked. ``covers_revision``: every byte of
    the revision but the signature itself is covered. ``later_changes_allowed``: what was appended
    afterwards are further signatures and nothing else that could change the page.
    ``signed_at`` is what the signer says, None if nothing. ``revision_sha256`` is the hash of the
    file as it was when this signature had been made, ``signature_sha256`` that of its CMS object:
    a record of the signing must name both, because parts of the CMS object are signed by nobody.
    ``problem`` says in words why it is not accepted and is "" when it is.
    """

    field_name: str
    signer: str
    certificate_sha256: str
    intact: bool
    valid: bool
    trusted: bool
    covers_revision: bool
    later_changes_allowed: bool
    signed_at: int | None
    revision_sha256: str
    signature_sha256: str
    problem: str

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return not self.problem


def validate_sealed(
    pdf: bytes, roots: Sequence[x509.Certificate], *, at: datetime
) -> list[SignatureStatus]:
    """The status of every signature in ``pdf``, the oldest first, none for an unsigned file.

    Certificates are judged by ``roots`` as of ``at``, which has a time zone.

    Raises:
        InvalidInput: the file is no PDF that can be read, or a signature in it cannot be read.
    """
    if at.utcoffset() is None:
        raise InvalidInput("at", "must have a time zone")
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signatures = list(reader.embedded_signatures)
        names = {name for name, _, _ in enumerate_sig_fields(reader, filled_status=True)}
        statuses = [_status(pdf, signature, roots, at) for signature in signatures]
    except Exception as error:
        # Parsers of PDF and ASN.1 meet hostile bytes with errors of a dozen kinds.
        raise InvalidInput("pdf", f"cannot be validated: {error!r}") from error
    unread = names - {status.field_name for status in statuses}
    if unread:
        # The library passes over a signature of a kind that it does not know: never so here.
        raise InvalidInput("pdf", f"holds a signature of no known kind: {sorted(unread)}")
    return statuses


def verify_sealed(
    pdf: bytes, roots: Sequence[x509.Certificate], *, fields: Sequence[str], at: datetime
) -> None:
    """Check that ``pdf`` bears exactly the signatures ``fields``, in this order, all accepted.

    Raises:
        InvalidInput: as ``validate_sealed``.
        InvalidSignature: a signature is missing, too many, or not accepted; names the field.
    """
    statuses = validate_sealed(pdf, roots, at=at)
    found = [status.field_name for status in statuses]
    if found != list(fields):
        raise InvalidSignature("pdf", f"must bear the signatures {list(fields)}, bears {found}")
    for status in statuses:
        if not status.accepted:
            raise InvalidSignature(f"pdf.{status.field_name}", status.problem)


def _status(
    pdf: bytes,
    signature: EmbeddedPdfSignature,
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> SignatureStatus:
    context = ValidationContext(
        trust_roots=[
            asn1crypto.x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in roots
        ],
        moment=at,
        allow_fetching=False,
    )
    found = validate_pdf_signature(
        signature, context, key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"})
    )
    message = cms.ContentInfo.load(signature.pkcs7_content).dump()
    _, first, second, length = signature.byte_range
    claimed = found.signer_reported_dt
    return SignatureStatus(
        field_name=signature.field_name,
        signer=found.signing_cert.subject.human_friendly,
        certificate_sha256=found.signing_cert.sha256.hex(),
        intact=found.intact,
        valid=found.valid,
        trusted=found.trusted,
        covers_revision=_covers_revision(found),
        later_changes_allowed=bool(found.docmdp_ok),
        signed_at=None if claimed is None else round(claimed.timestamp() * 1000),
        revision_sha256=hashlib.sha256(pdf[: second + length]).hexdigest(),
        signature_sha256=hashlib.sha256(message).hexdigest(),
        problem=_problem(found, _holds_only(message, gap=pdf[first:second])),
    )


def _covers_revision(found: PdfSignatureStatus) -> bool:
    return found.coverage in (
        SignatureCoverageLevel.ENTIRE_FILE,
        SignatureCoverageLevel.ENTIRE_REVISION,
    )


def _holds_only(message: bytes, *, gap: bytes) -> bool:
    """Whether what the signature does not cover is ``message`` in hex, padded with zeros."""
    digits = re.fullmatch(rb"<((?:[0-9A-F]{2})+|(?:[0-9a-f]{2})+)>", gap)
    if digits is None:
        return False
    held = bytes.fromhex(digits[1].decode())
    return held.startswith(message) and not held[len(message) :].strip(b"\0")


def _problem(found: PdfSignatureStatus, holds_only_signature: bool) -> str:
    """The first failed check in words, "" if none."""
    checks = (
        (found.intact, "the signed bytes have been changed"),
        (found.valid, "the signature does not hold under the certificate's key"),
        (holds_only_signature, "something lies hidden beside the signature"),
        (_covers_revision(found), "the signature does not cover its whole revision"),
        (found.docmdp_ok, f"a later change is not allowed: {found.diff_result}"),
        (found.trusted, f"the certificate is not trusted: {found.trust_problem_indic}"),
        (found.bottom_line, "a constraint of the signature field does not hold"),
    )
    return next((rule for passed, rule in checks if not passed), "")
