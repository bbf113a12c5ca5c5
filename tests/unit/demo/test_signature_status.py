from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders.sealed_contract import SealedContract
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from node.core.errors import InvalidInput, InvalidSignature
from node.demo.authority import DemoAuthority
from node.demo.documents import SignatureStatus, validate_sealed, verify_sealed

FIELDS = ["party_a", "party_b"]


def flip(pdf: bytes, position: int) -> bytes:
    return pdf[:position] + bytes([pdf[position] ^ 1]) + pdf[position + 1 :]


def statuses(pdf: bytes, contract: SealedContract) -> list[SignatureStatus]:
    return validate_sealed(pdf, [contract.authority.root], at=contract.authority.now)


def is_accepted(pdf: bytes, contract: SealedContract) -> bool:
    root, now = contract.authority.root, contract.authority.now
    try:
        verify_sealed(pdf, [root], fields=FIELDS, at=now)
    except InvalidInput:
        return False
    return True


def test_both_signatures_are_accepted_and_name_their_revision(contract: SealedContract) -> None:
    found = statuses(contract.second.pdf, contract)
    assert [status.field_name for status in found] == FIELDS
    for status, sealed, signer in zip(found, (contract.first, contract.second), contract.signers):
        assert status.accepted, status.problem
        assert status.intact
        assert status.valid
        assert status.trusted
        assert status.covers_revision
        assert status.later_changes_allowed
        assert status.revision_sha256 == sealed.after_sha256
        assert status.signature_sha256 == sealed.signature_sha256
        assert status.certificate_sha256 == signer.certificate_sha256
        assert status.signed_at == contract.authority.now.timestamp() * 1000
        assert "DEMONSTRATION ONLY" in status.signer


def test_file_with_one_signature_and_file_with_none(contract: SealedContract) -> None:
    (status,) = statuses(contract.first.pdf, contract)
    assert status.accepted
    assert status.revision_sha256 == contract.first.after_sha256
    assert statuses(contract.unsigned, contract) == []


def test_signatures_are_demanded_by_name_and_number(contract: SealedContract) -> None:
    assert is_accepted(contract.second.pdf, contract)
    assert not is_accepted(contract.first.pdf, contract)
    assert not is_accepted(contract.unsigned, contract)
    with pytest.raises(InvalidSignature, match=r"must bear the signatures \['party_b'\], bears"):
        verify_sealed(
            contract.second.pdf,
            [contract.authority.root],
            fields=["party_b"],
            at=contract.authority.now,
        )


@pytest.mark.parametrize("seed", range(30))
def test_no_changed_byte_in_the_signed_ranges_is_accepted(
    contract: SealedContract, seed: int
) -> None:
    start, first, second, rest = contract.second.byte_range
    # Half of them in the update: there every byte matters to how the file is read.
    lowest = start if seed % 2 else len(contract.first.pdf)
    position = random.Random(seed).choice([*range(lowest, first), *range(second, second + rest)])
    assert not is_accepted(flip(contract.second.pdf, position), contract)


def test_changed_page_is_found_by_both_signatures(contract: SealedContract) -> None:
    position = contract.unsigned.index(b"\nstream\n") + 100
    changed = flip(contract.second.pdf, position)
    for status in statuses(changed, contract):
        assert not status.intact
        assert status.problem == "the signed bytes have been changed"
        assert status.valid, "the signature itself is untouched"


def test_changed_signature_value_is_found(contract: SealedContract) -> None:
    pdf, (_, first, _, _) = contract.second.pdf, contract.second.byte_range
    last = first + 2 * len(contract.second.signature)  # the last hex digit of s
    digit = b"0" if pdf[last : last + 1] != b"0" else b"1"
    one, two = statuses(pdf[:last] + digit + pdf[last + 1 :], contract)
    assert one.accepted
    assert (two.intact, two.valid) == (True, False)
    assert two.problem == "the signature does not hold under the certificate's key"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"00>", b"01>"),  # behind the message, where padding belongs
        (b"0000>", b"00\n0>"),
        (b"<3082", b"<308\n"),
    ],
)
def test_nothing_may_hide_where_no_signature_covers(
    contract: SealedContract, old: bytes, new: bytes
) -> None:
    pdf, (_, first, second, _) = contract.second.pdf, contract.second.byte_range
    gap = pdf[first:second]
    assert old in gap
    assert not is_accepted(pdf[:first] + gap.replace(old, new) + pdf[second:], contract)


def test_hex_digits_in_mixed_case_are_refused(contract: SealedContract) -> None:
    """A file of other bytes, and so of another hash, with the same signature."""
    pdf, (_, first, _, _) = contract.second.pdf, contract.second.byte_range
    letter = next(i for i in range(first + 1, first + 500) if pdf[i] in b"ABCDEF")
    spelt = pdf[:letter] + pdf[letter : letter + 1].lower() + pdf[letter + 1 :]
    _, status = statuses(spelt, contract)
    assert status.problem == "something lies hidden beside the signature"


def test_root_of_somebody_else_is_not_trusted(contract: SealedContract, now: datetime) -> None:
    stranger = DemoAuthority.create(now)
    for status in validate_sealed(contract.second.pdf, [stranger.root], at=now):
        assert status.intact
        assert status.valid
        assert not status.trusted
        assert status.problem.startswith("the certificate is not trusted")
    for status in validate_sealed(contract.second.pdf, [], at=now):
        assert not status.trusted


@pytest.mark.parametrize("days", [-3, 400])
def test_certificates_are_judged_as_of_the_time_given(contract: SealedContract, days: int) -> None:
    at = contract.authority.now + timedelta(days=days)
    for status in validate_sealed(contract.second.pdf, [contract.authority.root], at=at):
        assert not status.trusted
        assert not status.accepted


def test_page_that_is_changed_by_an_update_is_found(contract: SealedContract) -> None:
    """The attack that hashing the signed range alone does not see: the bytes are all there."""
    writer = IncrementalPdfFileWriter(io.BytesIO(contract.second.pdf))
    text = generic.StreamObject(stream_data=b"q 1 0 0 rg 100 600 200 90 re f Q")
    writer.add_stream_to_page(0, writer.add_object(text))
    output = io.BytesIO()
    writer.write(output)
    assert output.getvalue().startswith(contract.second.pdf)
    for status in statuses(output.getvalue(), contract):
        assert status.intact
        assert not status.later_changes_allowed
        assert status.problem.startswith("a later change is not allowed")


def test_imprint_that_is_replaced_by_an_update_is_found(contract: SealedContract) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(contract.second.pdf))
    field = writer.root["/AcroForm"]["/Fields"][0].get_object()
    field["/AP"][pdf_name("/N")] = writer.root["/AcroForm"]["/Fields"][1]["/AP"].raw_get("/N")
    writer.update_container(field["/AP"])
    output = io.BytesIO()
    writer.write(output)
    assert not is_accepted(output.getvalue(), contract)


def test_signature_of_an_unknown_kind_is_not_passed_over(contract: SealedContract) -> None:
    pdf = contract.first.pdf.replace(b"/ETSI.CAdES.detached", b"/ETSI.CAdES.detachee")
    with pytest.raises(InvalidInput, match=r"of no known kind: \['party_a'\]"):
        statuses(pdf, contract)


@pytest.mark.parametrize("cut", [0, 5, 1000, 120_000, -1000, -700, -20])
def test_truncated_file_is_an_error_or_not_accepted(contract: SealedContract, cut: int) -> None:
    assert not is_accepted(contract.second.pdf[:cut], contract)


def test_garbage_is_an_error_that_names_the_file(contract: SealedContract) -> None:
    noise = random.Random(1).randbytes(5000)
    for data in (b"", b"x", noise, b"%PDF-1.7\n" + noise):
        with pytest.raises(InvalidInput, match=r"^pdf: cannot be validated"):
            statuses(data, contract)


def test_time_without_a_zone_is_refused(contract: SealedContract) -> None:
    with pytest.raises(InvalidInput, match="at: must have a time zone"):
        validate_sealed(contract.second.pdf, [], at=datetime(2026, 1, 1))


def test_problem_alone_decides() -> None:
    status = SignatureStatus("f", "s", "", True, True, True, True, True, None, "", "", "")
    assert status.accepted
    assert not dataclasses.replace(status, problem="x").accepted


@pytest.mark.skipif(
    not (shutil.which("pdfsig") and shutil.which("certutil")),
    reason="pdfsig (poppler-utils) or certutil (libnss3-tools) is missing",
)
def test_another_validator_agrees(contract: SealedContract, tmp_path: Path) -> None:
    pdf, root, store = tmp_path / "c.pdf", tmp_path / "root.pem", tmp_path / "nss"
    pdf.write_bytes(contract.second.pdf)
    contract.authority.write_root(root)
    store.mkdir()
    database = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*database, "-N", "--empty-password"], check=True)
    subprocess.run([*database, "-A", "-n", "r", "-t", "CT,CT,CT", "-i", str(root)], check=True)
    run = subprocess.run(
        ["pdfsig", "-nssdir", str(store), str(pdf)], capture_output=True, check=True
    )
    report = run.stdout.decode()
    assert report.count("Signature Validation: Signature is Valid.") == 2
    assert report.count("Total document signed") == 1
    assert hashlib.sha256(pdf.read_bytes()).hexdigest() == contract.second.after_sha256
