"""Judging one signature: each check in its order, and what they come to.

pyHanko does the cryptography and compares revisions; what is judged by it is decided here. The
moment of which a chain is judged is the earliest that is proven: a checked time-stamp's, or that of
a later document time-stamp over the signature, or now. What the signer claims proves no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.diff_analysis import ModificationLevel, SuspiciousModification
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.generic_cms import collect_timing_info
from pyhanko.sign.validation.pdf_embedded import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.status import (
    ModificationInfo,
    SignatureCoverageLevel,
    SignatureStatus,
    TimestampSignatureStatus,
)

from node.evidence.documents.chain_checks import USAGES, Chain, Surroundings
from node.evidence.documents.chains import context_of, describe_certificate
from node.evidence.documents.check_texts import CHANGES, Checks, shown_time
from node.evidence.documents.shown_names import shown_name
from node.evidence.documents.structure import has_stray_bytes

__all__ = ["CRYPTOGRAPHIC", "Judgement", "judge_signature", "judge_time_stamp"]

CRYPTOGRAPHIC = ("integrity", "signature", "coverage", "later")
"""The checks that a sound form is followed by, whatever the kind."""
_COVERAGES = {
    SignatureCoverageLevel.ENTIRE_FILE: "file",
    SignatureCoverageLevel.ENTIRE_REVISION: "revision",
    SignatureCoverageLevel.CONTIGUOUS_BLOCK_FROM_START: "part",
    SignatureCoverageLevel.UNCLEAR: "unclear",
}
_CHANGES = {
    ModificationLevel.NONE: "none",
    ModificationLevel.LTA_UPDATES: "long_term",
    ModificationLevel.FORM_FILLING: "form",
    ModificationLevel.ANNOTATIONS: "annotations",
    ModificationLevel.OTHER: "other",
}
_BROKEN = AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE


@dataclass
class Judgement:
    """What the checks left, besides themselves."""

    checks: Checks
    coverage: str = "unclear"
    changes: str = "not checked"
    claimed: datetime | None = None
    stamped: datetime | None = None
    stamp_status: Any = None
    stamp_authority: str = ""


async def judge_signature(signature: EmbeddedPdfSignature, around: Surroundings) -> Judgement:
    """Make all checks of a signature whose form is sound."""
    found = Judgement(Checks(), claimed=signature.self_reported_timestamp)
    _passed_form(found)
    stamp = await _time_stamp(signature, around)
    at, is_proven = around.at, around.is_proven
    if stamp is not None and stamp.intact and stamp.trusted:
        at, is_proven = stamp.timestamp, True
    context = context_of(around.roots, around.material, at)
    status = await async_validate_pdf_signature(
        signature, context, _no_context(around, at), key_usage_settings=USAGES
    )
    _check_cryptography(found, status)
    stray = _has_stray_bytes(signature, around)
    _check_changes(found, status, allowed=bool(status.docmdp_ok), stray=stray)
    if not status.seed_value_ok:
        found.checks.failed(
            "field",
            "a condition that the signature's field sets is not kept",
            "签名不符合该签名域设定的条件",
        )
    _check_time(found, stamp, around)
    judged = Chain(signature, around, at, is_proven)
    await judged.check(found.checks, status)
    return found


async def judge_time_stamp(signature: EmbeddedPdfSignature, around: Surroundings) -> Judgement:
    """Make all checks of a document time-stamp (ISO 32000-2 §12.8.5) whose form is sound."""
    found = Judgement(Checks())
    _passed_form(found)
    context = context_of(around.tsa_roots, around.material, around.at)
    status = await async_validate_pdf_timestamp(signature, context)
    found.stamped = status.timestamp
    found.stamp_authority = describe_certificate(status.signing_cert).name
    _check_cryptography(found, status)
    stray = _has_stray_bytes(signature, around)
    allowed = status.modification_level != ModificationLevel.OTHER
    _check_changes(found, status, allowed=allowed, stray=stray)
    judged = Chain(signature, around, around.at, around.is_proven, is_stamp=True)
    await judged.check(found.checks, status)
    sound = not found.checks.failed_titles() and found.checks.status("chain") == "passed"
    found.stamp_status = "passed" if sound else "not checked"
    if found.checks.failed_titles():
        found.stamp_status = "failed"
    return found


def _has_stray_bytes(signature: EmbeddedPdfSignature, around: Surroundings) -> bool:
    _, _, second, length = signature.byte_range
    return has_stray_bytes(signature, around.data, int(second) + int(length))


def _passed_form(found: Judgement) -> None:
    found.checks.passed(
        "form",
        "it is of its form, and nothing lies hidden beside it",
        "签名结构规范，签名值旁没有夹带其他数据",
    )


def _no_context(around: Surroundings, at: datetime) -> Any:
    return context_of(around.tsa_roots, around.material, at)


async def _time_stamp(
    signature: EmbeddedPdfSignature, around: Surroundings
) -> TimestampSignatureStatus | None:
    """The time-stamp on the signature value, None where there is none."""
    context = context_of(around.tsa_roots, around.material, around.at)
    timing = await collect_timing_info(
        signature.signer_info, context, raw_digest=signature.compute_digest
    )
    stamp: TimestampSignatureStatus | None = timing.get("timestamp_validity")
    return stamp


def _check_cryptography(found: Judgement, status: SignatureStatus) -> None:
    checks = found.checks
    if status.intact:
        checks.passed(
            "integrity",
            "the bytes that it covers are those that were signed",
            "签名覆盖的内容与签署时逐字节一致",
        )
    else:
        checks.failed(
            "integrity",
            "the bytes that it covers were changed after they were signed",
            "签名覆盖的内容在签署之后被改动",
        )
    if status.valid and status.trust_problem_indic == _BROKEN:
        checks.failed(
            "signature",
            "it was made with an algorithm that is broken or too weak",
            "签名所用算法已不安全（已被攻破或强度不足）",
        )
    elif status.valid:
        checks.passed(
            "signature",
            "it holds under the key of the certificate",
            "签名值可用证书中的公钥验证",
        )
    else:
        checks.failed(
            "signature",
            "it does not hold under the key of the certificate",
            "签名值不能用证书中的公钥验证",
        )


def _check_changes(
    found: Judgement, status: ModificationInfo, *, allowed: bool, stray: bool
) -> None:
    checks = found.checks
    coverage = status.coverage or SignatureCoverageLevel.UNCLEAR
    found.coverage = _COVERAGES[coverage]
    if coverage >= SignatureCoverageLevel.ENTIRE_REVISION:
        whole = coverage == SignatureCoverageLevel.ENTIRE_FILE
        checks.passed(
            "coverage",
            "it covers the whole file" if whole else "it covers its whole revision of the file",
            "覆盖整个文件" if whole else "覆盖签署当时的整个文件（其后另有追加）",
        )
    else:
        checks.failed(
            "coverage",
            "it does not cover all of the revision that it stands in",
            "未覆盖签署当时文件的全部内容",
        )
    level = status.modification_level
    if level is None:
        checks.unchecked("later", "could not be compared", "无法比对")
        return
    if stray:
        found.changes = "other"
        checks.failed(
            "later",
            "bytes were appended after it that no table of the file leads to; readers that repair "
            "files may show them",
            "签名之后追加了文件目录未登记的数据，部分阅读器会自动“修复”并显示这些内容",
        )
        return
    found.changes = _CHANGES[level]
    if allowed and found.changes in CHANGES:
        checks.passed("later", *CHANGES[found.changes])
        return
    checks.failed("later", *_forbidden(status))


def _forbidden(status: ModificationInfo) -> tuple[str, str]:
    difference = status.diff_result
    if isinstance(difference, SuspiciousModification):
        reason = shown_name(str(difference))
        return (
            f"the document was changed after it was signed, beyond what signing may add: {reason}",
            "签署之后文件被改动，且改动超出追加签名、时间戳或填写表单的范围：页面显示的内容可能"
            "已不是签署人当时所见",
        )
    return (
        "what was appended after the signature is more than the signature permits",
        "签署之后的追加超出该签名（认证签名）所允许的范围",
    )


def _check_time(
    found: Judgement, stamp: TimestampSignatureStatus | None, around: Surroundings
) -> None:
    checks = found.checks
    if stamp is None:
        checks.unchecked("time", *_unstamped(found.claimed, around))
        return
    found.stamped, shown = stamp.timestamp, shown_time(stamp.timestamp)
    found.stamp_authority = describe_certificate(stamp.signing_cert).name
    name = found.stamp_authority
    if not (stamp.intact and stamp.valid):
        found.stamp_status = "failed"
        checks.failed(
            "time",
            "the time-stamp on it does not hold, or is of another signature",
            "签名上的时间戳无效，或属于另一签名",
        )
    elif stamp.trusted:
        found.stamp_status = "passed"
        checks.passed(
            "time",
            f"it existed at {shown}, as a time-stamp of {name} shows",
            f"时间戳（{name}）证明该签名在 {shown} 已经存在",
        )
    else:
        found.stamp_status = "not checked"
        checks.unchecked(
            "time",
            f"a time-stamp says {shown}; whether its authority ({name}) can be trusted is not "
            "known here",
            f"时间戳所示时间为 {shown}，但签发机构（{name}）未列入本节点信任的时间戳根证书，"
            "时间未经核实",
        )


def _unstamped(claimed: datetime | None, around: Surroundings) -> tuple[str, str]:
    if around.is_proven:
        shown = shown_time(around.at)
        return (
            f"it bears no time-stamp of its own; a later one on the document shows that it existed "
            f"at {shown}",
            f"签名本身没有时间戳；其后文档时间戳证明该签名在 {shown} 已经存在，确切签署时间不详",
        )
    if claimed is None:
        return "nothing says when it was made", "没有任何签署时间"
    shown = shown_time(claimed)
    return (
        f"the signer says {shown}; no time-stamp proves it",
        f"签署时间 {shown} 仅为签署人自述，没有时间戳证明",
    )
