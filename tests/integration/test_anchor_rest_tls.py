"""REST services over TLS: whose certificates are believed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from builders.anchor_job import AnchorJob
from builders.judicial_service import SignedAnswers, serving
from builders.judicial_setup import point_of, rest_adapter
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chaincode_adapters.errors import Misconfigured, Unreachable


def self_signed(folder: Path, address: str) -> Path:
    """A certificate for an address, and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "court")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{address}.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def over_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def court(tmp_path: Path) -> Iterator[SignedAnswers]:
    service = SignedAnswers()
    with serving(service, over_tls(self_signed(tmp_path, "127.0.0.1"))):
        assert service.url.startswith("https://")
        yield service


def test_a_certificate_of_the_named_authority_is_believed(
    court: SignedAnswers, tmp_path: Path
) -> None:
    adapter = rest_adapter(court, tmp_path, ca="127.0.0.1.pem")
    receipt = AnchorJob(lambda: adapter, point_of()).run()
    assert list(court.records) == [receipt.external_tx]


def test_a_certificate_of_nobody_known_is_not(court: SignedAnswers, tmp_path: Path) -> None:
    adapter = rest_adapter(court, tmp_path)
    with pytest.raises(Unreachable, match="certificate verify failed"):
        adapter.send(point_of(), adapter.sign(point_of(), []))
    assert court.records == {}
    adapter.close()


def test_a_certificate_for_another_address_is_not(tmp_path: Path) -> None:
    service = SignedAnswers()
    with serving(service, over_tls(self_signed(tmp_path, "127.0.0.2"))):
        adapter = rest_adapter(service, tmp_path, ca="127.0.0.2.pem")
        with pytest.raises(Unreachable, match=r"certificate is not valid for '127\.0\.0\.1'"):
            adapter.send(point_of(), adapter.sign(point_of(), []))
        adapter.close()
    assert service.records == {}


def test_a_file_without_certificates_is_named(court: SignedAnswers, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    for name in ("empty.pem", "none.pem"):
        adapter = rest_adapter(court, tmp_path, ca=name)
        with pytest.raises(Misconfigured, match=rf"ca .*{name}: no certificates"):
            adapter.open()
