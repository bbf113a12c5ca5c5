"""What an AdES validator says of a sealed PDF (ETSI EN 319 102-1), now and in years to come."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, tzinfo
from unittest.mock import patch

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.ades import (
    AdESLTAValidationResult,
    ades_basic_validation,
    ades_lta_validation,
)
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

__all__ = ["basic_verdict", "lasting_verdict"]

# pyHanko slides back from the machine's clock, whatever moment of validation it is told.
_CLOCKS = (
    "pyhanko.sign.validation.ades",
    "pyhanko_certvalidator.context",
    "pyhanko_certvalidator.ltv.ades_past",
    "pyhanko_certvalidator.ltv.poe",
    "pyhanko_certvalidator.ltv.types",
)


def lasting_verdict(
    pdf: bytes, *roots: bytes, at: datetime, online: bool, revocation: str = "require"
) -> AdESLTAValidationResult:
    """Validate the seal as a signature with long-term validation data (§5.6.3) on a machine whose
    clock shows ``at``; ``online`` it asks the authorities for what is valid at that moment."""
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
    spec = PdfSignatureValidationSpec(_spec(roots, online, revocation))
    with _clock_at(at):
        return asyncio.run(ades_lta_validation(signature, spec))


def basic_verdict(pdf: bytes, *roots: bytes, revocation: str) -> object:
    """The sub-indication of the validation of basic signatures (§5.3), now and offline."""
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
    done = ades_basic_validation(
        signature.signed_data,
        _spec(roots, False, revocation),
        raw_digest=signature.compute_digest(),
    )
    return asyncio.run(done).ades_subindic


def _spec(roots: tuple[bytes, ...], online: bool, revocation: str) -> SignatureValidationSpec:
    trusted = SimpleTrustManager.build([x509.Certificate.load(root) for root in roots])
    checking = RevocationCheckingPolicy.from_legacy(revocation)
    rules = RevinfoOnlineFetchingRule
    return SignatureValidationSpec(
        CertValidationPolicySpec(trusted, CertRevTrustPolicy(checking)),
        RevocationInfoGatheringSpec(rules.NO_HISTORICAL_FETCH if online else rules.LOCAL_ONLY),
        key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"}),
    )


@contextmanager
def _clock_at(moment: datetime) -> Iterator[None]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return moment.astimezone(tz)

    with ExitStack() as patches:
        for module in _CLOCKS:
            patches.enter_context(patch(f"{module}.datetime", Clock))
        yield
