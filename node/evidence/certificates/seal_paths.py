"""The paths of the seal's and the authority's certificates, checked before anything is signed.

What a path needs is fetched, checked and then used again for a while; when a certificate or its
revocation data ends, or another certificate turns up, all of it is checked anew. What the
certificates name has to be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509
from pyhanko.sign.signers import Signer
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError
from pyhanko_certvalidator.path import ValidationPath

from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.keys import SealChain
from node.evidence.certificates.time_stamps import HttpTimeStamper

__all__ = ["CheckedPaths", "PathChecker", "names_revocation"]

_HASH = "sha256"
_SECONDS = 600
"""How long what was checked and fetched is used again."""


@dataclass(frozen=True)
class CheckedPaths:
    """What validates the seal and its time-stamps, as it goes into the document's store."""

    paths: tuple[ValidationPath, ...]
    ocsps: tuple[Any, ...]
    crls: tuple[Any, ...]

    def interval(self) -> tuple[datetime, datetime]:
        """From when until when all of it is valid."""
        certificates = [one for path in self.paths for one in path]
        ends = [one.not_valid_after for one in certificates]
        ends += [one for data in self.crls for one in _updates(data["tbs_cert_list"])]
        ends += [one for data in self.ocsps for one in _ocsp_updates(data)]
        return max(one.not_valid_before for one in certificates), min(ends)


@dataclass(frozen=True)
class _Kept:
    checked: CheckedPaths
    stamping: frozenset[bytes]
    """The authority's certificates that it is of."""
    interval: tuple[datetime, datetime]
    at: float


class PathChecker:
    """Checks the certificates of one opened seal and of its authority."""

    def __init__(
        self,
        signer: Signer,
        chain: SealChain,
        stamper: HttpTimeStamper,
        roots: Iterable[bytes],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``roots`` (DER) are the authority's; the seal's is the chain's topmost."""
        self._signer, self._stamper, self._now = signer, stamper, now
        self._roots = [x509.Certificate.load(one) for one in (chain.root, *roots)]
        self._above = [x509.Certificate.load(one) for one in chain.above]
        self._kept: _Kept | None = None

    async def check(self) -> CheckedPaths:
        """The paths of the seal and of all certificates that the authority has stamped with.

        Raises:
            SealingFailed: one of them does not hold now, or its revocation data cannot be had.
            TimeStampFailed: the authority, not asked before, does not give its certificate.
        """
        await self._stamper.async_dummy_response(_HASH)  # once: then its certificate is known
        stamping = self._stamper.stamping
        kept = self._kept
        if kept is None or kept.stamping != stamping or not self._is_good(kept):
            self._kept = None
            checked = await self._check()
            kept = self._kept = _Kept(checked, stamping, checked.interval(), time.monotonic())
        return kept.checked

    async def _check(self) -> CheckedPaths:
        context = ValidationContext(
            trust_roots=self._roots,
            other_certs=self._above,
            allow_fetching=self._names_revocation(),
            ocsps=[],
            crls=[],
            revocation_mode="hard-fail",  # what a certificate names has to be had
        )
        try:
            sealing = CertificateValidator(
                self._signer.signing_cert,
                intermediate_certs=self._signer.cert_registry,
                validation_context=context,
            )
            # No key usage is asked for: it is looked at when the node starts.
            paths = [await sealing.async_validate_usage(set())]  # type: ignore[no-untyped-call]
            stamping = self._stamper.validation_paths(context)  # type: ignore[no-untyped-call]
            paths += [path async for path in stamping]
        except (PathBuildingError, ValidationError) as error:
            raise SealingFailed(f"a certificate could not be validated: {error}") from error
        finally:
            await context.aclose()  # type: ignore[no-untyped-call]
        return CheckedPaths(tuple(paths), tuple(context.ocsps), tuple(context.crls))

    def _is_good(self, kept: _Kept) -> bool:
        begin, end = kept.interval
        return time.monotonic() - kept.at < _SECONDS and begin <= self._now() <= end

    def _names_revocation(self) -> bool:
        certificates = [self._signer.signing_cert, *self._above, *self._stamper.cert_registry]
        return any(map(_names, certificates))


def names_revocation(certificates: tuple[bytes, ...]) -> bool:
    """Whether one of these certificates (DER) names a CRL or an OCSP responder."""
    return any(_names(x509.Certificate.load(one)) for one in certificates)


def _names(certificate: x509.Certificate) -> bool:
    return bool(certificate.ocsp_urls or certificate.crl_distribution_points)


def _updates(holder: Any) -> Iterable[datetime]:
    """When revocation data is to be replaced, if it says so."""
    if holder["next_update"].native is not None:
        yield holder["next_update"].native


def _ocsp_updates(response: Any) -> Iterable[datetime]:
    for single in response.basic_ocsp_response["tbs_response_data"]["responses"]:
        yield from _updates(single)
