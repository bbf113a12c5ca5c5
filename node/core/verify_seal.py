"""The steps about a certificate's seal: signature, what came later, times, who the signer is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from node.core.anchors.names import common_name, name_text
from node.core.anchors.rfc3161 import MAX_TOKEN_BYTES, check_token, decode_token
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.anchors.x509_path import find_path
from node.core.certificate_case import CertificateCase
from node.core.chinese.failures import part_failure_zh
from node.core.encoding import rfc3339
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof
from node.core.pdf.certificate_file import check_revisions
from node.core.pdf.pades import decode_pades, verify_pades
from node.core.pdf.signature_fields import TIME_STAMP
from node.core.verify_case import FAILED, NOT_CHECKED, PASSED, NotChecked, Part, Told

__all__ = ["check_later_revisions", "check_seal", "check_signer", "check_times"]

_CLOCKS_APART = 60_000
_SIGNING = {"digitalSignature", "nonRepudiation"}


def check_seal(case: CertificateCase) -> Told:
    """The first signature must hold, and be by the certificate that the statement names."""
    pdf, statement = case.need_pdf(), case.need_statement()
    if pdf.seal is None:
        if statement.sealing:
            raise InvalidProof("pdf", "has no seal, and its statement names the certificate of one")
        raise NotChecked(
            "this certificate was issued without a seal: nothing protects what its pages say, only "
            "the attached files are signed",
            "本证书出具时未加盖电子印章：页面内容不受签名保护，仅所附文件由出证机构签名",
        )
    content = pdf.seal.signed_bytes(case.data)
    signature = decode_pades(pdf.seal.contents, content, pdf.seal.place)
    verify_pades(signature, case.backend)
    signer = signature.signer
    if hashlib.sha256(signer.encoded).hexdigest() != statement.sealing:
        raise InvalidProof(pdf.seal.place, "is by another certificate than the statement names")
    usage = signer.key_usage
    if usage is not None and not usage & _SIGNING:
        raise InvalidProof(signer.place, "its key usage must allow to sign")
    case.signature = signature
    name = common_name(signer.subject, signer.place)
    return Told(
        f"{name} has sealed all that revision {pdf.seal.revision + 1} of the file shows",
        f"{name} 已对文件第 {pdf.seal.revision + 1} 版的全部内容签章",
        (
            f"bytes {_ranges(pdf.seal.covered)} of {len(case.data)}",
            f"{signature.signed.algorithm.scheme} with {signature.signed.digest}",
        ),
    )


def _ranges(covered: Sequence[tuple[int, int]]) -> str:
    return " + ".join(f"{start}–{end}" for start, end in covered)


def check_later_revisions(case: CertificateCase) -> Told:
    """Behind the seal only validation data and document time-stamps may have been added."""
    pdf = case.need_pdf()
    count = check_revisions(pdf)
    if count == 0:
        return Told("nothing was added after it was sealed", "签章后未添加任何内容")
    stamps = len(pdf.time_stamps)
    return Told(
        f"{count} revision(s) were added after it was sealed, with nothing but validation data and "
        f"{stamps} document time-stamp(s)",
        f"签章后追加了 {count} 个版本，仅含验证资料及 {stamps} 个文档时间戳",
    )


def check_times(case: CertificateCase) -> Told:
    """Each time-stamp must hold, and one that the trust file leads to gives the seal's time."""
    pdf, signature = case.need_pdf(), case.need_signature()
    stamps = []
    if signature.token:
        stamps.append((signature.token, signature.signed.signature, "signature time-stamp"))
    stamps += [
        (one.contents, one.signed_bytes(case.data), "document time-stamp")
        for one in pdf.time_stamps
        if one.subfilter == TIME_STAMP
    ]
    if not stamps:
        claimed = rfc3339(case.need_statement().iat * 1000, whole_seconds=True)
        raise NotChecked(
            f"no time-stamp: that it was sealed at {claimed} is the issuer's claim",
            f"没有可信时间戳：签章时间 {claimed} 仅为出证机构自称",
        )
    found = [_check_stamp(case, *stamp) for stamp in stamps]
    failed = [part for part in case.parts if part.status == FAILED]
    if failed:
        rule = f"{failed[0].title}: {failed[0].told.text}"
        raise InvalidProof("time-stamps", rule, f"{failed[0].title_zh}不成立")
    times = [time for time in found if time is not None]
    _check_sequence(found)
    if not times:
        raise NotChecked(
            f"{len(stamps)} time-stamp(s) hold by themselves; the trust file names no root that "
            "they lead to",
            f"{len(stamps)} 个时间戳自身有效，但信任文件中没有其证书所指向的根证书",
        )
    case.sealed_by = times[0]
    when = rfc3339(times[0])
    return Told(f"sealed no later than {when}", f"签章时间不晚于 {when}")


def _check_stamp(case: CertificateCase, token: bytes, content: bytes, kind: str) -> int | None:
    """Put what came of a time-stamp into ``case.parts``; its time (ms) where it leads to a root."""
    title_zh = "签名时间戳" if kind.startswith("signature") else "文档时间戳"
    try:
        time, told = _verify_stamp(case, token, content, kind)
    except NotChecked as reason:
        case.parts.append(Part(NOT_CHECKED, kind, title_zh, reason.told))
        return None
    except InvalidInput as error:
        failed = Told(str(error), part_failure_zh(error, "时间戳不符合其格式或不成立"))
        case.parts.append(Part(FAILED, kind, title_zh, failed))
        return None
    case.parts.append(Part(PASSED, kind, title_zh, told))
    return time


def _verify_stamp(
    case: CertificateCase, token: bytes, content: bytes, place: str
) -> tuple[int, Told]:
    if len(token) > MAX_TOKEN_BYTES:
        rule = f"has more than {MAX_TOKEN_BYTES} bytes"
        raise InvalidEncoding(place, rule, "时间戳过长")
    stamp = decode_token(token, place)
    digest = hashlib.sha256(content).digest()
    if stamp.info.digest != "sha256" or stamp.info.imprint != digest:
        raise InvalidProof(place, "is not of these bytes, or not with SHA-256")
    roots = _roots(case.need_trust().tsa_roots, "tsa_roots")
    path = check_token(stamp, digest, roots, case.backend)
    if path.root is None:
        raise NotChecked(
            "holds by itself; the trust file names no root that its certificate leads to",
            "自身有效，但信任文件中没有其证书所指向的根证书",
            _certificate_lines(stamp.signer),
        )
    when = rfc3339(stamp.info.latest)
    name = common_name(stamp.signer.subject, stamp.signer.place)
    told = Told(
        f"{name}: no later than {when}",
        f"{name}：不晚于 {when}",
        _certificate_lines(stamp.signer),
    )
    return stamp.info.latest, told


def _check_sequence(times: Sequence[int | None]) -> None:
    """Each is of what holds the ones before it, so it cannot be earlier, but for clocks."""
    known = [time for time in times if time is not None]
    for position, after in enumerate(known):
        if after + _CLOCKS_APART < max(known[: position + 1]):
            raise InvalidProof("time-stamps", "a later one states an earlier time")


def _roots(encoded: Sequence[bytes], name: str) -> list[Certificate]:
    return [
        decode_certificate(root, f"trust.{name}[{number}]") for number, root in enumerate(encoded)
    ]


def _certificate_lines(certificate: Certificate) -> tuple[str, ...]:
    return (
        f"certificate {name_text(certificate.subject, certificate.place)}",
        f"    by {name_text(certificate.issuer, certificate.place)}",
        f"    serial {certificate.serial:x}",
        f"    SHA-256 {hashlib.sha256(certificate.encoded).hexdigest()}",
    )


def check_signer(case: CertificateCase) -> Told:
    """The seal's certificate must lead to a root of the trust file, at the time of the seal."""
    signature, trust = case.need_signature(), case.need_trust()
    signer = signature.signer
    claimed = case.sealed_by is None
    at = case.need_statement().iat * 1000 if case.sealed_by is None else case.sealed_by
    when = rfc3339(at, whole_seconds=True)
    roots = _roots(trust.signer_roots or (), "signer_roots")
    path = find_path(signer, signature.others, roots, at, case.backend)
    if not roots:
        raise NotChecked(
            "the trust file names no roots for seals: compare the certificate with what the "
            "institution publishes",
            "信任文件未列出印章证书的根证书：请将下列证书信息与出证机构公布的信息核对",
            _certificate_lines(signer),
        )
    if path.root is None:
        raise InvalidProof(signer.place, "leads to none of the trust file's roots for seals")
    name = name_text(signer.subject, signer.place)
    above = common_name(path.root.subject, path.root.place)
    by, by_zh = (
        ("the issuer's claim", "出证机构自称")
        if claimed
        else ("a time-stamp authority's word", "时间戳机构确认")
    )
    return Told(
        f"{name} by {above}, valid at {when} ({by}); whether it was revoked was not checked",
        f"{name}，由 {above} 签发，在 {when}（{by_zh}）有效；未核验证书当时是否已被吊销",
        _certificate_lines(signer),
    )
