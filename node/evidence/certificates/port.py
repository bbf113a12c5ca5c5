"""What the parts of a certificate's making hand to one another.

An `Order` and an `Issuer` come in; `compose` answers every section from the ledger as a plain
JSON document, ``Draft.content``; `typeset` makes the unsigned PDF of it, whose last page has room
for the institution's seal; sealing and recording follow. Composing reads the ledger and stays in
the node's process; typesetting and sealing need no state and run in worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Attachment",
    "Draft",
    "Issuer",
    "Order",
    "SealSpace",
    "SealingCertificate",
    "TypesetCertificate",
]

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Order:
    """Who wants a certificate of what.

    ``subject`` is the dossier's ``sub``; with ``ordinal`` the certificate is of this one record
    alone. ``disclosures`` are the private fields that the applicant may see, each with the id of
    the transaction that it was handed in with. ``pictures`` are seals' imprints (PNG or SVG), by
    the SHA-256 (hex) that the ledger has of them.
    """

    subject: str
    ordinal: int | None = None
    applicant: str = ""
    purpose: str = ""
    case_no: str = ""
    language: Language = "zh"
    disclosures: tuple[tuple[bytes, str], ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class SealingCertificate:
    """The X.509 certificate of the institution's seal. Times are ms since the Unix epoch, hashes
    lower-case hex, ``serial_number`` whole bytes in hex."""

    subject: str
    issuer: str
    serial_number: str
    sha256: str
    valid_from: int
    valid_to: int


@dataclass(frozen=True)
class Issuer:
    """Who issues it, and with what.

    ``member`` is the issuing member's id; ``description`` the consortium's signed description of
    itself (`node.core.consortium_description`), decoded JSON, or None where the node has none,
    and ``description_signers`` the members whose signature on it was checked. ``config_sha256`` is
    of the node's configuration file, ``verifiers`` maps a published verifier's file name to its
    SHA-256. ``time_stamp_authority`` is the name of whoever stamps the certificate, or "".
    """

    member: str
    software: str
    version: str
    config_sha256: str
    verifiers: Mapping[str, str]
    sealing: SealingCertificate | None = None
    time_stamp_authority: str = ""
    description: Mapping[str, Any] | None = None
    description_signers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attachment:
    """A file inside the PDF. ``relationship`` is its AFRelationship (ISO 19005-3 §6.8)."""

    name: str
    media_type: str
    description: str
    content: bytes
    relationship: Literal["Source", "Data", "Supplement"] = "Data"


@dataclass(frozen=True)
class Draft:
    """A certificate before it is typeset: its number, its moment (ms), what it says (``content``,
    a JSON document that the template reads) and the files that it carries."""

    certificate_no: str
    issued_at: int
    language: Language
    content: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True)
class SealSpace:
    """Where the seal goes: ``page`` counts from 0, ``box`` is (left, bottom, right, top) in points
    from the page's lower left corner."""

    page: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class TypesetCertificate:
    """The unsigned PDF/A-3b and the space for the seal on its last page."""

    pdf: bytes
    seal: SealSpace
    pages: int
