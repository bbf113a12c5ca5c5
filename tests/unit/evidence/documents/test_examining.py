"""node.evidence.documents: signatures of every level, and files made to deceive."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from mmap import ACCESS_READ

import pytest
from builders.hostile_pdfs import Hostile, deceptions, no_pdfs
from builders.sealed_contract import NOW, SealedContract, sealed_contract
from builders.signed_pdfs import STAMPED, Signatories, milliseconds, plain_pdf, update, writer_of
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import MDPPerm

from node.evidence.documents.examining import examine
from node.evidence.documents.findings import DocumentFindings, SignatureFinding
from node.evidence.documents.mapped_file import MappedFile
from node.evidence.documents.settings import DocumentSettings

PEOPLE = Signatories()
DECEPTIONS = list(deceptions(PEOPLE))
NO_PDFS = list(no_pdfs())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    running = asyncio.new_event_loop()
    yield running
    running.close()


@pytest.fixture(scope="module")
def contract() -> SealedContract:
    return sealed_contract()


@pytest.fixture(scope="module")
def long_term() -> bytes:
    return PEOPLE.sign(plain_pdf(), long_term=True)


def examined(
    pdf: bytes, settings: DocumentSettings, loop: asyncio.AbstractEventLoop
) -> DocumentFindings:
    """As the process of its own does it: from a file that is mapped, unless it is empty."""
    if not pdf:
        return examine(pdf, settings, loop)
    with tempfile.TemporaryFile() as file:
        file.write(pdf)
        file.flush()
        with MappedFile(file.fileno(), 0, access=ACCESS_READ) as mapped:
            return examine(mapped, settings, loop)


def statuses(signature: SignatureFinding) -> dict[str, str]:
    return {check.id: check.status for check in signature.checks}


def failed(findings: DocumentFindings) -> set[str]:
    return {
        name
        for signature in findings.signatures
        for name, status in statuses(signature).items()
        if status == "failed"
    }


@pytest.mark.parametrize("hostile", DECEPTIONS, ids=[one.name for one in DECEPTIONS])
def test_a_deception_does_not_pass(hostile: Hostile, loop: asyncio.AbstractEventLoop) -> None:
    found = examined(hostile.pdf, PEOPLE.settings(), loop)
    assert (found.outcome, found.verdict) == (hostile.outcome, hostile.verdict), hostile.what
    assert not hostile.failed or hostile.failed in failed(found), hostile.what


@pytest.mark.parametrize("hostile", NO_PDFS, ids=[one.name for one in NO_PDFS])
def test_what_is_no_pdf_is_said(hostile: Hostile, loop: asyncio.AbstractEventLoop) -> None:
    found = examined(hostile.pdf, PEOPLE.settings(), loop)
    assert (found.outcome, found.verdict) == (hostile.outcome, hostile.verdict)
    assert not found.signatures
    assert found.text
    assert found.text_zh


def test_a_removed_signature_leaves_a_notice(loop: asyncio.AbstractEventLoop) -> None:
    (removed,) = (one for one in DECEPTIONS if one.name == "signature-removed")
    found = examined(removed.pdf, PEOPLE.settings(), loop)
    assert found.verdict == "none"
    assert "removed or hidden" in found.notices[0].text


def test_a_contract_that_two_parties_sealed(
    contract: SealedContract, loop: asyncio.AbstractEventLoop
) -> None:
    root = contract.authority.root.public_bytes(Encoding.DER)
    found = examined(
        contract.second.pdf, DocumentSettings(now=milliseconds(NOW) + 1, roots=(root,)), loop
    )
    first, second = found.signatures
    assert (first.coverage, first.changes) == ("revision", "form")
    assert (second.coverage, second.changes) == ("file", "none")
    for signature, sealed, signer in zip(
        found.signatures, (contract.first, contract.second), contract.signers
    ):
        assert signature.revision is not None
        assert signature.revision.sha256 == sealed.after_sha256
        assert signature.signature_sha256 == sealed.signature_sha256
        assert signature.certificate is not None
        assert signature.certificate.sha256 == signer.certificate_sha256
        assert signature.certificate.serial_number == signer.serial_number
        assert signature.claimed_at == milliseconds(NOW)
        made = statuses(signature)
        assert {name for name, status in made.items() if status != "passed"} == {
            "time",
            "revocation",
        }
    assert found.verdict == "incomplete"
    before = {one.sha256 for one in found.revisions}
    assert {contract.first.before_sha256, contract.second.before_sha256} <= before


def test_without_roots_nothing_is_trusted_and_nothing_passes(
    long_term: bytes, loop: asyncio.AbstractEventLoop
) -> None:
    found = examined(long_term, PEOPLE.settings(roots=(), tsa_roots=()), loop)
    assert found.verdict == "incomplete"
    for signature in found.signatures:
        assert statuses(signature)["chain"] == "not checked"
        assert statuses(signature)["integrity"] == "passed"


def test_all_of_a_long_term_signature_passes(
    long_term: bytes, loop: asyncio.AbstractEventLoop
) -> None:
    found = examined(long_term, PEOPLE.settings(), loop)
    assert found.verdict == "passed"
    signature, stamp = found.signatures
    assert (signature.kind, stamp.kind) == ("signature", "time_stamp")
    assert set(statuses(signature).values()) == set(statuses(stamp).values()) == {"passed"}
    assert signature.stamped_at == stamp.stamped_at == milliseconds(STAMPED)
    assert signature.stamp_authority == "时间戳机构"
    assert (signature.changes, signature.long_term) == ("long_term", True)


def test_a_certificate_may_have_expired_after_the_time_stamp(
    loop: asyncio.AbstractEventLoop,
) -> None:
    people = Signatories(days=(0, 20))
    later = STAMPED + timedelta(days=100)
    stamped = examined(people.sign(plain_pdf(), stamped=True), people.settings(later), loop)
    assert statuses(stamped.signatures[0])["chain"] == "passed"
    alone = examined(people.sign(plain_pdf()), people.settings(later), loop)
    assert statuses(alone.signatures[0])["chain"] == "failed"


def test_an_expired_certificate_with_a_claimed_time_alone_is_not_checked(
    contract: SealedContract, loop: asyncio.AbstractEventLoop
) -> None:
    root = contract.authority.root.public_bytes(Encoding.DER)
    now = milliseconds(NOW + timedelta(days=500))
    found = examined(contract.first.pdf, DocumentSettings(now=now, roots=(root,)), loop)
    assert statuses(found.signatures[0])["chain"] == "not checked"
    assert "claims" in {c.id: c.text for c in found.signatures[0].checks}["chain"]


def test_what_a_certifying_signature_permits(loop: asyncio.AbstractEventLoop) -> None:
    certified = PEOPLE.sign(plain_pdf(), permits=MDPPerm.FILL_FORMS)
    writer = writer_of(certified)
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.pdf_string("after")
    writer.update_container(field)
    found = examined(update(writer), PEOPLE.settings(), loop)
    assert found.signatures[0].permits == "form"
    assert found.signatures[0].changes == "form"
    assert statuses(found.signatures[0])["later"] == "passed"


def test_a_time_stamp_alone_is_no_signature(loop: asyncio.AbstractEventLoop) -> None:
    from pyhanko.sign.signers import PdfTimeStamper

    stamped = PdfTimeStamper(PEOPLE.stamper()).timestamp_pdf(writer_of(plain_pdf()), "sha256")
    found = examined(stamped.getvalue(), PEOPLE.settings(), loop)
    assert found.verdict == "none"
    assert [one.kind for one in found.signatures] == ["time_stamp"]


def test_names_of_a_certificate_cannot_play_tricks(loop: asyncio.AbstractEventLoop) -> None:
    people = Signatories(name="张三\u202e@11010519491231002X\u200b")
    found = examined(people.sign(plain_pdf()), people.settings(), loop)
    assert found.signatures[0].certificate is not None
    assert found.signatures[0].certificate.name == "张三[U+202E]@******[U+200B]"
