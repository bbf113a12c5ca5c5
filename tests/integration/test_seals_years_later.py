"""Seals as a court's expert finds them years later: their certificate has ended, and an AdES
validator (ETSI EN 319 102-1) is to say what it is worth. Lists (CRL) and responders (OCSP)."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509
from builders.ades import basic_verdict, lasting_verdict
from builders.certificates import pem_key
from builders.issuing import authority, make_seal
from builders.revocation import RevokingAuthority, days_since_begin, revoking_authority
from builders.sealed_pdfs import SPACE, LastingStatus, lasting_status, unsealed_pdf
from builders.time_stamping import openssl_tsa
from cryptography import x509 as certificates
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate, AdESPassed
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko_certvalidator import ValidationContext

from node.evidence.certificates.errors import SealingFailed
from node.evidence.certificates.keys import FileKey, SealChain
from node.evidence.certificates.sealing import OpenedSeal, SealSettings
from node.evidence.certificates.time_stamps import TsaSettings
from node.evidence.imprints.imprint import draw_imprint

YEAR = timedelta(days=365)
LISTS, RESPONDER = False, True


def now() -> datetime:
    """Asked when it is needed: what an authority says is of the moment at which it is asked."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def imprint() -> bytes:
    return draw_imprint("示例公证处出证专用章", "3701020000001").pdf


@dataclass(frozen=True)
class Institution:
    """A seal whose certificate ends after a year, and who says what is revoked."""

    authority: RevokingAuthority
    settings: SealSettings

    @property
    def root(self) -> bytes:
        return self.settings.chain.root

    def seal(self) -> bytes:
        return seal_with(self.settings)


def seal_with(settings: SealSettings) -> bytes:
    opened = OpenedSeal(settings)
    try:
        return opened.seal(unsealed_pdf(), SPACE, time.time_ns() // 1_000_000)
    finally:
        opened.close()


def settings_of(held: RevokingAuthority, folder: Path, url: str, imprint: bytes) -> SealSettings:
    key = folder / "seal.pem"
    key.touch(mode=0o600)
    key.write_bytes(pem_key(held.signer.key))
    chain = SealChain(held.signer.der, (held.issuing.der, held.root.der))
    tsa = TsaSettings(url, "Stamps", (held.root.der,))
    return SealSettings(chain, FileKey(str(key)), imprint, "r", tsa)


@contextmanager
def institution(
    folder: Path, imprint: bytes, *, by_ocsp: bool, tsa_years: int = 9
) -> Iterator[Institution]:
    ends = [days_since_begin(now() + years * YEAR) for years in (1, tsa_years)]
    with (
        revoking_authority(by_ocsp=by_ocsp, seal_days=ends[0], tsa_days=ends[1]) as held,
        openssl_tsa(folder, held.tsa) as url,
    ):
        yield Institution(held, settings_of(held, folder, url, imprint))


@pytest.fixture(scope="module", params=[LISTS, RESPONDER], ids=["lists", "responder"])
def either(
    request: pytest.FixtureRequest, imprint: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Institution]:
    folder = tmp_path_factory.mktemp("either")
    with institution(folder, imprint, by_ocsp=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def pdf(either: Institution) -> bytes:
    return either.seal()


@pytest.fixture(scope="module")
def answered(imprint: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Institution]:
    with institution(tmp_path_factory.mktemp("ocsp"), imprint, by_ocsp=RESPONDER) as made:
        yield made


@contextmanager
def later(authority: RevokingAuthority, by: timedelta) -> Iterator[datetime]:
    """So much later, for the authorities too; that moment."""
    authority.ahead = by
    try:
        yield now() + by
    finally:
        authority.ahead = timedelta()


def subjects(certs: list[x509.Certificate]) -> list[str]:
    return sorted(one.subject.native["common_name"] for one in certs)


# -- what the file holds ---------------------------------------------------------------------------


def test_validation_data_hold_each_chain_up_to_its_root_and_the_signature_does_not(
    either: Institution, pdf: bytes
) -> None:
    reader = PdfFileReader(io.BytesIO(pdf))
    signature = reader.embedded_regular_signatures[0]
    inside = [one.chosen for one in signature.signed_data["certificates"]]
    assert subjects(inside) == ["Issuing", "Seal"]
    stored = [x509.Certificate.load(one.get_object().data) for one in reader.root["/DSS"]["/Certs"]]
    assert {"Issuing", "Revoking root", "Seal", "Stamps"} <= set(subjects(stored))
    assert either.root in [one.dump() for one in stored]


# -- the verdict -----------------------------------------------------------------------------------


def test_today_it_passes_with_what_the_file_holds(either: Institution, pdf: bytes) -> None:
    verdict = lasting_verdict(pdf, either.root, at=now() + timedelta(minutes=1), online=False)
    assert verdict.ades_subindic == AdESPassed.OK, verdict.failure_msg


@pytest.mark.parametrize("years", [2, 5])
def test_years_after_the_seal_s_certificate_has_ended_it_passes(
    either: Institution, pdf: bytes, years: int
) -> None:
    with later(either.authority, years * YEAR) as then:
        assert then > either.authority.signer.certificate.not_valid_after_utc
        verdict = lasting_verdict(pdf, either.root, at=then, online=True)
    assert verdict.ades_subindic == AdESPassed.OK, verdict.failure_msg
    assert abs(verdict.best_signature_time - now()) < timedelta(minutes=5)
    assert verdict.oldest_evidence_record_timestamp is not None


def test_a_revocation_since_changes_nothing(either: Institution, pdf: bytes) -> None:
    held = either.authority
    held.revoked.add(held.signer.certificate.serial_number)
    try:
        with later(held, YEAR / 2) as then:
            verdict = lasting_verdict(pdf, either.root, at=then, online=True)
    finally:
        held.revoked.clear()
    assert verdict.ades_subindic == AdESPassed.OK, verdict.failure_msg


def test_the_validation_data_and_the_last_time_stamp_are_what_carries_it(
    either: Institution, pdf: bytes
) -> None:
    """The file as it was when only the seal and its own time-stamp were in it."""
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
    _, _, second, rest = signature.byte_range
    bare = pdf[: second + rest]
    with later(either.authority, 5 * YEAR) as then:
        verdict = lasting_verdict(bare, either.root, at=then, online=True)
    assert verdict.ades_subindic == AdESIndeterminate.NO_POE


def test_whether_the_time_stamp_authority_still_stands_is_not_in_the_file(
    either: Institution, pdf: bytes
) -> None:
    with later(either.authority, 5 * YEAR) as then:
        verdict = lasting_verdict(pdf, either.root, at=then, online=False)
    assert verdict.ades_subindic == AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE


def test_another_time_stamp_carries_it_past_the_end_of_the_first_authority_s_certificate(
    imprint: bytes, tmp_path: Path
) -> None:
    """Made while the first still stood, as whoever keeps the file has to."""
    more = tmp_path / "more"
    more.mkdir()
    with institution(tmp_path, imprint, by_ocsp=RESPONDER, tsa_years=2) as made:
        held, sealed = made.authority, made.seal()
        with openssl_tsa(more, held.other_tsa) as url:
            renewed = renew(sealed, made.root, url)
        with later(held, 5 * YEAR) as then:
            assert then > held.tsa.certificate.not_valid_after_utc
            old = lasting_verdict(sealed, made.root, at=then, online=True)
            new = lasting_verdict(renewed, made.root, at=then, online=True)
    assert old.ades_subindic == AdESIndeterminate.NO_POE
    assert new.ades_subindic == AdESPassed.OK, new.failure_msg


def renew(pdf: bytes, root: bytes, url: str) -> bytes:
    """The file with one more document time-stamp, and what validates the one before."""
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(root)], allow_fetching=True, revocation_mode="require"
    )
    reader = PdfFileReader(io.BytesIO(pdf))
    stamper = PdfTimeStamper(HTTPTimeStamper(url))
    renewed: io.BytesIO = stamper.update_archival_timestamp_chain(reader, context)
    return renewed.getvalue()


def test_where_nobody_publishes_revocation_it_is_valid_and_proves_nothing_of_the_past(
    imprint: bytes, tmp_path: Path
) -> None:
    seal = make_seal(tmp_path / "seal")
    with authority(tmp_path / "tsa") as (url, files):
        root = certificates.load_pem_x509_certificate(files.root.read_bytes())
        roots = (seal.chain.root, root.public_bytes(Encoding.DER))
        tsa = TsaSettings(url, "演示时间戳", roots[1:])
        made = seal_with(SealSettings(seal.chain, seal.key, imprint, "r", tsa))
    assert lasting_status(made, *roots, revocation="hard-fail") == LastingStatus("", "")
    assert basic_verdict(made, *roots, revocation="hard-fail") == AdESPassed.OK
    verdicts = [
        lasting_verdict(made, *roots, at=now() + by, online=True, revocation="hard-fail")
        for by in (timedelta(minutes=1), 5 * YEAR)
    ]
    assert verdicts[0].ades_subindic == AdESIndeterminate.NO_POE
    # Years later several things fail, and which of them pyHanko names is not always the same.
    assert verdicts[1].ades_subindic in (
        AdESIndeterminate.NO_POE,
        AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    )


# -- a responder -----------------------------------------------------------------------------------


def test_the_responder_s_answers_are_asked_once_and_stay_in_the_file(
    answered: Institution,
) -> None:
    asked = answered.authority.asked
    asked.clear()
    opened = OpenedSeal(answered.settings)
    try:
        for _ in range(2):
            sealed = opened.seal(unsealed_pdf(), SPACE, time.time_ns() // 1_000_000)
            store = PdfFileReader(io.BytesIO(sealed)).root["/DSS"]
            assert len(store["/OCSPs"]) == 3  # of the issuing authority, the seal, the time-stamps
            assert "/CRLs" not in store
    finally:
        opened.close()
    assert sorted(asked) == ["/issuing.ocsp", "/root.ocsp", "/root.ocsp"]
    status = lasting_status(sealed, answered.root, revocation="require")
    assert status == LastingStatus("", "")


@pytest.mark.parametrize("whose", ["signer", "issuing", "tsa"])
def test_what_the_responder_calls_revoked_does_not_seal(answered: Institution, whose: str) -> None:
    held = answered.authority
    held.revoked.add(getattr(held, whose).certificate.serial_number)
    try:
        with pytest.raises(SealingFailed):
            answered.seal()
    finally:
        held.revoked.clear()


def test_a_responder_without_an_answer_or_not_appointed_leaves_it_unsealed(
    answered: Institution,
) -> None:
    held = answered.authority
    held.silent = True
    try:
        with pytest.raises(SealingFailed):
            answered.seal()
    finally:
        held.silent = False
    appointed = held.responders["/issuing.ocsp"]
    held.responders["/issuing.ocsp"] = held.responders["/root.ocsp"]
    try:
        with pytest.raises(SealingFailed):
            answered.seal()
    finally:
        held.responders["/issuing.ocsp"] = appointed


def test_a_responder_that_cannot_be_reached_leaves_it_unsealed(
    imprint: bytes, tmp_path: Path
) -> None:
    with revoking_authority(by_ocsp=RESPONDER) as held:
        pass
    with openssl_tsa(tmp_path, held.tsa) as url, pytest.raises(SealingFailed):
        seal_with(settings_of(held, tmp_path, url, imprint))
