"""Whether the chain of a certificate leads to a configured root, and whether it was revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.pdf_embedded import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureStatus

from node.evidence.documents.chains import Material, context_of, is_out_of_time, root_name
from node.evidence.documents.check_texts import Checks, shown_time
from node.evidence.documents.mapped_file import MappedFile

__all__ = ["USAGES", "Chain", "Surroundings"]

USAGES = KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"})
"""What the certificate of a document's signer must be for: either will do."""


@dataclass(frozen=True)
class Surroundings:
    """What a signature is judged with: the file, what it brings along, the roots, and ``at``, the
    moment at which its certificate is known to have been used, proven (``is_proven``) or now."""

    data: MappedFile | bytes
    material: Material
    roots: tuple[x509.Certificate, ...]
    tsa_roots: tuple[x509.Certificate, ...]
    at: datetime
    is_proven: bool = False


@dataclass(frozen=True)
class Chain:
    """The chain of one signer or time-stamp authority, judged as of ``at``."""

    signature: EmbeddedPdfSignature
    around: Surroundings
    at: datetime
    is_proven: bool
    is_stamp: bool = False

    @property
    def _roots(self) -> tuple[x509.Certificate, ...]:
        return self.around.tsa_roots if self.is_stamp else self.around.roots

    async def check(self, checks: Checks, status: SignatureStatus) -> None:
        """Check chain and revocation."""
        if not status.valid or not status.intact:
            checks.rest_unchecked(("chain", "revocation"))
        elif not self._roots:
            checks.unchecked(
                "chain",
                "this node has no roots configured to judge it by",
                "本节点未配置用于核验证书链的根证书，证书由谁签发、是否可信均未核验",
            )
            checks.rest_unchecked(("revocation",))
        elif status.revocation_details is not None:
            checks.passed("chain", "it leads to a configured root", "证书链通达本节点配置的根证书")
            _tell_revoked(checks, status)
        elif status.trusted:
            await self._trusted(checks, status)
        else:
            await self._untrusted(checks, status)

    async def _trusted(self, checks: Checks, status: SignatureStatus) -> None:
        shown, root = shown_time(self.at), root_name(status)
        checks.passed(
            "chain",
            f"it leads to the configured root {root} and was valid at {shown}",
            f"证书链通达本节点配置的根证书（{root}），在 {shown} 处于有效期内",
        )
        # Lists are not looked at for a certificate that names none, unless they have to be.
        strict = await self._judged(self.at, strict=True)
        if strict.revocation_details is not None:
            _tell_revoked(checks, strict)
        elif strict.trusted:
            checks.passed(
                "revocation",
                "lists or answers that lie in the file show that it was not revoked",
                "文件所附的吊销列表或 OCSP 应答表明证书当时未被吊销",
            )
        else:
            checks.unchecked(
                "revocation",
                "the file brings nothing that shows it, and the check asks no one",
                "文件未附可用的吊销列表或 OCSP 应答；本核验不联网查询",
            )

    async def _untrusted(self, checks: Checks, status: SignatureStatus) -> None:
        claimed = None if self.is_stamp else self.signature.self_reported_timestamp
        if is_out_of_time(status) and not self.is_proven and claimed and claimed < self.at:
            earlier = await self._judged(claimed)
            if earlier.trusted:
                checks.unchecked(
                    "chain",
                    "the certificate has expired since; it was valid at the time that the signer "
                    "claims, which nothing proves",
                    "证书现已过期；在签署人自述的时间它处于有效期内，但该时间没有时间戳证明",
                )
                checks.rest_unchecked(("revocation",))
                return
        checks.failed("chain", *_why(status))
        checks.rest_unchecked(("revocation",))

    async def _judged(self, at: datetime, *, strict: bool = False) -> SignatureStatus:
        context = context_of(self._roots, self.around.material, at, strict=strict)
        if self.is_stamp:
            return await async_validate_pdf_timestamp(self.signature, context, skip_diff=True)
        return await async_validate_pdf_signature(
            self.signature, context, context, key_usage_settings=USAGES, skip_diff=True
        )


def _tell_revoked(checks: Checks, status: SignatureStatus) -> None:
    assert status.revocation_details is not None
    shown = shown_time(status.revocation_details.revocation_date)
    checks.failed(
        "revocation",
        f"a certificate of the chain was revoked on {shown}",
        f"证书链中有证书已于 {shown} 被吊销",
    )


def _why(status: SignatureStatus) -> tuple[str, str]:
    if is_out_of_time(status):
        return (
            "a certificate of the chain was not valid at that time",
            "证书链中有证书在该时间不在有效期内",
        )
    if status.trust_problem_indic == AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND:
        return (
            "it leads to none of the roots configured here: who vouches for the name in it is not "
            "known",
            "证书链不能通达本节点配置的任何根证书：证书中的名称由谁担保无从得知",
        )
    return (
        "the chain is not acceptable: a certificate in it may not be used for this",
        "证书链不符合要求：其中有证书不得用于此用途",
    )
