"""Forms of orders of certificates, and of what is said of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from node.api.models.base import Code, Form, Hash, Json, Member, Time

__all__ = [
    "CertificateChecked",
    "CertificateIssued",
    "CertificateNo",
    "CertificateOnRecord",
    "CertificateOrder",
    "CertificateRefused",
    "CertificatesIssued",
]

CertificateNo = Annotated[str, Field(pattern="^ZS[0-9]{19}$", description="证书编号")]


class CertificateOrder(Form):
    """Of what certificates are wanted, for whom, what for. ``codes`` or ``subject`` names it;
    ``seals`` "all" adds one for each seal that a case names. The purpose goes on the chain: name
    nobody. ``pictures`` are seals' imprints (PNG or SVG, base64), shown where the ledger has their
    hash. With a ``token`` the same request again gives the same certificates."""

    codes: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        [], min_length=1, max_length=32
    )
    subject: str = Field("", min_length=1, max_length=120)
    applicant: str = Field(min_length=1, max_length=200)
    purpose: str = Field(min_length=1, max_length=200)
    case_no: str = Field("", min_length=1, max_length=100)
    language: Literal["zh", "en"] = "zh"
    disclosures: Literal["none", "all"] = "none"
    seals: Literal["none", "all"] = "none"
    pictures: list[str] = Field([], max_length=16)
    token: str = Field("", min_length=1, max_length=128)


class CertificateIssued(Form):
    """A certificate; ``url`` is where its PDF is to be had, ``record`` the code of its record."""

    code: Code
    status: Literal["issued"]
    certificate_no: CertificateNo
    report_hash: Hash
    issued_at: Time
    record: Code
    pages: int
    again: Literal["yes", "no"] = Field(description="Whether it was issued before, for this token")
    url: str


class CertificateRefused(Form):
    """One that is not issued, and the problem."""

    code: str
    status: Literal["failed"]
    problem: Json


class CertificatesIssued(Form):
    """What became of each code, in the order of the request."""

    certificates: list[CertificateIssued | CertificateRefused]
    failed: int


class CertificateOnRecord(Form):
    """What the chain has of a certificate. ``report_hash`` is the SHA-256 of its PDF; it came on
    record between ``time`` and ``proven_time``."""

    certificate_no: str
    code: Code
    about: str = Field(description="The dossier that it is about")
    report_hash: Hash
    issuer: Member
    record: Code
    height: int
    time: Time
    proven_time: Time
    id: Hash


class CertificateChecked(Form):
    """The certificates whose PDF has this hash. None: the file was not issued as a certificate
    here, or it is another one than was issued."""

    sha256: Hash
    outcome: Literal["on_record", "not_on_record"]
    text: str
    text_zh: str
    certificates: list[CertificateOnRecord]
