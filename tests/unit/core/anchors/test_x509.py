from __future__ import annotations

from typing import Any

import pytest
from builders.certificates import (
    TIME_STAMPING,
    Held,
    ca_extensions,
    issue,
    new_key,
    self_signed,
    tsa_extensions,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from node.core.anchors.der import BIT_STRING, SEQUENCE, Contents, decode_der, encode_der
from node.core.anchors.names import name_text
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof
from node.core.signatures import load_backend

ROOT = self_signed()
ECDSA_SHA256 = bytes.fromhex("2a8648ce3d040302")
ECDSA_SHA384 = bytes.fromhex("2a8648ce3d040303")
SIGNER = issue("TSA", ROOT, tsa_extensions(), serial=2**100)


def read(held: Held) -> Certificate:
    return decode_certificate(held.der, "cert")


def test_what_is_read_is_what_was_written() -> None:
    found, written = read(SIGNER), SIGNER.certificate
    assert found.serial == 2**100
    assert found.subject == written.subject.public_bytes()
    assert found.issuer == written.issuer.public_bytes()
    assert found.not_before == written.not_valid_before_utc.timestamp() * 1000
    assert found.not_after == written.not_valid_after_utc.timestamp() * 1000
    assert found.key_usage == {"digitalSignature"}
    assert found.purposes == (TIME_STAMPING.dotted_string,)
    assert found.purposes_critical
    assert not found.extensions.is_authority
    assert read(ROOT).key_usage == {"keyCertSign", "cRLSign"}
    assert read(ROOT).extensions.is_authority
    assert read(ROOT).purposes is None


@pytest.mark.parametrize("length", [None, 0, 3])
def test_path_lengths(length: int | None) -> None:
    held = issue("CA", ROOT, ca_extensions(length))
    assert read(held).extensions.path_length == length


def test_every_key_usage_is_named() -> None:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    wanted = (
        "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
        "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
    )  # fmt: skip
    for name, own in zip(names, wanted):
        given = {other: other == name for other in names}
        given["key_agreement"] |= name in ("encipher_only", "decipher_only")
        usage = x509.KeyUsage(**given)
        held = issue("U", ROOT, [(usage, True)])
        found = read(held).key_usage
        assert found is not None
        assert own in found
        assert found <= {own, "keyAgreement"}


@pytest.mark.parametrize(
    ("key", "digest", "pss"),
    [
        ("P-256", "sha256", False),
        ("P-384", "sha384", False),
        ("P-521", "sha512", False),
        ("RSA-2048", "sha256", False),
        ("RSA-2048", "sha512", True),
    ],
)
def test_signatures_of_issuers(key: str, digest: str, pss: bool) -> None:
    root = self_signed(key=new_key(key), digest=digest, pss=pss)
    held = issue("TSA", root, tsa_extensions(), digest=digest, pss=pss)
    other = self_signed(key=new_key(key, 1))
    for name in ("cryptography", "ecdsa"):
        backend = load_backend(name)
        read(held).verify_issued_by(read(root), backend)
        with pytest.raises(InvalidInput, match=r"cert\.signatureValue"):
            read(held).verify_issued_by(read(other), backend)


def test_a_weak_signature_is_not_checked() -> None:
    root = self_signed(key=new_key("RSA-2048"))
    held = issue("TSA", root, tsa_extensions(), digest="sha256")
    weak = held.der.replace(
        bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    )
    with pytest.raises(InvalidEncoding, match="with SHA-256"):
        decode_certificate(weak, "cert").verify_issued_by(read(root), load_backend())


def test_times_count_in_whole_seconds() -> None:
    found = read(issue("TSA", ROOT, tsa_extensions(), days=(1, 2)))
    for at in (found.not_before, found.not_after, found.not_after + 999):
        found.check_time(at)
    for at in (found.not_before - 1, found.not_after + 1000):
        with pytest.raises(InvalidProof, match="is not valid at"):
            found.check_time(at)


def test_critical_extensions_that_are_not_read_refuse() -> None:
    constraints = x509.NameConstraints([x509.DNSName("example.org")], None)
    held = issue("CA", ROOT, [*ca_extensions(), (constraints, True)])
    with pytest.raises(InvalidProof, match=r"2\.5\.29\.30"):
        read(held).check_extensions()
    harmless = issue(
        "CA",
        ROOT,
        [
            (x509.SubjectAlternativeName([x509.DNSName("a.example")]), True),
            (x509.SubjectKeyIdentifier(b"1234"), False),
        ],
    )
    read(harmless).check_extensions()


def test_purposes_need_not_be_critical_to_be_read() -> None:
    mixed = (TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)
    found = read(issue("TSA", ROOT, tsa_extensions(mixed, critical=False)))
    assert found.purposes == tuple(one.dotted_string for one in mixed)
    assert not found.purposes_critical


def changed(old: str, new: str, held: Held = SIGNER) -> bytes:
    data = held.der
    assert data.count(bytes.fromhex(old)) >= 1, data.hex()
    return data.replace(bytes.fromhex(old), bytes.fromhex(new))


@pytest.mark.parametrize(
    ("data", "place", "rule"),
    [
        (SIGNER.der + b"\x00", "cert", "follow"),
        (SIGNER.der[:-1], "cert", "cut off"),
        (bytes(20_000), "cert", "16384 bytes"),
        (changed("a003020102", "a003020101"), "cert.tbsCertificate.version", "version 3"),
        (changed("0101ff", "010100"), "cert.tbsCertificate.extensions", "default is left out"),
        (changed("0603551d25", "0603551d0f"), "cert.tbsCertificate.extensions", "twice"),
        (changed("03020780", "03020680"), "cert.tbsCertificate.extensions", "keyUsage"),
        (changed("03020780", "03020700"), "cert.tbsCertificate.extensions", "keyUsage"),
        (
            SIGNER.der.replace(ECDSA_SHA256, ECDSA_SHA384, 1),
            "cert.signatureAlgorithm",
            "differs",
        ),
    ],
)  # fmt: skip
def test_malformed_certificates_are_refused(data: bytes, place: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        decode_certificate(data, "cert")
    assert caught.value.place.startswith(place)
    assert rule in caught.value.rule


def test_no_changed_byte_is_read_as_the_same_certificate() -> None:
    """What is not signed is the signature and its algorithm: all else breaks the signature."""
    backend, root = load_backend(), read(ROOT)
    for place in range(len(SIGNER.der)):
        wrong = bytearray(SIGNER.der)
        wrong[place] ^= 1 << place % 8
        with pytest.raises(InvalidInput):
            decode_certificate(bytes(wrong), "cert").verify_issued_by(root, backend)


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ([("CN", "测试"), ("O", "A, B")], "O=A\\, B,CN=测试"),
        ([("CN", " x ")], "CN=\\ x\\ "),
        ([("CN", "a b\u202e\n")], "CN=a b\\E2\\80\\AE\\0A"),
        ([("CN", "#1")], "CN=\\#1"),
        ([("2.5.4.42", "Zhang")], "2.5.4.42=Zhang"),
    ],
)
def test_names_are_written_for_people(attributes: list[tuple[str, str]], wanted: str) -> None:
    oids: dict[str, Any] = {"CN": x509.NameOID.COMMON_NAME, "O": x509.NameOID.ORGANIZATION_NAME}
    name = x509.Name(
        x509.NameAttribute(oids.get(short) or x509.ObjectIdentifier(short), value)
        for short, value in attributes
    )
    assert name_text(name.public_bytes(), "name") == wanted


def test_names_of_other_types_are_shown_as_bytes_and_long_ones_cut() -> None:
    odd = bytes.fromhex("300d310b3009060355040a0402abcd")
    assert name_text(odd, "name") == "2.5.4.10=#0402abcd"
    wrong = bytes.fromhex("300c310a3008060355040a1301ff")
    with pytest.raises(InvalidEncoding, match="ascii"):
        name_text(wrong, "name")
    many = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60)] * 20)
    assert len(name_text(many.public_bytes(), "name")) == 501


def test_certificates_of_version_1_are_read_and_are_no_authorities() -> None:
    version, *others, _ = Contents(Contents(decode_der(ROOT.der, "c")).take("tbs")).rest()
    assert version.encoded.hex() == "a003020102"
    signed = encode_der(SEQUENCE, *(item.encoded for item in others))
    _, algorithm, _ = Contents(decode_der(ROOT.der, "c")).rest()
    signature = ROOT.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    data = encode_der(
        SEQUENCE, signed, algorithm.encoded, encode_der(BIT_STRING, b"\x00", signature)
    )
    found = decode_certificate(data, "old")
    found.verify_issued_by(read(ROOT), load_backend())
    assert found.subject == read(ROOT).subject
    assert not found.extensions.is_authority
