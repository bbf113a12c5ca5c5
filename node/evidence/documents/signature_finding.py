"""From an embedded signature to what is told of it; one that cannot be read is told as that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature

from node.evidence.documents.algorithms import unknown_kind
from node.evidence.documents.chain_checks import Surroundings
from node.evidence.documents.chains import describe_certificate
from node.evidence.documents.check_texts import Checks
from node.evidence.documents.findings import Certificate, Revision, SignatureFinding, Verdict
from node.evidence.documents.judging import (
    CRYPTOGRAPHIC,
    Judgement,
    judge_signature,
    judge_time_stamp,
)
from node.evidence.documents.revisions import hash_beginnings
from node.evidence.documents.shown_names import shown_name
from node.evidence.documents.structure import SignatureForm, UnsoundForm, read_form

__all__ = ["Found", "judge", "open_signature"]

_PERMITS = {
    MDPPerm.NO_CHANGES: "nothing",
    MDPPerm.FILL_FORMS: "form",
    MDPPerm.ANNOTATE: "annotations",
}
_REST = (*CRYPTOGRAPHIC, "time", "chain", "revocation")


@dataclass(frozen=True)
class Found:
    """A filled signature field: its name, the signature in it, or None where that is unreadable."""

    field: str
    signature: EmbeddedPdfSignature | None = None

    @property
    def place(self) -> int:
        """The revision that it stands in; unreadable ones come last."""
        return 1 << 30 if self.signature is None else int(self.signature.signed_revision)

    @property
    def is_stamp(self) -> bool:
        """Whether it is a document time-stamp."""
        return self.signature is not None and self.signature.sig_object_type == "/DocTimeStamp"


def open_signature(reader: PdfFileReader, name: str, field: Any) -> Found:
    """Read what a filled signature field holds."""
    try:
        signature = EmbeddedPdfSignature(reader, field, name)
        _ = (signature.signer_cert, signature.external_md_algorithm, signature.docmdp_level)
        return Found(name, signature)
    except (MemoryError, RecursionError, OSError, ImportError):
        raise
    except Exception:  # noqa: BLE001 - parsers of PDF and ASN.1 fail in a dozen ways
        return Found(name)


async def judge(found: Found, ordinal: int, around: Surroundings) -> SignatureFinding:
    """What the checks of one signature find. Never raises for what the file holds."""
    signature = found.signature
    if signature is None:
        return _unreadable(found, ordinal)
    checks = Checks()
    form: SignatureForm | None = None
    judgement = Judgement(checks)
    try:
        if (unknown := unknown_kind(signature)) is not None:
            checks.unchecked("form", *unknown)
            checks.rest_unchecked(_REST)
        else:
            form = read_form(signature, around.data)
            judging = judge_time_stamp if found.is_stamp else judge_signature
            judgement = await judging(signature, around)
    except UnsoundForm as error:
        checks.failed("form", error.text, error.text_zh)
        checks.rest_unchecked(_REST)
    except (MemoryError, RecursionError, OSError, ImportError):
        raise
    except Exception:  # noqa: BLE001 - parsers of PDF and ASN.1 fail in a dozen ways
        return _unreadable(found, ordinal, _certificate(signature))
    return _told(found, ordinal, around, form, judgement)


def _told(
    found: Found,
    ordinal: int,
    around: Surroundings,
    form: SignatureForm | None,
    judgement: Judgement,
) -> SignatureFinding:
    signature = found.signature
    assert signature is not None
    permits = signature.docmdp_level
    verdict, text, text_zh = _verdict(judgement.checks, found.is_stamp)
    finding = SignatureFinding(
        ordinal=ordinal,
        field=shown_name(found.field),
        kind="time_stamp" if found.is_stamp else "signature",
        verdict=verdict,
        text=text,
        text_zh=text_zh,
        checks=judgement.checks.made,
        certificate=_certificate(signature),
        claimed_at=_milliseconds(judgement.claimed),
        stamped_at=_milliseconds(judgement.stamped),
        stamp_status=judgement.stamp_status,
        stamp_authority=judgement.stamp_authority,
        coverage=judgement.coverage,  # type: ignore[arg-type]
        changes=judgement.changes,  # type: ignore[arg-type]
        permits="" if permits is None else _PERMITS[permits],  # type: ignore[arg-type]
        long_term=around.material.is_present,
    )
    return finding if form is None else _located(finding, form, around)


def _located(
    finding: SignatureFinding, form: SignatureForm, around: Surroundings
) -> SignatureFinding:
    revision: Revision = hash_beginnings(around.data, [form.end])[0]
    digest = hashlib.sha256(form.message).hexdigest()
    return _replaced(finding, revision=revision, signature_sha256=digest)


def _replaced(finding: SignatureFinding, **changes: Any) -> SignatureFinding:
    values = {name: getattr(finding, name) for name in finding.__struct_fields__}
    return SignatureFinding(**{**values, **changes})


def _verdict(checks: Checks, is_stamp: bool) -> tuple[Verdict, str, str]:
    what, what_zh = ("time-stamp", "时间戳") if is_stamp else ("signature", "签名")
    failed, unchecked = checks.failed_titles(), checks.unchecked_titles()
    if failed:
        names, names_zh = _listed(failed)
        return (
            "failed",
            f"this {what} must not be relied on; failed: {names}",
            f"此{what_zh}不可采信。未通过：{names_zh}",
        )
    if unchecked:
        names, names_zh = _listed(unchecked)
        return (
            "incomplete",
            f"nothing was found wrong with this {what}; NOT CHECKED: {names}",
            f"已核验的各项未发现问题；尚未核验：{names_zh}",
        )
    return "passed", f"all checks of this {what} passed", f"此{what_zh}的各项核验全部通过"


def _listed(titles: list[tuple[str, str]]) -> tuple[str, str]:
    return ", ".join(one for one, _ in titles), "、".join(one for _, one in titles)


def _unreadable(
    found: Found, ordinal: int, certificate: Certificate | None = None
) -> SignatureFinding:
    checks = Checks()
    checks.failed(
        "form",
        "what stands here as a signature cannot be read as one",
        "此处的签名数据无法按签名读取",
    )
    checks.rest_unchecked(_REST)
    return SignatureFinding(
        ordinal=ordinal,
        field=shown_name(found.field),
        kind="unreadable",
        verdict="failed",
        text="this signature must not be relied on: it cannot be read",
        text_zh="此签名不可采信：签名数据无法读取（可能为伪造或损坏）",
        checks=checks.made,
        certificate=certificate,
    )


def _certificate(signature: EmbeddedPdfSignature) -> Certificate | None:
    try:
        return describe_certificate(signature.signer_cert)
    except (MemoryError, RecursionError, OSError, ImportError):
        raise
    except Exception:  # noqa: BLE001 - a certificate may hold anything
        return None


def _milliseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(zoned.timestamp() * 1000)
