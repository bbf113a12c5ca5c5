"""Forms of the check of a document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from node.api.models.base import AsOf, Form, Hash, Time
from node.api.models.records import Record

__all__ = ["DocumentCheck"]

_Status = Literal["passed", "failed", "not checked"]
_Verdict = Literal["passed", "incomplete", "failed", "none"]


class NoticeShown(Form):
    """Something about the file that no check is about."""

    text: str
    text_zh: str


class CheckShown(Form):
    """One check of one signature."""

    id: str
    status: _Status
    title: str
    title_zh: str
    text: str
    text_zh: str


class CertificateShown(Form):
    """A certificate as it lies in the file; numbers of persons in its names are masked."""

    name: str
    organisation: str
    issuer: str
    serial_number: str
    sha256: Hash
    valid_from: Time
    valid_to: Time


class StateOfFile(Form):
    """The file up to ``size`` bytes."""

    size: int
    sha256: Hash


class SignatureShown(Form):
    """A signature or document time-stamp of the file."""

    ordinal: int
    field: str
    kind: Literal["signature", "time_stamp", "unreadable"]
    verdict: _Verdict
    text: str
    text_zh: str
    checks: list[CheckShown]
    certificate: CertificateShown | None
    claimed_at: int | None = Field(description="What the signer says; nothing proves it")
    stamped_at: int | None = Field(description="What a time-stamp says; see stamp_status")
    stamp_status: _Status | None
    stamp_authority: str
    coverage: Literal["file", "revision", "part", "unclear"]
    changes: Literal["none", "long_term", "form", "annotations", "other", "not checked"]
    permits: Literal["", "nothing", "form", "annotations"] = Field(
        description="What a certifying signature (DocMDP) permits to be changed afterwards"
    )
    revision: StateOfFile | None
    signature_sha256: str = Field(description="Of the CMS object, as signing.sealed names it")
    long_term: bool = Field(description="The file brings material for later checks (DSS)")


class Findings(Form):
    """What the file is in itself. A verdict is "passed" only where nothing was left unchecked."""

    outcome: Literal[
        "read", "not_pdf", "ofd", "encrypted", "unreadable", "too_complex", "too_large", "empty"
    ]
    verdict: _Verdict
    text: str
    text_zh: str
    size: int
    sha256: str
    signatures: list[SignatureShown]
    revisions: list[StateOfFile]
    notices: list[NoticeShown]


class RecordedState(StateOfFile):
    """A state of the file and the records that name it; ``signed``: a signature ends there."""

    records: list[Record]
    signed: bool = False


class StatementShown(Form):
    """What record and file say of each other."""

    id: str
    status: Literal["passed", "failed", "not on record", "note"]
    text: str
    text_zh: str


class SealShown(Form):
    """A seal behind a signature. ``judged_by`` "record": the signing is on record, and its entry
    has the seal's status at that moment; "certificate": only the seal's certificate is, and its
    status is that at the time that the signature has, which may be no more than claimed."""

    es_id: str
    status_at_signing: str
    judged_by: Literal["record", "certificate"]
    at: int | None
    time_is_proven: bool
    status_now: str


class RecordedSignature(Form):
    """What is on record of one signature."""

    ordinal: int
    record: str | None
    seals: list[SealShown]
    statements: list[StatementShown]


class DocumentRecordsShown(Form):
    """What is on record of the file, of the states that it had before, of its signatures."""

    file: RecordedState | None
    states: list[RecordedState]
    signatures: list[RecordedSignature]


class DocumentCheck(Form):
    """What was found out about a document, and what of it is on record."""

    findings: Findings
    records: DocumentRecordsShown
    as_of: AsOf
