from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node.core.errors import InvalidInput
from node.demo.authority import DEMONSTRATION_MARK, DemoAuthority


@pytest.fixture(scope="module")
def authority(now: datetime) -> DemoAuthority:
    return DemoAuthority.create(now, seed=b"test")


def common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_chain_leads_from_signer_to_root(authority: DemoAuthority) -> None:
    signer = authority.issue_signer("南**")
    assert signer.chain == (authority.issuing, authority.root)
    signer.certificate.verify_directly_issued_by(authority.issuing)
    authority.issuing.verify_directly_issued_by(authority.root)
    authority.root.verify_directly_issued_by(authority.root)
    assert signer.certificate.public_key() == signer.key.public_key()


def test_every_subject_says_that_it_is_a_demonstration(authority: DemoAuthority) -> None:
    for name in ("南**", "东营演示科技有限公司"):
        signer = authority.issue_signer(name, "某某演示组织")
        for certificate in (signer.certificate, *signer.chain):
            units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
            assert [unit.value for unit in units] == [DEMONSTRATION_MARK]
            assert "演示" in common_name(certificate)
    assert common_name(authority.issue_signer("南**").certificate) == "南**（演示）"
    assert common_name(authority.issue_signer("演示公司").certificate) == "演示公司"


def test_organisation_and_its_code_stand_in_the_subject(authority: DemoAuthority) -> None:
    subject = authority.issue_signer(
        "某公司", "某公司", organisation_id="91370500MA0DEM0A77"
    ).certificate.subject
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "某公司"
    code = subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value
    assert code == "91370500MA0DEM0A77"
    person = authority.issue_signer("南**").certificate.subject
    assert not person.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert not person.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)


def test_only_authorities_sign_certificates_and_only_signers_sign_documents(
    authority: DemoAuthority,
) -> None:
    lengths = []
    for certificate in (authority.root, authority.issuing):
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert constraints.value.ca
        assert usage.critical
        assert usage.value.key_cert_sign
        assert not usage.value.content_commitment
        lengths.append(constraints.value.path_length)
    assert lengths == [1, 0]
    extensions = authority.issue_signer("南**").certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.value.content_commitment
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign


def test_keys_are_p256_and_new_each_time(authority: DemoAuthority, now: datetime) -> None:
    again = DemoAuthority.create(now, seed=b"test")
    keys = [authority.root.public_key(), again.root.public_key()]
    keys += [authority.issue_signer("南**").key.public_key() for _ in range(2)]
    numbers = set()
    for key in keys:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
        numbers.add(key.public_numbers())
    assert len(numbers) == 4


def test_seed_repeats_serial_numbers_and_nothing_repeats_without_one(now: datetime) -> None:
    def serial_numbers(seed: bytes | None) -> list[int]:
        authority = DemoAuthority.create(now, seed=seed)
        signers = [authority.issue_signer("南**").certificate for _ in range(3)]
        return [item.serial_number for item in (authority.root, authority.issuing, *signers)]

    assert serial_numbers(b"a") == serial_numbers(b"a")
    unlike = [*serial_numbers(b"a"), *serial_numbers(b"b")]
    unlike += [*serial_numbers(None), *serial_numbers(None)]
    assert len(set(unlike)) == 20
    assert all(0 < number < 2**127 for number in unlike)


def test_serial_number_is_whole_bytes_of_hex(now: datetime) -> None:
    authority = DemoAuthority.create(now)
    for _ in range(40):  # one in sixteen starts with a half byte of zeros
        signer = authority.issue_signer("南**")
        assert len(signer.serial_number) % 2 == 0
        assert signer.serial_number == signer.serial_number.lower()
        assert int(signer.serial_number, 16) == signer.certificate.serial_number


def test_certificates_are_valid_at_the_time_given_and_not_for_ever() -> None:
    now = datetime(2026, 3, 2, 9, 2, 3, 999999, tzinfo=timezone(timedelta(hours=8)))
    authority = DemoAuthority.create(now)
    signer = authority.issue_signer("南**")
    start, end = signer.valid_from, signer.valid_to
    assert start < now.timestamp() * 1000 < end
    assert (end - start) // 86_400_000 == 366
    for certificate in signer.chain:
        assert certificate.not_valid_before_utc <= signer.certificate.not_valid_before_utc
        assert certificate.not_valid_after_utc > signer.certificate.not_valid_after_utc


def test_hash_and_serial_number_are_those_of_the_der(authority: DemoAuthority) -> None:
    signer = authority.issue_signer("南**")
    read = x509.load_der_x509_certificate(signer.certificate_der)
    assert read == signer.certificate
    assert signer.certificate_sha256 == read.fingerprint(read.signature_hash_algorithm).hex()  # type: ignore[arg-type]


def test_root_is_written_as_pem(authority: DemoAuthority, tmp_path: Path) -> None:
    authority.write_root(tmp_path / "root.pem")
    assert x509.load_pem_x509_certificate((tmp_path / "root.pem").read_bytes()) == authority.root


def test_private_keys_do_not_show_in_a_representation(authority: DemoAuthority) -> None:
    assert "key" not in repr(authority.issue_signer("南**"))
    assert "key" not in repr(authority)


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="now: must have a time zone"):
        DemoAuthority.create(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("name", "organisation", "place"),
    [
        ("", "某公司", "common_name"),
        ("某" * 18, "某公司", "common_name"),  # 54 bytes and 12 of the mark
        ("演示" * 11, "某公司", "common_name"),
        ("某公司", "某" * 65, "organisation"),
    ],
)
def test_names_beyond_the_limits_are_refused(
    authority: DemoAuthority, name: str, organisation: str, place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        authority.issue_signer(name, organisation)
    assert caught.value.place == place


def test_names_at_the_limits_are_accepted(authority: DemoAuthority) -> None:
    signer = authority.issue_signer("演示" * 10, "某" * 64)
    assert common_name(signer.certificate) == "演示" * 10
