"""What the steps of the verifier of certificates share, and what each of them found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from node.core.bundle import Bundle
from node.core.certificate_statement import Statement
from node.core.pdf.certificate_file import CertificateFile
from node.core.pdf.pades import PadesSignature
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify import Report
from node.core.verify_case import Part

__all__ = ["CertificateCase"]


@dataclass
class CertificateCase:
    """What has been established so far. Steps fill it in; only what passed is in it.

    ``trust_bytes`` is what was given to verify with, or None; ``own_trust`` whether the
    certificate's own trust file had to be used. ``sealed_by`` is a time (ms) at which the seal was
    there by a time-stamp authority's word.
    """

    data: bytes = field(repr=False)
    backend: Backend
    trust_bytes: bytes | None = None
    own_trust: bool = False
    trust: Trust | None = None
    pdf: CertificateFile | None = None
    statement: Statement | None = None
    signature: PadesSignature | None = None
    sealed_by: int | None = None
    report: Report | None = None
    bundle: Bundle | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole file, in hex: the ``report_hash`` of ``certificate.issued``."""
        return hashlib.sha256(self.data).hexdigest()

    def need_pdf(self) -> CertificateFile:
        """The file as it was read; the first step has."""
        assert self.pdf is not None
        return self.pdf

    def need_statement(self) -> Statement:
        """The decoded statement; the first step has made it."""
        assert self.statement is not None
        return self.statement

    def need_trust(self) -> Trust:
        """What is believed; the second step has decided."""
        assert self.trust is not None
        return self.trust

    def need_signature(self) -> PadesSignature:
        """The seal's signature, which holds."""
        assert self.signature is not None
        return self.signature
