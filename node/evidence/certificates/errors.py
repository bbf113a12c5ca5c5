"""Why a certificate could not be issued.

CertificateError
├── NotIssuedHere       the node is not configured to issue certificates
├── IssuingBusy         more are under way than the node will hold; try again later
├── KeyUnusable         the seal's key, its token or its certificate cannot be used
├── TimeStampFailed     the time-stamp authority is away, refuses, or gives what does not hold
├── SealingFailed       the PDF could not be sealed
├── NotOnRecord         ``certificate.issued`` was refused or not committed in time
├── RecordPending       whether ``certificate.issued`` was recorded in time cannot be said yet
├── TokenReused         an idempotency token was used for another request
└── CopyLost            the kept copy is gone, was erased, or is not what was recorded
"""

from __future__ import annotations

from node.core.errors import EvidenceError

__all__ = [
    "CertificateError",
    "CopyLost",
    "IssuingBusy",
    "KeyUnusable",
    "NotIssuedHere",
    "NotOnRecord",
    "RecordPending",
    "SealingFailed",
    "TimeStampFailed",
    "TokenReused",
]


class CertificateError(EvidenceError):
    """A certificate that is not issued. ``reason`` says why, and never holds a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotIssuedHere(CertificateError):
    """The node has no institution's seal in its configuration."""


class IssuingBusy(CertificateError):
    """As many certificates are under way as the node will hold."""


class KeyUnusable(CertificateError):
    """The seal's key cannot be used: its file, its token, its PIN, or its certificate."""


class TimeStampFailed(CertificateError):
    """No time-stamp that holds was to be had."""


class SealingFailed(CertificateError):
    """The PDF could not be sealed."""


class NotOnRecord(CertificateError):
    """The certificate's record is not on the chain; nothing was handed out."""


class RecordPending(CertificateError):
    """The node fetches blocks of which one may have the certificate's record."""


class TokenReused(CertificateError):
    """The idempotency token stands for another request."""


class CopyLost(CertificateError):
    """The node can no longer hand out its copy."""
