"""When the certificates of seal and authority are checked anew, and what does not pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import crl, ocsp
from asn1crypto import x509 as asn1
from builders.certificates import Held, issue, pem_key, tsa_extensions
from builders.issuing import make_seal
from builders.revocation import RevokingAuthority, revoking_authority
from builders.time_stamping import openssl_tsa
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as responses
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.path import ValidationPath

from node.evidence.certificates import seal_paths
from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.keys import FileKey, SealChain, open_signer
from node.evidence.certificates.seal_paths import CheckedPaths, PathChecker, names_revocation
from node.evidence.certificates.time_stamps import HttpTimeStamper, TsaSettings


@dataclass
class Bench:
    """A checker of a seal whose certificates name revocation lists, and its clock."""

    authority: RevokingAuthority
    url: str
    folder: Path
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def checker(self, seal: Held | None = None) -> tuple[PathChecker, HttpTimeStamper]:
        """For ``seal``, or that of the authority."""
        held = seal or self.authority.signer
        key = self.folder / "seal.pem"
        key.touch(mode=0o600)
        key.write_bytes(pem_key(held.key))
        root = self.authority.root.der
        chain = SealChain(held.der, (self.authority.issuing.der, root))
        stamper = HttpTimeStamper(TsaSettings(self.url, "Stamps", (root,)))
        signer = open_signer(FileKey(str(key)), chain)
        return PathChecker(signer, chain, stamper, (root,), now=lambda: self.at), stamper

    def fetched(self, check: Callable[[], object]) -> set[str]:
        """The lists that are fetched meanwhile."""
        self.authority.asked.clear()
        check()
        return set(self.authority.asked)


_BOTH = {"/issuing.crl", "/root.crl"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RevokingAuthority, str]]:
    folder = tmp_path_factory.mktemp("tsa")
    with revoking_authority() as authority, openssl_tsa(folder, authority.tsa) as url:
        yield authority, url


@pytest.fixture
def bench(served: tuple[RevokingAuthority, str], tmp_path: Path) -> Bench:
    return Bench(*served, tmp_path)


def run(checker: PathChecker) -> CheckedPaths:
    return asyncio.run(checker.check())


def names(checked: CheckedPaths) -> list[list[str]]:
    return [[one.subject.native["common_name"] for one in path] for path in checked.paths]


def test_what_was_checked_is_used_again(bench: Bench) -> None:
    checker, stamper = bench.checker()
    checked: list[CheckedPaths] = []
    assert bench.fetched(lambda: checked.append(run(checker))) == _BOTH
    assert bench.fetched(lambda: checked.append(run(checker))) == set()
    assert checked[0] is checked[1]
    assert names(checked[0]) == [["Revoking root", "Issuing", "Seal"], ["Revoking root", "Stamps"]]
    assert len(checked[0].crls) == 2
    stamper.close()


def test_after_a_while_all_of_it_is_checked_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker, stamper = bench.checker()
    run(checker)
    monkeypatch.setattr(seal_paths, "_SECONDS", 0)
    assert bench.fetched(lambda: run(checker)) == _BOTH
    stamper.close()


@pytest.mark.parametrize("later", [timedelta(days=7, minutes=1), timedelta(days=-3650)])
def test_what_is_not_valid_now_is_checked_anew_and_may_be_revoked_by_then(
    bench: Bench, later: timedelta
) -> None:
    checker, stamper = bench.checker()
    run(checker)
    bench.at += later  # the lists end after a week
    assert bench.fetched(lambda: run(checker)) == _BOTH
    bench.authority.revoked.add(bench.authority.signer.certificate.serial_number)
    try:
        for _ in range(2):  # the failure does not pass with being asked again
            with pytest.raises(SealingFailed, match="could not be validated"):
                run(checker)
    finally:
        bench.authority.revoked.clear()
    run(checker)
    stamper.close()


def test_another_certificate_of_the_authority_is_checked_before_it_is_relied_on(
    bench: Bench,
) -> None:
    checker, stamper = bench.checker()
    assert len(run(checker).paths) == 2
    listed = bench.authority.tsa.certificate.extensions.get_extension_for_class(
        x509.CRLDistributionPoints
    )
    extensions = [*tsa_extensions(), (listed.value, False)]
    other = issue("Other stamps", bench.authority.root, extensions)
    _add(stamper, other)
    fetched = bench.fetched(lambda: names(run(checker)))
    assert fetched == _BOTH
    assert sorted(names(run(checker)))[1:] == [
        ["Revoking root", "Other stamps"],
        ["Revoking root", "Stamps"],
    ]
    bench.authority.revoked.add(other.certificate.serial_number)
    bench.at += timedelta(days=8)
    try:
        with pytest.raises(SealingFailed, match="could not be validated"):
            run(checker)
    finally:
        bench.authority.revoked.clear()
    stamper.close()


def _add(stamper: HttpTimeStamper, held: Held) -> None:
    """As if a token of it had come."""
    certificate = asn1.Certificate.load(held.der)
    stamper.cert_registry.register(certificate)
    stamper._certs[certificate.issuer_serial] = certificate


def test_a_seal_that_is_over_or_of_another_root_does_not_pass(bench: Bench) -> None:
    extensions = [
        (one.value, one.critical) for one in bench.authority.signer.certificate.extensions
    ]
    over = issue("Over", bench.authority.issuing, extensions, days=(0, 30))
    early = issue("Early", bench.authority.issuing, extensions, days=(3000, 3650))
    foreign = issue("Foreign", None, extensions)
    for held in (over, early, foreign):
        checker, stamper = bench.checker(held)
        with pytest.raises(SealingFailed, match="could not be validated"):
            run(checker)
        stamper.close()


def path_of(authority: RevokingAuthority, leaf: Held) -> ValidationPath:
    root, issuing, last = (
        asn1.Certificate.load(one.der) for one in (authority.root, authority.issuing, leaf)
    )
    return ValidationPath(CertTrustAnchor(root), [issuing], last)


def answer(leaf: Held, issuer: Held, next_update: datetime | None) -> ocsp.OCSPResponse:
    """A responder's answer about ``leaf``."""
    builder = responses.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=issuer.certificate,
        algorithm=SHA256(),
        cert_status=responses.OCSPCertStatus.GOOD,
        this_update=datetime.now(UTC),
        next_update=next_update,
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(responses.OCSPResponderEncoding.HASH, issuer.certificate)
    made = builder.sign(issuer.key, SHA256())
    return ocsp.OCSPResponse.load(made.public_bytes(Encoding.DER))


def test_it_lasts_as_long_as_all_of_it(served: tuple[RevokingAuthority, str]) -> None:
    authority, _ = served
    now = datetime.now(UTC).replace(microsecond=0)
    leaf = issue("Leaf", authority.issuing, [], days=(10, 2000))
    paths = (path_of(authority, leaf),)
    begin = leaf.certificate.not_valid_before_utc
    assert CheckedPaths(paths, (), ()).interval() == (begin, leaf.certificate.not_valid_after_utc)
    content = authority.crl("/issuing.crl")
    assert content is not None
    lists = (crl.CertificateList.load(content),)
    listed = CheckedPaths(paths, (), lists).interval()
    assert now + timedelta(days=6) < listed[1] < now + timedelta(days=8)
    soon = now + timedelta(hours=1)
    told = tuple(answer(leaf, authority.issuing, one) for one in (None, soon))
    assert CheckedPaths(paths, told, lists).interval() == (begin, soon)
    assert CheckedPaths(paths, told[:1], lists).interval() == listed


def test_certificates_that_name_no_revocation_say_so(
    served: tuple[RevokingAuthority, str], tmp_path: Path
) -> None:
    seal = make_seal(tmp_path)
    assert not names_revocation((seal.chain.certificate, *seal.chain.above))
    assert names_revocation((seal.chain.certificate, served[0].signer.der))
