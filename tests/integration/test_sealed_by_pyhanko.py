"""Certificates made and sealed here and now, by typst, pyHanko and `openssl ts`: both verifiers
keep up with what they write."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders.certificate_pdfs import Office, certificate_of, office, seal, seal_extensions
from builders.certificates import issue, new_key, self_signed
from builders.forged_certificates import genuine
from builders.javascript import JAVASCRIPT
from builders.pdf_revisions import append_revision
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from node.core.verify import NOT_CHECKED, PASSED
from node.core.verify_certificate import verify_certificate


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose keys were drawn just now."""
    logging.disable(logging.WARNING)  # pyHanko: that it may fetch nothing
    yield office(tmp_path_factory.mktemp("office"))
    logging.disable(logging.NOTSET)


def ends(pdf: bytes, made: Office) -> dict[str, str]:
    report = verify_certificate(pdf, made.trust)
    assert report.accepted, [step.text for step in report.steps]
    found = {step.label: step.status for step in report.steps}
    there = JAVASCRIPT.call("verify_certificate.js", "verifyCertificate", pdf, made.trust)
    assert {step["label"]: step["status"] for step in there["steps"]} == found
    return found


def test_what_is_made_anew_is_accepted(made: Office) -> None:
    for one in genuine(made):
        assert verify_certificate(one.pdf, made.trust).accepted, one.name


@pytest.mark.parametrize("kind", ["P-384", "P-521", "RSA-2048"])
def test_seals_of_other_keys_are_accepted(made: Office, kind: str) -> None:
    root = self_signed("Another root", days=(0, 3650))
    held = issue("公证处", root, seal_extensions(), key=new_key(kind), days=(0, 3650))
    other = replace(made, seal=held)
    assert ends(seal(certificate_of(other), other), other)["P3"] == PASSED


def test_a_certified_document_is_accepted(made: Office) -> None:
    pdf = seal(certificate_of(made), made, level="b-t", certify=True)
    assert ends(pdf, made)["P4"] == PASSED


def test_archival_time_stamps_may_be_renewed(made: Office) -> None:
    pdf = seal(certificate_of(made), made)
    context = ValidationContext(
        trust_roots=[_asn1(made.tsa.root)],
        other_certs=[_asn1(one) for one in made.tsa.above],
        allow_fetching=False,
    )
    out = io.BytesIO()
    PdfTimeStamper(made.stamper).update_archival_timestamp_chain(
        PdfFileReader(io.BytesIO(pdf)), context, in_place=False, output=out
    )
    found = ends(out.getvalue(), made)
    assert [found[label] for label in ("P4", "P5.1", "P5.2", "P5.3")] == [PASSED] * 4


def test_what_pyhanko_calls_untouched_is_accepted_and_what_it_warns_of_refused(
    made: Office,
) -> None:
    pdf = seal(certificate_of(made), made, level="b-b")
    changed = append_revision(pdf, {20: b"<< /Length 1 >>\nstream\nq\nendstream"})
    for data, untouched in ((pdf, True), (changed, False)):
        reader = PdfFileReader(io.BytesIO(data))
        context = ValidationContext(
            trust_roots=[_asn1(made.seal.root)],
            other_certs=[_asn1(one) for one in made.seal.above],
            allow_fetching=False,
        )
        status = validate_pdf_signature(reader.embedded_signatures[0], context)
        assert status.bottom_line is untouched
        assert verify_certificate(data, made.trust).accepted is untouched


def test_without_an_authority_the_time_is_a_claim(made: Office) -> None:
    assert ends(seal(certificate_of(made), made, level="b-b"), made)["P5"] == NOT_CHECKED


def test_an_office_of_another_folder_has_other_keys(made: Office, tmp_path: Path) -> None:
    other = office(tmp_path)
    pdf = seal(certificate_of(other), other, level="b-b")
    assert verify_certificate(pdf, other.trust).accepted
    assert not verify_certificate(pdf, made.trust).accepted


def _asn1(certificate: object) -> object:
    from asn1crypto import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))  # type: ignore[attr-defined]
