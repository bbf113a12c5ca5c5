from __future__ import annotations

import json

import pytest
from builders.certificate_corpus import CORPUS, TRUST, Recorded, recorded
from builders.pdf_revisions import append_revision, newest, object_text

from node.core.errors import InvalidInput
from node.core.pdf.certificate_file import read_certificate
from node.core.signatures import Backend, load_backend
from node.core.trust import decode_trust
from node.core.verify import FAILED, NOT_CHECKED, PASSED, STEPS
from node.core.verify_certificate import (
    DOCUMENT_STEPS,
    CertificateReport,
    is_pdf,
    verify_certificate,
)


def ends(report: CertificateReport) -> dict[str, str]:
    return {step.label: step.status for step in report.all_steps}


def failed(report: CertificateReport) -> tuple[str, ...]:
    return tuple(step.id for step in report.all_steps if step.status == FAILED and not step.part)


@pytest.fixture(scope="module", params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


@pytest.mark.parametrize("one", CORPUS, ids=lambda one: one.name)
def test_each_certificate_ends_as_recorded(one: Recorded, backend: Backend) -> None:
    report = verify_certificate(one.pdf, TRUST, backend)
    assert ends(report) == one.ends, one.what
    assert failed(report) == one.fails
    assert report.accepted is (not one.fails) is one.name.startswith("good-")


@pytest.mark.parametrize("one", CORPUS, ids=lambda one: one.name)
def test_without_a_trust_file_the_attached_one_is_used_and_that_is_said(one: Recorded) -> None:
    report = verify_certificate(one.pdf)
    given = verify_certificate(one.pdf, TRUST)
    trust = report.steps[1]
    assert trust.id == "certificate.trust"
    assert trust.status == NOT_CHECKED
    if report.own_trust:
        assert "compare its fingerprint" in trust.text
        assert "指纹" in trust.text_zh
        attached = read_certificate(one.pdf).attachments["trust.json"]
        fingerprint = decode_trust(attached).fingerprint.hex()
        assert fingerprint in trust.details[0]
        assert report.bundle.trust_fingerprint == fingerprint
    if one.name != "another-chain":
        assert failed(report) == failed(given)


def test_a_certificate_of_another_chain_is_genuine_only_in_its_own_eyes() -> None:
    report = verify_certificate(recorded("another-chain").pdf)
    assert report.accepted
    assert report.own_trust
    assert not verify_certificate(recorded("another-chain").pdf, TRUST).accepted


def test_report_says_what_the_statement_says() -> None:
    pdf = recorded("good-b-lta").pdf
    report = verify_certificate(pdf, TRUST)
    assert report.certificate_no == "CZS20261123000001"
    assert report.code.startswith("CZ")
    assert report.issuer == "platform-a"
    assert not report.own_trust
    assert json.loads(report.attached)["format"] == "evidence-bundle/1"
    assert report.sha256 in report.steps[0].text
    assert len(report.bundle.steps) >= len(STEPS)
    assert [step.label for step in report.steps if not step.part] == [
        f"P{number}" for number in range(1, len(DOCUMENT_STEPS) + 1)
    ]


def test_of_what_cannot_be_read_no_step_of_the_bundle_is_checked() -> None:
    report = verify_certificate(b"%PDF-1.7\n", TRUST)
    assert not report.accepted
    assert [step.status for step in report.steps] == [FAILED] + [NOT_CHECKED] * 6
    assert {step.status for step in report.bundle.steps} == {NOT_CHECKED}
    assert "certificate.form" in report.bundle.steps[0].text
    assert report.attached == b""


def test_a_pdf_that_is_no_certificate_says_what_is_missing() -> None:
    pdf = recorded("good-unsealed").pdf
    catalog = newest(pdf).trailer["Root"].number
    text = object_text(pdf, catalog)
    bare = text.replace(b"/Names", b"/Nmaes").replace(b"/AF", b"/FA")
    report = verify_certificate(append_revision(pdf, {catalog: bare}), TRUST)
    assert failed(report) == ("certificate.form",)
    assert "was changed, and is not sealed" in report.steps[0].text


def test_without_roots_for_seals_the_certificate_is_named_and_not_believed() -> None:
    trust = json.loads(TRUST)
    del trust["signer_roots"]
    report = verify_certificate(recorded("good-b-lta").pdf, json.dumps(trust).encode())
    signer = next(step for step in report.steps if step.id == "certificate.signer")
    assert signer.status == NOT_CHECKED
    assert "CN=南京市公证处" in signer.details[0]
    assert report.accepted


def test_without_roots_of_authorities_times_are_claims() -> None:
    trust = {**json.loads(TRUST), "tsa_roots": []}
    report = verify_certificate(recorded("good-b-lta").pdf, json.dumps(trust).encode())
    by_label = {step.label: step for step in report.steps}
    assert [by_label[label].status for label in ("P5", "P5.1", "P5.2")] == [NOT_CHECKED] * 3
    assert by_label["P6"].status == PASSED
    assert "the issuer's claim" in by_label["P6"].text
    assert "出证机构自称" in by_label["P6"].text_zh


def test_a_trust_file_that_is_none_is_an_error_and_no_verdict() -> None:
    with pytest.raises(InvalidInput):
        verify_certificate(recorded("good-b-b").pdf, b"{}")
    trust = {**json.loads(TRUST), "signer_roots": ["MAA="]}
    with pytest.raises(InvalidInput, match=r"signer_roots\[0\]"):
        verify_certificate(recorded("good-b-b").pdf, json.dumps(trust).encode())


def test_a_file_cut_off_anywhere_is_refused_and_does_no_harm() -> None:
    pdf = recorded("good-b-lta").pdf
    ended = [verify_certificate(pdf[:cut], TRUST) for cut in range(0, len(pdf), 997)]
    assert not any(report.accepted for report in ended)
    assert {failed(report) for report in ended} == {("certificate.form",)}


def test_the_revisions_that_end_within_a_file_are_told_apart() -> None:
    pdf = recorded("good-b-lta").pdf
    file = read_certificate(pdf).file
    ended = [ends(verify_certificate(pdf[: one.end], TRUST)) for one in file.revisions]
    assert [one["P3"] for one in ended] == [FAILED, PASSED, PASSED, PASSED]
    assert [one.get("P5.2") for one in ended] == [None, None, PASSED, PASSED]


def test_every_step_is_told_in_chinese_too() -> None:
    for one in CORPUS:
        for step in verify_certificate(one.pdf, TRUST).steps:
            assert step.title_zh
            assert step.text_zh
            if step.status == NOT_CHECKED:
                assert not step.text_zh.isascii()


def test_what_wants_to_be_a_pdf() -> None:
    assert is_pdf(b"%PDF-9")
    assert not is_pdf(b'{"format": "evidence-bundle/1"}')
    assert not is_pdf(b"")
