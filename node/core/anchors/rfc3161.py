"""Time-stamp tokens (RFC 3161, RFC 5816) as receipts of anchor points.

The format, and the steps, are in docs/spec/anchor-rfc3161.md. A token is checked as of the time
that it states: so it goes on holding after the certificate of its authority has expired. What was
revoked, or stolen, is not known here, and the verifier says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.core.anchors.cms import SignedData, decode_signed_data, verify_signed_data
from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Contents,
    Element,
    encode_der,
    read_integer,
)
from node.core.anchors.names import common_name, name_text
from node.core.anchors.point import AnchorPoint
from node.core.anchors.public_keys import read_digest_algorithm
from node.core.anchors.tst_info import TST_INFO, TstInfo, decode_tst_info
from node.core.anchors.vouching import Vouched
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.anchors.x509_path import Path, find_path
from node.core.encoding import rfc3339
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.fields import exact_members, read_text
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = [
    "MAX_TOKEN_BYTES",
    "RFC3161",
    "TIME_STAMPING",
    "TimeStamp",
    "check_token",
    "decode_token",
    "verify_rfc3161",
]

RFC3161 = "rfc3161"
"""The kind of these receipts."""
MAX_TOKEN_BYTES = 65_536
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
"""id-kp-timeStamping, the extended key usage of authorities."""
_BINDINGS = {"1.2.840.113549.1.9.16.2.47": "sha256", "1.2.840.113549.1.9.16.2.12": "sha1"}
"""signingCertificateV2 and signingCertificate, with the hash function that each has by default.
SHA-1 does no harm in the latter: it only says which of the certificates that a trusted authority
has issued for the key that the signature holds under is meant."""


@dataclass(frozen=True)
class TimeStamp:
    """A decoded token: what was signed, how, and the certificates embedded beside it."""

    signed: SignedData
    info: TstInfo
    signer: Certificate
    others: tuple[Certificate, ...]
    place: str


def verify_rfc3161(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    """See VerifyReceipt. The steps are numbered in docs/spec/anchor-rfc3161.md."""
    members = exact_members(receipt, place, ("token",))
    stamp = decode_token(_read_base64(members["token"], f"{place}.token"), f"{place}.token")
    roots = [
        decode_certificate(root, f"trust.tsa_roots[{number}]")
        for number, root in enumerate(trust.tsa_roots)
    ]
    path = check_token(stamp, point.digest(), roots, backend)
    if path.root is None:
        raise NotChecked(
            "a time-stamp token of this point that holds by itself; "
            "the trust file names no root that its certificate leads to",
            "该时间戳令牌与此锚定点相符且自身有效，但信任文件中没有其证书所指向的根证书",
        )
    return _vouched(stamp, path.root)


def _read_base64(value: Any, place: str) -> bytes:
    text = read_text(value, place, most=-(-MAX_TOKEN_BYTES // 3) * 4)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64 of a time-stamp token") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise InvalidEncoding(place, "must be canonical base64")
    return data


def decode_token(data: bytes, place: str) -> TimeStamp:
    """Decode a TimeStampToken with its signer's certificate in it.

    Raises:
        InvalidInput: it is not of its form, or the certificate is not in it exactly once.
    """
    signed = decode_signed_data(data, place)
    if signed.content_type != TST_INFO:
        raise InvalidEncoding(place, f"must hold a TSTInfo, {TST_INFO} (RFC 3161 §2.4.2)")
    certificates = [decode_certificate(one.encoded, one.place) for one in signed.certificates]
    signers = [
        one for one in certificates if (one.issuer, one.serial) == (signed.issuer, signed.serial)
    ]
    if len(signers) != 1:
        raise InvalidProof(place, f"holds {len(signers)} certificates of its signer, must be one")
    return TimeStamp(
        signed=signed,
        info=decode_tst_info(signed.content, f"{place}.tstInfo"),
        signer=signers[0],
        others=tuple(one for one in certificates if one is not signers[0]),
        place=place,
    )


def check_token(
    stamp: TimeStamp, digest: bytes, roots: Sequence[Certificate], backend: Backend
) -> Path:
    """Check that a token is of ``digest`` (SHA-256) and holds, and find what it leads to.

    Returns:
        The path of its certificates; its ``root`` is None where ``roots`` has none for it.

    Raises:
        InvalidInput: it does not hold, or something in it is not part of what was checked.
    """
    info, signer = stamp.info, stamp.signer
    if info.digest != "sha256" or info.imprint != digest:
        raise InvalidProof(f"{stamp.place}.tstInfo.messageImprint", "is not of this anchor point")
    verify_signed_data(stamp.signed, signer, backend)
    _check_purpose(signer)
    if info.tsa and info.tsa != signer.subject:
        raise InvalidProof(f"{stamp.place}.tstInfo.tsa", "is not the signer's name (§2.4.2)")
    at = info.time // 1_000_000
    path = find_path(signer, stamp.others, roots, at, backend, TIME_STAMPING)
    _check_binding(stamp, path)
    known = {one.encoded for one in (*path.certificates, *roots)}
    seen = {one.encoded for one in (signer, *stamp.others)}
    for one in stamp.others:
        if one.encoded not in known:
            raise InvalidProof(
                one.place, "is not part of the signer's path: nothing vouches for it"
            )
    if len(seen) != 1 + len(stamp.others):
        raise InvalidProof(stamp.place, "holds a certificate twice")
    return path


def _check_purpose(signer: Certificate) -> None:
    """RFC 3161 §2.3: only for time-stamping, critical; and of key usages none but signing."""
    if signer.purposes != (TIME_STAMPING,) or not signer.purposes_critical:
        rule = "its extended key usage must be time-stamping alone, and critical (RFC 3161 §2.3)"
        raise InvalidProof(signer.place, rule)
    usage = signer.key_usage
    if usage is not None and not (usage and usage <= {"digitalSignature", "nonRepudiation"}):
        raise InvalidProof(signer.place, "its key usage must be signing alone")


def _check_binding(stamp: TimeStamp, path: Path) -> None:
    """signingCertificateV2 (RFC 5035 §3, RFC 5816 §2.2.1), or the older signingCertificate of RFC
    3161 §2.4.2, or both: each must be there for the path that was found."""
    found = [oid for oid in _BINDINGS if oid in stamp.signed.attributes]
    if not found:
        rule = "signingCertificateV2 or signingCertificate must be there (RFC 5816 §2.2.1)"
        raise InvalidProof(f"{stamp.signed.place}.signedAttrs", rule)
    for oid in found:
        place = f"{stamp.signed.place}.signedAttrs.{oid}"
        _check_hashes(stamp.signed.attributes[oid], _BINDINGS[oid], stamp.signer, path, place)


def _check_hashes(value: Element, digest: str, signer: Certificate, path: Path, place: str) -> None:
    """The first hash is of the signer's own certificate, further ones are of its path's."""
    if value.tag != SEQUENCE:
        raise InvalidEncoding(place, "must be a SEQUENCE")
    contents = Contents(value)
    hashes = Contents(contents.take("certs", SEQUENCE)).rest(SEQUENCE)
    contents.take_if("policies", SEQUENCE)
    contents.end()
    if not hashes or not _is_of(hashes[0], signer, digest):
        raise InvalidProof(place, "is not of the signer's certificate")
    if path.root is None:
        return
    for item in hashes[1:]:
        if not any(_is_of(item, one, digest) for one in (*path.certificates, path.root)):
            raise InvalidProof(place, "is not of a certificate of the signer's path")


def _is_of(ess_cert_id: Element, certificate: Certificate, digest: str) -> bool:
    """Whether an ESSCertIDv2 or, with SHA-1, an ESSCertID (RFC 5035 §4, §5) is of a certificate."""
    contents = Contents(ess_cert_id)
    named = None if digest == "sha1" else contents.take_if("hashAlgorithm", SEQUENCE)
    digest = digest if named is None else read_digest_algorithm(named)
    hashed = contents.take("certHash", OCTET_STRING).content
    issued = contents.take_if("issuerSerial", SEQUENCE)
    contents.end()
    if hashed != hashlib.new(digest, certificate.encoded).digest():
        return False
    if issued is None:
        return True
    by = Contents(issued)
    names = by.take("issuer", SEQUENCE).content
    serial = read_integer(by.take("serialNumber", INTEGER))
    by.end()
    directory_name = encode_der(CONTEXT_CONSTRUCTED + 4, certificate.issuer)
    return serial == certificate.serial and names == directory_name


def _vouched(stamp: TimeStamp, root: Certificate) -> Vouched:
    info = stamp.info
    signer = common_name(stamp.signer.subject, stamp.signer.place)
    above = common_name(root.subject, root.place)
    by = signer if stamp.signer.encoded == root.encoded else f"{signer} ({above})"
    accuracy = "not stated" if info.accuracy is None else f"{info.accuracy / 1_000_000:g} ms"
    return Vouched(
        by=by,
        time=info.latest,
        where=f"RFC 3161 policy {info.policy}, serial {info.serial:x}",
        how="the token's imprint, signature and signing certificate, and that certificate's path "
        "to a root of the trust file at that time were checked; whether it was revoked was not",
        how_zh="已核验令牌的摘要、签名、签名证书，以及该证书在当时到信任文件中根证书的路径；"
        "未核验证书当时是否已被吊销",
        details=(
            f"genTime {rfc3339(info.time // 1_000_000, offset_hours=0)}, accuracy {accuracy}",
            f"certificate {name_text(stamp.signer.subject, stamp.signer.place)}",
            f"    SHA-256 {hashlib.sha256(stamp.signer.encoded).hexdigest()}",
            f"root {name_text(root.subject, root.place)}",
            f"    SHA-256 {hashlib.sha256(root.encoded).hexdigest()}",
        ),
    )
