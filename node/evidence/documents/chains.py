"""Certificate chains of signers and time-stamp authorities (RFC 5280), judged without a network.

Roots are the configured ones alone. Certificates, revocation lists and OCSP answers that the file
brings along (DSS) may complete a chain; they are believed in nothing but what they are signed for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.status import SignatureStatus
from pyhanko_certvalidator import ValidationContext

from node.evidence.documents.findings import Certificate
from node.evidence.documents.shown_names import shown_name

__all__ = ["Material", "context_of", "describe_certificate", "is_out_of_time", "root_name"]

_OUT_OF_TIME = frozenset(
    (
        AdESIndeterminate.EXPIRED,
        AdESIndeterminate.NOT_YET_VALID,
        AdESIndeterminate.OUT_OF_BOUNDS_NO_POE,
        AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED,
    )
)


@dataclass(frozen=True)
class Material:
    """What the file brings along for later checks: certificates, OCSP answers, lists (DSS).
    ``is_present`` says that there is a DSS, ``is_readable`` that it could be read."""

    certificates: tuple[Any, ...] = ()
    ocsps: tuple[Any, ...] = ()
    crls: tuple[Any, ...] = ()
    is_present: bool = False
    is_readable: bool = True

    @classmethod
    def read(cls, reader: PdfFileReader) -> Material:
        """What is in the file's last revision."""
        try:
            store = DocumentSecurityStore.read_dss(reader)
            context = store.as_validation_context({"trust_roots": [], "allow_fetching": False})
            return cls(
                tuple(store.load_certs()),
                tuple(context.ocsps),
                tuple(context.crls),
                is_present=True,
            )
        except NoDSSFoundError:
            return cls()
        except (MemoryError, RecursionError, OSError, ImportError):
            raise
        except Exception:  # noqa: BLE001 - parsers of PDF and ASN.1 fail in a dozen ways
            return cls(is_present=True, is_readable=False)


def context_of(
    roots: Sequence[x509.Certificate], material: Material, at: datetime, *, strict: bool = False
) -> ValidationContext:
    """What a chain is judged by, as of ``at``; ``strict`` wants its revocation known as well."""
    return ValidationContext(
        trust_roots=list(roots),
        other_certs=list(material.certificates),
        crls=list(material.crls),
        ocsps=list(material.ocsps),
        moment=at,
        allow_fetching=False,
        revocation_mode="require" if strict else "soft-fail",
        retroactive_revinfo=True,
    )


def is_out_of_time(status: SignatureStatus) -> bool:
    """Whether a certificate of the chain had ended, or not begun, and nothing else is wrong."""
    return status.trust_problem_indic in _OUT_OF_TIME


def root_name(status: SignatureStatus) -> str:
    """The root that a trusted chain ends at."""
    path = status.validation_path
    if path is None:
        return ""
    name = path.trust_anchor.authority.name
    return _part(name, "common_name") or _part(name, "organization_name")


def describe_certificate(certificate: x509.Certificate) -> Certificate:
    """What is told of a certificate: of its subject no more than name and organisation."""
    validity = certificate["tbs_certificate"]["validity"]
    digits = f"{abs(certificate.serial_number):x}"
    return Certificate(
        name=_part(certificate.subject, "common_name"),
        organisation=_part(certificate.subject, "organization_name"),
        issuer=_part(certificate.issuer, "common_name")
        or _part(certificate.issuer, "organization_name"),
        serial_number=digits.zfill(len(digits) + len(digits) % 2)[:128],
        sha256=certificate.sha256.hex(),
        valid_from=_milliseconds(validity["not_before"].native),
        valid_to=_milliseconds(validity["not_after"].native),
    )


def _part(name: x509.Name, kind: str) -> str:
    value = name.native.get(kind, "")
    return shown_name(" / ".join(map(str, value)) if isinstance(value, list) else str(value))


def _milliseconds(moment: datetime) -> int:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(zoned.timestamp() * 1000)
