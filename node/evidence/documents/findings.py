"""What the check of a document finds, and its form as JSON between two processes.

Texts stand in English and Chinese. Times are milliseconds since the Unix epoch, UTC; hashes are
SHA-256 in lower-case hex.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = [
    "MAX_FINDINGS_BYTES",
    "Certificate",
    "Check",
    "DocumentFindings",
    "Notice",
    "Revision",
    "SignatureFinding",
    "Status",
    "Verdict",
    "decode_findings",
    "encode_findings",
]

MAX_FINDINGS_BYTES = 1 << 20
"""Bytes of findings as JSON; what would be more is no answer."""

Status = Literal["passed", "failed", "not checked"]
Verdict = Literal["passed", "incomplete", "failed", "none"]
Outcome = Literal[
    "read", "not_pdf", "ofd", "encrypted", "unreadable", "too_complex", "too_large", "empty"
]
_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_MaybeHash = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all findings are."""


class Notice(_Form, frozen=True):
    """Something about the file that no check is about."""

    text: _Text
    text_zh: _Text


class Check(_Form, frozen=True):
    """One check of one signature: passed, failed, or not made, and in words why."""

    id: str
    status: Status
    title: _Text
    title_zh: _Text
    text: _Text
    text_zh: _Text


class Certificate(_Form, frozen=True):
    """A certificate as it lies in the file. ``serial_number`` is whole bytes in hex, as records
    have it. Names are shown without control characters; numbers of persons in them are masked."""

    name: _Text
    organisation: _Text
    issuer: _Text
    serial_number: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2}){0,64}$")]
    sha256: _Hash
    valid_from: int
    valid_to: int


class Revision(_Form, frozen=True):
    """The file up to ``size`` bytes: as it was when an incremental update ended there."""

    size: _Natural
    sha256: _Hash


class SignatureFinding(_Form, frozen=True):
    """One signature or document time-stamp, in the order of the revisions.

    ``claimed_at`` is what the signer says, ``stamped_at`` what a time-stamp says (``stamp_status``:
    whether it was checked); of a document time-stamp, its own time. ``coverage`` is how much the
    signature covers, ``changes`` what was appended afterwards (ISO 32000-2 §12.8.2.2). ``revision``
    is the file up to the signature's end, None where that is not clear. ``signature_sha256`` is of
    the CMS object without its padding, as `signing.sealed` names it. ``long_term`` says whether
    the file brings certificates and revocation lists of its own (DSS) for later checks.
    """

    ordinal: int
    field: _Text
    kind: Literal["signature", "time_stamp", "unreadable"]
    verdict: Verdict
    text: _Text
    text_zh: _Text
    checks: tuple[Check, ...]
    certificate: Certificate | None = None
    claimed_at: int | None = None
    stamped_at: int | None = None
    stamp_status: Status | None = None
    stamp_authority: _Text = ""
    coverage: Literal["file", "revision", "part", "unclear"] = "unclear"
    changes: Literal["none", "long_term", "form", "annotations", "other", "not checked"] = (
        "not checked"
    )
    permits: Literal["", "nothing", "form", "annotations"] = ""
    revision: Revision | None = None
    signature_sha256: _MaybeHash = ""
    long_term: bool = False


class DocumentFindings(_Form, frozen=True):
    """All of it. ``outcome`` "read" means that the file could be examined, not that it is good.

    ``verdict`` is "none" where there is no signature to judge. ``revisions`` are states that the
    file had before, the oldest first, the file itself last.
    """

    outcome: Outcome
    verdict: Verdict
    text: _Text
    text_zh: _Text
    size: _Natural = 0
    sha256: _MaybeHash = ""
    signatures: tuple[SignatureFinding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    notices: tuple[Notice, ...] = ()


def encode_findings(findings: DocumentFindings) -> bytes:
    """The findings as JSON."""
    return msgspec.json.encode(findings)


def decode_findings(data: bytes) -> DocumentFindings:
    """Findings from another process.

    Raises:
        msgspec.MsgspecError: they are not of this form, or too long.
    """
    if len(data) > MAX_FINDINGS_BYTES:
        raise msgspec.ValidationError(f"findings of more than {MAX_FINDINGS_BYTES} bytes")
    return msgspec.json.decode(data, type=DocumentFindings)
