"""The offline verifier of a certificate's PDF: document steps P1 to P7, then those of its bundle.

The PDF brings its own bundle; what is believed is a trust file that whoever verifies gives, or, for
want of one, that which is attached: then nothing in the file says whether it is the right one, and
the report says so. The steps are numbered in docs/spec/certificate.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from node.core.anchors.receipts import check_trusted
from node.core.certificate_case import CertificateCase
from node.core.certificate_statement import STATEMENT, decode_statement
from node.core.chinese.failures import failure_zh, resting_on_zh
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.pdf.certificate_file import read_certificate
from node.core.signatures import Backend, load_backend
from node.core.trust import decode_trust
from node.core.verify import (
    FAILED,
    NOT_CHECKED,
    PASSED,
    STEPS,
    Report,
    Step,
    steps_of,
    verify_bundle,
)
from node.core.verify_case import NotChecked, Told
from node.core.verify_seal import check_later_revisions, check_seal, check_signer, check_times
from node.core.verify_statement import check_statement

__all__ = [
    "BUNDLE_NAME",
    "DOCUMENT_STEPS",
    "TRUST_NAME",
    "CertificateReport",
    "DocumentStep",
    "is_pdf",
    "verify_certificate",
]

BUNDLE_NAME, TRUST_NAME = "bundle.json", "trust.json"


@dataclass(frozen=True)
class DocumentStep(Step):
    """A step about the PDF itself."""

    @property
    def label(self) -> str:
        """Its number as it is printed: ``P5``, or ``P5.2`` for a part."""
        return f"P{super().label}"


@dataclass(frozen=True)
class CertificateReport:
    """All steps about the document, in order, and the report of its bundle.

    ``sha256`` (hex) is of the whole PDF; the other texts are what the certificate's statement says,
    "" where it cannot be read. ``own_trust`` says that the attached trust file was used;
    ``attached`` is the attached bundle, b"" where there is none.
    """

    steps: tuple[DocumentStep, ...]
    bundle: Report
    sha256: str
    certificate_no: str
    code: str
    issuer: str
    own_trust: bool
    attached: bytes = field(repr=False)

    @property
    def accepted(self) -> bool:
        """Whether no step failed, of the document or of its bundle."""
        return self.bundle.accepted and all(step.status != FAILED for step in self.steps)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps of the document and then those of its bundle."""
        return (*self.steps, *self.bundle.steps)


@dataclass(frozen=True)
class _Planned:
    id: str
    title: str
    title_zh: str
    needs: tuple[str, ...]
    check: Callable[[CertificateCase], Told]


def _check_form(case: CertificateCase) -> Told:
    """The file and its attachments must be readable, and be those that the statement names."""
    pdf = read_certificate(case.data)
    for name in (BUNDLE_NAME, STATEMENT, TRUST_NAME):
        if name not in pdf.attachments:
            raise InvalidEncoding("pdf", f"is no certificate: {name} is not attached to it")
    statement = decode_statement(pdf.attachments[STATEMENT])
    attached = set(pdf.attachments) - {STATEMENT}
    if attached != set(statement.files):
        other = min(attached ^ set(statement.files))
        raise InvalidEncoding("statement.files", f"must name what is attached; {other} is not both")
    case.pdf, case.statement = pdf, statement
    lines = tuple(
        f"{name}  {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
        for name, content in pdf.attachments.items()
    )
    return Told(
        f"certificate {statement.certificate_no}: a PDF of {len(pdf.views)} revision(s), SHA-256 "
        f"{case.sha256}",
        f"证书编号 {statement.certificate_no}：PDF 共 {len(pdf.views)} 个版本，"
        f"SHA-256 {case.sha256}",
        lines,
    )


def _check_trust(case: CertificateCase) -> Told:
    """Whether the trust file came from the one who verifies or with the certificate."""
    attached = case.need_pdf().attachments[TRUST_NAME]
    own = decode_trust(attached)
    if case.trust_bytes is None:
        check_trusted(own)
        case.trust, case.own_trust = own, True
        raise NotChecked(
            "the trust file is the certificate's own, so whoever made the certificate chose it: "
            "compare its fingerprint with what the members of the consortium publish",
            "所用信任文件由证书自带，即由制作证书者选定：请将其指纹与联盟成员单位公布的指纹核对",
            (f"fingerprint {own.fingerprint.hex()}",),
        )
    case.trust = decode_trust(case.trust_bytes)
    given = case.trust.fingerprint
    if own.fingerprint == given:
        return Told(
            "the trust file that was given is the attached one", "所给信任文件与证书所附一致"
        )
    return Told(
        "the trust file that was given is used, and not the attached one, which is another",
        "采用所给信任文件；证书所附信任文件与之不同，未采用",
        (f"fingerprint of the attached one {own.fingerprint.hex()}",),
    )


DOCUMENT_STEPS = (
    _Planned("certificate.form", "Form of the certificate", "证书文件格式", (), _check_form),
    _Planned("certificate.trust", "Trust file", "信任文件", ("certificate.form",), _check_trust),
    _Planned(
        "certificate.signature",
        "The institution's seal",
        "机构电子印章签名",
        ("certificate.form",),
        check_seal,
    ),
    _Planned(
        "certificate.later",
        "What was added after it was sealed",
        "签章后的改动",
        ("certificate.signature",),
        check_later_revisions,
    ),
    _Planned(
        "certificate.time", "Time of the seal", "签章时间", ("certificate.signature",), check_times
    ),
    _Planned(
        "certificate.signer",
        "Certificate of the seal",
        "印章数字证书",
        ("certificate.signature",),
        check_signer,
    ),
    _Planned(
        "certificate.statement",
        "Statement of the issuing member",
        "出证机构声明",
        ("certificate.form",),
        check_statement,
    ),
)
_AFTER_TIME = "certificate.signer"


def is_pdf(data: bytes) -> bool:
    """Whether this wants to be a PDF file rather than a bundle."""
    return data.startswith(b"%PDF-")


def verify_certificate(
    pdf: bytes, trust: bytes | None = None, backend: Backend | None = None
) -> CertificateReport:
    """Check a certificate of evidence.

    Args:
        pdf: the file's bytes, believed in nothing.
        trust: a trust file's bytes, believed whole; None for the attached one.
        backend: what checks signatures; by default `cryptography`, or `ecdsa` without it.

    Raises:
        InvalidInput: the trust file that was given is not of its format. A bad PDF never raises.
    """
    chosen = load_backend() if backend is None else backend
    if trust is not None:
        check_trusted(decode_trust(trust))
    case = CertificateCase(pdf, chosen, trust)
    ended: dict[str, str] = {}
    steps: list[DocumentStep] = []
    for number, planned in enumerate(DOCUMENT_STEPS, 1):
        if planned.check is check_statement:
            case.report = _verify_attached(case)
        status, told = _run(planned, case, ended)
        ended[planned.id] = status
        steps += steps_of(DocumentStep, number, planned, status, told, case.parts)
        case.parts = []
    assert case.report is not None
    said = case.statement
    return CertificateReport(
        steps=tuple(steps),
        bundle=case.report,
        sha256=case.sha256,
        certificate_no="" if said is None else said.certificate_no,
        code="" if said is None else said.code,
        issuer="" if said is None else said.issuer,
        own_trust=case.own_trust,
        attached=b"" if case.pdf is None else case.pdf.attachments[BUNDLE_NAME],
    )


def _run(planned: _Planned, case: CertificateCase, ended: dict[str, str]) -> tuple[str, Told]:
    missing = [need for need in planned.needs if ended[need] != PASSED]
    if not missing and planned.needs and case.trust is None and planned.id != "certificate.trust":
        missing = ["certificate.trust"]
    if planned.id == _AFTER_TIME and ended["certificate.time"] == FAILED:
        missing.append("certificate.time")
    if missing:
        return NOT_CHECKED, _resting_on(missing[0])
    try:
        return PASSED, planned.check(case)
    except NotChecked as reason:
        return NOT_CHECKED, reason.told
    except InvalidInput as error:
        return FAILED, Told(str(error), failure_zh(planned.id, error))


def _resting_on(step: str) -> Told:
    ids = [planned.id for planned in DOCUMENT_STEPS]
    number = ids.index(step)
    return Told(
        f"rests on {step}, which did not pass",
        resting_on_zh(f"P{number + 1}", DOCUMENT_STEPS[number].title_zh),
    )


def _verify_attached(case: CertificateCase) -> Report:
    """The report of the attached bundle; where there is none to verify, no step was checked."""
    if case.pdf is None or case.trust is None:
        missing = "certificate.form" if case.pdf is None else "certificate.trust"
        told = _resting_on(missing)
        steps = tuple(
            Step(number, one.id, one.title, one.title_zh, NOT_CHECKED, told.text, told.text_zh)
            for number, one in enumerate(STEPS, 1)
        )
        trusted = b"" if case.trust_bytes is None else decode_trust(case.trust_bytes).fingerprint
        return Report(steps, trusted.hex(), case.backend.name)
    trust = case.pdf.attachments[TRUST_NAME] if case.own_trust else case.trust_bytes
    assert trust is not None
    return verify_bundle(case.pdf.attachments[BUNDLE_NAME], trust, case.backend)
